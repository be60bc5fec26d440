-- Made by tests/released/make.py in the hour 2026-11-30-11:00.
BEGIN;
CREATE TABLE SchemaVersion (Version INTEGER PRIMARY KEY, Name TEXT NOT NULL, Sha256 TEXT NOT NULL, AppliedAt TEXT NOT NULL);
CREATE TABLE Source (
  SourceId        INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId        INTEGER NOT NULL,
  SourceUri       TEXT    NOT NULL,
  ParentSourceId  INTEGER REFERENCES Source (SourceId),   -- the source that this one was found in, such as the archive of a file
  Version         INTEGER NOT NULL,
  SupersededBy    INTEGER REFERENCES Source (SourceId),
  ContentType     TEXT    NOT NULL,
  ContentHash     BLOB    CHECK (ContentHash IS NULL OR length(ContentHash) = 32),
  ByteLength      INTEGER NOT NULL,
  IngestHour      TEXT    NOT NULL,
  Status          TEXT    NOT NULL DEFAULT 'Landed'
                  CHECK (Status IN ('Landed', 'Atomizing', 'Atomized', 'DeadLettered', 'Erased')),
  AtomizerVersion TEXT,
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
CREATE TABLE SourceRun (
  SourceId INTEGER NOT NULL REFERENCES Source (SourceId) ON DELETE CASCADE,
  RunId    TEXT    NOT NULL,
  PRIMARY KEY (SourceId, RunId)
) WITHOUT ROWID;
CREATE TABLE PathGrant (
  MessageId TEXT NOT NULL PRIMARY KEY,
  Uri       TEXT NOT NULL      -- of the file it really is, links followed; a uri, because a file name need not be text
) WITHOUT ROWID;
CREATE TABLE Atom (
  AtomId         INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId       INTEGER NOT NULL,
  Modality       TEXT    NOT NULL,
  Subtype        TEXT,
  ContentHash    BLOB    NOT NULL CHECK (typeof(ContentHash) = 'blob' AND length(ContentHash) = 32),
  CanonicalText  TEXT,                         -- of text, the only copy: its bytes are its UTF-8
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
CREATE TABLE AtomDerivation (
  SourceId      INTEGER NOT NULL REFERENCES Source (SourceId) ON DELETE CASCADE,
  DerivedAtomId INTEGER NOT NULL REFERENCES Atom (AtomId),
  FromAtomId    INTEGER NOT NULL REFERENCES Atom (AtomId),
  PRIMARY KEY (SourceId, DerivedAtomId, FromAtomId)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE AtomText USING fts5 (
  Words, content = '', tokenize = "porter unicode61 remove_diacritics 2 categories 'L* M* N* Co'"
);
CREATE TABLE TextToIndex (
  AtomId      INTEGER PRIMARY KEY,
  IndexedText TEXT
);
CREATE TABLE Modality (
  Name           TEXT    NOT NULL PRIMARY KEY,
  NeedsEmbedding INTEGER NOT NULL CHECK (NeedsEmbedding IN (0, 1))
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
CREATE TABLE QueueMessage (
  Sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
  MessageId     TEXT    NOT NULL UNIQUE CHECK (typeof(MessageId) = 'text'),
  Queue         TEXT    NOT NULL CHECK (Queue IN ('IngestionQueue', 'ProvenanceQueue')),
  OrderingKey   TEXT    NOT NULL CHECK (typeof(OrderingKey) = 'text'),
  Body          BLOB    NOT NULL CHECK (typeof(Body) IN ('blob', 'text')),
  AttemptCount  INTEGER NOT NULL DEFAULT 0 CHECK (typeof(AttemptCount) = 'integer' AND AttemptCount >= 0),
  EnqueuedAt    TEXT    NOT NULL CHECK (typeof(EnqueuedAt) = 'text'),
  FirstFailedAt TEXT    CHECK (typeof(FirstFailedAt) IN ('text', 'null')),
  LastError     TEXT    CHECK (typeof(LastError) IN ('text', 'null'))
);
CREATE TABLE QueueLease (
  Queue      TEXT NOT NULL PRIMARY KEY,
  LeaseOwner TEXT NOT NULL,
  LeaseUntil TEXT NOT NULL
) WITHOUT ROWID;
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
  Replay        TEXT    NOT NULL,     -- how to replay it
  Fingerprint   BLOB,                 -- of file or message, and reason; NULL: one that is never met again
  SeenCount     INTEGER NOT NULL DEFAULT 1
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
DELETE FROM SchemaVersion;
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (1, 'sources', '82fc1d640f10c5e1151b2e4e806730e752ff55768642188b782ff85db0cf3258', '2026-11-30T11:26:44.403Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (2, 'atoms', '9622003fb0b57dbc9a366d0e217b1d0f16f36ef1cd6fa5116077d70f9ace1239', '2026-11-30T11:26:44.404Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (3, 'full_text', '120fe88a3fa009b87e04d4190352cf49a28fd3af40b564d52e9f817f1a12d239', '2026-11-30T11:26:44.404Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (4, 'embeddings', '228373eb7af262b059b81b77a45f3e8b39c4038169cb6a025512f71b112464c0', '2026-11-30T11:26:44.405Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (5, 'jobs', '3c29f12ba24fd10333681c0079a0d22fe5055b6e5d191f6aab5d6a27608d68c2', '2026-11-30T11:26:44.407Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (6, 'queues', 'ca2116559c5e3752b2cf9aad06583cd371925218631a12a19be59151fd4be535', '2026-11-30T11:26:44.407Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (7, 'records', '8fb9f1ae0297f8e0db352a8370ca774225aba1783b8fcd1593b26cbd59d66f53', '2026-11-30T11:26:44.408Z');
DELETE FROM Source;
INSERT INTO Source (SourceId, TenantId, SourceUri, ParentSourceId, Version, SupersededBy, ContentType, ContentHash, ByteLength, IngestHour, Status, AtomizerVersion, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, AttemptCount, ReceivedAt, LastSeenAt, ErrorMessage, Metadata) VALUES (1, 0, 'file:///tmp/tmp3itjtwna/files/tides.txt', NULL, 1, 2, 'text/plain', X'F6A84049859929A58B7A24AA777C912C9285FB7F39710EFFE4FDA318873EC5FB', 89, '2026-11-30-11:00', 'Atomized', 'text 2+passage-400-1200+nupunkt-0.8.0', '01a22c35-0ed0-7a81-83f5-ff61ba42b6e1', 'file:///tmp/tmp3itjtwna/files/tides.txt', NULL, NULL, NULL, 1, '2026-11-30T11:26:44.434Z', '2026-11-30T11:26:44.434Z', NULL, '{"topic": "sea"}');
INSERT INTO Source (SourceId, TenantId, SourceUri, ParentSourceId, Version, SupersededBy, ContentType, ContentHash, ByteLength, IngestHour, Status, AtomizerVersion, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, AttemptCount, ReceivedAt, LastSeenAt, ErrorMessage, Metadata) VALUES (2, 0, 'file:///tmp/tmp3itjtwna/files/tides.txt', NULL, 2, NULL, 'text/plain', X'BD70295EF5B4AA87BCBCF75526A8483810F28DF2D98C22A34F15B5A88A5CD72C', 3160, '2026-11-30-11:00', 'Atomized', 'text 2+passage-400-1200+nupunkt-0.8.0', '01a22c35-0eeb-7d30-847b-d382376c2406', 'file:///tmp/tmp3itjtwna/files/tides.txt', NULL, NULL, NULL, 1, '2026-11-30T11:26:44.460Z', '2026-11-30T11:26:44.460Z', NULL, '{"topic": "sea"}');
INSERT INTO Source (SourceId, TenantId, SourceUri, ParentSourceId, Version, SupersededBy, ContentType, ContentHash, ByteLength, IngestHour, Status, AtomizerVersion, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, AttemptCount, ReceivedAt, LastSeenAt, ErrorMessage, Metadata) VALUES (3, 0, 'bytes:40', NULL, 1, NULL, 'application/octet-stream', X'5FAA4EEC3611556812C2D74B437C8C49ADD3F910F10063D801441F7D75CD5E3B', 40, '2026-11-30-11:00', 'Atomized', 'chunks 1+pyfastcdc-0.3.1', '01a22c35-0f05-74b0-8e50-fc4b6880fbaf', NULL, NULL, NULL, NULL, 1, '2026-11-30T11:26:44.495Z', '2026-11-30T11:26:44.495Z', NULL, '{}');
INSERT INTO Source (SourceId, TenantId, SourceUri, ParentSourceId, Version, SupersededBy, ContentType, ContentHash, ByteLength, IngestHour, Status, AtomizerVersion, MessageId, ReadUri, BlobKey, LeaseOwner, LeaseUntil, AttemptCount, ReceivedAt, LastSeenAt, ErrorMessage, Metadata) VALUES (4, 0, 'bytes:1024', NULL, 1, NULL, 'application/octet-stream', X'785B0751FC2C53DC14A4CE3D800E69EF9CE1009EB327CCF458AFE09C242C26C9', 1024, '2026-11-30-11:00', 'Atomized', 'chunks 1+pyfastcdc-0.3.1', '01a22c35-0f05-7098-be83-8645ebdd5196', NULL, NULL, NULL, NULL, 1, '2026-11-30T11:26:44.497Z', '2026-11-30T11:26:44.497Z', NULL, '{}');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('QueueMessage', 19);
INSERT INTO sqlite_sequence (name, seq) VALUES ('Source', 4);
INSERT INTO sqlite_sequence (name, seq) VALUES ('StoredJob', 11);
INSERT INTO sqlite_sequence (name, seq) VALUES ('Atom', 9);
INSERT INTO sqlite_sequence (name, seq) VALUES ('AtomEmbedding', 6);
INSERT INTO sqlite_sequence (name, seq) VALUES ('DeadLetter', 2);
INSERT INTO sqlite_sequence (name, seq) VALUES ('Erasure', 1);
DELETE FROM SourceRun;
INSERT INTO SourceRun (SourceId, RunId) VALUES (1, 'run');
INSERT INTO SourceRun (SourceId, RunId) VALUES (2, 'run');
INSERT INTO SourceRun (SourceId, RunId) VALUES (3, 'run');
INSERT INTO SourceRun (SourceId, RunId) VALUES (4, 'run');
DELETE FROM PathGrant;
INSERT INTO PathGrant (MessageId, Uri) VALUES ('a message', 'file:///granted.txt');
DELETE FROM Atom;
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (1, 0, 'text', 'passage', X'8B15AEDF2EFD204B4DA8B86E2375828A5D347064067133B5193461E0F74EE513', 'The tide rises twice a day.

The moon pulls at the sea: où va l''eau? 水が満ちる。', NULL, 'text/passage', 2, 0, '2026-11-30-11:00', '2026-11-30T11:26:44.439Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (2, 0, 'text', 'passage', X'3C16529335C7B5C227232E4179FED3DF7B8602F6732B6037A1915C3EED4D08EC', 'Barnacle 21 shuts its plates when the water is gone, and waits for the tide. Barnacle 22 shuts its plates when the water is gone, and waits for the tide. Barnacle 23 shuts its plates when the water is gone, and waits for the tide. Barnacle 24 shuts its plates when the water is gone, and waits for the tide. Barnacle 25 shuts its plates when the water is gone, and waits for the tide. Barnacle 26 shuts its plates when the water is gone, and waits for the tide.', NULL, 'text/passage', 1, 0, '2026-11-30-11:00', '2026-11-30T11:26:44.476Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (3, 0, 'text', 'passage', X'836BFFBA46FE4018E7BEF7BC1E7105AE4B0A349C2CB4D8DF95FF120FEBFE7033', 'Barnacle 27 shuts its plates when the water is gone, and waits for the tide. Barnacle 28 shuts its plates when the water is gone, and waits for the tide. Barnacle 29 shuts its plates when the water is gone, and waits for the tide. Barnacle 30 shuts its plates when the water is gone, and waits for the tide. Barnacle 31 shuts its plates when the water is gone, and waits for the tide. Barnacle 32 shuts its plates when the water is gone, and waits for the tide. Barnacle 33 shuts its plates when the water is gone, and waits for the tide. Barnacle 34 shuts its plates when the water is gone, and waits for the tide. Barnacle 35 shuts its plates when the water is gone, and waits for the tide. Barnacle 36 shuts its plates when the water is gone, and waits for the tide. Barnacle 37 shuts its plates when the water is gone, and waits for the tide. Barnacle 38 shuts its plates when the water is gone, and waits for the tide. Barnacle 39 shuts its plates when the water is gone, and waits for the tide.', NULL, 'text/passage', 1, 0, '2026-11-30-11:00', '2026-11-30T11:26:44.476Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (4, 0, 'text', 'passage', X'A31A76314F7E81E65AFAA5493D173A98FD0D519AF762C50198CFC0368C994C06', 'Barnacle 0 shuts its plates when the water is gone, and waits for the tide. Barnacle 1 shuts its plates when the water is gone, and waits for the tide. Barnacle 2 shuts its plates when the water is gone, and waits for the tide. Barnacle 3 shuts its plates when the water is gone, and waits for the tide. Barnacle 4 shuts its plates when the water is gone, and waits for the tide. Barnacle 5 shuts its plates when the water is gone, and waits for the tide. Barnacle 6 shuts its plates when the water is gone, and waits for the tide. Barnacle 7 shuts its plates when the water is gone, and waits for the tide. Barnacle 8 shuts its plates when the water is gone, and waits for the tide.', NULL, 'text/passage', 1, 0, '2026-11-30-11:00', '2026-11-30T11:26:44.476Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (5, 0, 'text', 'passage', X'BBA7768401C34093D85F422A709A87F0E6CB6327988628EE0E8741CCBDA6B1CE', 'Barnacle 9 shuts its plates when the water is gone, and waits for the tide. Barnacle 10 shuts its plates when the water is gone, and waits for the tide. Barnacle 11 shuts its plates when the water is gone, and waits for the tide. Barnacle 12 shuts its plates when the water is gone, and waits for the tide. Barnacle 13 shuts its plates when the water is gone, and waits for the tide. Barnacle 14 shuts its plates when the water is gone, and waits for the tide. Barnacle 15 shuts its plates when the water is gone, and waits for the tide. Barnacle 16 shuts its plates when the water is gone, and waits for the tide. Barnacle 17 shuts its plates when the water is gone, and waits for the tide. Barnacle 18 shuts its plates when the water is gone, and waits for the tide. Barnacle 19 shuts its plates when the water is gone, and waits for the tide. Barnacle 20 shuts its plates when the water is gone, and waits for the tide.', NULL, 'text/passage', 1, 0, '2026-11-30-11:00', '2026-11-30T11:26:44.476Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (6, 0, 'binary', 'chunk', X'5FAA4EEC3611556812C2D74B437C8C49ADD3F910F10063D801441F7D75CD5E3B', NULL, X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F2021222324252627', 'application/octet-stream', 1, 0, '2026-11-30-11:00', '2026-11-30T11:26:44.502Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (7, 0, 'binary', 'chunk', X'785B0751FC2C53DC14A4CE3D800E69EF9CE1009EB327CCF458AFE09C242C26C9', NULL, NULL, 'application/octet-stream', 1, 0, '2026-11-30-11:00', '2026-11-30T11:26:44.504Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (8, 0, 'text', 'answer', X'AAACFADAB90D25188B8DB010680A02B5B69E94A9065081FF7E3CB511F7836235', 'The moon makes the tide.', NULL, 'text/plain', 0, 1, '2026-11-30-11:00', '2026-11-30T11:26:44.510Z');
INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount, InsertedByHand, IngestHour, CreatedAt) VALUES (9, 1, 'text', 'note', X'2259E961582C9AE17235DB655C751DDB198605C3BEA788A4170A8BAA3511C614', 'typed', X'7479706564', NULL, 0, 1, '2026-11-30-11:00', '2026-11-30T11:26:44.525Z');
DELETE FROM AtomContent;
INSERT INTO AtomContent (AtomId, ByteLength, Content, BlobKey) VALUES (7, 1024, X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF', NULL);
DELETE FROM SourceAtom;
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (1, 'content', 0, 1, 0, 88, X'0A', NULL);
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (2, 'content', 0, 1, 0, 88, X'0A0A', NULL);
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (2, 'content', 1, 4, 90, 683, X'20', NULL);
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (2, 'content', 2, 5, 774, 922, X'20', NULL);
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (2, 'content', 3, 2, 1697, 461, X'20', NULL);
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (2, 'content', 4, 3, 2159, 1000, X'0A', NULL);
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (3, 'content', 0, 6, 0, 40, NULL, NULL);
INSERT INTO SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator) VALUES (4, 'content', 0, 7, 0, 1024, NULL, NULL);
DELETE FROM AtomDerivation;
INSERT INTO AtomDerivation (SourceId, DerivedAtomId, FromAtomId) VALUES (2, 5, 1);
DELETE FROM AtomText_data;
INSERT INTO AtomText_data (id, block) VALUES (1, X'068472');
INSERT INTO AtomText_data (id, block) VALUES (10, X'000000000103030003010101020101030101');
INSERT INTO AtomText_data (id, block) VALUES (137438953473, X'000000A202306101020602017401020B0103646169010207010365617501021101016C01021001046D6F6F6E01020901026F7501020E010470756C6C01020A010472697365010204010373656101020D0103746865010602080602036964650102030204776963650102050102766101020F0106E3818CE6BA800102130304A1E3828B0102150202828B0102160106E6B0B4E3818C0102120205BA80E381A101021404060608080609070909080A0809070B09070B');
INSERT INTO AtomText_data (id, block) VALUES (274877906945, X'000003DA02303004020301013104021202013005021202013105022102013205023002013305023F02013405024E02013505025D02013605026C02013705027B0201380504810A020139050481190101320402210201300504812802013102020302013202021202013302022102013402023002013502023F02013602024E02013703020302013803021202013903022101013304023002013003023002013103023F02013203024E02013303025D02013403026C02013503027B0201360304810A02013703048119020138030481280201390304813701013404023F01013504024E01013604025D01013704026C01013804027B0101390502030103616E64020C0C1111111111011A0C11111111111111111111111101120C111111111111111101180C111111111111111111111101076261726E61636C020C021111111111011A02111111111111111111111111011202111111111111111101180211111111111111111111110103666F72020C0E1111111111011A0E11111111111111111111111101120E111111111111111101180E11111111111111111111110104676F6E65020C0B1111111111011A0B11111111111111111111111101120B111111111111111101180B111111111111111111111101026973020C0A1111111111011A0A11111111111111111111111101120A111111111111111101180A1111111111111111111111020174020C051111111111011A05111111111111111111111111011205111111111111111101180511111111111111111111110105706C617465020C061111111111011A0611111111111111111111111101120611111111111111110118061111111111111111111111010473687574020C041111111111011A04111111111111111111111111011204111111111111111101180411111111111111111111110103746865021808090A090A090A090A090A09013408090A090A090A090A090A090A090A090A090A090A090A090A09012408090A090A090A090A090A090A090A090A09013008090A090A090A090A090A090A090A090A090A090A090A090203696465020C101111111111011A1011111111111111111111111101121011111111111111110118101111111111111111111111010477616974020C0D1111111111011A0D11111111111111111111111101120D111111111111111101180D11111111111111111111110303746572020C091111111111011A0911111111111111111111111101120911111111111111110118091111111111111111111111020368656E020C071111111111011A0711111111111111111111111101120711111111111111110118071111111111111111111111040606060606060606060607070607060606060606060606060606060606060707070706060606060635393536343337365D353635');
INSERT INTO AtomText_data (id, block) VALUES (412316860417, X'0000002605306D616B6508020402036F6F6E080203010374686508040205020369646508020604090809');
DELETE FROM AtomText_idx;
INSERT INTO AtomText_idx (segid, term, pgno) VALUES (1, X'', 2);
INSERT INTO AtomText_idx (segid, term, pgno) VALUES (2, X'', 2);
INSERT INTO AtomText_idx (segid, term, pgno) VALUES (3, X'', 2);
DELETE FROM AtomText_docsize;
INSERT INTO AtomText_docsize (id, sz) VALUES (1, X'15');
INSERT INTO AtomText_docsize (id, sz) VALUES (2, X'5A');
INSERT INTO AtomText_docsize (id, sz) VALUES (3, X'8143');
INSERT INTO AtomText_docsize (id, sz) VALUES (4, X'8107');
INSERT INTO AtomText_docsize (id, sz) VALUES (5, X'8134');
INSERT INTO AtomText_docsize (id, sz) VALUES (8, X'05');
DELETE FROM AtomText_config;
INSERT INTO AtomText_config (k, v) VALUES ('version', 4);
DELETE FROM TextToIndex;
INSERT INTO TextToIndex (AtomId, IndexedText) VALUES (9, NULL);
DELETE FROM Modality;
INSERT INTO Modality (Name, NeedsEmbedding) VALUES ('audio', 1);
INSERT INTO Modality (Name, NeedsEmbedding) VALUES ('binary', 0);
INSERT INTO Modality (Name, NeedsEmbedding) VALUES ('code', 1);
INSERT INTO Modality (Name, NeedsEmbedding) VALUES ('image', 1);
INSERT INTO Modality (Name, NeedsEmbedding) VALUES ('tensor', 0);
INSERT INTO Modality (Name, NeedsEmbedding) VALUES ('text', 1);
INSERT INTO Modality (Name, NeedsEmbedding) VALUES ('video', 1);
DELETE FROM EmbeddingModel;
INSERT INTO EmbeddingModel (ModelId, Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt) VALUES (1, 'text', 'small', 3, '81db8ebbbbc69c6c6ad4a6aa92b76e0c08af547da236b9e2c9dbe1d8285a8130', 'fp32', '{}', 1, '2026-11-30T11:26:44.445Z');
DELETE FROM ProjectionModel;
INSERT INTO ProjectionModel (ProjectionModelId, ModelId, Method, Parameters, TrainedOn, ArtifactHash, Active, CreatedAt) VALUES (1, 1, 'landmark', '{"dimension": 3, "mean": [0.0, 0.0, 0.0], "scale": 2.3094010767585034, "seed": "hartonomous-landmark-v1"}', 0, '88b6cca3df08f4564e980cb1d6a20d4e190b557a887b8a718bf46bdc2a18a668', 1, '2026-11-30T11:26:44.449Z');
DELETE FROM AtomEmbedding;
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, X, Y, Z, HilbertValue, ProjectionModelId, IngestHour, RunId, CreatedAt) VALUES (1, 1, 0, 1, 3, X'0000803F0000000000000000', 1, 1.0, 0.0, 0.0, 6917529027641081855, 1, '2026-11-30-11:00', 'run', '2026-11-30T11:26:44.447Z');
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, X, Y, Z, HilbertValue, ProjectionModelId, IngestHour, RunId, CreatedAt) VALUES (2, 2, 0, 1, 3, X'0000803F0000000000000000', 1, 1.0, 0.0, 0.0, 6917529027641081855, 1, '2026-11-30-11:00', 'run', '2026-11-30T11:26:44.479Z');
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, X, Y, Z, HilbertValue, ProjectionModelId, IngestHour, RunId, CreatedAt) VALUES (3, 3, 0, 1, 3, X'0000803F0000000000000000', 1, 1.0, 0.0, 0.0, 6917529027641081855, 1, '2026-11-30-11:00', 'run', '2026-11-30T11:26:44.479Z');
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, X, Y, Z, HilbertValue, ProjectionModelId, IngestHour, RunId, CreatedAt) VALUES (4, 4, 0, 1, 3, X'0000803F0000000000000000', 1, 1.0, 0.0, 0.0, 6917529027641081855, 1, '2026-11-30-11:00', 'run', '2026-11-30T11:26:44.479Z');
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, X, Y, Z, HilbertValue, ProjectionModelId, IngestHour, RunId, CreatedAt) VALUES (5, 5, 0, 1, 3, X'0000803F0000000000000000', 1, 1.0, 0.0, 0.0, 6917529027641081855, 1, '2026-11-30-11:00', 'run', '2026-11-30T11:26:44.479Z');
INSERT INTO AtomEmbedding (AtomEmbeddingId, AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, X, Y, Z, HilbertValue, ProjectionModelId, IngestHour, RunId, CreatedAt) VALUES (6, 8, 0, 1, 3, X'0000803F0000000000000000', 1, 1.0, 0.0, 0.0, 6917529027641081855, 1, '2026-11-30-11:00', 'run', '2026-11-30T11:26:44.512Z');
DELETE FROM StoredJob;
INSERT INTO StoredJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES (8, '01a22c35-0f28-76d7-bbaf-9f1e8ce8d011', 'Report', '{"pages": 3}', NULL, NULL, 0, '2026-11-30-11:00', 'Failed', 0, 5, NULL, NULL, 'by hand', 1796038004520, NULL, 1796038004521);
INSERT INTO StoredJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES (9, '01a22c35-0f29-7232-b022-69a04306b9a9', 'Report', '{"pages": 3}', NULL, NULL, 0, '2026-11-30-11:00', 'DeadLettered', 0, 5, NULL, NULL, 'by hand', 1796038004521, NULL, 1796038004522);
INSERT INTO StoredJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES (10, '01a22c35-0f2a-7e2c-9215-bbb355c9654e', 'Report', '{"pages": 3}', NULL, NULL, 0, '2026-11-30-11:00', 'InProgress', 0, 5, NULL, '2026-11-30T11:31:44.523Z', 'by hand', 1796038004522, NULL, NULL);
INSERT INTO StoredJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, Status, AttemptCount, MaxAttempts, LeaseOwner, LeaseUntil, Result, CreatedAt, StartedAt, CompletedAt) VALUES (11, NULL, NULL, NULL, 9, NULL, 1, '2026-11-30-11:00', 'Pending', 0, 5, NULL, NULL, NULL, 1796038004525, NULL, NULL);
DELETE FROM DoneJob;
INSERT INTO DoneJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt, CompletedAt) VALUES (1, NULL, NULL, NULL, 1, NULL, 0, '2026-11-30-11:00', 1, 5, NULL, 1796038004439, 1796038004446, 1796038004448);
INSERT INTO DoneJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt, CompletedAt) VALUES (2, NULL, NULL, NULL, 2, NULL, 0, '2026-11-30-11:00', 1, 5, NULL, 1796038004476, 1796038004478, 1796038004479);
INSERT INTO DoneJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt, CompletedAt) VALUES (3, NULL, NULL, NULL, 3, NULL, 0, '2026-11-30-11:00', 1, 5, NULL, 1796038004476, 1796038004478, 1796038004479);
INSERT INTO DoneJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt, CompletedAt) VALUES (4, NULL, NULL, NULL, 4, NULL, 0, '2026-11-30-11:00', 1, 5, NULL, 1796038004476, 1796038004478, 1796038004479);
INSERT INTO DoneJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt, CompletedAt) VALUES (5, NULL, NULL, NULL, 5, NULL, 0, '2026-11-30-11:00', 1, 5, NULL, 1796038004476, 1796038004478, 1796038004479);
INSERT INTO DoneJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt, CompletedAt) VALUES (6, NULL, NULL, NULL, 8, NULL, 0, '2026-11-30-11:00', 1, 5, NULL, 1796038004510, 1796038004511, 1796038004512);
INSERT INTO DoneJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt, StartedAt, CompletedAt) VALUES (7, '01a22c35-0f26-758c-b1aa-61a58ee181e9', 'Report', '{"pages": 3}', NULL, NULL, 0, '2026-11-30-11:00', 0, 5, 'by hand', 1796038004518, NULL, 1796038004519);
DELETE FROM QueueMessage;
INSERT INTO QueueMessage (Sequence, MessageId, Queue, OrderingKey, Body, AttemptCount, EnqueuedAt, FirstFailedAt, LastError) VALUES (18, '01a22c35-0f2b-7153-857e-80fdf70f0693', 'IngestionQueue', 'key', X'7B2274656E616E744964223A20302C202272617744617461223A2022535851676432467064484D6764473867596D5567624746755A47566B4C673D3D222C2022736F75726365557269223A20227761697473227D', 0, '2026-11-30T11:26:44.523Z', NULL, NULL);
INSERT INTO QueueMessage (Sequence, MessageId, Queue, OrderingKey, Body, AttemptCount, EnqueuedAt, FirstFailedAt, LastError) VALUES (19, '01a22c35-0f2c-7029-a568-38feb7dad8b3', 'ProvenanceQueue', 'key', X'7B226576656E7454797065223A2241746F6D7343726561746564222C2274656E616E744964223A302C2261746F6D496473223A5B315D7D', 0, '2026-11-30T11:26:44.524Z', NULL, NULL);
DELETE FROM QueueLease;
INSERT INTO QueueLease (Queue, LeaseOwner, LeaseUntil) VALUES ('ProvenanceQueue', 'nobody', '2026-01-01T00:00:00.000Z');
DELETE FROM DeadLetter;
INSERT INTO DeadLetter (DeadLetterId, Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt, Replay, Fingerprint, SeenCount) VALUES (1, 'message', NULL, '2026-11-30-11:00', 'IngestionQueue', 'key', '01a22c35-0f05-73be-9971-b0632d135f12', NULL, NULL, 'not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)', X'7B', 1, '2026-11-30T11:26:44.497Z', '2026-11-30T11:26:44.497Z', 'puts the message back on IngestionQueue', X'62164A81500C6707F6A2AFF8A7286679421BA0F70B1CF5589464A3E3164313D3', 1);
INSERT INTO DeadLetter (DeadLetterId, Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt, Replay, Fingerprint, SeenCount) VALUES (2, 'job', 0, '2026-11-30-11:00', NULL, NULL, NULL, NULL, '01a22c35-0f29-7232-b022-69a04306b9a9', 'by hand', X'7B227061676573223A20337D', 0, '2026-11-30T11:26:44.522Z', '2026-11-30T11:26:44.522Z', 'sets the job to Pending with no attempts counted', NULL, 1);
DELETE FROM Inference;
INSERT INTO Inference (InferenceId, TenantId, Model, Task, StartedAt, DurationMs, Metadata, CreatedAt) VALUES ('01a22c35-0f1c-73b8-af75-5e2e6ea9a62d', 0, 'a model', NULL, NULL, NULL, '{}', '2026-11-30T11:26:44.509Z');
DELETE FROM InferenceAtom;
INSERT INTO InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash) VALUES (0, '01a22c35-0f1c-73b8-af75-5e2e6ea9a62d', 'input', 0, X'0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash) VALUES (0, '01a22c35-0f1c-73b8-af75-5e2e6ea9a62d', 'output', 0, X'AAACFADAB90D25188B8DB010680A02B5B69E94A9065081FF7E3CB511F7836235');
DELETE FROM Erasure;
INSERT INTO Erasure (ErasureId, TenantId, Salt, SaltedHash, AtomsErased, AtomsKept, BytesErased, GraphNodesErased, ErasedAt) VALUES (1, 0, X'00', X'FF', 3, 1, 100, 4, '2026-01-01T00:00:00.000Z');
CREATE UNIQUE INDEX Source_Current ON Source (TenantId, SourceUri) WHERE SupersededBy IS NULL AND Status = 'Atomized';
CREATE INDEX Source_SupersededBy ON Source (SupersededBy) WHERE SupersededBy IS NOT NULL;
CREATE INDEX Source_Parent ON Source (ParentSourceId) WHERE ParentSourceId IS NOT NULL;
CREATE INDEX Source_Hour ON Source (IngestHour, Status);
CREATE INDEX Source_Blob ON Source (BlobKey) WHERE BlobKey IS NOT NULL;
CREATE INDEX Source_Unfinished ON Source (TenantId, SourceUri, Version) WHERE Status IN ('Landed', 'Atomizing');
CREATE INDEX Source_GivenUp ON Source (TenantId, SourceUri) WHERE Status = 'DeadLettered';
CREATE INDEX Source_Message ON Source (MessageId);
CREATE INDEX Source_Open ON Source (IngestHour, AttemptCount) WHERE Status IN ('Landed', 'Atomizing');
CREATE INDEX Source_Leased ON Source (LeaseOwner) WHERE LeaseOwner IS NOT NULL;
CREATE UNIQUE INDEX Atom_ContentHash ON Atom (TenantId, ContentHash);
CREATE INDEX Atom_Hour ON Atom (IngestHour);
CREATE INDEX Atom_Unreferenced ON Atom (AtomId) WHERE ReferenceCount = 0 AND InsertedByHand = 0;
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
CREATE INDEX AtomContent_Blob ON AtomContent (BlobKey) WHERE BlobKey IS NOT NULL;
CREATE INDEX SourceAtom_Atom ON SourceAtom (AtomId, SourceId);
CREATE INDEX AtomDerivation_Derived ON AtomDerivation (DerivedAtomId);
CREATE INDEX AtomDerivation_From ON AtomDerivation (FromAtomId);
CREATE TRIGGER Atom_TextInserted AFTER INSERT ON Atom WHEN NEW.CanonicalText IS NOT NULL
BEGIN
  INSERT INTO TextToIndex (AtomId)
  SELECT NEW.AtomId WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = NEW.AtomId);
