-- Files that were found in a source, such as those of an archive: sources of their own.
-- What was found in older versions of a source and is not found in this one, and all within that.
CREATE PROCEDURE dbo.usp_supersede_members @source_id bigint, @older nvarchar(max), @source_uris nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @superseded TABLE (SourceId bigint NOT NULL PRIMARY KEY);
    WITH gone (SourceId) AS
    (
        SELECT m.SourceId FROM OPENJSON(@older) AS o
        INNER JOIN dbo.Source AS m ON m.ParentSourceId = CONVERT(bigint, o.value)
        WHERE m.SupersededBy IS NULL AND m.Status IN ('Landed', 'Atomizing', 'Atomized')
            AND NOT EXISTS (SELECT 1 FROM OPENJSON(@source_uris) AS u WHERE HASHBYTES('SHA2_256', u.value) = m.SourceUriHash)
        UNION ALL
        SELECT m.SourceId FROM gone AS g
        INNER JOIN dbo.Source AS m ON m.ParentSourceId = g.SourceId
        WHERE m.SupersededBy IS NULL AND m.Status IN ('Landed', 'Atomizing', 'Atomized')
    )
    INSERT INTO @superseded (SourceId)
    SELECT DISTINCT g.SourceId FROM gone AS g;
    UPDATE s SET s.SupersededBy = @source_id
    FROM dbo.Source AS s
    INNER JOIN @superseded AS u ON u.SourceId = s.SourceId;
    SELECT u.SourceId AS sourceId FROM @superseded AS u;
END;
GO
-- Lands the files that were found in a source, each as the next version of its uri. What took the place of the source took theirs.
CREATE PROCEDURE dbo.usp_insert_members @source_id bigint, @members nvarchar(max), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.Source (TenantId, SourceUri, ParentSourceId, SupersededBy, Version, ContentType, ByteLength, IngestHour, MessageId, BlobKey,
                            ReceivedAt, LastSeenAt, Metadata)
    SELECT p.TenantId, m.sourceUri, p.SourceId, p.SupersededBy,
        COALESCE((SELECT MAX(o.Version) FROM dbo.Source AS o WITH (UPDLOCK, SERIALIZABLE)
                  WHERE o.TenantId = p.TenantId AND o.SourceUriHash = HASHBYTES('SHA2_256', m.sourceUri)), 0) + 1,
        m.contentType, m.byteLength, p.IngestHour, p.MessageId, m.blobKey, @now, @now, m.metadata
    FROM dbo.Source AS p
    CROSS JOIN OPENJSON(@members) WITH (sourceUri nvarchar(max), contentType nvarchar(255), byteLength bigint,
                                        blobKey varchar(100), metadata nvarchar(max) AS JSON) AS m
    WHERE p.SourceId = @source_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_move_to_parent_of @source_id bigint, @found_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source SET ParentSourceId = (SELECT f.ParentSourceId FROM dbo.Source AS f WHERE f.SourceId = @found_id)
    WHERE SourceId = @source_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Current sources that a filter wants, as before; files within a source have its uri behind member:.
CREATE OR ALTER FUNCTION dbo.fn_WantedSources
    (@TenantId int, @SourceId bigint, @OtherThan nvarchar(max), @UriPrefix nvarchar(max), @MediaType nvarchar(255), @ReceivedSince datetime2(3),
    @ReceivedUntil datetime2(3), @Metadata nvarchar(max))
RETURNS TABLE
WITH SCHEMABINDING
AS
RETURN
    SELECT s.SourceId, s.SourceUri
    FROM dbo.Source AS s
    WHERE s.TenantId = @TenantId AND s.Status = 'Atomized' AND s.SupersededBy IS NULL
        AND (@SourceId IS NULL OR s.SourceId = @SourceId)
        AND (@OtherThan IS NULL OR s.SourceId NOT IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@OtherThan) AS j))
        AND (@UriPrefix IS NULL OR DATALENGTH(s.SourceUri) >= DATALENGTH(@UriPrefix)
            AND SUBSTRING(s.SourceUri, 1, DATALENGTH(@UriPrefix) / 2) = @UriPrefix COLLATE Latin1_General_100_BIN2
            OR DATALENGTH(s.SourceUri) >= DATALENGTH(N'member:') + DATALENGTH(@UriPrefix)
            AND SUBSTRING(s.SourceUri, 1, DATALENGTH(N'member:') / 2 + DATALENGTH(@UriPrefix) / 2)
                = CONCAT(N'member:', @UriPrefix) COLLATE Latin1_General_100_BIN2)
        AND (@MediaType IS NULL
            OR RIGHT(@MediaType, 1) = N'/' AND LEFT(LTRIM(LOWER(s.ContentType)), LEN(@MediaType)) = @MediaType
            OR TRIM(LOWER(LEFT(s.ContentType, CHARINDEX(N';', s.ContentType + N';') - 1))) = @MediaType)
        AND (@ReceivedSince IS NULL OR s.ReceivedAt >= @ReceivedSince)
        AND (@ReceivedUntil IS NULL OR s.ReceivedAt < @ReceivedUntil)
        AND (@Metadata IS NULL OR NOT EXISTS (
            SELECT 1 FROM OPENJSON(@Metadata) AS wanted
            WHERE NOT EXISTS (
                SELECT 1 FROM OPENJSON(s.Metadata) AS held
                WHERE held.[type] IN (1, 2, 3)
                    AND held.[key] = wanted.[key] COLLATE Latin1_General_100_BIN2 AND DATALENGTH(held.[key]) = DATALENGTH(wanted.[key])
                    AND held.value = wanted.value COLLATE Latin1_General_100_BIN2 AND DATALENGTH(held.value) = DATALENGTH(wanted.value))));
