-- The tables of docs/architecture.md. Times are UTC text (2026-11-23T09:44:16.123Z), hours are Dagster partition keys
-- (2026-11-23-09:00), hashes are 32-byte blobs, JSON is text.

CREATE TABLE Source (
  SourceId        INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId        INTEGER NOT NULL,
  SourceUri       TEXT    NOT NULL,
  Version         INTEGER NOT NULL,
  SupersededBy    INTEGER REFERENCES Source (SourceId),
  ContentType     TEXT    NOT NULL,
  ContentHash     BLOB    CHECK (ContentHash IS NULL OR length(ContentHash) = 32),
  ByteLength      INTEGER NOT NULL,
  IngestHour      TEXT    NOT NULL,
  Status          TEXT    NOT NULL DEFAULT 'Landed'
                  CHECK (Status IN ('Landed', 'Atomizing', 'Atomized', 'DeadLettered', 'Erased')),
  AtomizerVersion TEXT,
  RunId           TEXT,                 -- the Dagster run that atomized it
  MessageId       TEXT    NOT NULL,     -- the message that landed it
  ReadUri         TEXT,                 -- where the bytes are read in place; NULL when the message carried them
  BlobKey         TEXT,                 -- landed copy of bytes that the message carried; NULL once atomized
  LeaseOwner      TEXT,
  LeaseUntil      TEXT,
  AttemptCount    INTEGER NOT NULL DEFAULT 0,
  ReceivedAt      TEXT    NOT NULL,
  LastSeenAt      TEXT    NOT NULL,
  ErrorMessage    TEXT,
  Metadata        TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(Metadata)),
  UNIQUE (TenantId, SourceUri, Version)
);
-- A version becomes current only when its last atom is written, so a search never sees half a source.
CREATE UNIQUE INDEX Source_Current ON Source (TenantId, SourceUri) WHERE SupersededBy IS NULL AND Status = 'Atomized';
CREATE INDEX Source_Hour ON Source (IngestHour, Status);
CREATE INDEX Source_SupersededBy ON Source (SupersededBy) WHERE SupersededBy IS NOT NULL;
CREATE INDEX Source_Blob ON Source (BlobKey) WHERE BlobKey IS NOT NULL;
CREATE INDEX Source_Unfinished ON Source (TenantId, SourceUri, Version) WHERE Status IN ('Landed', 'Atomizing');

CREATE TABLE Atom (
  AtomId         INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId       INTEGER NOT NULL,
  Modality       TEXT    NOT NULL,
  Subtype        TEXT,
  ContentHash    BLOB    NOT NULL CHECK (typeof(ContentHash) = 'blob' AND length(ContentHash) = 32),
  CanonicalText  TEXT,
  AtomicValue    BLOB    CHECK (AtomicValue IS NULL OR length(CAST(AtomicValue AS BLOB)) <= 64),
  ContentType    TEXT,
  ReferenceCount INTEGER NOT NULL DEFAULT 0,
  InsertedByHand INTEGER NOT NULL DEFAULT 1,   -- our own writes say 0; such an atom goes when no source holds it
  IngestHour     TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d-%H:00', 'now')),
  CreatedAt      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);
CREATE UNIQUE INDEX Atom_ContentHash ON Atom (TenantId, ContentHash);
CREATE INDEX Atom_Hour ON Atom (IngestHour);
CREATE INDEX Atom_Unreferenced ON Atom (AtomId) WHERE ReferenceCount = 0 AND InsertedByHand = 0;

-- Bytes of atoms longer than 64 bytes; shorter ones are Atom.AtomicValue itself.
CREATE TABLE AtomContent (
  AtomId     INTEGER PRIMARY KEY REFERENCES Atom (AtomId) ON DELETE CASCADE,
  ByteLength INTEGER NOT NULL,
  Content    BLOB,
  BlobKey    TEXT,
  CHECK ((Content IS NULL) <> (BlobKey IS NULL))
);
CREATE INDEX AtomContent_Blob ON AtomContent (BlobKey) WHERE BlobKey IS NOT NULL;

