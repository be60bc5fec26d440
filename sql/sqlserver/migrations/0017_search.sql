-- Search: what it may show, by vectors and by words, and across modalities: one query vector per embedding model in, one ranking
-- out.

-- Of these atoms, those that a search may show: held by a current source that the filter wants, or inserted by hand if it says nothing of sources.
CREATE PROCEDURE dbo.usp_searchable_atoms @atom_ids nvarchar(max), @tenant_id int, @modality varchar(32), @source_id bigint,
    @other_than nvarchar(max), @uri_prefix nvarchar(max), @media_type nvarchar(255), @received_since datetime2(3), @received_until datetime2(3), @metadata nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j) AND a.TenantId = @tenant_id
        AND (@modality IS NULL OR a.Modality = @modality)
        AND (a.InsertedByHand = 1 AND @source_id IS NULL AND @uri_prefix IS NULL AND @media_type IS NULL AND @received_since IS NULL
                AND @received_until IS NULL AND @metadata IS NULL
            OR EXISTS (
                SELECT 1 FROM dbo.SourceAtom AS sa
                INNER JOIN dbo.fn_WantedSources(@tenant_id, @source_id, @other_than, @uri_prefix, @media_type, @received_since, @received_until, @metadata)
                    AS s ON s.SourceId = sa.SourceId
                WHERE sa.AtomId = a.AtomId));
END;
GO
-- The atoms of the sources that a filter wants, @n of them at the most; one that occurs twice may be there twice.
CREATE PROCEDURE dbo.usp_atoms_of_wanted_sources @tenant_id int, @n int, @source_id bigint, @other_than nvarchar(max), @uri_prefix nvarchar(max),
    @media_type nvarchar(255), @received_since datetime2(3), @received_until datetime2(3), @metadata nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) sa.AtomId AS atomId
    FROM dbo.fn_WantedSources(@tenant_id, @source_id, @other_than, @uri_prefix, @media_type, @received_since, @received_until, @metadata) AS s
    INNER JOIN dbo.SourceAtom AS sa ON sa.SourceId = s.SourceId
    OPTION (RECOMPILE);
END;
GO
-- A text as it is seen: without soft hyphens, and without commands to a terminal (ESC [ … and a letter). What follows one that sets colours
-- (m) stands where it stood, after any other one elsewhere.
CREATE FUNCTION dbo.fn_ShownText (@text nvarchar(max))
RETURNS nvarchar(max)
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @shown nvarchar(max) = REPLACE(@text, NCHAR(173), N''), @start bigint, @stop bigint;
    SET @start = CHARINDEX(CONCAT(NCHAR(27), N'[') COLLATE Latin1_General_100_BIN2, @shown);
    WHILE @start > 0
    BEGIN
        SET @stop = @start + 2;
        WHILE SUBSTRING(@shown, @stop, 1) COLLATE Latin1_General_100_BIN2 LIKE N'[ -?]'
            SET @stop = @stop + 1;
        SET @shown = STUFF(@shown, @start, @stop - @start + 1,
            CASE WHEN SUBSTRING(@shown, @stop, 1) = N'm' COLLATE Latin1_General_100_BIN2 THEN N'' ELSE N' ' END);
        SET @start = CHARINDEX(CONCAT(NCHAR(27), N'[') COLLATE Latin1_General_100_BIN2, @shown);
    END;
    RETURN @shown;
END;
GO
-- How words rank: fulltext, by the server's index, where it has been made and filled, but not for a script that puts no space between words,
-- nor Korean: the index holds no part of a run of these. Else matches, by the number of terms found.
CREATE FUNCTION dbo.fn_LexicalRanking (@terms nvarchar(max))
RETURNS varchar(8)
AS
BEGIN
    IF OBJECT_ID(N'dbo.usp_full_text_matches') IS NULL
        OR COALESCE(COLUMNPROPERTY(OBJECT_ID(N'dbo.Atom'), N'CanonicalText', N'IsFulltextIndexed'), 0) = 0
        OR CONVERT(int, OBJECTPROPERTYEX(OBJECT_ID(N'dbo.Atom'), N'TableFulltextPopulateStatus')) IN (1, 2)
        OR EXISTS (SELECT 1 FROM OPENJSON(@terms) AS j
                   WHERE j.value COLLATE Latin1_General_100_BIN2 LIKE N'%[ก-໿က-႟ᄀ-ᇿក-៿ᥐ-᪭々-ퟻ豈-﫿]%')
        RETURN 'matches';
    RETURN 'fulltext';
END;
GO
-- Atoms that hold some of the terms, words or phrases. Without the full-text index it reads every text of the tenant: those that hold most
-- of them as whole words come first, the shorter text before the longer one, and letters match whatever their case and accents.
CREATE PROCEDURE dbo.usp_lexical_matches @terms nvarchar(max), @tenant_id int, @wanted nvarchar(max), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    IF dbo.fn_LexicalRanking(@terms) = 'fulltext'
    BEGIN
        EXEC dbo.usp_full_text_matches @terms = @terms, @tenant_id = @tenant_id, @wanted = @wanted, @n = @n;
        RETURN;
    END;

    DECLARE @patterns TABLE (Pattern nvarchar(4000) COLLATE Latin1_General_100_CI_AI NOT NULL);
    INSERT INTO @patterns (Pattern)
    SELECT DISTINCT CONCAT(N'%[^0-9a-z]', REPLACE(REPLACE(REPLACE(REPLACE(CONVERT(nvarchar(1000), j.value), N'~', N'~~'), N'%', N'~%'),
                                                  N'_', N'~_'), N'[', N'~['), N'[^0-9a-z]%') COLLATE Latin1_General_100_CI_AI
    FROM OPENJSON(@terms) AS j;
    SELECT TOP (@n) a.AtomId AS atomId, CONVERT(float, COUNT(*)) AS score
    FROM dbo.Atom AS a
    INNER JOIN @patterns AS p
        ON CONCAT(N' ', dbo.fn_ShownText(a.CanonicalText), N' ') COLLATE Latin1_General_100_CI_AI LIKE p.Pattern ESCAPE N'~'
    WHERE a.TenantId = @tenant_id
        AND (@wanted IS NULL OR a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@wanted) AS j))
    GROUP BY a.AtomId, DATALENGTH(a.CanonicalText)
    ORDER BY COUNT(*) DESC, DATALENGTH(a.CanonicalText), a.AtomId;
