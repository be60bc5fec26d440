-- name: insert_source
INSERT INTO Source (TenantId, SourceUri, Version, ContentType, ByteLength, IngestHour, MessageId, ReadUri, BlobKey,
                    ReceivedAt, LastSeenAt, Metadata)
SELECT :tenant_id, :source_uri, COALESCE(MAX(Version), 0) + 1, :content_type, :byte_length, :hour, :message_id, :read_uri, :blob_key,
       :now, :now, :metadata
FROM Source WHERE TenantId = :tenant_id AND SourceUri = :source_uri;

-- name: claimable_sources
-- The next sources of an hour, those with the fewest attempts first. For a write transaction, which then claims them. Versions of one
-- uri are atomized in the order in which they came: an unfinished older one goes first.
SELECT s.SourceId AS sourceId, s.ByteLength AS byteLength, s.AttemptCount AS attemptCount
FROM Source AS s
WHERE s.IngestHour = :hour AND s.Status IN ('Landed', 'Atomizing') AND (s.Status = 'Landed' OR COALESCE(s.LeaseUntil, '') < :now)
  AND NOT EXISTS (SELECT 1 FROM Source AS e
                  WHERE e.TenantId = s.TenantId AND e.SourceUri = s.SourceUri AND e.Version < s.Version
                    AND e.Status IN ('Landed', 'Atomizing'))
ORDER BY s.AttemptCount, s.SourceId LIMIT :n;

-- name: has_smaller_sources
-- Whether among the next :n of those that were never tried one may be claimed that has no more than :most_bytes.
SELECT 1 AS found
FROM (SELECT s.ByteLength FROM Source AS s
      WHERE s.IngestHour = :hour AND s.Status = 'Landed' AND s.AttemptCount = 0
        AND NOT EXISTS (SELECT 1 FROM Source AS e
                        WHERE e.TenantId = s.TenantId AND e.SourceUri = s.SourceUri AND e.Version < s.Version
                          AND e.Status IN ('Landed', 'Atomizing'))
      ORDER BY s.SourceId LIMIT :n) AS next
WHERE next.ByteLength <= :most_bytes LIMIT 1;

-- name: claim_sources
-- Those that are finished or given up by now are left as they are.
UPDATE Source
SET Status = 'Atomizing', LeaseOwner = :owner, LeaseUntil = :lease_until, AttemptCount = AttemptCount + 1
WHERE SourceId IN (SELECT value FROM json_each(:source_ids)) AND Status IN ('Landed', 'Atomizing')
RETURNING SourceId AS sourceId, TenantId AS tenantId, SourceUri AS sourceUri, Version AS version, ContentType AS contentType,
          ByteLength AS byteLength, IngestHour AS ingestHour, MessageId AS messageId, ReadUri AS readUri, BlobKey AS blobKey,
          AttemptCount AS attemptCount, ReceivedAt AS receivedAt, Metadata AS metadata;

-- name: renew_source_lease
UPDATE Source SET LeaseUntil = :lease_until
WHERE SourceId = :source_id AND LeaseOwner = :owner AND Status = 'Atomizing';

-- name: release_source
UPDATE Source SET Status = 'Landed', LeaseOwner = NULL, LeaseUntil = NULL, AttemptCount = AttemptCount - :forgiven,
                  ErrorMessage = :error
WHERE SourceId = :source_id AND LeaseOwner = :owner AND Status = 'Atomizing';

-- name: current_source_with_hash
SELECT SourceId AS sourceId, ContentType AS contentType, AtomizerVersion AS atomizerVersion FROM Source
WHERE TenantId = :tenant_id AND SourceUri = :source_uri AND SupersededBy IS NULL AND Status = 'Atomized'
  AND ContentHash = :content_hash;

-- name: touch_source
UPDATE Source SET LastSeenAt = :now WHERE SourceId = :source_id;

-- name: touch_sources
UPDATE Source SET LastSeenAt = :now WHERE SourceId IN (SELECT value FROM json_each(:source_ids));

-- name: unfinished_of_messages
SELECT COUNT(*) AS n FROM Source
WHERE Status IN ('Landed', 'Atomizing') AND MessageId IN (SELECT value FROM json_each(:message_ids));

-- name: delete_source
-- One that took the place of another stays, and so does one that others were found in: those point at it.
DELETE FROM Source
WHERE SourceId = :source_id AND NOT EXISTS (SELECT 1 FROM Source AS o WHERE o.SupersededBy = :source_id)
  AND NOT EXISTS (SELECT 1 FROM Source AS c WHERE c.ParentSourceId = :source_id);

