-- What is asked of the views that are the graph. Names in braces are put in by hartonomous_resources/database/sqlite_graph_views.py.

-- likelihood(…, 1.0): bounds that keep everything, as far as the planner knows. Otherwise it read all between them where many numbers are
-- asked about; they still narrow down an index that the numbers lead into.

-- name: graph_ends
SELECT DISTINCT {there} AS number FROM {view}
WHERE TenantId = :tenant_id AND {here} IN ({numbers}) AND (:as_of IS NULL OR Since IS NULL OR Since <= :as_of)
  AND likelihood({there} >= COALESCE(:after + 1, -9223372036854775808), 1.0) AND likelihood({there} <= COALESCE(:until, 9223372036854775807), 1.0)
ORDER BY {there} LIMIT :n;

-- name: graph_edges
SELECT * FROM {view}
WHERE TenantId = :tenant_id AND {here} IN ({numbers}) AND (:as_of IS NULL OR Since IS NULL OR Since <= :as_of)
  AND likelihood({there} >= COALESCE(:after + 1, -9223372036854775808), 1.0) AND likelihood({there} <= COALESCE(:until, 9223372036854775807), 1.0)
  AND (:among IS NULL OR {there} IN (SELECT value FROM json_each(:among)))
ORDER BY FromNumber, ToNumber;

-- name: graph_nodes
SELECT * FROM {view} WHERE TenantId = :tenant_id AND Number IN ({numbers}) ORDER BY Number;

-- name: graph_atoms_only_here
-- Atoms of a source that stand in no other one that the graph holds. From the tables: an atom may stand in very many sources.
SELECT COUNT(DISTINCT sa.AtomId) AS n
FROM Source AS s CROSS JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId CROSS JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE s.TenantId = :tenant_id AND s.SourceId = :number AND s.Status = 'Atomized' AND a.Subtype IS NOT 'gap'
  AND NOT EXISTS (SELECT 1 FROM SourceAtom AS other CROSS JOIN Source AS its ON its.SourceId = other.SourceId
                  WHERE other.AtomId = sa.AtomId AND other.SourceId <> s.SourceId AND its.Status = 'Atomized');

-- name: graph_node_by_key
-- A key that is no node's, or not of the kind that the label has, finds nothing.
SELECT g.Number AS number, g.Since AS since FROM Atom AS a CROSS JOIN GraphAtom AS g ON g.Number = a.AtomId
WHERE :label = 'Atom' AND a.TenantId = :tenant_id
  AND a.ContentHash = CASE WHEN length(:key) = 64 AND :key NOT GLOB '*[^0-9a-f]*' THEN from_hex(:key) END
UNION ALL
SELECT g.Number, g.Since FROM GraphSource AS g
WHERE :label = 'Source' AND g.TenantId = :tenant_id AND g.Number = CAST(:key AS INTEGER) AND g.Key = :key
UNION ALL
SELECT g.Number, g.Since FROM GraphTenant AS g
WHERE :label = 'Tenant' AND g.TenantId = :tenant_id AND g.Number = CAST(:key AS INTEGER) AND g.Key = :key
UNION ALL
SELECT g.Number, g.Since FROM GraphRun AS g WHERE :label = 'Run' AND g.TenantId = :tenant_id AND g.Key = :key
UNION ALL
SELECT g.Number, g.Since FROM GraphModel AS g WHERE :label = 'Model' AND g.TenantId = :tenant_id AND g.Key = :key
UNION ALL
SELECT g.Number, g.Since FROM Inference AS i CROSS JOIN GraphInference AS g ON g.Number = i.InferenceNumber
WHERE :label = 'Inference' AND i.TenantId = :tenant_id AND i.InferenceId = :key;

-- name: graph_keys_beginning
-- The first keys of a label, in order, that begin with a prefix: of an atom's hash in hex, of a run's or an inference's id or a model's hash or name.
SELECT number, key FROM (
  SELECT g.Number AS number, g.Key AS key FROM Atom AS a CROSS JOIN GraphAtom AS g ON g.Number = a.AtomId
  WHERE :label = 'Atom' AND a.TenantId = :tenant_id
    AND a.ContentHash >= CASE WHEN :prefix NOT GLOB '*[^0-9a-f]*' THEN from_hex(substr(:prefix || printf('%.64c', '0'), 1, 64)) END
    AND a.ContentHash <= CASE WHEN :prefix NOT GLOB '*[^0-9a-f]*' THEN from_hex(substr(:prefix || printf('%.64c', 'f'), 1, 64)) END
    AND length(:prefix) <= 64
  ORDER BY a.ContentHash LIMIT :n)
