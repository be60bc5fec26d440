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
-- The files below a folder: its uri and / is the first, its uri and the character after / is behind them all. All current sources of the
-- tenant are read: no index has a text of this length.
CREATE PROCEDURE dbo.usp_current_uris_between @tenant_id int, @first_uri nvarchar(max), @last_uri nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceUri AS sourceUri FROM dbo.Source AS s
    WHERE s.TenantId = @tenant_id AND s.SourceUri >= @first_uri AND s.SourceUri < @last_uri AND s.SupersededBy IS NULL
        AND s.Status = 'Atomized';
END;
GO
