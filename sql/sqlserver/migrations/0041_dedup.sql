-- The ledger of what deduplication saves: bytes that came, and bytes that are kept, by source, tenant and modality.
-- Of an occurrence its atom's bytes and its suffix came; the atom's bytes are kept once, each suffix with its occurrence.

-- What was made out of the bytes, such as the text of a page, is kept beside them: it is told by itself.
CREATE PROCEDURE dbo.usp_dedup_of_modalities @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT held.TenantId AS tenantId, held.Modality AS modality,
           SUM(CASE WHEN held.Occurrences > 0 THEN CAST(1 AS bigint) ELSE 0 END) AS atoms, SUM(held.Occurrences) AS occurrences,
           SUM(CASE WHEN held.Sources > 1 THEN CAST(1 AS bigint) ELSE 0 END) AS sharedAtoms,
           SUM(held.Occurrences * held.ByteLength + held.Suffixes) AS bytesIn,
           SUM(CASE WHEN held.Occurrences > 0 THEN held.ByteLength + held.Suffixes ELSE 0 END) AS bytesStored,
           SUM(CASE WHEN held.Occurrences = 0 THEN held.ByteLength ELSE 0 END) AS derivedBytes
    FROM (SELECT a.TenantId, a.Modality, SUM(CASE WHEN o.Role = 'content' THEN CAST(1 AS bigint) ELSE 0 END) AS Occurrences,
                 MAX(CAST(COALESCE(c.ByteLength, DATALENGTH(a.AtomicValue), DATALENGTH(a.TextBytes), 0) AS bigint)) AS ByteLength,
                 COUNT_BIG(DISTINCT CASE WHEN o.Role = 'content' THEN o.SourceId END) AS Sources,
                 SUM(CASE WHEN o.Role = 'content' THEN COALESCE(CAST(DATALENGTH(o.Suffix) AS bigint), 0) ELSE 0 END) AS Suffixes
          FROM dbo.Source AS s
          INNER JOIN dbo.SourceAtom AS o ON o.SourceId = s.SourceId
          INNER JOIN dbo.Atom AS a ON a.AtomId = o.AtomId
          LEFT JOIN dbo.AtomContent AS c ON c.AtomId = a.AtomId
          WHERE s.Status = 'Atomized' AND (@tenant_id IS NULL OR s.TenantId = @tenant_id)
          GROUP BY o.AtomId, a.TenantId, a.Modality) AS held
    GROUP BY held.TenantId, held.Modality
    ORDER BY held.TenantId, bytesIn DESC, held.Modality
    OPTION (RECOMPILE);
END;
GO
-- An atom is shared where another source has it, in whichever role: it would stay if this source went.
CREATE PROCEDURE dbo.usp_dedup_of_sources @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT held.SourceId AS sourceId, COUNT_BIG(*) AS atoms, SUM(other.Shared) AS sharedAtoms,
           SUM(other.Shared * held.ByteLength) AS sharedBytes,
           SUM((1 - other.Shared) * held.ByteLength + held.Suffixes) AS ownBytes
    FROM (SELECT o.SourceId, o.AtomId, MAX(CAST(o.ByteLength AS bigint)) AS ByteLength,
                 SUM(COALESCE(CAST(DATALENGTH(o.Suffix) AS bigint), 0)) AS Suffixes
          FROM dbo.SourceAtom AS o
          WHERE o.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND o.Role = 'content'
          GROUP BY o.SourceId, o.AtomId) AS held
    CROSS APPLY (SELECT CAST(CASE WHEN EXISTS (
                            SELECT 1 FROM dbo.SourceAtom AS o INNER JOIN dbo.Source AS s ON s.SourceId = o.SourceId
                            WHERE o.AtomId = held.AtomId AND o.SourceId <> held.SourceId AND s.Status = 'Atomized')
                        THEN 1 ELSE 0 END AS bigint) AS Shared) AS other
    GROUP BY held.SourceId;
END;
GO
-- With whom a source shares the bytes of atoms, those first with which it shares most.
CREATE PROCEDURE dbo.usp_sources_that_share @source_id bigint, @tenant_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) s.SourceId AS sourceId, s.SourceUri AS sourceUri, s.Version AS version,
           COUNT_BIG(*) AS sharedAtoms, SUM(shared.ByteLength) AS sharedBytes
    FROM (SELECT DISTINCT other.SourceId, mine.AtomId, mine.ByteLength
          FROM (SELECT o.AtomId, MAX(CAST(o.ByteLength AS bigint)) AS ByteLength FROM dbo.SourceAtom AS o
                WHERE o.SourceId = @source_id AND o.Role = 'content' GROUP BY o.AtomId) AS mine
          INNER JOIN dbo.SourceAtom AS other ON other.AtomId = mine.AtomId AND other.SourceId <> @source_id) AS shared
    INNER JOIN dbo.Source AS s ON s.SourceId = shared.SourceId
    WHERE s.TenantId = @tenant_id AND s.Status = 'Atomized'
    GROUP BY s.SourceId, s.SourceUri, s.Version
    ORDER BY sharedBytes DESC, s.SourceId;
END;
GO
