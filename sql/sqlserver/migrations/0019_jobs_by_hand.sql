-- Any client may insert a job, as IBackgroundJobService of the .NET system does: the hour defaults, the atom is read out of
-- Parameters when the job is claimed. A run takes the types of jobs that it can do; an InProgress row without a lease is one that
-- somebody wrote by hand: it is free.

ALTER TABLE dbo.BackgroundJob ADD CONSTRAINT DF_BackgroundJob_IngestHour
    DEFAULT (STUFF(CONVERT(char(13), SYSUTCDATETIME(), 126), 11, 1, '-') + ':00') FOR IngestHour;
GO
CREATE INDEX IX_BackgroundJob_Failed ON dbo.BackgroundJob (TenantId) WHERE Status = 'Failed';
GO
CREATE OR ALTER PROCEDURE dbo.usp_has_claimable_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS claimable FROM dbo.BackgroundJob AS j
    WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress')
        AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now);
END;
GO
-- A job that somebody else inserted names its atom in Parameters, in whatever case; only one of the job's own tenant counts.
CREATE OR ALTER PROCEDURE dbo.usp_claim_jobs
    @hour char(16), @job_type varchar(64), @owner nvarchar(300), @now datetime2(3), @lease_until datetime2(3),
    @least_attempts int, @most_attempts int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    -- Through a table variable: a table that was adopted may have triggers of its own, and OUTPUT to the client allows none.
    DECLARE @claimed TABLE (JobId uniqueidentifier NOT NULL PRIMARY KEY, NeedsAtom bit NOT NULL);
    WITH claimed AS
    (
        SELECT TOP (@n) j.JobId, j.AtomId, j.AttemptCount, j.Status, j.LeaseOwner, j.LeaseUntil, j.StartedAt
        FROM dbo.BackgroundJob AS j WITH (ROWLOCK, UPDLOCK, READPAST)
        WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress')
            AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now)
            AND j.AttemptCount BETWEEN @least_attempts AND @most_attempts AND j.AttemptCount < j.MaxAttempts
    )
    UPDATE claimed
    SET Status = 'InProgress', AttemptCount = AttemptCount + 1, LeaseOwner = @owner, LeaseUntil = @lease_until,
        StartedAt = COALESCE(StartedAt, @now)
    OUTPUT inserted.JobId, CASE WHEN inserted.AtomId IS NULL THEN 1 ELSE 0 END INTO @claimed (JobId, NeedsAtom);
    UPDATE j
    SET j.AtomId = a.AtomId
    FROM dbo.BackgroundJob AS j
    INNER JOIN @claimed AS c ON c.JobId = j.JobId AND c.NeedsAtom = 1
    CROSS APPLY OPENJSON(CASE WHEN ISJSON(j.Parameters) = 1 AND LEFT(LTRIM(j.Parameters), 1) = N'{' THEN j.Parameters ELSE N'{}' END) AS p
    INNER JOIN dbo.Atom AS a ON a.AtomId = TRY_CONVERT(bigint, p.value) AND a.TenantId = j.TenantId
    WHERE LOWER(p.[key]) = N'atomid';
    SELECT LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.AtomId AS atomId, j.TenantId AS tenantId, j.AttemptCount AS attemptCount,
        j.Parameters AS parameters
    FROM @claimed AS c
    INNER JOIN dbo.BackgroundJob AS j ON j.JobId = c.JobId;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_has_exhausted_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found FROM dbo.BackgroundJob AS j
    WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress')
        AND j.AttemptCount >= j.MaxAttempts AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now);
END;
GO
-- For a write transaction: what is returned is locked, so that of two runs one gives it up.
CREATE OR ALTER PROCEDURE dbo.usp_exhausted_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.AtomId AS atomId, j.TenantId AS tenantId, j.IngestHour AS ingestHour,
        j.JobType AS jobType, j.Parameters AS parameters, j.AttemptCount AS attemptCount, j.StartedAt AS startedAt, j.Result AS result
    FROM dbo.BackgroundJob AS j WITH (UPDLOCK, READPAST)
    WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress')
        AND j.AttemptCount >= j.MaxAttempts AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now);
END;
GO
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
-- Pending again is a job that nobody has tried yet.
CREATE PROCEDURE dbo.usp_set_job_status
    @job_id uniqueidentifier, @status varchar(16), @result nvarchar(max), @lease_until datetime2(3), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = @status, Result = @result, LeaseOwner = NULL, LeaseUntil = @lease_until,
        AttemptCount = CASE @status WHEN 'Pending' THEN 0 ELSE AttemptCount END,
        CompletedAt = CASE WHEN @status IN ('Pending', 'InProgress') THEN NULL ELSE @now END
    WHERE JobId = @job_id;
    SELECT @@ROWCOUNT AS rowsChanged;
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
-- Text is Unicode here: none of it is anything else.
CREATE PROCEDURE dbo.usp_atoms_to_embed @atom_ids nvarchar(max), @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId, a.TenantId AS tenantId, a.Modality AS modality, a.CanonicalText AS text,
        CONVERT(bit, 1) AS textIsValid,
        CONVERT(bit, CASE WHEN EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e
                                       WHERE e.AtomId = a.AtomId AND e.ModelId = @model_id) THEN 1 ELSE 0 END) AS isEmbedded
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT CONVERT(bigint, v.value) FROM OPENJSON(@atom_ids) AS v);
END;
GO
-- Hours that hold work of the stages that are enabled, for the sensor: it looks, it takes nothing.
CREATE OR ALTER PROCEDURE dbo.usp_pending_work @now datetime2(3), @ingestion bit, @job_types nvarchar(max), @projection bit
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.IngestHour AS hour
    FROM dbo.Source AS s
    WHERE @ingestion = 1 AND s.Status IN ('Landed', 'Atomizing') AND (s.Status = 'Landed' OR s.LeaseUntil < @now)
        AND NOT EXISTS (SELECT 1 FROM dbo.Source AS e
                        WHERE e.TenantId = s.TenantId AND e.SourceUriHash = s.SourceUriHash AND e.Version < s.Version
                            AND e.Status IN ('Landed', 'Atomizing'))
    UNION
    SELECT j.IngestHour
    FROM dbo.BackgroundJob AS j
    WHERE j.Status IN ('Pending', 'InProgress') AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now)
        AND j.JobType IN (SELECT v.value FROM OPENJSON(@job_types) AS v)
    UNION
    SELECT e.IngestHour
    FROM dbo.AtomEmbedding AS e
    INNER JOIN dbo.EmbeddingModel AS m ON m.ModelId = e.ModelId
    WHERE @projection = 1 AND e.ProjectionModelId IS NULL AND m.Active = 1
    ORDER BY hour;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_unexplained_missing_embeddings @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) a.AtomId AS atomId, a.Modality AS modality
    FROM dbo.Atom AS a
    WHERE (@hour IS NULL OR a.IngestHour = @hour) AND (@tenant_id IS NULL OR a.TenantId = @tenant_id)
        AND a.Modality IN ('text', 'image', 'audio', 'video', 'code') AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e INNER JOIN dbo.EmbeddingModel AS m ON m.ModelId = e.ModelId
                        WHERE e.AtomId = a.AtomId AND m.Active = 1)
        AND NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j
                        WHERE j.AtomId = a.AtomId AND (j.Status <> 'Completed' OR j.Result LIKE N'skipped:%'))
    OPTION (RECOMPILE);
END;
GO
