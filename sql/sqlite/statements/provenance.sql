-- `+s.TenantId = …`: the sign keeps SQLite from the index by tenant, which finds all of a tenant; the few ids find less.

-- name: first_atoms_of_source
-- Those of a source's atoms whose first source it is, of all or of a run's. The last one before it is most likely of the same run.
SELECT atomId, isFirst, isFirstOfRun
FROM (SELECT j.value AS atomId,
             (SELECT sa.SourceId FROM SourceAtom AS sa CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
              WHERE sa.AtomId = j.value AND s.Status = 'Atomized' ORDER BY sa.SourceId LIMIT 1) IS :source_id AS isFirst,
             EXISTS (SELECT 1 FROM SourceRun AS r
                     WHERE r.SourceId = :source_id
                       AND (SELECT sa.SourceId FROM SourceAtom AS sa CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
                            CROSS JOIN SourceRun AS e ON e.SourceId = sa.SourceId AND e.RunId = r.RunId
                            WHERE sa.AtomId = j.value AND sa.SourceId < :source_id AND s.Status = 'Atomized'
                            ORDER BY sa.SourceId DESC LIMIT 1) IS NULL) AS isFirstOfRun
      FROM json_each(:atom_ids) AS j)
WHERE isFirst OR isFirstOfRun;

