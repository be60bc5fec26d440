-- name: embedding_model
SELECT ModelId AS modelId FROM EmbeddingModel
WHERE Modality = :modality AND ArtifactHash = :artifact_hash AND Settings = :settings;

-- name: insert_embedding_model
INSERT INTO EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)
VALUES (:modality, :name, :dimension, :artifact_hash, :precision, :settings, 0, :now);

-- name: active_embedding_models
SELECT ModelId AS modelId, Modality AS modality, Name AS name, Dimension AS dimension, ArtifactHash AS artifactHash,
       Precision AS precision, Settings AS settings, LoadedFrom AS loadedFrom, Answers AS answers, QueuedThrough AS queuedThrough
FROM EmbeddingModel WHERE Active = 1 ORDER BY ModelId;

-- name: active_embedding_model_ids
-- For a transaction that writes: not without those that are just becoming active.
SELECT ModelId AS modelId FROM EmbeddingModel WHERE Active = 1 ORDER BY ModelId;

-- name: deactivate_embedding_model
-- For the settings: they say nothing of one that was added.
UPDATE EmbeddingModel SET Active = 0 WHERE ModelId = :model_id AND LoadedFrom IS NULL;

-- name: end_jobs_for_model
-- Nobody waits for what a model that is no longer active would make.
UPDATE StoredJob SET Status = 'Completed', CompletedAt = milliseconds(:now), Result = 'its model is not active any more'
WHERE Status IN ('Pending', 'InProgress') AND Status = 'Pending' AND ModelId = :model_id;

-- name: activate_embedding_model
UPDATE EmbeddingModel SET Active = 1, DroppedAt = NULL WHERE ModelId = :model_id;

-- name: embedding_models
-- All that were ever here; of those that were dropped the row stays.
SELECT ModelId AS modelId, Modality AS modality, Name AS name, Dimension AS dimension, ArtifactHash AS artifactHash, Precision AS precision,
       Settings AS settings, LoadedFrom AS loadedFrom, Answers AS answers, QueuedThrough AS queuedThrough, Active AS active, CreatedAt AS createdAt,
       AnswersSince AS answersSince, DroppedAt AS droppedAt
FROM EmbeddingModel ORDER BY ModelId;

-- name: embedding_model_counts
-- What a model has, and what it lacks: jobs of its own that are open or were given up. New atoms' jobs are for all models, and count for none.
SELECT (SELECT COUNT(*) FROM AtomEmbedding WHERE ModelId = :model_id) AS vectors,
       (SELECT COUNT(*) FROM StoredJob WHERE ModelId = :model_id AND Status IN ('Pending', 'InProgress')) AS waiting,
       (SELECT COUNT(*) FROM StoredJob WHERE ModelId = :model_id AND Status IN ('Failed', 'DeadLettered')) AS failed,
       (SELECT COUNT(*) FROM AtomToEmbed AS a CROSS JOIN EmbeddingModel AS m ON m.ModelId = :model_id
        WHERE a.Modality = m.Modality AND a.AtomId > m.QueuedThrough) AS unqueued;

-- name: set_model_source
UPDATE EmbeddingModel SET LoadedFrom = :loaded_from WHERE ModelId = :model_id;

-- name: begin_queueing
-- From the first atom on: what has a vector, or a job, gets none.
UPDATE EmbeddingModel SET QueuedThrough = 0 WHERE ModelId = :model_id;

-- name: next_atoms_to_queue
-- The next n atoms that are to be looked at for a model; through is NULL after the last one. No row where all are queued.
SELECT m.QueuedThrough AS after,
       (SELECT MAX(b.AtomId) FROM (SELECT a.AtomId FROM AtomToEmbed AS a
                                   WHERE a.Modality = m.Modality AND a.AtomId > m.QueuedThrough ORDER BY a.AtomId LIMIT :n) AS b) AS through
