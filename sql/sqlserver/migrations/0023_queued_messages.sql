-- A message is named by its place in the queue, and stays in the table until it is acknowledged: what gives it up copies it from there.

DROP PROCEDURE dbo.usp_receive_messages;
DROP PROCEDURE dbo.usp_delete_message;
GO
-- In order, and without waiting: what a sender has not committed yet is not seen.
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
CREATE PROCEDURE dbo.usp_delete_messages @sequences nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.QueueMessage WHERE Sequence IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@sequences) AS j);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_count_failed_receive @sequence bigint, @reason nvarchar(max), @now datetime2(3)
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
-- As it is, whatever it is: nobody reads what is given up on.
CREATE OR ALTER PROCEDURE dbo.usp_dead_letter_message
    @sequence bigint, @reason nvarchar(max), @now datetime2(3), @hour char(16), @tenant_id int, @attempt_count int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.DeadLetter (Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, Reason, Body, AttemptCount,
                                FirstFailedAt, LastFailedAt, Replay)
    SELECT 'message', @tenant_id, @hour, m.Queue, m.OrderingKey, m.MessageId, @reason, m.Body, @attempt_count,
        COALESCE(m.FirstFailedAt, @now), @now, CONCAT(N'puts the message back on ', m.Queue)
    FROM dbo.QueueMessage AS m WHERE m.Sequence = @sequence;
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
