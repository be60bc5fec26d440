-- Jobs and dead letters are found and changed for their tenant only; a dead letter of no tenant goes where @tenant_id is NULL: all tenants.

CREATE OR ALTER PROCEDURE dbo.usp_dead_letters_of_messages @message_ids nvarchar(max), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT d.MessageId AS messageId, d.OrderingKey AS orderingKey, d.Reason AS reason
    FROM dbo.DeadLetter AS d
    WHERE d.MessageId IN (SELECT CONVERT(varchar(64), j.value) FROM OPENJSON(@message_ids) AS j) AND d.TenantId = @tenant_id;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_delete_dead_letter @dead_letter_id bigint, @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.DeadLetter WHERE DeadLetterId = @dead_letter_id AND (@tenant_id IS NULL OR TenantId = @tenant_id);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_delete_dead_letter_of_job @job_id uniqueidentifier, @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.DeadLetter WHERE JobId = @job_id AND TenantId = @tenant_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Pending again is a job that nobody has tried yet.
CREATE OR ALTER PROCEDURE dbo.usp_set_job_status
    @job_id uniqueidentifier, @tenant_id int, @status varchar(16), @result nvarchar(max), @lease_until datetime2(3), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = @status, Result = @result, LeaseOwner = NULL, LeaseUntil = @lease_until,
        AttemptCount = CASE @status WHEN 'Pending' THEN 0 ELSE AttemptCount END,
        CompletedAt = CASE WHEN @status IN ('Pending', 'InProgress') THEN NULL ELSE @now END
    WHERE JobId = @job_id AND TenantId = @tenant_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
