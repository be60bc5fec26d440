-- Writing and reading atoms. One implementation, usp_write_atoms, lies beneath the program's own writes, sp_AtomizeAndInsert and
-- sp_IngestAtoms. Procedures run as the owner: who calls them needs the right to execute and none on the tables.

-- Atoms that somebody inserted by hand under a hash that none of their bytes has. Whose bytes lie in a blob, is not known here.
CREATE VIEW dbo.FalseAtom
AS
SELECT a.AtomId, a.TenantId, a.ContentHash
FROM dbo.Atom AS a
LEFT JOIN dbo.AtomContent AS c ON c.AtomId = a.AtomId
WHERE a.InsertedByHand = 1 AND c.BlobKey IS NULL
    AND NOT EXISTS (SELECT 1
                    FROM (VALUES (c.Content), (CASE WHEN c.AtomId IS NULL THEN a.TextBytes END),
                              (CASE WHEN c.AtomId IS NULL THEN CONVERT(varbinary(max), a.AtomicValue) END)) AS held (Bytes)
                    WHERE HASHBYTES('SHA2_256', held.Bytes) = a.ContentHash);
GO
-- What is written, announced and read goes by role. The same bytes as a chunk and as derived text are one atom, and it is text. A
-- derived atom stands nowhere in the file: its row has neither offset nor length. Content is stored where no text says it.
CREATE PROCEDURE dbo.usp_write_atoms
    @tenant_id int, @source_id bigint, @ingest_hour char(16), @atoms dbo.AtomRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    -- For each hash the row that makes the atom: a text before anything else. IsText: the bytes are the UTF-8 of that text.
    DECLARE @first TABLE
    (
        ContentHash binary(32) NOT NULL PRIMARY KEY,
        Role varchar(8) NOT NULL,
        Ordinal bigint NOT NULL,
        Occurrences bigint NOT NULL,
        IsText bit NOT NULL
    );
    DECLARE @known TABLE
    (
        ContentHash binary(32) NOT NULL PRIMARY KEY,
        AtomId bigint NOT NULL,
        IsNew bit NOT NULL,
        IsPlain bit NOT NULL
    );
    DECLARE @changed TABLE (AtomId bigint NOT NULL PRIMARY KEY);

    -- One writer of a tenant at a time: batches of many random hashes would meet crosswise and deadlock nearly every time. A client that
    -- inserts an atom by hand holds no such lock; then the unique key decides, and the program does the batch again.
    DECLARE @resource nvarchar(255) = CONCAT(N'hartonomous/dbo/atoms/', @tenant_id), @locked int;
    EXEC @locked = sys.sp_getapplock @Resource = @resource, @LockMode = 'Exclusive', @LockOwner = 'Transaction',
        @LockTimeout = 120000;
    IF @locked < 0
        THROW 51001, N'another run has been writing atoms of this tenant for two minutes', 1;

    WITH ranked AS
    (
        SELECT r.ContentHash, r.Role, r.Ordinal,
            CASE WHEN HASHBYTES('SHA2_256', CONVERT(varchar(max), r.CanonicalText COLLATE Latin1_General_100_BIN2_UTF8)) = r.ContentHash
                THEN 1 ELSE 0 END AS IsText,
            ROW_NUMBER() OVER (PARTITION BY r.ContentHash
                               ORDER BY CASE WHEN r.CanonicalText IS NULL THEN 1 ELSE 0 END, r.Role, r.Ordinal) AS Position,
            COUNT_BIG(*) OVER (PARTITION BY r.ContentHash) AS Occurrences
        FROM @atoms AS r
    )
    INSERT INTO @first (ContentHash, Role, Ordinal, Occurrences, IsText)
    SELECT r.ContentHash, r.Role, r.Ordinal, r.Occurrences, r.IsText FROM ranked AS r WHERE r.Position = 1;

    -- An atom that somebody inserted by hand under a hash whose bytes it does not hold, and now these come: the hash is theirs. It gets one
    -- that is nobody's, so that it stays an atom of its own, and verify goes on naming it.
    UPDATE a
    SET a.ContentHash = HASHBYTES('SHA2_256', CONCAT('hartonomous: atom set aside ', a.AtomId))
    OUTPUT inserted.AtomId INTO @changed (AtomId)
    FROM dbo.Atom AS a
    INNER JOIN dbo.FalseAtom AS f ON f.AtomId = a.AtomId
    INNER JOIN @first AS r ON r.ContentHash = f.ContentHash
    WHERE a.TenantId = @tenant_id;

    -- UPDLOCK: an atom that is found must not be deleted before it is counted.
    INSERT INTO @known (ContentHash, AtomId, IsNew, IsPlain)
    SELECT a.ContentHash, a.AtomId, 0,
        CASE WHEN a.CanonicalText IS NULL AND (a.Modality = 'binary' OR a.Subtype = 'gap') THEN 1 ELSE 0 END
    FROM @first AS r
    INNER JOIN dbo.Atom AS a WITH (UPDLOCK) ON a.TenantId = @tenant_id AND a.ContentHash = r.ContentHash;

    INSERT INTO dbo.Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, ContentType, ReferenceCount,
                          InsertedByHand, IngestHour)
    OUTPUT inserted.ContentHash, inserted.AtomId, 1, 0 INTO @known (ContentHash, AtomId, IsNew, IsPlain)
    SELECT @tenant_id, r.Modality, r.Subtype, r.ContentHash, r.CanonicalText,
        CASE WHEN f.IsText = 0 AND r.ByteLength <= 64 THEN CONVERT(varbinary(64), r.Content) END, r.ContentType, f.Occurrences, 0,
        @ingest_hour
    FROM @first AS f
    INNER JOIN @atoms AS r ON r.Role = f.Role AND r.Ordinal = f.Ordinal
    WHERE NOT EXISTS (SELECT 1 FROM @known AS k WHERE k.ContentHash = f.ContentHash)
    ORDER BY r.ContentHash;

    INSERT INTO dbo.AtomContent (AtomId, ByteLength, Content, BlobKey)
    SELECT k.AtomId, r.ByteLength, CASE WHEN r.BlobKey IS NULL THEN r.Content END, r.BlobKey
    FROM @first AS f
    INNER JOIN @atoms AS r ON r.Role = f.Role AND r.Ordinal = f.Ordinal
    INNER JOIN @known AS k ON k.ContentHash = f.ContentHash
    WHERE k.IsNew = 1 AND f.IsText = 0 AND r.ByteLength > 64
    ORDER BY k.AtomId;

    UPDATE a
    SET a.ReferenceCount = a.ReferenceCount + f.Occurrences
    FROM dbo.Atom AS a
    INNER JOIN @known AS k ON k.AtomId = a.AtomId
    INNER JOIN @first AS f ON f.ContentHash = k.ContentHash
    WHERE k.IsNew = 0;

    -- The same bytes first seen as a chunk or a gap, now as text: the atom turns into one that is embedded and in the graph, and where the
    -- text says its bytes, they go.
    UPDATE a
    SET a.Modality = r.Modality, a.Subtype = r.Subtype, a.ContentType = r.ContentType, a.CanonicalText = r.CanonicalText,
        a.AtomicValue = CASE WHEN f.IsText = 0 THEN a.AtomicValue END
    OUTPUT inserted.AtomId INTO @changed (AtomId)
    FROM dbo.Atom AS a
    INNER JOIN @known AS k ON k.AtomId = a.AtomId
    INNER JOIN @first AS f ON f.ContentHash = k.ContentHash
    INNER JOIN @atoms AS r ON r.Role = f.Role AND r.Ordinal = f.Ordinal
    WHERE k.IsNew = 0 AND k.IsPlain = 1 AND r.CanonicalText IS NOT NULL;
    DELETE c
    FROM dbo.AtomContent AS c
    INNER JOIN @changed AS t ON t.AtomId = c.AtomId
    INNER JOIN @known AS k ON k.AtomId = c.AtomId
    INNER JOIN @first AS f ON f.ContentHash = k.ContentHash
    WHERE f.IsText = 1;

    INSERT INTO dbo.SourceAtom (SourceId, Role, Ordinal, AtomId, ByteOffset, ByteLength, Suffix, Locator)
    SELECT @source_id, r.Role, r.Ordinal, k.AtomId, r.ByteOffset, CASE r.Role WHEN 'content' THEN r.ByteLength END,
        NULLIF(r.Suffix, 0x), r.Locator
    FROM @atoms AS r
    INNER JOIN @known AS k ON k.ContentHash = r.ContentHash
    ORDER BY r.Role, r.Ordinal;

    -- A gap is not in the graph, a text is: with all the sources that hold it. What was set aside is there under its new hash.
    IF EXISTS (SELECT 1 FROM @changed)
    BEGIN
        DECLARE @events dbo.MessageRows;
        WITH numbered AS (SELECT t.AtomId, (ROW_NUMBER() OVER (ORDER BY t.AtomId) - 1) / 1000 AS Part FROM @changed AS t)
        INSERT INTO @events (Ordinal, MessageId, OrderingKey, Body)
        SELECT n.Part, LOWER(CONVERT(char(36), NEWID())), CONVERT(nvarchar(20), @tenant_id),
            CONVERT(varbinary(max), CONCAT('{"eventType":"AtomsCreated","tenantId":', @tenant_id, ',"atomIds":[',
                                           STRING_AGG(CONVERT(varchar(max), n.AtomId), ','), ']}'))
        FROM numbered AS n
        GROUP BY n.Part;
        EXEC dbo.usp_enqueue @queue = 'ProvenanceQueue', @messages = @events;
    END;

    SELECT k.ContentHash AS contentHash, k.AtomId AS atomId, k.IsNew AS isNew FROM @known AS k;
