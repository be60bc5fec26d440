-- An InProgress row without a lease is one that somebody wrote by hand: it is free. `Status IN ('Pending', 'InProgress')` is said even where
-- one of the two is meant: SQLite uses the index of what is open only for a condition that repeats the index's own. `+a.TenantId` keeps it
-- from the index by tenant.

-- name: has_claimable_jobs
SELECT 1 FROM BackgroundJob
WHERE IngestHour = :hour AND JobType = :job_type AND Status IN ('Pending', 'InProgress')
  AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now)
LIMIT 1;

-- name: claim_jobs
-- A job that somebody else inserted names its atom in Parameters, in whatever case; only one of the job's own tenant counts. It may name a
-- model there, too: what is no number becomes 0, which is no model's. One for an active model that is not among model_ids waits for a
-- run that knows it.
-- An id that is not of printable ASCII, such as bytes that are no UTF-8, is its bytes in hex from here on: others must be able to name it.
UPDATE BackgroundJob
SET JobId = CASE WHEN JobId GLOB '*[^ -~]*' THEN lower(hex(JobId)) ELSE JobId END, Status = 'InProgress', AttemptCount = AttemptCount + 1, LeaseOwner = :owner, LeaseUntil = :lease_until,
    StartedAt = COALESCE(StartedAt, :now),
    AtomId = COALESCE(AtomId, (
      SELECT a.AtomId
      FROM json_each(CASE WHEN json_valid(CAST(Parameters AS TEXT)) THEN CAST(Parameters AS TEXT) ELSE '{}' END) AS p
      CROSS JOIN Atom AS a
      WHERE lower(p.key) = 'atomid' AND p.type IN ('integer', 'text') AND a.AtomId = p.value AND +a.TenantId = BackgroundJob.TenantId)),
    ModelId = COALESCE(ModelId, (
      SELECT CASE WHEN CAST(CAST(p.value AS INTEGER) AS TEXT) = CAST(p.value AS TEXT) THEN CAST(p.value AS INTEGER) ELSE 0 END
      FROM json_each(CASE WHEN json_valid(CAST(Parameters AS TEXT)) THEN CAST(Parameters AS TEXT) ELSE '{}' END) AS p
      WHERE lower(p.key) = 'modelid' AND p.type IN ('integer', 'real', 'text')))
WHERE JobId IN (
  SELECT JobId FROM BackgroundJob
  WHERE IngestHour = :hour AND JobType = :job_type AND Status IN ('Pending', 'InProgress')
    AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now) AND AttemptCount BETWEEN :least_attempts AND :most_attempts
    AND AttemptCount < MaxAttempts
    AND (ModelId IS NULL OR :model_ids IS NULL OR ModelId IN (SELECT value FROM json_each(:model_ids))
         OR NOT EXISTS (SELECT 1 FROM EmbeddingModel AS m WHERE m.ModelId = BackgroundJob.ModelId AND m.Active = 1))
  LIMIT :n)
RETURNING lower(JobId) AS jobId, AtomId AS atomId, ModelId AS modelId, TenantId AS tenantId, AttemptCount AS attemptCount, CAST(Parameters AS TEXT) AS parameters;

-- name: complete_jobs
UPDATE BackgroundJob
SET Status = 'Completed', CompletedAt = :now, Result = :result, LeaseOwner = NULL, LeaseUntil = NULL
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner AND Status = 'InProgress';

-- name: release_jobs
UPDATE BackgroundJob SET Status = 'Pending', LeaseOwner = NULL, LeaseUntil = NULL, AttemptCount = AttemptCount - 1
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner AND Status = 'InProgress';

-- name: refuse_jobs
-- The work can never succeed: no further attempt.
UPDATE BackgroundJob
SET Status = 'Failed', CompletedAt = :now, Result = :reason, LeaseOwner = NULL, LeaseUntil = NULL
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner;

