-- Background jobs: claimed with a lease, completed, returned, refused, given up. Any client may insert one, as
-- IBackgroundJobService of the .NET system does: the hour defaults, atom and model are read out of Parameters when the job is
-- claimed. A run takes the types of jobs that it can do; an InProgress row without a lease is one that somebody wrote by hand: it
-- is free.

CREATE PROCEDURE dbo.usp_insert_job
    @job_id uniqueidentifier, @job_type varchar(64), @parameters nvarchar(max), @tenant_id int, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.BackgroundJob (JobId, JobType, Parameters, TenantId, CreatedAt)
    VALUES (@job_id, @job_type, @parameters, @tenant_id, @now);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_has_claimable_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS claimable FROM dbo.BackgroundJob AS j
    WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress')
        AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now);
END;
GO
-- A job that somebody else inserted names its atom in Parameters, in whatever case; only one of the job's own tenant counts. It may name a
-- model there, too: what is no number becomes 0, which is no model's. One for an active model that is not among @model_ids waits for a
-- run that knows it.
CREATE PROCEDURE dbo.usp_claim_jobs
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
        j.AttemptCount AS attemptCount, CONVERT(nvarchar(max), j.Parameters) AS parameters
    FROM @claimed AS c
    INNER JOIN dbo.BackgroundJob AS j ON j.JobId = c.JobId;
END;
GO
CREATE PROCEDURE dbo.usp_complete_jobs @job_ids nvarchar(max), @owner nvarchar(300), @now datetime2(3), @result nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = 'Completed', CompletedAt = @now, Result = @result, LeaseOwner = NULL, LeaseUntil = NULL
    WHERE JobId IN (SELECT CONVERT(uniqueidentifier, v.value) FROM OPENJSON(@job_ids) AS v)
        AND LeaseOwner = @owner AND Status = 'InProgress';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_release_jobs @job_ids nvarchar(max), @owner nvarchar(300)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = 'Pending', LeaseOwner = NULL, LeaseUntil = NULL, AttemptCount = AttemptCount - 1
    WHERE JobId IN (SELECT CONVERT(uniqueidentifier, v.value) FROM OPENJSON(@job_ids) AS v)
        AND LeaseOwner = @owner AND Status = 'InProgress';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The work can never succeed: no further attempt.
CREATE PROCEDURE dbo.usp_refuse_jobs @job_ids nvarchar(max), @owner nvarchar(300), @now datetime2(3), @reason nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = 'Failed', CompletedAt = @now, Result = @reason, LeaseOwner = NULL, LeaseUntil = NULL
    WHERE JobId IN (SELECT CONVERT(uniqueidentifier, v.value) FROM OPENJSON(@job_ids) AS v) AND LeaseOwner = @owner;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_return_jobs @job_ids nvarchar(max), @owner nvarchar(300), @reason nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob SET Status = 'Pending', Result = @reason, LeaseOwner = NULL, LeaseUntil = NULL
    WHERE JobId IN (SELECT CONVERT(uniqueidentifier, v.value) FROM OPENJSON(@job_ids) AS v) AND LeaseOwner = @owner;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_has_exhausted_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found FROM dbo.BackgroundJob AS j
    WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress') AND j.AttemptCount >= 1
        AND j.AttemptCount >= j.MaxAttempts AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now);
END;
GO
-- For a write transaction: what is returned is locked, so that of two runs one gives it up.
CREATE PROCEDURE dbo.usp_exhausted_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.AtomId AS atomId, j.TenantId AS tenantId, j.IngestHour AS ingestHour,
        j.JobType AS jobType, CONVERT(nvarchar(max), j.Parameters) AS parameters, j.AttemptCount AS attemptCount,
        j.StartedAt AS startedAt, j.Result AS result
    FROM dbo.BackgroundJob AS j WITH (UPDLOCK, READPAST)
    WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress') AND j.AttemptCount >= 1
        AND j.AttemptCount >= j.MaxAttempts AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now);
END;
GO
CREATE PROCEDURE dbo.usp_dead_letter_job @job_id uniqueidentifier, @reason nvarchar(max), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = 'DeadLettered', CompletedAt = @now, Result = @reason, LeaseOwner = NULL, LeaseUntil = NULL
    WHERE JobId = @job_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_retry_job @job_id uniqueidentifier, @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = 'Pending', AttemptCount = 0, Result = NULL, CompletedAt = NULL, LeaseOwner = NULL, LeaseUntil = NULL
    WHERE JobId = @job_id AND TenantId = @tenant_id AND Status IN ('Failed', 'DeadLettered');
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Pending again is a job that nobody has tried yet.
CREATE PROCEDURE dbo.usp_set_job_status
    @job_id uniqueidentifier, @tenant_id int, @status varchar(16), @result nvarchar(max), @lease_until datetime2(3), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = @status, Result = @result, LeaseOwner = NULL, LeaseUntil = @lease_until,
        AttemptCount = CASE @status WHEN 'Pending' THEN 0 ELSE AttemptCount END,
        CompletedAt = CASE WHEN @status IN ('Pending', 'InProgress') THEN NULL ELSE @now END
    WHERE JobId = @job_id AND TenantId = @tenant_id;
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
CREATE PROCEDURE dbo.usp_jobs @tenant_id int, @job_id uniqueidentifier, @status varchar(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.JobType AS jobType, CONVERT(nvarchar(max), j.Parameters) AS parameters,
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
CREATE PROCEDURE dbo.usp_job_count @tenant_id int, @status varchar(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n FROM dbo.BackgroundJob AS j
    WHERE (@tenant_id IS NULL OR j.TenantId = @tenant_id) AND (@status IS NULL OR j.Status = @status)
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_failed_job_count
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n FROM dbo.BackgroundJob AS j WHERE j.Status = 'Failed';
END;
GO
-- Pending jobs by type, of all tenants: those that nothing here can do wait for whoever can.
CREATE PROCEDURE dbo.usp_waiting_job_types
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT j.JobType AS jobType, COUNT_BIG(*) AS n FROM dbo.BackgroundJob AS j
    WHERE j.Status IN ('Pending', 'InProgress') AND j.Status = 'Pending'
    GROUP BY j.JobType
    ORDER BY j.JobType;
END;
GO
CREATE PROCEDURE dbo.usp_job_lease_owners
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT DISTINCT j.LeaseOwner AS owner FROM dbo.BackgroundJob AS j WHERE j.LeaseOwner IS NOT NULL AND j.Status = 'InProgress';
END;
GO
CREATE PROCEDURE dbo.usp_expire_job_leases @owner nvarchar(300)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob SET LeaseUntil = '0001-01-01'
    WHERE Status IN ('Pending', 'InProgress') AND Status = 'InProgress' AND LeaseOwner = @owner;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- A job that is done is made one whose status can be set: here each can.
CREATE PROCEDURE dbo.usp_reopen_job @job_id uniqueidentifier
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT 0 AS rowsChanged;
END;
GO
-- Some that were done before a time. What was skipped says for good why its atom has no embedding.
CREATE PROCEDURE dbo.usp_prune_jobs @before datetime2(3), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE TOP (@n) FROM dbo.BackgroundJob
    WHERE Status = 'Completed' AND CompletedAt < @before AND COALESCE(Result, N'') NOT LIKE N'skipped:%';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
