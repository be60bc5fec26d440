-- The provenance graph is these views: nothing is written for it, and nothing can disagree with the tables. docs/lineage.md says how to ask.
-- They have the names, columns and numbers of sql/sqlite/migrations/0008_graph_views.sql, where more is said of them.

-- Numbers for what tables know by name alone: runs by their ids, models by the hash of their artifact or by what an inference calls them.
-- They stay: what a run made outlives what Dagster keeps of it.
CREATE TABLE dbo.GraphName
(
    Number bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_GraphName PRIMARY KEY CLUSTERED,
    Label varchar(16) NOT NULL CONSTRAINT CK_GraphName_Label CHECK (Label IN ('Run', 'Model')),
    Name nvarchar(500) COLLATE Latin1_General_100_BIN2 NOT NULL,
    CONSTRAINT UQ_GraphName UNIQUE NONCLUSTERED (Label, Name)
);
GO
-- Every tenant that has or had anything.
CREATE TABLE dbo.KnownTenant
(
    TenantId int NOT NULL CONSTRAINT PK_KnownTenant PRIMARY KEY CLUSTERED
);
GO
ALTER TABLE dbo.Inference ADD InferenceNumber bigint IDENTITY(1, 1) NOT NULL CONSTRAINT UQ_Inference_Number UNIQUE NONCLUSTERED,
    IngestHour char(16) NULL;
GO
UPDATE dbo.Inference SET IngestHour = STUFF(CONVERT(char(13), CreatedAt, 126), 11, 1, '-') + ':00';
GO
CREATE INDEX IX_Inference_Hour ON dbo.Inference (IngestHour, TenantId, InferenceNumber);
CREATE INDEX IX_Inference_Model ON dbo.Inference (Model, TenantId);
GO
-- Names as GraphName has them: between two types or collations an index finds nothing.
ALTER TABLE dbo.SourceRun ADD RunName AS CONVERT(nvarchar(500), RunId) COLLATE Latin1_General_100_BIN2;
GO
ALTER TABLE dbo.EmbeddingModel ADD ArtifactName AS CONVERT(nvarchar(500), ArtifactHash) COLLATE Latin1_General_100_BIN2;
GO
ALTER TABLE dbo.ProjectionModel ADD ArtifactName AS CONVERT(nvarchar(500), ArtifactHash) COLLATE Latin1_General_100_BIN2;
GO
CREATE INDEX IX_SourceRun_Run ON dbo.SourceRun (RunName);
CREATE INDEX IX_EmbeddingModel_Artifact ON dbo.EmbeddingModel (ArtifactName);
CREATE INDEX IX_ProjectionModel_Artifact ON dbo.ProjectionModel (ArtifactName);
CREATE INDEX IX_AtomEmbedding_Projection ON dbo.AtomEmbedding (ProjectionModelId, TenantId);
GO
INSERT INTO dbo.GraphName (Label, Name) SELECT DISTINCT 'Run', r.RunName FROM dbo.SourceRun AS r;
INSERT INTO dbo.GraphName (Label, Name)
SELECT 'Model', m.ArtifactName FROM dbo.EmbeddingModel AS m
UNION SELECT 'Model', p.ArtifactName FROM dbo.ProjectionModel AS p
UNION SELECT 'Model', i.Model FROM dbo.Inference AS i;
INSERT INTO dbo.KnownTenant (TenantId)
SELECT s.TenantId FROM dbo.Source AS s
UNION SELECT a.TenantId FROM dbo.Atom AS a
UNION SELECT i.TenantId FROM dbo.Inference AS i;
GO
-- What is there already, and nearly always it is, is found without a lock.
CREATE TRIGGER dbo.SourceRun_Named ON dbo.SourceRun AFTER INSERT
AS
BEGIN
    SET NOCOUNT ON;
    IF EXISTS (SELECT 1 FROM inserted AS i
               WHERE NOT EXISTS (SELECT 1 FROM dbo.GraphName AS n WHERE n.Label = 'Run' AND n.Name = i.RunName))
        INSERT INTO dbo.GraphName (Label, Name)
        SELECT DISTINCT 'Run', i.RunName FROM inserted AS i
        WHERE NOT EXISTS (SELECT 1 FROM dbo.GraphName AS n WITH (UPDLOCK, SERIALIZABLE) WHERE n.Label = 'Run' AND n.Name = i.RunName);
