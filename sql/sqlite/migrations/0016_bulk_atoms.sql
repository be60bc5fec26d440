-- Our own write of atoms (sqlite_atoms.py) writes their jobs and indexes their texts with a statement each, within its transaction: a
-- trigger for every row took longer than the row. It is known by a ReferenceCount with InsertedByHand = 0, which no client has a reason to
-- insert; for all other inserts triggers do it, as before.

DROP TRIGGER Atom_TextInserted;
CREATE TRIGGER Atom_TextInserted AFTER INSERT ON Atom
WHEN NEW.CanonicalText IS NOT NULL AND (NEW.InsertedByHand <> 0 OR NEW.ReferenceCount = 0)
BEGIN
  INSERT INTO TextToIndex (AtomId)
  SELECT NEW.AtomId WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = NEW.AtomId);
END;

DROP TRIGGER Atom_NeedsEmbedding;
CREATE TRIGGER Atom_NeedsEmbedding AFTER INSERT ON Atom WHEN NEW.InsertedByHand <> 0 OR NEW.ReferenceCount = 0
BEGIN
  INSERT INTO StoredJob (AtomId, TenantId, IngestHour) SELECT AtomId, TenantId, IngestHour FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;