FROM EmbeddingModel AS m WHERE m.ModelId = :model_id AND m.Active = 1 AND m.QueuedThrough IS NOT NULL;

-- name: set_queued_through
-- NULL: all are. Atoms that come later have their jobs of the trigger.
UPDATE EmbeddingModel SET QueuedThrough = :through WHERE ModelId = :model_id;

-- name: texts_to_embed
-- Some atoms from one on, for a measurement.
SELECT a.AtomId AS atomId, a.CanonicalText AS text FROM AtomToEmbed AS w CROSS JOIN Atom AS a ON a.AtomId = w.AtomId
WHERE w.Modality = :modality AND w.AtomId >= :first AND a.CanonicalText IS NOT NULL ORDER BY w.AtomId LIMIT :n;

-- name: atoms_that_lack_model
-- model_id NULL: a model that is not here yet.
SELECT COUNT(*) AS atoms, COALESCE((SELECT MAX(AtomId) FROM Atom), 0) AS highestId
FROM AtomToEmbed AS a
WHERE a.Modality = :modality
  AND NOT EXISTS (SELECT 1 FROM AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = :model_id);

-- name: clear_answering_model
UPDATE EmbeddingModel SET Answers = 0, AnswersSince = NULL WHERE Modality = :modality AND Answers = 1;

-- name: set_answering_model
UPDATE EmbeddingModel SET Answers = 1, AnswersSince = :now WHERE ModelId = :model_id AND Active = 1 AND LoadedFrom IS NOT NULL;

-- name: set_model_dropped
UPDATE EmbeddingModel SET Active = 0, LoadedFrom = NULL, QueuedThrough = NULL, DroppedAt = COALESCE(DroppedAt, :now)
WHERE ModelId = :model_id AND Answers = 0;

-- name: delete_dead_letters_of_model
-- Here and below: of a model that was added again meanwhile nothing is deleted any more.
DELETE FROM DeadLetter WHERE DeadLetterId IN (
  SELECT d.DeadLetterId FROM DeadLetter AS d CROSS JOIN StoredJob AS j ON j.JobNumber = CAST(substr(d.JobId, 25) AS INTEGER) AND j.JobId = d.JobId
  WHERE d.Kind = 'job' AND j.ModelId = :model_id AND j.Status = 'DeadLettered'
    AND EXISTS (SELECT 1 FROM EmbeddingModel AS m WHERE m.ModelId = :model_id AND m.DroppedAt IS NOT NULL) LIMIT :n);

-- name: delete_jobs_of_model
-- Those that are not done; the others go with the housekeeping.
DELETE FROM StoredJob WHERE JobNumber IN (
  SELECT JobNumber FROM StoredJob
  WHERE ModelId = :model_id AND EXISTS (SELECT 1 FROM EmbeddingModel AS m WHERE m.ModelId = :model_id AND m.DroppedAt IS NOT NULL) LIMIT :n);

-- name: embeddings_of_dropped_model
SELECT e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.TenantId AS tenantId FROM AtomEmbedding AS e
WHERE e.ModelId = :model_id AND EXISTS (SELECT 1 FROM EmbeddingModel AS m WHERE m.ModelId = :model_id AND m.DroppedAt IS NOT NULL) LIMIT :n;

-- name: delete_projection_models
DELETE FROM ProjectionModel
WHERE ModelId = :model_id AND EXISTS (SELECT 1 FROM EmbeddingModel AS m WHERE m.ModelId = :model_id AND m.DroppedAt IS NOT NULL);

