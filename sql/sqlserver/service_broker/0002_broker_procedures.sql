-- The same procedures as table_broker/, on Service Broker. What is received is moved to QueueMessage at once, in a short transaction:
-- no conversation is held during long work, and order, attempts and dead letters are those of the table.

CREATE PROCEDURE dbo.usp_enqueue @queue varchar(64), @messages dbo.MessageRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    DECLARE @recycle_after bigint = 100000, @current smallint = -1;
    DECLARE @slot tinyint, @envelope varbinary(max), @handle uniqueidentifier, @sends bigint;
    DECLARE @outgoing TABLE
    (
        Sequence bigint NOT NULL,
        Slot tinyint NOT NULL,
        MessageId varchar(36) NOT NULL,
        OrderingKey nvarchar(max) NOT NULL,
        Body varbinary(max) NOT NULL
    );
    BEGIN TRANSACTION;
    INSERT INTO @outgoing (Sequence, Slot, MessageId, OrderingKey, Body)
    SELECT NEXT VALUE FOR dbo.MessageSequence OVER (ORDER BY m.Ordinal),
        CONVERT(tinyint, SUBSTRING(HASHBYTES('SHA2_256', m.OrderingKey), 1, 1)) % 8, m.MessageId, m.OrderingKey, m.Body
    FROM @messages AS m;
    -- Slots in ascending order, so that two senders never wait for each other crosswise.
    DECLARE sending CURSOR LOCAL FAST_FORWARD FOR
        SELECT o.Slot,
            CONVERT(varbinary(max), CONVERT(binary(8), o.Sequence)) + CONVERT(binary(36), o.MessageId)
            + CONVERT(binary(4), CONVERT(int, DATALENGTH(o.OrderingKey))) + CONVERT(varbinary(max), o.OrderingKey) + o.Body
        FROM @outgoing AS o
        ORDER BY o.Slot, o.Sequence;
    OPEN sending;
    FETCH NEXT FROM sending INTO @slot, @envelope;
    WHILE @@FETCH_STATUS = 0
    BEGIN
        IF @slot <> @current
        BEGIN
            EXEC dbo.usp_open_dialog @queue = @queue, @slot = @slot, @handle = @handle OUTPUT, @sends = @sends OUTPUT;
            SET @current = @slot;
        END;
        SEND ON CONVERSATION @handle MESSAGE TYPE [//hartonomous/dbo/Envelope] (@envelope);
        SET @sends += 1;
        FETCH NEXT FROM sending INTO @slot, @envelope;
        IF @@FETCH_STATUS <> 0 OR @slot <> @current
        BEGIN
            IF @sends >= @recycle_after
            BEGIN
                SEND ON CONVERSATION @handle MESSAGE TYPE [//hartonomous/dbo/EndOfStream];
                SET @handle = NULL;
                SET @sends = 0;
            END;
            UPDATE dbo.DialogPool SET Handle = @handle, Sends = @sends WHERE Queue = @queue AND Slot = @current;
        END;
    END;
    CLOSE sending;
    DEALLOCATE sending;
    COMMIT TRANSACTION;
END;
GO
-- The dialog of a slot, held until the transaction ends; a new one where the old one is not open any more.
CREATE PROCEDURE dbo.usp_open_dialog
    @queue varchar(64), @slot tinyint, @handle uniqueidentifier OUTPUT, @sends bigint OUTPUT
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET @handle = NULL;
    SELECT @handle = p.Handle, @sends = p.Sends FROM dbo.DialogPool AS p WITH (UPDLOCK, ROWLOCK)
    WHERE p.Queue = @queue AND p.Slot = @slot;
    IF @handle IS NOT NULL AND EXISTS (SELECT 1 FROM sys.conversation_endpoints AS e
                                       WHERE e.conversation_handle = @handle AND e.state IN ('SO', 'CO'))
        RETURN;
    IF @queue = 'IngestionQueue'
        BEGIN DIALOG CONVERSATION @handle
            FROM SERVICE [//hartonomous/dbo/IngestionInitiator]
            TO SERVICE N'//hartonomous/dbo/IngestionTarget', N'CURRENT DATABASE'
            ON CONTRACT [//hartonomous/dbo/Contract]
            WITH ENCRYPTION = OFF;
    ELSE IF @queue = 'ProvenanceQueue'
        BEGIN DIALOG CONVERSATION @handle
            FROM SERVICE [//hartonomous/dbo/ProvenanceInitiator]
            TO SERVICE N'//hartonomous/dbo/ProvenanceTarget', N'CURRENT DATABASE'
            ON CONTRACT [//hartonomous/dbo/Contract]
            WITH ENCRYPTION = OFF;
    ELSE
        THROW 51010, N'there is no such queue', 1;
    SET @sends = 0;
    UPDATE dbo.DialogPool SET OpenedAt = SYSUTCDATETIME() WHERE Queue = @queue AND Slot = @slot;
END;
GO
-- Move all that has arrived into QueueMessage. Whoever receives holds the same lock, and all is moved, so that a message does not
-- overtake an earlier one of its key that still lies in a recycled dialog (unless another receiver, which waits for the lock, has
-- looked at that dialog in the same moment: keys are in order within a dialog, and nearly always across two).
CREATE PROCEDURE dbo.usp_move_received @queue varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    DECLARE @handle uniqueidentifier;
    DECLARE @batch TABLE
    (
        QueuingOrder bigint NOT NULL,
        Handle uniqueidentifier NOT NULL,
        MessageType nvarchar(256) NOT NULL,
        EnqueuedAt datetime NULL,
        Body varbinary(max) NULL,
        -- An envelope that somebody else made may be anything: one that does not hold what it says becomes a dead letter.
        IsWhole AS CONVERT(bit, CASE WHEN DATALENGTH(Body) >= 48 AND CONVERT(int, SUBSTRING(Body, 45, 4)) BETWEEN 0 AND DATALENGTH(Body) - 48
                                     THEN 1 ELSE 0 END)
    );
    BEGIN TRANSACTION;
    EXEC dbo.usp_hold_queue @queue = @queue;
    WHILE 1 = 1
    BEGIN
        DELETE FROM @batch;
        IF @queue = 'IngestionQueue'
            RECEIVE TOP (1000) queuing_order, conversation_handle, message_type_name, message_enqueue_time, message_body
            FROM dbo.IngestionTargetQueue INTO @batch;
        ELSE
            RECEIVE TOP (1000) queuing_order, conversation_handle, message_type_name, message_enqueue_time, message_body
            FROM dbo.ProvenanceTargetQueue INTO @batch;
        IF NOT EXISTS (SELECT 1 FROM @batch)
            BREAK;

        INSERT INTO dbo.QueueMessage (Sequence, MessageId, Queue, OrderingKey, Body, EnqueuedAt)
        SELECT CONVERT(bigint, SUBSTRING(b.Body, 1, 8)), CONVERT(varchar(36), SUBSTRING(b.Body, 9, 36)), @queue,
            CONVERT(nvarchar(max), SUBSTRING(b.Body, 49, CONVERT(int, SUBSTRING(b.Body, 45, 4)))),
            SUBSTRING(b.Body, 49 + CONVERT(int, SUBSTRING(b.Body, 45, 4)), DATALENGTH(b.Body)),
            COALESCE(b.EnqueuedAt, SYSUTCDATETIME())
        FROM @batch AS b
        WHERE b.MessageType = N'//hartonomous/dbo/Envelope' AND b.IsWhole = 1;

        INSERT INTO dbo.QueueMessage (Sequence, MessageId, Queue, OrderingKey, Body, EnqueuedAt)
        SELECT NEXT VALUE FOR dbo.MessageSequence OVER (ORDER BY b.QueuingOrder), LOWER(CONVERT(char(36), NEWID())), @queue,
            CONVERT(nvarchar(36), b.Handle), b.Body, COALESCE(b.EnqueuedAt, SYSUTCDATETIME())
        FROM @batch AS b
        WHERE b.MessageType = N'//hartonomous/dbo/Json' AND b.Body IS NOT NULL;

        INSERT INTO dbo.DeadLetter (Kind, Queue, OrderingKey, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt, Replay)
        SELECT 'message', @queue, CONVERT(nvarchar(36), b.Handle), CONCAT(N'Service Broker message of type ', b.MessageType),
            COALESCE(b.Body, 0x), 1, SYSUTCDATETIME(), SYSUTCDATETIME(), CONCAT(N'puts the message back on ', @queue)
        FROM @batch AS b
        WHERE b.MessageType NOT IN (N'//hartonomous/dbo/Envelope', N'//hartonomous/dbo/Json', N'//hartonomous/dbo/EndOfStream',
                                    N'http://schemas.microsoft.com/SQL/ServiceBroker/EndDialog')
            OR (b.MessageType = N'//hartonomous/dbo/Envelope' AND b.IsWhole = 0)
            OR (b.MessageType = N'//hartonomous/dbo/Json' AND b.Body IS NULL);

        DECLARE ended CURSOR LOCAL FAST_FORWARD FOR
            SELECT DISTINCT b.Handle FROM @batch AS b
            WHERE b.MessageType IN (N'//hartonomous/dbo/EndOfStream', N'http://schemas.microsoft.com/SQL/ServiceBroker/EndDialog',
                                    N'http://schemas.microsoft.com/SQL/ServiceBroker/Error');
        OPEN ended;
        FETCH NEXT FROM ended INTO @handle;
        WHILE @@FETCH_STATUS = 0
        BEGIN
            END CONVERSATION @handle;
            FETCH NEXT FROM ended INTO @handle;
        END;
        CLOSE ended;
        DEALLOCATE ended;
    END;
    COMMIT TRANSACTION;
END;
GO
-- The initiator's end: dialogs that the target has ended, and errors, which would be lost if the sender ended first.
CREATE PROCEDURE dbo.usp_end_initiators
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    DECLARE @queue varchar(64) = 'IngestionQueue', @handle uniqueidentifier, @type nvarchar(256), @body varbinary(max);
    WHILE 1 = 1
    BEGIN
        SET @handle = NULL;
        BEGIN TRANSACTION;
        IF @queue = 'IngestionQueue'
            RECEIVE TOP (1) @handle = conversation_handle, @type = message_type_name, @body = message_body
            FROM dbo.IngestionInitiatorQueue;
        ELSE
            RECEIVE TOP (1) @handle = conversation_handle, @type = message_type_name, @body = message_body
            FROM dbo.ProvenanceInitiatorQueue;
        IF @handle IS NULL
        BEGIN
            COMMIT TRANSACTION;
            IF @queue = 'ProvenanceQueue'
                BREAK;
            SET @queue = 'ProvenanceQueue';
            CONTINUE;
        END;
        IF @type = N'http://schemas.microsoft.com/SQL/ServiceBroker/Error'
            INSERT INTO dbo.DeadLetter (Kind, Queue, OrderingKey, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt, Replay)
            VALUES ('message', @queue, CONVERT(nvarchar(36), @handle),
                    CONCAT(N'Service Broker ended a dialog: ', CONVERT(nvarchar(max), CONVERT(xml, @body))),
                    COALESCE(@body, 0x), 1, SYSUTCDATETIME(), SYSUTCDATETIME(), N'send what the dialog carried again');
        IF @type IN (N'http://schemas.microsoft.com/SQL/ServiceBroker/Error',
                     N'http://schemas.microsoft.com/SQL/ServiceBroker/EndDialog')
        BEGIN
            END CONVERSATION @handle;
            UPDATE dbo.DialogPool SET Handle = NULL, Sends = 0 WHERE Handle = @handle;
        END;
        COMMIT TRANSACTION;
    END;
END;
GO
-- Wait until a message can be received, at most so long; says whether there is one. RECEIVE itself waits for nothing: the wait
-- must not hold the lock that keeps receivers in order.
CREATE PROCEDURE dbo.usp_await_messages @queue varchar(64), @timeout_ms int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @group uniqueidentifier;
    IF EXISTS (SELECT 1 FROM dbo.QueueMessage AS m WHERE m.Queue = @queue)
        SET @timeout_ms = 0;
    IF @queue = 'IngestionQueue'
        WAITFOR (GET CONVERSATION GROUP @group FROM dbo.IngestionTargetQueue), TIMEOUT @timeout_ms;
    ELSE
        WAITFOR (GET CONVERSATION GROUP @group FROM dbo.ProvenanceTargetQueue), TIMEOUT @timeout_ms;
    IF @group IS NOT NULL
        EXEC dbo.usp_move_received @queue = @queue;
    EXEC dbo.usp_end_initiators;
    SELECT CONVERT(bit, CASE WHEN EXISTS (SELECT 1 FROM dbo.QueueMessage AS m WHERE m.Queue = @queue) THEN 1 ELSE 0 END) AS waiting;
END;
GO
-- Messages of both places, peeked without locks; control messages do not count.
CREATE PROCEDURE dbo.usp_queue_has_message @queue varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS waiting
    FROM (SELECT m.Queue FROM dbo.QueueMessage AS m
          UNION ALL
          SELECT 'IngestionQueue' FROM dbo.IngestionTargetQueue AS q WITH (NOLOCK)
          WHERE q.message_type_name IN (N'//hartonomous/dbo/Envelope', N'//hartonomous/dbo/Json')
          UNION ALL
          SELECT 'ProvenanceQueue' FROM dbo.ProvenanceTargetQueue AS q WITH (NOLOCK)
          WHERE q.message_type_name IN (N'//hartonomous/dbo/Envelope', N'//hartonomous/dbo/Json')) AS w
    WHERE w.Queue = @queue;
END;
GO
CREATE PROCEDURE dbo.usp_queue_depths
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT w.Queue AS queue, COUNT_BIG(*) AS depth
    FROM (SELECT m.Queue FROM dbo.QueueMessage AS m
          UNION ALL
          SELECT 'IngestionQueue' FROM dbo.IngestionTargetQueue AS q WITH (NOLOCK)
          WHERE q.message_type_name IN (N'//hartonomous/dbo/Envelope', N'//hartonomous/dbo/Json')
          UNION ALL
          SELECT 'ProvenanceQueue' FROM dbo.ProvenanceTargetQueue AS q WITH (NOLOCK)
          WHERE q.message_type_name IN (N'//hartonomous/dbo/Envelope', N'//hartonomous/dbo/Json')) AS w
    GROUP BY w.Queue;
END;
GO
CREATE PROCEDURE dbo.usp_queued_message_ids @message_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    WITH wanted AS (SELECT CONVERT(varchar(36), j.value) AS MessageId FROM OPENJSON(@message_ids) AS j),
    queued AS
    (
        SELECT m.MessageId FROM dbo.QueueMessage AS m
        UNION ALL
        SELECT CONVERT(varchar(36), SUBSTRING(q.message_body, 9, 36)) FROM dbo.IngestionTargetQueue AS q WITH (NOLOCK)
        WHERE q.message_type_name = N'//hartonomous/dbo/Envelope'
        UNION ALL
        SELECT CONVERT(varchar(36), SUBSTRING(q.message_body, 9, 36)) FROM dbo.ProvenanceTargetQueue AS q WITH (NOLOCK)
        WHERE q.message_type_name = N'//hartonomous/dbo/Envelope'
    )
    SELECT DISTINCT w.MessageId AS messageId FROM wanted AS w INNER JOIN queued AS q ON q.MessageId = w.MessageId;
END;
GO
-- What is wrong with the database, its broker included, a row each, with what to do.
CREATE PROCEDURE dbo.usp_database_faults
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT f.Fault AS fault, f.Remedy AS remedy FROM dbo.fn_OptionFaults() AS f
    UNION ALL
    SELECT CONCAT(N'Service Broker is disabled in database ', d.name),
        CONCAT(N'ALTER DATABASE ', QUOTENAME(d.name), N' SET ENABLE_BROKER WITH ROLLBACK IMMEDIATE')
    FROM sys.databases AS d
    WHERE d.database_id = DB_ID() AND d.is_broker_enabled = 0
    UNION ALL
    SELECT CONCAT(N'queue ', q.name, N' is disabled'),
        CONCAT(N'ALTER QUEUE ', QUOTENAME(SCHEMA_NAME(q.schema_id)), N'.', QUOTENAME(q.name), N' WITH STATUS = ON')
    FROM sys.service_queues AS q
    WHERE q.schema_id = SCHEMA_ID(N'dbo') AND (q.is_receive_enabled = 0 OR q.is_enqueue_enabled = 0)
    UNION ALL
    SELECT CONCAT(COUNT_BIG(*), N' messages wait in sys.transmission_queue for ', t.to_service_name, N': ', LEFT(t.transmission_status, 400)),
        N'mend what the status says; they are delivered by themselves afterwards'
    FROM sys.transmission_queue AS t
    WHERE t.to_service_name LIKE N'//hartonomous/dbo/%' AND t.enqueue_time < DATEADD(SECOND, -30, GETUTCDATE())
    GROUP BY t.to_service_name, LEFT(t.transmission_status, 400);
END;
GO
