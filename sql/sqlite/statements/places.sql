-- Places of embeddings in 3-D, always of one tenant, one model and one projection of it: places of two projections have nothing to do with each other.
-- Those of the view EmbeddingPosition, of which each half is asked by itself: so the indexes answer.

-- name: places_beside
-- The :n next on the curve from a value on, and the :n before it, of each half: the index of AtomEmbedding alone answers.
SELECT * FROM (
  SELECT AtomEmbeddingId AS atomEmbeddingId, HilbertValue AS hilbertValue FROM AtomEmbedding
  WHERE ModelId = :model_id AND TenantId = :tenant_id AND ProjectionModelId = :projection_model_id AND HilbertValue >= :value
  ORDER BY HilbertValue LIMIT :n)
UNION ALL
SELECT * FROM (
  SELECT AtomEmbeddingId, HilbertValue FROM AtomEmbedding
  WHERE ModelId = :model_id AND TenantId = :tenant_id AND ProjectionModelId = :projection_model_id AND HilbertValue < :value
  ORDER BY HilbertValue DESC LIMIT :n)
UNION ALL
SELECT * FROM (
  SELECT AtomEmbeddingId, HilbertValue FROM FormerPosition
  WHERE ModelId = :model_id AND TenantId = :tenant_id AND +ProjectionModelId = :projection_model_id AND HilbertValue >= :value
  ORDER BY HilbertValue LIMIT :n)
UNION ALL
SELECT * FROM (
  SELECT AtomEmbeddingId, HilbertValue FROM FormerPosition
  WHERE ModelId = :model_id AND TenantId = :tenant_id AND +ProjectionModelId = :projection_model_id AND HilbertValue < :value
  ORDER BY HilbertValue DESC LIMIT :n);

-- name: places_in_ranges
-- At most :n of those on ranges of the curve, each given as [first, last], in no order: the index of AtomEmbedding alone answers.
SELECT e.AtomEmbeddingId AS atomEmbeddingId, e.HilbertValue AS hilbertValue
FROM json_each(:ranges) AS r CROSS JOIN AtomEmbedding AS e
WHERE e.ModelId = :model_id AND e.TenantId = :tenant_id AND e.ProjectionModelId = :projection_model_id
  AND e.HilbertValue BETWEEN json_extract(r.value, '$[0]') AND json_extract(r.value, '$[1]')
UNION ALL
SELECT f.AtomEmbeddingId, f.HilbertValue
FROM json_each(:ranges) AS r CROSS JOIN FormerPosition AS f
WHERE f.ModelId = :model_id AND f.TenantId = :tenant_id AND +f.ProjectionModelId = :projection_model_id
  AND f.HilbertValue BETWEEN json_extract(r.value, '$[0]') AND json_extract(r.value, '$[1]')
LIMIT :n;

-- name: positions
SELECT AtomEmbeddingId AS atomEmbeddingId, AtomId AS atomId, X AS x, Y AS y, Z AS z FROM AtomEmbedding
WHERE AtomEmbeddingId IN (SELECT value FROM json_each(:embedding_ids))
  AND +ModelId = :model_id AND +TenantId = :tenant_id AND +ProjectionModelId = :projection_model_id
UNION ALL
SELECT AtomEmbeddingId, AtomId, X, Y, Z FROM FormerPosition
WHERE AtomEmbeddingId IN (SELECT value FROM json_each(:embedding_ids))
  AND +ModelId = :model_id AND +TenantId = :tenant_id AND +ProjectionModelId = :projection_model_id;

-- name: positions_of_atoms
SELECT e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId,
       CASE WHEN e.ProjectionModelId = :projection_model_id THEN e.X ELSE f.X END AS x,
       CASE WHEN e.ProjectionModelId = :projection_model_id THEN e.Y ELSE f.Y END AS y,
       CASE WHEN e.ProjectionModelId = :projection_model_id THEN e.Z ELSE f.Z END AS z
FROM AtomEmbedding AS e LEFT JOIN FormerPosition AS f ON f.AtomEmbeddingId = e.AtomEmbeddingId
WHERE e.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND e.ModelId = :model_id AND +e.TenantId = :tenant_id
  AND (e.ProjectionModelId = :projection_model_id OR f.ProjectionModelId = :projection_model_id);

-- name: has_unplaced
-- Whether an embedding of the model has no place yet.
SELECT 1 AS found FROM AtomEmbedding
WHERE ModelId = :model_id AND TenantId = :tenant_id AND ProjectionModelId IS NULL
LIMIT 1;

-- name: placed_atoms
-- Embeddings with a place above an id, in blocks, each with its atom and with the first of the current sources that hold it.
SELECT p.AtomEmbeddingId AS atomEmbeddingId, p.AtomId AS atomId, a.ContentHash AS contentHash, a.Modality AS modality,
       CASE WHEN :with_text = 1 THEN a.CanonicalText END AS text, p.X AS x, p.Y AS y, p.Z AS z, p.HilbertValue AS hilbertValue,
       s.SourceId AS sourceId, s.SourceUri AS sourceUri, s.SourceId IS NOT NULL OR a.InsertedByHand = 1 AS isShown
FROM (SELECT * FROM (SELECT AtomEmbeddingId, AtomId, X, Y, Z, HilbertValue FROM AtomEmbedding
                     WHERE ModelId = :model_id AND TenantId = :tenant_id AND AtomEmbeddingId > :after AND +ProjectionModelId = :projection_model_id
                     ORDER BY AtomEmbeddingId LIMIT :n)
      UNION ALL
      SELECT * FROM (SELECT AtomEmbeddingId, AtomId, X, Y, Z, HilbertValue FROM FormerPosition
                     WHERE AtomEmbeddingId > :after AND +ModelId = :model_id AND +TenantId = :tenant_id AND +ProjectionModelId = :projection_model_id
                     ORDER BY AtomEmbeddingId LIMIT :n)
      ORDER BY AtomEmbeddingId LIMIT :n) AS p
CROSS JOIN Atom AS a ON a.AtomId = p.AtomId
LEFT JOIN Source AS s ON s.SourceId = (
  SELECT sa.SourceId FROM SourceAtom AS sa INDEXED BY SourceAtom_Atom CROSS JOIN Source AS f ON f.SourceId = sa.SourceId
  WHERE sa.AtomId = p.AtomId AND f.Status = 'Atomized' AND f.SupersededBy IS NULL
  ORDER BY sa.SourceId LIMIT 1)
ORDER BY p.AtomEmbeddingId;
