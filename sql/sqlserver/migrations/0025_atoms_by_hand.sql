-- Atoms that somebody inserted by hand.

-- Bytes of a source in order: each atom's content, then its suffix. An atom inserted by hand may have its content in its text only.
CREATE OR ALTER PROCEDURE dbo.usp_source_contents @source_id bigint, @from_ordinal bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) sa.Ordinal AS ordinal, sa.ByteOffset AS byteOffset, sa.Suffix AS suffix, a.ContentHash AS contentHash,
        a.TenantId AS tenantId, a.AtomicValue AS atomicValue, c.Content AS content, c.BlobKey AS blobKey,
        CASE WHEN a.InsertedByHand = 1 AND c.AtomId IS NULL
            THEN CONVERT(varbinary(max), CONVERT(varchar(max), a.CanonicalText COLLATE Latin1_General_100_CI_AS_SC_UTF8)) END AS textBytes
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    LEFT JOIN dbo.AtomContent AS c ON c.AtomId = a.AtomId
    WHERE sa.SourceId = @source_id AND sa.Role = 'content' AND sa.Ordinal >= @from_ordinal
    ORDER BY sa.Ordinal;
END;
GO
