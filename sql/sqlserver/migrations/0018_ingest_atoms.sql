-- What T-SQL publishes by itself.
--
-- Ready atoms in: as table rows or as JSON. Both land a source whose bytes are the atoms' bytes in order, and publish
-- AtomsCreated, in one transaction.

CREATE PROCEDURE dbo.usp_ingest_batch
    @TenantId int, @Atoms dbo.AtomRows READONLY, @SourceUri nvarchar(max), @ContentType nvarchar(255), @SourceId bigint OUTPUT
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    IF NOT EXISTS (SELECT 1 FROM @Atoms)
        THROW 51005, N'there are no atoms', 1;
    IF EXISTS (SELECT 1 FROM @Atoms AS r WHERE r.Content IS NULL OR DATALENGTH(r.Content) <> r.ByteLength
                                            OR r.ContentHash <> HASHBYTES('SHA2_256', r.Content))
        THROW 51006, N'an atom''s ByteLength or ContentHash is not that of its Content', 1;

    SET @SourceId = NULL;
    DECLARE @bytes varbinary(max) = 0x, @piece varbinary(max);
    DECLARE pieces CURSOR LOCAL FAST_FORWARD FOR
        SELECT r.Content + COALESCE(r.Suffix, 0x) FROM @Atoms AS r WHERE r.Role = 'content' ORDER BY r.Ordinal;
    OPEN pieces;
    FETCH NEXT FROM pieces INTO @piece;
    WHILE @@FETCH_STATUS = 0
    BEGIN
        SET @bytes += @piece;
        FETCH NEXT FROM pieces INTO @piece;
    END;
    CLOSE pieces;
    DEALLOCATE pieces;

    DECLARE @now datetime2(3) = SYSUTCDATETIME(), @batch varchar(36) = LOWER(CONVERT(char(36), NEWID()));
    DECLARE @hour char(16) = STUFF(CONVERT(char(13), @now, 126), 11, 1, '-') + ':00';
    DECLARE @ids TABLE (ContentHash binary(32) NOT NULL, AtomId bigint NOT NULL, IsNew bit NOT NULL);
    DECLARE @events dbo.MessageRows;
    BEGIN TRANSACTION;
    IF EXISTS (SELECT 1 FROM dbo.Source AS s WITH (UPDLOCK, SERIALIZABLE)
               WHERE s.TenantId = @TenantId AND s.SourceUriHash = HASHBYTES('SHA2_256', @SourceUri)
                   AND s.Status IN ('Landed', 'Atomizing'))
        THROW 51011, N'an earlier version of this source is still being atomized: try again when it is done', 1;
    -- The same bytes again: nothing changes but when they were last seen.
    SELECT @SourceId = s.SourceId FROM dbo.Source AS s
    WHERE s.TenantId = @TenantId AND s.SourceUriHash = HASHBYTES('SHA2_256', @SourceUri) AND s.Status = 'Atomized'
        AND s.SupersededBy IS NULL AND s.ContentHash = HASHBYTES('SHA2_256', @bytes);
    IF @SourceId IS NOT NULL
    BEGIN
        UPDATE dbo.Source SET LastSeenAt = @now WHERE SourceId = @SourceId;
        COMMIT TRANSACTION;
        RETURN;
    END;
    INSERT INTO dbo.Source (TenantId, SourceUri, Version, ContentType, ContentHash, ByteLength, IngestHour, Status,
                            AtomizerVersion, MessageId, ReceivedAt, LastSeenAt)
    SELECT @TenantId, @SourceUri, COALESCE(MAX(s.Version), 0) + 1, @ContentType, HASHBYTES('SHA2_256', @bytes), DATALENGTH(@bytes),
        @hour, 'Atomizing', N'sp_AtomizeAndInsert 1', @batch, @now, @now
    FROM dbo.Source AS s WITH (UPDLOCK, SERIALIZABLE)
    WHERE s.TenantId = @TenantId AND s.SourceUriHash = HASHBYTES('SHA2_256', @SourceUri);
    SET @SourceId = SCOPE_IDENTITY();
    INSERT INTO @ids (ContentHash, AtomId, IsNew)
    EXEC dbo.usp_write_atoms @tenant_id = @TenantId, @source_id = @SourceId, @ingest_hour = @hour, @atoms = @Atoms;
    UPDATE dbo.Source SET SupersededBy = @SourceId
    WHERE TenantId = @TenantId AND SourceUriHash = HASHBYTES('SHA2_256', @SourceUri) AND Status = 'Atomized'
        AND SupersededBy IS NULL;
    UPDATE dbo.Source SET Status = 'Atomized' WHERE SourceId = @SourceId;
    WITH numbered AS (SELECT i.AtomId, (ROW_NUMBER() OVER (ORDER BY i.AtomId) - 1) / 1000 AS Part FROM @ids AS i)
    INSERT INTO @events (Ordinal, MessageId, OrderingKey, Body)
    SELECT n.Part, LOWER(CONVERT(char(36), NEWID())), CONVERT(nvarchar(20), @TenantId),
        CONVERT(varbinary(max), CONCAT('{"eventType":"AtomsCreated","tenantId":', @TenantId, ',"sourceId":', @SourceId,
                                       ',"atomIds":[', STRING_AGG(CONVERT(varchar(max), n.AtomId), ','), ']}'))
    FROM numbered AS n
    GROUP BY n.Part;
    EXEC dbo.usp_enqueue @queue = 'ProvenanceQueue', @messages = @events;
    COMMIT TRANSACTION;
