-- What an hour holds, per stage: small tables for the materialisation; column `rows` adds up to the partition's row count.

-- name: hour_sources
SELECT ContentType AS contentType, Status AS status, COUNT(*) AS rows, SUM(ByteLength) AS bytes
FROM Source WHERE IngestHour = :hour GROUP BY ContentType, Status ORDER BY rows DESC LIMIT 20;

-- name: hour_atoms
SELECT Modality AS modality, COALESCE(Subtype, '') AS subtype, COUNT(*) AS rows, SUM(ReferenceCount) AS occurrences
FROM Atom WHERE IngestHour = :hour GROUP BY Modality, Subtype ORDER BY rows DESC LIMIT 20;

-- name: hour_embeddings
SELECT m.Name AS model, m.Precision AS precision, m.Dimension AS dimension, COUNT(*) AS rows,
       SUM(e.WindowCount > 1) AS averagedFromWindows
FROM AtomEmbedding AS e JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId
WHERE e.IngestHour = :hour GROUP BY m.ModelId ORDER BY rows DESC;

-- name: hour_projections
-- Eight octants of the unit cube: a projection that spreads well fills all of them.
SELECT (CASE WHEN X < 0 THEN '-' ELSE '+' END) || (CASE WHEN Y < 0 THEN '-' ELSE '+' END) || (CASE WHEN Z < 0 THEN '-' ELSE '+' END)
         AS octant,
       COUNT(*) AS rows, COUNT(DISTINCT printf('%d/%d/%d', SpatialBucketX, SpatialBucketY, SpatialBucketZ)) AS buckets
FROM AtomEmbedding WHERE IngestHour = :hour AND ProjectionModelId IS NOT NULL GROUP BY octant ORDER BY octant;

-- name: pending_work
-- Hours that hold work of the stages that are enabled, for the sensor: it looks, it takes nothing. Each `Status IN` repeats the condition
-- of an index, which SQLite uses only then.
SELECT s.IngestHour AS hour FROM Source AS s
WHERE :ingestion AND s.Status IN ('Landed', 'Atomizing') AND (s.Status = 'Landed' OR COALESCE(s.LeaseUntil, '') < :now)
  AND NOT EXISTS (SELECT 1 FROM Source AS e
                  WHERE e.TenantId = s.TenantId AND e.SourceUri = s.SourceUri AND e.Version < s.Version
                    AND e.Status IN ('Landed', 'Atomizing'))
UNION
SELECT IngestHour FROM StoredJob
WHERE Status IN ('Pending', 'InProgress') AND (Status = 'Pending' OR COALESCE(LeaseUntil, '') < :now)
  AND JobType IN (SELECT value FROM json_each(:job_types))
UNION
SELECT s.IngestHour FROM UnreadSource AS u CROSS JOIN Source AS s ON s.SourceId = u.SourceId   -- rows that are to be read and embedded
WHERE s.Status = 'Atomized' AND 'GenerateEmbedding' IN (SELECT value FROM json_each(:job_types))
UNION
SELECT e.IngestHour FROM AtomEmbedding AS e JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId
WHERE :projection AND e.ProjectionModelId IS NULL AND m.Active = 1
ORDER BY 1;

-- name: schema
-- When the database was made, how many migrations it has, and whether it says how long its partitions are: before, all had hours.
SELECT MIN(AppliedAt) AS createdAt, COUNT(*) AS migrations, MAX(Name = 'grid') AS hasPeriod FROM SchemaVersion;

-- name: period
SELECT Period AS period FROM Grid;

-- name: choose_days
-- Where nothing came in before: a key of an hour is of no day.
UPDATE Grid SET Period = 'day'
WHERE NOT EXISTS (SELECT 1 FROM Source) AND NOT EXISTS (SELECT 1 FROM Atom) AND NOT EXISTS (SELECT 1 FROM Inference);

