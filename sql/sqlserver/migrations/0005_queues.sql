-- What both brokers share: received messages lie in QueueMessage, and one receiver at a time takes from a queue, in the order in
-- which they were sent. Rolling back returns them; attempts are counted in a transaction of its own after that.

-- Nobody else receives until the transaction ends.
CREATE PROCEDURE dbo.usp_hold_queue @queue varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @resource nvarchar(255) = CONCAT(N'hartonomous/dbo/', @queue), @locked int;
    EXEC @locked = sys.sp_getapplock @Resource = @resource, @LockMode = 'Exclusive', @LockOwner = 'Transaction',
        @LockTimeout = 120000;
    IF @locked < 0
        THROW 51001, N'another receiver has held the queue for two minutes', 1;
END;
GO
-- The same as a question, which has an answer.
CREATE PROCEDURE dbo.usp_lock_queue @queue varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    EXEC dbo.usp_hold_queue @queue = @queue;
    SELECT @queue AS queue;
END;
GO
-- In order, and without waiting: what a sender has not committed yet is not seen. A message is named by its place in the queue, and
-- stays in the table until it is acknowledged: what gives it up copies it from there.
CREATE PROCEDURE dbo.usp_queued_messages @queue varchar(64), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) m.Sequence AS sequence, m.MessageId AS messageId, m.OrderingKey AS orderingKey, m.Body AS body,
        m.AttemptCount AS attemptCount
    FROM dbo.QueueMessage AS m
    WHERE m.Queue = @queue
    ORDER BY m.Sequence;
END;
GO
CREATE PROCEDURE dbo.usp_count_failed_receive @sequence bigint, @reason nvarchar(max), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @counted TABLE (AttemptCount int NOT NULL);
    UPDATE dbo.QueueMessage
    SET AttemptCount = AttemptCount + 1, LastError = @reason, FirstFailedAt = COALESCE(FirstFailedAt, @now)
    OUTPUT inserted.AttemptCount INTO @counted (AttemptCount)
    WHERE Sequence = @sequence;
    SELECT c.AttemptCount AS attemptCount FROM @counted AS c;
END;
GO
CREATE PROCEDURE dbo.usp_delete_messages @sequences nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.QueueMessage WHERE Sequence IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@sequences) AS j);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Messages that were received in vain and lie on their queue again: how many, since when, how often at most, and why the first of them.
CREATE PROCEDURE dbo.usp_failed_receives
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.Queue AS queue, COUNT_BIG(*) AS messages, MIN(m.FirstFailedAt) AS since, MAX(m.AttemptCount) AS attempts,
        (SELECT TOP (1) f.LastError FROM dbo.QueueMessage AS f WHERE f.Queue = m.Queue AND f.AttemptCount > 0
         ORDER BY f.Sequence) AS reason
    FROM dbo.QueueMessage AS m
    WHERE m.AttemptCount > 0
    GROUP BY m.Queue;
END;
GO
CREATE PROCEDURE dbo.usp_claim_queue @queue varchar(64), @owner nvarchar(300), @lease_until datetime2(3), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @changed int;
    UPDATE dbo.QueueLease SET LeaseOwner = @owner, LeaseUntil = @lease_until WHERE Queue = @queue AND LeaseUntil < @now;
    SET @changed = @@ROWCOUNT;
    IF @changed = 0
    BEGIN
        INSERT INTO dbo.QueueLease (Queue, LeaseOwner, LeaseUntil)
        SELECT @queue, @owner, @lease_until
        WHERE NOT EXISTS (SELECT 1 FROM dbo.QueueLease AS l WITH (UPDLOCK, SERIALIZABLE) WHERE l.Queue = @queue);
        SET @changed = @@ROWCOUNT;
    END;
    SELECT @changed AS rowsChanged;
END;
GO
-- Who works on a queue for longer than a lease holds, renews it.
CREATE PROCEDURE dbo.usp_renew_queue @queue varchar(64), @owner nvarchar(300), @lease_until datetime2(3), @renewed_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.QueueLease SET LeaseUntil = @renewed_until WHERE Queue = @queue AND LeaseOwner = @owner AND LeaseUntil = @lease_until;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_release_queue @queue varchar(64), @owner nvarchar(300), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.QueueLease WHERE Queue = @queue AND LeaseOwner = @owner AND LeaseUntil = @lease_until;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_queue_lease_owners
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT l.LeaseOwner AS owner FROM dbo.QueueLease AS l;
END;
GO
CREATE PROCEDURE dbo.usp_expire_queue_leases @owner nvarchar(300)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.QueueLease WHERE LeaseOwner = @owner;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Ask for a file to be ingested, from T-SQL: its bytes (up to 1 MiB) or the uri where they lie. Returns the message's id.
CREATE PROCEDURE dbo.sp_EnqueueIngestion
    @TenantId int, @ContentType nvarchar(255) = NULL, @RawData varbinary(max) = NULL, @Uri nvarchar(max) = NULL,
    @SourceUri nvarchar(max) = NULL, @SourceId nvarchar(200) = NULL, @Metadata nvarchar(max) = NULL
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    IF (@RawData IS NULL AND @Uri IS NULL) OR (@RawData IS NOT NULL AND @Uri IS NOT NULL)
        THROW 51002, N'give exactly one of @RawData and @Uri', 1;
    IF DATALENGTH(@RawData) > 1048576
        THROW 51003, N'@RawData is limited to 1 MiB: store the file where the workers can read it and give its @Uri', 1;
    IF @Metadata IS NOT NULL AND (ISJSON(@Metadata) = 0 OR LEFT(LTRIM(@Metadata), 1) <> N'{')
        THROW 51004, N'@Metadata is not a JSON object', 1;
    DECLARE @json nvarchar(max) =
    (
        SELECT @TenantId AS tenantId, @ContentType AS contentType, @RawData AS rawData, @Uri AS uri, @SourceUri AS sourceUri,
            @SourceId AS sourceId, JSON_QUERY(@Metadata) AS metadata
        FOR JSON PATH, WITHOUT_ARRAY_WRAPPER
    );
    DECLARE @id varchar(36) = LOWER(CONVERT(char(36), NEWID()));
    DECLARE @messages dbo.MessageRows;
    INSERT INTO @messages (Ordinal, MessageId, OrderingKey, Body)
    SELECT 0, @id, COALESCE(@SourceUri, @Uri, @SourceId, @id),
        CONVERT(varbinary(max), CONVERT(varchar(max), @json COLLATE Latin1_General_100_CI_AS_SC_UTF8));
    EXEC dbo.usp_enqueue @queue = 'IngestionQueue', @messages = @messages;
    SELECT @id AS messageId;
END;
GO
