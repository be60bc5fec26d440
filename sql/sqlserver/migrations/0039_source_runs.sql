-- Each run that wrote atoms of a source: Source knew but the last one that took it on, and a source that was resumed lost its first.

CREATE TABLE dbo.SourceRun
(
    SourceId bigint NOT NULL CONSTRAINT FK_SourceRun_Source REFERENCES dbo.Source (SourceId) ON DELETE CASCADE,
    RunId varchar(64) NOT NULL,
    CONSTRAINT PK_SourceRun PRIMARY KEY CLUSTERED (SourceId, RunId)
);
GO
INSERT INTO dbo.SourceRun (SourceId, RunId)
SELECT s.SourceId, s.RunId FROM dbo.Source AS s WHERE s.RunId IS NOT NULL;
GO
CREATE PROCEDURE dbo.usp_record_source_run @source_id bigint, @run_id varchar(64)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.SourceRun (SourceId, RunId)
    SELECT @source_id, @run_id
    WHERE NOT EXISTS (SELECT 1 FROM dbo.SourceRun AS r WHERE r.SourceId = @source_id AND r.RunId = @run_id);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The runs that wrote atoms of these sources.
CREATE PROCEDURE dbo.usp_source_runs @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT r.SourceId AS sourceId, r.RunId AS runId
    FROM dbo.SourceRun AS r
    WHERE r.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j)
    ORDER BY r.SourceId, r.RunId;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_claim_sources @source_ids nvarchar(max), @owner nvarchar(300), @lease_until datetime2(3)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE dbo.Source
    SET Status = 'Atomizing', LeaseOwner = @owner, LeaseUntil = @lease_until, AttemptCount = AttemptCount + 1
    WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
    SELECT s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.ContentType AS contentType, s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.MessageId AS messageId,
        s.ReadUri AS readUri, s.BlobKey AS blobKey, s.AttemptCount AS attemptCount, s.ReceivedAt AS receivedAt,
        s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE s.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_sources @tenant_id int, @source_id bigint, @source_uri nvarchar(max), @status varchar(16), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT TOP (CASE WHEN @n < 0 THEN CONVERT(bigint, 9223372036854775807) ELSE @n END)
        s.SourceId AS sourceId, s.TenantId AS tenantId, s.SourceUri AS sourceUri, s.Version AS version,
        s.SupersededBy AS supersededBy, s.ContentType AS contentType, LOWER(CONVERT(char(64), s.ContentHash, 2)) AS contentHash,
        s.ByteLength AS byteLength, s.IngestHour AS ingestHour, s.Status AS status, s.AtomizerVersion AS atomizerVersion,
        s.MessageId AS messageId, s.ReceivedAt AS receivedAt, s.LastSeenAt AS lastSeenAt,
        s.ErrorMessage AS errorMessage, s.Metadata AS metadata
    FROM dbo.Source AS s
    WHERE (@tenant_id IS NULL OR s.TenantId = @tenant_id) AND (@source_id IS NULL OR s.SourceId = @source_id)
        AND (@source_uri IS NULL OR s.SourceUriHash = HASHBYTES('SHA2_256', @source_uri))
        AND (@status IS NULL OR s.Status = @status)
    ORDER BY s.SourceId DESC
    OPTION (RECOMPILE);
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_graph_sources @tenant_id int, @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT s.SourceId AS sourceId, s.SourceUri AS sourceUri, s.Version AS version, s.ContentType AS contentType,
        LOWER(CONVERT(char(64), s.ContentHash, 2)) AS contentHash, s.ByteLength AS byteLength,
        s.ReceivedAt AS receivedAt, s.IngestHour AS ingestHour, s.SupersededBy AS supersededBy
    FROM dbo.Source AS s
    WHERE s.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j) AND s.TenantId = @tenant_id
        AND s.Status = 'Atomized';
END;
GO
ALTER TABLE dbo.Source DROP COLUMN RunId;
GO
-- The source that this one was found in, such as the archive of a file. No cascade: a table cannot cascade to itself.
ALTER TABLE dbo.Source ADD ParentSourceId bigint NULL CONSTRAINT FK_Source_Parent REFERENCES dbo.Source (SourceId);
GO
CREATE INDEX IX_Source_Parent ON dbo.Source (ParentSourceId) WHERE ParentSourceId IS NOT NULL;
GO
-- One that took the place of another stays, and so does one that others were found in: those point at it.
CREATE OR ALTER PROCEDURE dbo.usp_delete_source @source_id bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.Source
    WHERE SourceId = @source_id AND NOT EXISTS (SELECT 1 FROM dbo.Source AS o WHERE o.SupersededBy = @source_id)
        AND NOT EXISTS (SELECT 1 FROM dbo.Source AS c WHERE c.ParentSourceId = @source_id);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- Which atoms of a source a derived one was made from. Our own writes remove the rows of a source before its atoms can go.
CREATE TABLE dbo.AtomDerivation
(
    SourceId bigint NOT NULL CONSTRAINT FK_AtomDerivation_Source REFERENCES dbo.Source (SourceId) ON DELETE CASCADE,
    DerivedAtomId bigint NOT NULL CONSTRAINT FK_AtomDerivation_Derived REFERENCES dbo.Atom (AtomId),
    FromAtomId bigint NOT NULL CONSTRAINT FK_AtomDerivation_From REFERENCES dbo.Atom (AtomId),
    CONSTRAINT PK_AtomDerivation PRIMARY KEY CLUSTERED (SourceId, DerivedAtomId, FromAtomId) WITH (DATA_COMPRESSION = PAGE)
);
GO
CREATE INDEX IX_AtomDerivation_Derived ON dbo.AtomDerivation (DerivedAtomId);
CREATE INDEX IX_AtomDerivation_From ON dbo.AtomDerivation (FromAtomId);
GO
CREATE OR ALTER PROCEDURE dbo.usp_remove_references @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE a
    SET a.ReferenceCount = a.ReferenceCount - n.Occurrences
    FROM dbo.Atom AS a
    INNER JOIN (SELECT sa.AtomId, COUNT_BIG(*) AS Occurrences FROM dbo.SourceAtom AS sa
                WHERE sa.SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j)
                GROUP BY sa.AtomId) AS n ON n.AtomId = a.AtomId;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE OR ALTER PROCEDURE dbo.usp_delete_source_atoms @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.SourceAtom WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
CREATE PROCEDURE dbo.usp_delete_source_derivations @source_ids nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DELETE FROM dbo.AtomDerivation WHERE SourceId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@source_ids) AS j);
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
