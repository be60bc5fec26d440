-- An InProgress row without a lease is one that somebody wrote by hand: it is free. `Status IN ('Pending', 'InProgress')` is said even where
-- one of the two is meant: SQLite uses the index of what is open only for a condition that repeats the index's own. `+a.TenantId` keeps it
-- from the index by tenant. A job is found by its number, which is in the id that the database gives it, or by the id that a client gave it.

-- part: job_of_id
JobNumber IN (CAST(substr(:job_id, 25) AS INTEGER), (SELECT JobNumber FROM StoredJob WHERE OwnJobId = lower(:job_id)),
                (SELECT JobNumber FROM DoneJob WHERE OwnJobId = lower(:job_id))) AND JobId = lower(:job_id)

-- name: has_claimable_jobs
SELECT 1 FROM StoredJob
WHERE IngestHour = :hour AND OwnJobType IS NULLIF(:job_type, 'GenerateEmbedding') AND Status IN ('Pending', 'InProgress')
  AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now)
LIMIT 1;

-- name: claim_jobs
-- A job that somebody else inserted names its atom in Parameters, in whatever case; only one of the job's own tenant counts. It may name a
-- model there, too: what is no number becomes 0, which is no model's. One for an active model that is not among model_ids waits for a
-- run that knows it.
-- An id that is not of printable ASCII, such as bytes that are no UTF-8, is its bytes in hex from here on: others must be able to name it.
UPDATE StoredJob
SET OwnJobId = CASE WHEN OwnJobId GLOB '*[^ -~]*' THEN lower(hex(OwnJobId)) ELSE OwnJobId END,
    Status = 'InProgress', AttemptCount = AttemptCount + 1, LeaseOwner = :owner, LeaseUntil = :lease_until,
    StartedAt = COALESCE(StartedAt, milliseconds(:now)),
    AtomId = COALESCE(AtomId, (
      SELECT a.AtomId
      FROM json_each(COALESCE(OwnParameters, '{}')) AS p
      CROSS JOIN Atom AS a
      WHERE lower(p.key) = 'atomid' AND p.type IN ('integer', 'text') AND a.AtomId = p.value AND +a.TenantId = StoredJob.TenantId)),
    ModelId = COALESCE(ModelId, (
      SELECT CASE WHEN CAST(CAST(p.value AS INTEGER) AS TEXT) = CAST(p.value AS TEXT) THEN CAST(p.value AS INTEGER) ELSE 0 END
      FROM json_each(COALESCE(OwnParameters, '{}')) AS p
      WHERE lower(p.key) = 'modelid' AND p.type IN ('integer', 'real', 'text')))
WHERE JobNumber IN (
  SELECT JobNumber FROM StoredJob
  WHERE IngestHour = :hour AND OwnJobType IS NULLIF(:job_type, 'GenerateEmbedding') AND Status IN ('Pending', 'InProgress')
    AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now) AND AttemptCount BETWEEN :least_attempts AND :most_attempts
    AND AttemptCount < MaxAttempts
    AND (ModelId IS NULL OR :model_ids IS NULL OR ModelId IN (SELECT value FROM json_each(:model_ids))
         OR NOT EXISTS (SELECT 1 FROM EmbeddingModel AS m WHERE m.ModelId = StoredJob.ModelId AND m.Active = 1))
  LIMIT :n)
RETURNING JobId AS jobId, AtomId AS atomId, ModelId AS modelId, TenantId AS tenantId, AttemptCount AS attemptCount, Parameters AS parameters;

-- name: complete_jobs
UPDATE StoredJob
SET Status = 'Completed', CompletedAt = milliseconds(:now), Result = :result, LeaseOwner = NULL, LeaseUntil = NULL
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner AND Status = 'InProgress';

-- name: release_jobs
UPDATE StoredJob SET Status = 'Pending', LeaseOwner = NULL, LeaseUntil = NULL, AttemptCount = AttemptCount - 1
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner AND Status = 'InProgress';

-- name: renew_job_leases
UPDATE StoredJob SET LeaseUntil = :lease_until
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner AND Status = 'InProgress';

-- name: refuse_jobs
-- The work can never succeed: no further attempt.
UPDATE StoredJob
SET Status = 'Failed', CompletedAt = milliseconds(:now), Result = :reason, LeaseOwner = NULL, LeaseUntil = NULL
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner;

-- name: return_jobs
UPDATE StoredJob SET Status = 'Pending', Result = :reason, LeaseOwner = NULL, LeaseUntil = NULL
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner;

-- name: has_exhausted_jobs
SELECT 1 AS found FROM StoredJob
WHERE IngestHour = :hour AND OwnJobType IS NULLIF(:job_type, 'GenerateEmbedding') AND Status IN ('Pending', 'InProgress') AND AttemptCount >= 1
  AND AttemptCount >= MaxAttempts AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now)
