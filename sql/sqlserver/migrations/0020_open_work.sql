-- A claim looks only at what is open, those with the fewest attempts first: it costs the same however much waits.

CREATE INDEX IX_Source_Open ON dbo.Source (IngestHour, AttemptCount, SourceId)
    INCLUDE (Status, LeaseUntil, TenantId, SourceUriHash, Version, ByteLength) WHERE Status IN ('Landed', 'Atomizing');
CREATE INDEX IX_Source_Leased ON dbo.Source (LeaseOwner) INCLUDE (Status) WHERE LeaseOwner IS NOT NULL;
GO
-- What is exhausted has been tried at least once.
UPDATE dbo.BackgroundJob SET MaxAttempts = 1 WHERE MaxAttempts < 1;
GO
ALTER TABLE dbo.BackgroundJob ADD CONSTRAINT CK_BackgroundJob_MaxAttempts CHECK (MaxAttempts >= 1);
GO
DROP INDEX IX_BackgroundJob_Open ON dbo.BackgroundJob;
GO
CREATE INDEX IX_BackgroundJob_Open ON dbo.BackgroundJob (IngestHour, JobType, AttemptCount)
    INCLUDE (Status, LeaseUntil, MaxAttempts) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX IX_BackgroundJob_Leased ON dbo.BackgroundJob (LeaseOwner) INCLUDE (Status) WHERE LeaseOwner IS NOT NULL;
GO
-- The next sources of an hour, those with the fewest attempts first. For a write transaction, which then claims them: what is returned
-- is locked. Versions of one uri are atomized in the order in which they came: an unfinished older one goes first.
CREATE PROCEDURE dbo.usp_claimable_sources @hour char(16), @now datetime2(3), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) s.SourceId AS sourceId, s.ByteLength AS byteLength, s.AttemptCount AS attemptCount
    FROM dbo.Source AS s WITH (ROWLOCK, UPDLOCK, READPAST)
    WHERE s.IngestHour = @hour AND s.Status IN ('Landed', 'Atomizing') AND (s.Status = 'Landed' OR s.LeaseUntil IS NULL OR s.LeaseUntil < @now)
        AND NOT EXISTS (SELECT 1 FROM dbo.Source AS e
                        WHERE e.TenantId = s.TenantId AND e.SourceUriHash = s.SourceUriHash AND e.Version < s.Version
                            AND e.Status IN ('Landed', 'Atomizing'))
    ORDER BY s.AttemptCount, s.SourceId;
END;
GO
CREATE PROCEDURE dbo.usp_claim_sources
    @source_ids nvarchar(max), @owner nvarchar(300), @run_id varchar(64), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source
    SET Status = 'Atomizing', LeaseOwner = @owner, LeaseUntil = @lease_until, AttemptCount = AttemptCount + 1, RunId = @run_id
    WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
    SELECT s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.ContentType AS contentType, s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.MessageId AS messageId,
        s.ReadUri AS readUri, s.BlobKey AS blobKey, s.AttemptCount AS attemptCount, s.ReceivedAt AS receivedAt,
        s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE s.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
END;
GO
DROP PROCEDURE dbo.usp_claim_source;
GO
CREATE OR ALTER PROCEDURE dbo.usp_has_exhausted_sources @hour char(16), @max_attempts int, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found FROM dbo.Source AS s
    WHERE s.IngestHour = @hour AND s.AttemptCount >= @max_attempts AND s.Status IN ('Landed', 'Atomizing')
        AND (s.Status = 'Landed' OR s.LeaseUntil IS NULL OR s.LeaseUntil < @now);
END;
GO
-- For a write transaction: what is returned is locked, so that of two runs one gives it up.
CREATE OR ALTER PROCEDURE dbo.usp_exhausted_sources @hour char(16), @max_attempts int, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.ContentType AS contentType,
        s.ReadUri AS readUri, s.BlobKey AS blobKey, s.MessageId AS messageId, s.AttemptCount AS attemptCount,
        s.ReceivedAt AS receivedAt, s.Metadata AS metadata, s.ErrorMessage AS errorMessage, s.IngestHour AS ingestHour
    FROM dbo.Source AS s WITH (UPDLOCK, READPAST)
    WHERE s.IngestHour = @hour AND s.AttemptCount >= @max_attempts AND s.Status IN ('Landed', 'Atomizing')
        AND (s.Status = 'Landed' OR s.LeaseUntil IS NULL OR s.LeaseUntil < @now);
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_source_lease_owners
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT DISTINCT s.LeaseOwner AS owner FROM dbo.Source AS s WHERE s.LeaseOwner IS NOT NULL AND s.Status = 'Atomizing';
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_has_exhausted_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
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
CREATE OR ALTER PROCEDURE dbo.usp_exhausted_jobs @hour char(16), @job_type varchar(64), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.AtomId AS atomId, j.TenantId AS tenantId, j.IngestHour AS ingestHour,
        j.JobType AS jobType, j.Parameters AS parameters, j.AttemptCount AS attemptCount, j.StartedAt AS startedAt, j.Result AS result
    FROM dbo.BackgroundJob AS j WITH (UPDLOCK, READPAST)
    WHERE j.IngestHour = @hour AND j.JobType = @job_type AND j.Status IN ('Pending', 'InProgress') AND j.AttemptCount >= 1
        AND j.AttemptCount >= j.MaxAttempts AND (j.Status = 'Pending' OR j.LeaseUntil IS NULL OR j.LeaseUntil < @now);
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_job_lease_owners
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT DISTINCT j.LeaseOwner AS owner FROM dbo.BackgroundJob AS j WHERE j.LeaseOwner IS NOT NULL AND j.Status = 'InProgress';
END;
GO
