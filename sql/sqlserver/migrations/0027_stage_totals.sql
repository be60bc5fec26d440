-- What each stage has done since the database was made: what a scrape of metrics reads. The runs that did it are processes of their own.
CREATE TABLE dbo.StageTotal (
    Stage   varchar(64)  NOT NULL CONSTRAINT PK_StageTotal PRIMARY KEY,
    Runs    bigint       NOT NULL,
    Seconds float        NOT NULL,
    Done    bigint       NOT NULL   -- by the count that tells its speed: sources, atoms, embeddings, …
);
GO
CREATE PROCEDURE dbo.usp_add_to_stage_total @stage varchar(64), @seconds float, @done bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.StageTotal WITH (UPDLOCK, SERIALIZABLE) SET Runs = Runs + 1, Seconds = Seconds + @seconds, Done = Done + @done
    WHERE Stage = @stage;
    DECLARE @changed int = @@ROWCOUNT;
    IF @changed = 0
    BEGIN
        INSERT INTO dbo.StageTotal (Stage, Runs, Seconds, Done) VALUES (@stage, 1, @seconds, @done);
        SET @changed = @@ROWCOUNT;
    END;
    SELECT @changed AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_stage_totals
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT t.Stage AS stage, t.Runs AS runs, t.Seconds AS seconds, t.Done AS done FROM dbo.StageTotal AS t ORDER BY t.Stage;
END;
GO
-- How much of each kind waits or is at work, of all tenants, and since when; not jobs that nothing here does.
CREATE PROCEDURE dbo.usp_waiting_work @job_types nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.Queue AS kind, COUNT_BIG(*) AS n, MIN(m.EnqueuedAt) AS since FROM dbo.QueueMessage AS m GROUP BY m.Queue
    UNION ALL
    SELECT 'sources', COUNT_BIG(*), MIN(s.ReceivedAt) FROM dbo.Source AS s WHERE s.Status IN ('Landed', 'Atomizing')
    UNION ALL
    SELECT 'jobs', COUNT_BIG(*), MIN(j.CreatedAt) FROM dbo.BackgroundJob AS j
    WHERE j.Status IN ('Pending', 'InProgress') AND j.JobType IN (SELECT t.value FROM OPENJSON(@job_types) AS t);
END;
GO
