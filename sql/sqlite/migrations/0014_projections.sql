-- Projections that are fitted to data, and the change from one to another: all embeddings of a space are placed anew, in small transactions,
-- and until the last of them is, readers see where the old projection placed them.

-- Filling: embeddings are being placed by it; it becomes the active one once all of them are.
ALTER TABLE ProjectionModel ADD COLUMN Filling INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX ProjectionModel_Filling ON ProjectionModel (ModelId) WHERE Filling = 1;

-- What a fitted projection needs to place a vector; ProjectionModel.ArtifactHash is its SHA-256.
CREATE TABLE ProjectionArtifact (
  ProjectionModelId INTEGER PRIMARY KEY REFERENCES ProjectionModel (ProjectionModelId) ON DELETE CASCADE,
  Content           BLOB    NOT NULL
);

-- Where the active projection had placed embeddings that the filling one has placed since.
CREATE TABLE FormerPosition (
  AtomEmbeddingId   INTEGER PRIMARY KEY REFERENCES AtomEmbedding (AtomEmbeddingId) ON DELETE CASCADE,
  AtomId            INTEGER NOT NULL,
  TenantId          INTEGER NOT NULL,
  ModelId           INTEGER NOT NULL,
  ProjectionModelId INTEGER NOT NULL REFERENCES ProjectionModel (ProjectionModelId) ON DELETE CASCADE,
  X                 REAL    NOT NULL,
  Y                 REAL    NOT NULL,
  Z                 REAL    NOT NULL,
  HilbertValue      INTEGER NOT NULL
);
CREATE INDEX FormerPosition_Hilbert ON FormerPosition (ModelId, TenantId, HilbertValue);
CREATE INDEX FormerPosition_Projection ON FormerPosition (ProjectionModelId);

-- Every position there is. A reader asks for those of the active projection, and so never sees two projections mixed.
CREATE VIEW EmbeddingPosition AS
SELECT AtomEmbeddingId, AtomId, TenantId, ModelId, ProjectionModelId, X, Y, Z, HilbertValue
FROM AtomEmbedding WHERE ProjectionModelId IS NOT NULL
UNION ALL
SELECT AtomEmbeddingId, AtomId, TenantId, ModelId, ProjectionModelId, X, Y, Z, HilbertValue FROM FormerPosition;

CREATE INDEX AtomEmbedding_PlacedBy ON AtomEmbedding (ModelId, ProjectionModelId);
