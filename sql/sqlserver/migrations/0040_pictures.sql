-- Where the bytes of atoms lie.
CREATE PROCEDURE dbo.usp_atom_contents @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId, a.TenantId AS tenantId, a.ContentType AS contentType, a.ContentHash AS contentHash,
        a.AtomicValue AS atomicValue, c.Content AS content, c.BlobKey AS blobKey,
        CASE WHEN c.AtomId IS NULL THEN a.TextBytes END AS textBytes
    FROM dbo.Atom AS a
    LEFT JOIN dbo.AtomContent AS c ON c.AtomId = a.AtomId
    WHERE a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j);
END;
GO
-- The first picture that was made of a source; no row where none was.
CREATE PROCEDURE dbo.usp_source_preview @source_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) a.AtomId AS atomId, a.TenantId AS tenantId, a.ContentType AS contentType, a.ContentHash AS contentHash,
        a.AtomicValue AS atomicValue, c.Content AS content, c.BlobKey AS blobKey,
        CASE WHEN c.AtomId IS NULL THEN a.TextBytes END AS textBytes
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    LEFT JOIN dbo.AtomContent AS c ON c.AtomId = a.AtomId
    WHERE sa.SourceId = @source_id AND sa.Role = 'derived' AND a.Modality = 'image' AND a.Subtype = N'preview'
    ORDER BY sa.Ordinal;
END;
GO
