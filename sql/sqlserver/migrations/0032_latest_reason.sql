-- The reason of what is given up on again is that of the last time: it may name another size.

CREATE OR ALTER PROCEDURE dbo.usp_insert_dead_letter
    @kind varchar(16), @tenant_id int, @hour char(16), @queue varchar(64), @ordering_key nvarchar(max), @message_id varchar(64),
    @source_id bigint, @job_id uniqueidentifier, @reason nvarchar(max), @body varbinary(max), @attempt_count int,
    @first_failed_at datetime2(3), @now datetime2(3), @replay nvarchar(200), @fingerprint binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE d
    SET d.Kind = @kind, d.IngestHour = @hour, d.MessageId = @message_id, d.SourceId = @source_id, d.Body = @body,
        d.AttemptCount = @attempt_count, d.LastFailedAt = @now, d.Reason = @reason, d.Replay = @replay, d.SeenCount = d.SeenCount + 1
    FROM dbo.DeadLetter AS d WITH (UPDLOCK, SERIALIZABLE)
    WHERE d.Fingerprint = @fingerprint;
    IF @@ROWCOUNT = 0
        INSERT INTO dbo.DeadLetter (Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body,
                                    AttemptCount, FirstFailedAt, LastFailedAt, Replay, Fingerprint)
        VALUES (@kind, @tenant_id, @hour, @queue, @ordering_key, @message_id, @source_id, @job_id, @reason, @body, @attempt_count,
                @first_failed_at, @now, @replay, @fingerprint);
    SELECT 1 AS rowsChanged;
END;
GO
-- As it is, whatever it is: nobody reads what is given up on.
CREATE OR ALTER PROCEDURE dbo.usp_dead_letter_message
    @sequence bigint, @reason nvarchar(max), @now datetime2(3), @hour char(16), @tenant_id int, @attempt_count int,
    @fingerprint binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE d
    SET d.Kind = 'message', d.IngestHour = @hour, d.MessageId = m.MessageId, d.SourceId = NULL, d.Body = m.Body,
        d.AttemptCount = @attempt_count, d.LastFailedAt = @now, d.Reason = @reason, d.Replay = CONCAT(N'puts the message back on ', m.Queue),
        d.SeenCount = d.SeenCount + 1
    FROM dbo.DeadLetter AS d WITH (UPDLOCK, SERIALIZABLE)
    INNER JOIN dbo.QueueMessage AS m ON m.Sequence = @sequence
    WHERE d.Fingerprint = @fingerprint;
    IF @@ROWCOUNT = 0
        INSERT INTO dbo.DeadLetter (Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, Reason, Body, AttemptCount,
                                    FirstFailedAt, LastFailedAt, Replay, Fingerprint)
        SELECT 'message', @tenant_id, @hour, m.Queue, m.OrderingKey, m.MessageId, @reason, m.Body, @attempt_count,
            COALESCE(m.FirstFailedAt, @now), @now, CONCAT(N'puts the message back on ', m.Queue), @fingerprint
        FROM dbo.QueueMessage AS m WHERE m.Sequence = @sequence;
    SELECT 1 AS rowsChanged;
END;
GO
