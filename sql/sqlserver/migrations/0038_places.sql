-- Places of embeddings in 3-D, always of one tenant, one model and one projection of it: places of two projections have nothing to do with each
-- other. The index alone answers what is near on the curve; it ends with AtomEmbeddingId, as every index of the table does.

DROP INDEX IX_AtomEmbedding_Hilbert ON dbo.AtomEmbedding;
GO
CREATE INDEX IX_AtomEmbedding_Hilbert ON dbo.AtomEmbedding (TenantId, ModelId, ProjectionModelId, HilbertValue);
GO
-- The @n next on the curve from a value on, and the @n before it.
CREATE PROCEDURE dbo.usp_places_beside @model_id int, @tenant_id int, @projection_model_id int, @value bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT n.AtomEmbeddingId AS atomEmbeddingId, n.HilbertValue AS hilbertValue
    FROM (SELECT TOP (@n) p.AtomEmbeddingId, p.HilbertValue
          FROM dbo.EmbeddingPosition AS p
          WHERE p.TenantId = @tenant_id AND p.ModelId = @model_id AND p.ProjectionModelId = @projection_model_id AND p.HilbertValue >= @value
          ORDER BY p.HilbertValue) AS n
    UNION ALL
    SELECT b.AtomEmbeddingId, b.HilbertValue
    FROM (SELECT TOP (@n) p.AtomEmbeddingId, p.HilbertValue
          FROM dbo.EmbeddingPosition AS p
          WHERE p.TenantId = @tenant_id AND p.ModelId = @model_id AND p.ProjectionModelId = @projection_model_id AND p.HilbertValue < @value
          ORDER BY p.HilbertValue DESC) AS b;
END;
GO
-- At most @n of those on ranges of the curve, each given as [first, last], in no order: a seek of the index for each range.
CREATE PROCEDURE dbo.usp_places_in_ranges @ranges nvarchar(max), @model_id int, @tenant_id int, @projection_model_id int, @n bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) p.AtomEmbeddingId AS atomEmbeddingId, p.HilbertValue AS hilbertValue
    FROM OPENJSON(@ranges) WITH (FirstValue bigint '$[0]', LastValue bigint '$[1]') AS r
    CROSS APPLY (SELECT e.AtomEmbeddingId, e.HilbertValue
                 FROM dbo.EmbeddingPosition AS e
                 WHERE e.TenantId = @tenant_id AND e.ModelId = @model_id AND e.ProjectionModelId = @projection_model_id
                     AND e.HilbertValue BETWEEN r.FirstValue AND r.LastValue) AS p;
END;
GO
CREATE PROCEDURE dbo.usp_positions @embedding_ids nvarchar(max), @model_id int, @tenant_id int, @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT p.AtomEmbeddingId AS atomEmbeddingId, p.AtomId AS atomId, p.X AS x, p.Y AS y, p.Z AS z
    FROM dbo.EmbeddingPosition AS p
    WHERE p.AtomEmbeddingId IN (SELECT CONVERT(bigint, v.value) FROM OPENJSON(@embedding_ids) AS v)
        AND p.ModelId = @model_id AND p.TenantId = @tenant_id AND p.ProjectionModelId = @projection_model_id;
END;
GO
CREATE PROCEDURE dbo.usp_positions_of_atoms @atom_ids nvarchar(max), @model_id int, @tenant_id int, @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT p.AtomEmbeddingId AS atomEmbeddingId, p.AtomId AS atomId, p.X AS x, p.Y AS y, p.Z AS z
    FROM dbo.AtomEmbedding AS e
    INNER JOIN dbo.EmbeddingPosition AS p ON p.AtomEmbeddingId = e.AtomEmbeddingId
    WHERE e.AtomId IN (SELECT CONVERT(bigint, v.value) FROM OPENJSON(@atom_ids) AS v)
        AND e.ModelId = @model_id AND e.TenantId = @tenant_id AND p.ProjectionModelId = @projection_model_id;
END;
GO
-- Whether an embedding of the model has no place yet.
CREATE PROCEDURE dbo.usp_has_unplaced @model_id int, @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found FROM dbo.AtomEmbedding AS e
    WHERE e.TenantId = @tenant_id AND e.ModelId = @model_id AND e.ProjectionModelId IS NULL;
END;
GO
-- Embeddings with a place above an id, in blocks, each with its atom and with the first of the current sources that hold it.
CREATE PROCEDURE dbo.usp_placed_atoms @model_id int, @tenant_id int, @projection_model_id int, @after bigint, @with_text int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT p.AtomEmbeddingId AS atomEmbeddingId, p.AtomId AS atomId, a.ContentHash AS contentHash, a.Modality AS modality,
        CASE WHEN @with_text = 1 THEN CONVERT(nvarchar(max), a.CanonicalText) END AS text, p.X AS x, p.Y AS y, p.Z AS z,
        p.HilbertValue AS hilbertValue, s.SourceId AS sourceId, s.SourceUri AS sourceUri,
        CASE WHEN s.SourceId IS NOT NULL OR a.InsertedByHand = 1 THEN 1 ELSE 0 END AS isShown
    FROM (SELECT TOP (@n) e.AtomEmbeddingId, e.AtomId, e.X, e.Y, e.Z, e.HilbertValue
          FROM dbo.EmbeddingPosition AS e
          WHERE e.TenantId = @tenant_id AND e.ModelId = @model_id AND e.AtomEmbeddingId > @after AND e.ProjectionModelId = @projection_model_id
          ORDER BY e.AtomEmbeddingId) AS p
    INNER JOIN dbo.Atom AS a ON a.AtomId = p.AtomId
    OUTER APPLY (SELECT TOP (1) f.SourceId, f.SourceUri
                 FROM dbo.SourceAtom AS sa
                 INNER JOIN dbo.Source AS f ON f.SourceId = sa.SourceId
                 WHERE sa.AtomId = p.AtomId AND f.Status = 'Atomized' AND f.SupersededBy IS NULL
                 ORDER BY sa.SourceId) AS s
    ORDER BY p.AtomEmbeddingId;
END;
GO
