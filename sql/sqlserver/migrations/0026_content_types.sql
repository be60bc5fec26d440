-- The same bytes under another content type are another version; what is kept and cannot be searched says why.

CREATE OR ALTER PROCEDURE dbo.usp_current_source_with_hash
    @tenant_id int, @source_uri nvarchar(max), @content_hash binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceId AS sourceId, s.ContentType AS contentType FROM dbo.Source AS s
    WHERE s.TenantId = @tenant_id AND s.SourceUriHash = HASHBYTES('SHA2_256', @source_uri) AND s.SupersededBy IS NULL
        AND s.Status = 'Atomized' AND s.ContentHash = @content_hash;
END;
GO
-- A note, kept as ErrorMessage, says why what is kept cannot be searched.
CREATE OR ALTER PROCEDURE dbo.usp_finish_source
    @source_id bigint, @owner nvarchar(300), @content_hash binary(32), @byte_length bigint, @content_type nvarchar(255),
    @atomizer_version nvarchar(100), @note nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source
    SET Status = 'Atomized', ContentHash = @content_hash, ByteLength = @byte_length, ContentType = @content_type,
        AtomizerVersion = @atomizer_version, BlobKey = NULL, LeaseOwner = NULL, LeaseUntil = NULL, ErrorMessage = @note
    WHERE SourceId = @source_id AND LeaseOwner = @owner AND Status = 'Atomizing';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
