-- `+s.TenantId = …`: the sign keeps SQLite from the index by tenant, which finds all of a tenant; the few ids find less.

-- name: create_staged_hash
CREATE TEMP TABLE IF NOT EXISTS StagedHash (ContentHash BLOB NOT NULL);

-- name: clear_staged_hash
DELETE FROM temp.StagedHash;

-- name: stage_hash
INSERT INTO temp.StagedHash (ContentHash) VALUES (?);

-- name: staged_atoms
SELECT h.ContentHash AS contentHash, a.AtomId AS atomId,
       a.CanonicalText IS NULL AND (a.Modality = 'binary' OR a.Subtype = 'gap') AS isPlain,
       CASE WHEN a.InsertedByHand = 1
            THEN has_false_hash(a.ContentHash, CAST(a.CanonicalText AS BLOB), CAST(a.AtomicValue AS BLOB), c.Content, c.BlobKey)
            ELSE 0 END AS isFalse
FROM temp.StagedHash AS h CROSS JOIN Atom AS a LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId
WHERE a.TenantId = :tenant_id AND a.ContentHash = h.ContentHash;

-- name: set_aside_false_atom
-- Somebody inserted it by hand under the hash of bytes that it does not hold, and now these come: the hash is theirs. The row gets one that
-- is nobody's, so that it stays an atom of its own, and verify goes on naming it.
UPDATE Atom SET ContentHash = sha256('hartonomous: atom set aside ' || AtomId)
WHERE AtomId IN (SELECT a.AtomId FROM Atom AS a LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId
                 WHERE a.TenantId = :tenant_id AND a.ContentHash = :content_hash AND a.InsertedByHand = 1
                   AND has_false_hash(a.ContentHash, CAST(a.CanonicalText AS BLOB), CAST(a.AtomicValue AS BLOB), c.Content, c.BlobKey))
RETURNING AtomId AS atomId;

-- name: next_atom_id
-- An id of 2^53 or more is one that somebody wrote by hand: after the highest of all there is none.
SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'Atom' AND seq < 9007199254740992),
                (SELECT MAX(AtomId) FROM Atom WHERE AtomId < 9007199254740992), 0) + 1 AS atomId;

-- name: create_staged_atom
-- '' where there is no text, no bytes beside it, no blob: see NULL in database/statements.py.
CREATE TEMP TABLE IF NOT EXISTS StagedAtom (
  AtomId INTEGER PRIMARY KEY, ContentHash, Modality, Subtype, ContentType, CanonicalText, ByteLength, Content, BlobKey, ReferenceCount
);

-- name: clear_staged_atom
DELETE FROM temp.StagedAtom;

-- name: stage_atom
INSERT INTO temp.StagedAtom (AtomId, ContentHash, Modality, Subtype, ContentType, CanonicalText, ByteLength, Content, BlobKey, ReferenceCount)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: insert_staged_atoms
-- One statement for the batch: a statement that fires triggers keeps a journal of the pages it changes, and one per row costs a fifth.
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount,
                  InsertedByHand, IngestHour, CreatedAt)
SELECT AtomId, :tenant_id, Modality, Subtype, ContentHash, NULLIF(CanonicalText, ''),
       CASE WHEN ByteLength <= :atomic_value_bytes THEN NULLIF(Content, '') END, ContentType, ReferenceCount, 0, :ingest_hour, :now
FROM temp.StagedAtom ORDER BY AtomId;

-- name: insert_jobs_of_new_atoms
INSERT INTO StoredJob (AtomId, TenantId, IngestHour)
SELECT AtomId, TenantId, IngestHour FROM AtomToEmbed WHERE AtomId BETWEEN :first AND :last ORDER BY AtomId;

-- name: index_new_atoms
-- What indexed_text leaves as it is, which most texts are, is not handed to it: a call takes a tenth of what FTS5 does.
INSERT INTO AtomText (rowid, Words)
SELECT AtomId, CASE WHEN length(CanonicalText) = length(CAST(CanonicalText AS BLOB)) AND instr(CanonicalText, char(27)) = 0
                    THEN CanonicalText ELSE indexed_text(CAST(CanonicalText AS BLOB)) END
FROM Atom WHERE AtomId BETWEEN :first AND :last AND CanonicalText IS NOT NULL ORDER BY AtomId;

-- name: insert_staged_contents
INSERT INTO AtomContent (AtomId, ByteLength, Content, BlobKey)
SELECT AtomId, ByteLength, NULLIF(Content, ''), NULLIF(BlobKey, '')
FROM temp.StagedAtom WHERE (Content <> '' AND ByteLength > :atomic_value_bytes) OR BlobKey <> '' ORDER BY AtomId;

-- name: add_references
UPDATE Atom SET ReferenceCount = ReferenceCount + ? WHERE AtomId = ?;

-- name: turn_into_text
-- Its bytes go where the text says them: see delete_copied_content.
UPDATE Atom
SET Modality = ?1, Subtype = ?2, ContentType = ?3, CanonicalText = ?4,
    AtomicValue = CASE WHEN sha256(CAST(?4 AS BLOB)) = ContentHash THEN NULL ELSE AtomicValue END
WHERE AtomId = ?5;

-- name: delete_copied_content
-- Bytes that the text of their atom says.
DELETE FROM AtomContent
WHERE AtomId IN (SELECT a.AtomId FROM Atom AS a
                 WHERE a.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND sha256(CAST(a.CanonicalText AS BLOB)) = a.ContentHash);