-- name: record_source_run
INSERT INTO SourceRun (SourceId, RunId) VALUES (:source_id, :run_id) ON CONFLICT (SourceId, RunId) DO NOTHING;

-- name: source_runs
-- The runs that wrote atoms of these sources.
SELECT SourceId AS sourceId, RunId AS runId FROM SourceRun
WHERE SourceId IN (SELECT value FROM json_each(:source_ids)) ORDER BY SourceId, RunId;

-- name: supersede_older_versions
-- What is current, and what a version that was given up stands for.
UPDATE Source SET SupersededBy = :source_id
WHERE SourceId IN (
  SELECT c.SourceId FROM Source AS c
  WHERE c.TenantId = :tenant_id AND c.SourceUri IN (:source_uri, :spelled) AND c.SupersededBy IS NULL AND c.Status = 'Atomized'
    AND c.SourceId < :source_id
  UNION ALL
  SELECT o.SourceId FROM Source AS d JOIN Source AS o ON o.SupersededBy = d.SourceId
  WHERE d.TenantId = :tenant_id AND d.SourceUri IN (:source_uri, :spelled) AND d.Status = 'DeadLettered' AND d.SourceId < :source_id)
RETURNING SourceId AS sourceId;

-- name: supersede_members
-- What was found in older versions of a source and is not found in this one, and all within that.
WITH RECURSIVE gone (SourceId) AS (
  SELECT m.SourceId FROM json_each(:older) AS o JOIN Source AS m ON m.ParentSourceId = o.value
  WHERE m.SupersededBy IS NULL AND m.Status IN ('Landed', 'Atomizing', 'Atomized')
    AND m.SourceUri NOT IN (SELECT value FROM json_each(:source_uris))
  UNION
  SELECT m.SourceId FROM gone AS g JOIN Source AS m ON m.ParentSourceId = g.SourceId
  WHERE m.SupersededBy IS NULL AND m.Status IN ('Landed', 'Atomizing', 'Atomized'))
UPDATE Source SET SupersededBy = :source_id WHERE SourceId IN (SELECT SourceId FROM gone) RETURNING SourceId AS sourceId;

-- name: insert_members
-- Lands the files that were found in a source, each as the next version of its uri. What took the place of the source took theirs.
INSERT INTO Source (TenantId, SourceUri, ParentSourceId, SupersededBy, Version, ContentType, ByteLength, IngestHour, MessageId, BlobKey,
                    ReceivedAt, LastSeenAt, Metadata)
SELECT p.TenantId, m.value ->> 'sourceUri', p.SourceId, p.SupersededBy,
       COALESCE((SELECT MAX(o.Version) FROM Source AS o WHERE o.TenantId = p.TenantId AND o.SourceUri = m.value ->> 'sourceUri'), 0) + 1,
       m.value ->> 'contentType', m.value ->> 'byteLength', p.IngestHour, p.MessageId, m.value ->> 'blobKey', :now, :now,
       m.value -> 'metadata'
FROM Source AS p JOIN json_each(:members) AS m WHERE p.SourceId = :source_id;

-- name: members_of
-- How many current sources were found in these, and in what was found in them, of each type and status, and with each note; and one of them.
WITH RECURSIVE found (SourceId) AS (
  SELECT m.SourceId FROM json_each(:source_ids) AS r JOIN Source AS m ON m.ParentSourceId = r.value
  UNION
  SELECT m.SourceId FROM found AS f JOIN Source AS m ON m.ParentSourceId = f.SourceId),
alike (SourceId, n) AS (
  SELECT MIN(s.SourceId), COUNT(*) FROM found AS f JOIN Source AS s ON s.SourceId = f.SourceId
  WHERE s.SupersededBy IS NULL GROUP BY s.ContentType, s.Status, s.ErrorMessage)
SELECT s.SourceId AS sourceId, s.SourceUri AS sourceUri, s.ContentType AS contentType, s.Status AS status, s.ErrorMessage AS note,
       a.n AS n
FROM alike AS a JOIN Source AS s ON s.SourceId = a.SourceId;

-- name: move_to_parent_of
UPDATE Source SET (ParentSourceId, Metadata) = (SELECT f.ParentSourceId, f.Metadata FROM Source AS f WHERE f.SourceId = :found_id)
WHERE SourceId = :source_id;

-- name: finish_source
-- A note, kept as ErrorMessage, says why what is kept cannot be searched.
UPDATE Source
SET Status = 'Atomized', ContentHash = :content_hash, ByteLength = :byte_length, ContentType = :content_type,
    AtomizerVersion = :atomizer_version, BlobKey = NULL, LeaseOwner = NULL, LeaseUntil = NULL, ErrorMessage = :note
