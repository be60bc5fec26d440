-- How long a partition of this database is, chosen when it was made. IngestHour is the key of an hour or of a day; that of a day is the key
-- of its first hour, 2026-11-23-00:00, so that all keys have one form.
CREATE TABLE dbo.Grid
(
    GridId tinyint NOT NULL CONSTRAINT PK_Grid PRIMARY KEY CLUSTERED CONSTRAINT CK_Grid_One CHECK (GridId = 1),
    Period varchar(4) NOT NULL CONSTRAINT CK_Grid_Period CHECK (Period IN ('hour', 'day'))
);
GO
INSERT INTO dbo.Grid (GridId, Period) VALUES (1, 'hour');
GO
CREATE PROCEDURE dbo.usp_period
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT g.Period AS period FROM dbo.Grid AS g;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_schema
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT MIN(v.AppliedAt) AS createdAt, COUNT(*) AS migrations, CONVERT(bit, 1) AS hasPeriod FROM dbo.SchemaVersion AS v;
END;
GO
-- Where nothing came in before: a key of an hour is of no day. Rows that were adopted, all in the hour of the adoption, go into its day.
CREATE PROCEDURE dbo.usp_choose_days
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @chosen bigint;
    UPDATE dbo.Grid SET Period = 'day'
    WHERE Period = 'hour' AND NOT EXISTS (SELECT 1 FROM dbo.Source AS s) AND NOT EXISTS (SELECT 1 FROM dbo.Inference AS i);
    SET @chosen = @@ROWCOUNT;
    IF @chosen = 1
    BEGIN
        UPDATE dbo.Atom SET IngestHour = CONCAT(LEFT(IngestHour, 11), '00:00');
        UPDATE dbo.AtomEmbedding SET IngestHour = CONCAT(LEFT(IngestHour, 11), '00:00');
        UPDATE dbo.BackgroundJob SET IngestHour = CONCAT(LEFT(IngestHour, 11), '00:00');
    END;
    SELECT @chosen AS rowsChanged;
END;
GO
-- The key of the partition in which a time lies.
CREATE FUNCTION dbo.fn_IngestHour (@time datetime2(3))
RETURNS char(16)
WITH SCHEMABINDING
AS
BEGIN
    IF EXISTS (SELECT 1 FROM dbo.Grid AS g WHERE g.Period = 'day')
        RETURN CONVERT(char(10), @time, 126) + '-00:00';
    RETURN STUFF(CONVERT(char(13), @time, 126), 11, 1, '-') + ':00';
END;
GO
-- Whether a value of IngestHour is the key of a partition, such as 2026-11-23-09:00, of days 2026-11-23-00:00.
CREATE OR ALTER FUNCTION dbo.fn_IsHour (@hour char(16))
RETURNS bit
WITH SCHEMABINDING
AS
BEGIN
    IF @hour LIKE '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]:00'
        AND TRY_CONVERT(datetime2(0), CONCAT(STUFF(@hour, 11, 1, ' '), ':00'), 120) IS NOT NULL
        AND (@hour LIKE '%-00:00' OR NOT EXISTS (SELECT 1 FROM dbo.Grid AS g WHERE g.Period = 'day'))
        RETURN 1;
    RETURN 0;
END;
GO
-- What leaves the hour out gets the running one, or the running day.
ALTER TABLE dbo.Atom DROP CONSTRAINT DF_Atom_IngestHour;
ALTER TABLE dbo.BackgroundJob DROP CONSTRAINT DF_BackgroundJob_IngestHour;
ALTER TABLE dbo.DeadLetter DROP CONSTRAINT DF_DeadLetter_IngestHour;
GO
ALTER TABLE dbo.Atom ADD CONSTRAINT DF_Atom_IngestHour DEFAULT (dbo.fn_IngestHour(SYSUTCDATETIME())) FOR IngestHour;
ALTER TABLE dbo.BackgroundJob ADD CONSTRAINT DF_BackgroundJob_IngestHour DEFAULT (dbo.fn_IngestHour(SYSUTCDATETIME())) FOR IngestHour;
ALTER TABLE dbo.DeadLetter ADD CONSTRAINT DF_DeadLetter_IngestHour DEFAULT (dbo.fn_IngestHour(SYSUTCDATETIME())) FOR IngestHour;
ALTER TABLE dbo.Inference ADD CONSTRAINT DF_Inference_IngestHour DEFAULT (dbo.fn_IngestHour(SYSUTCDATETIME())) FOR IngestHour;
GO
CREATE OR ALTER PROCEDURE dbo.usp_hours_of_tenant @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.IngestHour AS hour FROM dbo.Source AS s WHERE s.TenantId = @tenant_id
    UNION
    SELECT a.IngestHour FROM dbo.Atom AS a WHERE a.TenantId = @tenant_id
    UNION
    SELECT i.IngestHour FROM dbo.Inference AS i WHERE i.TenantId = @tenant_id
    ORDER BY hour;
END;
GO
-- What is recorded stays; what is not yet is added.
CREATE OR ALTER PROCEDURE dbo.usp_record_inference
    @inference_id nvarchar(200), @tenant_id int, @model nvarchar(500), @task nvarchar(max), @started_at nvarchar(64),
    @duration_ms bigint, @metadata nvarchar(max), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.Inference (InferenceId, TenantId, Model, Task, StartedAt, DurationMs, Metadata, CreatedAt, IngestHour)
    SELECT @inference_id, @tenant_id, @model, @task, @started_at, @duration_ms, @metadata, @now, dbo.fn_IngestHour(@now)
    WHERE NOT EXISTS (SELECT 1 FROM dbo.Inference AS i WITH (UPDLOCK, SERIALIZABLE)
                      WHERE i.TenantId = @tenant_id AND i.InferenceId = @inference_id);
    UPDATE dbo.Inference
    SET Task = COALESCE(Task, @task), StartedAt = COALESCE(StartedAt, @started_at),
        DurationMs = COALESCE(DurationMs, @duration_ms), Metadata = CASE WHEN Metadata = N'{}' THEN @metadata ELSE Metadata END
    WHERE TenantId = @tenant_id AND InferenceId = @inference_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- As before, but for the hour.
