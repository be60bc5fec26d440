-- name: insert_message
INSERT INTO QueueMessage (MessageId, Queue, OrderingKey, Body, EnqueuedAt) VALUES (?, ?, ?, ?, ?);

-- name: queued_messages
-- In order. Any client may have written any value into a column: each comes as what it is read for.
SELECT Sequence AS sequence, COALESCE(CAST(MessageId AS TEXT), '') AS messageId,
       COALESCE(CAST(OrderingKey AS TEXT), '') AS orderingKey, COALESCE(CAST(Body AS BLOB), x'') AS body,
       CASE WHEN typeof(AttemptCount) = 'integer' AND AttemptCount BETWEEN 0 AND 1000 THEN AttemptCount ELSE 0 END AS attemptCount
FROM QueueMessage WHERE Queue = :queue ORDER BY Sequence LIMIT :n;

-- name: queue_has_message
SELECT 1 FROM QueueMessage WHERE Queue = :queue LIMIT 1;

-- name: queue_depths
SELECT Queue AS queue, COUNT(*) AS depth FROM QueueMessage GROUP BY Queue;

-- name: failed_receives
-- Messages that were received in vain and lie on their queue again: how many, since when, how often at most, and why the first of them.
SELECT Queue AS queue, COUNT(*) AS messages, MIN(FirstFailedAt) AS since, MAX(AttemptCount) AS attempts,
       (SELECT f.LastError FROM QueueMessage AS f WHERE f.Queue = m.Queue AND f.AttemptCount > 0 ORDER BY f.Sequence LIMIT 1) AS reason
FROM QueueMessage AS m WHERE AttemptCount > 0 GROUP BY Queue;

-- name: database_faults
-- What is wrong with the database, a row each, with what to do. A file that cannot be written is not opened for writing at all.
SELECT 'atom ' || MAX(AtomId) || ' has the last id that there can be, so nobody can insert a further one by hand' AS fault,
       'delete that atom, and insert it without an AtomId' AS remedy
FROM Atom HAVING MAX(AtomId) = 9223372036854775807;

-- name: queued_message_ids
SELECT MessageId AS messageId FROM QueueMessage
WHERE MessageId IN (SELECT value FROM json_each(:message_ids));

-- name: count_failed_receive
UPDATE QueueMessage
SET AttemptCount = CASE WHEN typeof(AttemptCount) = 'integer' AND AttemptCount BETWEEN 0 AND 1000 THEN AttemptCount ELSE 0 END + 1,
    LastError = :reason, FirstFailedAt = CASE typeof(FirstFailedAt) WHEN 'text' THEN FirstFailedAt ELSE :now END
WHERE Sequence = :sequence
RETURNING AttemptCount AS attemptCount;

-- name: delete_messages
DELETE FROM QueueMessage WHERE Sequence IN (SELECT value FROM json_each(:sequences));

-- name: lock_queue
-- Nobody else receives until the transaction ends: here that is so in any of them.
SELECT :queue AS queue;

-- name: claim_queue
INSERT INTO QueueLease (Queue, LeaseOwner, LeaseUntil) VALUES (:queue, :owner, :lease_until)
ON CONFLICT (Queue) DO UPDATE SET LeaseOwner = excluded.LeaseOwner, LeaseUntil = excluded.LeaseUntil
WHERE QueueLease.LeaseUntil < :now;

-- name: renew_queue
UPDATE QueueLease SET LeaseUntil = :renewed_until WHERE Queue = :queue AND LeaseOwner = :owner AND LeaseUntil = :lease_until;

-- name: release_queue
DELETE FROM QueueLease WHERE Queue = :queue AND LeaseOwner = :owner AND LeaseUntil = :lease_until;

-- name: queue_lease_owners
SELECT LeaseOwner AS owner FROM QueueLease;

-- name: expire_queue_leases
DELETE FROM QueueLease WHERE LeaseOwner = :owner;
