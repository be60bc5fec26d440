-- The leases of jobs in flight are renewed: a large batch on a slow machine takes longer than one lasts.
CREATE PROCEDURE dbo.usp_renew_job_leases @job_ids nvarchar(max), @owner nvarchar(300), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.BackgroundJob SET LeaseUntil = @lease_until
    WHERE JobId IN (SELECT CONVERT(uniqueidentifier, v.value) FROM OPENJSON(@job_ids) AS v)
        AND LeaseOwner = @owner AND Status = 'InProgress';
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The files below a folder: its uri and / is the first, its uri and the character after / is behind them all. All current sources of the
-- tenant are read: no index has a text of this length.
CREATE PROCEDURE dbo.usp_current_uris_between @tenant_id int, @first_uri nvarchar(max), @last_uri nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceUri AS sourceUri FROM dbo.Source AS s
    WHERE s.TenantId = @tenant_id AND s.SourceUri >= @first_uri AND s.SourceUri < @last_uri AND s.SupersededBy IS NULL
        AND s.Status = 'Atomized';
END;
GO
-- Lists go by pages that say where they end: what comes meanwhile shifts no later page. Of jobs `position` says where each stands.
CREATE OR ALTER PROCEDURE dbo.usp_jobs @tenant_id int, @job_id uniqueidentifier, @status varchar(16), @after varchar(64), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @created datetime2(3) = TRY_CONVERT(datetime2(3), LEFT(@after, 23), 121),
        @id uniqueidentifier = TRY_CONVERT(uniqueidentifier, SUBSTRING(@after, 25, 36));
    SELECT TOP (@n) LOWER(CONVERT(char(36), j.JobId)) AS jobId, j.JobType AS jobType, CONVERT(nvarchar(max), j.Parameters) AS parameters,
        j.AtomId AS atomId, j.ModelId AS modelId, j.TenantId AS tenantId, j.IngestHour AS ingestHour, j.Status AS status,
        j.AttemptCount AS attemptCount, j.MaxAttempts AS maxAttempts, j.Result AS result, j.CreatedAt AS createdAt,
        j.StartedAt AS startedAt, j.CompletedAt AS completedAt,
        CONCAT(CONVERT(char(23), j.CreatedAt, 121), '/', CONVERT(char(36), j.JobId)) AS position
    FROM dbo.BackgroundJob AS j
    WHERE (@tenant_id IS NULL OR j.TenantId = @tenant_id) AND (@job_id IS NULL OR j.JobId = @job_id)
        AND (@status IS NULL OR j.Status = @status)
        AND (@after IS NULL OR j.CreatedAt < @created OR (j.CreatedAt = @created AND j.JobId < @id))
    ORDER BY j.CreatedAt DESC, j.JobId DESC
    OPTION (RECOMPILE);
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_dead_letters @tenant_id int, @dead_letter_id bigint, @after bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) d.DeadLetterId AS deadLetterId, d.Kind AS kind, d.TenantId AS tenantId, d.IngestHour AS ingestHour,
        d.Queue AS queue, d.OrderingKey AS orderingKey, d.MessageId AS messageId, d.SourceId AS sourceId,
        LOWER(CONVERT(char(36), d.JobId)) AS jobId, d.Reason AS reason, d.Body AS body, d.AttemptCount AS attemptCount,
        d.FirstFailedAt AS firstFailedAt, d.LastFailedAt AS lastFailedAt, d.Replay AS replay, d.SeenCount AS seenCount
    FROM dbo.DeadLetter AS d
    WHERE (@tenant_id IS NULL OR d.TenantId = @tenant_id) AND (@dead_letter_id IS NULL OR d.DeadLetterId = @dead_letter_id)
        AND (@after IS NULL OR d.DeadLetterId < @after)
    ORDER BY d.DeadLetterId DESC
    OPTION (RECOMPILE);
END;
GO
-- In the order of an index, from a place on: no more is read than the page holds, and what is of other models.
CREATE PROCEDURE dbo.usp_inference_page @tenant_id int, @model nvarchar(500), @after_time datetime2(3), @after_id nvarchar(200), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT i.InferenceId AS inferenceId, i.TenantId AS tenantId, i.Model AS model, i.Task AS task,
        i.StartedAt AS startedAt, i.DurationMs AS durationMs, i.Metadata AS metadata, i.CreatedAt AS createdAt,
        (SELECT COUNT_BIG(*) FROM dbo.InferenceAtom AS ia
         WHERE ia.TenantId = i.TenantId AND ia.InferenceId = i.InferenceId AND ia.Role = 'input') AS inputAtomCount,
        (SELECT COUNT_BIG(*) FROM dbo.InferenceAtom AS ia
         WHERE ia.TenantId = i.TenantId AND ia.InferenceId = i.InferenceId AND ia.Role = 'output') AS outputAtomCount
    FROM
    (
        SELECT TOP (@n) p.InferenceId, p.TenantId, p.Model, p.Task, p.StartedAt, p.DurationMs, p.Metadata, p.CreatedAt
        FROM dbo.Inference AS p
        WHERE p.TenantId = @tenant_id AND (@model IS NULL OR p.Model = @model)
            AND (@after_time IS NULL OR p.CreatedAt < @after_time OR (p.CreatedAt = @after_time AND p.InferenceId < @after_id))
        ORDER BY p.CreatedAt DESC, p.InferenceId DESC
    ) AS i
    ORDER BY i.CreatedAt DESC, i.InferenceId DESC
    OPTION (RECOMPILE);
END;
GO
-- Where an atom occurs in sources that count for search, from a place on: read in the order of an index, and no further than the page goes.
CREATE PROCEDURE dbo.usp_places_after @atom_id bigint, @tenant_id int, @source_id bigint, @role varchar(8), @ordinal bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) sa.AtomId AS atomId, s.SourceId AS sourceId, s.SourceUri AS sourceUri, sa.Role AS role, sa.Ordinal AS ordinal,
        sa.ByteOffset AS byteOffset, sa.ByteLength AS byteLength, sa.Locator AS locator
    FROM dbo.SourceAtom AS sa
    INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
    WHERE sa.AtomId = @atom_id AND s.TenantId = @tenant_id AND s.Status = 'Atomized' AND s.SupersededBy IS NULL
        AND sa.SourceId >= @source_id
        AND (sa.SourceId > @source_id OR sa.Role > @role OR (sa.Role = @role AND sa.Ordinal > @ordinal))
    ORDER BY sa.SourceId, sa.Role, sa.Ordinal;
END;
GO
