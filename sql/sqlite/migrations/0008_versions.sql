-- What a sender calls the bytes that it brings is no file here, whatever it is called: see docs/decisions.

CREATE INDEX Source_GivenUp ON Source (TenantId, SourceUri) WHERE Status = 'DeadLettered';

UPDATE Source SET SourceUri = 'claimed:' || SourceUri
WHERE ReadUri IS NULL AND (lower(substr(ltrim(SourceUri), 1, 5)) = 'file:' OR substr(ltrim(SourceUri), 1, 1) = '/');
