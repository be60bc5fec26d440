-- Who works on a queue for longer than a lease holds, renews it.

CREATE PROCEDURE dbo.usp_renew_queue @queue varchar(64), @owner nvarchar(300), @lease_until datetime2(3), @renewed_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.QueueLease SET LeaseUntil = @renewed_until WHERE Queue = @queue AND LeaseOwner = @owner AND LeaseUntil = @lease_until;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
