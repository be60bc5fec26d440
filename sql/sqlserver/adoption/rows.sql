-- What the old rows get in columns that they did not have. Run in the transaction of the adoption, after the columns were added.

-- name: adopt_embedding_models
-- Who made the old vectors is not known. They keep a model of their own that is never active, one per kind of atom and dimension:
-- nothing is lost, and new vectors are made beside them.
INSERT INTO dbo.EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)
SELECT DISTINCT a.Modality, N'adopted', e.Dimension, 'adopted', 'fp32', CONCAT(N'{"dimension":', e.Dimension, N'}'), 0, SYSUTCDATETIME()
FROM dbo.AtomEmbedding AS e INNER JOIN dbo.Atom AS a ON a.AtomId = e.AtomId;

-- name: assign_embedding_models
UPDATE e SET e.ModelId = m.ModelId
FROM dbo.AtomEmbedding AS e
INNER JOIN dbo.Atom AS a ON a.AtomId = e.AtomId
INNER JOIN dbo.EmbeddingModel AS m ON m.ArtifactHash = 'adopted' AND m.Modality = a.Modality COLLATE DATABASE_DEFAULT
    AND m.Settings = CONCAT(N'{"dimension":', e.Dimension, N'}');

-- name: adopt_embedding_models_of_types
-- The old EmbeddingTypeId told models apart, so it is part of the adopted model.
INSERT INTO dbo.EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)
SELECT DISTINCT a.Modality, N'adopted', e.Dimension, 'adopted', 'fp32',
       CONCAT(N'{"dimension":', e.Dimension, N',"embeddingTypeId":', COALESCE(CONVERT(nvarchar(20), e.EmbeddingTypeId), N'null'), N'}'),
       0, SYSUTCDATETIME()
FROM dbo.AtomEmbedding AS e INNER JOIN dbo.Atom AS a ON a.AtomId = e.AtomId;

-- name: assign_embedding_models_of_types
UPDATE e SET e.ModelId = m.ModelId
FROM dbo.AtomEmbedding AS e
INNER JOIN dbo.Atom AS a ON a.AtomId = e.AtomId
INNER JOIN dbo.EmbeddingModel AS m ON m.ArtifactHash = 'adopted' AND m.Modality = a.Modality COLLATE DATABASE_DEFAULT
    AND m.Settings = CONCAT(N'{"dimension":', e.Dimension, N',"embeddingTypeId":',
                            COALESCE(CONVERT(nvarchar(20), e.EmbeddingTypeId), N'null'), N'}');

-- name: assign_embedding_tenants
UPDATE e SET e.TenantId = a.TenantId FROM dbo.AtomEmbedding AS e INNER JOIN dbo.Atom AS a ON a.AtomId = e.AtomId;

-- name: assign_embedding_hours
UPDATE e SET e.IngestHour = a.IngestHour FROM dbo.AtomEmbedding AS e INNER JOIN dbo.Atom AS a ON a.AtomId = e.AtomId;

-- name: assign_positions
-- Buckets and SpatialKey follow from X, Y, Z here: with these, the old rows show where they showed.
UPDATE e SET e.X = e.AdoptedSpatialKey.STX, e.Y = e.AdoptedSpatialKey.STY, e.Z = e.AdoptedSpatialKey.Z
FROM dbo.AtomEmbedding AS e WHERE e.AdoptedSpatialKey IS NOT NULL;

-- name: assign_job_atoms
UPDATE j SET j.AtomId = a.AtomId
FROM dbo.BackgroundJob AS j
INNER JOIN dbo.Atom AS a ON a.AtomId = TRY_CONVERT(bigint, JSON_VALUE(j.Parameters, N'$.AtomId')) AND a.TenantId = j.TenantId;

-- name: assign_job_hours
-- The hour of the atom; what has none gets the running hour, in which it is worked on.
UPDATE j SET j.IngestHour = COALESCE(a.IngestHour, STUFF(CONVERT(char(13), SYSUTCDATETIME(), 126), 11, 1, '-') + ':00')
FROM dbo.BackgroundJob AS j LEFT JOIN dbo.Atom AS a ON a.AtomId = j.AtomId;

-- name: end_claims_of_old_workers
-- A claim without an end would never be taken over: the old workers are stopped, so theirs have run out.
UPDATE j SET j.LeaseUntil = j.CreatedAt FROM dbo.BackgroundJob AS j WHERE j.Status = 'InProgress' AND j.LeaseUntil IS NULL;

-- name: give_jobs_an_attempt
UPDATE j SET j.MaxAttempts = 1 FROM dbo.BackgroundJob AS j WHERE j.MaxAttempts < 1;

-- name: refuse_jobs_without_atom
UPDATE j SET j.Status = 'Failed', j.CompletedAt = SYSUTCDATETIME(), j.Result = N'adopted: its parameters name no atom of its tenant'
FROM dbo.BackgroundJob AS j
WHERE j.JobType = 'GenerateEmbedding' AND j.AtomId IS NULL AND j.Status IN ('Pending', 'InProgress');

-- name: queue_atoms_without_job
-- The old worker looked for atoms, not for jobs. Jobs that are Completed are queued again when the new model becomes active.
INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, TenantId, IngestHour)
SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', a.AtomId, N',"TenantId":', a.TenantId, N'}'), a.AtomId, a.TenantId, a.IngestHour
FROM dbo.Atom AS a
WHERE a.Modality IN ('text', 'image', 'audio', 'video', 'code') AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
    AND NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j WHERE j.AtomId = a.AtomId);
