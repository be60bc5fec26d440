-- Batches of rows that are found by their words, and read later: see work/rows_read_later.py. Which expressions are asked, sqlite_words.py says.

-- part: batch_and_bytes
FROM UnreadBatch AS b
CROSS JOIN SourceAtom AS sa ON sa.SourceId = b.SourceId AND sa.Role = 'content' AND sa.Ordinal = b.Ordinal
CROSS JOIN Atom AS a ON a.AtomId = sa.AtomId
LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId

-- part: batch_bytes
COALESCE(c.Content, CAST(a.AtomicValue AS BLOB), CAST(a.CanonicalText AS BLOB))

-- name: insert_unread_batch
INSERT INTO UnreadBatch (SourceId, FirstOrdinal, Ordinal, FirstRow, IsJson) VALUES (?, ?, ?, ?, ?);

-- name: last_unread_batch
SELECT COALESCE(MAX(UnreadBatchId), 0) AS unreadBatchId FROM UnreadBatch;

-- name: index_unread_batches
INSERT INTO UnreadWords (rowid, Words)
SELECT b.UnreadBatchId, words_of_batch({batch_bytes}, b.IsJson)
{batch_and_bytes}
WHERE b.UnreadBatchId > :last ORDER BY b.UnreadBatchId;

-- name: forget_words_of_batches
INSERT INTO UnreadWords (UnreadWords, rowid, Words)
SELECT 'delete', b.UnreadBatchId, words_of_batch({batch_bytes}, b.IsJson)
{batch_and_bytes}
WHERE b.UnreadBatchId IN (SELECT value FROM json_each(:batch_ids)) ORDER BY b.UnreadBatchId;

-- name: delete_unread_batches
DELETE FROM UnreadBatch WHERE UnreadBatchId IN (SELECT value FROM json_each(:batch_ids));

-- name: unread_batches
-- These and all other parts of the same batches.
SELECT b.UnreadBatchId AS unreadBatchId, b.SourceId AS sourceId, s.TenantId AS tenantId, s.IngestHour AS ingestHour,
       s.ContentType AS contentType, s.SupersededBy IS NULL AS isCurrent, b.FirstOrdinal AS firstOrdinal, b.FirstRow AS firstRow,
       sa.ByteOffset AS byteOffset, {batch_bytes} AS content
{batch_and_bytes} CROSS JOIN Source AS s ON s.SourceId = b.SourceId
WHERE b.UnreadBatchId IN (
  SELECT part.UnreadBatchId
  FROM UnreadBatch AS found
  CROSS JOIN UnreadBatch AS part ON part.SourceId = found.SourceId AND part.FirstOrdinal = found.FirstOrdinal
  WHERE found.UnreadBatchId IN (SELECT value FROM json_each(:batch_ids)))
ORDER BY b.SourceId, b.FirstOrdinal, b.Ordinal;

-- name: next_unread_batches
-- The first of the oldest table of the hour.
SELECT UnreadBatchId AS unreadBatchId FROM UnreadBatch
WHERE SourceId = (SELECT s.SourceId FROM UnreadSource AS u CROSS JOIN Source AS s ON s.SourceId = u.SourceId
                  WHERE s.IngestHour = :hour AND s.Status = 'Atomized' LIMIT 1)
ORDER BY FirstOrdinal, Ordinal LIMIT :n;

-- name: unread_batches_of
SELECT UnreadBatchId AS unreadBatchId FROM UnreadBatch WHERE SourceId IN (SELECT value FROM json_each(:source_ids));

-- name: has_unread_batches
SELECT MAX(UnreadBatchId) IS NOT NULL AS found FROM UnreadBatch;

-- name: count_unread_batches
SELECT COUNT(*) AS n FROM UnreadWords_docsize;

-- name: count_matching_batches
-- At most :most of them.
SELECT COUNT(*) AS n FROM (SELECT 1 FROM UnreadWords WHERE UnreadWords MATCH :expression LIMIT :most);

-- name: best_matching_batches
SELECT b.UnreadBatchId AS atomId, -bm25(UnreadWords) AS score
FROM UnreadWords CROSS JOIN UnreadBatch AS b ON b.UnreadBatchId = UnreadWords.rowid CROSS JOIN Source AS s ON s.SourceId = b.SourceId
WHERE UnreadWords MATCH :expression AND s.TenantId = :tenant_id AND {wanted_source}
ORDER BY bm25(UnreadWords), UnreadWords.rowid LIMIT :n;

-- name: newest_matching_batches
SELECT b.UnreadBatchId AS atomId
FROM UnreadWords CROSS JOIN UnreadBatch AS b ON b.UnreadBatchId = UnreadWords.rowid CROSS JOIN Source AS s ON s.SourceId = b.SourceId
WHERE UnreadWords MATCH :expression AND s.TenantId = :tenant_id AND {wanted_source}
ORDER BY UnreadWords.rowid DESC LIMIT :n;
