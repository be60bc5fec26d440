-- Dead letters: what was given up on, why, and how to replay it.

CREATE PROCEDURE dbo.usp_insert_dead_letter
    @kind varchar(16), @tenant_id int, @hour char(16), @queue varchar(64), @ordering_key nvarchar(max), @message_id varchar(64),
    @source_id bigint, @job_id uniqueidentifier, @reason nvarchar(max), @body varbinary(max), @attempt_count int,
    @first_failed_at datetime2(3), @now datetime2(3), @replay nvarchar(200)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.DeadLetter (Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body,
                                AttemptCount, FirstFailedAt, LastFailedAt, Replay)
    VALUES (@kind, @tenant_id, @hour, @queue, @ordering_key, @message_id, @source_id, @job_id, @reason, @body, @attempt_count,
            @first_failed_at, @now, @replay);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_dead_letter_message
    @message_id varchar(64), @reason nvarchar(max), @now datetime2(3), @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.DeadLetter (Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, Reason, Body, AttemptCount,
                                FirstFailedAt, LastFailedAt, Replay)
    SELECT 'message', @tenant_id, @hour, m.Queue, m.OrderingKey, m.MessageId, @reason, m.Body, m.AttemptCount,
        COALESCE(m.FirstFailedAt, @now), @now, CONCAT(N'puts the message back on ', m.Queue)
    FROM dbo.QueueMessage AS m WHERE m.MessageId = @message_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_dead_letters @tenant_id int, @dead_letter_id bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) d.DeadLetterId AS deadLetterId, d.Kind AS kind, d.TenantId AS tenantId, d.IngestHour AS ingestHour,
        d.Queue AS queue, d.OrderingKey AS orderingKey, d.MessageId AS messageId, d.SourceId AS sourceId,
        LOWER(CONVERT(char(36), d.JobId)) AS jobId, d.Reason AS reason, d.Body AS body, d.AttemptCount AS attemptCount,
        d.FirstFailedAt AS firstFailedAt, d.LastFailedAt AS lastFailedAt, d.Replay AS replay
    FROM dbo.DeadLetter AS d
    WHERE (@tenant_id IS NULL OR d.TenantId = @tenant_id) AND (@dead_letter_id IS NULL OR d.DeadLetterId = @dead_letter_id)
    ORDER BY d.DeadLetterId DESC
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_dead_letters_of_messages @message_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT d.MessageId AS messageId, d.OrderingKey AS orderingKey, d.Reason AS reason
    FROM dbo.DeadLetter AS d
    WHERE d.MessageId IN (SELECT CONVERT(varchar(64), j.value) FROM OPENJSON(@message_ids) AS j);
END;
GO
CREATE PROCEDURE dbo.usp_delete_dead_letter @dead_letter_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.DeadLetter WHERE DeadLetterId = @dead_letter_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_dead_letter_count @tenant_id int, @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n FROM dbo.DeadLetter AS d
    WHERE (@tenant_id IS NULL OR d.TenantId = @tenant_id) AND (@hour IS NULL OR d.IngestHour = @hour)
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_dead_letters_without_tenant
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n FROM dbo.DeadLetter AS d WHERE d.TenantId IS NULL;
END;
GO
CREATE PROCEDURE dbo.usp_delete_dead_letter_of_job @job_id uniqueidentifier
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.DeadLetter WHERE JobId = @job_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
