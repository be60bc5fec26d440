-- What is asked of the graph by name.

-- Atoms of a source that stand in no other one that the graph holds. From the tables: an atom may stand in very many sources.
CREATE PROCEDURE dbo.usp_graph_atoms_only_here @tenant_id int, @number bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(DISTINCT sa.AtomId) AS n
    FROM dbo.Source AS s
    INNER JOIN dbo.SourceAtom AS sa ON sa.SourceId = s.SourceId
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    WHERE s.TenantId = @tenant_id AND s.SourceId = @number AND s.Status = 'Atomized' AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
        AND NOT EXISTS (SELECT 1 FROM dbo.SourceAtom AS o INNER JOIN dbo.Source AS t ON t.SourceId = o.SourceId
                        WHERE o.AtomId = sa.AtomId AND o.SourceId <> s.SourceId AND t.Status = 'Atomized')
    OPTION (LOOP JOIN);
END;
GO
-- Those of a source's atoms whose first source it is, of all or of a run's. The last one before it is most likely of the same run.
CREATE PROCEDURE dbo.usp_first_atoms_of_source @tenant_id int, @source_id bigint, @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT f.AtomId AS atomId, f.IsFirst AS isFirst, f.IsFirstOfRun AS isFirstOfRun
    FROM (SELECT n.AtomId,
              CONVERT(bit, CASE WHEN (SELECT TOP (1) sa.SourceId FROM dbo.SourceAtom AS sa INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
                                      WHERE sa.AtomId = n.AtomId AND s.Status = 'Atomized' ORDER BY sa.SourceId) = @source_id
                                THEN 1 ELSE 0 END) AS IsFirst,
              CONVERT(bit, CASE WHEN EXISTS (SELECT 1 FROM dbo.SourceRun AS r
                                             WHERE r.SourceId = @source_id
                                                 AND (SELECT TOP (1) sa.SourceId FROM dbo.SourceAtom AS sa
                                                      INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
                                                      INNER JOIN dbo.SourceRun AS e ON e.SourceId = sa.SourceId AND e.RunId = r.RunId
                                                      WHERE sa.AtomId = n.AtomId AND sa.SourceId < @source_id AND s.Status = 'Atomized'
                                                      ORDER BY sa.SourceId DESC) IS NULL)
                                THEN 1 ELSE 0 END) AS IsFirstOfRun
          FROM (SELECT CONVERT(bigint, j.value) AS AtomId FROM OPENJSON(@atom_ids) AS j) AS n) AS f
    WHERE (f.IsFirst = 1 OR f.IsFirstOfRun = 1)
        AND EXISTS (SELECT 1 FROM dbo.Source AS its WHERE its.SourceId = @source_id AND its.TenantId = @tenant_id)
    OPTION (LOOP JOIN);
END;
GO
-- The next sources that hold an atom.
CREATE PROCEDURE dbo.usp_sources_of_atom_after @tenant_id int, @atom_id bigint, @after bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT DISTINCT TOP (@n) sa.SourceId AS sourceId
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
    WHERE sa.AtomId = @atom_id AND sa.SourceId > @after AND s.TenantId = @tenant_id
    ORDER BY sa.SourceId
    OPTION (LOOP JOIN);
END;
GO
-- The next occurrences in a source, whatever their numbers are.
CREATE OR ALTER PROCEDURE dbo.usp_source_atoms_after @tenant_id int, @source_id bigint, @role varchar(8), @ordinal bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) sa.AtomId AS atomId, sa.Role AS role, sa.Ordinal AS ordinal
    FROM dbo.Source AS s
    INNER JOIN dbo.SourceAtom AS sa ON sa.SourceId = s.SourceId
    WHERE s.SourceId = @source_id AND s.TenantId = @tenant_id AND (sa.Role > @role OR (sa.Role = @role AND sa.Ordinal > @ordinal))
    ORDER BY sa.Role, sa.Ordinal;
