-- Projections that are fitted to data, and the change from one to another: all embeddings of a space are placed anew, in small transactions,
-- and until the last of them is, readers see where the old projection placed them.

-- Filling: embeddings are being placed by it; it becomes the active one once all of them are.
ALTER TABLE dbo.ProjectionModel ADD Filling bit NOT NULL CONSTRAINT DF_ProjectionModel_Filling DEFAULT (0);
GO
CREATE UNIQUE INDEX UX_ProjectionModel_Filling ON dbo.ProjectionModel (ModelId) WHERE Filling = 1;
GO
-- What a fitted projection needs to place a vector; ProjectionModel.ArtifactHash is its SHA-256.
CREATE TABLE dbo.ProjectionArtifact
(
    ProjectionModelId int NOT NULL CONSTRAINT PK_ProjectionArtifact PRIMARY KEY CLUSTERED
        CONSTRAINT FK_ProjectionArtifact_Projection REFERENCES dbo.ProjectionModel (ProjectionModelId) ON DELETE CASCADE,
    Content varbinary(max) NOT NULL
);
GO
-- Where the active projection had placed embeddings that the filling one has placed since.
CREATE TABLE dbo.FormerPosition
(
    AtomEmbeddingId bigint NOT NULL CONSTRAINT PK_FormerPosition PRIMARY KEY CLUSTERED
        CONSTRAINT FK_FormerPosition_Embedding REFERENCES dbo.AtomEmbedding (AtomEmbeddingId) ON DELETE CASCADE,
    AtomId bigint NOT NULL,
    TenantId int NOT NULL,
    ModelId int NOT NULL,
    ProjectionModelId int NOT NULL
        CONSTRAINT FK_FormerPosition_Projection REFERENCES dbo.ProjectionModel (ProjectionModelId) ON DELETE CASCADE,
    X float NOT NULL,
    Y float NOT NULL,
    Z float NOT NULL,
    HilbertValue bigint NOT NULL
);
GO
CREATE INDEX IX_FormerPosition_Hilbert ON dbo.FormerPosition (ModelId, TenantId, HilbertValue);
CREATE INDEX IX_FormerPosition_Projection ON dbo.FormerPosition (ProjectionModelId);
CREATE INDEX IX_AtomEmbedding_PlacedBy ON dbo.AtomEmbedding (ModelId, ProjectionModelId);
GO
-- Every position there is. A reader asks for those of the active projection, and so never sees two projections mixed.
CREATE VIEW dbo.EmbeddingPosition
AS
SELECT e.AtomEmbeddingId, e.AtomId, e.TenantId, e.ModelId, e.ProjectionModelId, e.X, e.Y, e.Z, e.HilbertValue
FROM dbo.AtomEmbedding AS e WHERE e.ProjectionModelId IS NOT NULL
UNION ALL
SELECT f.AtomEmbeddingId, f.AtomId, f.TenantId, f.ModelId, f.ProjectionModelId, f.X, f.Y, f.Z, f.HilbertValue
FROM dbo.FormerPosition AS f;
GO
-- The projections of a space, the newest first.
CREATE PROCEDURE dbo.usp_projection_models @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT p.ProjectionModelId AS projectionModelId, p.Method AS method, p.Parameters AS parameters, p.ArtifactHash AS artifactHash,
        p.TrainedOn AS trainedOn, p.Active AS active, p.Filling AS filling, p.CreatedAt AS createdAt
    FROM dbo.ProjectionModel AS p WHERE p.ModelId = @model_id
    ORDER BY p.ProjectionModelId DESC;
