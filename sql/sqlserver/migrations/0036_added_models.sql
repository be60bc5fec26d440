-- Models side by side: what is loaded from where, which of a modality answers questions, and how far its atoms are queued.
ALTER TABLE dbo.EmbeddingModel ADD
    LoadedFrom nvarchar(4000) NULL CONSTRAINT CK_EmbeddingModel_LoadedFrom CHECK (ISJSON(LoadedFrom) = 1),   -- NULL: from what the settings name
    Answers bit NOT NULL CONSTRAINT DF_EmbeddingModel_Answers DEFAULT (0),
    AnswersSince datetime2(3) NULL,
    QueuedThrough bigint NULL,     -- the AtomId up to which atoms are queued for it; NULL: all are
    DroppedAt datetime2(3) NULL;   -- no vector of it is written any more; the row stays, so that no other model gets its id
GO
ALTER TABLE dbo.EmbeddingModel ADD CONSTRAINT CK_EmbeddingModel_Answers
    CHECK (Answers = 0 OR (Active = 1 AND LoadedFrom IS NOT NULL));
GO
CREATE UNIQUE INDEX UX_EmbeddingModel_Answers ON dbo.EmbeddingModel (Modality) WHERE Answers = 1;
GO
-- Whoever reads (a search, a look for work) waits for nobody: a model that is becoming active is locked while all its atoms are queued.
CREATE OR ALTER PROCEDURE dbo.usp_active_embedding_models
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId, m.Modality AS modality, m.Name AS name, m.Dimension AS dimension, m.ArtifactHash AS artifactHash,
        m.Precision AS precision, m.Settings AS settings, m.LoadedFrom AS loadedFrom, m.Answers AS answers, m.QueuedThrough AS queuedThrough
    FROM dbo.EmbeddingModel AS m WHERE m.Active = 1
    ORDER BY m.ModelId;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_activate_embedding_model @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Active = 1, DroppedAt = NULL WHERE ModelId = @model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- For the settings: they say nothing of one that was added.
CREATE OR ALTER PROCEDURE dbo.usp_deactivate_embedding_model @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Active = 0 WHERE ModelId = @model_id AND LoadedFrom IS NULL;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- All that were ever here; of those that were dropped the row stays.
CREATE PROCEDURE dbo.usp_embedding_models
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId, m.Modality AS modality, m.Name AS name, m.Dimension AS dimension, m.ArtifactHash AS artifactHash,
        m.Precision AS precision, m.Settings AS settings, m.LoadedFrom AS loadedFrom, m.Answers AS answers, m.QueuedThrough AS queuedThrough,
        m.Active AS active, m.CreatedAt AS createdAt, m.AnswersSince AS answersSince, m.DroppedAt AS droppedAt
    FROM dbo.EmbeddingModel AS m
    ORDER BY m.ModelId;
END;
GO
-- What a model has, and what it lacks: jobs of its own that are open or were given up. New atoms' jobs are for all models, and count for none.
CREATE PROCEDURE dbo.usp_embedding_model_counts @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT (SELECT COUNT_BIG(*) FROM dbo.AtomEmbedding AS e WHERE e.ModelId = @model_id) AS vectors,
        (SELECT COUNT_BIG(*) FROM dbo.BackgroundJob AS j
         WHERE j.JobType = 'GenerateEmbedding' AND j.ModelId = @model_id AND j.Status IN ('Pending', 'InProgress')) AS waiting,
        (SELECT COUNT_BIG(*) FROM dbo.BackgroundJob AS j
         WHERE j.JobType = 'GenerateEmbedding' AND j.ModelId = @model_id AND j.Status IN ('Failed', 'DeadLettered')) AS failed,
        (SELECT COUNT_BIG(*) FROM dbo.AtomToEmbed AS a INNER JOIN dbo.EmbeddingModel AS m ON m.Modality = a.Modality
         WHERE m.ModelId = @model_id AND a.AtomId > m.QueuedThrough) AS unqueued
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_set_model_source @model_id int, @loaded_from nvarchar(4000)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET LoadedFrom = @loaded_from WHERE ModelId = @model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- From the first atom on: what has a vector, or a job, gets none.
CREATE PROCEDURE dbo.usp_begin_queueing @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET QueuedThrough = 0 WHERE ModelId = @model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The next @n atoms that are to be looked at for a model; through is NULL after the last one. No row where all are queued. Its lock lets
-- whoever else does so wait for the commit.
CREATE PROCEDURE dbo.usp_next_atoms_to_queue @model_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.QueuedThrough AS after,
        (SELECT MAX(b.AtomId)
         FROM (SELECT TOP (@n) a.AtomId FROM dbo.AtomToEmbed AS a
               WHERE a.Modality = m.Modality AND a.AtomId > m.QueuedThrough ORDER BY a.AtomId) AS b) AS through
    FROM dbo.EmbeddingModel AS m WITH (UPDLOCK)
    WHERE m.ModelId = @model_id AND m.Active = 1 AND m.QueuedThrough IS NOT NULL;