END;
GO
CREATE TRIGGER dbo.EmbeddingModel_Named ON dbo.EmbeddingModel AFTER INSERT
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.GraphName (Label, Name)
    SELECT DISTINCT 'Model', i.ArtifactName FROM inserted AS i
    WHERE NOT EXISTS (SELECT 1 FROM dbo.GraphName AS n WITH (UPDLOCK, SERIALIZABLE) WHERE n.Label = 'Model' AND n.Name = i.ArtifactName);
END;
GO
CREATE TRIGGER dbo.ProjectionModel_Named ON dbo.ProjectionModel AFTER INSERT
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.GraphName (Label, Name)
    SELECT DISTINCT 'Model', i.ArtifactName FROM inserted AS i
    WHERE NOT EXISTS (SELECT 1 FROM dbo.GraphName AS n WITH (UPDLOCK, SERIALIZABLE) WHERE n.Label = 'Model' AND n.Name = i.ArtifactName);
END;
GO
CREATE TRIGGER dbo.Inference_Named ON dbo.Inference AFTER INSERT
AS
BEGIN
    SET NOCOUNT ON;
    IF EXISTS (SELECT 1 FROM inserted AS i
               WHERE NOT EXISTS (SELECT 1 FROM dbo.GraphName AS n WHERE n.Label = 'Model' AND n.Name = i.Model))
        INSERT INTO dbo.GraphName (Label, Name)
        SELECT DISTINCT 'Model', i.Model FROM inserted AS i
        WHERE NOT EXISTS (SELECT 1 FROM dbo.GraphName AS n WITH (UPDLOCK, SERIALIZABLE) WHERE n.Label = 'Model' AND n.Name = i.Model);
    IF EXISTS (SELECT 1 FROM inserted AS i WHERE NOT EXISTS (SELECT 1 FROM dbo.KnownTenant AS t WHERE t.TenantId = i.TenantId))
        INSERT INTO dbo.KnownTenant (TenantId)
        SELECT DISTINCT i.TenantId FROM inserted AS i
        WHERE NOT EXISTS (SELECT 1 FROM dbo.KnownTenant AS t WITH (UPDLOCK, SERIALIZABLE) WHERE t.TenantId = i.TenantId);
END;
GO
CREATE TRIGGER dbo.Source_KnownTenant ON dbo.Source AFTER INSERT
AS
BEGIN
    SET NOCOUNT ON;
    IF EXISTS (SELECT 1 FROM inserted AS i WHERE NOT EXISTS (SELECT 1 FROM dbo.KnownTenant AS t WHERE t.TenantId = i.TenantId))
        INSERT INTO dbo.KnownTenant (TenantId)
        SELECT DISTINCT i.TenantId FROM inserted AS i
        WHERE NOT EXISTS (SELECT 1 FROM dbo.KnownTenant AS t WITH (UPDLOCK, SERIALIZABLE) WHERE t.TenantId = i.TenantId);
END;
GO
-- No stage tells of an atom that somebody inserts, or deletes: the event exists the moment the statement commits, as its job does. It names
-- up to 1,000 atoms, as those of the program do. As the owner: whoever may insert an atom need not have a right on our types.
CREATE TRIGGER dbo.Atom_ByHandAnnounced ON dbo.Atom WITH EXECUTE AS OWNER AFTER INSERT, DELETE
AS
BEGIN
    SET NOCOUNT ON;
    IF NOT EXISTS (SELECT 1 FROM inserted AS i WHERE i.InsertedByHand = 1)
        AND NOT EXISTS (SELECT 1 FROM deleted AS d WHERE d.InsertedByHand = 1)
        RETURN;
    IF EXISTS (SELECT 1 FROM inserted AS i
               WHERE i.InsertedByHand = 1 AND NOT EXISTS (SELECT 1 FROM dbo.KnownTenant AS t WHERE t.TenantId = i.TenantId))
        INSERT INTO dbo.KnownTenant (TenantId)
        SELECT DISTINCT i.TenantId FROM inserted AS i
        WHERE i.InsertedByHand = 1
            AND NOT EXISTS (SELECT 1 FROM dbo.KnownTenant AS t WITH (UPDLOCK, SERIALIZABLE) WHERE t.TenantId = i.TenantId);
    DECLARE @messages dbo.MessageRows;
    INSERT INTO @messages (Ordinal, MessageId, OrderingKey, Body)
    SELECT ROW_NUMBER() OVER (ORDER BY p.TenantId, p.Part), LOWER(CONVERT(char(36), NEWID())), CONVERT(nvarchar(11), p.TenantId),
        CONVERT(varbinary(max), CONCAT('{"eventType": "AtomsCreated", "tenantId": ', p.TenantId, ', "atomIds": [',
                                       STRING_AGG(CONVERT(varchar(max), p.AtomId), ', ') WITHIN GROUP (ORDER BY p.AtomId), ']}'))
    FROM (SELECT h.TenantId, h.AtomId, (ROW_NUMBER() OVER (PARTITION BY h.TenantId ORDER BY h.AtomId) - 1) / 1000 AS Part
          FROM (SELECT i.TenantId, i.AtomId FROM inserted AS i WHERE i.InsertedByHand = 1
                UNION ALL
                SELECT d.TenantId, d.AtomId FROM deleted AS d WHERE d.InsertedByHand = 1) AS h) AS p
    GROUP BY p.TenantId, p.Part;
    EXEC dbo.usp_enqueue @queue = 'ProvenanceQueue', @messages = @messages;