GO
-- The sources whose uri begins so, and what was found in them, the latest first.
CREATE PROCEDURE dbo.usp_sources_of_uri @tenant_id int, @uri_prefix nvarchar(max), @status varchar(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (CASE WHEN @n < 0 THEN CONVERT(bigint, 9223372036854775807) ELSE @n END)
        s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.SupersededBy AS supersededBy, s.ContentType AS contentType,
        COALESCE(LOWER(CONVERT(char(64), s.ContentHash, 2)), RIGHT(s.BlobKey, 64)) AS contentHash,
        s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.Status AS status, s.AtomizerVersion AS atomizerVersion,
        s.MessageId AS messageId, s.ReceivedAt AS receivedAt, s.LastSeenAt AS lastSeenAt,
        s.ErrorMessage AS errorMessage, s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE (@tenant_id IS NULL OR s.TenantId = @tenant_id) AND (@status IS NULL OR s.Status = @status)
        AND (DATALENGTH(s.SourceUri) >= DATALENGTH(@uri_prefix)
            AND SUBSTRING(s.SourceUri, 1, DATALENGTH(@uri_prefix) / 2) = @uri_prefix COLLATE Latin1_General_100_BIN2
            OR DATALENGTH(s.SourceUri) >= DATALENGTH(N'member:') + DATALENGTH(@uri_prefix)
            AND SUBSTRING(s.SourceUri, 1, DATALENGTH(N'member:') / 2 + DATALENGTH(@uri_prefix) / 2)
                = CONCAT(N'member:', @uri_prefix) COLLATE Latin1_General_100_BIN2)
    ORDER BY s.SourceId DESC
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_source_count_of_uri @tenant_id int, @uri_prefix nvarchar(max), @status varchar(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n
    FROM dbo.Source AS s
    WHERE (@tenant_id IS NULL OR s.TenantId = @tenant_id) AND (@status IS NULL OR s.Status = @status)
        AND (DATALENGTH(s.SourceUri) >= DATALENGTH(@uri_prefix)
            AND SUBSTRING(s.SourceUri, 1, DATALENGTH(@uri_prefix) / 2) = @uri_prefix COLLATE Latin1_General_100_BIN2
            OR DATALENGTH(s.SourceUri) >= DATALENGTH(N'member:') + DATALENGTH(@uri_prefix)
            AND SUBSTRING(s.SourceUri, 1, DATALENGTH(N'member:') / 2 + DATALENGTH(@uri_prefix) / 2)
                = CONCAT(N'member:', @uri_prefix) COLLATE Latin1_General_100_BIN2)
    OPTION (RECOMPILE);
END;
GO
-- How many current sources were found in these, and in what was found in them, of each type and status, and with each note; and one of them.
CREATE PROCEDURE dbo.usp_members_of @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    WITH found (SourceId) AS
    (
        SELECT m.SourceId FROM OPENJSON(@source_ids) AS r
        INNER JOIN dbo.Source AS m ON m.ParentSourceId = CONVERT(bigint, r.value)
        UNION ALL
        SELECT m.SourceId FROM found AS f
        INNER JOIN dbo.Source AS m ON m.ParentSourceId = f.SourceId
    ),
    alike (SourceId, n) AS
    (
        SELECT MIN(s.SourceId), COUNT_BIG(*) FROM dbo.Source AS s
        WHERE s.SupersededBy IS NULL AND s.SourceId IN (SELECT f.SourceId FROM found AS f)
        GROUP BY s.ContentType, s.Status, s.ErrorMessage
    )
    SELECT s.SourceId AS sourceId, s.SourceUri AS sourceUri, s.ContentType AS contentType, s.Status AS status, s.ErrorMessage AS note,
        a.n AS n
    FROM alike AS a
    INNER JOIN dbo.Source AS s ON s.SourceId = a.SourceId;
END;
GO
