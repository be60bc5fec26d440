-- What waits to be received, who receives it, and what was given up on.

CREATE TABLE QueueMessage (
  Sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
  MessageId     TEXT    NOT NULL UNIQUE CHECK (typeof(MessageId) = 'text'),
  Queue         TEXT    NOT NULL CHECK (Queue IN ('IngestionQueue', 'ProvenanceQueue')),
  OrderingKey   TEXT    NOT NULL CHECK (typeof(OrderingKey) = 'text'),
  Body          BLOB    NOT NULL CHECK (typeof(Body) IN ('blob', 'text')),
  AttemptCount  INTEGER NOT NULL DEFAULT 0 CHECK (typeof(AttemptCount) = 'integer' AND AttemptCount >= 0),
  EnqueuedAt    TEXT    NOT NULL CHECK (typeof(EnqueuedAt) = 'text'),
  FirstFailedAt TEXT    CHECK (typeof(FirstFailedAt) IN ('text', 'null')),
  LastError     TEXT    CHECK (typeof(LastError) IN ('text', 'null'))
);
CREATE INDEX QueueMessage_Queue ON QueueMessage (Queue, Sequence);

-- Who works on a queue whose messages lead out of the database; a row only while somebody does.
CREATE TABLE QueueLease (
  Queue      TEXT NOT NULL PRIMARY KEY,
  LeaseOwner TEXT NOT NULL,
  LeaseUntil TEXT NOT NULL
) WITHOUT ROWID;

-- What is given up on again for the same reason is one dead letter with a count.
CREATE TABLE DeadLetter (
  DeadLetterId  INTEGER PRIMARY KEY AUTOINCREMENT,
  Kind          TEXT    NOT NULL CHECK (Kind IN ('message', 'source', 'job')),
  TenantId      INTEGER,              -- NULL: the message was too broken to say
  IngestHour    TEXT    NOT NULL,
  Queue         TEXT,
  OrderingKey   TEXT,
  MessageId     TEXT,
  SourceId      INTEGER,
  JobId         TEXT,
  Reason        TEXT    NOT NULL,
  Body          BLOB    NOT NULL,
  AttemptCount  INTEGER NOT NULL,
  FirstFailedAt TEXT    NOT NULL,
  LastFailedAt  TEXT    NOT NULL,
  Replay        TEXT    NOT NULL,     -- how to replay it
  Fingerprint   BLOB,                 -- of file or message, and reason; NULL: one that is never met again
  SeenCount     INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX DeadLetter_Tenant ON DeadLetter (TenantId, DeadLetterId);
CREATE INDEX DeadLetter_Message ON DeadLetter (MessageId);
CREATE INDEX DeadLetter_Hour ON DeadLetter (IngestHour);
CREATE UNIQUE INDEX DeadLetter_Fingerprint ON DeadLetter (Fingerprint);
