-- name: insert_api_key
INSERT INTO ApiKey (KeyId, SecretHash, TenantId, Scopes, Name, CreatedAt, ExpiresAt)
VALUES (:key_id, :secret_hash, :tenant_id, :scopes, :name, :now, :expires_at);

-- name: api_key
SELECT SecretHash AS secretHash, TenantId AS tenantId, Scopes AS scopes, ExpiresAt AS expiresAt, RevokedAt AS revokedAt
FROM ApiKey WHERE KeyId = :key_id;

-- name: api_keys
SELECT KeyId AS keyId, TenantId AS tenantId, Scopes AS scopes, Name AS name, CreatedAt AS createdAt, ExpiresAt AS expiresAt,
       RevokedAt AS revokedAt, LastUsedAt AS lastUsedAt
FROM ApiKey WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:key_id IS NULL OR KeyId = :key_id)
ORDER BY CreatedAt DESC, KeyId DESC LIMIT :n;

-- name: api_key_count
SELECT COUNT(*) AS n FROM ApiKey WHERE :tenant_id IS NULL OR TenantId = :tenant_id;

-- name: revoke_api_key
-- One that is revoked stays so since then.
UPDATE ApiKey SET RevokedAt = COALESCE(RevokedAt, :now) WHERE KeyId = :key_id;

-- name: note_api_key_use
UPDATE ApiKey SET LastUsedAt = :now WHERE KeyId = :key_id AND (LastUsedAt IS NULL OR LastUsedAt <= :before);
