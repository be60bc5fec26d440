-- Keys of the HTTP server. Of a key only the SHA-256 is here: who reads the table can ask nothing with it. The program's login reads and
-- writes it by these procedures alone.
CREATE TABLE dbo.ApiKey
(
    KeyId char(16) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT PK_ApiKey PRIMARY KEY CLUSTERED,
    SecretHash binary(32) NOT NULL,          -- of the whole key, as it is presented
    TenantId int NOT NULL,
    Scopes varchar(64) NOT NULL,             -- with spaces between
    Name nvarchar(200) NOT NULL,
    CreatedAt datetime2(3) NOT NULL,
    ExpiresAt datetime2(3) NULL,
    RevokedAt datetime2(3) NULL,
    LastUsedAt datetime2(3) NULL             -- to the minute
);
GO
CREATE INDEX IX_ApiKey_Created ON dbo.ApiKey (CreatedAt);
GO
CREATE PROCEDURE dbo.usp_insert_api_key
    @key_id char(16), @secret_hash binary(32), @tenant_id int, @scopes varchar(64), @name nvarchar(200), @now datetime2(3),
    @expires_at datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.ApiKey (KeyId, SecretHash, TenantId, Scopes, Name, CreatedAt, ExpiresAt)
    VALUES (@key_id, @secret_hash, @tenant_id, @scopes, @name, @now, @expires_at);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_api_key @key_id char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT k.SecretHash AS secretHash, k.TenantId AS tenantId, k.Scopes AS scopes, k.ExpiresAt AS expiresAt, k.RevokedAt AS revokedAt
    FROM dbo.ApiKey AS k WHERE k.KeyId = @key_id;
END;
GO
CREATE PROCEDURE dbo.usp_api_keys @tenant_id int, @key_id char(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) k.KeyId AS keyId, k.TenantId AS tenantId, k.Scopes AS scopes, k.Name AS name, k.CreatedAt AS createdAt,
        k.ExpiresAt AS expiresAt, k.RevokedAt AS revokedAt, k.LastUsedAt AS lastUsedAt
    FROM dbo.ApiKey AS k
    WHERE (@tenant_id IS NULL OR k.TenantId = @tenant_id) AND (@key_id IS NULL OR k.KeyId = @key_id)
    ORDER BY k.CreatedAt DESC, k.KeyId DESC
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_api_key_count @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n FROM dbo.ApiKey AS k WHERE @tenant_id IS NULL OR k.TenantId = @tenant_id
    OPTION (RECOMPILE);
END;
GO
-- One that is revoked stays so since then.
CREATE PROCEDURE dbo.usp_revoke_api_key @key_id char(16), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.ApiKey SET RevokedAt = COALESCE(RevokedAt, @now) WHERE KeyId = @key_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_note_api_key_use @key_id char(16), @now datetime2(3), @before datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.ApiKey SET LastUsedAt = @now WHERE KeyId = @key_id AND (LastUsedAt IS NULL OR LastUsedAt <= @before);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
