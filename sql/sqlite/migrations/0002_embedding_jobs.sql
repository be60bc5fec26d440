-- One GenerateEmbedding job for every atom that needs an embedding, whoever inserts it: the job exists the moment the insert
-- commits. JobId is a version 7 UUID (RFC 9562): 48 bits of milliseconds, then 26 bits of AtomId as the counter that keeps
-- jobs of one millisecond in order (a random key would cost nearly half the insert rate), then 48 random bits.

CREATE TRIGGER Atom_NeedsEmbedding AFTER INSERT ON Atom
WHEN NEW.Modality IN ('text', 'image', 'audio', 'video', 'code') AND NEW.Subtype IS NOT 'gap'
BEGIN
  INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour)
  SELECT printf('%08x-%04x-7%03x-%04x-%012x', ms >> 16, ms & 65535, (NEW.AtomId >> 14) & 4095,
                32768 | (NEW.AtomId & 16383), random() & 281474976710655),
         'GenerateEmbedding', printf('{"AtomId":%d,"TenantId":%d}', NEW.AtomId, NEW.TenantId),
         NEW.AtomId, NEW.TenantId, NEW.IngestHour
  FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS ms);
END;

-- The same bytes first seen as a chunk of a binary file, later as a sentence: the atom turns into one that needs an embedding.
CREATE TRIGGER Atom_TurnsIntoText AFTER UPDATE OF Modality ON Atom
WHEN NEW.Modality IN ('text', 'image', 'audio', 'video', 'code') AND NEW.Subtype IS NOT 'gap'
 AND NOT EXISTS (SELECT 1 FROM BackgroundJob WHERE AtomId = NEW.AtomId)
BEGIN
  INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour)
  SELECT printf('%08x-%04x-7%03x-%04x-%012x', ms >> 16, ms & 65535, (NEW.AtomId >> 14) & 4095,
                32768 | (NEW.AtomId & 16383), random() & 281474976710655),
         'GenerateEmbedding', printf('{"AtomId":%d,"TenantId":%d}', NEW.AtomId, NEW.TenantId),
         NEW.AtomId, NEW.TenantId, NEW.IngestHour
  FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS ms);
END;