END;
GO
-- As usp_write_atoms does, for one hash.
CREATE PROCEDURE dbo.usp_set_aside_false_atom @tenant_id int, @content_hash binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    -- The lock of usp_write_atoms: one writer of a tenant at a time.
    DECLARE @resource nvarchar(255) = CONCAT(N'hartonomous/dbo/atoms/', @tenant_id), @locked int;
    EXEC @locked = sys.sp_getapplock @Resource = @resource, @LockMode = 'Exclusive', @LockOwner = 'Transaction',
        @LockTimeout = 120000;
    IF @locked < 0
        THROW 51001, N'another run has been writing atoms of this tenant for two minutes', 1;

    DECLARE @aside TABLE (AtomId bigint NOT NULL);
    UPDATE a
    SET a.ContentHash = HASHBYTES('SHA2_256', CONCAT('hartonomous: atom set aside ', a.AtomId))
    OUTPUT inserted.AtomId INTO @aside (AtomId)
    FROM dbo.Atom AS a
    INNER JOIN dbo.FalseAtom AS f ON f.AtomId = a.AtomId
    WHERE a.TenantId = @tenant_id AND a.ContentHash = @content_hash;
    SELECT s.AtomId AS atomId FROM @aside AS s;
END;
GO
-- Bytes that the text of their atom says.
CREATE PROCEDURE dbo.usp_delete_copied_content @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE c
    FROM dbo.AtomContent AS c
    INNER JOIN dbo.Atom AS a ON a.AtomId = c.AtomId
    WHERE a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j)
        AND HASHBYTES('SHA2_256', a.TextBytes) = a.ContentHash;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_remove_references @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE a
    SET a.ReferenceCount = a.ReferenceCount - n.Occurrences
    FROM dbo.Atom AS a
    INNER JOIN (SELECT sa.AtomId, COUNT_BIG(*) AS Occurrences FROM dbo.SourceAtom AS sa
                WHERE sa.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j)
                GROUP BY sa.AtomId) AS n ON n.AtomId = a.AtomId;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_delete_source_atoms @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.SourceAtom WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_delete_source_derivations @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.AtomDerivation WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_delete_unreferenced_atoms
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @gone TABLE (TenantId int NOT NULL, ContentHash binary(32) NOT NULL);
    DELETE FROM dbo.Atom
    OUTPUT deleted.TenantId, deleted.ContentHash INTO @gone (TenantId, ContentHash)
    WHERE ReferenceCount = 0 AND InsertedByHand = 0;
    SELECT g.TenantId AS tenantId, LOWER(CONVERT(char(64), g.ContentHash, 2)) AS atomHash FROM @gone AS g;
