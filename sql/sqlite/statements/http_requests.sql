-- name: claim_http_request
-- A key that nobody used, or whose answer is kept no more, or whose claim was renewed no more.
INSERT INTO HttpRequest (TenantId, KeyHash, ClaimId, ClaimedUntil, CreatedAt)
VALUES (:tenant_id, :key_hash, :claim_id, :claimed_until, :now)
ON CONFLICT (TenantId, KeyHash) DO UPDATE
SET ClaimId = excluded.ClaimId, ClaimedUntil = excluded.ClaimedUntil, CreatedAt = excluded.CreatedAt, Fingerprint = NULL,
    StatusCode = NULL, Answer = NULL
WHERE (HttpRequest.StatusCode IS NOT NULL AND HttpRequest.CreatedAt < :kept_since)
   OR (HttpRequest.StatusCode IS NULL AND HttpRequest.ClaimedUntil < :now);

-- name: http_request
SELECT ClaimId AS claimId, Fingerprint AS fingerprint, StatusCode AS statusCode, Answer AS answer
FROM HttpRequest WHERE TenantId = :tenant_id AND KeyHash = :key_hash;

-- name: renew_http_request
UPDATE HttpRequest SET ClaimedUntil = :claimed_until
WHERE TenantId = :tenant_id AND KeyHash = :key_hash AND ClaimId = :claim_id AND StatusCode IS NULL;

-- name: answer_http_request
UPDATE HttpRequest SET Fingerprint = :fingerprint, StatusCode = :status_code, Answer = :answer
WHERE TenantId = :tenant_id AND KeyHash = :key_hash AND ClaimId = :claim_id AND StatusCode IS NULL;

-- name: release_http_request
DELETE FROM HttpRequest
WHERE TenantId = :tenant_id AND KeyHash = :key_hash AND ClaimId = :claim_id AND StatusCode IS NULL;

-- name: prune_http_requests
DELETE FROM HttpRequest
WHERE (TenantId, KeyHash) IN (SELECT TenantId, KeyHash FROM HttpRequest
                              WHERE CreatedAt < :before AND (StatusCode IS NOT NULL OR ClaimedUntil < :before) LIMIT :n);
