-- The bytes of a source that are tensors, in order, each with its place in JSON.
CREATE PROCEDURE dbo.usp_source_tensors @source_id bigint, @from_ordinal bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) sa.Ordinal AS ordinal, LOWER(CONVERT(char(64), a.ContentHash, 2)) AS hash,
        sa.ByteLength AS byteLength, sa.Locator AS locator
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    WHERE sa.SourceId = @source_id AND sa.Role = 'content' AND sa.Ordinal >= @from_ordinal AND sa.Locator IS NOT NULL
    ORDER BY sa.Ordinal;
END;
GO
