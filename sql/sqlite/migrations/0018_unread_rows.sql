-- Batches of rows of large tables that are found by their words, and whose rows are read, into atoms of their own, when somebody asks for
-- them or they are to be embedded. A row for each content atom of such a batch; it goes when the rows are read.

CREATE TABLE UnreadBatch (
  UnreadBatchId INTEGER PRIMARY KEY,
  SourceId      INTEGER NOT NULL REFERENCES Source (SourceId) ON DELETE CASCADE,
  FirstOrdinal  INTEGER NOT NULL,   -- of its first part: a row of more than 64 KiB is a batch of several
  Ordinal       INTEGER NOT NULL,
  FirstRow      INTEGER NOT NULL,   -- its number in the table, from 1 on
  IsJson        INTEGER NOT NULL
);
CREATE UNIQUE INDEX UnreadBatch_Place ON UnreadBatch (SourceId, FirstOrdinal, Ordinal);

-- Their words, as unread_words.py has them.
CREATE VIRTUAL TABLE UnreadWords USING fts5 (
  Words, content = '', tokenize = "porter unicode61 remove_diacritics 2 categories 'L* M* N* Co'"
);

-- The sources that have some: one step of an index for each, not one for each batch.
CREATE VIEW UnreadSource AS
WITH RECURSIVE Held (SourceId) AS (
  SELECT MIN(SourceId) FROM UnreadBatch
  UNION ALL
  SELECT (SELECT MIN(b.SourceId) FROM UnreadBatch AS b WHERE b.SourceId > Held.SourceId) FROM Held WHERE Held.SourceId IS NOT NULL
)
SELECT SourceId FROM Held WHERE SourceId IS NOT NULL;
