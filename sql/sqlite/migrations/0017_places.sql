-- Places are read from the index alone, and only those of one projection. It names them in the order of the curve.
DROP INDEX AtomEmbedding_Hilbert;
CREATE INDEX AtomEmbedding_Hilbert ON AtomEmbedding (ModelId, TenantId, ProjectionModelId, HilbertValue);
