-- Requests over HTTP that came with an Idempotency-Key: who works on one, and what was answered, for a day. Then what the server asks of sources.
CREATE TABLE dbo.HttpRequest
(
    TenantId int NOT NULL,
    KeyHash binary(32) NOT NULL,             -- SHA-256 of the key
    ClaimId varchar(36) NOT NULL,
    ClaimedUntil datetime2(3) NOT NULL,      -- who was killed renews no more
    Fingerprint binary(32) NULL,             -- SHA-256 of what was asked
    StatusCode int NULL,                     -- NULL: it is being worked on
    Answer nvarchar(max) NULL,
    CreatedAt datetime2(3) NOT NULL,
    CONSTRAINT PK_HttpRequest PRIMARY KEY CLUSTERED (TenantId, KeyHash)
);
GO
CREATE INDEX IX_HttpRequest_Created ON dbo.HttpRequest (CreatedAt);
GO
-- Whether a tenant has some bytes.
CREATE INDEX IX_Source_Hash ON dbo.Source (ContentHash, TenantId) INCLUDE (Status, ByteLength) WHERE ContentHash IS NOT NULL;
GO
-- A key that nobody used, or whose answer is kept no more, or whose claim was renewed no more.
CREATE PROCEDURE dbo.usp_claim_http_request
    @tenant_id int, @key_hash binary(32), @claim_id varchar(36), @claimed_until datetime2(3), @now datetime2(3), @kept_since datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @changed int;
    UPDATE dbo.HttpRequest
    SET ClaimId = @claim_id, ClaimedUntil = @claimed_until, CreatedAt = @now, Fingerprint = NULL, StatusCode = NULL, Answer = NULL
    WHERE TenantId = @tenant_id AND KeyHash = @key_hash
        AND ((StatusCode IS NOT NULL AND CreatedAt < @kept_since) OR (StatusCode IS NULL AND ClaimedUntil < @now));
    SET @changed = @@ROWCOUNT;
    IF @changed = 0
    BEGIN
        INSERT INTO dbo.HttpRequest (TenantId, KeyHash, ClaimId, ClaimedUntil, CreatedAt)
        SELECT @tenant_id, @key_hash, @claim_id, @claimed_until, @now
        WHERE NOT EXISTS (SELECT 1 FROM dbo.HttpRequest AS r WITH (UPDLOCK, SERIALIZABLE)
                          WHERE r.TenantId = @tenant_id AND r.KeyHash = @key_hash);
        SET @changed = @@ROWCOUNT;
    END;
    SELECT @changed AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_http_request @tenant_id int, @key_hash binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT r.ClaimId AS claimId, r.Fingerprint AS fingerprint, r.StatusCode AS statusCode, r.Answer AS answer
    FROM dbo.HttpRequest AS r
    WHERE r.TenantId = @tenant_id AND r.KeyHash = @key_hash;
END;
GO
CREATE PROCEDURE dbo.usp_renew_http_request @tenant_id int, @key_hash binary(32), @claim_id varchar(36), @claimed_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.HttpRequest SET ClaimedUntil = @claimed_until
    WHERE TenantId = @tenant_id AND KeyHash = @key_hash AND ClaimId = @claim_id AND StatusCode IS NULL;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_answer_http_request
    @tenant_id int, @key_hash binary(32), @claim_id varchar(36), @fingerprint binary(32), @status_code int, @answer nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.HttpRequest SET Fingerprint = @fingerprint, StatusCode = @status_code, Answer = @answer
    WHERE TenantId = @tenant_id AND KeyHash = @key_hash AND ClaimId = @claim_id AND StatusCode IS NULL;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_release_http_request @tenant_id int, @key_hash binary(32), @claim_id varchar(36)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.HttpRequest
    WHERE TenantId = @tenant_id AND KeyHash = @key_hash AND ClaimId = @claim_id AND StatusCode IS NULL;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_prune_http_requests @before datetime2(3), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE TOP (@n) FROM dbo.HttpRequest
    WHERE CreatedAt < @before AND (StatusCode IS NOT NULL OR ClaimedUntil < @before);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Until a source is atomized its hash is that of its landed copy, where it has one, whose key ends with it.
