-- Who works on a queue whose messages lead out of the database; a row only while somebody does.

CREATE TABLE dbo.QueueLease
(
    Queue varchar(64) NOT NULL CONSTRAINT PK_QueueLease PRIMARY KEY CLUSTERED,
    LeaseOwner nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    LeaseUntil datetime2(3) NOT NULL
);
GO
CREATE PROCEDURE dbo.usp_claim_queue @queue varchar(64), @owner nvarchar(300), @lease_until datetime2(3), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @changed int;
    UPDATE dbo.QueueLease SET LeaseOwner = @owner, LeaseUntil = @lease_until WHERE Queue = @queue AND LeaseUntil < @now;
    SET @changed = @@ROWCOUNT;
    IF @changed = 0
    BEGIN
        INSERT INTO dbo.QueueLease (Queue, LeaseOwner, LeaseUntil)
        SELECT @queue, @owner, @lease_until
        WHERE NOT EXISTS (SELECT 1 FROM dbo.QueueLease AS l WITH (UPDLOCK, SERIALIZABLE) WHERE l.Queue = @queue);
        SET @changed = @@ROWCOUNT;
    END;
    SELECT @changed AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_release_queue @queue varchar(64), @owner nvarchar(300), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.QueueLease WHERE Queue = @queue AND LeaseOwner = @owner AND LeaseUntil = @lease_until;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_queue_lease_owners
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT l.LeaseOwner AS owner FROM dbo.QueueLease AS l;
END;
GO
CREATE PROCEDURE dbo.usp_expire_queue_leases @owner nvarchar(300)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.QueueLease WHERE LeaseOwner = @owner;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
