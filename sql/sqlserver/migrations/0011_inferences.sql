-- Inferences as applications record them: what was given to which model, and what it answered.

-- What is recorded of an inference, before more is. Nobody else records it until the transaction ends.
CREATE PROCEDURE dbo.usp_inference_to_record @tenant_id int, @inference_id nvarchar(200)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT i.Model AS model, i.Task AS task, i.StartedAt AS startedAt, i.DurationMs AS durationMs, i.Metadata AS metadata
    FROM dbo.Inference AS i WITH (UPDLOCK, SERIALIZABLE)
    WHERE i.TenantId = @tenant_id AND i.InferenceId = @inference_id;
END;
GO
-- What is recorded stays; what is not yet is added.
CREATE PROCEDURE dbo.usp_record_inference
    @inference_id nvarchar(200), @tenant_id int, @model nvarchar(500), @task nvarchar(max), @started_at nvarchar(64),
    @duration_ms bigint, @metadata nvarchar(max), @now datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.Inference (InferenceId, TenantId, Model, Task, StartedAt, DurationMs, Metadata, CreatedAt)
    SELECT @inference_id, @tenant_id, @model, @task, @started_at, @duration_ms, @metadata, @now
    WHERE NOT EXISTS (SELECT 1 FROM dbo.Inference AS i WITH (UPDLOCK, SERIALIZABLE)
                      WHERE i.TenantId = @tenant_id AND i.InferenceId = @inference_id);
    UPDATE dbo.Inference
    SET Task = COALESCE(Task, @task), StartedAt = COALESCE(StartedAt, @started_at),
        DurationMs = COALESCE(DurationMs, @duration_ms), Metadata = CASE WHEN Metadata = N'{}' THEN @metadata ELSE Metadata END
    WHERE TenantId = @tenant_id AND InferenceId = @inference_id;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_insert_inference_atom @rows dbo.InferenceAtomRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash)
    SELECT r.TenantId, r.InferenceId, r.Role, r.Ordinal, r.AtomHash
    FROM @rows AS r
    WHERE NOT EXISTS (SELECT 1 FROM dbo.InferenceAtom AS i WITH (UPDLOCK, SERIALIZABLE)
                      WHERE i.TenantId = r.TenantId AND i.InferenceId = r.InferenceId AND i.Role = r.Role
                          AND i.Ordinal = r.Ordinal);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The atoms that an inference names, in order; atomId is NULL for one that the tenant does not have.
CREATE PROCEDURE dbo.usp_inference_atoms @tenant_id int, @inference_id nvarchar(200)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT ia.Role AS role, LOWER(CONVERT(char(64), ia.AtomHash, 2)) AS atomHash, a.AtomId AS atomId
    FROM dbo.InferenceAtom AS ia
    LEFT JOIN dbo.Atom AS a ON a.TenantId = ia.TenantId AND a.ContentHash = ia.AtomHash
    WHERE ia.TenantId = @tenant_id AND ia.InferenceId = @inference_id
    ORDER BY ia.Role, ia.Ordinal;
END;
GO
-- An answer, kept whatever becomes of a source with the same text. The trigger asks for its embedding. Bytes first seen as a chunk
-- or a gap turn into text, which is then their only copy.
CREATE PROCEDURE dbo.usp_insert_produced_atom @tenant_id int, @content_hash binary(32), @text nvarchar(max)
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

    DECLARE @changed int;
    INSERT INTO dbo.Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, ContentType, InsertedByHand)
    SELECT @tenant_id, 'text', 'answer', @content_hash, @text, N'text/plain', 1
    WHERE NOT EXISTS (SELECT 1 FROM dbo.Atom AS a WITH (UPDLOCK)
                      WHERE a.TenantId = @tenant_id AND a.ContentHash = @content_hash);
    SET @changed = @@ROWCOUNT;
    UPDATE dbo.Atom SET InsertedByHand = 1 WHERE TenantId = @tenant_id AND ContentHash = @content_hash AND InsertedByHand = 0;
    SET @changed = @changed + @@ROWCOUNT;
    UPDATE dbo.Atom
    SET Modality = 'text', Subtype = 'answer', ContentType = N'text/plain', CanonicalText = @text, AtomicValue = NULL
    WHERE TenantId = @tenant_id AND ContentHash = @content_hash AND CanonicalText IS NULL
        AND (Modality = 'binary' OR Subtype = 'gap');
    SELECT @changed + @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_inference @tenant_id int, @inference_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT i.InferenceId AS inferenceId, i.Model AS model, i.Task AS task, i.StartedAt AS startedAt, i.DurationMs AS durationMs,
        i.CreatedAt AS createdAt
    FROM dbo.Inference AS i
    WHERE i.TenantId = @tenant_id
        AND i.InferenceId IN (SELECT CONVERT(nvarchar(200), j.value) COLLATE Latin1_General_100_BIN2
                              FROM OPENJSON(@inference_ids) AS j);
