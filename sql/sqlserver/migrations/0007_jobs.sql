-- Background jobs: claimed with a lease, completed, returned, refused, given up.

CREATE PROCEDURE dbo.usp_has_claimable_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS claimable FROM dbo.BackgroundJob AS j
    WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress')
        AND (j.Status = 'Pending' OR j.LeaseUntil < @now);
END;
GO
CREATE PROCEDURE dbo.usp_claim_jobs
    @hour char(16), @job_type varchar(64), @owner nvarchar(300), @now datetime2(3), @lease_until datetime2(3),
    @least_attempts int, @most_attempts int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    -- Through a table variable: a table that was adopted may have triggers of its own, and OUTPUT to the client allows none.
    DECLARE @claimed TABLE (JobId uniqueidentifier NOT NULL, AtomId bigint NULL, TenantId int NOT NULL, AttemptCount int NOT NULL);
    WITH claimed AS
    (
        SELECT TOP (@n) j.JobId, j.AtomId, j.TenantId, j.AttemptCount, j.Status, j.LeaseOwner, j.LeaseUntil, j.StartedAt
        FROM dbo.BackgroundJob AS j WITH (ROWLOCK, UPDLOCK, READPAST)
        WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress')
            AND (j.Status = 'Pending' OR j.LeaseUntil < @now) AND j.AttemptCount BETWEEN @least_attempts AND @most_attempts
            AND j.AttemptCount < j.MaxAttempts
    )
    UPDATE claimed
    SET Status = 'InProgress', AttemptCount = AttemptCount + 1, LeaseOwner = @owner, LeaseUntil = @lease_until,
        StartedAt = COALESCE(StartedAt, @now)
    OUTPUT inserted.JobId, inserted.AtomId, inserted.TenantId, inserted.AttemptCount
        INTO @claimed (JobId, AtomId, TenantId, AttemptCount);
    SELECT LOWER(CONVERT(char(36), c.JobId)) AS jobId, c.AtomId AS atomId, c.TenantId AS tenantId, c.AttemptCount AS attemptCount
    FROM @claimed AS c;
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
CREATE PROCEDURE dbo.usp_has_exhausted_jobs @hour char(16), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found FROM dbo.BackgroundJob AS j
    WHERE j.IngestHour = @hour AND j.Status IN ('Pending', 'InProgress') AND j.AttemptCount >= j.MaxAttempts
        AND (j.Status = 'Pending' OR j.LeaseUntil < @now);
END;
GO
-- For a write transaction: what is returned is locked, so that of two runs one gives it up.
CREATE PROCEDURE dbo.usp_exhausted_jobs @hour char(16), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.AtomId AS atomId, j.TenantId AS tenantId, j.IngestHour AS ingestHour,
        j.JobType AS jobType, j.Parameters AS parameters, j.AttemptCount AS attemptCount, j.StartedAt AS startedAt, j.Result AS result
    FROM dbo.BackgroundJob AS j WITH (UPDLOCK, READPAST)
    WHERE j.IngestHour = @hour AND j.Status IN ('Pending', 'InProgress') AND j.AttemptCount >= j.MaxAttempts
        AND (j.Status = 'Pending' OR j.LeaseUntil < @now);
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
CREATE PROCEDURE dbo.usp_jobs @tenant_id int, @job_id uniqueidentifier, @status varchar(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.JobType AS jobType, j.Parameters AS parameters,
        j.AtomId AS atomId, j.TenantId AS tenantId, j.IngestHour AS ingestHour, j.Status AS status,
        j.AttemptCount AS attemptCount, j.MaxAttempts AS maxAttempts, j.Result AS result, j.CreatedAt AS createdAt,
        j.StartedAt AS startedAt, j.CompletedAt AS completedAt
    FROM dbo.BackgroundJob AS j
    WHERE (@tenant_id IS NULL OR j.TenantId = @tenant_id) AND (@job_id IS NULL OR j.JobId = @job_id)
        AND (@status IS NULL OR j.Status = @status)
    ORDER BY j.CreatedAt DESC, j.JobId DESC
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_job_lease_owners
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT DISTINCT j.LeaseOwner AS owner FROM dbo.BackgroundJob AS j
    WHERE j.Status IN ('Pending', 'InProgress') AND j.Status = 'InProgress' AND j.LeaseOwner IS NOT NULL;
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