END;
GO
CREATE PROCEDURE dbo.usp_lexical_ranking @terms nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT dbo.fn_LexicalRanking(@terms) AS ranking;
END;
GO
-- Atoms of a tenant that a search may show: held by a current source, or inserted by hand.
CREATE FUNCTION dbo.fn_SearchableAtoms (@TenantId int, @Modality varchar(32))
RETURNS TABLE
WITH SCHEMABINDING
AS
RETURN
    SELECT a.AtomId
    FROM dbo.Atom AS a
    WHERE a.TenantId = @TenantId AND (@Modality IS NULL OR a.Modality = @Modality)
        AND (a.InsertedByHand = 1 OR EXISTS (
            SELECT 1 FROM dbo.SourceAtom AS sa INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
            WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized' AND s.SupersededBy IS NULL));
GO
-- Scores of different models cannot be compared, ranks can: an atom's score is the sum of 1 / (60 + its rank) over the models
-- (reciprocal rank fusion: Cormack, Clarke and Büttcher, SIGIR 2009). Equal scores go by AtomId, so that the order is stable.
CREATE PROCEDURE dbo.usp_fuse_ranks @TenantId int, @Scores dbo.ScoreRows READONLY, @K int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    WITH ranked AS
    (
        SELECT s.AtomId, ROW_NUMBER() OVER (PARTITION BY s.ModelId ORDER BY s.Score DESC, s.AtomId) AS Position
        FROM @Scores AS s
    ),
    fused AS
    (
        SELECT r.AtomId, SUM(1.0E0 / (60.0E0 + r.Position)) AS Score FROM ranked AS r GROUP BY r.AtomId
    )
    SELECT TOP (@K) ROW_NUMBER() OVER (ORDER BY f.Score DESC, f.AtomId) AS rank, f.Score AS score, a.AtomId AS atomId,
        LOWER(CONVERT(char(64), a.ContentHash, 2)) AS atomHash, a.Modality AS modality, a.Subtype AS subtype,
        CONVERT(nvarchar(max), a.CanonicalText) AS text
    FROM fused AS f
    INNER JOIN dbo.Atom AS a ON a.AtomId = f.AtomId AND a.TenantId = @TenantId
    ORDER BY f.Score DESC, f.AtomId;
END;
GO
-- The procedure of the .NET system: the @K atoms nearest to the queries, exactly. Vectors are of unit length, so the dot product is
-- the cosine. It decodes every component of every vector that may be shown; for large stores search through the program, or through
-- dbo.sp_CrossModalQuery384 on SQL Server 2025.
CREATE PROCEDURE dbo.sp_CrossModalQuery
    @TenantId int, @Queries dbo.QueryVectorRows READONLY, @K int = 10, @Modality varchar(32) = NULL
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    -- The queries are decoded once, not once for each atom.
    DECLARE @components TABLE (ModelId int NOT NULL, Component int NOT NULL, Value float NULL, PRIMARY KEY (ModelId, Component));
    INSERT INTO @components (ModelId, Component, Value)
    SELECT q.ModelId, v.Component, v.Value
    FROM @Queries AS q
    CROSS APPLY dbo.fn_VectorComponents(q.EmbeddingVector) AS v;
    IF EXISTS (SELECT 1 FROM @components AS c WHERE c.Value IS NULL)
        THROW 51012, N'a query vector holds NaN or infinity', 1;

    DECLARE @scores dbo.ScoreRows;
    INSERT INTO @scores (ModelId, AtomId, Score)
    SELECT e.ModelId, e.AtomId, d.Dot
    FROM @Queries AS q
    INNER JOIN dbo.AtomEmbedding AS e ON e.ModelId = q.ModelId AND e.TenantId = @TenantId
        AND DATALENGTH(e.EmbeddingVector) = DATALENGTH(q.EmbeddingVector)
    INNER JOIN dbo.fn_SearchableAtoms(@TenantId, @Modality) AS a ON a.AtomId = e.AtomId
    CROSS APPLY (SELECT SUM(c.Value * dbo.fn_Float32(SUBSTRING(e.EmbeddingVector, 4 * c.Component + 1, 4))) AS Dot
                 FROM @components AS c WHERE c.ModelId = q.ModelId) AS d
    WHERE d.Dot IS NOT NULL;
    EXEC dbo.usp_fuse_ranks @TenantId = @TenantId, @Scores = @scores, @K = @K;
END;
GO
