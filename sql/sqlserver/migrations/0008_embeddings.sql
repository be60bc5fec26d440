-- Models, embeddings, positions.

CREATE PROCEDURE dbo.usp_embedding_model @modality varchar(32), @artifact_hash varchar(64), @settings nvarchar(400)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId FROM dbo.EmbeddingModel AS m WITH (UPDLOCK, SERIALIZABLE)
    WHERE m.Modality = @modality AND m.ArtifactHash = @artifact_hash AND m.Settings = @settings;
END;
GO
CREATE PROCEDURE dbo.usp_insert_embedding_model
    @modality varchar(32), @name nvarchar(400), @dimension int, @artifact_hash varchar(64), @precision varchar(16),
    @settings nvarchar(400), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)
    VALUES (@modality, @name, @dimension, @artifact_hash, @precision, @settings, 0, @now);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Whoever reads (a search, a look for work) waits for nobody: a model that is becoming active is locked while all its atoms are queued.
CREATE PROCEDURE dbo.usp_active_embedding_models
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId, m.Modality AS modality, m.Name AS name, m.Dimension AS dimension, m.ArtifactHash AS artifactHash,
        m.Precision AS precision
    FROM dbo.EmbeddingModel AS m WHERE m.Active = 1
    ORDER BY m.ModelId;
END;
GO
-- For a transaction that writes: not without those that are just becoming active, for which READCOMMITTEDLOCK waits. Whoever has just
-- embedded atoms with fewer models queues them for these.
CREATE PROCEDURE dbo.usp_active_embedding_model_ids
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId FROM dbo.EmbeddingModel AS m WITH (READCOMMITTEDLOCK) WHERE m.Active = 1
    ORDER BY m.ModelId;
END;
GO
CREATE PROCEDURE dbo.usp_activate_embedding_model @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Active = 1 WHERE ModelId = @model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_deactivate_embedding_model @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Active = 0 WHERE ModelId = @model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Text is Unicode here: none of it is anything else. embeddedBy: a JSON array of the ModelIds whose embedding the atom has.
CREATE PROCEDURE dbo.usp_atoms_to_embed @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId, a.TenantId AS tenantId, a.Modality AS modality, CONVERT(nvarchar(max), a.CanonicalText) AS text,
        CONVERT(bit, 1) AS textIsValid,
        (SELECT CONCAT(N'[', STRING_AGG(CONVERT(nvarchar(max), e.ModelId), N','), N']')
         FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId) AS embeddedBy
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT CONVERT(bigint, v.value) FROM OPENJSON(@atom_ids) AS v);
END;
GO
CREATE PROCEDURE dbo.usp_insert_embedding @rows dbo.EmbeddingRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, WindowCount, IngestHour, RunId, CreatedAt)
    SELECT a.AtomId, a.TenantId, r.ModelId, r.Dimension, r.EmbeddingVector, r.WindowCount, a.IngestHour, r.RunId, r.CreatedAt
    FROM @rows AS r
    INNER JOIN dbo.Atom AS a ON a.AtomId = r.AtomId
    WHERE NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WITH (UPDLOCK, SERIALIZABLE)
                      WHERE e.AtomId = r.AtomId AND e.ModelId = r.ModelId)
    ORDER BY r.AtomId;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Embeddings whose bytes are no vector of their model are made anew: somebody wrote them by hand.
CREATE PROCEDURE dbo.usp_embed_again @embedding_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, ModelId, TenantId, IngestHour)
    SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', a.AtomId, N',"TenantId":', a.TenantId, N',"ModelId":', e.ModelId, N'}'), a.AtomId,
        e.ModelId, a.TenantId, a.IngestHour
    FROM OPENJSON(@embedding_ids) AS v
    INNER JOIN dbo.AtomEmbedding AS e ON e.AtomEmbeddingId = CONVERT(bigint, v.value)
    INNER JOIN dbo.Atom AS a ON a.AtomId = e.AtomId;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_delete_embeddings @embedding_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.AtomEmbedding WHERE AtomEmbeddingId IN (SELECT CONVERT(bigint, v.value) FROM OPENJSON(@embedding_ids) AS v);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_has_pending_projections @hour char(16), @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found FROM dbo.AtomEmbedding AS e
    WHERE e.IngestHour = @hour AND e.ProjectionModelId IS NULL AND e.ModelId = @model_id;
END;
GO
-- For a write transaction: what is returned is locked, so that of two runs each projects other rows.
CREATE PROCEDURE dbo.usp_pending_projections @hour char(16), @model_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.TenantId AS tenantId, e.EmbeddingVector AS vector
    FROM dbo.AtomEmbedding AS e WITH (ROWLOCK, UPDLOCK, READPAST)
    WHERE e.IngestHour = @hour AND e.ProjectionModelId IS NULL AND e.ModelId = @model_id;
