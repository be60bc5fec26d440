-- One GenerateEmbedding job for every atom that needs an embedding, whoever inserts it: the job exists the moment the insert commits.

-- Clients see, insert, change and delete jobs as the view BackgroundJob, below. As there is one for each atom, the rows beneath are small:
-- StoredJob has the jobs that are not done, DoneJob the others, where rows are only added, so that none ever outgrows its page. Times
-- are milliseconds since 1970. What the database itself gives a job is computed and not stored.
--
-- JobId of our own jobs is a version 7 UUID (RFC 9562): 48 bits of milliseconds, then 26 bits of AtomId as the counter that keeps jobs of
-- one millisecond in order, then JobNumber in decimal digits, by which the row is found.
--
-- A job is of an atom and a model; without a ModelId, of every active model of the atom's modality, so that an atom which comes before any
-- model is known still gets its job. A row that no run could work with is refused by a check whose name says why.
CREATE TABLE StoredJob (
  JobNumber     INTEGER PRIMARY KEY AUTOINCREMENT,
  OwnJobId      TEXT    CONSTRAINT "JobId is text" CHECK (typeof(OwnJobId) IN ('text', 'null')),   -- of a client, in lower case
  OwnJobType    TEXT,        -- NULL: GenerateEmbedding
  OwnParameters TEXT    CONSTRAINT "Parameters is JSON text"
                        CHECK (OwnParameters IS NULL OR (typeof(OwnParameters) = 'text' AND json_valid(OwnParameters))),
  AtomId        INTEGER REFERENCES Atom (AtomId) ON DELETE CASCADE,
  ModelId       INTEGER,     -- an id that is no model's is refused when the job is claimed
  TenantId      INTEGER NOT NULL
                CONSTRAINT "TenantId is a number from 0 to 2147483647" CHECK (typeof(TenantId) = 'integer' AND TenantId BETWEEN 0 AND 2147483647),
  IngestHour    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d-%H:00', 'now')),
  Status        TEXT    NOT NULL DEFAULT 'Pending'
                CONSTRAINT "Status is Pending, InProgress, Completed, Failed or DeadLettered"
                CHECK (Status IN ('Pending', 'InProgress', 'Completed', 'Failed', 'DeadLettered')),
  AttemptCount  INTEGER NOT NULL DEFAULT 0
                CONSTRAINT "AttemptCount is a number from 0 on" CHECK (typeof(AttemptCount) = 'integer' AND AttemptCount >= 0),
  MaxAttempts   INTEGER NOT NULL DEFAULT 5
                CONSTRAINT "MaxAttempts is a number from 1 on" CHECK (typeof(MaxAttempts) = 'integer' AND MaxAttempts >= 1),
  LeaseOwner    TEXT,
  LeaseUntil    TEXT,
  Result        TEXT,
  CreatedAt     INTEGER NOT NULL DEFAULT (CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)),
  StartedAt     INTEGER,
  CompletedAt   INTEGER,
  JobId         TEXT    GENERATED ALWAYS AS (COALESCE(OwnJobId, printf('%08x-%04x-7%03x-%04x-%012d', CreatedAt >> 16, CreatedAt & 65535,
                                                                      (AtomId >> 14) & 4095, 32768 | (AtomId & 16383), JobNumber))) VIRTUAL,
  JobType       TEXT    GENERATED ALWAYS AS (COALESCE(OwnJobType, 'GenerateEmbedding')) VIRTUAL,
  Parameters    TEXT    GENERATED ALWAYS AS (COALESCE(OwnParameters, printf('{"AtomId":%d,"TenantId":%d', AtomId, TenantId)
                                                                     || COALESCE(',"ModelId":' || ModelId, '') || '}')) VIRTUAL
);
CREATE UNIQUE INDEX StoredJob_OwnJobId ON StoredJob (OwnJobId) WHERE OwnJobId IS NOT NULL;
CREATE INDEX StoredJob_Open ON StoredJob (IngestHour, OwnJobType, AttemptCount) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX StoredJob_Leased ON StoredJob (LeaseOwner) WHERE LeaseOwner IS NOT NULL;
CREATE INDEX StoredJob_Failed ON StoredJob (TenantId) WHERE Status = 'Failed';
CREATE INDEX StoredJob_Atom ON StoredJob (AtomId);