CREATE OR ALTER PROCEDURE dbo.usp_ingest_batch
    @TenantId int, @Atoms dbo.AtomRows READONLY, @SourceUri nvarchar(max), @ContentType nvarchar(255), @SourceId bigint OUTPUT
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    IF NOT EXISTS (SELECT 1 FROM @Atoms)
        THROW 51005, N'there are no atoms', 1;
    IF EXISTS (SELECT 1 FROM @Atoms AS r WHERE r.Content IS NULL OR DATALENGTH(r.Content) <> r.ByteLength
                                            OR r.ContentHash <> HASHBYTES('SHA2_256', r.Content))
        THROW 51006, N'an atom''s ByteLength or ContentHash is not that of its Content', 1;

    SET @SourceId = NULL;
    DECLARE @bytes varbinary(max) = 0x, @piece varbinary(max);
    DECLARE pieces CURSOR LOCAL FAST_FORWARD FOR
        SELECT r.Content + COALESCE(r.Suffix, 0x) FROM @Atoms AS r WHERE r.Role = 'content' ORDER BY r.Ordinal;
    OPEN pieces;
    FETCH NEXT FROM pieces INTO @piece;
    WHILE @@FETCH_STATUS = 0
    BEGIN
        SET @bytes += @piece;
        FETCH NEXT FROM pieces INTO @piece;
    END;
    CLOSE pieces;
    DEALLOCATE pieces;

    DECLARE @now datetime2(3) = SYSUTCDATETIME(), @batch varchar(36) = LOWER(CONVERT(char(36), NEWID()));
    DECLARE @hour char(16) = dbo.fn_IngestHour(@now);
    DECLARE @ids TABLE (ContentHash binary(32) NOT NULL, AtomId bigint NOT NULL, IsNew bit NOT NULL);
    DECLARE @events dbo.MessageRows;
    BEGIN TRANSACTION;
    IF EXISTS (SELECT 1 FROM dbo.Source AS s WITH (UPDLOCK, SERIALIZABLE)
               WHERE s.TenantId = @TenantId AND s.SourceUriHash = HASHBYTES('SHA2_256', @SourceUri)
                   AND s.Status IN ('Landed', 'Atomizing'))
        THROW 51011, N'an earlier version of this source is still being atomized: try again when it is done', 1;
    -- The same bytes again: nothing changes but when they were last seen.
    SELECT @SourceId = s.SourceId FROM dbo.Source AS s
    WHERE s.TenantId = @TenantId AND s.SourceUriHash = HASHBYTES('SHA2_256', @SourceUri) AND s.Status = 'Atomized'
        AND s.SupersededBy IS NULL AND s.ContentHash = HASHBYTES('SHA2_256', @bytes);
    IF @SourceId IS NOT NULL
    BEGIN
        UPDATE dbo.Source SET LastSeenAt = @now WHERE SourceId = @SourceId;
        COMMIT TRANSACTION;
        RETURN;
    END;
    INSERT INTO dbo.Source (TenantId, SourceUri, Version, ContentType, ContentHash, ByteLength, IngestHour, Status,
                            AtomizerVersion, MessageId, ReceivedAt, LastSeenAt)
    SELECT @TenantId, @SourceUri, COALESCE(MAX(s.Version), 0) + 1, @ContentType, HASHBYTES('SHA2_256', @bytes), DATALENGTH(@bytes),
        @hour, 'Atomizing', N'sp_AtomizeAndInsert 1', @batch, @now, @now
    FROM dbo.Source AS s WITH (UPDLOCK, SERIALIZABLE)
    WHERE s.TenantId = @TenantId AND s.SourceUriHash = HASHBYTES('SHA2_256', @SourceUri);
    SET @SourceId = SCOPE_IDENTITY();
    INSERT INTO @ids (ContentHash, AtomId, IsNew)
    EXEC dbo.usp_write_atoms @tenant_id = @TenantId, @source_id = @SourceId, @ingest_hour = @hour, @atoms = @Atoms;
    UPDATE dbo.Source SET SupersededBy = @SourceId
    WHERE TenantId = @TenantId AND SourceUriHash = HASHBYTES('SHA2_256', @SourceUri) AND Status = 'Atomized'
        AND SupersededBy IS NULL;
    UPDATE dbo.Source SET Status = 'Atomized' WHERE SourceId = @SourceId;
    WITH numbered AS (SELECT i.AtomId, (ROW_NUMBER() OVER (ORDER BY i.AtomId) - 1) / 1000 AS Part FROM @ids AS i)
    INSERT INTO @events (Ordinal, MessageId, OrderingKey, Body)
    SELECT n.Part, LOWER(CONVERT(char(36), NEWID())), CONVERT(nvarchar(20), @TenantId),
        CONVERT(varbinary(max), CONCAT('{"eventType":"AtomsCreated","tenantId":', @TenantId, ',"sourceId":', @SourceId,
                                       ',"atomIds":[', STRING_AGG(CONVERT(varchar(max), n.AtomId), ','), ']}'))
    FROM numbered AS n
    GROUP BY n.Part;
    EXEC dbo.usp_enqueue @queue = 'ProvenanceQueue', @messages = @events;
    COMMIT TRANSACTION;
END;
GO
