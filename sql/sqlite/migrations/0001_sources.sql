-- What came in, and which run made what of it. In every file: times are UTC text (2026-11-23T09:44:16.123Z), hours are Dagster partition
-- keys (2026-11-23-09:00), hashes are 32-byte blobs, JSON is text.

CREATE TABLE Source (
  SourceId        INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId        INTEGER NOT NULL,
  SourceUri       TEXT    NOT NULL,
  ParentSourceId  INTEGER REFERENCES Source (SourceId),   -- the source that this one was found in, such as the archive of a file
  Version         INTEGER NOT NULL,
  SupersededBy    INTEGER REFERENCES Source (SourceId),
  ContentType     TEXT    NOT NULL,
  ContentHash     BLOB    CHECK (ContentHash IS NULL OR length(ContentHash) = 32),
  ByteLength      INTEGER NOT NULL,
  IngestHour      TEXT    NOT NULL,
  Status          TEXT    NOT NULL DEFAULT 'Landed'
                  CHECK (Status IN ('Landed', 'Atomizing', 'Atomized', 'DeadLettered', 'Erased')),
  AtomizerVersion TEXT,
  MessageId       TEXT    NOT NULL,     -- the message that landed it
  ReadUri         TEXT,                 -- where the bytes are read in place; NULL when the message carried them
  BlobKey         TEXT,                 -- landed copy of bytes that the message carried; NULL once atomized
  LeaseOwner      TEXT,
  LeaseUntil      TEXT,
  AttemptCount    INTEGER NOT NULL DEFAULT 0,
  ReceivedAt      TEXT    NOT NULL,
  LastSeenAt      TEXT    NOT NULL,
  ErrorMessage    TEXT,
  Metadata        TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(Metadata)),
  UNIQUE (TenantId, SourceUri, Version)
);
-- A version becomes current only when its last atom is written, so a search never sees half a source.
CREATE UNIQUE INDEX Source_Current ON Source (TenantId, SourceUri) WHERE SupersededBy IS NULL AND Status = 'Atomized';
CREATE INDEX Source_SupersededBy ON Source (SupersededBy) WHERE SupersededBy IS NOT NULL;
CREATE INDEX Source_Parent ON Source (ParentSourceId) WHERE ParentSourceId IS NOT NULL;
CREATE INDEX Source_Hour ON Source (IngestHour, Status);
CREATE INDEX Source_Blob ON Source (BlobKey) WHERE BlobKey IS NOT NULL;
CREATE INDEX Source_Unfinished ON Source (TenantId, SourceUri, Version) WHERE Status IN ('Landed', 'Atomizing');
CREATE INDEX Source_GivenUp ON Source (TenantId, SourceUri) WHERE Status = 'DeadLettered';
CREATE INDEX Source_Message ON Source (MessageId);
-- A claim looks only at what is open, those with the fewest attempts first: it costs the same however much waits.
CREATE INDEX Source_Open ON Source (IngestHour, AttemptCount) WHERE Status IN ('Landed', 'Atomizing');
CREATE INDEX Source_Leased ON Source (LeaseOwner) WHERE LeaseOwner IS NOT NULL;

-- Each run that wrote atoms of a source.
CREATE TABLE SourceRun (
  SourceId INTEGER NOT NULL REFERENCES Source (SourceId) ON DELETE CASCADE,
  RunId    TEXT    NOT NULL,
  PRIMARY KEY (SourceId, RunId)
) WITHOUT ROWID;

-- Which file the message may read although it lies under no allowed root: written by the command line for the paths that it is given.
CREATE TABLE PathGrant (
  MessageId TEXT NOT NULL PRIMARY KEY,
  Uri       TEXT NOT NULL      -- of the file it really is, links followed; a uri, because a file name need not be text
) WITHOUT ROWID;
