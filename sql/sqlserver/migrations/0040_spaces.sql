-- Several embedding models may be active, one or more of a modality, each a space of its own. A job is of an atom and a model; without
-- a ModelId, of every active model of the atom's modality, so that an atom which comes before any model is known still gets its job.

-- Which modalities need an embedding stands here, and nowhere else: hartonomous_core/vocabulary.py has the same list.
CREATE TABLE dbo.Modality
(
    Name varchar(32) NOT NULL CONSTRAINT PK_Modality PRIMARY KEY CLUSTERED,
    NeedsEmbedding bit NOT NULL
);
GO
INSERT INTO dbo.Modality (Name, NeedsEmbedding)
VALUES ('text', 1), ('code', 1), ('image', 1), ('audio', 1), ('video', 1), ('tensor', 0), ('binary', 0);
GO
ALTER TABLE dbo.BackgroundJob ADD ModelId int NULL;   -- an id that is no model's is refused when the job is claimed
GO
DROP INDEX IF EXISTS UX_EmbeddingModel_Active ON dbo.EmbeddingModel;
GO
-- The atoms that need an embedding.
CREATE VIEW dbo.AtomToEmbed
WITH SCHEMABINDING
AS
SELECT a.AtomId, a.TenantId, a.Modality, a.IngestHour
FROM dbo.Atom AS a
INNER JOIN dbo.Modality AS m ON m.Name = a.Modality
WHERE m.NeedsEmbedding = 1 AND (a.Subtype IS NULL OR a.Subtype <> 'gap');
GO
CREATE OR ALTER TRIGGER dbo.Atom_NeedsEmbedding ON dbo.Atom AFTER INSERT
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, TenantId, IngestHour)
    SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', a.AtomId, N',"TenantId":', a.TenantId, N'}'), a.AtomId, a.TenantId, a.IngestHour
    FROM inserted AS i
    INNER JOIN dbo.AtomToEmbed AS a ON a.AtomId = i.AtomId;
END;
GO
-- The same bytes first seen as a chunk of a binary file, later as a sentence: the atom turns into one that needs an embedding.
CREATE OR ALTER TRIGGER dbo.Atom_TurnsIntoText ON dbo.Atom AFTER UPDATE
AS
BEGIN
    SET NOCOUNT ON;
    IF NOT UPDATE(Modality)
        RETURN;
    INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, TenantId, IngestHour)
    SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', a.AtomId, N',"TenantId":', a.TenantId, N'}'), a.AtomId, a.TenantId, a.IngestHour
    FROM inserted AS i
    INNER JOIN dbo.AtomToEmbed AS a ON a.AtomId = i.AtomId
    WHERE NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j WHERE j.AtomId = i.AtomId AND j.ModelId IS NULL);
END;
GO
DROP PROCEDURE dbo.usp_active_embedding_model;
DROP PROCEDURE dbo.usp_deactivate_embedding_models;
DROP PROCEDURE dbo.usp_requeue_jobs_for_model;
GO
-- Whoever reads (a search, a look for work) waits for nobody: a model that is becoming active is locked while all its atoms are queued.
CREATE PROCEDURE dbo.usp_active_embedding_models
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId, m.Modality AS modality, m.Name AS name, m.Dimension AS dimension, m.ArtifactHash AS artifactHash,
        m.Precision AS precision
    FROM dbo.EmbeddingModel AS m WHERE m.Active = 1
    ORDER BY m.ModelId;
END;
GO
-- For a transaction that writes: not without those that are just becoming active, for which READCOMMITTEDLOCK waits. Whoever has just
-- embedded atoms with fewer models queues them for these.
CREATE PROCEDURE dbo.usp_active_embedding_model_ids
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId FROM dbo.EmbeddingModel AS m WITH (READCOMMITTEDLOCK) WHERE m.Active = 1
    ORDER BY m.ModelId;