END;
GO
-- A key that is no node's, or not of the kind that the label has, finds nothing.
CREATE PROCEDURE dbo.usp_graph_node_by_key @tenant_id int, @label varchar(16), @key nvarchar(500)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    IF @label = 'Atom'
        SELECT v.Number AS number, v.Since AS since FROM dbo.Atom AS a INNER JOIN dbo.GraphAtom AS v ON v.Number = a.AtomId
        WHERE a.TenantId = @tenant_id AND a.ContentHash = TRY_CONVERT(binary(32), @key, 2)
            AND LEN(@key) = 64 AND @key COLLATE Latin1_General_100_BIN2 NOT LIKE N'%[^0-9a-f]%';
    ELSE IF @label = 'Source'
        SELECT v.Number AS number, v.Since AS since FROM dbo.GraphSource AS v
        WHERE v.TenantId = @tenant_id AND v.Number = TRY_CONVERT(bigint, @key) AND v.[Key] = @key;
    ELSE IF @label = 'Tenant'
        SELECT v.Number AS number, v.Since AS since FROM dbo.GraphTenant AS v
        WHERE v.TenantId = @tenant_id AND v.Number = TRY_CONVERT(bigint, @key) AND v.[Key] = @key;
    ELSE IF @label = 'Run'
        SELECT v.Number AS number, v.Since AS since FROM dbo.GraphRun AS v WHERE v.TenantId = @tenant_id AND v.[Key] = @key;
    ELSE IF @label = 'Model'
        SELECT v.Number AS number, v.Since AS since FROM dbo.GraphModel AS v WHERE v.TenantId = @tenant_id AND v.[Key] = @key;
    ELSE
        SELECT v.Number AS number, v.Since AS since FROM dbo.GraphInference AS v WHERE v.TenantId = @tenant_id AND v.[Key] = @key;
END;
GO
-- The first keys of a label, in order, that begin with a prefix: of an atom's hash in hex, of a run's or an inference's id or a model's hash or name.
CREATE PROCEDURE dbo.usp_graph_keys_beginning @tenant_id int, @label varchar(16), @prefix nvarchar(500), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    IF @label = 'Atom'
        SELECT TOP (@n) v.Number AS number, v.[Key] AS [key] FROM dbo.Atom AS a INNER JOIN dbo.GraphAtom AS v ON v.Number = a.AtomId
        WHERE a.TenantId = @tenant_id AND LEN(@prefix) <= 64 AND @prefix COLLATE Latin1_General_100_BIN2 NOT LIKE N'%[^0-9a-f]%'
            AND a.ContentHash >= TRY_CONVERT(binary(32), LEFT(@prefix + REPLICATE(N'0', 64), 64), 2)
            AND a.ContentHash <= TRY_CONVERT(binary(32), LEFT(@prefix + REPLICATE(N'f', 64), 64), 2)
        ORDER BY a.ContentHash;
    ELSE IF @label = 'Run'
        SELECT TOP (@n) v.Number AS number, v.[Key] AS [key] FROM dbo.GraphRun AS v
        WHERE v.TenantId = @tenant_id AND v.[Key] >= @prefix AND v.[Key] < @prefix + NCHAR(65535)
        ORDER BY v.[Key];
    ELSE IF @label = 'Inference'
        SELECT TOP (@n) v.Number AS number, v.[Key] AS [key] FROM dbo.GraphInference AS v
        WHERE v.TenantId = @tenant_id AND v.[Key] >= @prefix AND v.[Key] < @prefix + NCHAR(65535)
        ORDER BY v.[Key];
    ELSE
        SELECT TOP (@n) v.Number AS number, v.[Key] AS [key] FROM dbo.GraphModel AS v
        WHERE @label = 'Model' AND v.TenantId = @tenant_id AND v.[Key] >= @prefix AND v.[Key] < @prefix + NCHAR(65535)
        ORDER BY v.[Key];
END;
GO
-- The next nodes of an hour, or of a label that has none, whose @hour is NULL.
CREATE PROCEDURE dbo.usp_graph_numbers_of_hour @tenant_id int, @label varchar(16), @hour char(16), @after bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    IF @label = 'Atom'
        SELECT TOP (@n) v.Number AS number FROM dbo.GraphAtom AS v
        WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour AND v.Number > @after ORDER BY v.Number;
    ELSE IF @label = 'Source'
        SELECT TOP (@n) v.Number AS number FROM dbo.GraphSource AS v
        WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour AND v.Number > @after ORDER BY v.Number;
    ELSE IF @label = 'Run'
        SELECT TOP (@n) v.Number AS number FROM dbo.GraphRun AS v
        WHERE v.TenantId = @tenant_id AND @hour IS NULL AND v.Number > @after ORDER BY v.Number;
    ELSE IF @label = 'Model'
        SELECT TOP (@n) v.Number AS number FROM dbo.GraphModel AS v
        WHERE v.TenantId = @tenant_id AND @hour IS NULL AND v.Number > @after ORDER BY v.Number;
    ELSE IF @label = 'Inference'
        SELECT TOP (@n) v.Number AS number FROM dbo.GraphInference AS v
        WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour AND v.Number > @after ORDER BY v.Number;
    ELSE
        SELECT TOP (@n) v.Number AS number FROM dbo.GraphTenant AS v
        WHERE @label = 'Tenant' AND v.TenantId = @tenant_id AND @hour IS NULL AND v.Number > @after ORDER BY v.Number;