CREATE TABLE DoneJob (
  JobNumber     INTEGER PRIMARY KEY,
  OwnJobId      TEXT,
  OwnJobType    TEXT,        -- NULL: GenerateEmbedding
  OwnParameters TEXT,
  AtomId        INTEGER REFERENCES Atom (AtomId) ON DELETE CASCADE,
  ModelId       INTEGER,
  TenantId      INTEGER NOT NULL,
  IngestHour    TEXT    NOT NULL,
  AttemptCount  INTEGER NOT NULL,
  MaxAttempts   INTEGER NOT NULL,
  Result        TEXT,
  CreatedAt     INTEGER NOT NULL,
  StartedAt     INTEGER,
  CompletedAt   INTEGER,
  JobId         TEXT    GENERATED ALWAYS AS (COALESCE(OwnJobId, printf('%08x-%04x-7%03x-%04x-%012d', CreatedAt >> 16, CreatedAt & 65535,
                                                                      (AtomId >> 14) & 4095, 32768 | (AtomId & 16383), JobNumber))) VIRTUAL,
  JobType       TEXT    GENERATED ALWAYS AS (COALESCE(OwnJobType, 'GenerateEmbedding')) VIRTUAL,
  Parameters    TEXT    GENERATED ALWAYS AS (COALESCE(OwnParameters, printf('{"AtomId":%d,"TenantId":%d', AtomId, TenantId)
                                                                     || COALESCE(',"ModelId":' || ModelId, '') || '}')) VIRTUAL
);
CREATE UNIQUE INDEX DoneJob_OwnJobId ON DoneJob (OwnJobId) WHERE OwnJobId IS NOT NULL;
CREATE INDEX DoneJob_Atom ON DoneJob (AtomId);

CREATE TRIGGER StoredJob_Done AFTER UPDATE OF Status ON StoredJob WHEN NEW.Status = 'Completed'
BEGIN
  INSERT INTO DoneJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result,
                       CreatedAt, StartedAt, CompletedAt)
  VALUES (NEW.JobNumber, NEW.OwnJobId, NEW.OwnJobType, NEW.OwnParameters, NEW.AtomId, NEW.ModelId, NEW.TenantId,
          NEW.IngestHour, NEW.AttemptCount, NEW.MaxAttempts, NEW.Result, NEW.CreatedAt, NEW.StartedAt, NEW.CompletedAt);
  DELETE FROM StoredJob WHERE JobNumber = NEW.JobNumber;
END;

-- What was done and is to be something else again comes back as it was.
CREATE TRIGGER StoredJob_Again AFTER INSERT ON StoredJob WHEN NEW.Status = 'Completed'
BEGIN
  DELETE FROM DoneJob WHERE JobNumber = NEW.JobNumber;
END;

CREATE VIEW AnyJob AS
SELECT JobNumber, JobId, JobType, Parameters, AtomId, ModelId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil,
       Result, CreatedAt, StartedAt, CompletedAt
FROM StoredJob
UNION ALL
SELECT JobNumber, JobId, JobType, Parameters, AtomId, ModelId, TenantId, IngestHour, CAST('Completed' AS TEXT), AttemptCount, MaxAttempts,
       CAST(NULL AS TEXT), CAST(NULL AS TEXT), Result, CreatedAt, StartedAt, CompletedAt   -- of one affinity, or the two are not merged in order
FROM DoneJob;