WHERE SourceId = :source_id AND LeaseOwner = :owner AND Status = 'Atomizing';

-- name: dead_letter_source
UPDATE Source SET Status = 'DeadLettered', ErrorMessage = :reason, LeaseOwner = NULL, LeaseUntil = NULL
WHERE SourceId = :source_id;

-- name: has_exhausted_sources
SELECT 1 AS found FROM Source
WHERE IngestHour = :hour AND AttemptCount >= :max_attempts AND Status IN ('Landed', 'Atomizing')
  AND (Status = 'Landed' OR COALESCE(LeaseUntil, '') < :now)
LIMIT 1;

-- name: exhausted_sources
SELECT SourceId AS sourceId, TenantId AS tenantId, SourceUri AS sourceUri, ContentType AS contentType, ReadUri AS readUri,
       BlobKey AS blobKey, MessageId AS messageId, AttemptCount AS attemptCount, ReceivedAt AS receivedAt, Metadata AS metadata,
       ErrorMessage AS errorMessage, IngestHour AS ingestHour
FROM Source
WHERE IngestHour = :hour AND AttemptCount >= :max_attempts AND Status IN ('Landed', 'Atomizing')
  AND (Status = 'Landed' OR COALESCE(LeaseUntil, '') < :now);

-- name: source_lease_owners
SELECT DISTINCT LeaseOwner AS owner FROM Source WHERE Status = 'Atomizing' AND LeaseOwner IS NOT NULL;

-- name: expire_source_leases
UPDATE Source SET LeaseUntil = '' WHERE Status = 'Atomizing' AND LeaseOwner = :owner;

-- part: bytes_hash
-- Until a source is atomized, that of its landed copy, where it has one, whose key ends with it.
COALESCE(NULLIF(lower(hex(ContentHash)), ''), substr(BlobKey, -64))

-- name: sources
SELECT SourceId AS sourceId, TenantId AS tenantId, SourceUri AS sourceUri, Version AS version, SupersededBy AS supersededBy,
       ContentType AS contentType, {bytes_hash} AS contentHash, ByteLength AS byteLength, IngestHour AS ingestHour,
       Status AS status, AtomizerVersion AS atomizerVersion, MessageId AS messageId, ReceivedAt AS receivedAt,
       LastSeenAt AS lastSeenAt, ErrorMessage AS errorMessage, Metadata AS metadata
FROM Source
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:source_id IS NULL OR SourceId = :source_id)
  AND (:source_uri IS NULL OR SourceUri = :source_uri) AND (:status IS NULL OR Status = :status)
ORDER BY SourceId DESC LIMIT :n;

-- part: ids_of_uri
    SELECT s.SourceId FROM KnownTenant AS t CROSS JOIN Source AS s
    WHERE s.TenantId = t.TenantId AND s.SourceUri >= :uri_prefix AND s.SourceUri <= :uri_prefix || char(1114111, 1114111, 1114111, 1114111)
    UNION
    SELECT s.SourceId FROM KnownTenant AS t CROSS JOIN Source AS s
    WHERE s.TenantId = t.TenantId AND s.SourceUri >= 'member:' || :uri_prefix
      AND s.SourceUri <= 'member:' || :uri_prefix || char(1114111, 1114111, 1114111, 1114111)

-- name: source_count_of_uri
SELECT COUNT(*) AS n FROM Source
WHERE SourceId IN ({ids_of_uri}) AND (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:status IS NULL OR Status = :status);

-- name: sources_of_uri
-- The sources whose uri begins so, and what was found in them, the latest first.
SELECT SourceId AS sourceId, TenantId AS tenantId, SourceUri AS sourceUri, Version AS version, SupersededBy AS supersededBy,
       ContentType AS contentType, {bytes_hash} AS contentHash, ByteLength AS byteLength, IngestHour AS ingestHour,
       Status AS status, AtomizerVersion AS atomizerVersion, MessageId AS messageId, ReceivedAt AS receivedAt,
       LastSeenAt AS lastSeenAt, ErrorMessage AS errorMessage, Metadata AS metadata
FROM Source
WHERE SourceId IN ({ids_of_uri})
  AND (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:status IS NULL OR Status = :status)
ORDER BY SourceId DESC LIMIT :n;

