-- What Dagster's page shows of an hour: its dead letters, and since when work has been waiting. A message that still lies in Service
-- Broker's own queue counts from when it is moved.

CREATE PROCEDURE dbo.usp_dead_letters_of_hour @hour char(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (@n) d.DeadLetterId AS deadLetterId, d.Kind AS kind, d.TenantId AS tenantId, d.Reason AS reason,
        d.AttemptCount AS attemptCount
    FROM dbo.DeadLetter AS d
    WHERE d.IngestHour = @hour
    ORDER BY d.DeadLetterId DESC;
END;
GO
CREATE PROCEDURE dbo.usp_oldest_pending @hour char(16)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT
        (SELECT TOP (1) q.EnqueuedAt FROM dbo.QueueMessage AS q WHERE q.Queue = 'IngestionQueue' ORDER BY q.Sequence) AS sources,
        (SELECT MIN(s.ReceivedAt) FROM dbo.Source AS s
         WHERE s.IngestHour = @hour AND s.Status IN ('Landed', 'Atomizing')) AS atoms,
        (SELECT MIN(j.CreatedAt) FROM dbo.BackgroundJob AS j
         WHERE j.IngestHour = @hour AND j.Status IN ('Pending', 'InProgress') AND j.JobType = 'GenerateEmbedding')
            AS atom_embeddings,
        (SELECT MIN(e.CreatedAt) FROM dbo.AtomEmbedding AS e INNER JOIN dbo.EmbeddingModel AS m ON m.ModelId = e.ModelId
         WHERE e.IngestHour = @hour AND e.ProjectionModelId IS NULL AND m.Active = 1) AS atom_projections,
        (SELECT TOP (1) q.EnqueuedAt FROM dbo.QueueMessage AS q WHERE q.Queue = 'ProvenanceQueue' ORDER BY q.Sequence) AS provenance_graph;
END;
GO
