-- name: same_dead_letter
SELECT MessageId AS messageId, SourceId AS sourceId FROM DeadLetter WHERE Fingerprint = :fingerprint;

-- name: insert_dead_letter
INSERT INTO DeadLetter (Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, SourceId, JobId, Reason, Body, AttemptCount,
                        FirstFailedAt, LastFailedAt, Replay, Fingerprint)
VALUES (:kind, :tenant_id, :hour, :queue, :ordering_key, :message_id, :source_id, :job_id, :reason, :body, :attempt_count,
        :first_failed_at, :now, :replay, :fingerprint)
ON CONFLICT (Fingerprint) DO UPDATE
SET Kind = excluded.Kind, IngestHour = excluded.IngestHour, MessageId = excluded.MessageId, SourceId = excluded.SourceId,
    Body = excluded.Body, AttemptCount = excluded.AttemptCount, LastFailedAt = excluded.LastFailedAt, Reason = excluded.Reason,
    Replay = excluded.Replay, SeenCount = SeenCount + 1;

-- name: dead_letter_message
-- As it is, whatever it is: nobody reads what is given up on.
INSERT INTO DeadLetter (Kind, TenantId, IngestHour, Queue, OrderingKey, MessageId, Reason, Body, AttemptCount,
                        FirstFailedAt, LastFailedAt, Replay, Fingerprint)
SELECT 'message', :tenant_id, :hour, Queue, OrderingKey, MessageId, :reason, COALESCE(Body, x''), :attempt_count,
       CASE typeof(FirstFailedAt) WHEN 'text' THEN FirstFailedAt ELSE :now END, :now, 'puts the message back on ' || Queue, :fingerprint
FROM QueueMessage WHERE Sequence = :sequence
ON CONFLICT (Fingerprint) DO UPDATE
SET Kind = excluded.Kind, IngestHour = excluded.IngestHour, MessageId = excluded.MessageId, SourceId = NULL, Body = excluded.Body,
    AttemptCount = excluded.AttemptCount, LastFailedAt = excluded.LastFailedAt, Reason = excluded.Reason,
    Replay = excluded.Replay, SeenCount = SeenCount + 1;

-- name: dead_letters
-- A message was kept as it was: its columns come as what they are read for.
SELECT DeadLetterId AS deadLetterId, Kind AS kind, TenantId AS tenantId, IngestHour AS ingestHour, Queue AS queue,
       CAST(OrderingKey AS TEXT) AS orderingKey, CAST(MessageId AS TEXT) AS messageId, SourceId AS sourceId, JobId AS jobId,
       Reason AS reason, CAST(Body AS BLOB) AS body, AttemptCount AS attemptCount, FirstFailedAt AS firstFailedAt, LastFailedAt AS lastFailedAt, Replay AS replay,
       SeenCount AS seenCount
FROM DeadLetter
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:dead_letter_id IS NULL OR DeadLetterId = :dead_letter_id)
  AND DeadLetterId < COALESCE(:after, 9223372036854775807)
ORDER BY DeadLetterId DESC LIMIT :n;

-- name: dead_letters_of_messages
SELECT MessageId AS messageId, CAST(OrderingKey AS TEXT) AS orderingKey, Reason AS reason FROM DeadLetter
WHERE MessageId IN (SELECT value FROM json_each(:message_ids)) AND +TenantId = :tenant_id;

-- name: delete_dead_letter
DELETE FROM DeadLetter WHERE DeadLetterId = :dead_letter_id AND (:tenant_id IS NULL OR TenantId = :tenant_id);

-- name: dead_letter_count
SELECT COUNT(*) AS n FROM DeadLetter
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:hour IS NULL OR IngestHour = :hour);

-- name: dead_letters_without_tenant
SELECT COUNT(*) AS n FROM DeadLetter WHERE TenantId IS NULL;

-- name: delete_dead_letter_of_job
DELETE FROM DeadLetter WHERE JobId = :job_id AND TenantId = :tenant_id;

-- name: dead_letters_of_hour
-- The latest ones, without what they hold.
SELECT DeadLetterId AS deadLetterId, Kind AS kind, TenantId AS tenantId, Reason AS reason, AttemptCount AS attemptCount
FROM DeadLetter WHERE IngestHour = :hour ORDER BY DeadLetterId DESC LIMIT :n;
