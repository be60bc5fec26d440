-- A number above 2147483647 is numeric in T-SQL, which TOP refuses and which makes a numeric of every sum: here it is a bigint.

CREATE OR ALTER PROCEDURE dbo.usp_sources @tenant_id int, @source_id bigint, @source_uri nvarchar(max), @status varchar(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (CASE WHEN @n < 0 THEN CONVERT(bigint, 9223372036854775807) ELSE @n END)
        s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.SupersededBy AS supersededBy, s.ContentType AS contentType, LOWER(CONVERT(char(64), s.ContentHash, 2)) AS contentHash,
        s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.Status AS status, s.AtomizerVersion AS atomizerVersion,
        s.RunId AS runId, s.MessageId AS messageId, s.ReceivedAt AS receivedAt, s.LastSeenAt AS lastSeenAt,
        s.ErrorMessage AS errorMessage, s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE (@tenant_id IS NULL OR s.TenantId = @tenant_id) AND (@source_id IS NULL OR s.SourceId = @source_id)
        AND (@source_uri IS NULL OR s.SourceUriHash = HASHBYTES('SHA2_256', @source_uri))
        AND (@status IS NULL OR s.Status = @status)
    ORDER BY s.SourceId DESC
    OPTION (RECOMPILE);
END;
GO
-- What usp_hour_digests was, in bigint; hartonomous_resources/agreement.py has the same arithmetic.
CREATE OR ALTER PROCEDURE dbo.usp_hour_digests @tenant_id int, @hour char(16), @since datetime2(3), @until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    WITH atoms AS
    (
        SELECT CONVERT(bigint, SUBSTRING(a.ContentHash, 1, 4)) AS Digest
        FROM dbo.Atom AS a
        WHERE a.TenantId = @tenant_id AND a.IngestHour = @hour AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
            AND (EXISTS (SELECT 1 FROM dbo.SourceAtom AS sa INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
                         WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized')
                 OR EXISTS (SELECT 1 FROM dbo.AtomEmbedding AS e WHERE e.AtomId = a.AtomId)
                 OR EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j WHERE j.AtomId = a.AtomId AND j.Status IN ('Completed', 'Failed', 'DeadLettered'))
                 OR EXISTS (SELECT 1 FROM dbo.InferenceAtom AS ia WHERE ia.TenantId = a.TenantId AND ia.AtomHash = a.ContentHash))
    ),
    sources AS
    (
        SELECT s.SourceId, (CONVERT(bigint, SUBSTRING(s.ContentHash, 1, 4)) * 31 + s.SourceId) % CONVERT(bigint, 4294967296) AS Digest
        FROM dbo.Source AS s
        WHERE s.TenantId = @tenant_id AND s.IngestHour = @hour AND s.Status = 'Atomized'
    ),
    edges AS
    (
        SELECT (CONVERT(bigint, SUBSTRING(a.ContentHash, 1, 4)) * 31 + sa.SourceId * 17 + MIN(sa.Ordinal) * 7 + COUNT_BIG(*))
            % CONVERT(bigint, 4294967296) AS Digest
        FROM sources AS s
        INNER JOIN dbo.SourceAtom AS sa ON sa.SourceId = s.SourceId
        INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
        WHERE a.Subtype IS NULL OR a.Subtype <> 'gap'
        GROUP BY sa.SourceId, sa.AtomId, a.ContentHash
    ),
    inferences AS
    (
        SELECT i.InferenceId, CONVERT(bigint, SUBSTRING(HASHBYTES('SHA2_256', i.InferenceId), 1, 4)) AS Digest
        FROM dbo.Inference AS i
        WHERE i.TenantId = @tenant_id AND i.CreatedAt >= @since AND i.CreatedAt < @until
    ),
    uses AS
    (
        SELECT (i.Digest * 31 + CONVERT(bigint, SUBSTRING(ia.AtomHash, 1, 4)) * 17 + MIN(ia.Ordinal) * 7
            + CASE WHEN ia.Role = 'output' THEN 1 ELSE 0 END) % CONVERT(bigint, 4294967296) AS Digest
        FROM inferences AS i
        INNER JOIN dbo.InferenceAtom AS ia ON ia.TenantId = @tenant_id AND ia.InferenceId = i.InferenceId
        INNER JOIN dbo.Atom AS a ON a.TenantId = ia.TenantId AND a.ContentHash = ia.AtomHash
        WHERE a.Subtype IS NULL OR a.Subtype <> 'gap'
        GROUP BY i.InferenceId, i.Digest, ia.Role, ia.AtomHash
    )
    SELECT (SELECT COUNT_BIG(*) FROM atoms) AS atomCount, (SELECT COALESCE(SUM(Digest), 0) FROM atoms) AS atomTotal,
        (SELECT COUNT_BIG(*) FROM sources) AS sourceCount, (SELECT COALESCE(SUM(Digest), 0) FROM sources) AS sourceTotal,
        (SELECT COUNT_BIG(*) FROM edges) AS edgeCount, (SELECT COALESCE(SUM(Digest), 0) FROM edges) AS edgeTotal,
        (SELECT COUNT_BIG(*) FROM inferences) AS inferenceCount, (SELECT COALESCE(SUM(Digest), 0) FROM inferences) AS inferenceTotal,
        (SELECT COUNT_BIG(*) FROM uses) AS useCount, (SELECT COALESCE(SUM(Digest), 0) FROM uses) AS useTotal;
END;
GO