END;
CREATE TRIGGER Atom_TextDeleted AFTER DELETE ON Atom WHEN OLD.CanonicalText IS NOT NULL
BEGIN
  INSERT INTO TextToIndex (AtomId, IndexedText)
  SELECT OLD.AtomId, OLD.CanonicalText WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = OLD.AtomId);
END;
CREATE TRIGGER Atom_TextUpdated AFTER UPDATE OF AtomId, CanonicalText ON Atom
WHEN OLD.CanonicalText IS NOT NEW.CanonicalText OR OLD.AtomId <> NEW.AtomId
BEGIN
  INSERT INTO TextToIndex (AtomId, IndexedText)
  SELECT OLD.AtomId, OLD.CanonicalText WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = OLD.AtomId);
  INSERT INTO TextToIndex (AtomId)
  SELECT NEW.AtomId WHERE NOT EXISTS (SELECT 1 FROM TextToIndex WHERE AtomId = NEW.AtomId);
END;
CREATE TRIGGER Atom_TextReplaced BEFORE INSERT ON Atom WHEN NEW.InsertedByHand IS NOT 0
BEGIN
  INSERT INTO TextToIndex (AtomId, IndexedText)
  SELECT a.AtomId, a.CanonicalText FROM Atom AS a
  WHERE (a.AtomId = NEW.AtomId OR (a.TenantId = NEW.TenantId AND a.ContentHash = NEW.ContentHash)) AND a.CanonicalText IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM TextToIndex AS t WHERE t.AtomId = a.AtomId);
