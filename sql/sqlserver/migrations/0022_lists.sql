-- How long lists are, and the places of an atom a page at a time.

-- Where atoms occur in sources that count for search, current versions only: for each atom a page of its places.
CREATE OR ALTER PROCEDURE dbo.usp_occurrences @atom_ids nvarchar(max), @tenant_id int, @skip int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    WITH placed AS
    (
        SELECT sa.AtomId, s.SourceId, s.SourceUri, sa.ByteOffset, sa.ByteLength, sa.Locator,
            ROW_NUMBER() OVER (PARTITION BY sa.AtomId ORDER BY s.SourceId, sa.Ordinal) AS Place
        FROM dbo.SourceAtom AS sa
        INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
        WHERE sa.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j) AND s.TenantId = @tenant_id
            AND s.Status = 'Atomized' AND s.SupersededBy IS NULL
    )
    SELECT p.AtomId AS atomId, p.SourceId AS sourceId, p.SourceUri AS sourceUri, p.ByteOffset AS byteOffset,
        p.ByteLength AS byteLength, p.Locator AS locator
    FROM placed AS p
    WHERE p.Place > @skip AND p.Place <= @skip + @n
    ORDER BY p.AtomId, p.Place;
END;
GO
-- In how many places, and in how many sources, atoms occur that count for search.
CREATE PROCEDURE dbo.usp_occurrence_counts @atom_ids nvarchar(max), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT sa.AtomId AS atomId, COUNT_BIG(*) AS placeCount, COUNT_BIG(DISTINCT sa.SourceId) AS sourceCount
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
    WHERE sa.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j) AND s.TenantId = @tenant_id
        AND s.Status = 'Atomized' AND s.SupersededBy IS NULL
    GROUP BY sa.AtomId;
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
CREATE PROCEDURE dbo.usp_job_count @tenant_id int, @status varchar(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n FROM dbo.BackgroundJob AS j
    WHERE (@tenant_id IS NULL OR j.TenantId = @tenant_id) AND (@status IS NULL OR j.Status = @status)
    OPTION (RECOMPILE);
END;
GO
CREATE PROCEDURE dbo.usp_inference_count @tenant_id int, @model nvarchar(500)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT COUNT_BIG(*) AS n FROM dbo.Inference AS i
    WHERE (@tenant_id IS NULL OR i.TenantId = @tenant_id) AND (@model IS NULL OR i.Model = @model)
    OPTION (RECOMPILE);
END;
GO