END;
GO
CREATE VIEW dbo.GraphAtom
AS
SELECT a.TenantId, 'Atom' AS Label, a.AtomId AS Number, LOWER(CONVERT(char(64), a.ContentHash, 2)) AS [Key], a.IngestHour, a.CreatedAt AS Since,
    a.AtomId * 31 % CONVERT(bigint, 4294967296) AS Digest,
    a.AtomId, LOWER(CONVERT(char(64), a.ContentHash, 2)) AS AtomHash, a.Modality, a.Subtype, a.ContentType, a.CreatedAt
FROM dbo.Atom AS a
WHERE (a.Subtype IS NULL OR a.Subtype <> 'gap')
    AND (a.InsertedByHand = 1
         OR EXISTS (SELECT 1 FROM dbo.SourceAtom AS sa INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
                    WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized'));
GO
CREATE VIEW dbo.GraphSource
AS
SELECT s.TenantId, 'Source' AS Label, s.SourceId AS Number, CONVERT(varchar(20), s.SourceId) AS [Key], s.IngestHour, s.ReceivedAt AS Since,
    (s.SourceId * 31 + COALESCE(s.SupersededBy, 0)) % CONVERT(bigint, 4294967296) AS Digest,
    s.SourceId, s.SourceUri, s.Version, s.ContentType, LOWER(CONVERT(char(64), s.ContentHash, 2)) AS ContentHash, s.ByteLength, s.ReceivedAt,
    s.SupersededBy
FROM dbo.Source AS s
WHERE s.Status = 'Atomized';
GO
CREATE VIEW dbo.GraphRun
AS
SELECT t.TenantId, 'Run' AS Label, n.Number, n.Name AS [Key], CONVERT(char(16), NULL) AS IngestHour, CONVERT(datetime2(3), NULL) AS Since,
    n.Number * 31 % CONVERT(bigint, 4294967296) AS Digest, n.Name AS RunId
FROM dbo.GraphName AS n
CROSS JOIN dbo.KnownTenant AS t
WHERE n.Label = 'Run'
    AND EXISTS (SELECT 1 FROM dbo.SourceRun AS r INNER JOIN dbo.Source AS s ON s.SourceId = r.SourceId
                WHERE r.RunName = n.Name AND s.TenantId = t.TenantId AND s.Status = 'Atomized');
GO
-- A model that embeds, one that projects, or one that only inferences know. Of several with one artifact the node says the first.
-- A projection that another took the place of stays while anything is where it placed it.
CREATE VIEW dbo.GraphModel
AS
SELECT t.TenantId, 'Model' AS Label, n.Number, n.Name AS [Key], CONVERT(char(16), NULL) AS IngestHour, CONVERT(datetime2(3), NULL) AS Since,
    n.Number * 31 % CONVERT(bigint, 4294967296) AS Digest,
    CASE WHEN m.ModelId IS NOT NULL THEN 'embedding' WHEN p.ProjectionModelId IS NOT NULL THEN 'projection' END AS Kind,
    m.ModelId, p.ProjectionModelId,
    COALESCE(m.Name COLLATE Latin1_General_100_BIN2, p.Method COLLATE Latin1_General_100_BIN2, n.Name) AS Name,
    m.Precision, COALESCE(m.ArtifactHash, p.ArtifactHash) AS ArtifactHash, m.Dimension
FROM dbo.GraphName AS n
CROSS JOIN dbo.KnownTenant AS t
OUTER APPLY (SELECT TOP (1) f.ModelId, f.Name, f.Precision, f.ArtifactHash, f.Dimension FROM dbo.EmbeddingModel AS f
             WHERE f.ArtifactName = n.Name ORDER BY f.ModelId) AS m
OUTER APPLY (SELECT TOP (1) f.ProjectionModelId, f.Method, f.ArtifactHash FROM dbo.ProjectionModel AS f
             WHERE f.ArtifactName = n.Name ORDER BY f.ProjectionModelId) AS p
WHERE n.Label = 'Model'
    AND (EXISTS (SELECT 1 FROM dbo.EmbeddingModel AS o
                 INNER JOIN dbo.AtomEmbedding AS e ON e.TenantId = t.TenantId AND e.ModelId = o.ModelId
                 INNER JOIN dbo.GraphAtom AS a ON a.Number = e.AtomId
                 WHERE o.ArtifactName = n.Name)
         OR EXISTS (SELECT 1 FROM dbo.ProjectionModel AS o
                    INNER JOIN dbo.AtomEmbedding AS e ON e.TenantId = t.TenantId AND e.ModelId = o.ModelId
                        AND e.ProjectionModelId = o.ProjectionModelId
                    INNER JOIN dbo.GraphAtom AS a ON a.Number = e.AtomId
                    WHERE o.ArtifactName = n.Name)
         OR EXISTS (SELECT 1 FROM dbo.Inference AS i WHERE i.Model = n.Name AND i.TenantId = t.TenantId));
GO
CREATE VIEW dbo.GraphInference
AS
SELECT i.TenantId, 'Inference' AS Label, i.InferenceNumber AS Number, i.InferenceId AS [Key], i.IngestHour, i.CreatedAt AS Since,
    i.InferenceNumber * 31 % CONVERT(bigint, 4294967296) AS Digest,
    i.InferenceId, i.Model, i.Task, i.StartedAt, i.DurationMs, i.CreatedAt
FROM dbo.Inference AS i;
GO
CREATE VIEW dbo.GraphTenant
AS
SELECT t.TenantId, 'Tenant' AS Label, CONVERT(bigint, t.TenantId) AS Number, CONVERT(varchar(20), t.TenantId) AS [Key],
    CONVERT(char(16), NULL) AS IngestHour, CONVERT(datetime2(3), NULL) AS Since,
    CONVERT(bigint, t.TenantId) * 31 % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.KnownTenant AS t
WHERE EXISTS (SELECT 1 FROM dbo.Source AS s WHERE s.TenantId = t.TenantId AND s.Status = 'Atomized');
GO
-- One row for each pair, however often the atom stands in the source. Grouped before it is joined: so an index has the pairs in order.
CREATE VIEW dbo.Atom_INGESTED_FROM_Source
AS
SELECT s.TenantId, 'Atom' AS FromLabel, p.AtomId AS FromNumber, 'Source' AS ToLabel, p.SourceId AS ToNumber, s.IngestHour,
    s.ReceivedAt AS Since,
    (p.AtomId % CONVERT(bigint, 2147483648) * (p.SourceId % 2147483629) + p.FirstOrdinal * 7 + p.Count) % CONVERT(bigint, 4294967296) AS Digest,
    p.FirstOrdinal, p.Count
FROM (SELECT sa.AtomId, sa.SourceId, MIN(sa.Ordinal) AS FirstOrdinal, COUNT_BIG(*) AS Count
      FROM dbo.SourceAtom AS sa
      GROUP BY sa.AtomId, sa.SourceId) AS p
INNER JOIN dbo.Source AS s ON s.SourceId = p.SourceId
INNER JOIN dbo.Atom AS a ON a.AtomId = p.AtomId
WHERE s.Status = 'Atomized' AND (a.Subtype IS NULL OR a.Subtype <> 'gap');
GO
CREATE VIEW dbo.Atom_DERIVED_FROM_Atom
AS
SELECT s.TenantId, 'Atom' AS FromLabel, d.DerivedAtomId AS FromNumber, 'Atom' AS ToLabel, d.FromAtomId AS ToNumber, a.IngestHour,
    MIN(s.ReceivedAt) AS Since,
    d.DerivedAtomId % CONVERT(bigint, 2147483648) * (d.FromAtomId % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.AtomDerivation AS d
INNER JOIN dbo.Source AS s ON s.SourceId = d.SourceId
INNER JOIN dbo.GraphAtom AS a ON a.Number = d.DerivedAtomId
INNER JOIN dbo.GraphAtom AS b ON b.Number = d.FromAtomId
WHERE s.Status = 'Atomized'
GROUP BY d.DerivedAtomId, d.FromAtomId, s.TenantId, a.IngestHour;
GO
CREATE VIEW dbo.Source_DERIVED_FROM_Source
AS
SELECT s.TenantId, 'Source' AS FromLabel, s.SourceId AS FromNumber, 'Source' AS ToLabel, p.SourceId AS ToNumber, s.IngestHour,
    s.ReceivedAt AS Since,
    s.SourceId % CONVERT(bigint, 2147483648) * (p.SourceId % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.Source AS s
INNER JOIN dbo.Source AS p ON p.SourceId = s.ParentSourceId
WHERE s.Status = 'Atomized' AND p.Status = 'Atomized';
GO
-- An atom that stands in several sources of a run was made by it once.
CREATE VIEW dbo.Atom_GENERATED_BY_Run
AS
SELECT s.TenantId, 'Atom' AS FromLabel, sa.AtomId AS FromNumber, 'Run' AS ToLabel, n.Number AS ToNumber, a.IngestHour,
    MIN(s.ReceivedAt) AS Since,
    sa.AtomId % CONVERT(bigint, 2147483648) * (n.Number % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.SourceAtom AS sa
INNER JOIN dbo.Source AS s ON s.SourceId = sa.SourceId
INNER JOIN dbo.Atom AS a ON a.AtomId = sa.AtomId
INNER JOIN dbo.SourceRun AS r ON r.SourceId = sa.SourceId
INNER JOIN dbo.GraphName AS n ON n.Label = 'Run' AND n.Name = r.RunName
WHERE s.Status = 'Atomized' AND (a.Subtype IS NULL OR a.Subtype <> 'gap')
GROUP BY sa.AtomId, n.Number, s.TenantId, a.IngestHour;
GO
CREATE VIEW dbo.Source_GENERATED_BY_Run
AS
SELECT s.TenantId, 'Source' AS FromLabel, s.SourceId AS FromNumber, 'Run' AS ToLabel, n.Number AS ToNumber, s.IngestHour,
    s.ReceivedAt AS Since,
    s.SourceId % CONVERT(bigint, 2147483648) * (n.Number % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.SourceRun AS r
INNER JOIN dbo.Source AS s ON s.SourceId = r.SourceId
INNER JOIN dbo.GraphName AS n ON n.Label = 'Run' AND n.Name = r.RunName
WHERE s.Status = 'Atomized';
GO
-- RunId: of the run that embedded it. An embedding's tenant is its atom's, and with its model an index finds it.
CREATE VIEW dbo.Atom_EMBEDDED_BY_Model
AS
SELECT e.TenantId, 'Atom' AS FromLabel, a.Number AS FromNumber, 'Model' AS ToLabel, n.Number AS ToNumber, a.IngestHour,
    MIN(e.CreatedAt) AS Since,
    a.Number % CONVERT(bigint, 2147483648) * (n.Number % 2147483629) % CONVERT(bigint, 4294967296) AS Digest, MIN(e.RunId) AS RunId
FROM dbo.AtomEmbedding AS e
INNER JOIN dbo.GraphAtom AS a ON a.Number = e.AtomId
INNER JOIN dbo.EmbeddingModel AS m ON m.ModelId = e.ModelId
INNER JOIN dbo.GraphName AS n ON n.Label = 'Model' AND n.Name = m.ArtifactName
GROUP BY a.Number, n.Number, e.TenantId, a.IngestHour;
GO
CREATE VIEW dbo.Atom_PROJECTED_BY_Model
AS
SELECT e.TenantId, 'Atom' AS FromLabel, a.Number AS FromNumber, 'Model' AS ToLabel, n.Number AS ToNumber, a.IngestHour,
    MIN(CASE WHEN e.CreatedAt > p.CreatedAt THEN e.CreatedAt ELSE p.CreatedAt END) AS Since,
    a.Number % CONVERT(bigint, 2147483648) * (n.Number % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.AtomEmbedding AS e
INNER JOIN dbo.GraphAtom AS a ON a.Number = e.AtomId
INNER JOIN dbo.ProjectionModel AS p ON p.ProjectionModelId = e.ProjectionModelId AND p.ModelId = e.ModelId
INNER JOIN dbo.GraphName AS n ON n.Label = 'Model' AND n.Name = p.ArtifactName
GROUP BY a.Number, n.Number, e.TenantId, a.IngestHour;
GO
CREATE VIEW dbo.Inference_USED_ATOM_Atom
AS
SELECT i.TenantId, 'Inference' AS FromLabel, i.InferenceNumber AS FromNumber, 'Atom' AS ToLabel, a.AtomId AS ToNumber, i.IngestHour,
    i.CreatedAt AS Since,
    (i.InferenceNumber % CONVERT(bigint, 2147483648) * (a.AtomId % 2147483629) + CONVERT(bigint, MIN(u.Ordinal)) * 7)
        % CONVERT(bigint, 4294967296) AS Digest,
    MIN(u.Ordinal) AS FirstOrdinal
FROM dbo.InferenceAtom AS u
INNER JOIN dbo.Inference AS i ON i.TenantId = u.TenantId AND i.InferenceId = u.InferenceId
INNER JOIN dbo.Atom AS t ON t.TenantId = u.TenantId AND t.ContentHash = u.AtomHash
INNER JOIN dbo.GraphAtom AS a ON a.Number = t.AtomId
WHERE u.Role = 'input'
GROUP BY i.InferenceNumber, a.AtomId, i.TenantId, i.IngestHour, i.CreatedAt;
GO
CREATE VIEW dbo.Inference_PRODUCED_ATOM_Atom
AS
SELECT i.TenantId, 'Inference' AS FromLabel, i.InferenceNumber AS FromNumber, 'Atom' AS ToLabel, a.AtomId AS ToNumber, i.IngestHour,
    i.CreatedAt AS Since,
    (i.InferenceNumber % CONVERT(bigint, 2147483648) * (a.AtomId % 2147483629) + CONVERT(bigint, MIN(u.Ordinal)) * 7 + 1)
        % CONVERT(bigint, 4294967296) AS Digest,
    MIN(u.Ordinal) AS FirstOrdinal
FROM dbo.InferenceAtom AS u
INNER JOIN dbo.Inference AS i ON i.TenantId = u.TenantId AND i.InferenceId = u.InferenceId
INNER JOIN dbo.Atom AS t ON t.TenantId = u.TenantId AND t.ContentHash = u.AtomHash
INNER JOIN dbo.GraphAtom AS a ON a.Number = t.AtomId
WHERE u.Role = 'output'
GROUP BY i.InferenceNumber, a.AtomId, i.TenantId, i.IngestHour, i.CreatedAt;
GO
-- The same the other way round, as everything else points: from what was made to what made it.
CREATE VIEW dbo.Atom_GENERATED_BY_Inference
AS
SELECT p.TenantId, p.ToLabel AS FromLabel, p.ToNumber AS FromNumber, p.FromLabel AS ToLabel, p.FromNumber AS ToNumber, p.IngestHour, p.Since,
    p.ToNumber % CONVERT(bigint, 2147483648) * (p.FromNumber % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.Inference_PRODUCED_ATOM_Atom AS p;
GO
CREATE VIEW dbo.Inference_USED_MODEL_Model
AS
SELECT i.TenantId, 'Inference' AS FromLabel, i.InferenceNumber AS FromNumber, 'Model' AS ToLabel, n.Number AS ToNumber, i.IngestHour,
    i.CreatedAt AS Since,
    i.InferenceNumber % CONVERT(bigint, 2147483648) * (n.Number % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.Inference AS i
INNER JOIN dbo.GraphName AS n ON n.Label = 'Model' AND n.Name = i.Model;
GO
CREATE VIEW dbo.Source_BELONGS_TO_Tenant
AS
SELECT s.TenantId, 'Source' AS FromLabel, s.SourceId AS FromNumber, 'Tenant' AS ToLabel, CONVERT(bigint, s.TenantId) AS ToNumber, s.IngestHour,
    s.ReceivedAt AS Since,
    s.SourceId % CONVERT(bigint, 2147483648) * (s.TenantId % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.Source AS s
WHERE s.Status = 'Atomized';
GO
-- A version that was given up takes its place, too, but is not here.
CREATE VIEW dbo.Source_SUPERSEDES_Source
AS
SELECT n.TenantId, 'Source' AS FromLabel, n.SourceId AS FromNumber, 'Source' AS ToLabel, o.SourceId AS ToNumber, n.IngestHour,
    n.ReceivedAt AS Since,
    n.SourceId % CONVERT(bigint, 2147483648) * (o.SourceId % 2147483629) % CONVERT(bigint, 4294967296) AS Digest
FROM dbo.Source AS o
INNER JOIN dbo.Source AS n ON n.SourceId = o.SupersededBy
WHERE o.Status = 'Atomized' AND n.Status = 'Atomized';
GO