END;
GO
CREATE PROCEDURE dbo.usp_insert_projection_artifact @projection_model_id int, @content varbinary(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.ProjectionArtifact (ProjectionModelId, Content) VALUES (@projection_model_id, @content);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_projection_artifact @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.Content AS content FROM dbo.ProjectionArtifact AS a WHERE a.ProjectionModelId = @projection_model_id;
END;
GO
-- The projection by which the embeddings of a space are placed anew; none where nothing is being filled.
CREATE PROCEDURE dbo.usp_filling_projection_model @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT p.ProjectionModelId AS projectionModelId, p.Method AS method, p.Parameters AS parameters, p.ArtifactHash AS artifactHash
    FROM dbo.ProjectionModel AS p WHERE p.ModelId = @model_id AND p.Filling = 1;
END;
GO
CREATE PROCEDURE dbo.usp_stop_filling @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.ProjectionModel SET Filling = 0 WHERE ModelId = @model_id AND Filling = 1;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_start_filling @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.ProjectionModel SET Filling = 1 WHERE ProjectionModelId = @projection_model_id AND Active = 0;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Embeddings that another projection than this one placed. For a write transaction: what is returned is locked, so that of two runs each
-- places other rows.
CREATE PROCEDURE dbo.usp_embeddings_placed_otherwise @model_id int, @projection_model_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.TenantId AS tenantId, e.EmbeddingVector AS vector
    FROM dbo.AtomEmbedding AS e WITH (ROWLOCK, UPDLOCK, READPAST)
    WHERE e.ModelId = @model_id
        AND e.ProjectionModelId IN (SELECT p.ProjectionModelId FROM dbo.ProjectionModel AS p
                                    WHERE p.ModelId = @model_id AND p.ProjectionModelId <> @projection_model_id);
END;
GO
-- Whether there are such embeddings, those included that others are just placing: it waits for them.
CREATE PROCEDURE dbo.usp_any_placed_otherwise @model_id int, @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found FROM dbo.AtomEmbedding AS e WITH (READCOMMITTEDLOCK)
    WHERE e.ModelId = @model_id
        AND e.ProjectionModelId IN (SELECT p.ProjectionModelId FROM dbo.ProjectionModel AS p
                                    WHERE p.ModelId = @model_id AND p.ProjectionModelId <> @projection_model_id);
END;
GO
-- How many embeddings of a space each projection has placed; NULL: none has.
CREATE PROCEDURE dbo.usp_placed_by_projection @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT e.ProjectionModelId AS projectionModelId, COUNT_BIG(*) AS n FROM dbo.AtomEmbedding AS e
    WHERE e.ModelId = @model_id GROUP BY e.ProjectionModelId;
END;
GO
-- Before embeddings are placed anew: where this projection, the active one, has placed them.
CREATE PROCEDURE dbo.usp_keep_former_positions @embedding_ids nvarchar(max), @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @embeddings TABLE (AtomEmbeddingId bigint NOT NULL PRIMARY KEY);
    INSERT INTO @embeddings (AtomEmbeddingId)
    SELECT e.AtomEmbeddingId FROM OPENJSON(@embedding_ids) AS j
    INNER JOIN dbo.AtomEmbedding AS e ON e.AtomEmbeddingId = CONVERT(bigint, j.value)
    WHERE e.ProjectionModelId = @projection_model_id;
    DELETE f FROM dbo.FormerPosition AS f INNER JOIN @embeddings AS i ON i.AtomEmbeddingId = f.AtomEmbeddingId;
    INSERT INTO dbo.FormerPosition (AtomEmbeddingId, AtomId, TenantId, ModelId, ProjectionModelId, X, Y, Z, HilbertValue)
    SELECT e.AtomEmbeddingId, e.AtomId, e.TenantId, e.ModelId, e.ProjectionModelId, e.X, e.Y, e.Z, e.HilbertValue
    FROM @embeddings AS i INNER JOIN dbo.AtomEmbedding AS e ON e.AtomEmbeddingId = i.AtomEmbeddingId;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Once embeddings are placed by this projection again, where it had placed them is said twice.
CREATE PROCEDURE dbo.usp_forget_former_positions @embedding_ids nvarchar(max), @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.FormerPosition
    WHERE AtomEmbeddingId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@embedding_ids) AS j)
        AND ProjectionModelId = @projection_model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Former positions of a space that nobody reads any more, for another projection is active.
CREATE PROCEDURE dbo.usp_clear_former_positions @model_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE TOP (@n) FROM dbo.FormerPosition
    WHERE ProjectionModelId IN (SELECT p.ProjectionModelId FROM dbo.ProjectionModel AS p WHERE p.ModelId = @model_id AND p.Active = 0);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_activate_projection_model @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.ProjectionModel SET Active = 1, Filling = 0 WHERE ProjectionModelId = @projection_model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
DROP PROCEDURE dbo.usp_unproject_other_models;
GO