END;
GO
-- By how many and by the sum of what digests them a copy is compared: of a tenant and hour, or of what has no hour, whose @hour is NULL.
CREATE PROCEDURE dbo.usp_graph_digests @tenant_id int, @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @found TABLE (Name varchar(64) NOT NULL, N bigint NOT NULL, Total bigint NULL);
    IF @hour IS NULL
    BEGIN
        INSERT INTO @found (Name, N, Total) SELECT 'GraphRun', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.GraphRun AS v WHERE v.TenantId = @tenant_id;
        INSERT INTO @found (Name, N, Total) SELECT 'GraphModel', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.GraphModel AS v WHERE v.TenantId = @tenant_id;
        INSERT INTO @found (Name, N, Total) SELECT 'GraphTenant', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.GraphTenant AS v WHERE v.TenantId = @tenant_id;
    END;
    ELSE
    BEGIN
        INSERT INTO @found (Name, N, Total) SELECT 'GraphAtom', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.GraphAtom AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'GraphSource', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.GraphSource AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'GraphInference', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.GraphInference AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Atom_INGESTED_FROM_Source', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Atom_INGESTED_FROM_Source AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Atom_DERIVED_FROM_Atom', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Atom_DERIVED_FROM_Atom AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Source_DERIVED_FROM_Source', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Source_DERIVED_FROM_Source AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Atom_GENERATED_BY_Run', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Atom_GENERATED_BY_Run AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Source_GENERATED_BY_Run', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Source_GENERATED_BY_Run AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Atom_GENERATED_BY_Inference', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Atom_GENERATED_BY_Inference AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Atom_EMBEDDED_BY_Model', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Atom_EMBEDDED_BY_Model AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Atom_PROJECTED_BY_Model', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Atom_PROJECTED_BY_Model AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Inference_USED_ATOM_Atom', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Inference_USED_ATOM_Atom AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Inference_PRODUCED_ATOM_Atom', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Inference_PRODUCED_ATOM_Atom AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Inference_USED_MODEL_Model', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Inference_USED_MODEL_Model AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Source_BELONGS_TO_Tenant', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Source_BELONGS_TO_Tenant AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
        INSERT INTO @found (Name, N, Total) SELECT 'Source_SUPERSEDES_Source', COUNT_BIG(*), SUM(v.Digest)
        FROM dbo.Source_SUPERSEDES_Source AS v WHERE v.TenantId = @tenant_id AND v.IngestHour = @hour;
    END;
    SELECT f.Name AS [view], f.N AS n, f.Total AS total FROM @found AS f WHERE f.N > 0;