END;
CREATE UNIQUE INDEX ProjectionModel_Active ON ProjectionModel (ModelId) WHERE Active = 1;
CREATE INDEX AtomEmbedding_Hilbert ON AtomEmbedding (TenantId, ModelId, HilbertValue);
CREATE INDEX AtomEmbedding_Model ON AtomEmbedding (TenantId, ModelId);
CREATE INDEX AtomEmbedding_Hour ON AtomEmbedding (IngestHour, ProjectionModelId);
CREATE INDEX AtomEmbedding_Pending ON AtomEmbedding (IngestHour, ModelId) WHERE ProjectionModelId IS NULL;
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
CREATE UNIQUE INDEX StoredJob_OwnJobId ON StoredJob (OwnJobId) WHERE OwnJobId IS NOT NULL;
CREATE INDEX StoredJob_Open ON StoredJob (IngestHour, OwnJobType, AttemptCount) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX StoredJob_Leased ON StoredJob (LeaseOwner) WHERE LeaseOwner IS NOT NULL;
CREATE INDEX StoredJob_Failed ON StoredJob (TenantId) WHERE Status = 'Failed';
CREATE INDEX StoredJob_Atom ON StoredJob (AtomId);
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
CREATE VIEW AtomToEmbed AS
SELECT a.AtomId, a.TenantId, a.Modality, a.IngestHour
FROM Atom AS a CROSS JOIN Modality AS m ON m.Name = a.Modality
WHERE m.NeedsEmbedding = 1 AND a.Subtype IS NOT 'gap';
CREATE TRIGGER Atom_NeedsEmbedding AFTER INSERT ON Atom
BEGIN
  INSERT INTO StoredJob (AtomId, TenantId, IngestHour) SELECT AtomId, TenantId, IngestHour FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;
