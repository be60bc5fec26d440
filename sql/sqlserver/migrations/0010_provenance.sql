-- What the graph is built from: rows as they are now, whatever an event said.

CREATE PROCEDURE dbo.usp_graph_atoms @tenant_id int, @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId, LOWER(CONVERT(char(64), a.ContentHash, 2)) AS atomHash, a.Modality AS modality,
        a.Subtype AS subtype, a.ContentType AS contentType, a.IngestHour AS ingestHour, a.CreatedAt AS createdAt,
        (SELECT MIN(sa.SourceId) FROM dbo.SourceAtom AS sa INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
         WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized') AS firstSourceId
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j) AND a.TenantId = @tenant_id
        AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
    ORDER BY a.AtomId;
END;
GO
-- One row per pair of atom and source.
CREATE PROCEDURE dbo.usp_graph_occurrences @tenant_id int, @atom_ids nvarchar(max), @source_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT sa.AtomId AS atomId, sa.SourceId AS sourceId, MIN(sa.Ordinal) AS firstOrdinal, COUNT_BIG(*) AS count
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
    WHERE sa.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j) AND s.TenantId = @tenant_id
        AND s.Status = 'Atomized' AND (@source_id IS NULL OR s.SourceId = @source_id)
    GROUP BY sa.AtomId, sa.SourceId;
END;
GO
CREATE PROCEDURE dbo.usp_graph_sources @tenant_id int, @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceId AS sourceId, s.SourceUri AS sourceUri, s.Version AS version, s.ContentType AS contentType,
        LOWER(CONVERT(char(64), s.ContentHash, 2)) AS contentHash, s.ByteLength AS byteLength,
        s.ReceivedAt AS receivedAt, s.IngestHour AS ingestHour, s.SupersededBy AS supersededBy
    FROM dbo.Source AS s
    WHERE s.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND s.TenantId = @tenant_id
        AND s.Status = 'Atomized';
END;
GO
-- A version that was given up takes its place, too, but is not in the graph.
CREATE PROCEDURE dbo.usp_graph_superseded @tenant_id int, @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT o.SourceId AS sourceId, o.SupersededBy AS supersededBy, n.ReceivedAt AS receivedAt
    FROM dbo.Source AS o
    INNER JOIN dbo.Source AS n ON n.SourceId = o.SupersededBy
    WHERE o.SupersededBy IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND o.TenantId = @tenant_id
        AND n.Status = 'Atomized'
    UNION
    SELECT o.SourceId, o.SupersededBy, n.ReceivedAt
    FROM dbo.Source AS o
    INNER JOIN dbo.Source AS n ON n.SourceId = o.SupersededBy
    WHERE o.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND o.TenantId = @tenant_id
        AND n.Status = 'Atomized';
END;
GO
CREATE PROCEDURE dbo.usp_graph_embeddings @tenant_id int, @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT e.AtomId AS atomId, e.RunId AS runId, m.ModelId AS modelId, m.Name AS name, m.Precision AS precision,
        m.ArtifactHash AS artifactHash, m.Dimension AS dimension, e.CreatedAt AS createdAt,
        p.ProjectionModelId AS projectionModelId, p.Method AS projectionMethod, p.ArtifactHash AS projectionHash,
        p.CreatedAt AS projectionCreatedAt
    FROM dbo.AtomEmbedding AS e
    INNER JOIN dbo.EmbeddingModel AS m ON m.ModelId = e.ModelId
    LEFT JOIN dbo.ProjectionModel AS p ON p.ProjectionModelId = e.ProjectionModelId
    WHERE e.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j) AND e.TenantId = @tenant_id;
END;
GO
CREATE PROCEDURE dbo.usp_graph_models @artifact_hashes nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId, m.Name AS name, m.Precision AS precision, m.ArtifactHash AS artifactHash, m.Dimension AS dimension
    FROM dbo.EmbeddingModel AS m
    WHERE m.ArtifactHash IN (SELECT CONVERT(varchar(64), j.value) FROM OPENJSON(@artifact_hashes) AS j);
