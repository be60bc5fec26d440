-- What metrics and health ask.

-- name: add_to_stage_total
INSERT INTO StageTotal (Stage, Runs, Seconds, Done) VALUES (:stage, 1, :seconds, :done)
ON CONFLICT (Stage) DO UPDATE SET Runs = Runs + 1, Seconds = Seconds + excluded.Seconds, Done = Done + excluded.Done;

-- name: stage_totals
SELECT Stage AS stage, Runs AS runs, Seconds AS seconds, Done AS done FROM StageTotal ORDER BY Stage;

-- name: waiting_work
-- How much of each kind waits or is at work, of all tenants, and since when; not jobs that nothing here does.
SELECT Queue AS kind, COUNT(*) AS n, MIN(EnqueuedAt) AS since FROM QueueMessage GROUP BY Queue
UNION ALL
SELECT 'sources', COUNT(*), MIN(ReceivedAt) FROM Source WHERE Status IN ('Landed', 'Atomizing')
UNION ALL
SELECT 'jobs', COUNT(*), time_of(MIN(CreatedAt)) FROM StoredJob
WHERE Status IN ('Pending', 'InProgress') AND JobType IN (SELECT value FROM json_each(:job_types));
