-- What a projection is fitted to and judged by, and which ones are active.

-- Numbers of the embeddings of a tenant by a model above an id, in blocks.
CREATE PROCEDURE dbo.usp_embedding_ids @tenant_id int, @model_id int, @after bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) e.AtomEmbeddingId AS atomEmbeddingId
    FROM dbo.AtomEmbedding AS e
    WHERE e.TenantId = @tenant_id AND e.ModelId = @model_id AND e.AtomEmbeddingId > @after
    ORDER BY e.AtomEmbeddingId;
END;
GO
-- The procedure of the .NET system. Rows given: they are written. None given: up to @BatchSize embeddings without a position get
-- theirs here, by the active projection of their model (of one hour and one model, if those are given), and the count comes back:
-- call it until that is 0; before it, which projections are active. Only the landmark projection can be computed here, and the program computes it much faster.
CREATE OR ALTER PROCEDURE dbo.sp_ProjectEmbeddingsToGeometry
    @Embeddings dbo.ProjectionRows READONLY, @Hour char(16) = NULL, @ModelId int = NULL, @BatchSize int = 4096
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    IF EXISTS (SELECT 1 FROM @Embeddings)
    BEGIN
        BEGIN TRANSACTION;
        EXEC dbo.usp_project_embedding @rows = @Embeddings;
        EXEC dbo.usp_publish_projected @rows = @Embeddings;
        COMMIT TRANSACTION;
        RETURN;
    END;
    SELECT p.ModelId AS modelId, p.ProjectionModelId AS projectionModelId, p.Method AS method
    FROM dbo.ProjectionModel AS p WHERE p.Active = 1 AND (@ModelId IS NULL OR p.ModelId = @ModelId)
    ORDER BY p.ModelId;
    IF EXISTS (SELECT 1 FROM dbo.ProjectionModel AS p
               WHERE p.Active = 1 AND p.Method <> 'landmark' AND (@ModelId IS NULL OR p.ModelId = @ModelId))
        THROW 51020, N'only landmark projections can be computed here and another one is active: the program must project its model; give @ModelId to project another model', 1;

    DECLARE @projected dbo.ProjectionRows;
    BEGIN TRANSACTION;
    INSERT INTO @projected (X, Y, Z, HilbertValue, ProjectionModelId, AtomEmbeddingId)
    SELECT TOP (@BatchSize) q.X, q.Y, q.Z, dbo.fn_HilbertValue(q.X, q.Y, q.Z, 21), p.ProjectionModelId, e.AtomEmbeddingId
    FROM dbo.AtomEmbedding AS e WITH (ROWLOCK, UPDLOCK, READPAST)
    INNER JOIN dbo.ProjectionModel AS p ON p.ModelId = e.ModelId AND p.Active = 1
    CROSS APPLY dbo.fn_Project(e.EmbeddingVector) AS q
    WHERE e.ProjectionModelId IS NULL AND (@Hour IS NULL OR e.IngestHour = @Hour) AND (@ModelId IS NULL OR e.ModelId = @ModelId);
    EXEC dbo.usp_project_embedding @rows = @projected;
    EXEC dbo.usp_publish_projected @rows = @projected;
    COMMIT TRANSACTION;
END;
GO
