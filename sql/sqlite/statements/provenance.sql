-- name: graph_atoms
-- What the graph holds of these atoms now; those erased since are simply not there.
SELECT a.AtomId AS atomId, lower(hex(a.ContentHash)) AS atomHash, a.Modality AS modality, a.Subtype AS subtype,
       a.ContentType AS contentType, a.CreatedAt AS createdAt
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
       lower(hex(ContentHash)) AS contentHash, ByteLength AS byteLength, RunId AS runId, ReceivedAt AS receivedAt,
       IngestHour AS ingestHour
FROM Source
WHERE SourceId IN (SELECT value FROM json_each(:source_ids)) AND +TenantId = :tenant_id AND Status = 'Atomized';

-- name: graph_superseded
SELECT o.SourceId AS sourceId, o.SupersededBy AS supersededBy FROM Source AS o
WHERE o.SupersededBy IN (SELECT value FROM json_each(:source_ids)) AND +o.TenantId = :tenant_id
UNION
SELECT o.SourceId, o.SupersededBy FROM Source AS o
WHERE o.SourceId IN (SELECT value FROM json_each(:source_ids)) AND o.SupersededBy IS NOT NULL AND +o.TenantId = :tenant_id;

-- name: graph_embeddings
SELECT e.AtomId AS atomId, e.RunId AS runId, m.ModelId AS modelId, m.Name AS name, m.Precision AS precision,
       m.ArtifactHash AS artifactHash, m.Dimension AS dimension
FROM AtomEmbedding AS e JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId
WHERE e.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +e.TenantId = :tenant_id;

-- name: merge_inference
INSERT INTO Inference (InferenceId, TenantId, Model, Task, StartedAt, DurationMs, CreatedAt)
VALUES (:inference_id, :tenant_id, :model, :task, :started_at, :duration_ms, :now)
ON CONFLICT (TenantId, InferenceId) DO NOTHING;

-- name: insert_inference_atom
INSERT INTO InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (TenantId, InferenceId, Role, Ordinal) DO NOTHING;

-- name: inferences_of_atoms
-- Inferences that named these atoms, perhaps before the atoms were here.
SELECT i.InferenceId AS inferenceId, ia.Role AS role, lower(hex(ia.AtomHash)) AS atomHash, MIN(ia.Ordinal) AS firstOrdinal
FROM Atom AS a
JOIN InferenceAtom AS ia ON ia.TenantId = a.TenantId AND ia.AtomHash = a.ContentHash
JOIN Inference AS i ON i.TenantId = ia.TenantId AND i.InferenceId = ia.InferenceId
WHERE a.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +a.TenantId = :tenant_id
GROUP BY i.InferenceId, ia.Role, ia.AtomHash;

-- name: atoms_of_inference
SELECT a.AtomId AS atomId FROM InferenceAtom AS ia
JOIN Atom AS a ON a.TenantId = ia.TenantId AND a.ContentHash = ia.AtomHash
WHERE ia.TenantId = :tenant_id AND ia.InferenceId = :inference_id;

-- name: inference
SELECT InferenceId AS inferenceId, Model AS model, Task AS task, StartedAt AS startedAt, DurationMs AS durationMs
FROM Inference WHERE TenantId = :tenant_id AND InferenceId IN (SELECT value FROM json_each(:inference_ids));
