-- Queues on a table alone, for servers without Service Broker (Azure SQL Database). service_broker/ defines the same procedures.

CREATE PROCEDURE dbo.usp_enqueue @queue varchar(64), @messages dbo.MessageRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.QueueMessage (Sequence, MessageId, Queue, OrderingKey, Body, EnqueuedAt)
    SELECT NEXT VALUE FOR dbo.MessageSequence OVER (ORDER BY m.Ordinal), m.MessageId, @queue, m.OrderingKey, m.Body, SYSUTCDATETIME()
    FROM @messages AS m;
END;
GO
-- Wait until a message can be received, at most so long; says whether there is one.
CREATE PROCEDURE dbo.usp_await_messages @queue varchar(64), @timeout_ms int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @until datetime2(3) = DATEADD(MILLISECOND, @timeout_ms, SYSUTCDATETIME());
    WHILE NOT EXISTS (SELECT 1 FROM dbo.QueueMessage AS m WHERE m.Queue = @queue) AND SYSUTCDATETIME() < @until
        WAITFOR DELAY '00:00:00.050';
    SELECT CONVERT(bit, CASE WHEN EXISTS (SELECT 1 FROM dbo.QueueMessage AS m WHERE m.Queue = @queue) THEN 1 ELSE 0 END) AS waiting;
END;
GO
CREATE PROCEDURE dbo.usp_queue_has_message @queue varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS waiting FROM dbo.QueueMessage AS m WHERE m.Queue = @queue;
END;
GO
CREATE PROCEDURE dbo.usp_queue_depths
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.Queue AS queue, COUNT_BIG(*) AS depth FROM dbo.QueueMessage AS m GROUP BY m.Queue;
END;
GO
CREATE PROCEDURE dbo.usp_queued_message_ids @message_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.MessageId AS messageId FROM dbo.QueueMessage AS m
    WHERE m.MessageId IN (SELECT CONVERT(varchar(36), j.value) FROM OPENJSON(@message_ids) AS j);
END;
GO
-- What is wrong with the database, a row each, with what to do.
CREATE PROCEDURE dbo.usp_database_faults
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT f.Fault AS fault, f.Remedy AS remedy FROM dbo.fn_OptionFaults() AS f;
END;
GO
