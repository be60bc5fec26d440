-- Dead letters: what was given up on, why, and how to replay it. Each is found and changed for its tenant only; one of no tenant
-- goes where @tenant_id is NULL: all tenants.

CREATE PROCEDURE dbo.usp_same_dead_letter @fingerprint binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT d.MessageId AS messageId, d.SourceId AS sourceId FROM dbo.DeadLetter AS d WHERE d.Fingerprint = @fingerprint;
END;
GO
-- The reason of what is given up on again is that of the last time: it may name another size.
CREATE PROCEDURE dbo.usp_insert_dead_letter
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
CREATE PROCEDURE dbo.usp_dead_letter_message
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
CREATE PROCEDURE dbo.usp_dead_letters @tenant_id int, @dead_letter_id bigint, @n int
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
CREATE PROCEDURE dbo.usp_dead_letters_of_messages @message_ids nvarchar(max), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT d.MessageId AS messageId, d.OrderingKey AS orderingKey, d.Reason AS reason
    FROM dbo.DeadLetter AS d
    WHERE d.MessageId IN (SELECT CONVERT(varchar(64), j.value) FROM OPENJSON(@message_ids) AS j) AND d.TenantId = @tenant_id;
END;
GO
CREATE PROCEDURE dbo.usp_dead_letters_of_hour @hour char(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) d.DeadLetterId AS deadLetterId, d.Kind AS kind, d.TenantId AS tenantId, d.Reason AS reason,
        d.AttemptCount AS attemptCount
    FROM dbo.DeadLetter AS d
    WHERE d.IngestHour = @hour
    ORDER BY d.DeadLetterId DESC;
END;
GO
CREATE PROCEDURE dbo.usp_delete_dead_letter @dead_letter_id bigint, @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.DeadLetter WHERE DeadLetterId = @dead_letter_id AND (@tenant_id IS NULL OR TenantId = @tenant_id);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_delete_dead_letter_of_job @job_id uniqueidentifier, @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.DeadLetter WHERE JobId = @job_id AND TenantId = @tenant_id;
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
