-- Asked by whoever migrates, on the catalog and the journal.

-- name: server
SELECT CONVERT(int, SERVERPROPERTY('EngineEdition')) AS edition,
    COALESCE(CONVERT(int, SERVERPROPERTY('ProductMajorVersion')), 0) AS major, d.name AS [database],
    CONVERT(int, d.is_broker_enabled) AS broker_enabled, CONVERT(int, d.is_read_committed_snapshot_on) AS read_committed_snapshot,
    CASE WHEN d.snapshot_isolation_state = 1 THEN 1 ELSE 0 END AS snapshot_isolation,
    COALESCE(CONVERT(int, FULLTEXTSERVICEPROPERTY('IsFullTextInstalled')), 0) AS full_text
FROM sys.databases AS d
WHERE d.database_id = DB_ID();

-- name: schema
SELECT s.schema_id FROM sys.schemas AS s WHERE s.name = ?;

-- name: table
SELECT t.object_id FROM sys.tables AS t INNER JOIN sys.schemas AS s ON s.schema_id = t.schema_id WHERE s.name = ? AND t.name = ?;

-- name: journal
SELECT v.Feature AS feature, v.Version AS version, v.Name AS name, v.Sha256 AS sha256, v.AppliedAt AS appliedAt
FROM dbo.SchemaVersion AS v ORDER BY v.Feature, v.Version;

-- name: record
INSERT INTO dbo.SchemaVersion (Feature, Version, Name, Sha256) VALUES (?, ?, ?, ?);

-- name: period
SELECT g.Period AS period FROM dbo.Grid AS g;

-- name: choose_days
EXEC dbo.usp_choose_days;

-- name: lock
DECLARE @locked int;
EXEC @locked = sys.sp_getapplock @Resource = ?, @LockMode = 'Exclusive', @LockOwner = 'Session', @LockTimeout = 120000;
SELECT @locked AS locked;