CREATE TRIGGER Atom_TurnsIntoText AFTER UPDATE OF Modality ON Atom
WHEN NOT EXISTS (SELECT 1 FROM StoredJob WHERE AtomId = NEW.AtomId AND ModelId IS NULL)
 AND NOT EXISTS (SELECT 1 FROM DoneJob WHERE AtomId = NEW.AtomId AND ModelId IS NULL)
BEGIN
  INSERT INTO StoredJob (AtomId, TenantId, IngestHour) SELECT AtomId, TenantId, IngestHour FROM AtomToEmbed WHERE AtomId = NEW.AtomId;
END;
CREATE INDEX QueueMessage_Queue ON QueueMessage (Queue, Sequence);
CREATE INDEX DeadLetter_Tenant ON DeadLetter (TenantId, DeadLetterId);
CREATE INDEX DeadLetter_Message ON DeadLetter (MessageId);
CREATE INDEX DeadLetter_Hour ON DeadLetter (IngestHour);
CREATE UNIQUE INDEX DeadLetter_Fingerprint ON DeadLetter (Fingerprint);
CREATE INDEX Inference_Created ON Inference (TenantId, CreatedAt);
CREATE INDEX InferenceAtom_Atom ON InferenceAtom (TenantId, AtomHash);
COMMIT;