-- name: queue_atoms_for_model
-- A job for each of these atoms (all, where atom_ids is NULL), of those above an AtomId and up to another one, that an active model has yet to embed. One that waits without a ModelId is for this model, too; one that is
-- being worked on may have begun before the model became active, and counts for nothing. What was skipped has no text for any model.
INSERT INTO StoredJob (AtomId, ModelId, TenantId, IngestHour)
SELECT a.AtomId, m.ModelId, a.TenantId, a.IngestHour
FROM EmbeddingModel AS m JOIN AtomToEmbed AS a ON a.Modality = m.Modality
WHERE m.ModelId = :model_id AND (:atom_ids IS NULL OR a.AtomId IN (SELECT value FROM json_each(:atom_ids)))
  AND a.AtomId > :after AND a.AtomId <= :through
  AND NOT EXISTS (SELECT 1 FROM AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = m.ModelId)
  AND NOT EXISTS (SELECT 1 FROM StoredJob AS j WHERE j.AtomId = a.AtomId AND j.OwnJobType IS NULL
                    AND j.Status IN ('Pending', 'InProgress') AND (j.ModelId = m.ModelId OR j.ModelId IS NULL AND j.LeaseOwner IS NULL))
  AND NOT EXISTS (SELECT 1 FROM DoneJob AS d WHERE d.AtomId = a.AtomId AND d.OwnJobType IS NULL AND d.Result LIKE 'skipped:%');

-- name: atoms_to_embed
-- embeddedBy: a JSON array of the ModelIds whose embedding the atom has.
SELECT a.AtomId AS atomId, a.TenantId AS tenantId, a.Modality AS modality, a.CanonicalText AS text,
       typeof(a.CanonicalText) = 'text' AND is_utf8(CAST(a.CanonicalText AS BLOB)) AS textIsValid,
       (SELECT json_group_array(e.ModelId) FROM AtomEmbedding AS e WHERE e.AtomId = a.AtomId) AS embeddedBy
FROM Atom AS a WHERE a.AtomId IN (SELECT value FROM json_each(:atom_ids));

-- name: create_staged_insert_embedding
CREATE TEMP TABLE IF NOT EXISTS StagedEmbedding (AtomId, ModelId, Dimension, EmbeddingVector, WindowCount, RunId, CreatedAt);

-- name: insert_embedding
INSERT INTO temp.StagedEmbedding (AtomId, ModelId, Dimension, EmbeddingVector, WindowCount, RunId, CreatedAt)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: write_staged_insert_embedding
INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, IngestHour, RunId, CreatedAt)
SELECT a.AtomId, a.TenantId, s.ModelId, s.Dimension, s.EmbeddingVector, s.WindowCount, a.IngestHour, s.RunId, s.CreatedAt
FROM temp.StagedEmbedding AS s CROSS JOIN Atom AS a ON a.AtomId = s.AtomId
WHERE EXISTS (SELECT 1 FROM EmbeddingModel AS m WHERE m.ModelId = s.ModelId AND m.DroppedAt IS NULL)
ON CONFLICT (AtomId, ModelId) DO NOTHING;

-- name: clear_staged_insert_embedding
DELETE FROM temp.StagedEmbedding;

-- name: has_pending_projections
SELECT 1 AS found FROM AtomEmbedding AS e
WHERE e.IngestHour = :hour AND e.ProjectionModelId IS NULL AND e.ModelId = :model_id
LIMIT 1;

-- name: pending_projections
SELECT e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.TenantId AS tenantId, e.EmbeddingVector AS vector
FROM AtomEmbedding AS e
WHERE e.IngestHour = :hour AND e.ProjectionModelId IS NULL AND e.ModelId = :model_id
LIMIT :n;

-- name: create_staged_project_embedding
CREATE TEMP TABLE IF NOT EXISTS StagedProjection (X, Y, Z, HilbertValue, ProjectionModelId, AtomEmbeddingId);

-- name: project_embedding
INSERT INTO temp.StagedProjection (X, Y, Z, HilbertValue, ProjectionModelId, AtomEmbeddingId) VALUES (?, ?, ?, ?, ?, ?);

-- name: write_staged_project_embedding
UPDATE AtomEmbedding
SET X = s.X, Y = s.Y, Z = s.Z, HilbertValue = s.HilbertValue, ProjectionModelId = s.ProjectionModelId
FROM temp.StagedProjection AS s
WHERE AtomEmbedding.AtomEmbeddingId = s.AtomEmbeddingId;

