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
CREATE PROCEDURE dbo.usp_active_embedding_model @modality varchar(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT m.ModelId AS modelId, m.Name AS name, m.Dimension AS dimension, m.ArtifactHash AS artifactHash,
        m.Precision AS precision
    FROM dbo.EmbeddingModel AS m WHERE m.Modality = @modality AND m.Active = 1;
END;
GO
CREATE PROCEDURE dbo.usp_deactivate_embedding_models @modality varchar(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.EmbeddingModel SET Active = 0 WHERE Modality = @modality AND Active = 1;
    SELECT @@ROWCOUNT AS rowsChanged;
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
-- A new active model: atoms that another model embedded are embedded again.
CREATE PROCEDURE dbo.usp_requeue_jobs_for_model @modality varchar(32), @model_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE j
    SET j.Status = 'Pending', j.AttemptCount = 0, j.Result = NULL, j.CompletedAt = NULL
    FROM dbo.BackgroundJob AS j
    INNER JOIN dbo.Atom AS a ON a.AtomId = j.AtomId
    WHERE j.JobType = 'GenerateEmbedding' AND j.Status = 'Completed' AND a.Modality = @modality
        AND LTRIM(RTRIM(a.CanonicalText)) <> N''
        AND NOT EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId AND e.ModelId = @model_id);
    SELECT @@ROWCOUNT AS rowsChanged;
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
-- Vectors of a tenant in blocks, for an exact scan in bounded memory.
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
-- Of these atoms, those that a search may show: held by a current source, or inserted by hand.
CREATE PROCEDURE dbo.usp_searchable_atoms @atom_ids nvarchar(max), @tenant_id int, @modality varchar(32)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId
    FROM dbo.Atom AS a
    WHERE a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j) AND a.TenantId = @tenant_id
        AND (@modality IS NULL OR a.Modality = @modality)
        AND (a.InsertedByHand = 1 OR EXISTS (
            SELECT 1 FROM dbo.SourceAtom AS sa INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
            WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized' AND s.SupersededBy IS NULL));
END;
GO
-- Atoms that hold every word (or some word) as a whole word, those with most of them first, the shorter text before the longer one. Letters match
-- whatever their case and accents. It reads every text of the tenant: full-text search is a component that a server need not have.
CREATE PROCEDURE dbo.usp_lexical_matches @words nvarchar(max), @any_word bit, @tenant_id int, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @patterns TABLE (Pattern nvarchar(4000) COLLATE Latin1_General_100_CI_AI NOT NULL);
    INSERT INTO @patterns (Pattern)
    SELECT DISTINCT CONCAT(N'%[^0-9a-z]', REPLACE(REPLACE(REPLACE(REPLACE(CONVERT(nvarchar(1000), j.value), N'~', N'~~'), N'%', N'~%'),
                                                  N'_', N'~_'), N'[', N'~['), N'[^0-9a-z]%') COLLATE Latin1_General_100_CI_AI
    FROM OPENJSON(@words) AS j;
    SELECT TOP (@n) a.AtomId AS atomId, CONVERT(float, COUNT(*)) AS score
    FROM dbo.Atom AS a
    INNER JOIN @patterns AS p ON CONCAT(N' ', a.CanonicalText, N' ') COLLATE Latin1_General_100_CI_AI LIKE p.Pattern ESCAPE N'~'
    WHERE a.TenantId = @tenant_id
    GROUP BY a.AtomId, DATALENGTH(a.CanonicalText)
    HAVING @any_word = 1 OR COUNT(*) = (SELECT COUNT(*) FROM @patterns)
    ORDER BY COUNT(*) DESC, DATALENGTH(a.CanonicalText), a.AtomId;
END;
GO