END;
GO
-- What each view has of a tenant, or of all.
CREATE PROCEDURE dbo.usp_graph_counts @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @found TABLE (Name varchar(64) NOT NULL, N bigint NOT NULL);
    INSERT INTO @found (Name, N) SELECT 'GraphAtom', COUNT_BIG(*) FROM dbo.GraphAtom AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'GraphSource', COUNT_BIG(*) FROM dbo.GraphSource AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'GraphRun', COUNT_BIG(*) FROM dbo.GraphRun AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'GraphModel', COUNT_BIG(*) FROM dbo.GraphModel AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'GraphInference', COUNT_BIG(*) FROM dbo.GraphInference AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'GraphTenant', COUNT_BIG(*) FROM dbo.GraphTenant AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Atom_INGESTED_FROM_Source', COUNT_BIG(*) FROM dbo.Atom_INGESTED_FROM_Source AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Atom_DERIVED_FROM_Atom', COUNT_BIG(*) FROM dbo.Atom_DERIVED_FROM_Atom AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Source_DERIVED_FROM_Source', COUNT_BIG(*) FROM dbo.Source_DERIVED_FROM_Source AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Atom_GENERATED_BY_Run', COUNT_BIG(*) FROM dbo.Atom_GENERATED_BY_Run AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Source_GENERATED_BY_Run', COUNT_BIG(*) FROM dbo.Source_GENERATED_BY_Run AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Atom_GENERATED_BY_Inference', COUNT_BIG(*) FROM dbo.Atom_GENERATED_BY_Inference AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Atom_EMBEDDED_BY_Model', COUNT_BIG(*) FROM dbo.Atom_EMBEDDED_BY_Model AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Atom_PROJECTED_BY_Model', COUNT_BIG(*) FROM dbo.Atom_PROJECTED_BY_Model AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Inference_USED_ATOM_Atom', COUNT_BIG(*) FROM dbo.Inference_USED_ATOM_Atom AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Inference_PRODUCED_ATOM_Atom', COUNT_BIG(*) FROM dbo.Inference_PRODUCED_ATOM_Atom AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Inference_USED_MODEL_Model', COUNT_BIG(*) FROM dbo.Inference_USED_MODEL_Model AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Source_BELONGS_TO_Tenant', COUNT_BIG(*) FROM dbo.Source_BELONGS_TO_Tenant AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    INSERT INTO @found (Name, N) SELECT 'Source_SUPERSEDES_Source', COUNT_BIG(*) FROM dbo.Source_SUPERSEDES_Source AS v
    WHERE @tenant_id IS NULL OR v.TenantId = @tenant_id OPTION (RECOMPILE);
    SELECT f.Name AS [view], f.N AS n FROM @found AS f WHERE f.N > 0;
END;
GO
-- What each view that has an hour has of it, of all tenants.
CREATE PROCEDURE dbo.usp_graph_counts_of_hour @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @found TABLE (Name varchar(64) NOT NULL, N bigint NOT NULL);
    INSERT INTO @found (Name, N) SELECT 'GraphAtom', COUNT_BIG(*) FROM dbo.GraphAtom AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'GraphSource', COUNT_BIG(*) FROM dbo.GraphSource AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'GraphInference', COUNT_BIG(*) FROM dbo.GraphInference AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Atom_INGESTED_FROM_Source', COUNT_BIG(*) FROM dbo.Atom_INGESTED_FROM_Source AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Atom_DERIVED_FROM_Atom', COUNT_BIG(*) FROM dbo.Atom_DERIVED_FROM_Atom AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Source_DERIVED_FROM_Source', COUNT_BIG(*) FROM dbo.Source_DERIVED_FROM_Source AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Atom_GENERATED_BY_Run', COUNT_BIG(*) FROM dbo.Atom_GENERATED_BY_Run AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Source_GENERATED_BY_Run', COUNT_BIG(*) FROM dbo.Source_GENERATED_BY_Run AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Atom_GENERATED_BY_Inference', COUNT_BIG(*) FROM dbo.Atom_GENERATED_BY_Inference AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Atom_EMBEDDED_BY_Model', COUNT_BIG(*) FROM dbo.Atom_EMBEDDED_BY_Model AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Atom_PROJECTED_BY_Model', COUNT_BIG(*) FROM dbo.Atom_PROJECTED_BY_Model AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Inference_USED_ATOM_Atom', COUNT_BIG(*) FROM dbo.Inference_USED_ATOM_Atom AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Inference_PRODUCED_ATOM_Atom', COUNT_BIG(*) FROM dbo.Inference_PRODUCED_ATOM_Atom AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Inference_USED_MODEL_Model', COUNT_BIG(*) FROM dbo.Inference_USED_MODEL_Model AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Source_BELONGS_TO_Tenant', COUNT_BIG(*) FROM dbo.Source_BELONGS_TO_Tenant AS v
    WHERE v.IngestHour = @hour;
    INSERT INTO @found (Name, N) SELECT 'Source_SUPERSEDES_Source', COUNT_BIG(*) FROM dbo.Source_SUPERSEDES_Source AS v
    WHERE v.IngestHour = @hour;
    SELECT f.Name AS [view], f.N AS n FROM @found AS f WHERE f.N > 0;
END;
GO
