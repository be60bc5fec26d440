-- Models, vectors and coordinates. Several embedding models may be active, one or more of a modality, each a space of its own.

-- Which modalities need an embedding stands here, and nowhere else: hartonomous_core/vocabulary.py has the same list.
CREATE TABLE Modality (
  Name           TEXT    NOT NULL PRIMARY KEY,
  NeedsEmbedding INTEGER NOT NULL CHECK (NeedsEmbedding IN (0, 1))
) WITHOUT ROWID;
INSERT INTO Modality (Name, NeedsEmbedding)
VALUES ('text', 1), ('code', 1), ('image', 1), ('audio', 1), ('video', 1), ('tensor', 0), ('binary', 0);

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
