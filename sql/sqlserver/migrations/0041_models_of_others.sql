-- A run whose settings are older than the models that are active: it leaves their jobs to others, where it refused them for good.

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
-- Whoever reads (a search, a look for work) waits for nobody: a model that is becoming active is locked while all its atoms are queued.
CREATE OR ALTER PROCEDURE dbo.usp_active_embedding_models
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