END;
GO
-- NULL: all are. Atoms that come later have their jobs of the trigger.
CREATE PROCEDURE dbo.usp_set_queued_through @model_id int, @through bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET QueuedThrough = @through WHERE ModelId = @model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- A job for each of these atoms (all, where @atom_ids is NULL), of those above an AtomId and up to another one, that an active model has yet
-- to embed. One that waits without a ModelId is for this model, too; one that is being worked on may have begun before the model became
-- active, and counts for nothing. What was skipped has no text for any model.
CREATE OR ALTER PROCEDURE dbo.usp_queue_atoms_for_model @model_id int, @atom_ids nvarchar(max), @after bigint, @through bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, ModelId, TenantId, IngestHour)
    SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', a.AtomId, N',"TenantId":', a.TenantId, N',"ModelId":', m.ModelId, N'}'),
        a.AtomId, m.ModelId, a.TenantId, a.IngestHour
    FROM dbo.EmbeddingModel AS m
    INNER JOIN dbo.AtomToEmbed AS a ON a.Modality = m.Modality
    WHERE m.ModelId = @model_id AND (@atom_ids IS NULL OR a.AtomId IN (SELECT CONVERT(bigint, v.value) FROM OPENJSON(@atom_ids) AS v))
        AND a.AtomId > @after AND a.AtomId <= @through
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = m.ModelId)
        AND NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j
                        WHERE j.AtomId = a.AtomId AND j.JobType = 'GenerateEmbedding'
                            AND (j.Result LIKE N'skipped:%'
                                 OR (j.Status IN ('Pending', 'InProgress')
                                     AND (j.ModelId = m.ModelId OR (j.ModelId IS NULL AND j.LeaseOwner IS NULL)))))
    ORDER BY a.AtomId
    OPTION (RECOMPILE);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Some atoms from one on, for a measurement.
CREATE PROCEDURE dbo.usp_texts_to_embed @modality varchar(32), @first bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) a.AtomId AS atomId, CONVERT(nvarchar(max), a.CanonicalText) AS text
    FROM dbo.AtomToEmbed AS w
    INNER JOIN dbo.Atom AS a ON a.AtomId = w.AtomId
    WHERE w.Modality = @modality AND a.AtomId >= @first AND a.CanonicalText IS NOT NULL
    ORDER BY a.AtomId;