-- name: clear_staged_project_embedding
DELETE FROM temp.StagedProjection;

-- name: embed_again
-- Embeddings whose bytes are no vector of their model are made anew: somebody wrote them by hand.
INSERT INTO StoredJob (AtomId, ModelId, TenantId, IngestHour)
SELECT e.AtomId, e.ModelId, a.TenantId, a.IngestHour
FROM AtomEmbedding AS e CROSS JOIN Atom AS a ON a.AtomId = e.AtomId
WHERE e.AtomEmbeddingId IN (SELECT value FROM json_each(:embedding_ids));

-- name: delete_embeddings
DELETE FROM AtomEmbedding WHERE AtomEmbeddingId IN (SELECT value FROM json_each(:embedding_ids));

-- name: active_projection_model
SELECT ProjectionModelId AS projectionModelId, Method AS method, Parameters AS parameters, ArtifactHash AS artifactHash
FROM ProjectionModel WHERE ModelId = :model_id AND Active = 1;

-- name: projection_model
SELECT ProjectionModelId AS projectionModelId FROM ProjectionModel WHERE ModelId = :model_id AND ArtifactHash = :artifact_hash;

-- name: insert_projection_model
INSERT INTO ProjectionModel (ModelId, Method, Parameters, TrainedOn, ArtifactHash, Active, CreatedAt)
VALUES (:model_id, :method, :parameters, :trained_on, :artifact_hash, 0, :now);

-- name: deactivate_projection_models
UPDATE ProjectionModel SET Active = 0 WHERE ModelId = :model_id AND Active = 1;

-- name: activate_projection_model
UPDATE ProjectionModel SET Active = 1, Filling = 0 WHERE ProjectionModelId = :projection_model_id;

-- name: projection_models
-- The projections of a space, the newest first.
SELECT ProjectionModelId AS projectionModelId, Method AS method, Parameters AS parameters, ArtifactHash AS artifactHash,
       TrainedOn AS trainedOn, Active AS active, Filling AS filling, CreatedAt AS createdAt
FROM ProjectionModel WHERE ModelId = :model_id ORDER BY ProjectionModelId DESC;

-- name: insert_projection_artifact
INSERT INTO ProjectionArtifact (ProjectionModelId, Content) VALUES (:projection_model_id, :content);

-- name: projection_artifact
SELECT Content AS content FROM ProjectionArtifact WHERE ProjectionModelId = :projection_model_id;

-- name: filling_projection_model
-- The projection by which the embeddings of a space are placed anew; none where nothing is being filled.
SELECT ProjectionModelId AS projectionModelId, Method AS method, Parameters AS parameters, ArtifactHash AS artifactHash
FROM ProjectionModel WHERE ModelId = :model_id AND Filling = 1;

-- name: stop_filling
UPDATE ProjectionModel SET Filling = 0 WHERE ModelId = :model_id AND Filling = 1;

-- name: start_filling
UPDATE ProjectionModel SET Filling = 1 WHERE ProjectionModelId = :projection_model_id AND Active = 0;

-- part: placed_otherwise
e.ModelId = :model_id AND e.ProjectionModelId IN (SELECT p.ProjectionModelId FROM ProjectionModel AS p
                                                  WHERE p.ModelId = :model_id AND p.ProjectionModelId <> :projection_model_id)

-- name: embeddings_placed_otherwise
-- Embeddings that another projection than this one placed.
SELECT e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.TenantId AS tenantId, e.EmbeddingVector AS vector
FROM AtomEmbedding AS e WHERE {placed_otherwise} LIMIT :n;

-- name: any_placed_otherwise
SELECT 1 AS found FROM AtomEmbedding AS e WHERE {placed_otherwise} LIMIT 1;