-- name: sources_below
-- A page of the sources, the latest first: those below an id; NULL: from the latest on.
SELECT SourceId AS sourceId, TenantId AS tenantId, SourceUri AS sourceUri, Version AS version, SupersededBy AS supersededBy,
       ContentType AS contentType, {bytes_hash} AS contentHash, ByteLength AS byteLength, IngestHour AS ingestHour,
       Status AS status, AtomizerVersion AS atomizerVersion, MessageId AS messageId, ReceivedAt AS receivedAt,
       LastSeenAt AS lastSeenAt, ErrorMessage AS errorMessage, Metadata AS metadata
FROM Source
WHERE SourceId < COALESCE(:below, 9223372036854775807) AND TenantId = :tenant_id AND (:status IS NULL OR Status = :status)
ORDER BY SourceId DESC LIMIT :n;

-- name: latest_version
-- The last version of a uri that was not given up. Its bytes are told by their hash, or by that of the copy that was landed.
SELECT SourceId AS sourceId, Status AS status, ContentType AS contentType, AtomizerVersion AS atomizerVersion,
       lower(hex(ContentHash)) AS contentHash, BlobKey AS blobKey
FROM Source
WHERE TenantId = :tenant_id AND SourceUri = :source_uri AND Status IN ('Landed', 'Atomizing', 'Atomized')
ORDER BY Version DESC LIMIT 1;

-- name: atomized_source_with_hash
SELECT SourceId AS sourceId, ByteLength AS byteLength FROM Source
WHERE ContentHash = :content_hash AND TenantId = :tenant_id AND Status = 'Atomized'
ORDER BY SourceId DESC LIMIT 1;

-- name: source_count
SELECT COUNT(*) AS n FROM Source
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) AND (:status IS NULL OR Status = :status);

-- name: content_types
-- What kinds of content the current sources are of.
SELECT ContentType AS contentType, COUNT(*) AS n FROM Source
WHERE Status = 'Atomized' AND SupersededBy IS NULL AND (:tenant_id IS NULL OR TenantId = :tenant_id)
GROUP BY ContentType ORDER BY ContentType;

-- name: sources_by_uri
SELECT SourceId AS sourceId, SourceUri AS sourceUri, ContentType AS contentType, ByteLength AS byteLength,
       lower(hex(ContentHash)) AS contentHash, AtomizerVersion AS atomizerVersion, Status AS status,
       MessageId AS messageId, ErrorMessage AS errorMessage
FROM Source
WHERE TenantId = :tenant_id AND SourceUri IN (SELECT value FROM json_each(:source_uris))
  AND (Status <> 'Atomized' OR SupersededBy IS NULL)
ORDER BY SourceId;

-- name: current_uris_between
-- Those of the files below a folder: its uri and / is the first, its uri and the character after / is behind them all.
SELECT SourceUri AS sourceUri FROM Source
WHERE TenantId = :tenant_id AND SourceUri >= :first_uri AND SourceUri < :last_uri AND SupersededBy IS NULL AND Status = 'Atomized';

-- name: source_atom_totals
SELECT sa.SourceId AS sourceId, COUNT(*) AS atomCount
FROM SourceAtom AS sa
WHERE sa.SourceId IN (SELECT value FROM json_each(:source_ids)) AND sa.Role = 'content'
GROUP BY sa.SourceId;

-- name: source_new_atoms
-- New with this source: atoms that no earlier source holds.
SELECT SourceId AS sourceId, COUNT(*) AS newAtomCount, SUM(ByteLength) AS newBytes
FROM (SELECT sa.SourceId, sa.AtomId, MIN(sa.ByteLength) AS ByteLength
      FROM SourceAtom AS sa
      WHERE sa.SourceId IN (SELECT value FROM json_each(:source_ids)) AND sa.Role = 'content'
        AND NOT EXISTS (SELECT 1 FROM SourceAtom AS o WHERE o.AtomId = sa.AtomId AND o.SourceId < sa.SourceId)
      GROUP BY sa.SourceId, sa.AtomId)
GROUP BY SourceId;

-- name: forget_landed_copy
-- The housekeeping sweep removes the blob once no row names it.
UPDATE Source SET BlobKey = NULL WHERE SourceId = :source_id AND Status = 'DeadLettered';

-- name: insert_batch
-- A source that comes with its atoms, from `hartonomous sql`; on SQL Server sp_IngestAtoms writes it itself.
INSERT INTO Source (TenantId, SourceUri, Version, ContentType, ContentHash, ByteLength, IngestHour, Status, AtomizerVersion, MessageId,
                    ReceivedAt, LastSeenAt)
VALUES (:tenant_id, :source_uri, 1, 'application/octet-stream', :content_hash, :byte_length, :hour, 'Atomized', 'sp_IngestAtoms 1',
        :message_id, :now, :now)
RETURNING SourceId AS sourceId;
