-- Search by words: the index of full text, and what it has yet to learn. Which expressions are asked, sqlite_words.py says.

-- name: last_text_to_index
-- The last atom of the next batch; NULL where nothing waits.
SELECT MAX(AtomId) AS atomId FROM (SELECT AtomId FROM TextToIndex ORDER BY AtomId LIMIT :n);

-- name: forget_texts
INSERT INTO AtomText (AtomText, rowid, Words)
SELECT 'delete', AtomId, indexed_text(CAST(IndexedText AS BLOB))
FROM TextToIndex WHERE AtomId <= :last AND IndexedText IS NOT NULL ORDER BY AtomId;

-- name: index_texts
INSERT INTO AtomText (rowid, Words)
SELECT t.AtomId, indexed_text(CAST(a.CanonicalText AS BLOB))
FROM TextToIndex AS t JOIN Atom AS a ON a.AtomId = t.AtomId
WHERE t.AtomId <= :last AND a.CanonicalText IS NOT NULL ORDER BY t.AtomId;

-- name: delete_texts_to_index
DELETE FROM TextToIndex WHERE AtomId <= :last;

-- name: count_indexed_texts
SELECT COUNT(*) AS n FROM AtomText_docsize;

-- name: count_matching_texts
-- At most :most of them.
SELECT COUNT(*) AS n FROM (SELECT 1 FROM AtomText WHERE AtomText MATCH :expression LIMIT :most);

-- name: best_matching_texts
-- Of those that are wanted, where they are given. Ordered so, and not by its own column `rank`: that one copies the places of each word, at twice
-- the cost. Whose an atom is is looked up only where there are several tenants.
SELECT rowid AS atomId, -bm25(AtomText) AS score FROM AtomText
WHERE AtomText MATCH :expression
  AND (:wanted IS NULL OR +rowid IN (SELECT value FROM json_each(:wanted)))
  AND ((SELECT MIN(TenantId) FROM Atom) = :tenant_id AND (SELECT MAX(TenantId) FROM Atom) = :tenant_id
       OR (SELECT a.TenantId FROM Atom AS a WHERE a.AtomId = AtomText.rowid) = :tenant_id)
ORDER BY bm25(AtomText), rowid LIMIT :n;

-- name: newest_matching_texts
SELECT rowid AS atomId FROM AtomText
WHERE AtomText MATCH :expression
  AND (:wanted IS NULL OR +rowid IN (SELECT value FROM json_each(:wanted)))
  AND ((SELECT MIN(TenantId) FROM Atom) = :tenant_id AND (SELECT MAX(TenantId) FROM Atom) = :tenant_id
       OR (SELECT a.TenantId FROM Atom AS a WHERE a.AtomId = AtomText.rowid) = :tenant_id)
ORDER BY rowid DESC LIMIT :n;

-- name: lexical_ranking
-- How this store ranks by words, whatever the terms are.
SELECT 'bm25' AS ranking WHERE :terms IS NOT NULL;
