-- The rows that break an invariant, and those that somebody inserted by hand where no run would look.

CREATE PROCEDURE dbo.usp_broken_reference_counts @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) a.AtomId AS atomId, a.ReferenceCount AS referenceCount, c.Occurrences AS occurrences
    FROM dbo.Atom AS a
    CROSS APPLY (SELECT COUNT_BIG(*) AS Occurrences FROM dbo.SourceAtom AS sa WHERE sa.AtomId = a.AtomId) AS c
    WHERE (@hour IS NULL OR a.IngestHour = @hour) AND (@tenant_id IS NULL OR a.TenantId = @tenant_id)
        AND (a.ReferenceCount <> c.Occurrences
             OR (a.ReferenceCount = 0 AND a.InsertedByHand = 0
                 AND NOT EXISTS (SELECT 1 FROM dbo.Source AS s
                                 WHERE s.Status IN ('Landed', 'Atomizing') AND s.TenantId = a.TenantId)))
    OPTION (RECOMPILE);
END;
GO
-- A source of no bytes is covered by no atoms.
CREATE PROCEDURE dbo.usp_broken_coverage @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) s.SourceId AS sourceId, s.ByteLength AS byteLength, c.Covered AS covered
    FROM dbo.Source AS s
    CROSS APPLY (SELECT COALESCE(SUM(sa.ByteLength + COALESCE(DATALENGTH(sa.Suffix), 0)), 0) AS Covered FROM dbo.SourceAtom AS sa
                 WHERE sa.SourceId = s.SourceId AND sa.Role = 'content') AS c
    WHERE (@hour IS NULL OR s.IngestHour = @hour) AND (@tenant_id IS NULL OR s.TenantId = @tenant_id)
        AND s.Status = 'Atomized' AND c.Covered <> s.ByteLength
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_broken_tenancy @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) sa.SourceId AS sourceId, sa.AtomId AS atomId
    FROM dbo.Source AS s
    INNER JOIN dbo.SourceAtom AS sa ON sa.SourceId = s.SourceId
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    WHERE (@hour IS NULL OR s.IngestHour = @hour) AND (@tenant_id IS NULL OR s.TenantId = @tenant_id) AND s.TenantId <> a.TenantId
    OPTION (RECOMPILE);
END;
GO
-- Per active model; of a modality without one, modelId is NULL.
CREATE PROCEDURE dbo.usp_unexplained_missing_embeddings @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) a.AtomId AS atomId, a.Modality AS modality, m.ModelId AS modelId
    FROM dbo.AtomToEmbed AS a
    LEFT JOIN dbo.EmbeddingModel AS m ON m.Modality = a.Modality AND m.Active = 1
    WHERE (@hour IS NULL OR a.IngestHour = @hour) AND (@tenant_id IS NULL OR a.TenantId = @tenant_id)
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = m.ModelId)
        AND NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j
                        WHERE j.AtomId = a.AtomId AND (j.ModelId IS NULL OR j.ModelId = m.ModelId)
                            AND (j.Status <> 'Completed' OR j.Result LIKE N'skipped:%'))
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_broken_positions @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) e.AtomEmbeddingId AS atomEmbeddingId, e.X AS x, e.Y AS y, e.Z AS z, e.HilbertValue AS hilbertValue
    FROM dbo.AtomEmbedding AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND e.ProjectionModelId IS NOT NULL
        AND (e.X IS NULL OR e.Y IS NULL OR e.Z IS NULL OR e.HilbertValue IS NULL OR e.X NOT BETWEEN -1 AND 1
             OR e.Y NOT BETWEEN -1 AND 1 OR e.Z NOT BETWEEN -1 AND 1 OR e.HilbertValue < 0)
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_duplicate_atoms @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) a.TenantId AS tenantId, LOWER(CONVERT(char(64), a.ContentHash, 2)) AS atomHash, COUNT_BIG(*) AS n
    FROM dbo.Atom AS a
    WHERE (@hour IS NULL OR a.IngestHour = @hour) AND (@tenant_id IS NULL OR a.TenantId = @tenant_id)
    GROUP BY a.TenantId, a.ContentHash
    HAVING COUNT_BIG(*) > 1
    OPTION (RECOMPILE);
END;
GO
-- What only an insert by hand can have brought. Text is Unicode here: none of it is anything else.
CREATE PROCEDURE dbo.usp_unreadable_atoms @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) a.AtomId AS atomId,
        CASE WHEN a.AtomId >= CONVERT(bigint, 9007199254740992) THEN 'AtomId'
             WHEN dbo.fn_IsHour(a.IngestHour) = 0 THEN 'IngestHour' ELSE 'ContentHash' END AS fault
    FROM dbo.Atom AS a
    LEFT JOIN dbo.FalseAtom AS f ON f.AtomId = a.AtomId
    WHERE (@hour IS NULL OR a.IngestHour = @hour) AND (@tenant_id IS NULL OR a.TenantId = @tenant_id) AND a.InsertedByHand = 1
        AND (a.AtomId >= CONVERT(bigint, 9007199254740992) OR dbo.fn_IsHour(a.IngestHour) = 0 OR f.AtomId IS NOT NULL)
    OPTION (RECOMPILE);
END;
GO
-- Whether a value of IngestHour is an hour, such as 2026-11-23-09:00.
CREATE FUNCTION dbo.fn_IsHour (@hour char(16))
RETURNS bit
WITH SCHEMABINDING
AS
BEGIN
    IF @hour LIKE '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]:00'
        AND TRY_CONVERT(datetime2(0), CONCAT(STUFF(@hour, 11, 1, ' '), ':00'), 120) IS NOT NULL
        RETURN 1;
    RETURN 0;
END;
GO
-- Work that somebody inserted by hand in an hour that is none, or before the grid, is moved to the running hour.
CREATE PROCEDURE dbo.usp_move_stray_sources @first char(16), @to char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET IngestHour = @to
    WHERE Status IN ('Landed', 'Atomizing') AND (dbo.fn_IsHour(IngestHour) = 0 OR IngestHour < @first);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_move_stray_atoms @first char(16), @to char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE a
    SET a.IngestHour = @to
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT j.AtomId FROM dbo.BackgroundJob AS j WHERE j.Status IN ('Pending', 'InProgress'))
        AND (dbo.fn_IsHour(a.IngestHour) = 0 OR a.IngestHour < @first);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_move_stray_jobs @first char(16), @to char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob SET IngestHour = @to
    WHERE Status IN ('Pending', 'InProgress') AND (dbo.fn_IsHour(IngestHour) = 0 OR IngestHour < @first);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_move_stray_embeddings @first char(16), @to char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.AtomEmbedding SET IngestHour = @to
    WHERE ProjectionModelId IS NULL AND (dbo.fn_IsHour(IngestHour) = 0 OR IngestHour < @first);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
