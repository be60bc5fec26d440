-- part: shown_inference
i.InferenceId AS inferenceId, i.TenantId AS tenantId, i.Model AS model, i.Task AS task, i.StartedAt AS startedAt,
       i.DurationMs AS durationMs, i.Metadata AS metadata, i.CreatedAt AS createdAt,
       (SELECT COUNT(*) FROM InferenceAtom AS ia
        WHERE ia.TenantId = i.TenantId AND ia.InferenceId = i.InferenceId AND ia.Role = 'input') AS inputAtomCount,
       (SELECT COUNT(*) FROM InferenceAtom AS ia
        WHERE ia.TenantId = i.TenantId AND ia.InferenceId = i.InferenceId AND ia.Role = 'output') AS outputAtomCount

-- name: inference_to_record
-- What is recorded of an inference, before more is. Nobody else writes until the transaction ends: here that is so in any of them.
SELECT Model AS model, Task AS task, StartedAt AS startedAt, DurationMs AS durationMs, Metadata AS metadata
FROM Inference WHERE TenantId = :tenant_id AND InferenceId = :inference_id;

-- name: record_inference
-- What is recorded stays; what is not yet is added.
INSERT INTO Inference (InferenceId, TenantId, Model, Task, StartedAt, DurationMs, Metadata, CreatedAt, IngestHour)
VALUES (:inference_id, :tenant_id, :model, :task, :started_at, :duration_ms, :metadata, :now,
        (SELECT substr(:now, 1, 10) || '-' || iif(Period = 'day', '00', substr(:now, 12, 2)) || ':00' FROM Grid))
ON CONFLICT (TenantId, InferenceId) DO UPDATE
SET Task = COALESCE(Task, excluded.Task), StartedAt = COALESCE(StartedAt, excluded.StartedAt),
    DurationMs = COALESCE(DurationMs, excluded.DurationMs),
    Metadata = CASE WHEN Metadata = '{}' THEN excluded.Metadata ELSE Metadata END;

-- name: inference_atoms
-- The atoms that an inference names, in order; atomId is NULL for one that the tenant does not have.
SELECT ia.Role AS role, lower(hex(ia.AtomHash)) AS atomHash, a.AtomId AS atomId
FROM InferenceAtom AS ia LEFT JOIN Atom AS a ON a.TenantId = ia.TenantId AND a.ContentHash = ia.AtomHash
WHERE ia.TenantId = :tenant_id AND ia.InferenceId = :inference_id
ORDER BY ia.Role, ia.Ordinal;

-- name: insert_produced_atom
-- An answer, kept whatever becomes of a source with the same text. The trigger asks for its embedding. Bytes first seen as a chunk
-- or a gap turn into text, which is then their only copy. Nothing is changed where it is there as it should be.
INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, ContentType, InsertedByHand)
VALUES (:tenant_id, 'text', 'answer', :content_hash, :text, 'text/plain', 1)
ON CONFLICT (TenantId, ContentHash) DO UPDATE
SET InsertedByHand = 1,
    Modality = CASE WHEN CanonicalText IS NULL AND (Modality = 'binary' OR Subtype = 'gap') THEN 'text' ELSE Modality END,
    Subtype = CASE WHEN CanonicalText IS NULL AND (Modality = 'binary' OR Subtype = 'gap') THEN 'answer' ELSE Subtype END,
    ContentType = CASE WHEN CanonicalText IS NULL AND (Modality = 'binary' OR Subtype = 'gap') THEN 'text/plain' ELSE ContentType END,
    AtomicValue = CASE WHEN CanonicalText IS NULL AND (Modality = 'binary' OR Subtype = 'gap') THEN NULL ELSE AtomicValue END,
    CanonicalText = CASE WHEN CanonicalText IS NULL AND (Modality = 'binary' OR Subtype = 'gap') THEN excluded.CanonicalText
                         ELSE CanonicalText END
WHERE InsertedByHand = 0 OR (CanonicalText IS NULL AND (Modality = 'binary' OR Subtype = 'gap'));

-- name: inferences
-- The rows are chosen first: what they hold is counted of these alone.
SELECT {shown_inference}
FROM (SELECT * FROM Inference
      WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:inference_id IS NULL OR InferenceId = :inference_id)
        AND (:model IS NULL OR Model = :model)
      ORDER BY CreatedAt DESC, InferenceId DESC LIMIT :n) AS i
ORDER BY i.CreatedAt DESC, i.InferenceId DESC;

-- name: inference_page
-- In the order of an index, from a place on: no more is read than the page holds, and what is of other models.
SELECT {shown_inference}
FROM Inference AS i INDEXED BY Inference_Created
WHERE i.TenantId = :tenant_id AND (:model IS NULL OR i.Model = :model)
  AND (i.CreatedAt, i.InferenceId) < (COALESCE(:after_time, '~'), COALESCE(:after_id, ''))
ORDER BY i.CreatedAt DESC, i.InferenceId DESC LIMIT :n;

-- name: inference_count
SELECT COUNT(*) AS n FROM Inference
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:model IS NULL OR Model = :model);
