-- One GenerateEmbedding job for every atom that needs an embedding, whoever inserts it: the job exists the moment the insert commits.

-- A job is of an atom and a model; without a ModelId, of every active model of the atom's modality, so that an atom which comes before any
-- model is known still gets its job. Any client may insert one: a row that no run could work with is refused by a check whose name says why.
CREATE TABLE BackgroundJob (
  JobId        TEXT    NOT NULL COLLATE NOCASE PRIMARY KEY
               CONSTRAINT "JobId is text" CHECK (typeof(JobId) = 'text'),
  JobType      TEXT    NOT NULL,
  Parameters   TEXT    NOT NULL
               CONSTRAINT "Parameters is JSON text" CHECK (typeof(Parameters) = 'text' AND json_valid(Parameters)),
  AtomId       INTEGER REFERENCES Atom (AtomId) ON DELETE CASCADE,
  ModelId      INTEGER,     -- an id that is no model's is refused when the job is claimed; none: of every active model of the modality
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
CREATE INDEX BackgroundJob_Open ON BackgroundJob (IngestHour, JobType, AttemptCount) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX BackgroundJob_Leased ON BackgroundJob (LeaseOwner) WHERE LeaseOwner IS NOT NULL;
CREATE INDEX BackgroundJob_Failed ON BackgroundJob (TenantId) WHERE Status = 'Failed';
CREATE INDEX BackgroundJob_Atom ON BackgroundJob (AtomId);

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

CREATE TRIGGER Atom_NeedsEmbedding AFTER INSERT ON Atom
BEGIN
  INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour)
  SELECT NewJobId, 'GenerateEmbedding', printf('{"AtomId":%d,"TenantId":%d}', AtomId, TenantId), AtomId, TenantId, IngestHour
  FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;

-- The same bytes first seen as a chunk of a binary file, later as a sentence: the atom turns into one that needs an embedding.
CREATE TRIGGER Atom_TurnsIntoText AFTER UPDATE OF Modality ON Atom
WHEN NOT EXISTS (SELECT 1 FROM BackgroundJob WHERE AtomId = NEW.AtomId AND ModelId IS NULL)
BEGIN
  INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour)
  SELECT NewJobId, 'GenerateEmbedding', printf('{"AtomId":%d,"TenantId":%d}', AtomId, TenantId), AtomId, TenantId, IngestHour
  FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;