-- name: stats_totals
SELECT
  (SELECT COUNT(*) FROM Source WHERE Status = 'Atomized' AND (:tenant_id IS NULL OR TenantId = :tenant_id)) AS sources,
  (SELECT COUNT(*) FROM Atom WHERE :tenant_id IS NULL OR TenantId = :tenant_id) AS atoms,
  (SELECT COUNT(*) FROM AtomEmbedding WHERE :tenant_id IS NULL OR TenantId = :tenant_id) AS embeddings,
  (SELECT COUNT(*) FROM AtomEmbedding
   WHERE ProjectionModelId IS NOT NULL AND (:tenant_id IS NULL OR TenantId = :tenant_id)) AS projections,
  (SELECT COALESCE(SUM(ByteLength), 0) FROM Source
   WHERE Status = 'Atomized' AND (:tenant_id IS NULL OR TenantId = :tenant_id)) AS bytesIn,
  (SELECT COALESCE(SUM(COALESCE(c.ByteLength, length(CAST(a.AtomicValue AS BLOB)), length(CAST(a.CanonicalText AS BLOB)))), 0)
   FROM Atom AS a LEFT JOIN AtomContent AS c ON c.AtomId = a.AtomId WHERE :tenant_id IS NULL OR a.TenantId = :tenant_id) AS bytesStored;

-- name: stats_jobs
SELECT Status AS status, COUNT(*) AS n FROM AnyJob WHERE :tenant_id IS NULL OR TenantId = :tenant_id GROUP BY Status;

-- name: latest_lease
-- Until when the longest claim of a source, job or queue holds; NULL without one.
SELECT MAX(held.LeaseUntil) AS leaseUntil FROM (
  SELECT LeaseUntil FROM Source WHERE Status = 'Atomizing'
  UNION ALL
  SELECT LeaseUntil FROM StoredJob WHERE Status = 'InProgress'
  UNION ALL
  SELECT LeaseUntil FROM QueueLease) AS held;

-- name: oldest_pending
-- Since when the oldest work of each stage has been waiting; NULL where none waits. Messages on the queues belong to no hour.
SELECT
  (SELECT EnqueuedAt FROM QueueMessage WHERE Queue = 'IngestionQueue' ORDER BY Sequence LIMIT 1) AS sources,
  (SELECT MIN(ReceivedAt) FROM Source WHERE IngestHour = :hour AND Status IN ('Landed', 'Atomizing')) AS atoms,
  (SELECT time_of(MIN(CreatedAt)) FROM StoredJob
   WHERE IngestHour = :hour AND Status IN ('Pending', 'InProgress') AND OwnJobType IS NULL) AS atom_embeddings,
  (SELECT MIN(e.CreatedAt) FROM AtomEmbedding AS e JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId
   WHERE e.IngestHour = :hour AND e.ProjectionModelId IS NULL AND m.Active = 1) AS atom_projections,
  (SELECT EnqueuedAt FROM QueueMessage WHERE Queue = 'ProvenanceQueue' ORDER BY Sequence LIMIT 1) AS provenance_graph;

-- Work in an hour that is none, or before the grid, is moved to the running hour: see stray_hours.py.

-- part: stray
(typeof(IngestHour) <> 'text' OR NOT is_hour(CAST(IngestHour AS BLOB), (SELECT Period FROM Grid)) OR IngestHour < :first)

-- name: move_stray_sources
UPDATE Source SET IngestHour = :to
WHERE Status IN ('Landed', 'Atomizing') AND {stray};

-- name: move_stray_atoms
UPDATE Atom SET IngestHour = :to
WHERE AtomId IN (SELECT AtomId FROM StoredJob WHERE Status IN ('Pending', 'InProgress'))
  AND {stray};

-- name: move_stray_jobs
UPDATE StoredJob SET IngestHour = :to
WHERE Status IN ('Pending', 'InProgress') AND {stray};

-- name: move_stray_embeddings
UPDATE AtomEmbedding SET IngestHour = :to
WHERE ProjectionModelId IS NULL AND {stray};
