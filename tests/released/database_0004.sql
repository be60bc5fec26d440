-- An embedded database as release 0.1 leaves it: migrations 0001 to 0004, and rows of every table.
-- The rows serve SQL Server, too: its tables have the same columns.

CREATE TABLE SchemaVersion (Version INTEGER PRIMARY KEY, Name TEXT NOT NULL, Sha256 TEXT NOT NULL, AppliedAt TEXT NOT NULL);

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

CREATE TABLE AtomContent (
  AtomId     INTEGER PRIMARY KEY REFERENCES Atom (AtomId) ON DELETE CASCADE,
  ByteLength INTEGER NOT NULL,
  Content    BLOB,
  BlobKey    TEXT,
  CHECK ((Content IS NULL) <> (BlobKey IS NULL))
);

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

CREATE TABLE PathGrant (
  MessageId TEXT NOT NULL PRIMARY KEY,
  Uri       TEXT NOT NULL      -- of the file it really is, links followed; a uri, because a file name need not be text
) WITHOUT ROWID;

INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (1, 'tables', '6e17429bb180a22c229b716c760da6758897ef6aa4c15de1015816d061f5cf61', '2026-11-23T09:00:00.000Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (2, 'embedding_jobs', '12194d12e5bd49dd3247d88c883586060413cee6e9aa196477f097b627bbf72b', '2026-11-23T09:00:00.000Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (3, 'full_text', '049d000707a4ef047931dafedaccf8ba386ce0709506517cfc38789fb7b9d01a', '2026-11-23T09:00:00.000Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (4, 'inference_hours', '95f5fbcc9b33525aafebd8263ab6362d9ce28ca988d44a508bf8ed69d1241a90', '2026-11-23T09:00:00.000Z');
INSERT INTO Source (SourceId, TenantId, SourceUri, Version, SupersededBy, Status, ContentHash, ByteLength, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, ErrorMessage, ContentType, IngestHour, AtomizerVersion, RunId, AttemptCount, ReceivedAt, LastSeenAt, Metadata) VALUES (2, 0, 'file:///srv/report.txt', 2, NULL, 'Atomized', x'3bc6ccc0c204e972ad5f48696bad3155f462b9606b2846debed08e5222cecd52', 29, '0193a5b0-0000-7000-8000-000000000002', 'file:///srv/report.txt', NULL, NULL, NULL, NULL, 'text/plain', '2026-11-23-09:00', 'text/1', '3f1c', 0, '2026-11-23T09:01:00.000Z', '2026-11-23T09:02:00.000Z', '{"name": "report"}');
INSERT INTO Source (SourceId, TenantId, SourceUri, Version, SupersededBy, Status, ContentHash, ByteLength, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, ErrorMessage, ContentType, IngestHour, AtomizerVersion, RunId, AttemptCount, ReceivedAt, LastSeenAt, Metadata) VALUES (1, 0, 'file:///srv/report.txt', 1, 2, 'Atomized', x'9f7e7211accdf23c6525afd4dd0184aa895d7b07b8022f0e372c25e5010baa23', 116, '0193a5b0-0000-7000-8000-000000000001', NULL, NULL, NULL, NULL, NULL, 'text/plain', '2026-11-23-09:00', 'text/1', '3f1c', 0, '2026-11-23T09:01:00.000Z', '2026-11-23T09:02:00.000Z', '{"name": "report"}');
INSERT INTO Source (SourceId, TenantId, SourceUri, Version, SupersededBy, Status, ContentHash, ByteLength, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, ErrorMessage, ContentType, IngestHour, AtomizerVersion, RunId, AttemptCount, ReceivedAt, LastSeenAt, Metadata) VALUES (3, 7, 'file:///srv/report.txt', 1, NULL, 'Atomized', x'1be276a5ae375051aca20ef38c1e60ad54583bcadd0d5a352918656db17c5841', 19, '0193a5b0-0000-7000-8000-000000000003', NULL, NULL, NULL, NULL, NULL, 'text/plain', '2026-11-23-09:00', 'text/1', '3f1c', 0, '2026-11-23T09:01:00.000Z', '2026-11-23T09:02:00.000Z', '{"name": "report"}');
INSERT INTO Source (SourceId, TenantId, SourceUri, Version, SupersededBy, Status, ContentHash, ByteLength, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, ErrorMessage, ContentType, IngestHour, AtomizerVersion, RunId, AttemptCount, ReceivedAt, LastSeenAt, Metadata) VALUES (4, 0, 'file:///srv/landed.txt', 1, NULL, 'Landed', x'78ee12c65d407ba0694df910c6b815938bf6119f7288bd720a48c98e11af57bc', 6, '0193a5b0-0000-7000-8000-000000000004', NULL, 'ab/abcd', NULL, NULL, NULL, 'text/plain', '2026-11-23-09:00', NULL, NULL, 0, '2026-11-23T09:01:00.000Z', '2026-11-23T09:02:00.000Z', '{"name": "report"}');
INSERT INTO Source (SourceId, TenantId, SourceUri, Version, SupersededBy, Status, ContentHash, ByteLength, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, ErrorMessage, ContentType, IngestHour, AtomizerVersion, RunId, AttemptCount, ReceivedAt, LastSeenAt, Metadata) VALUES (5, 0, 'file:///srv/leased.txt', 1, NULL, 'Atomizing', x'1ef001c44773ada34af4534af34dfedffb7f112e831b0572b0998b6b3e167cca', 6, '0193a5b0-0000-7000-8000-000000000005', NULL, NULL, 'host:1:run', '2026-11-23T09:30:00.000Z', 'OSError: [Errno 5] Input/output error', 'text/plain', '2026-11-23-09:00', 'text/1', '3f1c', 2, '2026-11-23T09:01:00.000Z', '2026-11-23T09:02:00.000Z', '{"name": "report"}');
INSERT INTO Source (SourceId, TenantId, SourceUri, Version, SupersededBy, Status, ContentHash, ByteLength, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, ErrorMessage, ContentType, IngestHour, AtomizerVersion, RunId, AttemptCount, ReceivedAt, LastSeenAt, Metadata) VALUES (6, 0, 'file:///srv/broken.txt', 1, NULL, 'DeadLettered', x'f526795c95399cea27c055c842c3d6ab018ed0fa4f66f701c28ab22dec28237b', 6, '0193a5b0-0000-7000-8000-000000000006', NULL, NULL, NULL, NULL, 'not UTF-8', 'text/plain', '2026-11-23-09:00', 'text/1', '3f1c', 5, '2026-11-23T09:01:00.000Z', '2026-11-23T09:02:00.000Z', '{"name": "report"}');
INSERT INTO Source (SourceId, TenantId, SourceUri, Version, SupersededBy, Status, ContentHash, ByteLength, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, ErrorMessage, ContentType, IngestHour, AtomizerVersion, RunId, AttemptCount, ReceivedAt, LastSeenAt, Metadata) VALUES (7, 0, 'file:///srv/pixel.png', 1, NULL, 'Atomized', x'823ceb99fcef5252333ede1b2202341c3b287b6d47571963e6b0ddf393a24f82', 6, '0193a5b0-0000-7000-8000-000000000007', NULL, NULL, NULL, NULL, NULL, 'text/plain', '2026-11-23-09:00', 'text/1', '3f1c', 0, '2026-11-23T09:01:00.000Z', '2026-11-23T09:02:00.000Z', '{"name": "report"}');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (1, 0, 'text', 'sentence', x'1be276a5ae375051aca20ef38c1e60ad54583bcadd0d5a352918656db17c5841', 'The first sentence.', x'5468652066697273742073656e74656e63652e', 'text/plain', 2, 0, '2026-11-23-09:00', '2026-11-23T09:03:00.000Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (2, 0, 'text', 'sentence', x'4a94ec27e7bd5779614b560b8d3c5a30157c24108280c897f0dde2718ccc5899', 'A second sentence, which is longer than the sixty-four bytes that a short value may have at most.', NULL, 'text/plain', 1, 0, '2026-11-23-09:00', '2026-11-23T09:03:00.000Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (3, 0, 'text', 'sentence', x'89ca4a5d0554b0af069d3f43a9525ac402dc12c44fa3ccf536feeb8a6bd8ba1d', 'Café 🙂', x'436166c3a920f09f9982', 'text/plain', 1, 0, '2026-11-23-09:00', '2026-11-23T09:03:00.000Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (4, 7, 'text', 'sentence', x'1be276a5ae375051aca20ef38c1e60ad54583bcadd0d5a352918656db17c5841', 'The first sentence.', x'5468652066697273742073656e74656e63652e', 'text/plain', 1, 0, '2026-11-23-09:00', '2026-11-23T09:03:00.000Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (5, 0, 'binary', 'chunk', x'823ceb99fcef5252333ede1b2202341c3b287b6d47571963e6b0ddf393a24f82', NULL, x'89504e470d0a', 'image/png', 1, 0, '2026-11-23-09:00', '2026-11-23T09:03:00.000Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (6, 0, 'text', NULL, x'c9616cb59d02c9ee41e1bd3f02c60ee7ca83b44ecf5719ced43f1a14e0391ed9', 'by hand', x'62792068616e64', NULL, 0, 1, '2026-11-23-09:00', '2026-11-23T09:03:00.000Z');
INSERT INTO AtomContent (AtomId, ByteLength, Content, BlobKey) VALUES (2, 97, x'41207365636f6e642073656e74656e63652c207768696368206973206c6f6e676572207468616e207468652073697874792d666f7572206279746573207468617420612073686f72742076616c7565206d61792068617665206174206d6f73742e', NULL);
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (1, 'content', 0, 1, 0, 19, NULL, '{"line": 1}');
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (1, 'content', 1, 2, 19, 97, NULL, '{"line": 2}');
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (2, 'content', 0, 1, 0, 19, NULL, '{"line": 1}');
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (2, 'content', 1, 3, 19, 10, NULL, '{"line": 2}');
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (3, 'content', 0, 4, 0, 19, NULL, '{"line": 1}');
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (7, 'content', 0, 5, 0, 6, NULL, '{"line": 1}');
INSERT INTO EmbeddingModel (ModelId, Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt) VALUES (1, 'text', 'all-MiniLM-L6-v2', 3, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'int8', '{"max_length": 256}', 1, '2026-11-23T09:04:00.000Z');
INSERT INTO ProjectionModel (ProjectionModelId, ModelId, Method, Parameters, TrainedOn, ArtifactHash, Active, CreatedAt) VALUES (1, 1, 'landmarks', '{"bits": 21}', 0, 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 1, '2026-11-23T09:04:00.000Z');
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, IngestHour, RunId, CreatedAt, X, Y, Z, HilbertValue, ProjectionModelId) VALUES (1, 1, 0, 1, 3, x'9a99193fcdcc4c3f00000000', 1, '2026-11-23-09:00', '3f1c', '2026-11-23T09:05:00.000Z', 0.25, -0.5, 0.125, 4611686018427387904, 1);
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, IngestHour, RunId, CreatedAt, X, Y, Z, HilbertValue, ProjectionModelId) VALUES (2, 2, 0, 1, 3, x'9a99193fcdcc4c3f00000000', 1, '2026-11-23-09:00', '3f1c', '2026-11-23T09:05:00.000Z', 0.25, -0.5, 0.125, 4611686018427387904, 1);
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, IngestHour, RunId, CreatedAt, X, Y, Z, HilbertValue, ProjectionModelId) VALUES (3, 4, 7, 1, 3, x'9a99193fcdcc4c3f00000000', 1, '2026-11-23-09:00', '3f1c', '2026-11-23T09:05:00.000Z', NULL, NULL, NULL, NULL, NULL);
INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES ('0193a5b0-1111-7000-8000-000000000001', 'GenerateEmbedding', '{"AtomId":1,"TenantId":0}', 1, 0, '2026-11-23-09:00', 'Completed', 1, 5, NULL, NULL, '{"embedding": 1}', '2026-11-23T09:03:00.000Z', '2026-11-23T09:04:00.000Z', '2026-11-23T09:05:00.000Z');
INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES ('0193a5b0-1111-7000-8000-000000000002', 'GenerateEmbedding', '{"AtomId":2,"TenantId":0}', 2, 0, '2026-11-23-09:00', 'InProgress', 2, 5, 'host:1:run', '2026-11-23T09:40:00.000Z', NULL, '2026-11-23T09:03:00.000Z', '2026-11-23T09:04:00.000Z', NULL);
INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES ('0193a5b0-1111-7000-8000-000000000003', 'GenerateEmbedding', '{"AtomId":3,"TenantId":0}', 3, 0, '2026-11-23-09:00', 'Pending', 3, 5, NULL, NULL, NULL, '2026-11-23T09:03:00.000Z', NULL, NULL);
INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES ('0193a5b0-1111-7000-8000-000000000004', 'GenerateEmbedding', '{"AtomId":4,"TenantId":7}', 4, 7, '2026-11-23-09:00', 'Failed', 4, 5, NULL, NULL, 'RuntimeError', '2026-11-23T09:03:00.000Z', '2026-11-23T09:04:00.000Z', '2026-11-23T09:05:00.000Z');
INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES ('0193a5b0-1111-7000-8000-000000000005', 'GenerateEmbedding', '{"AtomId":6,"TenantId":0}', 6, 0, '2026-11-23-09:00', 'DeadLettered', 5, 5, NULL, NULL, 'RuntimeError', '2026-11-23T09:03:00.000Z', '2026-11-23T09:04:00.000Z', '2026-11-23T09:05:00.000Z');
INSERT INTO BackgroundJob (JobId, JobType, Parameters, AtomId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES ('0193a5b0-1111-7000-8000-000000000006', 'Other', '{}', NULL, 0, '2026-11-23-09:00', 'Pending', 0, 3, NULL, NULL, NULL, '2026-11-23T09:03:00.000Z', NULL, NULL);
INSERT INTO QueueMessage (Sequence, MessageId, Queue, OrderingKey, Body, AttemptCount, EnqueuedAt, FirstFailedAt, LastError) VALUES (1, '0193a5b0-2222-7000-8000-000000000001', 'IngestionQueue', '0/file:///srv/new.txt', x'7b2274656e616e744964223a302c22736f75726365557269223a2266696c653a2f2f2f7372762f6e65772e747874227d', 0, '2026-11-23T09:06:00.000Z', NULL, NULL);
INSERT INTO QueueMessage (Sequence, MessageId, Queue, OrderingKey, Body, AttemptCount, EnqueuedAt, FirstFailedAt, LastError) VALUES (2, '0193a5b0-2222-7000-8000-000000000002', 'IngestionQueue', '0/file:///srv/new.txt', x'ff00206e6f206a736f6e', 4, '2026-11-23T09:06:00.000Z', '2026-11-23T09:07:00.000Z', 'ValueError');
INSERT INTO QueueMessage (Sequence, MessageId, Queue, OrderingKey, Body, AttemptCount, EnqueuedAt, FirstFailedAt, LastError) VALUES (3, '0193a5b0-2222-7000-8000-000000000003', 'ProvenanceQueue', '0/file:///srv/new.txt', x'7b226576656e7454797065223a2241746f6d7343726561746564222c22736f757263654964223a327d', 1, '2026-11-23T09:06:00.000Z', '2026-11-23T09:07:00.000Z', 'ValueError');
INSERT INTO DeadLetter (DeadLetterId, Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt, Replay) VALUES (1, 'message', NULL, '2026-11-23-09:00', 'IngestionQueue', 'k', '0193a5b0-2222-7000-8000-000000000009', NULL, NULL, 'given up', x'ff7b2262726f6b656e22', 5, '2026-11-23T09:08:00.000Z', '2026-11-23T09:09:00.000Z', 'replay it');
INSERT INTO DeadLetter (DeadLetterId, Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt, Replay) VALUES (2, 'source', 0, '2026-11-23-09:00', NULL, NULL, NULL, 6, NULL, 'not UTF-8', x'ff7b2262726f6b656e22', 5, '2026-11-23T09:08:00.000Z', '2026-11-23T09:09:00.000Z', 'replay it');
INSERT INTO DeadLetter (DeadLetterId, Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt, Replay) VALUES (3, 'source', 0, '2026-11-23-09:00', NULL, NULL, NULL, 6, NULL, 'not UTF-8', x'ff7b2262726f6b656e22', 5, '2026-11-23T09:08:00.000Z', '2026-11-23T09:09:00.000Z', 'replay it');
INSERT INTO DeadLetter (DeadLetterId, Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt, Replay) VALUES (4, 'job', 0, '2026-11-23-09:00', NULL, NULL, NULL, NULL, '0193a5b0-1111-7000-8000-000000000005', 'given up', x'ff7b2262726f6b656e22', 5, '2026-11-23T09:08:00.000Z', '2026-11-23T09:09:00.000Z', 'replay it');
INSERT INTO Inference (InferenceId, TenantId, Model, Task, StartedAt, DurationMs, Metadata, CreatedAt) VALUES ('42', 0, 'm', 'search', '2026-11-23T09:10:00.000Z', 12, '{"k": 1}', '2026-11-23T09:10:00.000Z');
INSERT INTO Inference (InferenceId, TenantId, Model, Task, StartedAt, DurationMs, Metadata, CreatedAt) VALUES ('42', 7, 'm', NULL, NULL, NULL, '{}', '2026-11-23T09:10:00.000Z');
INSERT INTO InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash) VALUES (0, '42', 'input', 0, x'1be276a5ae375051aca20ef38c1e60ad54583bcadd0d5a352918656db17c5841');
INSERT INTO InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash) VALUES (0, '42', 'output', 0, x'4894ffe430924d557d7353919b67bfe62f451c5e73fbf2749cd3feb94c34c2c5');
INSERT INTO Erasure (ErasureId, TenantId, Salt, SaltedHash, AtomsErased, AtomsKept, BytesErased, GraphNodesErased, ErasedAt) VALUES (1, 3, x'73737373737373737373737373737373', x'fff8183339f0018181a3bf8eee82afddfe501781c1d76b02f4ea9b75f1701097', 2, 1, 40, 3, '2026-11-23T09:11:00.000Z');
INSERT INTO PathGrant (MessageId, Uri) VALUES ('0193a5b0-2222-7000-8000-000000000001', 'file:///srv/new.txt');

CREATE UNIQUE INDEX Source_Current ON Source (TenantId, SourceUri) WHERE SupersededBy IS NULL AND Status = 'Atomized';
CREATE INDEX Source_Hour ON Source (IngestHour, Status);
CREATE INDEX Source_SupersededBy ON Source (SupersededBy) WHERE SupersededBy IS NOT NULL;
CREATE INDEX Source_Blob ON Source (BlobKey) WHERE BlobKey IS NOT NULL;
CREATE INDEX Source_Unfinished ON Source (TenantId, SourceUri, Version) WHERE Status IN ('Landed', 'Atomizing');
CREATE UNIQUE INDEX Atom_ContentHash ON Atom (TenantId, ContentHash);
CREATE INDEX Atom_Hour ON Atom (IngestHour);
CREATE INDEX Atom_Unreferenced ON Atom (AtomId) WHERE ReferenceCount = 0 AND InsertedByHand = 0;
CREATE INDEX AtomContent_Blob ON AtomContent (BlobKey) WHERE BlobKey IS NOT NULL;
CREATE INDEX SourceAtom_Atom ON SourceAtom (AtomId, SourceId);
CREATE UNIQUE INDEX EmbeddingModel_Active ON EmbeddingModel (Modality) WHERE Active = 1;
CREATE UNIQUE INDEX ProjectionModel_Active ON ProjectionModel (ModelId) WHERE Active = 1;
CREATE INDEX AtomEmbedding_Hilbert ON AtomEmbedding (TenantId, ModelId, HilbertValue);
CREATE INDEX AtomEmbedding_Model ON AtomEmbedding (TenantId, ModelId);
CREATE INDEX AtomEmbedding_Hour ON AtomEmbedding (IngestHour, ProjectionModelId);
CREATE INDEX BackgroundJob_Open ON BackgroundJob (IngestHour, Status, JobType) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX BackgroundJob_Atom ON BackgroundJob (AtomId);
CREATE INDEX QueueMessage_Queue ON QueueMessage (Queue, Sequence);
CREATE INDEX DeadLetter_Tenant ON DeadLetter (TenantId, DeadLetterId);
CREATE INDEX DeadLetter_Message ON DeadLetter (MessageId);
CREATE INDEX DeadLetter_Hour ON DeadLetter (IngestHour);
CREATE INDEX InferenceAtom_Atom ON InferenceAtom (TenantId, AtomHash);
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
CREATE INDEX Inference_Created ON Inference (TenantId, CreatedAt);
INSERT INTO AtomText (AtomText) VALUES ('rebuild');
