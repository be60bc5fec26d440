-- Each returns the rows that break an invariant of docs/architecture.md: none, where all is well. :hour and :tenant_id may be NULL for all.

-- name: broken_reference_counts
SELECT a.AtomId AS atomId, a.ReferenceCount AS referenceCount,
       (SELECT COUNT(*) FROM SourceAtom AS sa WHERE sa.AtomId = a.AtomId) AS occurrences
FROM Atom AS a
WHERE (:hour IS NULL OR a.IngestHour = :hour) AND (:tenant_id IS NULL OR a.TenantId = :tenant_id)
  AND (a.ReferenceCount <> (SELECT COUNT(*) FROM SourceAtom AS sa WHERE sa.AtomId = a.AtomId)
       OR (a.ReferenceCount = 0 AND a.InsertedByHand = 0
           AND NOT EXISTS (SELECT 1 FROM Source WHERE Status IN ('Landed', 'Atomizing') AND TenantId = a.TenantId)))
LIMIT 100;

-- name: broken_coverage
SELECT s.SourceId AS sourceId, s.ByteLength AS byteLength,
       (SELECT COALESCE(SUM(sa.ByteLength + COALESCE(length(sa.Suffix), 0)), 0) FROM SourceAtom AS sa
        WHERE sa.SourceId = s.SourceId AND sa.Role = 'content') AS covered
FROM Source AS s
WHERE (:hour IS NULL OR s.IngestHour = :hour) AND (:tenant_id IS NULL OR s.TenantId = :tenant_id) AND s.Status = 'Atomized'
  AND s.ByteLength IS NOT (SELECT COALESCE(SUM(sa.ByteLength + COALESCE(length(sa.Suffix), 0)), 0) FROM SourceAtom AS sa
                           WHERE sa.SourceId = s.SourceId AND sa.Role = 'content')
LIMIT 100;

-- name: broken_tenancy
SELECT sa.SourceId AS sourceId, sa.AtomId AS atomId
FROM Source AS s JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE (:hour IS NULL OR s.IngestHour = :hour) AND (:tenant_id IS NULL OR s.TenantId = :tenant_id) AND s.TenantId <> a.TenantId
LIMIT 100;

-- name: unexplained_missing_embeddings
-- Per active model; of a modality without one, modelId is NULL. What is still to be queued for a model is explained.
SELECT a.AtomId AS atomId, a.Modality AS modality, m.ModelId AS modelId
FROM AtomToEmbed AS a LEFT JOIN EmbeddingModel AS m ON m.Modality = a.Modality AND m.Active = 1
WHERE (:hour IS NULL OR a.IngestHour = :hour) AND (:tenant_id IS NULL OR a.TenantId = :tenant_id)
  AND (m.QueuedThrough IS NULL OR a.AtomId <= m.QueuedThrough)
  AND NOT EXISTS (SELECT 1 FROM AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = m.ModelId)
  AND NOT EXISTS (SELECT 1 FROM StoredJob AS j WHERE j.AtomId = a.AtomId AND (j.ModelId IS NULL OR j.ModelId = m.ModelId))
  AND NOT EXISTS (SELECT 1 FROM DoneJob AS d
                  WHERE d.AtomId = a.AtomId AND (d.ModelId IS NULL OR d.ModelId = m.ModelId) AND d.Result LIKE 'skipped:%')
LIMIT 100;

-- name: broken_positions
SELECT AtomEmbeddingId AS atomEmbeddingId, X AS x, Y AS y, Z AS z, HilbertValue AS hilbertValue
FROM AtomEmbedding
WHERE (:hour IS NULL OR IngestHour = :hour) AND (:tenant_id IS NULL OR TenantId = :tenant_id) AND ProjectionModelId IS NOT NULL
  AND NOT (X BETWEEN -1 AND 1 AND Y BETWEEN -1 AND 1 AND Z BETWEEN -1 AND 1 AND HilbertValue >= 0)
LIMIT 100;

-- name: duplicate_atoms
SELECT TenantId AS tenantId, lower(hex(ContentHash)) AS atomHash, COUNT(*) AS n
FROM Atom WHERE (:hour IS NULL OR IngestHour = :hour) AND (:tenant_id IS NULL OR TenantId = :tenant_id)
GROUP BY TenantId, ContentHash HAVING COUNT(*) > 1 LIMIT 100;

-- name: database_tenants
SELECT DISTINCT TenantId AS tenantId FROM Source UNION SELECT DISTINCT TenantId FROM Atom
UNION SELECT DISTINCT TenantId FROM Inference;

-- name: unreadable_atoms
-- What only an insert by hand can have brought.
SELECT atomId, fault
FROM (SELECT a.AtomId AS atomId,
             CASE WHEN a.AtomId >= 9007199254740992 THEN 'AtomId'
                  WHEN typeof(a.IngestHour) <> 'text' OR NOT is_hour(CAST(a.IngestHour AS BLOB), (SELECT Period FROM Grid)) THEN 'IngestHour'
                  WHEN typeof(a.CanonicalText) NOT IN ('text', 'null') OR NOT is_utf8(CAST(a.CanonicalText AS BLOB)) THEN 'CanonicalText'
                  WHEN has_false_hash(a.ContentHash, CAST(a.CanonicalText AS BLOB), CAST(a.AtomicValue AS BLOB), c.Content, c.BlobKey)
                    THEN 'ContentHash' END AS fault
      FROM Atom AS a LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId
      WHERE (:hour IS NULL OR a.IngestHour = :hour) AND (:tenant_id IS NULL OR a.TenantId = :tenant_id) AND a.InsertedByHand = 1)
