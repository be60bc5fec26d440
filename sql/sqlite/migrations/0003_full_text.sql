-- Lexical search. The index holds no text of its own: it points at Atom.CanonicalText.

CREATE VIRTUAL TABLE AtomText USING fts5 (
  CanonicalText, content = 'Atom', content_rowid = 'AtomId', tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TRIGGER Atom_TextInserted AFTER INSERT ON Atom WHEN NEW.CanonicalText IS NOT NULL
BEGIN
  INSERT INTO AtomText (rowid, CanonicalText) VALUES (NEW.AtomId, NEW.CanonicalText);
END;

CREATE TRIGGER Atom_TextDeleted AFTER DELETE ON Atom WHEN OLD.CanonicalText IS NOT NULL
BEGIN
  INSERT INTO AtomText (AtomText, rowid, CanonicalText) VALUES ('delete', OLD.AtomId, OLD.CanonicalText);
END;

CREATE TRIGGER Atom_TextUpdated AFTER UPDATE OF CanonicalText ON Atom WHEN OLD.CanonicalText IS NOT NEW.CanonicalText
BEGIN
  INSERT INTO AtomText (AtomText, rowid, CanonicalText)
  SELECT 'delete', OLD.AtomId, OLD.CanonicalText WHERE OLD.CanonicalText IS NOT NULL;
  INSERT INTO AtomText (rowid, CanonicalText)
  SELECT NEW.AtomId, NEW.CanonicalText WHERE NEW.CanonicalText IS NOT NULL;
END;