-- name: insert_source_atom
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator)
VALUES (?, ?, ?, ?, NULLIF(?, ''), NULLIF(?, ''), NULLIF(?, ''), NULLIF(?, ''));

-- name: remove_references
UPDATE Atom
SET ReferenceCount = ReferenceCount - (SELECT COUNT(*) FROM SourceAtom AS sa
                                       WHERE sa.AtomId = Atom.AtomId AND sa.SourceId IN (SELECT value FROM json_each(:source_ids)))
WHERE AtomId IN (SELECT AtomId FROM SourceAtom WHERE SourceId IN (SELECT value FROM json_each(:source_ids)));

-- name: delete_source_atoms
DELETE FROM SourceAtom WHERE SourceId IN (SELECT value FROM json_each(:source_ids));

-- name: delete_source_derivations
DELETE FROM AtomDerivation WHERE SourceId IN (SELECT value FROM json_each(:source_ids));

-- name: delete_unreferenced_atoms
DELETE FROM Atom WHERE ReferenceCount = 0 AND InsertedByHand = 0
RETURNING TenantId AS tenantId, lower(hex(ContentHash)) AS atomHash;

-- name: source_atom_ids
-- What the graph holds of a source, of one role and a range of its ordinals at a time; gaps are not in the graph.
SELECT DISTINCT sa.AtomId AS atomId
FROM SourceAtom AS sa JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE sa.SourceId = :source_id AND sa.Role = :role AND sa.Ordinal >= :from_ordinal AND sa.Ordinal < :to_ordinal
  AND a.Subtype IS NOT 'gap';

-- part: stored_bytes
a.AtomId AS atomId, a.TenantId AS tenantId, a.ContentType AS contentType, a.ContentHash AS contentHash,
       CAST(a.AtomicValue AS BLOB) AS atomicValue, c.Content AS content, c.BlobKey AS blobKey,
       CASE WHEN c.AtomId IS NULL THEN CAST(a.CanonicalText AS BLOB) END AS textBytes

-- name: atom_contents
-- Where the bytes of atoms lie.
SELECT {stored_bytes}
FROM Atom AS a LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId
WHERE a.AtomId IN (SELECT value FROM json_each(:atom_ids));

-- name: source_preview
-- The first picture that was made of a source; no row where none was.
SELECT {stored_bytes}
FROM SourceAtom AS sa
JOIN Atom AS a ON a.AtomId = sa.AtomId
LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId
WHERE sa.SourceId = :source_id AND sa.Role = 'derived' AND a.Modality = 'image' AND a.Subtype = 'preview'
ORDER BY sa.Ordinal LIMIT 1;

-- name: source_contents
-- Bytes of a source in order, for role content: each atom's content, then its suffix. Text is its own bytes where there are no others.
SELECT sa.Ordinal AS ordinal, sa.ByteOffset AS byteOffset, sa.Suffix AS suffix, a.ContentHash AS contentHash,
       a.TenantId AS tenantId, CAST(a.AtomicValue AS BLOB) AS atomicValue, c.Content AS content, c.BlobKey AS blobKey,
       CASE WHEN c.AtomId IS NULL THEN CAST(a.CanonicalText AS BLOB) END AS textBytes
FROM SourceAtom AS sa
JOIN Atom AS a ON a.AtomId = sa.AtomId
LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId
WHERE sa.SourceId = :source_id AND sa.Role = :role AND sa.Ordinal >= :from_ordinal
ORDER BY sa.Ordinal LIMIT :n;

-- name: source_atoms_from
-- A page of what a source holds, in order; `text` is NULL for what is kept as bytes.
SELECT sa.Ordinal AS ordinal, lower(hex(a.ContentHash)) AS hash, sa.ByteOffset AS byteOffset, sa.ByteLength AS byteLength,
       a.Subtype AS subtype, a.CanonicalText AS text
FROM SourceAtom AS sa JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE sa.SourceId = :source_id AND sa.Role = :role AND sa.Ordinal >= :from_ordinal
ORDER BY sa.Ordinal LIMIT :n;

-- name: source_tensors
-- The bytes of a source that are tensors, in order, each with its place in JSON.
SELECT sa.Ordinal AS ordinal, lower(hex(a.ContentHash)) AS hash, sa.ByteLength AS byteLength, sa.Locator AS locator
FROM SourceAtom AS sa JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE sa.SourceId = :source_id AND sa.Role = 'content' AND sa.Ordinal >= :from_ordinal AND sa.Locator IS NOT NULL
ORDER BY sa.Ordinal LIMIT :n;

-- name: atoms_by_id
SELECT AtomId AS atomId, TenantId AS tenantId, Modality AS modality, Subtype AS subtype,
       lower(hex(ContentHash)) AS atomHash, CanonicalText AS text, ContentType AS contentType, IngestHour AS ingestHour,
       CreatedAt AS createdAt
FROM Atom WHERE AtomId IN (SELECT value FROM json_each(:atom_ids));

-- name: atom_by_hash
SELECT AtomId AS atomId, TenantId AS tenantId FROM Atom WHERE TenantId = :tenant_id AND ContentHash = :content_hash;

-- name: lock_blobs
-- Nobody else lands or deletes a blob until the transaction ends. Here that is so in any write transaction.
SELECT 1 AS locked;

-- name: blob_is_referenced
SELECT 1 FROM AtomContent WHERE BlobKey = :blob_key
UNION ALL SELECT 1 FROM Source WHERE BlobKey = :blob_key LIMIT 1;
