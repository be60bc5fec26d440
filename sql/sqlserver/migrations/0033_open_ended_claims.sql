-- What a claim holds and until when: one of a source that says no end is free, and a queue is claimed too.

-- Until when the longest claim of a source, job or queue holds; NULL without one.
CREATE OR ALTER PROCEDURE dbo.usp_latest_lease
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT MAX(held.LeaseUntil) AS leaseUntil
    FROM
    (
        SELECT s.LeaseUntil FROM dbo.Source AS s WHERE s.Status = 'Atomizing'
        UNION ALL
        SELECT j.LeaseUntil FROM dbo.BackgroundJob AS j WHERE j.Status = 'InProgress'
        UNION ALL
        SELECT q.LeaseUntil FROM dbo.QueueLease AS q
    ) AS held;
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
    WHERE @ingestion = 1 AND s.Status IN ('Landed', 'Atomizing') AND (s.Status = 'Landed' OR s.LeaseUntil IS NULL OR s.LeaseUntil < @now)
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