-- name: return_jobs
UPDATE BackgroundJob SET Status = 'Pending', Result = :reason, LeaseOwner = NULL, LeaseUntil = NULL
WHERE JobId IN (SELECT value FROM json_each(:job_ids)) AND LeaseOwner = :owner;

-- name: has_exhausted_jobs
SELECT 1 AS found FROM BackgroundJob
WHERE IngestHour = :hour AND JobType = :job_type AND Status IN ('Pending', 'InProgress') AND AttemptCount >= 1
  AND AttemptCount >= MaxAttempts AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now)
LIMIT 1;

-- name: exhausted_jobs
SELECT lower(JobId) AS jobId, AtomId AS atomId, TenantId AS tenantId, IngestHour AS ingestHour, JobType AS jobType, CAST(Parameters AS TEXT) AS parameters,
       AttemptCount AS attemptCount, StartedAt AS startedAt, Result AS result
FROM BackgroundJob
WHERE IngestHour = :hour AND JobType = :job_type AND Status IN ('Pending', 'InProgress') AND AttemptCount >= 1
  AND AttemptCount >= MaxAttempts AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now);

-- name: insert_job
INSERT INTO BackgroundJob (JobId, JobType, Parameters, TenantId, CreatedAt)
VALUES (:job_id, :job_type, :parameters, :tenant_id, :now);

-- name: set_job_status
-- Pending again is a job that nobody has tried yet.
UPDATE BackgroundJob
SET Status = :status, Result = :result, LeaseOwner = NULL, LeaseUntil = :lease_until,
    AttemptCount = CASE :status WHEN 'Pending' THEN 0 ELSE AttemptCount END,
    CompletedAt = CASE WHEN :status IN ('Pending', 'InProgress') THEN NULL ELSE :now END
WHERE JobId = :job_id AND TenantId = :tenant_id;

-- name: failed_job_count
SELECT COUNT(*) AS n FROM BackgroundJob WHERE Status = 'Failed';

-- name: waiting_job_types
-- Pending jobs by type, of all tenants: those that nothing here can do wait for whoever can.
SELECT JobType AS jobType, COUNT(*) AS n FROM BackgroundJob
WHERE Status IN ('Pending', 'InProgress') AND Status = 'Pending' GROUP BY JobType ORDER BY JobType;

-- name: dead_letter_job
UPDATE BackgroundJob
SET Status = 'DeadLettered', CompletedAt = :now, Result = :reason, LeaseOwner = NULL, LeaseUntil = NULL
WHERE JobId = :job_id;

-- name: retry_job
UPDATE BackgroundJob
SET Status = 'Pending', AttemptCount = 0, Result = NULL, CompletedAt = NULL, LeaseOwner = NULL, LeaseUntil = NULL
WHERE JobId = :job_id AND TenantId = :tenant_id AND Status IN ('Failed', 'DeadLettered');

-- name: jobs
SELECT lower(JobId) AS jobId, JobType AS jobType, CAST(Parameters AS TEXT) AS parameters, AtomId AS atomId, ModelId AS modelId,
       TenantId AS tenantId, IngestHour AS ingestHour, Status AS status, AttemptCount AS attemptCount, MaxAttempts AS maxAttempts, Result AS result,
       CreatedAt AS createdAt, StartedAt AS startedAt, CompletedAt AS completedAt
FROM BackgroundJob
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:job_id IS NULL OR JobId = :job_id)
  AND (:status IS NULL OR Status = :status)
ORDER BY rowid DESC LIMIT :n;

-- name: job_count
SELECT COUNT(*) AS n FROM BackgroundJob
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:status IS NULL OR Status = :status);

-- name: job_lease_owners
SELECT DISTINCT LeaseOwner AS owner FROM BackgroundJob
WHERE Status = 'InProgress' AND LeaseOwner IS NOT NULL;

-- name: expire_job_leases
UPDATE BackgroundJob SET LeaseUntil = ''
WHERE Status = 'InProgress' AND LeaseOwner = :owner;