END;
GO
-- AtomsProjected for what sp_ProjectEmbeddingsToGeometry has placed: the program publishes that of its own batches itself.
CREATE PROCEDURE dbo.usp_publish_projected @rows dbo.ProjectionRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @events dbo.MessageRows;
    WITH numbered AS
    (
        SELECT e.TenantId, e.AtomId, (ROW_NUMBER() OVER (PARTITION BY e.TenantId ORDER BY e.AtomId) - 1) / 1000 AS Part
        FROM @rows AS r
        INNER JOIN dbo.AtomEmbedding AS e ON e.AtomEmbeddingId = r.AtomEmbeddingId
    )
    INSERT INTO @events (Ordinal, MessageId, OrderingKey, Body)
    SELECT ROW_NUMBER() OVER (ORDER BY n.TenantId, n.Part), LOWER(CONVERT(char(36), NEWID())), CONVERT(nvarchar(20), n.TenantId),
        CONVERT(varbinary(max), CONCAT('{"eventType":"AtomsProjected","tenantId":', n.TenantId, ',"atomIds":[',
                                       STRING_AGG(CONVERT(varchar(max), n.AtomId), ','), ']}'))
    FROM numbered AS n
    GROUP BY n.TenantId, n.Part;
    EXEC dbo.usp_enqueue @queue = 'ProvenanceQueue', @messages = @events;
END;
GO
-- Atoms as table rows. Returns the id of each, and whether this source is the first to hold it.
CREATE PROCEDURE dbo.sp_AtomizeAndInsert
    @TenantId int, @Atoms dbo.AtomRows READONLY, @SourceUri nvarchar(max) = NULL,
    @ContentType nvarchar(255) = N'application/octet-stream', @SourceId bigint = NULL OUTPUT
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @uri nvarchar(max) = COALESCE(@SourceUri, CONCAT(N'batch:', LOWER(CONVERT(char(36), NEWID()))));
    EXEC dbo.usp_ingest_batch @TenantId = @TenantId, @Atoms = @Atoms, @SourceUri = @uri, @ContentType = @ContentType,
        @SourceId = @SourceId OUTPUT;
    SELECT a.ContentHash AS contentHash, a.AtomId AS atomId,
        CONVERT(bit, CASE WHEN a.InsertedByHand = 0 AND a.ReferenceCount = COUNT_BIG(*) THEN 1 ELSE 0 END) AS isNew
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    WHERE sa.SourceId = @SourceId
    GROUP BY a.ContentHash, a.AtomId, a.InsertedByHand, a.ReferenceCount;