END;
GO
-- @model_id NULL: a model that is not here yet.
CREATE PROCEDURE dbo.usp_atoms_that_lack_model @modality varchar(32), @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS atoms, COALESCE((SELECT MAX(h.AtomId) FROM dbo.Atom AS h), 0) AS highestId
    FROM dbo.AtomToEmbed AS a
    WHERE a.Modality = @modality
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = @model_id)
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_clear_answering_model @modality varchar(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Answers = 0, AnswersSince = NULL WHERE Modality = @modality AND Answers = 1;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_set_answering_model @model_id int, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Answers = 1, AnswersSince = @now WHERE ModelId = @model_id AND Active = 1 AND LoadedFrom IS NOT NULL;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_set_model_dropped @model_id int, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Active = 0, LoadedFrom = NULL, QueuedThrough = NULL, DroppedAt = COALESCE(DroppedAt, @now)
    WHERE ModelId = @model_id AND Answers = 0;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Here and below: of a model that was added again meanwhile nothing is deleted any more. UPDLOCK lets whoever adds it wait for the commit.
CREATE PROCEDURE dbo.usp_delete_dead_letters_of_model @model_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE TOP (@n) d
    FROM dbo.DeadLetter AS d
    INNER JOIN dbo.BackgroundJob AS j ON j.JobId = d.JobId
    WHERE d.Kind = 'job' AND j.ModelId = @model_id AND j.JobType = 'GenerateEmbedding' AND j.Status = 'DeadLettered'
        AND EXISTS (SELECT 1 FROM dbo.EmbeddingModel AS m WITH (UPDLOCK) WHERE m.ModelId = @model_id AND m.DroppedAt IS NOT NULL);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Those that are not done; the others go with the housekeeping.
CREATE PROCEDURE dbo.usp_delete_jobs_of_model @model_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE TOP (@n) FROM dbo.BackgroundJob
    WHERE ModelId = @model_id AND JobType = 'GenerateEmbedding' AND Status <> 'Completed'
        AND EXISTS (SELECT 1 FROM dbo.EmbeddingModel AS m WITH (UPDLOCK) WHERE m.ModelId = @model_id AND m.DroppedAt IS NOT NULL);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_embeddings_of_dropped_model @model_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.TenantId AS tenantId
    FROM dbo.AtomEmbedding AS e
    WHERE e.ModelId = @model_id
        AND EXISTS (SELECT 1 FROM dbo.EmbeddingModel AS m WITH (UPDLOCK) WHERE m.ModelId = @model_id AND m.DroppedAt IS NOT NULL);
END;
GO
CREATE PROCEDURE dbo.usp_delete_projection_models @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.ProjectionModel
    WHERE ModelId = @model_id
        AND EXISTS (SELECT 1 FROM dbo.EmbeddingModel AS m WITH (UPDLOCK) WHERE m.ModelId = @model_id AND m.DroppedAt IS NOT NULL);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- No vector of a model that is dropped, or is being dropped by a transaction that READCOMMITTEDLOCK waits for.
CREATE OR ALTER PROCEDURE dbo.usp_insert_embedding @rows dbo.EmbeddingRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, IngestHour, RunId, CreatedAt)
    SELECT a.AtomId, a.TenantId, r.ModelId, r.Dimension, r.EmbeddingVector, r.WindowCount, a.IngestHour, r.RunId, r.CreatedAt
    FROM @rows AS r
    INNER JOIN dbo.Atom AS a ON a.AtomId = r.AtomId
    WHERE EXISTS (SELECT 1 FROM dbo.EmbeddingModel AS m WITH (READCOMMITTEDLOCK) WHERE m.ModelId = r.ModelId AND m.DroppedAt IS NULL)
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WITH (UPDLOCK, SERIALIZABLE)
                        WHERE e.AtomId = r.AtomId AND e.ModelId = r.ModelId)
    ORDER BY r.AtomId;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Per active model; of a modality without one, modelId is NULL. What is still to be queued for a model is explained.
CREATE OR ALTER PROCEDURE dbo.usp_unexplained_missing_embeddings @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) a.AtomId AS atomId, a.Modality AS modality, m.ModelId AS modelId
    FROM dbo.AtomToEmbed AS a
    LEFT JOIN dbo.EmbeddingModel AS m ON m.Modality = a.Modality AND m.Active = 1
    WHERE (@hour IS NULL OR a.IngestHour = @hour) AND (@tenant_id IS NULL OR a.TenantId = @tenant_id)
        AND (m.QueuedThrough IS NULL OR a.AtomId <= m.QueuedThrough)
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = m.ModelId)
        AND NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j
                        WHERE j.AtomId = a.AtomId AND (j.ModelId IS NULL OR j.ModelId = m.ModelId)
                            AND (j.Status <> 'Completed' OR j.Result LIKE N'skipped:%'))
    OPTION (RECOMPILE);
END;
GO
