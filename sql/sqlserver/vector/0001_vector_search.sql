-- tsqlcheck: newer-than-2019
-- SQL Server 2025: the same exact ranking as dbo.sp_CrossModalQuery for models of 384 dimensions, with the server's own VECTOR type
-- and VECTOR_DISTANCE (always exact: no index is used). A VECTOR column has one dimension, so each dimension in use needs a table
-- and the two procedures: copy this file with the next number and another dimension in place of 384.

-- A copy for the search alone; AtomEmbedding.EmbeddingVector stays the truth. It goes with its row.
CREATE TABLE dbo.AtomEmbeddingVector384
(
    AtomEmbeddingId bigint NOT NULL CONSTRAINT PK_AtomEmbeddingVector384 PRIMARY KEY CLUSTERED
        CONSTRAINT FK_AtomEmbeddingVector384 REFERENCES dbo.AtomEmbedding (AtomEmbeddingId) ON DELETE CASCADE,
    Embedding VECTOR(384) NOT NULL
);
GO
-- A vector as JSON text, which is how VECTOR takes it: 17 digits, so that each float32 arrives as it was. NULL for what is no vector.
CREATE FUNCTION dbo.fn_VectorJson (@v varbinary(max))
RETURNS varchar(max)
AS
BEGIN
    RETURN (SELECT CASE WHEN COUNT(v.Value) = COUNT(*) THEN
                '[' + STRING_AGG(CONVERT(varchar(max), CONVERT(varchar(32), v.Value, 3)), ',') WITHIN GROUP (ORDER BY v.Component) + ']' END
            FROM dbo.fn_VectorComponents(@v) AS v);
END;
GO
-- Copy up to @BatchSize embeddings that are not copied yet; call it until the count that comes back is 0.
CREATE PROCEDURE dbo.usp_fill_vectors_384 @BatchSize int = 4096
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.AtomEmbeddingVector384 (AtomEmbeddingId, Embedding)
    SELECT TOP (@BatchSize) e.AtomEmbeddingId, CAST(j.Vector AS VECTOR(384))
    FROM dbo.AtomEmbedding AS e
    CROSS APPLY (SELECT dbo.fn_VectorJson(e.EmbeddingVector) AS Vector) AS j
    WHERE e.Dimension = 384 AND j.Vector IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbeddingVector384 AS v WITH (UPDLOCK, SERIALIZABLE)
                        WHERE v.AtomEmbeddingId = e.AtomEmbeddingId);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- dbo.sp_CrossModalQuery for queries of 384 dimensions, over what has been copied. 'dot' is the negative dot product.
CREATE PROCEDURE dbo.sp_CrossModalQuery384
    @TenantId int, @Queries dbo.QueryVectorRows READONLY, @K int = 10, @Modality varchar(32) = NULL
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @queryVectors TABLE (ModelId int NOT NULL PRIMARY KEY, Query VECTOR(384) NULL);
    INSERT INTO @queryVectors (ModelId, Query)
    SELECT q.ModelId, CAST(dbo.fn_VectorJson(q.EmbeddingVector) AS VECTOR(384)) FROM @Queries AS q;
    IF EXISTS (SELECT 1 FROM @queryVectors AS q WHERE q.Query IS NULL)
        THROW 51012, N'a query vector holds NaN or infinity', 1;

    DECLARE @scores dbo.ScoreRows;
    INSERT INTO @scores (ModelId, AtomId, Score)
    SELECT e.ModelId, e.AtomId, -VECTOR_DISTANCE('dot', q.Query, v.Embedding)
    FROM @queryVectors AS q
    INNER JOIN dbo.AtomEmbedding AS e ON e.ModelId = q.ModelId AND e.TenantId = @TenantId
    INNER JOIN dbo.AtomEmbeddingVector384 AS v ON v.AtomEmbeddingId = e.AtomEmbeddingId
    INNER JOIN dbo.fn_SearchableAtoms(@TenantId, @Modality) AS a ON a.AtomId = e.AtomId;
    EXEC dbo.usp_fuse_ranks @TenantId = @TenantId, @Scores = @scores, @K = @K;
END;
GO
