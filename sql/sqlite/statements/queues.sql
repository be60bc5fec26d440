-- name: insert_message
INSERT INTO QueueMessage (MessageId, Queue, OrderingKey, Body, EnqueuedAt) VALUES (?, ?, ?, ?, ?);

-- name: receive_messages
DELETE FROM QueueMessage
WHERE Sequence IN (SELECT Sequence FROM QueueMessage WHERE Queue = :queue ORDER BY Sequence LIMIT :n)
RETURNING Sequence AS sequence, MessageId AS messageId, OrderingKey AS orderingKey, Body AS body,
          AttemptCount AS attemptCount, EnqueuedAt AS enqueuedAt, FirstFailedAt AS firstFailedAt;

-- name: queue_has_message
SELECT 1 FROM QueueMessage WHERE Queue = :queue LIMIT 1;

-- name: queue_depths
SELECT Queue AS queue, COUNT(*) AS depth FROM QueueMessage GROUP BY Queue;

-- name: database_faults
-- What is wrong with the database, a row each, with what to do. A file that cannot be written is not opened for writing at all.
SELECT '' AS fault, '' AS remedy WHERE 0;

-- name: queued_message_ids
SELECT MessageId AS messageId FROM QueueMessage
WHERE MessageId IN (SELECT value FROM json_each(:message_ids));

-- name: count_failed_receive
UPDATE QueueMessage
SET AttemptCount = AttemptCount + 1, LastError = :reason, FirstFailedAt = COALESCE(FirstFailedAt, :now)
WHERE MessageId = :message_id
RETURNING AttemptCount AS attemptCount;

-- name: delete_message
DELETE FROM QueueMessage WHERE MessageId = :message_id;

-- name: lock_queue
-- Nobody else receives until the transaction ends: here that is so in any of them.
SELECT :queue AS queue;