-- name: graph_atoms
-- What the graph holds of these atoms now; those erased since are simply not there. One in no atomized source has no first one.
SELECT a.AtomId AS atomId, lower(hex(a.ContentHash)) AS atomHash, a.Modality AS modality, a.Subtype AS subtype,
       a.ContentType AS contentType, a.IngestHour AS ingestHour, a.CreatedAt AS createdAt,
       (SELECT s.SourceId FROM SourceAtom AS sa CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
        WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized' ORDER BY sa.SourceId LIMIT 1) AS firstSourceId
FROM Atom AS a
WHERE a.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +a.TenantId = :tenant_id AND a.Subtype IS NOT 'gap'
ORDER BY a.AtomId;

-- name: graph_occurrences
-- One row per pair of atom and source.
SELECT sa.AtomId AS atomId, sa.SourceId AS sourceId, MIN(sa.Ordinal) AS firstOrdinal, COUNT(*) AS count
FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId
WHERE sa.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +s.TenantId = :tenant_id AND s.Status = 'Atomized'
  AND (:source_id IS NULL OR s.SourceId = :source_id)
GROUP BY sa.AtomId, sa.SourceId;

-- name: graph_sources
SELECT SourceId AS sourceId, SourceUri AS sourceUri, Version AS version, ContentType AS contentType,
       lower(hex(ContentHash)) AS contentHash, ByteLength AS byteLength, ReceivedAt AS receivedAt,
       IngestHour AS ingestHour, SupersededBy AS supersededBy
FROM Source
WHERE SourceId IN (SELECT value FROM json_each(:source_ids)) AND +TenantId = :tenant_id AND Status = 'Atomized';

-- name: graph_superseded
-- A version that was given up takes its place, too, but is not in the graph.
SELECT o.SourceId AS sourceId, o.SupersededBy AS supersededBy, n.ReceivedAt AS receivedAt
FROM Source AS o JOIN Source AS n ON n.SourceId = o.SupersededBy
WHERE o.SupersededBy IN (SELECT value FROM json_each(:source_ids)) AND +o.TenantId = :tenant_id AND n.Status = 'Atomized'
UNION
SELECT o.SourceId, o.SupersededBy, n.ReceivedAt
FROM Source AS o JOIN Source AS n ON n.SourceId = o.SupersededBy
WHERE o.SourceId IN (SELECT value FROM json_each(:source_ids)) AND +o.TenantId = :tenant_id AND n.Status = 'Atomized';

-- name: graph_embeddings
SELECT e.AtomId AS atomId, e.RunId AS runId, m.ModelId AS modelId, m.Name AS name, m.Precision AS precision,
       m.ArtifactHash AS artifactHash, m.Dimension AS dimension, e.CreatedAt AS createdAt,
       p.ProjectionModelId AS projectionModelId, p.Method AS projectionMethod, p.ArtifactHash AS projectionHash,
       p.CreatedAt AS projectionCreatedAt
FROM AtomEmbedding AS e JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId
LEFT JOIN ProjectionModel AS p ON p.ProjectionModelId = e.ProjectionModelId
WHERE e.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +e.TenantId = :tenant_id;

-- name: graph_models
SELECT ModelId AS modelId, Name AS name, Precision AS precision, ArtifactHash AS artifactHash, Dimension AS dimension
FROM EmbeddingModel WHERE ArtifactHash IN (SELECT value FROM json_each(:artifact_hashes));

-- name: insert_inference_atom
INSERT INTO InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (TenantId, InferenceId, Role, Ordinal) DO NOTHING;

-- name: inferences_of_atoms
-- Inferences that named these atoms, perhaps before the atoms were here.
SELECT i.InferenceId AS inferenceId, ia.Role AS role, lower(hex(ia.AtomHash)) AS atomHash, MIN(ia.Ordinal) AS firstOrdinal,
       i.CreatedAt AS createdAt
FROM Atom AS a
JOIN InferenceAtom AS ia ON ia.TenantId = a.TenantId AND ia.AtomHash = a.ContentHash
JOIN Inference AS i ON i.TenantId = ia.TenantId AND i.InferenceId = ia.InferenceId
WHERE a.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +a.TenantId = :tenant_id
GROUP BY i.InferenceId, ia.Role, ia.AtomHash;

-- name: atoms_of_inferences
-- Those that are here, and what it did with them.
SELECT a.AtomId AS atomId, i.InferenceId AS inferenceId, ia.Role AS role, lower(hex(ia.AtomHash)) AS atomHash,
       MIN(ia.Ordinal) AS firstOrdinal, i.CreatedAt AS createdAt
FROM Inference AS i
JOIN InferenceAtom AS ia ON ia.TenantId = i.TenantId AND ia.InferenceId = i.InferenceId
JOIN Atom AS a ON a.TenantId = ia.TenantId AND a.ContentHash = ia.AtomHash
WHERE i.TenantId = :tenant_id AND i.InferenceId IN (SELECT value FROM json_each(:inference_ids))
GROUP BY i.InferenceId, a.AtomId, ia.Role;

-- name: inference
SELECT InferenceId AS inferenceId, Model AS model, Task AS task, StartedAt AS startedAt, DurationMs AS durationMs,
       CreatedAt AS createdAt
FROM Inference WHERE TenantId = :tenant_id AND InferenceId IN (SELECT value FROM json_each(:inference_ids));

-- name: hour_digests
-- Of an hour: the atoms, sources and inferences that the graph must hold, the pairs of those sources with their atoms, and what those
-- inferences used and produced. Each row counts with a number below 2^32, so that a sum of up to 2^31 rows is exact;
-- hartonomous_resources/work/agreement.py has the same arithmetic.
WITH atoms AS (
  SELECT hash_prefix(a.ContentHash) AS digest FROM Atom AS a
  WHERE a.TenantId = :tenant_id AND a.IngestHour = :hour AND a.Subtype IS NOT 'gap'
    AND (EXISTS (SELECT 1 FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId
                 WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized')
         OR EXISTS (SELECT 1 FROM AtomEmbedding AS e WHERE e.AtomId = a.AtomId)
         OR EXISTS (SELECT 1 FROM DoneJob AS d WHERE d.AtomId = a.AtomId)
         OR EXISTS (SELECT 1 FROM StoredJob AS j WHERE j.AtomId = a.AtomId AND j.Status IN ('Failed', 'DeadLettered'))
         OR EXISTS (SELECT 1 FROM InferenceAtom AS ia WHERE ia.TenantId = a.TenantId AND ia.AtomHash = a.ContentHash))),
sources AS (
  SELECT s.SourceId, (hash_prefix(s.ContentHash) * 31 + s.SourceId) % 4294967296 AS digest FROM Source AS s
  WHERE s.TenantId = :tenant_id AND s.IngestHour = :hour AND s.Status = 'Atomized'),
edges AS (
  SELECT (hash_prefix(a.ContentHash) * 31 + sa.SourceId * 17 + MIN(sa.Ordinal) * 7 + COUNT(*)) % 4294967296 AS digest
  FROM sources AS s JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId JOIN Atom AS a ON a.AtomId = sa.AtomId
  WHERE a.Subtype IS NOT 'gap' GROUP BY sa.SourceId, sa.AtomId),
inferences AS (
  SELECT InferenceId, text_hash_prefix(InferenceId) AS digest FROM Inference
  WHERE TenantId = :tenant_id AND CreatedAt >= :since AND CreatedAt < :until),
uses AS (
  SELECT (i.digest * 31 + hash_prefix(ia.AtomHash) * 17 + MIN(ia.Ordinal) * 7 + (ia.Role = 'output')) % 4294967296 AS digest
  FROM inferences AS i
  JOIN InferenceAtom AS ia ON ia.TenantId = :tenant_id AND ia.InferenceId = i.InferenceId
  JOIN Atom AS a ON a.TenantId = ia.TenantId AND a.ContentHash = ia.AtomHash
  WHERE a.Subtype IS NOT 'gap' GROUP BY i.InferenceId, ia.Role, ia.AtomHash)
SELECT (SELECT COUNT(*) FROM atoms) AS atomCount, (SELECT COALESCE(SUM(digest), 0) FROM atoms) AS atomTotal,
       (SELECT COUNT(*) FROM sources) AS sourceCount, (SELECT COALESCE(SUM(digest), 0) FROM sources) AS sourceTotal,
       (SELECT COUNT(*) FROM edges) AS edgeCount, (SELECT COALESCE(SUM(digest), 0) FROM edges) AS edgeTotal,
       (SELECT COUNT(*) FROM inferences) AS inferenceCount, (SELECT COALESCE(SUM(digest), 0) FROM inferences) AS inferenceTotal,
       (SELECT COUNT(*) FROM uses) AS useCount, (SELECT COALESCE(SUM(digest), 0) FROM uses) AS useTotal;

-- name: hours_of_tenant
SELECT IngestHour AS hour FROM Source WHERE TenantId = :tenant_id
UNION SELECT IngestHour FROM Atom WHERE TenantId = :tenant_id
UNION SELECT substr(CreatedAt, 1, 10) || '-' || substr(CreatedAt, 12, 2) || ':00' FROM Inference WHERE TenantId = :tenant_id ORDER BY 1;

-- name: atomized_sources_of_hour
SELECT s.SourceId AS sourceId FROM Source AS s
WHERE s.TenantId = :tenant_id AND s.IngestHour = :hour AND s.Status = 'Atomized' ORDER BY s.SourceId;

-- name: source_atoms_after
-- The next occurrences in a source, whatever their numbers are.
SELECT AtomId AS atomId, Role AS role, Ordinal AS ordinal FROM SourceAtom
WHERE SourceId = :source_id AND (Role, Ordinal) > (:role, :ordinal) ORDER BY Role, Ordinal LIMIT :n;

-- name: loose_atoms_of_hour
-- Atoms that no atomized source holds (inserted by hand): the events of their embedding brought them into the graph.
SELECT a.AtomId AS atomId FROM Atom AS a
WHERE a.TenantId = :tenant_id AND a.IngestHour = :hour AND a.AtomId > :after AND a.Subtype IS NOT 'gap'
  AND NOT EXISTS (SELECT 1 FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId
                  WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized')
  AND (EXISTS (SELECT 1 FROM AtomEmbedding AS e WHERE e.AtomId = a.AtomId)
       OR EXISTS (SELECT 1 FROM DoneJob AS d WHERE d.AtomId = a.AtomId)
       OR EXISTS (SELECT 1 FROM StoredJob AS j WHERE j.AtomId = a.AtomId AND j.Status IN ('Failed', 'DeadLettered'))
       OR EXISTS (SELECT 1 FROM InferenceAtom AS ia WHERE ia.TenantId = a.TenantId AND ia.AtomHash = a.ContentHash))
ORDER BY a.AtomId LIMIT :n;

-- name: inferences_between
SELECT InferenceId AS inferenceId FROM Inference
WHERE TenantId = :tenant_id AND CreatedAt >= :since AND CreatedAt < :until AND InferenceId > :after ORDER BY InferenceId LIMIT :n;

-- name: known_atoms
SELECT lower(hex(ContentHash)) AS key FROM Atom
WHERE TenantId = :tenant_id AND Subtype IS NOT 'gap' AND ContentHash IN (SELECT from_hex(value) FROM json_each(:keys));

-- name: known_sources
SELECT CAST(SourceId AS TEXT) AS key FROM Source
WHERE TenantId = :tenant_id AND Status = 'Atomized' AND SourceId IN (SELECT CAST(value AS INTEGER) FROM json_each(:keys));

-- name: known_inferences
SELECT InferenceId AS key FROM Inference WHERE TenantId = :tenant_id AND InferenceId IN (SELECT value FROM json_each(:keys));