LIMIT 1;

-- name: exhausted_jobs
SELECT JobId AS jobId, AtomId AS atomId, TenantId AS tenantId, IngestHour AS ingestHour, JobType AS jobType, Parameters AS parameters,
       AttemptCount AS attemptCount, time_of(StartedAt) AS startedAt, Result AS result
FROM StoredJob
WHERE IngestHour = :hour AND OwnJobType IS NULLIF(:job_type, 'GenerateEmbedding') AND Status IN ('Pending', 'InProgress') AND AttemptCount >= 1
  AND AttemptCount >= MaxAttempts AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now);

-- name: insert_job
INSERT INTO StoredJob (OwnJobId, OwnJobType, OwnParameters, TenantId, CreatedAt)
VALUES (:job_id, NULLIF(:job_type, 'GenerateEmbedding'), :parameters, :tenant_id, milliseconds(:now));

-- name: set_job_status
-- Pending again is a job that nobody has tried yet.
UPDATE StoredJob
SET Status = :status, Result = :result, LeaseOwner = NULL, LeaseUntil = :lease_until,
    AttemptCount = CASE :status WHEN 'Pending' THEN 0 ELSE AttemptCount END,
    CompletedAt = CASE WHEN :status IN ('Pending', 'InProgress') THEN NULL ELSE milliseconds(:now) END
WHERE {job_of_id} AND TenantId = :tenant_id;

-- name: failed_job_count
SELECT COUNT(*) AS n FROM StoredJob WHERE Status = 'Failed';

-- name: waiting_job_types
-- Pending jobs by type, of all tenants: those that nothing here can do wait for whoever can.
SELECT JobType AS jobType, COUNT(*) AS n FROM StoredJob
WHERE Status IN ('Pending', 'InProgress') AND Status = 'Pending' GROUP BY JobType ORDER BY JobType;

-- name: dead_letter_job
UPDATE StoredJob
SET Status = 'DeadLettered', CompletedAt = milliseconds(:now), Result = :reason, LeaseOwner = NULL, LeaseUntil = NULL
WHERE {job_of_id};

-- name: retry_job
UPDATE StoredJob
SET Status = 'Pending', AttemptCount = 0, Result = NULL, CompletedAt = NULL, LeaseOwner = NULL, LeaseUntil = NULL
WHERE {job_of_id} AND TenantId = :tenant_id AND Status IN ('Failed', 'DeadLettered');

-- name: jobs
-- `position` says where the job stands among all, `after` where the page before this one ended.
SELECT JobId AS jobId, JobType AS jobType, Parameters AS parameters, AtomId AS atomId, ModelId AS modelId, TenantId AS tenantId,
       IngestHour AS ingestHour, Status AS status, AttemptCount AS attemptCount, MaxAttempts AS maxAttempts, Result AS result,
       time_of(CreatedAt) AS createdAt, time_of(StartedAt) AS startedAt, time_of(CompletedAt) AS completedAt,
       CAST(JobNumber AS TEXT) AS position
FROM (SELECT * FROM (SELECT * FROM AnyJob   -- by itself: it is read in order, and nothing is computed of a row that is not among the last
                     WHERE :job_id IS NULL AND (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:status IS NULL OR Status = :status)
                       AND JobNumber < COALESCE(CAST(:after AS INTEGER), 9223372036854775807)
                     ORDER BY JobNumber DESC LIMIT :n)
      UNION ALL
      SELECT * FROM AnyJob
      WHERE {job_of_id} AND (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:status IS NULL OR Status = :status));

-- name: job_count
SELECT COUNT(*) AS n FROM AnyJob
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:status IS NULL OR Status = :status);

-- name: reopen_job
-- A job that is done is among those that are not again, so that its status can be set.
INSERT INTO StoredJob (JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result,
                       CreatedAt, StartedAt, CompletedAt, Status)
SELECT JobNumber, OwnJobId, OwnJobType, OwnParameters, AtomId, ModelId, TenantId, IngestHour, AttemptCount, MaxAttempts, Result, CreatedAt,
       StartedAt, CompletedAt, 'Completed'
FROM DoneJob
WHERE {job_of_id};

-- name: job_lease_owners
SELECT DISTINCT LeaseOwner AS owner FROM StoredJob
WHERE Status = 'InProgress' AND LeaseOwner IS NOT NULL;

-- name: expire_job_leases
UPDATE StoredJob SET LeaseUntil = ''
WHERE Status = 'InProgress' AND LeaseOwner = :owner;

-- name: prune_jobs
-- The oldest that are done. What was skipped says for good why its atom has no embedding.
DELETE FROM DoneJob
WHERE JobNumber IN (SELECT JobNumber FROM DoneJob
                    WHERE CompletedAt < milliseconds(:before) AND COALESCE(Result, '') NOT LIKE 'skipped:%' ORDER BY JobNumber LIMIT :n);