UNION ALL
SELECT number, key FROM (
  SELECT g.Number AS number, g.Key AS key FROM GraphRun AS g
  WHERE :label = 'Run' AND g.TenantId = :tenant_id AND g.Key >= :prefix AND g.Key < :prefix || char(1114111) ORDER BY g.Key LIMIT :n)
UNION ALL
SELECT number, key FROM (
  SELECT g.Number AS number, g.Key AS key FROM GraphModel AS g
  WHERE :label = 'Model' AND g.TenantId = :tenant_id AND g.Key >= :prefix AND g.Key < :prefix || char(1114111) ORDER BY g.Key LIMIT :n)
UNION ALL
SELECT number, key FROM (
  SELECT g.Number AS number, g.Key AS key FROM GraphInference AS g
  WHERE :label = 'Inference' AND g.TenantId = :tenant_id AND g.Key >= :prefix AND g.Key < :prefix || char(1114111) ORDER BY g.Key LIMIT :n);

-- name: graph_digests
-- By how many and by the sum of what digests them a copy is compared: of a tenant and hour, or of what has no hour, whose :hour is NULL.
SELECT view, n, total FROM (
  SELECT 'GraphAtom' AS view, COUNT(*) AS n, SUM(Digest) AS total FROM GraphAtom WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'GraphSource', COUNT(*), SUM(Digest) FROM GraphSource WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'GraphRun', COUNT(*), SUM(Digest) FROM GraphRun WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'GraphModel', COUNT(*), SUM(Digest) FROM GraphModel WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'GraphInference', COUNT(*), SUM(Digest) FROM GraphInference WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'GraphTenant', COUNT(*), SUM(Digest) FROM GraphTenant WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Atom_INGESTED_FROM_Source', COUNT(*), SUM(Digest) FROM Atom_INGESTED_FROM_Source WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Atom_DERIVED_FROM_Atom', COUNT(*), SUM(Digest) FROM Atom_DERIVED_FROM_Atom WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Source_DERIVED_FROM_Source', COUNT(*), SUM(Digest) FROM Source_DERIVED_FROM_Source WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Atom_GENERATED_BY_Run', COUNT(*), SUM(Digest) FROM Atom_GENERATED_BY_Run WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Source_GENERATED_BY_Run', COUNT(*), SUM(Digest) FROM Source_GENERATED_BY_Run WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Atom_GENERATED_BY_Inference', COUNT(*), SUM(Digest) FROM Atom_GENERATED_BY_Inference WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Atom_EMBEDDED_BY_Model', COUNT(*), SUM(Digest) FROM Atom_EMBEDDED_BY_Model WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Atom_PROJECTED_BY_Model', COUNT(*), SUM(Digest) FROM Atom_PROJECTED_BY_Model WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Inference_USED_ATOM_Atom', COUNT(*), SUM(Digest) FROM Inference_USED_ATOM_Atom WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Inference_PRODUCED_ATOM_Atom', COUNT(*), SUM(Digest) FROM Inference_PRODUCED_ATOM_Atom WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Inference_USED_MODEL_Model', COUNT(*), SUM(Digest) FROM Inference_USED_MODEL_Model WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Source_BELONGS_TO_Tenant', COUNT(*), SUM(Digest) FROM Source_BELONGS_TO_Tenant WHERE TenantId = :tenant_id AND IngestHour IS :hour
  UNION ALL SELECT 'Source_SUPERSEDES_Source', COUNT(*), SUM(Digest) FROM Source_SUPERSEDES_Source WHERE TenantId = :tenant_id AND IngestHour IS :hour)
WHERE n > 0;

-- name: graph_numbers_of_hour
-- The next nodes of an hour, or of a label that has none, whose :hour is NULL.
SELECT number FROM (
  SELECT Number AS number FROM GraphAtom
  WHERE :label = 'Atom' AND TenantId = :tenant_id AND IngestHour = :hour AND Number > :after ORDER BY Number LIMIT :n)
UNION ALL
SELECT number FROM (
  SELECT Number AS number FROM GraphSource
  WHERE :label = 'Source' AND TenantId = :tenant_id AND IngestHour = :hour AND Number > :after ORDER BY Number LIMIT :n)
UNION ALL
SELECT number FROM (
  SELECT Number AS number FROM GraphInference
  WHERE :label = 'Inference' AND TenantId = :tenant_id AND IngestHour = :hour AND Number > :after ORDER BY Number LIMIT :n)