-- name: placed_by_projection
-- How many embeddings of a space each projection has placed; NULL: none has.
SELECT ProjectionModelId AS projectionModelId, COUNT(*) AS n FROM AtomEmbedding WHERE ModelId = :model_id GROUP BY ProjectionModelId;

-- name: keep_former_positions
-- Before embeddings are placed anew: where this projection, the active one, has placed them.
INSERT OR REPLACE INTO FormerPosition (AtomEmbeddingId, AtomId, TenantId, ModelId, ProjectionModelId, X, Y, Z, HilbertValue)
SELECT AtomEmbeddingId, AtomId, TenantId, ModelId, ProjectionModelId, X, Y, Z, HilbertValue
FROM AtomEmbedding
WHERE AtomEmbeddingId IN (SELECT value FROM json_each(:embedding_ids)) AND +ProjectionModelId = :projection_model_id;

-- name: forget_former_positions
-- Once embeddings are placed by this projection again, where it had placed them is said twice.
DELETE FROM FormerPosition
WHERE AtomEmbeddingId IN (SELECT value FROM json_each(:embedding_ids)) AND +ProjectionModelId = :projection_model_id;

-- name: clear_former_positions
-- Former positions of a space that nobody reads any more, for another projection is active.
DELETE FROM FormerPosition WHERE AtomEmbeddingId IN (
  SELECT f.AtomEmbeddingId FROM FormerPosition AS f
  WHERE f.ProjectionModelId IN (SELECT p.ProjectionModelId FROM ProjectionModel AS p WHERE p.ModelId = :model_id AND p.Active = 0)
  LIMIT :n);

-- name: vector_space
-- What tells the vectors of a model from those of another database or model; the highest id that was ever given, and one below which no other
-- row appears any more: here transactions that write take turns.
SELECT m.ArtifactHash AS artifactHash, m.Dimension AS dimension, (SELECT MIN(AppliedAt) FROM SchemaVersion) AS databaseCreatedAt,
       COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'AtomEmbedding'), 0) AS highestId,
       COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'AtomEmbedding'), 0) AS settledId
FROM EmbeddingModel AS m WHERE m.ModelId = :model_id;

-- name: vector_tenants
-- Whose the vectors of a model above an id are.
SELECT TenantId AS tenantId, COUNT(*) AS vectorCount, MIN(AtomEmbeddingId) AS firstId, MAX(AtomEmbeddingId) AS lastId
FROM AtomEmbedding WHERE ModelId = :model_id AND AtomEmbeddingId > :after
GROUP BY TenantId;

-- name: vectors
-- Vectors of a tenant above an id, in blocks.
SELECT AtomEmbeddingId AS atomEmbeddingId, AtomId AS atomId, EmbeddingVector AS vector
FROM AtomEmbedding
WHERE TenantId = :tenant_id AND ModelId = :model_id AND AtomEmbeddingId > :after
ORDER BY AtomEmbeddingId LIMIT :n;

-- name: embedding_ids
-- Numbers of the embeddings of a tenant by a model above an id, in blocks.
SELECT AtomEmbeddingId AS atomEmbeddingId FROM AtomEmbedding
WHERE TenantId = :tenant_id AND ModelId = :model_id AND AtomEmbeddingId > :after
ORDER BY AtomEmbeddingId LIMIT :n;

-- name: vectors_by_id
SELECT AtomEmbeddingId AS atomEmbeddingId, AtomId AS atomId, EmbeddingVector AS vector
FROM AtomEmbedding
WHERE AtomEmbeddingId IN (SELECT value FROM json_each(:embedding_ids)) AND +TenantId = :tenant_id AND +ModelId = :model_id;

-- name: vectors_of_atoms
SELECT AtomEmbeddingId AS atomEmbeddingId, AtomId AS atomId, EmbeddingVector AS vector
FROM AtomEmbedding
WHERE AtomId IN (SELECT value FROM json_each(:atom_ids)) AND ModelId = :model_id AND +TenantId = :tenant_id;
