-- Search by words. The index holds no text of its own. Who writes a text only notes its atom: what of a text is indexed
-- (hartonomous_core/words.py) no trigger can say, since other clients have no such function. Every transaction of the program indexes what
-- is noted before it commits.

CREATE VIRTUAL TABLE AtomText USING fts5 (
  Words, content = '', tokenize = "porter unicode61 remove_diacritics 2 categories 'L* M* N* Co'"
);

-- Atoms of which the index does not hold the text. IndexedText: what it holds instead, and must be told to forget it.
CREATE TABLE TextToIndex (
  AtomId      INTEGER PRIMARY KEY,
  IndexedText TEXT
);

CREATE TRIGGER Atom_TextInserted AFTER INSERT ON Atom WHEN NEW.CanonicalText IS NOT NULL
BEGIN
  INSERT INTO TextToIndex (AtomId)
  SELECT NEW.AtomId WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = NEW.AtomId);
END;

CREATE TRIGGER Atom_TextDeleted AFTER DELETE ON Atom WHEN OLD.CanonicalText IS NOT NULL
BEGIN
  INSERT INTO TextToIndex (AtomId, IndexedText)
  SELECT OLD.AtomId, OLD.CanonicalText WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = OLD.AtomId);
END;

CREATE TRIGGER Atom_TextUpdated AFTER UPDATE OF AtomId, CanonicalText ON Atom
WHEN OLD.CanonicalText IS NOT NEW.CanonicalText OR OLD.AtomId <> NEW.AtomId
BEGIN
  INSERT INTO TextToIndex (AtomId, IndexedText)
  SELECT OLD.AtomId, OLD.CanonicalText WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = OLD.AtomId);
  INSERT INTO TextToIndex (AtomId)
  SELECT NEW.AtomId WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = NEW.AtomId);
END;

-- INSERT OR REPLACE deletes a row without a word to the triggers of DELETE.
CREATE TRIGGER Atom_TextReplaced BEFORE INSERT ON Atom WHEN NEW.InsertedByHand IS NOT 0
BEGIN
  INSERT INTO TextToIndex (AtomId, IndexedText)
  SELECT a.AtomId, a.CanonicalText FROM Atom AS a
  WHERE (a.AtomId = NEW.AtomId OR (a.TenantId = NEW.TenantId AND a.ContentHash = NEW.ContentHash)) AND a.CanonicalText IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM TextToIndex AS t WHERE t.AtomId = a.AtomId);
END;
