-- A file within a source that is found unchanged may stand elsewhere in it: its metadata says where.
CREATE OR ALTER PROCEDURE dbo.usp_move_to_parent_of @source_id bigint, @found_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE s SET ParentSourceId = f.ParentSourceId, Metadata = f.Metadata
    FROM dbo.Source AS s JOIN dbo.Source AS f ON f.SourceId = @found_id
    WHERE s.SourceId = @source_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
