-- Sources: landed, claimed with a lease, finished, superseded.

CREATE PROCEDURE dbo.usp_insert_source
    @tenant_id int, @source_uri nvarchar(max), @content_type nvarchar(255), @byte_length bigint, @hour char(16),
    @message_id varchar(64), @read_uri nvarchar(max), @blob_key varchar(100), @now datetime2(3), @metadata nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.Source (TenantId, SourceUri, Version, ContentType, ByteLength, IngestHour, MessageId, ReadUri, BlobKey,
                            ReceivedAt, LastSeenAt, Metadata)
    SELECT @tenant_id, @source_uri, COALESCE(MAX(s.Version), 0) + 1, @content_type, @byte_length, @hour, @message_id, @read_uri,
        @blob_key, @now, @now, @metadata
    FROM dbo.Source AS s WITH (UPDLOCK, SERIALIZABLE)
    WHERE s.TenantId = @tenant_id AND s.SourceUriHash = HASHBYTES('SHA2_256', @source_uri);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The next sources of an hour, those with the fewest attempts first. For a write transaction, which then claims them: what is returned
-- is locked. Versions of one uri are atomized in the order in which they came: an unfinished older one goes first.
CREATE PROCEDURE dbo.usp_claimable_sources @hour char(16), @now datetime2(3), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) s.SourceId AS sourceId, s.ByteLength AS byteLength, s.AttemptCount AS attemptCount
    FROM dbo.Source AS s WITH (ROWLOCK, UPDLOCK, READPAST)
    WHERE s.IngestHour = @hour AND s.Status IN ('Landed', 'Atomizing') AND (s.Status = 'Landed' OR s.LeaseUntil IS NULL OR s.LeaseUntil < @now)
        AND NOT EXISTS (SELECT 1 FROM dbo.Source AS e
                        WHERE e.TenantId = s.TenantId AND e.SourceUriHash = s.SourceUriHash AND e.Version < s.Version
                            AND e.Status IN ('Landed', 'Atomizing'))
    ORDER BY s.AttemptCount, s.SourceId;
END;
GO
CREATE PROCEDURE dbo.usp_claim_sources @source_ids nvarchar(max), @owner nvarchar(300), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source
    SET Status = 'Atomizing', LeaseOwner = @owner, LeaseUntil = @lease_until, AttemptCount = AttemptCount + 1
    WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
    SELECT s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.ContentType AS contentType, s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.MessageId AS messageId,
        s.ReadUri AS readUri, s.BlobKey AS blobKey, s.AttemptCount AS attemptCount, s.ReceivedAt AS receivedAt,
        s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE s.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
END;
GO
CREATE PROCEDURE dbo.usp_record_source_run @source_id bigint, @run_id varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.SourceRun (SourceId, RunId)
    SELECT @source_id, @run_id
    WHERE NOT EXISTS (SELECT 1 FROM dbo.SourceRun AS r WHERE r.SourceId = @source_id AND r.RunId = @run_id);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The runs that wrote atoms of these sources.
CREATE PROCEDURE dbo.usp_source_runs @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT r.SourceId AS sourceId, r.RunId AS runId
    FROM dbo.SourceRun AS r
    WHERE r.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j)
    ORDER BY r.SourceId, r.RunId;
END;
GO
CREATE PROCEDURE dbo.usp_renew_source_lease @source_id bigint, @owner nvarchar(300), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET LeaseUntil = @lease_until
    WHERE SourceId = @source_id AND LeaseOwner = @owner AND Status = 'Atomizing';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_release_source @source_id bigint, @owner nvarchar(300), @forgiven int, @error nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source
    SET Status = 'Landed', LeaseOwner = NULL, LeaseUntil = NULL, AttemptCount = AttemptCount - @forgiven, ErrorMessage = @error
    WHERE SourceId = @source_id AND LeaseOwner = @owner AND Status = 'Atomizing';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The same bytes under another content type are another version.
CREATE PROCEDURE dbo.usp_current_source_with_hash
    @tenant_id int, @source_uri nvarchar(max), @content_hash binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceId AS sourceId, s.ContentType AS contentType, s.AtomizerVersion AS atomizerVersion FROM dbo.Source AS s
    WHERE s.TenantId = @tenant_id AND s.SourceUriHash = HASHBYTES('SHA2_256', @source_uri) AND s.SupersededBy IS NULL
        AND s.Status = 'Atomized' AND s.ContentHash = @content_hash;
