-- What lies on a queue has the types that receivers read. Rows stay as they are, also those that the checks would refuse: a receiver
-- puts them aside. The numbers go on where they were.

CREATE TABLE QueueMessageChecked (
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
PRAGMA ignore_check_constraints = ON;
INSERT INTO QueueMessageChecked (Sequence, MessageId, Queue, OrderingKey, Body, AttemptCount, EnqueuedAt, FirstFailedAt, LastError)
SELECT Sequence, MessageId, Queue, OrderingKey, Body, AttemptCount, EnqueuedAt, FirstFailedAt, LastError FROM QueueMessage;
PRAGMA ignore_check_constraints = OFF;
DELETE FROM sqlite_sequence WHERE name = 'QueueMessageChecked';
UPDATE sqlite_sequence SET name = 'QueueMessageChecked' WHERE name = 'QueueMessage';
DROP TABLE QueueMessage;
ALTER TABLE QueueMessageChecked RENAME TO QueueMessage;
CREATE INDEX QueueMessage_Queue ON QueueMessage (Queue, Sequence);