CREATE VIEW BackgroundJob AS
SELECT JobId COLLATE NOCASE AS JobId, JobType, Parameters, AtomId, ModelId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner,
       LeaseUntil, Result, strftime('%Y-%m-%dT%H:%M:%fZ', CreatedAt / 1000.0, 'unixepoch') AS CreatedAt,
       strftime('%Y-%m-%dT%H:%M:%fZ', StartedAt / 1000.0, 'unixepoch') AS StartedAt,
       strftime('%Y-%m-%dT%H:%M:%fZ', CompletedAt / 1000.0, 'unixepoch') AS CompletedAt
FROM AnyJob;

CREATE TRIGGER BackgroundJob_Inserted INSTEAD OF INSERT ON BackgroundJob
BEGIN
  SELECT RAISE(ABORT, 'BackgroundJob: a time is such as 2026-11-23T09:44:16.123Z; leave CreatedAt out, and it is now')
  WHERE julianday(COALESCE(NEW.CreatedAt, 'now')) IS NULL OR julianday(COALESCE(NEW.StartedAt, 'now')) IS NULL
     OR julianday(COALESCE(NEW.CompletedAt, 'now')) IS NULL;
  SELECT RAISE(ABORT, 'BackgroundJob.IngestHour is an hour such as 2026-11-23-09:00; leave it out, and it is the running one')
  WHERE NEW.IngestHour IS NOT NULL
    AND strftime('%Y-%m-%d-%H:00', substr(NEW.IngestHour, 1, 10) || ' ' || substr(NEW.IngestHour, 12), '+0 days') IS NOT NEW.IngestHour;
  SELECT RAISE(ABORT, 'BackgroundJob: JobId, JobType and Parameters are needed')
  WHERE NEW.JobId IS NULL OR NEW.JobType IS NULL OR NEW.Parameters IS NULL;
  SELECT RAISE(ABORT, 'BackgroundJob: there is a job of this JobId')
  WHERE EXISTS (SELECT 1 FROM AnyJob WHERE JobNumber = CAST(substr(NEW.JobId, 25) AS INTEGER) AND JobId = lower(NEW.JobId))
     OR EXISTS (SELECT 1 FROM DoneJob WHERE OwnJobId = lower(NEW.JobId));
  INSERT INTO StoredJob (OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts,
                         LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt)
  VALUES (CASE typeof(NEW.JobId) WHEN 'text' THEN lower(NEW.JobId) ELSE NEW.JobId END, NULLIF(NEW.JobType, 'GenerateEmbedding'), NEW.Parameters, NEW.AtomId, NEW.ModelId,
          NEW.TenantId, COALESCE(NEW.IngestHour, strftime('%Y-%m-%d-%H:00', 'now')), COALESCE(NEW.Status, 'Pending'),
          COALESCE(NEW.AttemptCount, 0), COALESCE(NEW.MaxAttempts, 5), NEW.LeaseOwner, NEW.LeaseUntil, NEW.Result,
          CAST(round((julianday(COALESCE(NEW.CreatedAt, 'now')) - 2440587.5) * 86400000) AS INTEGER),
          CAST(round((julianday(NEW.StartedAt) - 2440587.5) * 86400000) AS INTEGER),
          CAST(round((julianday(NEW.CompletedAt) - 2440587.5) * 86400000) AS INTEGER));
  UPDATE StoredJob SET Status = Status WHERE JobNumber = last_insert_rowid() AND Status = 'Completed';
END;