END;
GO
CREATE PROCEDURE dbo.usp_deactivate_embedding_model @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Active = 0 WHERE ModelId = @model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Nobody waits for what a model that is no longer active would make.
CREATE PROCEDURE dbo.usp_end_jobs_for_model @model_id int, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob SET Status = 'Completed', CompletedAt = @now, Result = N'its model is not active any more'
    WHERE Status IN ('Pending', 'InProgress') AND Status = 'Pending' AND ModelId = @model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- A job for each of these atoms (all, where @atom_ids is NULL) that an active model has yet to embed. One that waits without a ModelId is
-- for this model, too; one that is being worked on may have begun before the model became active, and counts for nothing. What was
-- skipped has no text for any model.
CREATE PROCEDURE dbo.usp_queue_atoms_for_model @model_id int, @atom_ids nvarchar(max)
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
-- Text is Unicode here: none of it is anything else. embeddedBy: a JSON array of the ModelIds whose embedding the atom has.
CREATE OR ALTER PROCEDURE dbo.usp_atoms_to_embed @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId, a.TenantId AS tenantId, a.Modality AS modality, a.CanonicalText AS text,
        CONVERT(bit, 1) AS textIsValid,
        (SELECT CONCAT(N'[', STRING_AGG(CONVERT(nvarchar(max), e.ModelId), N','), N']')
         FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId) AS embeddedBy
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT CONVERT(bigint, v.value) FROM OPENJSON(@atom_ids) AS v);
END;
GO
-- Embeddings whose bytes are no vector of their model are made anew: somebody wrote them by hand. The jobs are sought by their atoms.
CREATE OR ALTER PROCEDURE dbo.usp_embed_again @embedding_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE j
    SET j.Status = 'Pending', j.AttemptCount = 0, j.Result = NULL, j.CompletedAt = NULL
    FROM dbo.BackgroundJob AS j
    WHERE j.JobType = 'GenerateEmbedding' AND j.Status IN ('Completed', 'Failed')
        AND j.AtomId IN (SELECT e.AtomId FROM dbo.AtomEmbedding AS e
                         INNER JOIN OPENJSON(@embedding_ids) AS v ON CONVERT(bigint, v.value) = e.AtomEmbeddingId)
        AND (j.ModelId IS NULL
             OR EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e
                        INNER JOIN OPENJSON(@embedding_ids) AS v ON CONVERT(bigint, v.value) = e.AtomEmbeddingId
                        WHERE e.AtomId = j.AtomId AND e.ModelId = j.ModelId));
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- A job that somebody else inserted names its atom in Parameters, in whatever case; only one of the job's own tenant counts. It may name a
-- model there, too: what is no number becomes 0, which is no model's. One for an active model that is not among @model_ids waits for a
-- run that knows it.
CREATE OR ALTER PROCEDURE dbo.usp_claim_jobs
    @hour char(16), @job_type varchar(64), @owner nvarchar(300), @now datetime2(3), @lease_until datetime2(3),
    @least_attempts int, @most_attempts int, @n int, @model_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    -- Through a table variable: a table that was adopted may have triggers of its own, and OUTPUT to the client allows none.
    DECLARE @claimed TABLE (JobId uniqueidentifier NOT NULL PRIMARY KEY, NeedsAtom bit NOT NULL, NeedsModel bit NOT NULL);
    WITH claimed AS
    (
        SELECT TOP (@n) j.JobId, j.AtomId, j.ModelId, j.AttemptCount, j.Status, j.LeaseOwner, j.LeaseUntil, j.StartedAt
        FROM dbo.BackgroundJob AS j WITH (ROWLOCK, UPDLOCK, READPAST)
        WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress')
            AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now)
            AND j.AttemptCount BETWEEN @least_attempts AND @most_attempts AND j.AttemptCount < j.MaxAttempts
            AND (j.ModelId IS NULL OR @model_ids IS NULL
                 OR j.ModelId IN (SELECT CONVERT(int, v.value) FROM OPENJSON(@model_ids) AS v)
                 OR NOT EXISTS (SELECT 1 FROM dbo.EmbeddingModel AS m WHERE m.ModelId = j.ModelId AND m.Active = 1))
    )
    UPDATE claimed
    SET Status = 'InProgress', AttemptCount = AttemptCount + 1, LeaseOwner = @owner, LeaseUntil = @lease_until,
        StartedAt = COALESCE(StartedAt, @now)
    OUTPUT inserted.JobId, CASE WHEN inserted.AtomId IS NULL THEN 1 ELSE 0 END, CASE WHEN inserted.ModelId IS NULL THEN 1 ELSE 0 END
        INTO @claimed (JobId, NeedsAtom, NeedsModel);
    UPDATE j
    SET j.AtomId = a.AtomId
    FROM dbo.BackgroundJob AS j
    INNER JOIN @claimed AS c ON c.JobId = j.JobId AND c.NeedsAtom = 1
    CROSS APPLY OPENJSON(CASE WHEN ISJSON(j.Parameters) = 1 AND LEFT(LTRIM(j.Parameters), 1) = N'{' THEN j.Parameters ELSE N'{}' END) AS p
    INNER JOIN dbo.Atom AS a ON a.AtomId = TRY_CONVERT(bigint, p.value) AND a.TenantId = j.TenantId
    WHERE LOWER(p.[key]) = N'atomid';
    UPDATE j
    SET j.ModelId = COALESCE(TRY_CONVERT(int, p.value), 0)
    FROM dbo.BackgroundJob AS j
    INNER JOIN @claimed AS c ON c.JobId = j.JobId AND c.NeedsModel = 1
    CROSS APPLY OPENJSON(CASE WHEN ISJSON(j.Parameters) = 1 AND LEFT(LTRIM(j.Parameters), 1) = N'{' THEN j.Parameters ELSE N'{}' END) AS p
    WHERE LOWER(p.[key]) = N'modelid' AND p.type IN (1, 2);
    SELECT LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.AtomId AS atomId, j.ModelId AS modelId, j.TenantId AS tenantId,
        j.AttemptCount AS attemptCount, j.Parameters AS parameters
    FROM @claimed AS c
    INNER JOIN dbo.BackgroundJob AS j ON j.JobId = c.JobId;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_jobs @tenant_id int, @job_id uniqueidentifier, @status varchar(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.JobType AS jobType, j.Parameters AS parameters,
        j.AtomId AS atomId, j.ModelId AS modelId, j.TenantId AS tenantId, j.IngestHour AS ingestHour, j.Status AS status,
        j.AttemptCount AS attemptCount, j.MaxAttempts AS maxAttempts, j.Result AS result, j.CreatedAt AS createdAt,
        j.StartedAt AS startedAt, j.CompletedAt AS completedAt
    FROM dbo.BackgroundJob AS j
    WHERE (@tenant_id IS NULL OR j.TenantId = @tenant_id) AND (@job_id IS NULL OR j.JobId = @job_id)
        AND (@status IS NULL OR j.Status = @status)
    ORDER BY j.CreatedAt DESC, j.JobId DESC
    OPTION (RECOMPILE);
END;
GO
-- Per active model; of a modality without one, modelId is NULL.
CREATE OR ALTER PROCEDURE dbo.usp_unexplained_missing_embeddings @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) a.AtomId AS atomId, a.Modality AS modality, m.ModelId AS modelId
    FROM dbo.AtomToEmbed AS a
    LEFT JOIN dbo.EmbeddingModel AS m ON m.Modality = a.Modality AND m.Active = 1
    WHERE (@hour IS NULL OR a.IngestHour = @hour) AND (@tenant_id IS NULL OR a.TenantId = @tenant_id)
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = m.ModelId)
        AND NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j
                        WHERE j.AtomId = a.AtomId AND (j.ModelId IS NULL OR j.ModelId = m.ModelId)
                            AND (j.Status <> 'Completed' OR j.Result LIKE N'skipped:%'))
    OPTION (RECOMPILE);
END;
GO