END;
GO
-- What the graph holds of a source, of one role and a range of its ordinals at a time; gaps are not in the graph.
CREATE PROCEDURE dbo.usp_source_atom_ids @source_id bigint, @role varchar(8), @from_ordinal bigint, @to_ordinal bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT DISTINCT sa.AtomId AS atomId
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    WHERE sa.SourceId = @source_id AND sa.Role = @role AND sa.Ordinal >= @from_ordinal AND sa.Ordinal < @to_ordinal
        AND (a.Subtype IS NULL OR a.Subtype <> 'gap');
END;
GO
-- Bytes of a source in order, for role content: each atom's content, then its suffix. Text is its own bytes where there are no others.
CREATE PROCEDURE dbo.usp_source_contents @source_id bigint, @role varchar(8), @from_ordinal bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) sa.Ordinal AS ordinal, sa.ByteOffset AS byteOffset, sa.Suffix AS suffix, a.ContentHash AS contentHash,
        a.TenantId AS tenantId, a.AtomicValue AS atomicValue, c.Content AS content, c.BlobKey AS blobKey,
        CASE WHEN c.AtomId IS NULL THEN a.TextBytes END AS textBytes
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    LEFT JOIN dbo.AtomContent AS c ON c.AtomId = a.AtomId
    WHERE sa.SourceId = @source_id AND sa.Role = @role AND sa.Ordinal >= @from_ordinal
    ORDER BY sa.Ordinal;
