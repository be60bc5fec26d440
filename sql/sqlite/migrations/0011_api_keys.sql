-- Keys of the HTTP server. Of a key only the SHA-256 is here: who reads the table can ask nothing with it.
CREATE TABLE ApiKey (
  KeyId      TEXT    NOT NULL PRIMARY KEY,
  SecretHash BLOB    NOT NULL CHECK (length(SecretHash) = 32),   -- of the whole key, as it is presented
  TenantId   INTEGER NOT NULL,
  Scopes     TEXT    NOT NULL,      -- with spaces between
  Name       TEXT    NOT NULL,
  CreatedAt  TEXT    NOT NULL,
  ExpiresAt  TEXT,
  RevokedAt  TEXT,
  LastUsedAt TEXT                   -- to the minute
) WITHOUT ROWID;
CREATE INDEX ApiKey_Created ON ApiKey (CreatedAt);