END;
GO
CREATE PROCEDURE dbo.usp_inferences @tenant_id int, @inference_id nvarchar(200), @model nvarchar(500), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) i.InferenceId AS inferenceId, i.TenantId AS tenantId, i.Model AS model, i.Task AS task,
        i.StartedAt AS startedAt, i.DurationMs AS durationMs, i.Metadata AS metadata, i.CreatedAt AS createdAt,
        (SELECT COUNT_BIG(*) FROM dbo.InferenceAtom AS ia
         WHERE ia.TenantId = i.TenantId AND ia.InferenceId = i.InferenceId AND ia.Role = 'input') AS inputAtomCount,
        (SELECT COUNT_BIG(*) FROM dbo.InferenceAtom AS ia
         WHERE ia.TenantId = i.TenantId AND ia.InferenceId = i.InferenceId AND ia.Role = 'output') AS outputAtomCount
    FROM dbo.Inference AS i
    WHERE (@tenant_id IS NULL OR i.TenantId = @tenant_id) AND (@inference_id IS NULL OR i.InferenceId = @inference_id)
        AND (@model IS NULL OR i.Model = @model)
    ORDER BY i.CreatedAt DESC, i.InferenceId DESC;
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
-- Inferences that named these atoms, perhaps before the atoms were here.
CREATE PROCEDURE dbo.usp_inferences_of_atoms @tenant_id int, @atom_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT i.InferenceId AS inferenceId, ia.Role AS role, LOWER(CONVERT(char(64), ia.AtomHash, 2)) AS atomHash,
        MIN(ia.Ordinal) AS firstOrdinal, i.CreatedAt AS createdAt
    FROM dbo.Atom AS a
    INNER JOIN dbo.InferenceAtom AS ia ON ia.TenantId = a.TenantId AND ia.AtomHash = a.ContentHash
    INNER JOIN dbo.Inference AS i ON i.TenantId = ia.TenantId AND i.InferenceId = ia.InferenceId
    WHERE a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@atom_ids) AS j) AND a.TenantId = @tenant_id
    GROUP BY i.InferenceId, i.CreatedAt, ia.Role, ia.AtomHash;
END;
GO
-- Those that are here, and what they did with them.
CREATE PROCEDURE dbo.usp_atoms_of_inferences @tenant_id int, @inference_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT a.AtomId AS atomId, i.InferenceId AS inferenceId, ia.Role AS role,
        LOWER(CONVERT(char(64), ia.AtomHash, 2)) AS atomHash, MIN(ia.Ordinal) AS firstOrdinal, i.CreatedAt AS createdAt
    FROM dbo.Inference AS i
    INNER JOIN dbo.InferenceAtom AS ia ON ia.TenantId = i.TenantId AND ia.InferenceId = i.InferenceId
    INNER JOIN dbo.Atom AS a ON a.TenantId = ia.TenantId AND a.ContentHash = ia.AtomHash
    WHERE i.TenantId = @tenant_id
        AND i.InferenceId IN (SELECT CONVERT(nvarchar(200), j.value) COLLATE Latin1_General_100_BIN2
                              FROM OPENJSON(@inference_ids) AS j)
    GROUP BY a.AtomId, i.InferenceId, ia.Role, ia.AtomHash, i.CreatedAt;
END;
GO