END;
GO
CREATE PROCEDURE dbo.usp_active_projection_model @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT p.ProjectionModelId AS projectionModelId, p.Method AS method, p.Parameters AS parameters,
        p.ArtifactHash AS artifactHash
    FROM dbo.ProjectionModel AS p WHERE p.ModelId = @model_id AND p.Active = 1;
END;
GO
CREATE PROCEDURE dbo.usp_projection_model @model_id int, @artifact_hash varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT p.ProjectionModelId AS projectionModelId FROM dbo.ProjectionModel AS p WITH (UPDLOCK, SERIALIZABLE)
    WHERE p.ModelId = @model_id AND p.ArtifactHash = @artifact_hash;
END;
GO
CREATE PROCEDURE dbo.usp_insert_projection_model
    @model_id int, @method varchar(32), @parameters nvarchar(max), @trained_on bigint, @artifact_hash varchar(64),
    @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.ProjectionModel (ModelId, Method, Parameters, TrainedOn, ArtifactHash, Active, CreatedAt)
    VALUES (@model_id, @method, @parameters, @trained_on, @artifact_hash, 0, @now);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_deactivate_projection_models @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.ProjectionModel SET Active = 0 WHERE ModelId = @model_id AND Active = 1;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_activate_projection_model @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.ProjectionModel SET Active = 1 WHERE ProjectionModelId = @projection_model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- A new active projection: what another one placed is placed again, hour by hour; until then the old position stays readable.
CREATE PROCEDURE dbo.usp_unproject_other_models @model_id int, @projection_model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.AtomEmbedding SET ProjectionModelId = NULL
    WHERE ModelId = @model_id AND ProjectionModelId IS NOT NULL AND ProjectionModelId <> @projection_model_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- What tells the vectors of a model from those of another database or model; the highest id that was ever given, and one below which no other
-- row appears any more: ids are given before the commit, which follows within milliseconds.
CREATE PROCEDURE dbo.usp_vector_space @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ArtifactHash AS artifactHash, m.Dimension AS dimension, (SELECT MIN(v.AppliedAt) FROM dbo.SchemaVersion AS v) AS databaseCreatedAt,
           CONVERT(bigint, COALESCE(IDENT_CURRENT(N'dbo.AtomEmbedding'), 0)) AS highestId,
           COALESCE((SELECT TOP (1) e.AtomEmbeddingId FROM dbo.AtomEmbedding AS e
                     WHERE e.CreatedAt < DATEADD(minute, -1, SYSUTCDATETIME())
                     ORDER BY e.AtomEmbeddingId DESC), 0) AS settledId
    FROM dbo.EmbeddingModel AS m WHERE m.ModelId = @model_id;
END;
GO
-- Whose the vectors of a model above an id are.
CREATE PROCEDURE dbo.usp_vector_tenants @model_id int, @after bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT e.TenantId AS tenantId, COUNT_BIG(*) AS vectorCount, MIN(e.AtomEmbeddingId) AS firstId, MAX(e.AtomEmbeddingId) AS lastId
    FROM dbo.AtomEmbedding AS e
    WHERE e.ModelId = @model_id AND e.AtomEmbeddingId > @after
    GROUP BY e.TenantId;
END;
GO
-- Vectors of a tenant above an id, in blocks.
CREATE PROCEDURE dbo.usp_vectors @tenant_id int, @model_id int, @after bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.EmbeddingVector AS vector
    FROM dbo.AtomEmbedding AS e
    WHERE e.TenantId = @tenant_id AND e.ModelId = @model_id AND e.AtomEmbeddingId > @after
    ORDER BY e.AtomEmbeddingId;
END;
GO
CREATE PROCEDURE dbo.usp_vectors_by_id @embedding_ids nvarchar(max), @tenant_id int, @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.EmbeddingVector AS vector
    FROM dbo.AtomEmbedding AS e
    WHERE e.AtomEmbeddingId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@embedding_ids) AS j)
        AND e.TenantId = @tenant_id AND e.ModelId = @model_id;
END;
GO
CREATE PROCEDURE dbo.usp_vectors_of_atoms @atom_ids nvarchar(max), @tenant_id int, @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT e.AtomEmbeddingId AS atomEmbeddingId, e.AtomId AS atomId, e.EmbeddingVector AS vector
    FROM dbo.AtomEmbedding AS e
    WHERE e.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j)
        AND e.ModelId = @model_id AND e.TenantId = @tenant_id;
END;
GO
