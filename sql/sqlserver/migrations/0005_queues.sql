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
CREATE PROCEDURE dbo.usp_receive_messages @queue varchar(64), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    EXEC dbo.usp_hold_queue @queue = @queue;
    DECLARE @received TABLE
    (
        Sequence bigint NOT NULL PRIMARY KEY,
        MessageId varchar(36) NOT NULL,
        OrderingKey nvarchar(max) NOT NULL,
        Body varbinary(max) NOT NULL,
        AttemptCount int NOT NULL,
        EnqueuedAt datetime2(3) NOT NULL,
        FirstFailedAt datetime2(3) NULL
    );
    -- READPAST steps over what a sender has not committed yet; what another receiver holds cannot be met, for it holds the lock.
    WITH waiting AS
    (
        SELECT TOP (@n) m.Sequence, m.MessageId, m.OrderingKey, m.Body, m.AttemptCount, m.EnqueuedAt, m.FirstFailedAt
        FROM dbo.QueueMessage AS m WITH (ROWLOCK, UPDLOCK, READPAST)
        WHERE m.Queue = @queue
        ORDER BY m.Sequence
    )
    DELETE FROM waiting
    OUTPUT deleted.Sequence, deleted.MessageId, deleted.OrderingKey, deleted.Body, deleted.AttemptCount, deleted.EnqueuedAt,
        deleted.FirstFailedAt INTO @received;
    SELECT r.Sequence AS sequence, r.MessageId AS messageId, r.OrderingKey AS orderingKey, r.Body AS body,
        r.AttemptCount AS attemptCount, r.EnqueuedAt AS enqueuedAt, r.FirstFailedAt AS firstFailedAt
    FROM @received AS r ORDER BY r.Sequence;
END;
GO
CREATE PROCEDURE dbo.usp_count_failed_receive @message_id varchar(36), @reason nvarchar(max), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @counted TABLE (AttemptCount int NOT NULL);
    UPDATE dbo.QueueMessage
    SET AttemptCount = AttemptCount + 1, LastError = @reason, FirstFailedAt = COALESCE(FirstFailedAt, @now)
    OUTPUT inserted.AttemptCount INTO @counted (AttemptCount)
    WHERE MessageId = @message_id;
    SELECT c.AttemptCount AS attemptCount FROM @counted AS c;
END;
GO
CREATE PROCEDURE dbo.usp_delete_message @message_id varchar(36)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.QueueMessage WHERE MessageId = @message_id;
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