END;
GO
CREATE PROCEDURE dbo.usp_touch_source @source_id bigint, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET LastSeenAt = @now WHERE SourceId = @source_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_touch_sources @source_ids nvarchar(max), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET LastSeenAt = @now
    WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_unfinished_of_messages @message_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT(*) AS n FROM dbo.Source AS s
    WHERE s.Status IN ('Landed', 'Atomizing')
        AND s.MessageId IN (SELECT CONVERT(varchar(64), j.value) FROM OPENJSON(@message_ids) AS j);
END;
GO
-- One that took the place of another stays, and so does one that others were found in: those point at it.
CREATE PROCEDURE dbo.usp_delete_source @source_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.Source
    WHERE SourceId = @source_id AND NOT EXISTS (SELECT 1 FROM dbo.Source AS o WHERE o.SupersededBy = @source_id)
        AND NOT EXISTS (SELECT 1 FROM dbo.Source AS c WHERE c.ParentSourceId = @source_id);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_supersede_older_versions
    @tenant_id int, @source_uri nvarchar(max), @spelled nvarchar(max), @source_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @superseded TABLE (SourceId bigint NOT NULL PRIMARY KEY);
    INSERT INTO @superseded (SourceId)
    SELECT c.SourceId FROM dbo.Source AS c
    WHERE c.TenantId = @tenant_id AND c.SourceUriHash IN (HASHBYTES('SHA2_256', @source_uri), HASHBYTES('SHA2_256', @spelled))
        AND c.SupersededBy IS NULL AND c.Status = 'Atomized' AND c.SourceId < @source_id
    UNION
    SELECT o.SourceId FROM dbo.Source AS d
    INNER JOIN dbo.Source AS o ON o.SupersededBy = d.SourceId
    WHERE d.TenantId = @tenant_id AND d.SourceUriHash IN (HASHBYTES('SHA2_256', @source_uri), HASHBYTES('SHA2_256', @spelled))
        AND d.Status = 'DeadLettered' AND d.SourceId < @source_id;
    UPDATE s SET s.SupersededBy = @source_id
    FROM dbo.Source AS s
    INNER JOIN @superseded AS u ON u.SourceId = s.SourceId;
    SELECT u.SourceId AS sourceId FROM @superseded AS u;
END;
GO
-- A note, kept as ErrorMessage, says why what is kept cannot be searched.
CREATE PROCEDURE dbo.usp_finish_source
    @source_id bigint, @owner nvarchar(300), @content_hash binary(32), @byte_length bigint, @content_type nvarchar(255),
    @atomizer_version nvarchar(100), @note nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source
    SET Status = 'Atomized', ContentHash = @content_hash, ByteLength = @byte_length, ContentType = @content_type,
        AtomizerVersion = @atomizer_version, BlobKey = NULL, LeaseOwner = NULL, LeaseUntil = NULL, ErrorMessage = @note
    WHERE SourceId = @source_id AND LeaseOwner = @owner AND Status = 'Atomizing';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_dead_letter_source @source_id bigint, @reason nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET Status = 'DeadLettered', ErrorMessage = @reason, LeaseOwner = NULL, LeaseUntil = NULL
    WHERE SourceId = @source_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_has_exhausted_sources @hour char(16), @max_attempts int, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found FROM dbo.Source AS s
    WHERE s.IngestHour = @hour AND s.AttemptCount >= @max_attempts AND s.Status IN ('Landed', 'Atomizing')
        AND (s.Status = 'Landed' OR s.LeaseUntil IS NULL OR s.LeaseUntil < @now);
END;
GO
-- For a write transaction: what is returned is locked, so that of two runs one gives it up.
CREATE PROCEDURE dbo.usp_exhausted_sources @hour char(16), @max_attempts int, @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.ContentType AS contentType,
        s.ReadUri AS readUri, s.BlobKey AS blobKey, s.MessageId AS messageId, s.AttemptCount AS attemptCount,
        s.ReceivedAt AS receivedAt, s.Metadata AS metadata, s.ErrorMessage AS errorMessage, s.IngestHour AS ingestHour
    FROM dbo.Source AS s WITH (UPDLOCK, READPAST)
    WHERE s.IngestHour = @hour AND s.AttemptCount >= @max_attempts AND s.Status IN ('Landed', 'Atomizing')
        AND (s.Status = 'Landed' OR s.LeaseUntil IS NULL OR s.LeaseUntil < @now);
