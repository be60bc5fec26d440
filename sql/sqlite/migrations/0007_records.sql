-- What stays known of answers that models gave, and of what was erased.

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
CREATE INDEX Inference_Created ON Inference (TenantId, CreatedAt);

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