END;
GO
CREATE PROCEDURE dbo.usp_atoms_by_id @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId, a.TenantId AS tenantId, a.Modality AS modality, a.Subtype AS subtype,
        LOWER(CONVERT(char(64), a.ContentHash, 2)) AS atomHash, CONVERT(nvarchar(max), a.CanonicalText) AS text, a.ContentType AS contentType,
        a.IngestHour AS ingestHour, a.CreatedAt AS createdAt
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j);
END;
GO
CREATE PROCEDURE dbo.usp_atom_by_hash @tenant_id int, @content_hash binary(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId, a.TenantId AS tenantId
    FROM dbo.Atom AS a WHERE a.TenantId = @tenant_id AND a.ContentHash = @content_hash;
END;
GO
-- The current sources of a tenant that a filter wants; NULL narrows nothing. Unlike =, the lengths see spaces at the end.
CREATE FUNCTION dbo.fn_WantedSources
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
            AND SUBSTRING(s.SourceUri, 1, DATALENGTH(@UriPrefix) / 2) = @UriPrefix COLLATE Latin1_General_100_BIN2)
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
-- Where atoms occur in sources that count for search, current versions only, and that the filter wants: for each atom a page of its places.
CREATE PROCEDURE dbo.usp_occurrences @atom_ids nvarchar(max), @tenant_id int, @skip int, @n int, @source_id bigint, @other_than nvarchar(max), @uri_prefix nvarchar(max),
    @media_type nvarchar(255), @received_since datetime2(3), @received_until datetime2(3), @metadata nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    WITH placed AS
    (
        SELECT sa.AtomId, s.SourceId, s.SourceUri, sa.Role, sa.Ordinal, sa.ByteOffset, sa.ByteLength, sa.Locator,
            ROW_NUMBER() OVER (PARTITION BY sa.AtomId ORDER BY s.SourceId, sa.Role, sa.Ordinal) AS Place
        FROM dbo.SourceAtom AS sa
        INNER JOIN dbo.fn_WantedSources(@tenant_id, @source_id, @other_than, @uri_prefix, @media_type, @received_since, @received_until, @metadata) AS s
            ON s.SourceId = sa.SourceId
        WHERE sa.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j)
    )
    SELECT p.AtomId AS atomId, p.SourceId AS sourceId, p.SourceUri AS sourceUri, p.Role AS role, p.Ordinal AS ordinal,
        p.ByteOffset AS byteOffset, p.ByteLength AS byteLength, p.Locator AS locator
    FROM placed AS p
    WHERE p.Place > @skip AND p.Place <= @skip + @n
    ORDER BY p.AtomId, p.Place;