END;
GO
CREATE PROCEDURE dbo.usp_source_lease_owners
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT DISTINCT s.LeaseOwner AS owner FROM dbo.Source AS s WHERE s.LeaseOwner IS NOT NULL AND s.Status = 'Atomizing';
END;
GO
CREATE PROCEDURE dbo.usp_expire_source_leases @owner nvarchar(300)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET LeaseUntil = '0001-01-01' WHERE Status = 'Atomizing' AND LeaseOwner = @owner;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_sources @tenant_id int, @source_id bigint, @source_uri nvarchar(max), @status varchar(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (CASE WHEN @n < 0 THEN CONVERT(bigint, 9223372036854775807) ELSE @n END)
        s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.SupersededBy AS supersededBy, s.ContentType AS contentType, LOWER(CONVERT(char(64), s.ContentHash, 2)) AS contentHash,
        s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.Status AS status, s.AtomizerVersion AS atomizerVersion,
        s.MessageId AS messageId, s.ReceivedAt AS receivedAt, s.LastSeenAt AS lastSeenAt,
        s.ErrorMessage AS errorMessage, s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE (@tenant_id IS NULL OR s.TenantId = @tenant_id) AND (@source_id IS NULL OR s.SourceId = @source_id)
        AND (@source_uri IS NULL OR s.SourceUriHash = HASHBYTES('SHA2_256', @source_uri))
        AND (@status IS NULL OR s.Status = @status)
    ORDER BY s.SourceId DESC
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_sources_by_uri @tenant_id int, @source_uris nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceId AS sourceId, s.SourceUri AS sourceUri, s.ContentType AS contentType, s.ByteLength AS byteLength,
        LOWER(CONVERT(char(64), s.ContentHash, 2)) AS contentHash, s.AtomizerVersion AS atomizerVersion,
        s.Status AS status, s.MessageId AS messageId, s.ErrorMessage AS errorMessage
    FROM dbo.Source AS s
    WHERE s.TenantId = @tenant_id
        AND s.SourceUriHash IN (SELECT CONVERT(binary(32), HASHBYTES('SHA2_256', j.value)) FROM OPENJSON(@source_uris) AS j)
        AND (s.Status <> 'Atomized' OR s.SupersededBy IS NULL)
    ORDER BY s.SourceId;
END;
GO
CREATE PROCEDURE dbo.usp_source_count @tenant_id int, @status varchar(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n FROM dbo.Source AS s
    WHERE (@tenant_id IS NULL OR s.TenantId = @tenant_id) AND (@status IS NULL OR s.Status = @status)
    OPTION (RECOMPILE);
END;
GO
-- What kinds of content the current sources are of.
CREATE PROCEDURE dbo.usp_content_types @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.ContentType AS contentType, COUNT_BIG(*) AS n FROM dbo.Source AS s
    WHERE s.Status = 'Atomized' AND s.SupersededBy IS NULL AND (@tenant_id IS NULL OR s.TenantId = @tenant_id)
    GROUP BY s.ContentType
    ORDER BY s.ContentType;
END;
GO
CREATE PROCEDURE dbo.usp_source_atom_totals @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT sa.SourceId AS sourceId, COUNT_BIG(*) AS atomCount
    FROM dbo.SourceAtom AS sa
    WHERE sa.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND sa.Role = 'content'
    GROUP BY sa.SourceId;
END;
GO
-- New with this source: atoms that no earlier source holds.
CREATE PROCEDURE dbo.usp_source_new_atoms @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT n.SourceId AS sourceId, COUNT_BIG(*) AS newAtomCount, SUM(n.ByteLength) AS newBytes
    FROM (SELECT sa.SourceId, sa.AtomId, MIN(sa.ByteLength) AS ByteLength
          FROM dbo.SourceAtom AS sa
          WHERE sa.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND sa.Role = 'content'
              AND NOT EXISTS (SELECT 1 FROM dbo.SourceAtom AS o WHERE o.AtomId = sa.AtomId AND o.SourceId < sa.SourceId)
          GROUP BY sa.SourceId, sa.AtomId) AS n
    GROUP BY n.SourceId;
END;
GO
-- The housekeeping sweep removes the blob once no row names it.
CREATE PROCEDURE dbo.usp_forget_landed_copy @source_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET BlobKey = NULL WHERE SourceId = @source_id AND Status = 'DeadLettered';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_insert_path_grant @rows dbo.PathGrantRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.PathGrant (MessageId, Uri) SELECT r.MessageId, r.Uri FROM @rows AS r;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_path_grant @message_id varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT g.Uri AS uri FROM dbo.PathGrant AS g WHERE g.MessageId = @message_id;
END;
GO
CREATE PROCEDURE dbo.usp_delete_path_grant @message_id varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.PathGrant WHERE MessageId = @message_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_move_path_grant @old varchar(64), @new varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.PathGrant SET MessageId = @new WHERE MessageId = @old;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
