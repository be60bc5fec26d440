-- What is given up on again for the same reason is one dead letter with a count.

ALTER TABLE dbo.DeadLetter ADD
    Fingerprint binary(32) NULL,             -- of file or message, and reason; NULL: one that is never met again
    SeenCount int NOT NULL CONSTRAINT DF_DeadLetter_SeenCount DEFAULT (1);
GO
CREATE UNIQUE INDEX UX_DeadLetter_Fingerprint ON dbo.DeadLetter (Fingerprint) WHERE Fingerprint IS NOT NULL;
GO
CREATE PROCEDURE dbo.usp_same_dead_letter @fingerprint binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT d.MessageId AS messageId, d.SourceId AS sourceId FROM dbo.DeadLetter AS d WHERE d.Fingerprint = @fingerprint;
END;
GO
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
        d.AttemptCount = @attempt_count, d.LastFailedAt = @now, d.Replay = @replay, d.SeenCount = d.SeenCount + 1
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
        d.AttemptCount = @attempt_count, d.LastFailedAt = @now, d.Replay = CONCAT(N'puts the message back on ', m.Queue),
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
CREATE OR ALTER PROCEDURE dbo.usp_dead_letters @tenant_id int, @dead_letter_id bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) d.DeadLetterId AS deadLetterId, d.Kind AS kind, d.TenantId AS tenantId, d.IngestHour AS ingestHour,
        d.Queue AS queue, d.OrderingKey AS orderingKey, d.MessageId AS messageId, d.SourceId AS sourceId,
        LOWER(CONVERT(char(36), d.JobId)) AS jobId, d.Reason AS reason, d.Body AS body, d.AttemptCount AS attemptCount,
        d.FirstFailedAt AS firstFailedAt, d.LastFailedAt AS lastFailedAt, d.Replay AS replay, d.SeenCount AS seenCount
    FROM dbo.DeadLetter AS d
    WHERE (@tenant_id IS NULL OR d.TenantId = @tenant_id) AND (@dead_letter_id IS NULL OR d.DeadLetterId = @dead_letter_id)
    ORDER BY d.DeadLetterId DESC
    OPTION (RECOMPILE);
END;
GO
