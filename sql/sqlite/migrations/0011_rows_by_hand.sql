-- Rows that somebody inserts by hand are refused where no run could work with them, in words that say what is wrong; rows that are there
-- already get the running hour where theirs is none.

UPDATE Source SET IngestHour = strftime('%Y-%m-%d-%H:00', 'now')
WHERE strftime('%Y-%m-%d-%H:00', substr(IngestHour, 1, 10) || ' ' || substr(IngestHour, 12), '+0 days') IS NOT IngestHour;
UPDATE Atom SET IngestHour = strftime('%Y-%m-%d-%H:00', 'now')
WHERE strftime('%Y-%m-%d-%H:00', substr(IngestHour, 1, 10) || ' ' || substr(IngestHour, 12), '+0 days') IS NOT IngestHour;
UPDATE AtomEmbedding SET IngestHour = strftime('%Y-%m-%d-%H:00', 'now')
WHERE strftime('%Y-%m-%d-%H:00', substr(IngestHour, 1, 10) || ' ' || substr(IngestHour, 12), '+0 days') IS NOT IngestHour;

-- AtomId: SQLite gives the highest one plus 1, and none after 2^63 - 1; what JSON carries is exact below 2^53.
CREATE TRIGGER Atom_ByHand BEFORE INSERT ON Atom WHEN NEW.InsertedByHand IS NOT 0
BEGIN
  SELECT RAISE(ABORT, 'Atom.AtomId is a number below 9007199254740992; leave it out, and it is given')
  WHERE NEW.AtomId >= 9007199254740992;
  SELECT RAISE(ABORT, 'Atom.TenantId is a number from 0 to 2147483647')
  WHERE typeof(NEW.TenantId) <> 'integer' OR NEW.TenantId NOT BETWEEN 0 AND 2147483647;
  SELECT RAISE(ABORT, 'Atom.CanonicalText is text')
  WHERE typeof(NEW.CanonicalText) NOT IN ('text', 'null');
  SELECT RAISE(ABORT, 'Atom.IngestHour is an hour such as 2026-11-23-09:00; leave it out, and it is the running one')
  WHERE strftime('%Y-%m-%d-%H:00', substr(NEW.IngestHour, 1, 10) || ' ' || substr(NEW.IngestHour, 12), '+0 days') IS NOT NEW.IngestHour;
  SELECT RAISE(ABORT, 'Atom.CreatedAt is a time such as 2026-11-23T09:44:16.123Z; leave it out, and it is now')
  WHERE julianday(NEW.CreatedAt) IS NULL;
END;

CREATE TRIGGER Atom_HourByHand BEFORE UPDATE OF IngestHour ON Atom
BEGIN
  SELECT RAISE(ABORT, 'Atom.IngestHour is an hour such as 2026-11-23-09:00')
  WHERE strftime('%Y-%m-%d-%H:00', substr(NEW.IngestHour, 1, 10) || ' ' || substr(NEW.IngestHour, 12), '+0 days') IS NOT NEW.IngestHour;
END;

CREATE TRIGGER AtomEmbedding_ByHand BEFORE INSERT ON AtomEmbedding
BEGIN
  SELECT RAISE(ABORT, 'AtomEmbedding.EmbeddingVector is the bytes of as many float32 as its model has dimensions')
  WHERE typeof(NEW.EmbeddingVector) <> 'blob'
     OR NEW.Dimension IS NOT (SELECT Dimension FROM EmbeddingModel WHERE ModelId = NEW.ModelId);
  SELECT RAISE(ABORT, 'AtomEmbedding.TenantId is that of its atom')
  WHERE NEW.TenantId IS NOT (SELECT TenantId FROM Atom WHERE AtomId = NEW.AtomId);
  SELECT RAISE(ABORT, 'AtomEmbedding.IngestHour is an hour such as 2026-11-23-09:00')
  WHERE strftime('%Y-%m-%d-%H:00', substr(NEW.IngestHour, 1, 10) || ' ' || substr(NEW.IngestHour, 12), '+0 days') IS NOT NEW.IngestHour;
END;
