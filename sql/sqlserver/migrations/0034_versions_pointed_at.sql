-- A version that took the place of another stays: that one points at it.

CREATE OR ALTER PROCEDURE dbo.usp_delete_source @source_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.Source
    WHERE SourceId = @source_id AND NOT EXISTS (SELECT 1 FROM dbo.Source AS o WHERE o.SupersededBy = @source_id);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
