-- Any client may insert a job, as IBackgroundJobService of the .NET system does: the hour defaults, an id is one in either case, and
-- a row that no run could work with is refused. A check's name is what the client reads. The triggers name the table: they go and
-- come again as they were.

DROP TRIGGER Atom_NeedsEmbedding;
DROP TRIGGER Atom_TurnsIntoText;

CREATE TABLE NewBackgroundJob (
  JobId        TEXT    NOT NULL COLLATE NOCASE PRIMARY KEY
               CONSTRAINT "JobId is text" CHECK (typeof(JobId) = 'text'),
  JobType      TEXT    NOT NULL,
  Parameters   TEXT    NOT NULL
               CONSTRAINT "Parameters is JSON text" CHECK (typeof(Parameters) = 'text' AND json_valid(Parameters)),
  AtomId       INTEGER REFERENCES Atom (AtomId) ON DELETE CASCADE,
  TenantId     INTEGER NOT NULL
               CONSTRAINT "TenantId is a number from 0 to 2147483647" CHECK (typeof(TenantId) = 'integer' AND TenantId BETWEEN 0 AND 2147483647),
  IngestHour   TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d-%H:00', 'now'))
               CONSTRAINT "IngestHour is an hour such as 2026-11-23-09:00"
               CHECK (strftime('%Y-%m-%d-%H:00', substr(IngestHour, 1, 10) || ' ' || substr(IngestHour, 12), '+0 days') IS IngestHour),
  Status       TEXT    NOT NULL DEFAULT 'Pending'
               CONSTRAINT "Status is Pending, InProgress, Completed, Failed or DeadLettered"
               CHECK (Status IN ('Pending', 'InProgress', 'Completed', 'Failed', 'DeadLettered')),
  AttemptCount INTEGER NOT NULL DEFAULT 0
               CONSTRAINT "AttemptCount is a number from 0 on" CHECK (typeof(AttemptCount) = 'integer' AND AttemptCount >= 0),
  MaxAttempts  INTEGER NOT NULL DEFAULT 5
               CONSTRAINT "MaxAttempts is a number from 1 on" CHECK (typeof(MaxAttempts) = 'integer' AND MaxAttempts >= 1),
  LeaseOwner   TEXT,
  LeaseUntil   TEXT,
  Result       TEXT,
  CreatedAt    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  StartedAt    TEXT,
  CompletedAt  TEXT
);
INSERT INTO NewBackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner,
                              LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt)
SELECT CASE typeof(JobId) WHEN 'blob' THEN lower(hex(JobId)) ELSE JobId END, JobType,
       CASE WHEN typeof(Parameters) = 'text' AND json_valid(Parameters) THEN Parameters ELSE json_quote(CAST(Parameters AS TEXT)) END,
       AtomId, CASE WHEN typeof(TenantId) = 'integer' AND TenantId BETWEEN 0 AND 2147483647 THEN TenantId ELSE 0 END,
       CASE WHEN strftime('%Y-%m-%d-%H:00', substr(IngestHour, 1, 10) || ' ' || substr(IngestHour, 12), '+0 days') IS IngestHour THEN IngestHour
            ELSE strftime('%Y-%m-%d-%H:00', 'now') END,
       Status, max(0, CAST(AttemptCount AS INTEGER)), max(1, CAST(MaxAttempts AS INTEGER)), LeaseOwner, LeaseUntil, Result, CreatedAt,
       StartedAt, CompletedAt
FROM BackgroundJob ORDER BY rowid;
DROP TABLE BackgroundJob;
ALTER TABLE NewBackgroundJob RENAME TO BackgroundJob;
CREATE INDEX BackgroundJob_Open ON BackgroundJob (IngestHour, Status, JobType) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX BackgroundJob_Failed ON BackgroundJob (TenantId) WHERE Status = 'Failed';
CREATE INDEX BackgroundJob_Atom ON BackgroundJob (AtomId);

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
