-- Claims of sources: of those that are much smaller than one at work, and never of what is finished or given up.

-- Whether among the next @n of those that were never tried one may be claimed that has no more than @most_bytes.
CREATE PROCEDURE dbo.usp_has_smaller_sources @hour char(16), @most_bytes bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (1) 1 AS found
    FROM (SELECT TOP (@n) s.ByteLength
          FROM dbo.Source AS s
          WHERE s.IngestHour = @hour AND s.Status = 'Landed' AND s.AttemptCount = 0
              AND NOT EXISTS (SELECT 1 FROM dbo.Source AS e
                              WHERE e.TenantId = s.TenantId AND e.SourceUriHash = s.SourceUriHash AND e.Version < s.Version
                                  AND e.Status IN ('Landed', 'Atomizing'))
          ORDER BY s.SourceId) AS w
    WHERE w.ByteLength <= @most_bytes;
END;
GO
-- Those that are finished or given up by now are left as they are: who waited for the lock of another's transaction meets what it left.
CREATE OR ALTER PROCEDURE dbo.usp_claim_sources @source_ids nvarchar(max), @owner nvarchar(300), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source
    SET Status = 'Atomizing', LeaseOwner = @owner, LeaseUntil = @lease_until, AttemptCount = AttemptCount + 1
    WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND Status IN ('Landed', 'Atomizing');
    SELECT s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.ContentType AS contentType, s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.MessageId AS messageId,
        s.ReadUri AS readUri, s.BlobKey AS blobKey, s.AttemptCount AS attemptCount, s.ReceivedAt AS receivedAt,
        s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE s.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j)
        AND s.Status = 'Atomizing' AND s.LeaseOwner = @owner;
END;
GO
