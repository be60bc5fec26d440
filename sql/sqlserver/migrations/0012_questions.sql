-- What an hour holds, where work waits, and what the store holds. Nothing here takes anything.

CREATE PROCEDURE dbo.usp_hour_sources @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (20) s.ContentType AS contentType, s.Status AS status, COUNT_BIG(*) AS rows, SUM(s.ByteLength) AS bytes
    FROM dbo.Source AS s WHERE s.IngestHour = @hour GROUP BY s.ContentType, s.Status ORDER BY COUNT_BIG(*) DESC;
END;
GO
CREATE PROCEDURE dbo.usp_hour_atoms @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (20) a.Modality AS modality, COALESCE(a.Subtype, '') AS subtype, COUNT_BIG(*) AS rows,
        SUM(a.ReferenceCount) AS occurrences
    FROM dbo.Atom AS a WHERE a.IngestHour = @hour GROUP BY a.Modality, a.Subtype ORDER BY COUNT_BIG(*) DESC;
END;
GO
CREATE PROCEDURE dbo.usp_hour_embeddings @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.Name AS model, m.Precision AS precision, m.Dimension AS dimension, COUNT_BIG(*) AS rows,
        SUM(CASE WHEN e.WindowCount > 1 THEN 1 ELSE 0 END) AS averagedFromWindows
    FROM dbo.AtomEmbedding AS e
    INNER JOIN dbo.EmbeddingModel AS m ON m.ModelId = e.ModelId
    WHERE e.IngestHour = @hour
    GROUP BY m.ModelId, m.Name, m.Precision, m.Dimension
    ORDER BY COUNT_BIG(*) DESC;
END;
GO
-- Eight octants of the unit cube: a projection that spreads well fills all of them.
CREATE PROCEDURE dbo.usp_hour_projections @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    WITH placed AS
    (
        SELECT CONCAT(CASE WHEN e.X < 0 THEN '-' ELSE '+' END, CASE WHEN e.Y < 0 THEN '-' ELSE '+' END,
                      CASE WHEN e.Z < 0 THEN '-' ELSE '+' END) AS Octant,
            CONCAT(e.SpatialBucketX, '/', e.SpatialBucketY, '/', e.SpatialBucketZ) AS Bucket
        FROM dbo.AtomEmbedding AS e
        WHERE e.IngestHour = @hour AND e.ProjectionModelId IS NOT NULL
    )
    SELECT p.Octant AS octant, COUNT_BIG(*) AS rows, COUNT_BIG(DISTINCT p.Bucket) AS buckets
    FROM placed AS p GROUP BY p.Octant ORDER BY p.Octant;
END;
GO
-- Hours that hold work of the stages that are enabled, for the sensor: it looks, it takes nothing.
CREATE PROCEDURE dbo.usp_pending_work @now datetime2(3), @ingestion bit, @job_types nvarchar(max), @projection bit
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
-- Since when work has been waiting. A message that still lies in Service Broker's own queue counts from when it is moved.
CREATE PROCEDURE dbo.usp_oldest_pending @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT
        (SELECT TOP (1) q.EnqueuedAt FROM dbo.QueueMessage AS q WHERE q.Queue = 'IngestionQueue' ORDER BY q.Sequence) AS sources,
        (SELECT MIN(s.ReceivedAt) FROM dbo.Source AS s
         WHERE s.IngestHour = @hour AND s.Status IN ('Landed', 'Atomizing')) AS atoms,
        (SELECT MIN(j.CreatedAt) FROM dbo.BackgroundJob AS j
         WHERE j.IngestHour = @hour AND j.Status IN ('Pending', 'InProgress') AND j.JobType = 'GenerateEmbedding')
            AS atom_embeddings,
        (SELECT MIN(e.CreatedAt) FROM dbo.AtomEmbedding AS e INNER JOIN dbo.EmbeddingModel AS m ON m.ModelId = e.ModelId
         WHERE e.IngestHour = @hour AND e.ProjectionModelId IS NULL AND m.Active = 1) AS atom_projections,
        (SELECT TOP (1) q.EnqueuedAt FROM dbo.QueueMessage AS q WHERE q.Queue = 'ProvenanceQueue' ORDER BY q.Sequence) AS provenance_graph;