UNION ALL
SELECT number FROM (
  SELECT Number AS number FROM GraphRun
  WHERE :label = 'Run' AND TenantId = :tenant_id AND :hour IS NULL AND Number > :after ORDER BY Number LIMIT :n)
UNION ALL
SELECT number FROM (
  SELECT Number AS number FROM GraphModel
  WHERE :label = 'Model' AND TenantId = :tenant_id AND :hour IS NULL AND Number > :after ORDER BY Number LIMIT :n)
UNION ALL
SELECT number FROM (
  SELECT Number AS number FROM GraphTenant
  WHERE :label = 'Tenant' AND TenantId = :tenant_id AND :hour IS NULL AND Number > :after ORDER BY Number LIMIT :n);

-- name: graph_counts
-- What each view has of a tenant, or of all. What has an entry for each atom is counted in its tables (0.7 s of the processor at a million
-- occurrences, by the views 5 s), and what is not in the graph is taken off. Vectors are counted in indexes alone: their rows are large.
WITH Hidden (AtomId) AS MATERIALIZED (
  SELECT AtomId FROM Atom WHERE Subtype = 'gap' AND (:tenant_id IS NULL OR TenantId = :tenant_id)
  UNION
  SELECT a.AtomId
  FROM (SELECT sa.AtomId FROM Source AS s CROSS JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId
        WHERE s.Status <> 'Atomized' AND (:tenant_id IS NULL OR s.TenantId = :tenant_id)
        UNION
        SELECT AtomId FROM Atom WHERE ReferenceCount = 0 AND InsertedByHand = 0 AND (:tenant_id IS NULL OR TenantId = :tenant_id)) AS h
  CROSS JOIN Atom AS a ON a.AtomId = h.AtomId
  WHERE a.InsertedByHand = 0
    AND NOT EXISTS (SELECT 1 FROM SourceAtom AS sa CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
                    WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized')),
Elsewhere (SourceId) AS MATERIALIZED (
  SELECT SourceId FROM Source WHERE Status <> 'Atomized' OR (:tenant_id IS NOT NULL AND TenantId <> :tenant_id)),
Uses (Inputs, Outputs) AS MATERIALIZED (
  SELECT COALESCE(SUM(u.Role = 'input'), 0), COALESCE(SUM(u.Role = 'output'), 0)
  FROM (SELECT DISTINCT TenantId, AtomHash, InferenceId, Role FROM InferenceAtom WHERE :tenant_id IS NULL OR TenantId = :tenant_id) AS u
  CROSS JOIN Atom AS a ON a.TenantId = u.TenantId AND a.ContentHash = u.AtomHash   -- the inference is written with them, and stays
  WHERE a.AtomId NOT IN (SELECT AtomId FROM Hidden)),
Counted (view, n) AS MATERIALIZED (
  SELECT 'GraphAtom',
         (SELECT COUNT(*) FROM Atom WHERE :tenant_id IS NULL OR TenantId = :tenant_id) - (SELECT COUNT(*) FROM Hidden)
  UNION ALL SELECT 'GraphSource', COUNT(*) FROM GraphSource WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL SELECT 'GraphRun', COUNT(*) FROM GraphRun WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL SELECT 'GraphModel', COUNT(*) FROM GraphModel WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL SELECT 'GraphInference', COUNT(*) FROM GraphInference WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL SELECT 'GraphTenant', COUNT(*) FROM GraphTenant WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL
  SELECT 'Atom_INGESTED_FROM_Source',
         CASE WHEN (SELECT COUNT(*) FROM Elsewhere) < (SELECT COUNT(*) FROM Source) / 2   -- pairs in the order of an index need no sorting
         THEN (SELECT COUNT(*) FROM (SELECT DISTINCT AtomId, SourceId FROM SourceAtom INDEXED BY SourceAtom_Atom))
              - (SELECT COALESCE(SUM((SELECT COUNT(DISTINCT sa.AtomId) FROM SourceAtom AS sa WHERE sa.SourceId = e.SourceId)), 0)
                 FROM Elsewhere AS e)
         ELSE (SELECT COALESCE(SUM((SELECT COUNT(DISTINCT sa.AtomId) FROM SourceAtom AS sa WHERE sa.SourceId = s.SourceId)), 0)
               FROM Source AS s WHERE s.Status = 'Atomized' AND (:tenant_id IS NULL OR s.TenantId = :tenant_id)) END
         - (SELECT COUNT(*)
            FROM (SELECT DISTINCT sa.AtomId, sa.SourceId FROM Atom AS a CROSS JOIN SourceAtom AS sa ON sa.AtomId = a.AtomId
                  CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
                  WHERE a.Subtype = 'gap' AND s.Status = 'Atomized' AND (:tenant_id IS NULL OR s.TenantId = :tenant_id)))
  UNION ALL SELECT 'Atom_DERIVED_FROM_Atom', COUNT(*) FROM Atom_DERIVED_FROM_Atom WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL SELECT 'Source_DERIVED_FROM_Source', COUNT(*) FROM Source_DERIVED_FROM_Source WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL
  SELECT 'Atom_GENERATED_BY_Run',
         (SELECT COALESCE(SUM((SELECT COUNT(DISTINCT sa.AtomId) FROM SourceRun AS r CROSS JOIN Source AS s ON s.SourceId = r.SourceId
                               CROSS JOIN SourceAtom AS sa ON sa.SourceId = r.SourceId
                               WHERE r.RunId = n.Name AND s.Status = 'Atomized' AND (:tenant_id IS NULL OR s.TenantId = :tenant_id))), 0)
          FROM GraphName AS n WHERE n.Label = 'Run')
         - (SELECT COUNT(*)
            FROM (SELECT DISTINCT sa.AtomId, r.RunId FROM Atom AS a CROSS JOIN SourceAtom AS sa ON sa.AtomId = a.AtomId
                  CROSS JOIN Source AS s ON s.SourceId = sa.SourceId CROSS JOIN SourceRun AS r ON r.SourceId = s.SourceId
                  WHERE a.Subtype = 'gap' AND s.Status = 'Atomized' AND (:tenant_id IS NULL OR s.TenantId = :tenant_id)))
  UNION ALL
  SELECT 'Source_GENERATED_BY_Run', COUNT(*) FROM SourceRun AS r CROSS JOIN Source AS s ON s.SourceId = r.SourceId
  WHERE s.Status = 'Atomized' AND (:tenant_id IS NULL OR s.TenantId = :tenant_id)
  UNION ALL SELECT 'Atom_GENERATED_BY_Inference', Outputs FROM Uses
  UNION ALL
  SELECT 'Atom_EMBEDDED_BY_Model',
         (SELECT COUNT(*) FROM AtomEmbedding INDEXED BY AtomEmbedding_Model WHERE :tenant_id IS NULL OR TenantId = :tenant_id)
         - (SELECT COUNT(*) FROM AtomEmbedding AS e   -- of several models with one artifact the first counts
            WHERE e.ModelId IN (SELECT m.ModelId FROM EmbeddingModel AS m CROSS JOIN EmbeddingModel AS o ON o.ArtifactHash = m.ArtifactHash
                                WHERE o.ModelId < m.ModelId)
              AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
              AND EXISTS (SELECT 1 FROM EmbeddingModel AS m CROSS JOIN EmbeddingModel AS o ON o.ArtifactHash = m.ArtifactHash
                          CROSS JOIN AtomEmbedding AS b ON b.AtomId = e.AtomId AND b.ModelId = o.ModelId
                          WHERE m.ModelId = e.ModelId AND o.ModelId < m.ModelId))
         - (SELECT COUNT(*)
            FROM (SELECT DISTINCT h.AtomId, m.ArtifactHash FROM Hidden AS h CROSS JOIN AtomEmbedding AS e ON e.AtomId = h.AtomId
                  CROSS JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId))
  UNION ALL
  SELECT 'Atom_PROJECTED_BY_Model',
         (SELECT COUNT(*) FROM AtomEmbedding INDEXED BY AtomEmbedding_Model WHERE :tenant_id IS NULL OR TenantId = :tenant_id)
         - (SELECT COUNT(*) FROM AtomEmbedding INDEXED BY AtomEmbedding_Pending
            WHERE ProjectionModelId IS NULL AND (:tenant_id IS NULL OR TenantId = :tenant_id))
         - (SELECT COUNT(*) FROM AtomEmbedding AS e INDEXED BY AtomEmbedding_Hour
            WHERE e.ProjectionModelId IN (SELECT p.ProjectionModelId FROM ProjectionModel AS p
                                          CROSS JOIN ProjectionModel AS o ON o.ArtifactHash = p.ArtifactHash
                                          WHERE o.ProjectionModelId < p.ProjectionModelId)
              AND (:tenant_id IS NULL OR e.TenantId = :tenant_id)
              AND EXISTS (SELECT 1 FROM ProjectionModel AS p CROSS JOIN ProjectionModel AS o ON o.ArtifactHash = p.ArtifactHash
                          CROSS JOIN AtomEmbedding AS b ON b.AtomId = e.AtomId AND b.ModelId = o.ModelId
                          WHERE p.ProjectionModelId = e.ProjectionModelId AND o.ProjectionModelId < p.ProjectionModelId
                            AND b.ProjectionModelId = o.ProjectionModelId))
         - (SELECT COUNT(*)
            FROM (SELECT DISTINCT h.AtomId, p.ArtifactHash FROM Hidden AS h CROSS JOIN AtomEmbedding AS e ON e.AtomId = h.AtomId
                  CROSS JOIN ProjectionModel AS p ON p.ProjectionModelId = e.ProjectionModelId))
  UNION ALL SELECT 'Inference_USED_ATOM_Atom', Inputs FROM Uses
  UNION ALL SELECT 'Inference_PRODUCED_ATOM_Atom', Outputs FROM Uses
  UNION ALL SELECT 'Inference_USED_MODEL_Model', COUNT(*) FROM Inference_USED_MODEL_Model WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL SELECT 'Source_BELONGS_TO_Tenant', COUNT(*) FROM Source_BELONGS_TO_Tenant WHERE :tenant_id IS NULL OR TenantId = :tenant_id
  UNION ALL SELECT 'Source_SUPERSEDES_Source', COUNT(*) FROM Source_SUPERSEDES_Source WHERE :tenant_id IS NULL OR TenantId = :tenant_id)
SELECT view, n FROM Counted WHERE n > 0;

-- name: graph_counts_of_hour
-- What each view that has an hour has of it, of all tenants.
SELECT view, n FROM (
  SELECT 'GraphAtom' AS view, COUNT(*) AS n FROM GraphAtom WHERE IngestHour = :hour
  UNION ALL SELECT 'GraphSource', COUNT(*) FROM GraphSource WHERE IngestHour = :hour
  UNION ALL SELECT 'GraphInference', COUNT(*) FROM GraphInference WHERE IngestHour = :hour
  UNION ALL SELECT 'Atom_INGESTED_FROM_Source', COUNT(*) FROM Atom_INGESTED_FROM_Source WHERE IngestHour = :hour
  UNION ALL SELECT 'Atom_DERIVED_FROM_Atom', COUNT(*) FROM Atom_DERIVED_FROM_Atom WHERE IngestHour = :hour
  UNION ALL SELECT 'Source_DERIVED_FROM_Source', COUNT(*) FROM Source_DERIVED_FROM_Source WHERE IngestHour = :hour
  UNION ALL SELECT 'Atom_GENERATED_BY_Run', COUNT(*) FROM Atom_GENERATED_BY_Run WHERE IngestHour = :hour
  UNION ALL SELECT 'Source_GENERATED_BY_Run', COUNT(*) FROM Source_GENERATED_BY_Run WHERE IngestHour = :hour
  UNION ALL SELECT 'Atom_GENERATED_BY_Inference', COUNT(*) FROM Atom_GENERATED_BY_Inference WHERE IngestHour = :hour
  UNION ALL SELECT 'Atom_EMBEDDED_BY_Model', COUNT(*) FROM Atom_EMBEDDED_BY_Model WHERE IngestHour = :hour
  UNION ALL SELECT 'Atom_PROJECTED_BY_Model', COUNT(*) FROM Atom_PROJECTED_BY_Model WHERE IngestHour = :hour
  UNION ALL SELECT 'Inference_USED_ATOM_Atom', COUNT(*) FROM Inference_USED_ATOM_Atom WHERE IngestHour = :hour
  UNION ALL SELECT 'Inference_PRODUCED_ATOM_Atom', COUNT(*) FROM Inference_PRODUCED_ATOM_Atom WHERE IngestHour = :hour
  UNION ALL SELECT 'Inference_USED_MODEL_Model', COUNT(*) FROM Inference_USED_MODEL_Model WHERE IngestHour = :hour
  UNION ALL SELECT 'Source_BELONGS_TO_Tenant', COUNT(*) FROM Source_BELONGS_TO_Tenant WHERE IngestHour = :hour
  UNION ALL SELECT 'Source_SUPERSEDES_Source', COUNT(*) FROM Source_SUPERSEDES_Source WHERE IngestHour = :hour)
WHERE n > 0;