END;
GO
-- Of an hour: the atoms, sources and inferences that the graph must hold, the pairs of those sources with their atoms, and what
-- those inferences used and produced. Each row counts with a number below 2^32, a bigint here (it is numeric by itself), so that a
-- sum of up to 2^31 rows is exact; hartonomous_resources/agreement.py has the same arithmetic.
CREATE PROCEDURE dbo.usp_hour_digests @tenant_id int, @hour char(16), @since datetime2(3), @until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    WITH atoms AS
    (
        SELECT CONVERT(bigint, SUBSTRING(a.ContentHash, 1, 4)) AS Digest
        FROM dbo.Atom AS a
        WHERE a.TenantId = @tenant_id AND a.IngestHour = @hour AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
            AND (EXISTS (SELECT 1 FROM dbo.SourceAtom AS sa INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
                         WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized')
                 OR EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId)
                 OR EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j WHERE j.AtomId = a.AtomId AND j.Status IN ('Completed', 'Failed', 'DeadLettered'))
                 OR EXISTS (SELECT 1 FROM dbo.InferenceAtom AS ia WHERE ia.TenantId = a.TenantId AND ia.AtomHash = a.ContentHash))
    ),
    sources AS
    (
        SELECT s.SourceId, (CONVERT(bigint, SUBSTRING(s.ContentHash, 1, 4)) * 31 + s.SourceId) % CONVERT(bigint, 4294967296) AS Digest
        FROM dbo.Source AS s
        WHERE s.TenantId = @tenant_id AND s.IngestHour = @hour AND s.Status = 'Atomized'
    ),
    edges AS
    (
        SELECT (CONVERT(bigint, SUBSTRING(a.ContentHash, 1, 4)) * 31 + sa.SourceId * 17 + MIN(sa.Ordinal) * 7 + COUNT_BIG(*))
            % CONVERT(bigint, 4294967296) AS Digest
        FROM sources AS s
        INNER JOIN dbo.SourceAtom AS sa ON sa.SourceId = s.SourceId
        INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
        WHERE a.Subtype IS NULL OR a.Subtype <> 'gap'
        GROUP BY sa.SourceId, sa.AtomId, a.ContentHash
    ),
    inferences AS
    (
        SELECT i.InferenceId, CONVERT(bigint, SUBSTRING(HASHBYTES('SHA2_256', i.InferenceId), 1, 4)) AS Digest
        FROM dbo.Inference AS i
        WHERE i.TenantId = @tenant_id AND i.CreatedAt >= @since AND i.CreatedAt < @until
    ),
    uses AS
    (
        SELECT (i.Digest * 31 + CONVERT(bigint, SUBSTRING(ia.AtomHash, 1, 4)) * 17 + MIN(ia.Ordinal) * 7
            + CASE WHEN ia.Role = 'output' THEN 1 ELSE 0 END) % CONVERT(bigint, 4294967296) AS Digest
        FROM inferences AS i
        INNER JOIN dbo.InferenceAtom AS ia ON ia.TenantId = @tenant_id AND ia.InferenceId = i.InferenceId
        INNER JOIN dbo.Atom AS a ON a.TenantId = ia.TenantId AND a.ContentHash = ia.AtomHash
        WHERE a.Subtype IS NULL OR a.Subtype <> 'gap'
        GROUP BY i.InferenceId, i.Digest, ia.Role, ia.AtomHash
    )
    SELECT (SELECT COUNT_BIG(*) FROM atoms) AS atomCount, (SELECT COALESCE(SUM(Digest), 0) FROM atoms) AS atomTotal,
        (SELECT COUNT_BIG(*) FROM sources) AS sourceCount, (SELECT COALESCE(SUM(Digest), 0) FROM sources) AS sourceTotal,
        (SELECT COUNT_BIG(*) FROM edges) AS edgeCount, (SELECT COALESCE(SUM(Digest), 0) FROM edges) AS edgeTotal,
        (SELECT COUNT_BIG(*) FROM inferences) AS inferenceCount, (SELECT COALESCE(SUM(Digest), 0) FROM inferences) AS inferenceTotal,
        (SELECT COUNT_BIG(*) FROM uses) AS useCount, (SELECT COALESCE(SUM(Digest), 0) FROM uses) AS useTotal;