END;
GO
-- For whoever doubts the clock: until when the longest claim of a source, job or queue holds; NULL without one. A claim of a source
-- that says no end is free.
CREATE PROCEDURE dbo.usp_latest_lease
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
-- A number that differs once somebody has committed a change of sources, jobs, embeddings or messages.
CREATE PROCEDURE dbo.usp_change_token
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT CONVERT(bigint, @@DBTS) AS lastChange, CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) AS oldestOpen;
END;
GO
-- Wait until somebody has committed a change, at most so long: on the server, so that the wait is one round trip.
CREATE PROCEDURE dbo.usp_wait_for_change @last_change bigint, @oldest_open bigint, @timeout_ms int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @until datetime2(3) = DATEADD(MILLISECOND, @timeout_ms, SYSUTCDATETIME());
    WHILE CONVERT(bigint, @@DBTS) = @last_change AND CONVERT(bigint, MIN_ACTIVE_ROWVERSION()) = @oldest_open
        AND SYSUTCDATETIME() < @until
        WAITFOR DELAY '00:00:00.050';
    EXEC dbo.usp_change_token;
END;
GO
-- When the schema was made, and how many migrations it has.
CREATE PROCEDURE dbo.usp_schema
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT MIN(v.AppliedAt) AS createdAt, COUNT(*) AS migrations FROM dbo.SchemaVersion AS v;
END;
GO
-- What is wrong with the options of the database, a row each, with what to do. usp_database_faults, which each broker has, asks it.
CREATE FUNCTION dbo.fn_OptionFaults ()
RETURNS TABLE
AS
RETURN
    SELECT CONCAT(N'database ', d.name, f.Fault) AS Fault, CONCAT(N'ALTER DATABASE ', QUOTENAME(d.name), N' SET ', f.Remedy) AS Remedy
    FROM sys.databases AS d
    CROSS APPLY
    (
        VALUES
            (CASE WHEN d.is_read_committed_snapshot_on = 1 THEN 1 ELSE 0 END, N' has READ_COMMITTED_SNAPSHOT off',
             N'READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE'),
            (CASE WHEN d.snapshot_isolation_state = 1 THEN 1 ELSE 0 END, N' has ALLOW_SNAPSHOT_ISOLATION off',
             N'ALLOW_SNAPSHOT_ISOLATION ON'),
            (CASE WHEN CONVERT(nvarchar(20), DATABASEPROPERTYEX(d.name, N'Updateability')) = N'READ_ONLY' THEN 0 ELSE 1 END,
             N' is read-only', N'READ_WRITE, or connect to the primary replica')
    ) AS f (IsRight, Fault, Remedy)
    WHERE d.database_id = DB_ID() AND f.IsRight = 0;
GO
CREATE PROCEDURE dbo.usp_stats_totals @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT
        (SELECT COUNT_BIG(*) FROM dbo.Source AS s
         WHERE s.Status = 'Atomized' AND (@tenant_id IS NULL OR s.TenantId = @tenant_id)) AS sources,
        (SELECT COUNT_BIG(*) FROM dbo.Atom AS a WHERE @tenant_id IS NULL OR a.TenantId = @tenant_id) AS atoms,
        (SELECT COUNT_BIG(*) FROM dbo.AtomEmbedding AS e WHERE @tenant_id IS NULL OR e.TenantId = @tenant_id) AS embeddings,
        (SELECT COUNT_BIG(*) FROM dbo.AtomEmbedding AS e
         WHERE e.ProjectionModelId IS NOT NULL AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)) AS projections,
        (SELECT COALESCE(SUM(s.ByteLength), 0) FROM dbo.Source AS s
         WHERE s.Status = 'Atomized' AND (@tenant_id IS NULL OR s.TenantId = @tenant_id)) AS bytesIn,
        (SELECT COALESCE(SUM(COALESCE(c.ByteLength, DATALENGTH(a.AtomicValue), DATALENGTH(a.TextBytes))), 0)
         FROM dbo.Atom AS a LEFT JOIN dbo.AtomContent AS c ON c.AtomId = a.AtomId
         WHERE @tenant_id IS NULL OR a.TenantId = @tenant_id) AS bytesStored
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_stats_jobs @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT j.Status AS status, COUNT_BIG(*) AS n FROM dbo.BackgroundJob AS j
    WHERE @tenant_id IS NULL OR j.TenantId = @tenant_id GROUP BY j.Status;
END;
GO
-- Bytes of our tables and indexes.
CREATE PROCEDURE dbo.usp_bytes_on_disk
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COALESCE(SUM(u.total_pages), 0) * 8192 AS bytesOnDisk
    FROM sys.tables AS t
    INNER JOIN sys.partitions AS p ON p.object_id = t.object_id
    INNER JOIN sys.allocation_units AS u ON u.container_id = p.partition_id
    WHERE t.schema_id = SCHEMA_ID(N'dbo');
END;
GO
CREATE PROCEDURE dbo.usp_database_tenants
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.TenantId AS tenantId FROM dbo.Source AS s UNION SELECT a.TenantId FROM dbo.Atom AS a
    UNION SELECT i.TenantId FROM dbo.Inference AS i;
END;
GO
