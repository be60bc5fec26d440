-- What a sender calls the bytes that it brings is no file here, whatever it is called: see docs/decisions.

CREATE INDEX IX_Source_GivenUp ON dbo.Source (TenantId, SourceUriHash) WHERE Status = 'DeadLettered';
GO
UPDATE dbo.Source SET SourceUri = N'claimed:' + SourceUri
WHERE ReadUri IS NULL AND (LOWER(LEFT(LTRIM(SourceUri), 5)) = N'file:' OR LEFT(LTRIM(SourceUri), 1) = N'/');
GO
-- What is current, and what a version that was given up stands for.
CREATE OR ALTER PROCEDURE dbo.usp_supersede_older_versions
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
-- A version that was given up takes its place, too, but is not in the graph.
CREATE OR ALTER PROCEDURE dbo.usp_graph_superseded @tenant_id int, @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT o.SourceId AS sourceId, o.SupersededBy AS supersededBy, n.ReceivedAt AS receivedAt
    FROM dbo.Source AS o
    INNER JOIN dbo.Source AS n ON n.SourceId = o.SupersededBy
    WHERE o.SupersededBy IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND o.TenantId = @tenant_id
        AND n.Status = 'Atomized'
    UNION
    SELECT o.SourceId, o.SupersededBy, n.ReceivedAt
    FROM dbo.Source AS o
    INNER JOIN dbo.Source AS n ON n.SourceId = o.SupersededBy
    WHERE o.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND o.TenantId = @tenant_id
        AND n.Status = 'Atomized';
END;
GO
-- A source of no bytes is covered by no atoms.
CREATE OR ALTER PROCEDURE dbo.usp_broken_coverage @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (100) s.SourceId AS sourceId, s.ByteLength AS byteLength, c.Covered AS covered
    FROM dbo.Source AS s
    CROSS APPLY (SELECT COALESCE(SUM(sa.ByteLength + COALESCE(DATALENGTH(sa.Suffix), 0)), 0) AS Covered FROM dbo.SourceAtom AS sa
                 WHERE sa.SourceId = s.SourceId AND sa.Role = 'content') AS c
    WHERE (@hour IS NULL OR s.IngestHour = @hour) AND (@tenant_id IS NULL OR s.TenantId = @tenant_id)
        AND s.Status = 'Atomized' AND c.Covered <> s.ByteLength
    OPTION (RECOMPILE);
END;
GO