CREATE TABLE SourceAtom (
  SourceId   INTEGER NOT NULL REFERENCES Source (SourceId),
  Role       TEXT    NOT NULL CHECK (Role IN ('content', 'derived')),
  Ordinal    INTEGER NOT NULL,
  AtomId     INTEGER NOT NULL REFERENCES Atom (AtomId),
  ByteOffset INTEGER,
  ByteLength INTEGER,
  Suffix     BLOB    CHECK (Suffix IS NULL OR length(Suffix) <= 64),
  Locator    TEXT    CHECK (Locator IS NULL OR json_valid(Locator)),
  PRIMARY KEY (SourceId, Role, Ordinal)
) WITHOUT ROWID;
CREATE INDEX SourceAtom_Atom ON SourceAtom (AtomId, SourceId);

CREATE TABLE EmbeddingModel (
  ModelId      INTEGER PRIMARY KEY,
  Modality     TEXT    NOT NULL,
  Name         TEXT    NOT NULL,
  Dimension    INTEGER NOT NULL,
  ArtifactHash TEXT    NOT NULL,
  Precision    TEXT    NOT NULL,
  Settings     TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(Settings)),
  Active       INTEGER NOT NULL DEFAULT 0,
  CreatedAt    TEXT    NOT NULL,
  UNIQUE (Modality, ArtifactHash, Settings)
);
CREATE UNIQUE INDEX EmbeddingModel_Active ON EmbeddingModel (Modality) WHERE Active = 1;

CREATE TABLE ProjectionModel (
  ProjectionModelId INTEGER PRIMARY KEY,
  ModelId           INTEGER NOT NULL REFERENCES EmbeddingModel (ModelId),
  Method            TEXT    NOT NULL,
  Parameters        TEXT    NOT NULL CHECK (json_valid(Parameters)),
  TrainedOn         INTEGER NOT NULL DEFAULT 0,
  ArtifactHash      TEXT    NOT NULL,
  Active            INTEGER NOT NULL DEFAULT 0,
  CreatedAt         TEXT    NOT NULL,
  UNIQUE (ModelId, ArtifactHash)
);
CREATE UNIQUE INDEX ProjectionModel_Active ON ProjectionModel (ModelId) WHERE Active = 1;

CREATE TABLE AtomEmbedding (
  AtomEmbeddingId   INTEGER PRIMARY KEY AUTOINCREMENT,
  AtomId            INTEGER NOT NULL REFERENCES Atom (AtomId) ON DELETE CASCADE,
  TenantId          INTEGER NOT NULL,
  ModelId           INTEGER NOT NULL REFERENCES EmbeddingModel (ModelId),
  Dimension         INTEGER NOT NULL,
  EmbeddingVector   BLOB    NOT NULL CHECK (length(EmbeddingVector) = 4 * Dimension),
  WindowCount       INTEGER NOT NULL DEFAULT 1,   -- above 1: the text was longer than the model's window and was averaged
  X                 REAL,
  Y                 REAL,
  Z                 REAL,
  HilbertValue      INTEGER,
  ProjectionModelId INTEGER REFERENCES ProjectionModel (ProjectionModelId),
  IngestHour        TEXT    NOT NULL,
  RunId             TEXT,
  CreatedAt         TEXT    NOT NULL,
  SpatialKey        TEXT    GENERATED ALWAYS AS ('POINT(' || X || ' ' || Y || ' ' || Z || ')') VIRTUAL,
  SpatialBucketX    INTEGER GENERATED ALWAYS AS (CAST(X / 0.1 AS INTEGER)) VIRTUAL,
  SpatialBucketY    INTEGER GENERATED ALWAYS AS (CAST(Y / 0.1 AS INTEGER)) VIRTUAL,
  SpatialBucketZ    INTEGER GENERATED ALWAYS AS (CAST(Z / 0.1 AS INTEGER)) VIRTUAL,
  UNIQUE (AtomId, ModelId)
);
CREATE INDEX AtomEmbedding_Hilbert ON AtomEmbedding (TenantId, ModelId, HilbertValue);
CREATE INDEX AtomEmbedding_Model ON AtomEmbedding (TenantId, ModelId);
CREATE INDEX AtomEmbedding_Hour ON AtomEmbedding (IngestHour, ProjectionModelId);

