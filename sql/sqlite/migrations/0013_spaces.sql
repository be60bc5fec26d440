-- Several embedding models may be active, one or more of a modality, each a space of its own. A job is of an atom and a model; without
-- a ModelId, of every active model of the atom's modality, so that an atom which comes before any model is known still gets its job.

-- Which modalities need an embedding stands here, and nowhere else: hartonomous_core/vocabulary.py has the same list.
CREATE TABLE Modality (
  Name           TEXT    NOT NULL PRIMARY KEY,
  NeedsEmbedding INTEGER NOT NULL CHECK (NeedsEmbedding IN (0, 1))
) WITHOUT ROWID;
INSERT INTO Modality (Name, NeedsEmbedding)
VALUES ('text', 1), ('code', 1), ('image', 1), ('audio', 1), ('video', 1), ('tensor', 0), ('binary', 0);

-- The atoms that need an embedding, each with the id of a new job for it: a version 7 UUID (RFC 9562), 48 bits of milliseconds, then 26
-- bits of AtomId as the counter that keeps jobs of one millisecond in order, then 48 random bits.
CREATE VIEW AtomToEmbed AS
SELECT a.AtomId, a.TenantId, a.Modality, a.IngestHour,
       printf('%08x-%04x-7%03x-%04x-%012x', clock.ms >> 16, clock.ms & 65535, (a.AtomId >> 14) & 4095, 32768 | (a.AtomId & 16383),
              random() & 281474976710655) AS NewJobId
FROM Atom AS a
CROSS JOIN Modality AS m ON m.Name = a.Modality
CROSS JOIN (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS ms) AS clock
WHERE m.NeedsEmbedding = 1 AND a.Subtype IS NOT 'gap';

ALTER TABLE BackgroundJob ADD COLUMN ModelId INTEGER;   -- an id that is no model's is refused when the job is claimed
DROP INDEX EmbeddingModel_Active;

DROP TRIGGER Atom_NeedsEmbedding;
CREATE TRIGGER Atom_NeedsEmbedding AFTER INSERT ON Atom
BEGIN
  INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour)
  SELECT NewJobId, 'GenerateEmbedding', printf('{"AtomId":%d,"TenantId":%d}', AtomId, TenantId), AtomId, TenantId, IngestHour
  FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;

-- The same bytes first seen as a chunk of a binary file, later as a sentence: the atom turns into one that needs an embedding.
DROP TRIGGER Atom_TurnsIntoText;
CREATE TRIGGER Atom_TurnsIntoText AFTER UPDATE OF Modality ON Atom
WHEN NOT EXISTS (SELECT 1 FROM BackgroundJob WHERE AtomId = NEW.AtomId AND ModelId IS NULL)
BEGIN
  INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour)
  SELECT NewJobId, 'GenerateEmbedding', printf('{"AtomId":%d,"TenantId":%d}', AtomId, TenantId), AtomId, TenantId, IngestHour
  FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;
