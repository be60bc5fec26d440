-- Requests over HTTP that came with an Idempotency-Key: who works on one, and what was answered, for a day.
CREATE TABLE HttpRequest (
  TenantId     INTEGER NOT NULL,
  KeyHash      BLOB    NOT NULL CHECK (length(KeyHash) = 32),   -- SHA-256 of the key
  ClaimId      TEXT    NOT NULL,
  ClaimedUntil TEXT    NOT NULL,   -- who was killed renews no more
  Fingerprint  BLOB,               -- SHA-256 of what was asked
  StatusCode   INTEGER,            -- NULL: it is being worked on
  Answer       TEXT,
  CreatedAt    TEXT    NOT NULL,
  PRIMARY KEY (TenantId, KeyHash)
) WITHOUT ROWID;
CREATE INDEX HttpRequest_Created ON HttpRequest (CreatedAt);

-- Whether a tenant has some bytes. The hash first: no plan may begin with all that a tenant has.
CREATE INDEX Source_Hash ON Source (ContentHash, TenantId) WHERE ContentHash IS NOT NULL;