-- A row that a client changed holds all that it says.
CREATE TRIGGER BackgroundJob_Updated INSTEAD OF UPDATE ON BackgroundJob
BEGIN
  SELECT RAISE(ABORT, 'BackgroundJob: a time is such as 2026-11-23T09:44:16.123Z; leave CreatedAt out, and it is now')
  WHERE julianday(COALESCE(NEW.CreatedAt, 'now')) IS NULL OR julianday(COALESCE(NEW.StartedAt, 'now')) IS NULL
     OR julianday(COALESCE(NEW.CompletedAt, 'now')) IS NULL;
  SELECT RAISE(ABORT, 'BackgroundJob.IngestHour is an hour such as 2026-11-23-09:00')
  WHERE strftime('%Y-%m-%d-%H:00', substr(NEW.IngestHour, 1, 10) || ' ' || substr(NEW.IngestHour, 12), '+0 days') IS NOT NEW.IngestHour;
  SELECT RAISE(ABORT, 'BackgroundJob: JobId, JobType and Parameters are needed')
  WHERE NEW.JobId IS NULL OR NEW.JobType IS NULL OR NEW.Parameters IS NULL;
  INSERT INTO StoredJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt,
                         CompletedAt, Status)
  SELECT JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt,
         CompletedAt, 'Completed'
  FROM DoneJob WHERE JobNumber IN (CAST(substr(OLD.JobId, 25) AS INTEGER), (SELECT JobNumber FROM DoneJob WHERE OwnJobId = OLD.JobId)) AND JobId = OLD.JobId;
  UPDATE StoredJob
  SET OwnJobId = CASE typeof(NEW.JobId) WHEN 'text' THEN lower(NEW.JobId) ELSE NEW.JobId END, OwnJobType = NULLIF(NEW.JobType, 'GenerateEmbedding'),
      OwnParameters = NEW.Parameters, AtomId = NEW.AtomId, ModelId = NEW.ModelId, TenantId = NEW.TenantId, IngestHour = NEW.IngestHour,
      Status = NEW.Status, AttemptCount = NEW.AttemptCount, MaxAttempts = NEW.MaxAttempts, LeaseOwner = NEW.LeaseOwner,
      LeaseUntil = NEW.LeaseUntil, Result = NEW.Result,
      CreatedAt = CAST(round((julianday(NEW.CreatedAt) - 2440587.5) * 86400000) AS INTEGER),
      StartedAt = CAST(round((julianday(NEW.StartedAt) - 2440587.5) * 86400000) AS INTEGER),
      CompletedAt = CAST(round((julianday(NEW.CompletedAt) - 2440587.5) * 86400000) AS INTEGER)
  WHERE JobNumber IN (CAST(substr(OLD.JobId, 25) AS INTEGER), (SELECT JobNumber FROM StoredJob WHERE OwnJobId = OLD.JobId)) AND JobId = OLD.JobId;
END;

CREATE TRIGGER BackgroundJob_Deleted INSTEAD OF DELETE ON BackgroundJob
BEGIN
  DELETE FROM DoneJob WHERE JobNumber IN (CAST(substr(OLD.JobId, 25) AS INTEGER), (SELECT JobNumber FROM DoneJob WHERE OwnJobId = OLD.JobId)) AND JobId = OLD.JobId;
  DELETE FROM StoredJob WHERE JobNumber IN (CAST(substr(OLD.JobId, 25) AS INTEGER), (SELECT JobNumber FROM StoredJob WHERE OwnJobId = OLD.JobId)) AND JobId = OLD.JobId;
END;

-- The atoms that need an embedding.
CREATE VIEW AtomToEmbed AS
SELECT a.AtomId, a.TenantId, a.Modality, a.IngestHour
FROM Atom AS a CROSS JOIN Modality AS m ON m.Name = a.Modality
WHERE m.NeedsEmbedding = 1 AND a.Subtype IS NOT 'gap';

CREATE TRIGGER Atom_NeedsEmbedding AFTER INSERT ON Atom
BEGIN
  INSERT INTO StoredJob (AtomId, TenantId, IngestHour) SELECT AtomId, TenantId, IngestHour FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;

-- The same bytes first seen as a chunk of a binary file, later as text: the atom turns into one that needs an embedding.
CREATE TRIGGER Atom_TurnsIntoText AFTER UPDATE OF Modality ON Atom
WHEN NOT EXISTS (SELECT 1 FROM StoredJob WHERE AtomId = NEW.AtomId AND ModelId IS NULL)
 AND NOT EXISTS (SELECT 1 FROM DoneJob WHERE AtomId = NEW.AtomId AND ModelId IS NULL)
BEGIN
  INSERT INTO StoredJob (AtomId, TenantId, IngestHour) SELECT AtomId, TenantId, IngestHour FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;