END;
GO
CREATE PROCEDURE dbo.usp_hours_of_tenant @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.IngestHour AS hour FROM dbo.Source AS s WHERE s.TenantId = @tenant_id
    UNION
    SELECT a.IngestHour FROM dbo.Atom AS a WHERE a.TenantId = @tenant_id
    UNION
    SELECT STUFF(CONVERT(char(13), i.CreatedAt, 126), 11, 1, '-') + ':00' FROM dbo.Inference AS i WHERE i.TenantId = @tenant_id
    ORDER BY hour;
END;
GO
CREATE PROCEDURE dbo.usp_atomized_sources_of_hour @tenant_id int, @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceId AS sourceId FROM dbo.Source AS s
    WHERE s.TenantId = @tenant_id AND s.IngestHour = @hour AND s.Status = 'Atomized'
    ORDER BY s.SourceId;
END;
GO
-- The next occurrences in a source, whatever their numbers are.
CREATE PROCEDURE dbo.usp_source_atoms_after @source_id bigint, @role varchar(8), @ordinal bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) sa.AtomId AS atomId, sa.Role AS role, sa.Ordinal AS ordinal
    FROM dbo.SourceAtom AS sa
    WHERE sa.SourceId = @source_id AND (sa.Role > @role OR (sa.Role = @role AND sa.Ordinal > @ordinal))
    ORDER BY sa.Role, sa.Ordinal;
END;
GO
-- Atoms that no atomized source holds (inserted by hand): the events of their embedding brought them into the graph.
CREATE PROCEDURE dbo.usp_loose_atoms_of_hour @tenant_id int, @hour char(16), @after bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) a.AtomId AS atomId
    FROM dbo.Atom AS a
    WHERE a.TenantId = @tenant_id AND a.IngestHour = @hour AND a.AtomId > @after AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
        AND NOT EXISTS (SELECT 1 FROM dbo.SourceAtom AS sa INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
                        WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized')
        AND (EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId)
             OR EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j WHERE j.AtomId = a.AtomId AND j.Status IN ('Completed', 'Failed', 'DeadLettered'))
             OR EXISTS (SELECT 1 FROM dbo.InferenceAtom AS ia WHERE ia.TenantId = a.TenantId AND ia.AtomHash = a.ContentHash))
    ORDER BY a.AtomId;
END;
GO
CREATE PROCEDURE dbo.usp_inferences_between
    @tenant_id int, @since datetime2(3), @until datetime2(3), @after nvarchar(200), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) i.InferenceId AS inferenceId FROM dbo.Inference AS i
    WHERE i.TenantId = @tenant_id AND i.CreatedAt >= @since AND i.CreatedAt < @until AND i.InferenceId > @after
    ORDER BY i.InferenceId;
END;
GO
CREATE PROCEDURE dbo.usp_known_atoms @tenant_id int, @keys nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT LOWER(CONVERT(char(64), a.ContentHash, 2)) AS [key]
    FROM dbo.Atom AS a
    WHERE a.TenantId = @tenant_id AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
        AND a.ContentHash IN (SELECT CONVERT(binary(32), j.value, 2) FROM OPENJSON(@keys) AS j);
END;
GO
CREATE PROCEDURE dbo.usp_known_sources @tenant_id int, @keys nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT CONVERT(varchar(20), s.SourceId) AS [key]
    FROM dbo.Source AS s
    WHERE s.TenantId = @tenant_id AND s.Status = 'Atomized'
        AND s.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@keys) AS j);
END;
GO
CREATE PROCEDURE dbo.usp_known_inferences @tenant_id int, @keys nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT i.InferenceId AS [key]
    FROM dbo.Inference AS i
    WHERE i.TenantId = @tenant_id
        AND i.InferenceId IN (SELECT CONVERT(nvarchar(200), j.value) COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@keys) AS j);
END;
GO