CREATE OR ALTER PROCEDURE dbo.usp_sources @tenant_id int, @source_id bigint, @source_uri nvarchar(max), @status varchar(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (CASE WHEN @n < 0 THEN CONVERT(bigint, 9223372036854775807) ELSE @n END)
        s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.SupersededBy AS supersededBy, s.ContentType AS contentType,
        COALESCE(LOWER(CONVERT(char(64), s.ContentHash, 2)), RIGHT(s.BlobKey, 64)) AS contentHash,
        s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.Status AS status, s.AtomizerVersion AS atomizerVersion,
        s.MessageId AS messageId, s.ReceivedAt AS receivedAt, s.LastSeenAt AS lastSeenAt,
        s.ErrorMessage AS errorMessage, s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE (@tenant_id IS NULL OR s.TenantId = @tenant_id) AND (@source_id IS NULL OR s.SourceId = @source_id)
        AND (@source_uri IS NULL OR s.SourceUriHash = HASHBYTES('SHA2_256', @source_uri))
        AND (@status IS NULL OR s.Status = @status)
    ORDER BY s.SourceId DESC
    OPTION (RECOMPILE);
END;
GO
-- A page of the sources, the latest first: those below an id; NULL: from the latest on.
CREATE PROCEDURE dbo.usp_sources_below @tenant_id int, @status varchar(16), @below bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.SupersededBy AS supersededBy, s.ContentType AS contentType,
        COALESCE(LOWER(CONVERT(char(64), s.ContentHash, 2)), RIGHT(s.BlobKey, 64)) AS contentHash,
        s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.Status AS status, s.AtomizerVersion AS atomizerVersion,
        s.MessageId AS messageId, s.ReceivedAt AS receivedAt, s.LastSeenAt AS lastSeenAt,
        s.ErrorMessage AS errorMessage, s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE s.SourceId < COALESCE(@below, CONVERT(bigint, 9223372036854775807)) AND s.TenantId = @tenant_id AND (@status IS NULL OR s.Status = @status)
    ORDER BY s.SourceId DESC
    OPTION (RECOMPILE);
END;
GO
-- The last version of a uri that was not given up. Its bytes are told by their hash, or by that of the copy that was landed.
CREATE PROCEDURE dbo.usp_latest_version @tenant_id int, @source_uri nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) s.SourceId AS sourceId, s.Status AS status, s.ContentType AS contentType, s.AtomizerVersion AS atomizerVersion,
        LOWER(CONVERT(char(64), s.ContentHash, 2)) AS contentHash, s.BlobKey AS blobKey
    FROM dbo.Source AS s
    WHERE s.TenantId = @tenant_id AND s.SourceUriHash = HASHBYTES('SHA2_256', @source_uri)
        AND s.Status IN ('Landed', 'Atomizing', 'Atomized')
    ORDER BY s.Version DESC;
END;
GO
CREATE PROCEDURE dbo.usp_atomized_source_with_hash @tenant_id int, @content_hash binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) s.SourceId AS sourceId, s.ByteLength AS byteLength FROM dbo.Source AS s
    WHERE s.ContentHash = @content_hash AND s.TenantId = @tenant_id AND s.Status = 'Atomized'
    ORDER BY s.SourceId DESC;
END;
GO
-- A page of what a source holds, in order; `text` is NULL for what is kept as bytes.
CREATE PROCEDURE dbo.usp_source_atoms_from @source_id bigint, @role varchar(8), @from_ordinal bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) sa.Ordinal AS ordinal, LOWER(CONVERT(char(64), a.ContentHash, 2)) AS hash, sa.ByteOffset AS byteOffset,
        sa.ByteLength AS byteLength, a.Subtype AS subtype, CONVERT(nvarchar(max), a.CanonicalText) AS text
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    WHERE sa.SourceId = @source_id AND sa.Role = @role AND sa.Ordinal >= @from_ordinal
    ORDER BY sa.Ordinal;
END;
GO
