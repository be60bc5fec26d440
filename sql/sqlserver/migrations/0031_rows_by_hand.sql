-- Rows that somebody inserts by hand: an hour is one, and work in an hour that is none, or before the grid, is moved to the running hour.

-- Whether a value of IngestHour is an hour, such as 2026-11-23-09:00.
CREATE FUNCTION dbo.fn_IsHour (@hour char(16))
RETURNS bit
WITH SCHEMABINDING
AS
BEGIN
    IF @hour LIKE '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]:00'
        AND TRY_CONVERT(datetime2(0), CONCAT(STUFF(@hour, 11, 1, ' '), ':00'), 120) IS NOT NULL
        RETURN 1;
    RETURN 0;
END;
GO
-- Rows that are there already stay as they are: a run moves them, or `verify` names them.
ALTER TABLE dbo.Atom WITH NOCHECK ADD CONSTRAINT CK_Atom_IngestHour
    CHECK (IngestHour LIKE '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]:00'
        AND TRY_CONVERT(datetime2(0), CONCAT(STUFF(IngestHour, 11, 1, ' '), ':00'), 120) IS NOT NULL);
GO
ALTER TABLE dbo.BackgroundJob WITH NOCHECK ADD CONSTRAINT CK_BackgroundJob_IngestHour
    CHECK (IngestHour LIKE '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]:00'
        AND TRY_CONVERT(datetime2(0), CONCAT(STUFF(IngestHour, 11, 1, ' '), ':00'), 120) IS NOT NULL);
GO
CREATE PROCEDURE dbo.usp_move_stray_sources @first char(16), @to char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET IngestHour = @to
    WHERE Status IN ('Landed', 'Atomizing') AND (dbo.fn_IsHour(IngestHour) = 0 OR IngestHour < @first);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_move_stray_atoms @first char(16), @to char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE a
    SET a.IngestHour = @to
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT j.AtomId FROM dbo.BackgroundJob AS j WHERE j.Status IN ('Pending', 'InProgress'))
        AND (dbo.fn_IsHour(a.IngestHour) = 0 OR a.IngestHour < @first);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_move_stray_jobs @first char(16), @to char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob SET IngestHour = @to
    WHERE Status IN ('Pending', 'InProgress') AND (dbo.fn_IsHour(IngestHour) = 0 OR IngestHour < @first);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_move_stray_embeddings @first char(16), @to char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.AtomEmbedding SET IngestHour = @to
    WHERE ProjectionModelId IS NULL AND (dbo.fn_IsHour(IngestHour) = 0 OR IngestHour < @first);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- What only an insert by hand can have brought. Text is Unicode here: none of it is anything else.
CREATE PROCEDURE dbo.usp_unreadable_atoms @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) a.AtomId AS atomId, CASE WHEN a.AtomId >= CONVERT(bigint, 9007199254740992) THEN 'AtomId' ELSE 'IngestHour' END AS fault
    FROM dbo.Atom AS a
    WHERE (@hour IS NULL OR a.IngestHour = @hour) AND (@tenant_id IS NULL OR a.TenantId = @tenant_id) AND a.InsertedByHand = 1
        AND (a.AtomId >= CONVERT(bigint, 9007199254740992) OR dbo.fn_IsHour(a.IngestHour) = 0)
    OPTION (RECOMPILE);
END;
GO
-- Embeddings whose bytes are no vector of their model are made anew: somebody wrote them by hand.
CREATE PROCEDURE dbo.usp_embed_again @embedding_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob
    SET Status = 'Pending', AttemptCount = 0, Result = NULL, CompletedAt = NULL
    WHERE JobType = 'GenerateEmbedding' AND Status IN ('Completed', 'Failed')
        AND AtomId IN (SELECT e.AtomId FROM dbo.AtomEmbedding AS e
                       INNER JOIN OPENJSON(@embedding_ids) AS v ON CONVERT(bigint, v.value) = e.AtomEmbeddingId);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_delete_embeddings @embedding_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.AtomEmbedding WHERE AtomEmbeddingId IN (SELECT CONVERT(bigint, v.value) FROM OPENJSON(@embedding_ids) AS v);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