CREATE TABLE BackgroundJob (
  JobId        TEXT    NOT NULL PRIMARY KEY,     -- UUID version 7: ordered by time
  JobType      TEXT    NOT NULL,
  Parameters   TEXT    NOT NULL CHECK (json_valid(Parameters)),
  AtomId       INTEGER REFERENCES Atom (AtomId) ON DELETE CASCADE,
  TenantId     INTEGER NOT NULL,
  IngestHour   TEXT    NOT NULL,
  Status       TEXT    NOT NULL DEFAULT 'Pending'
               CHECK (Status IN ('Pending', 'InProgress', 'Completed', 'Failed', 'DeadLettered')),
  AttemptCount INTEGER NOT NULL DEFAULT 0,
  MaxAttempts  INTEGER NOT NULL DEFAULT 5,
  LeaseOwner   TEXT,
  LeaseUntil   TEXT,
  Result       TEXT,
  CreatedAt    TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  StartedAt    TEXT,
  CompletedAt  TEXT
);
CREATE INDEX BackgroundJob_Open ON BackgroundJob (IngestHour, Status, JobType) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX BackgroundJob_Atom ON BackgroundJob (AtomId);

CREATE TABLE QueueMessage (
  Sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
  MessageId     TEXT    NOT NULL UNIQUE,
  Queue         TEXT    NOT NULL,
  OrderingKey   TEXT    NOT NULL,
  Body          BLOB    NOT NULL,
  AttemptCount  INTEGER NOT NULL DEFAULT 0,
  EnqueuedAt    TEXT    NOT NULL,
  FirstFailedAt TEXT,
  LastError     TEXT
);
CREATE INDEX QueueMessage_Queue ON QueueMessage (Queue, Sequence);

CREATE TABLE DeadLetter (
  DeadLetterId  INTEGER PRIMARY KEY AUTOINCREMENT,
  Kind          TEXT    NOT NULL CHECK (Kind IN ('message', 'source', 'job')),
  TenantId      INTEGER,              -- NULL: the message was too broken to say
  IngestHour    TEXT    NOT NULL,
  Queue         TEXT,
  OrderingKey   TEXT,
  MessageId     TEXT,
  SourceId      INTEGER,
  JobId         TEXT,
  Reason        TEXT    NOT NULL,
  Body          BLOB    NOT NULL,
  AttemptCount  INTEGER NOT NULL,
  FirstFailedAt TEXT    NOT NULL,
  LastFailedAt  TEXT    NOT NULL,
  Replay        TEXT    NOT NULL      -- how to replay it
);
CREATE INDEX DeadLetter_Tenant ON DeadLetter (TenantId, DeadLetterId);
CREATE INDEX DeadLetter_Message ON DeadLetter (MessageId);
CREATE INDEX DeadLetter_Hour ON DeadLetter (IngestHour);

CREATE TABLE Inference (
  InferenceId TEXT    NOT NULL,
  TenantId    INTEGER NOT NULL,
  Model       TEXT    NOT NULL,
  Task        TEXT,
  StartedAt   TEXT,
  DurationMs  INTEGER,
  Metadata    TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(Metadata)),
  CreatedAt   TEXT    NOT NULL,
  PRIMARY KEY (TenantId, InferenceId)
);

CREATE TABLE InferenceAtom (
  TenantId    INTEGER NOT NULL,
  InferenceId TEXT    NOT NULL,
  Role        TEXT    NOT NULL CHECK (Role IN ('input', 'output')),
  Ordinal     INTEGER NOT NULL,
  AtomHash    BLOB    NOT NULL CHECK (length(AtomHash) = 32),   -- by hash: an inference may name an atom that is not here yet
  PRIMARY KEY (TenantId, InferenceId, Role, Ordinal)
) WITHOUT ROWID;
CREATE INDEX InferenceAtom_Atom ON InferenceAtom (TenantId, AtomHash);

CREATE TABLE Erasure (
  ErasureId        INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId         INTEGER NOT NULL,
  Salt             BLOB    NOT NULL,
  SaltedHash       BLOB    NOT NULL,
  AtomsErased      INTEGER NOT NULL,
  AtomsKept        INTEGER NOT NULL,
  BytesErased      INTEGER NOT NULL,
  GraphNodesErased INTEGER NOT NULL,
  ErasedAt         TEXT    NOT NULL
);

-- Which file the message may read although it lies under no allowed root: written by the command line for the paths that it is given.
CREATE TABLE PathGrant (
  MessageId TEXT NOT NULL PRIMARY KEY,
  Uri       TEXT NOT NULL      -- of the file it really is, links followed; a uri, because a file name need not be text
) WITHOUT ROWID;