END;
GO
-- In how many places, and in how many sources, atoms occur that count for search and that the filter wants.
CREATE PROCEDURE dbo.usp_occurrence_counts @atom_ids nvarchar(max), @tenant_id int, @source_id bigint, @other_than nvarchar(max), @uri_prefix nvarchar(max),
    @media_type nvarchar(255), @received_since datetime2(3), @received_until datetime2(3), @metadata nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT sa.AtomId AS atomId, COUNT_BIG(*) AS placeCount, COUNT_BIG(DISTINCT sa.SourceId) AS sourceCount
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.fn_WantedSources(@tenant_id, @source_id, @other_than, @uri_prefix, @media_type, @received_since, @received_until, @metadata) AS s
        ON s.SourceId = sa.SourceId
    WHERE sa.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j)
    GROUP BY sa.AtomId;
END;
GO
-- In which sources atoms occur that count for search and that the filter wants.
CREATE PROCEDURE dbo.usp_sources_of_atoms @atom_ids nvarchar(max), @tenant_id int, @source_id bigint, @other_than nvarchar(max), @uri_prefix nvarchar(max),
    @media_type nvarchar(255), @received_since datetime2(3), @received_until datetime2(3), @metadata nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT DISTINCT sa.AtomId AS atomId, sa.SourceId AS sourceId
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.fn_WantedSources(@tenant_id, @source_id, @other_than, @uri_prefix, @media_type, @received_since, @received_until, @metadata) AS s
        ON s.SourceId = sa.SourceId
    WHERE sa.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j);
END;
GO
-- The texts within @reach rows of places in sources, each place given as [SourceId, Role, Ordinal]; `place` is its number in that list.
CREATE PROCEDURE dbo.usp_texts_around @places nvarchar(max), @reach int, @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @wanted TABLE (Place int NOT NULL PRIMARY KEY, SourceId bigint NOT NULL, Role varchar(8) NOT NULL, Ordinal bigint NOT NULL);
    INSERT INTO @wanted (Place, SourceId, Role, Ordinal)
    SELECT CONVERT(int, p.[key]), CONVERT(bigint, JSON_VALUE(p.value, '$[0]')), JSON_VALUE(p.value, '$[1]'),
        CONVERT(bigint, JSON_VALUE(p.value, '$[2]'))
    FROM OPENJSON(@places) AS p;
    SELECT w.Place AS place, sa.Ordinal - w.Ordinal AS distance, CONVERT(nvarchar(max), a.CanonicalText) AS text,
        sa.ByteOffset AS byteOffset, sa.ByteLength AS byteLength, sa.Locator AS locator
    FROM @wanted AS w
    INNER JOIN dbo.SourceAtom AS sa ON sa.SourceId = w.SourceId AND sa.Role = w.Role
        AND sa.Ordinal BETWEEN w.Ordinal - @reach AND w.Ordinal + @reach AND sa.Ordinal <> w.Ordinal
    INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
    WHERE a.TenantId = @tenant_id AND a.CanonicalText IS NOT NULL;
END;
GO
-- Nobody else lands or deletes a blob until the transaction ends.
CREATE PROCEDURE dbo.usp_lock_blobs
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @locked int;
    EXEC @locked = sys.sp_getapplock @Resource = N'hartonomous/dbo/blobs', @LockMode = 'Exclusive', @LockOwner = 'Transaction',
        @LockTimeout = 120000;
    IF @locked < 0
        THROW 51001, N'another run has held the blobs for two minutes', 1;
    SELECT 1 AS locked;
END;
GO
CREATE PROCEDURE dbo.usp_blob_is_referenced @blob_key varchar(100)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS referenced
    FROM (SELECT c.AtomId AS Id FROM dbo.AtomContent AS c WITH (READCOMMITTEDLOCK) WHERE c.BlobKey = @blob_key
          UNION ALL
          SELECT s.SourceId FROM dbo.Source AS s WITH (READCOMMITTEDLOCK) WHERE s.BlobKey = @blob_key) AS r;
END;
GO