END;
GO
-- The call of the .NET system: JSON of atoms and a tenant in, a batch id out. Every atom is an object with CanonicalText, or Content
-- or AtomicValue in base64, and optionally Modality, Subtype, ContentType and ContentHash or AtomHash in hex; names in PascalCase or
-- camelCase. The batch's id is the SourceUri 'batch:<id>'.
CREATE PROCEDURE dbo.sp_IngestAtoms @AtomsJson nvarchar(max), @TenantId int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    IF @AtomsJson IS NULL OR ISJSON(@AtomsJson) = 0 OR LEFT(LTRIM(@AtomsJson), 1) <> N'['
        THROW 51007, N'@AtomsJson is not a JSON array of atoms', 1;
    DECLARE @batch varchar(36) = LOWER(CONVERT(char(36), NEWID()));
    DECLARE @uri nvarchar(max) = CONCAT(N'batch:', @batch);
    DECLARE @given TABLE
    (
        Ordinal bigint NOT NULL PRIMARY KEY,
        Modality varchar(32) NOT NULL,
        Subtype varchar(64) NULL,
        ContentType nvarchar(255) NULL,
        CanonicalText nvarchar(max) NULL,
        Content varbinary(max) NULL,
        ContentHash varbinary(32) NULL
    );
    WITH read_in AS
    (
        SELECT CONVERT(bigint, j.[key]) AS Ordinal,
            COALESCE(JSON_VALUE(j.value, '$.Modality'), JSON_VALUE(j.value, '$.modality'), N'text') AS Modality,
            COALESCE(JSON_VALUE(j.value, '$.Subtype'), JSON_VALUE(j.value, '$.subtype')) AS Subtype,
            COALESCE(JSON_VALUE(j.value, '$.ContentType'), JSON_VALUE(j.value, '$.contentType')) AS ContentType,
            COALESCE(p.CanonicalText, p.canonicalTextCamel) AS CanonicalText,
            COALESCE(p.Content, p.contentCamel, p.AtomicValue, p.atomicValueCamel) AS Base64,
            COALESCE(JSON_VALUE(j.value, '$.ContentHash'), JSON_VALUE(j.value, '$.contentHash'),
                     JSON_VALUE(j.value, '$.AtomHash'), JSON_VALUE(j.value, '$.atomHash')) AS HexHash
        FROM OPENJSON(@AtomsJson) AS j
        OUTER APPLY OPENJSON(j.value) WITH
        (
            CanonicalText nvarchar(max) '$.CanonicalText', canonicalTextCamel nvarchar(max) '$.canonicalText',
            Content varchar(max) '$.Content', contentCamel varchar(max) '$.content',
            AtomicValue varchar(max) '$.AtomicValue', atomicValueCamel varchar(max) '$.atomicValue'
        ) AS p
    )
    INSERT INTO @given (Ordinal, Modality, Subtype, ContentType, CanonicalText, Content, ContentHash)
    SELECT r.Ordinal, r.Modality, r.Subtype, r.ContentType, r.CanonicalText,
        COALESCE(CONVERT(xml, N'').value('xs:base64Binary(sql:column("r.Base64"))', 'varbinary(max)'),
                 CONVERT(varbinary(max), CONVERT(varchar(max), r.CanonicalText COLLATE Latin1_General_100_BIN2_UTF8))),
        CONVERT(varbinary(32), r.HexHash, 2)
    FROM read_in AS r;
    IF EXISTS (SELECT 1 FROM @given AS g WHERE g.Content IS NULL)
        THROW 51008, N'an atom has neither CanonicalText nor Content nor AtomicValue', 1;
    IF EXISTS (SELECT 1 FROM @given AS g WHERE g.ContentHash IS NOT NULL AND g.ContentHash <> HASHBYTES('SHA2_256', g.Content))
        THROW 51009, N'an atom''s hash is not the SHA-256 of its content', 1;
    DECLARE @atoms dbo.AtomRows;
    INSERT INTO @atoms (Role, Ordinal, ContentHash, ByteOffset, ByteLength, Modality, Subtype, ContentType, CanonicalText, Content)
    SELECT 'content', g.Ordinal, HASHBYTES('SHA2_256', g.Content),
        SUM(CONVERT(bigint, DATALENGTH(g.Content))) OVER (ORDER BY g.Ordinal ROWS UNBOUNDED PRECEDING) - DATALENGTH(g.Content),
        DATALENGTH(g.Content), g.Modality, g.Subtype, g.ContentType, g.CanonicalText, g.Content
    FROM @given AS g;
    DECLARE @source_id bigint;
    EXEC dbo.usp_ingest_batch @TenantId = @TenantId, @Atoms = @atoms, @SourceUri = @uri,
        @ContentType = N'application/octet-stream', @SourceId = @source_id OUTPUT;
    SELECT @batch AS batchId, @source_id AS sourceId;
END;
GO
