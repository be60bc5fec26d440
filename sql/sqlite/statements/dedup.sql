-- The ledger of what deduplication saves: bytes that came, and bytes that are kept, by source, tenant and modality.
-- Of an occurrence its atom's bytes and its suffix came; the atom's bytes are kept once, each suffix with its occurrence.

-- name: dedup_of_modalities
-- What was made out of the bytes, such as the text of a page, is kept beside them: it is told by itself.
SELECT held.TenantId AS tenantId, held.Modality AS modality, SUM(held.Occurrences > 0) AS atoms, SUM(held.Occurrences) AS occurrences,
       SUM(held.Sources > 1) AS sharedAtoms, SUM(held.Occurrences * held.ByteLength + held.Suffixes) AS bytesIn,
       SUM(CASE WHEN held.Occurrences > 0 THEN held.ByteLength + held.Suffixes ELSE 0 END) AS bytesStored,
       SUM(CASE WHEN held.Occurrences = 0 THEN held.ByteLength ELSE 0 END) AS derivedBytes
FROM (SELECT a.TenantId, a.Modality, SUM(o.Role = 'content') AS Occurrences,
             COALESCE(c.ByteLength, length(CAST(a.AtomicValue AS BLOB)), length(CAST(a.CanonicalText AS BLOB)), 0) AS ByteLength,
             COUNT(DISTINCT CASE WHEN o.Role = 'content' THEN o.SourceId END) AS Sources,
             SUM(CASE WHEN o.Role = 'content' THEN COALESCE(length(o.Suffix), 0) ELSE 0 END) AS Suffixes
      FROM Source AS s
      JOIN SourceAtom AS o ON o.SourceId = s.SourceId
      JOIN Atom AS a ON a.AtomId = o.AtomId
      LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId
      WHERE s.Status = 'Atomized' AND (:tenant_id IS NULL OR s.TenantId = :tenant_id)
      GROUP BY o.AtomId) AS held
GROUP BY held.TenantId, held.Modality
ORDER BY held.TenantId, bytesIn DESC, held.Modality;

-- name: dedup_of_sources
-- An atom is shared where another source has it, in whichever role: it would stay if this source went.
SELECT held.SourceId AS sourceId, COUNT(*) AS atoms, SUM(held.Shared) AS sharedAtoms,
       SUM(CASE WHEN held.Shared THEN held.ByteLength ELSE 0 END) AS sharedBytes,
       SUM(CASE WHEN held.Shared THEN 0 ELSE held.ByteLength END + held.Suffixes) AS ownBytes
FROM (SELECT o.SourceId, MAX(o.ByteLength) AS ByteLength, SUM(COALESCE(length(o.Suffix), 0)) AS Suffixes,
             EXISTS (SELECT 1 FROM SourceAtom AS other JOIN Source AS s ON s.SourceId = other.SourceId
                     WHERE other.AtomId = o.AtomId AND other.SourceId <> o.SourceId AND s.Status = 'Atomized') AS Shared
      FROM SourceAtom AS o
      WHERE o.SourceId IN (SELECT value FROM json_each(:source_ids)) AND o.Role = 'content'
      GROUP BY o.SourceId, o.AtomId) AS held
GROUP BY held.SourceId;

-- name: sources_that_share
-- With whom a source shares the bytes of atoms, those first with which it shares most.
SELECT s.SourceId AS sourceId, s.SourceUri AS sourceUri, s.Version AS version, COUNT(*) AS sharedAtoms, SUM(shared.ByteLength) AS sharedBytes
FROM (SELECT DISTINCT other.SourceId, mine.AtomId, mine.ByteLength
      FROM (SELECT o.AtomId, MAX(o.ByteLength) AS ByteLength FROM SourceAtom AS o
            WHERE o.SourceId = :source_id AND o.Role = 'content' GROUP BY o.AtomId) AS mine
      JOIN SourceAtom AS other ON other.AtomId = mine.AtomId AND other.SourceId <> :source_id) AS shared
JOIN Source AS s ON s.SourceId = shared.SourceId
WHERE s.TenantId = :tenant_id AND s.Status = 'Atomized'
GROUP BY s.SourceId, s.SourceUri, s.Version
ORDER BY sharedBytes DESC, s.SourceId
LIMIT :n;
