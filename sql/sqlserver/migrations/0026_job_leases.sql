-- The leases of jobs in flight are renewed: a large batch on a slow machine takes longer than one lasts.
CREATE PROCEDURE dbo.usp_renew_job_leases @job_ids nvarchar(max), @owner nvarchar(300), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob SET LeaseUntil = @lease_until
    WHERE JobId IN (SELECT CONVERT(uniqueidentifier, v.value) FROM OPENJSON(@job_ids) AS v)
        AND LeaseOwner = @owner AND Status = 'InProgress';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