WHERE fault IS NOT NULL LIMIT 100;

-- name: dangling_edges
-- Edges of the graph's views of which an end is no node of their tenant. Where there is an entry for each atom, the tables say whose it is:
-- the views of an hour would take ten times as long. What follows from the same rows is not told of again (Atom_GENERATED_BY_Run,
-- Atom_PROJECTED_BY_Model), nor what the views find within a tenant (the atoms of inferences). BETWEEN: an index finds the hour, and all
-- hours where :hour is NULL.
SELECT DISTINCT 'Atom_INGESTED_FROM_Source' AS view, s.TenantId AS tenantId, sa.AtomId AS fromNumber, sa.SourceId AS toNumber
FROM Source AS s CROSS JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId CROSS JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE s.IngestHour BETWEEN COALESCE(:hour, '') AND COALESCE(:hour, char(1114111)) AND (:tenant_id IS NULL OR s.TenantId = :tenant_id)
  AND s.Status = 'Atomized' AND a.TenantId <> s.TenantId AND a.Subtype IS NOT 'gap'
UNION ALL
SELECT DISTINCT 'Atom_EMBEDDED_BY_Model', e.TenantId, a.AtomId, n.Number
FROM Atom AS a CROSS JOIN AtomEmbedding AS e ON e.AtomId = a.AtomId CROSS JOIN KnownTenant AS t ON t.TenantId = e.TenantId
CROSS JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId CROSS JOIN GraphName AS n ON n.Label = 'Model' AND n.Name = m.ArtifactHash
CROSS JOIN GraphAtom AS g ON g.Number = a.AtomId
WHERE a.IngestHour BETWEEN COALESCE(:hour, '') AND COALESCE(:hour, char(1114111)) AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
  AND e.TenantId <> a.TenantId
UNION ALL
SELECT 'Atom_DERIVED_FROM_Atom', e.TenantId, e.FromNumber, e.ToNumber FROM Atom_DERIVED_FROM_Atom AS e
WHERE e.IngestHour BETWEEN COALESCE(:hour, '') AND COALESCE(:hour, char(1114111)) AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
  AND (NOT EXISTS (SELECT 1 FROM GraphAtom AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
       OR NOT EXISTS (SELECT 1 FROM GraphAtom AS g WHERE g.TenantId = e.TenantId AND g.Number = e.ToNumber))
UNION ALL
SELECT 'Source_DERIVED_FROM_Source', e.TenantId, e.FromNumber, e.ToNumber FROM Source_DERIVED_FROM_Source AS e
WHERE e.IngestHour BETWEEN COALESCE(:hour, '') AND COALESCE(:hour, char(1114111)) AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
  AND (NOT EXISTS (SELECT 1 FROM GraphSource AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
       OR NOT EXISTS (SELECT 1 FROM GraphSource AS g WHERE g.TenantId = e.TenantId AND g.Number = e.ToNumber))
UNION ALL
SELECT 'Source_GENERATED_BY_Run', e.TenantId, e.FromNumber, e.ToNumber FROM Source_GENERATED_BY_Run AS e
WHERE e.IngestHour BETWEEN COALESCE(:hour, '') AND COALESCE(:hour, char(1114111)) AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
  AND (NOT EXISTS (SELECT 1 FROM GraphSource AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
       OR NOT EXISTS (SELECT 1 FROM GraphRun AS g WHERE g.TenantId = e.TenantId AND g.Number = e.ToNumber))
UNION ALL
SELECT 'Inference_USED_MODEL_Model', e.TenantId, e.FromNumber, e.ToNumber FROM Inference_USED_MODEL_Model AS e
WHERE e.IngestHour BETWEEN COALESCE(:hour, '') AND COALESCE(:hour, char(1114111)) AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
  AND (NOT EXISTS (SELECT 1 FROM GraphInference AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
       OR NOT EXISTS (SELECT 1 FROM GraphModel AS g WHERE g.TenantId = e.TenantId AND g.Number = e.ToNumber))
UNION ALL
SELECT 'Source_BELONGS_TO_Tenant', e.TenantId, e.FromNumber, e.ToNumber FROM Source_BELONGS_TO_Tenant AS e
WHERE e.IngestHour BETWEEN COALESCE(:hour, '') AND COALESCE(:hour, char(1114111)) AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
  AND (NOT EXISTS (SELECT 1 FROM GraphSource AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
       OR NOT EXISTS (SELECT 1 FROM GraphTenant AS g WHERE g.TenantId = e.TenantId AND g.Number = e.ToNumber))
UNION ALL
SELECT 'Source_SUPERSEDES_Source', e.TenantId, e.FromNumber, e.ToNumber FROM Source_SUPERSEDES_Source AS e
WHERE e.IngestHour BETWEEN COALESCE(:hour, '') AND COALESCE(:hour, char(1114111)) AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
  AND (NOT EXISTS (SELECT 1 FROM GraphSource AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
       OR NOT EXISTS (SELECT 1 FROM GraphSource AS g WHERE g.TenantId = e.TenantId AND g.Number = e.ToNumber))
LIMIT 100;
