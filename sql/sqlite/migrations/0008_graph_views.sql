-- The provenance graph is these views: nothing is written for it, and nothing can disagree with the tables. docs/lineage.md says how to ask.
--
-- A node view is named after its label, an edge view after what it joins: Atom_INGESTED_FROM_Source. An end is a label, a number and a tenant.
-- Only announced sources (Atomized, superseded ones too) and their atoms are here, and atoms inserted by hand; gaps are not.
-- Since: when it came to be; NULL: it has always been. IngestHour: of what is compared and rebuilt with an hour; NULL: with the tenant.
-- Digest: a number below 2^32 that says what is here, for the sums by which a copy of the graph is compared.
--
-- `+TenantId`: the sign keeps SQLite from finding all that a tenant has where a few numbers are asked for. likelihood() says the same where
-- the tenant helps beside something else: so many rows have it, whatever ANALYZE counted once.

-- Numbers for what tables know by name alone: runs by their ids, models by the hash of their artifact or by what an inference calls them.
-- They stay: what a run made outlives what Dagster keeps of it.
CREATE TABLE GraphName (
  Number INTEGER PRIMARY KEY AUTOINCREMENT,
  Label  TEXT    NOT NULL CHECK (Label IN ('Run', 'Model')),
  Name   TEXT    NOT NULL,
  UNIQUE (Name, Label)   -- in this order: no plan may begin with all that a label has
);

-- Every tenant that has or had anything.
CREATE TABLE KnownTenant (
  TenantId INTEGER PRIMARY KEY
);

-- Once more, with a number; no index begins with the tenant, for the same reason.
ALTER TABLE Inference RENAME TO InferenceWithoutNumber;
CREATE TABLE Inference (
  InferenceNumber INTEGER PRIMARY KEY AUTOINCREMENT,
  InferenceId     TEXT    NOT NULL,
  TenantId        INTEGER NOT NULL,
  Model           TEXT    NOT NULL,
  Task            TEXT,
  StartedAt       TEXT,
  DurationMs      INTEGER,
  Metadata        TEXT    NOT NULL DEFAULT '{}' CHECK (json_valid(Metadata)),
  CreatedAt       TEXT    NOT NULL,
  IngestHour      TEXT    NOT NULL DEFAULT (strftime('%Y-%m-%d-%H:00', 'now')),
  UNIQUE (InferenceId, TenantId)
);
INSERT INTO Inference (InferenceId, TenantId, Model, Task, StartedAt, DurationMs, Metadata, CreatedAt, IngestHour)
SELECT InferenceId, TenantId, Model, Task, StartedAt, DurationMs, Metadata, CreatedAt,
       substr(CreatedAt, 1, 10) || '-' || substr(CreatedAt, 12, 2) || ':00'
FROM InferenceWithoutNumber
ORDER BY CreatedAt, TenantId, InferenceId;
DROP TABLE InferenceWithoutNumber;
CREATE INDEX Inference_Hour ON Inference (IngestHour, TenantId);
CREATE INDEX Inference_Model ON Inference (Model, TenantId);
CREATE INDEX Inference_Created ON Inference (TenantId, CreatedAt, InferenceId);   -- for pages, which name it

-- As before, the model first. The first one ends with the id that every index ends with: vectors are read above an id, in order.
DROP INDEX AtomEmbedding_Model;
DROP INDEX AtomEmbedding_Hilbert;
CREATE INDEX AtomEmbedding_Model ON AtomEmbedding (ModelId, TenantId);
CREATE INDEX AtomEmbedding_Hilbert ON AtomEmbedding (ModelId, TenantId, HilbertValue);

CREATE INDEX SourceRun_Run ON SourceRun (RunId);
CREATE INDEX Atom_Gap ON Atom (TenantId) WHERE Subtype = 'gap';   -- few, and what must be taken off a count of atoms
CREATE INDEX EmbeddingModel_Artifact ON EmbeddingModel (ArtifactHash);
CREATE INDEX ProjectionModel_Artifact ON ProjectionModel (ArtifactHash);

INSERT INTO GraphName (Label, Name) SELECT DISTINCT 'Run', RunId FROM SourceRun ORDER BY RunId;
INSERT INTO GraphName (Label, Name)
SELECT 'Model', ArtifactHash FROM EmbeddingModel UNION SELECT 'Model', ArtifactHash FROM ProjectionModel UNION SELECT 'Model', Model FROM Inference;
INSERT INTO KnownTenant (TenantId) SELECT TenantId FROM Source UNION SELECT TenantId FROM Atom UNION SELECT TenantId FROM Inference;

CREATE TRIGGER SourceRun_Named AFTER INSERT ON SourceRun
BEGIN
  INSERT INTO GraphName (Label, Name)
  SELECT 'Run', NEW.RunId WHERE NOT EXISTS (SELECT 1 FROM GraphName WHERE Label = 'Run' AND Name = NEW.RunId);
END;

CREATE TRIGGER EmbeddingModel_Named AFTER INSERT ON EmbeddingModel
BEGIN
  INSERT INTO GraphName (Label, Name)
  SELECT 'Model', NEW.ArtifactHash WHERE NOT EXISTS (SELECT 1 FROM GraphName WHERE Label = 'Model' AND Name = NEW.ArtifactHash);
END;

CREATE TRIGGER ProjectionModel_Named AFTER INSERT ON ProjectionModel
BEGIN
  INSERT INTO GraphName (Label, Name)
  SELECT 'Model', NEW.ArtifactHash WHERE NOT EXISTS (SELECT 1 FROM GraphName WHERE Label = 'Model' AND Name = NEW.ArtifactHash);
END;

CREATE TRIGGER Inference_Named AFTER INSERT ON Inference
BEGIN
  INSERT INTO GraphName (Label, Name)
  SELECT 'Model', NEW.Model WHERE NOT EXISTS (SELECT 1 FROM GraphName WHERE Label = 'Model' AND Name = NEW.Model);
  INSERT INTO KnownTenant (TenantId)
  SELECT NEW.TenantId WHERE NOT EXISTS (SELECT 1 FROM KnownTenant WHERE TenantId = NEW.TenantId);
END;

CREATE TRIGGER Source_KnownTenant AFTER INSERT ON Source
BEGIN
  INSERT INTO KnownTenant (TenantId)
  SELECT NEW.TenantId WHERE NOT EXISTS (SELECT 1 FROM KnownTenant WHERE TenantId = NEW.TenantId);
END;

-- Who inserts into this view has an event say that something became of an atom: it exists the moment the insert commits.
CREATE VIEW AtomToTellOf AS
SELECT TenantId, AtomId FROM Atom WHERE 0;

CREATE TRIGGER AtomToTellOf_Inserted INSTEAD OF INSERT ON AtomToTellOf
BEGIN
  INSERT INTO QueueMessage (MessageId, Queue, OrderingKey, Body, EnqueuedAt)
  SELECT lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-4' || substr(h, 14, 3) || '-8' || substr(h, 18, 3) || '-' || substr(h, 21, 12)),
         'ProvenanceQueue', CAST(NEW.TenantId AS TEXT),
         CAST(printf('{"eventType": "AtomsCreated", "tenantId": %d, "atomIds": [%d]}', NEW.TenantId, NEW.AtomId) AS BLOB),
         strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
  FROM (SELECT hex(randomblob(16)) AS h);
END;

-- No stage tells of an atom that somebody inserts.
CREATE TRIGGER Atom_ByHandAnnounced AFTER INSERT ON Atom WHEN NEW.InsertedByHand <> 0
BEGIN
  INSERT INTO KnownTenant (TenantId)
  SELECT NEW.TenantId WHERE NOT EXISTS (SELECT 1 FROM KnownTenant WHERE TenantId = NEW.TenantId);
  INSERT INTO AtomToTellOf (TenantId, AtomId) VALUES (NEW.TenantId, NEW.AtomId);
END;

-- And nobody tells of one that somebody deletes: a copy of the graph would keep it.
CREATE TRIGGER Atom_ByHandGone AFTER DELETE ON Atom WHEN OLD.InsertedByHand = 1
BEGIN
  INSERT INTO AtomToTellOf (TenantId, AtomId) VALUES (OLD.TenantId, OLD.AtomId);
END;

-- INSERT OR REPLACE deletes a row without a word to the triggers of DELETE; of one that stays, as with OR IGNORE, this tells in vain.
CREATE TRIGGER Atom_ByHandReplaced BEFORE INSERT ON Atom WHEN NEW.InsertedByHand IS NOT 0
BEGIN
  INSERT INTO AtomToTellOf (TenantId, AtomId)
  SELECT a.TenantId, a.AtomId FROM Atom AS a
  WHERE a.AtomId = NEW.AtomId OR (a.TenantId = NEW.TenantId AND a.ContentHash = NEW.ContentHash);
END;

-- The atoms that are nodes. In this order: who comes by an atom's hash reads the row itself only of one that no source holds.
CREATE VIEW AnnouncedAtom AS
SELECT a.AtomId, a.TenantId, a.ContentHash, a.IngestHour, a.CreatedAt, a.Modality, a.Subtype, a.ContentType
FROM Atom AS a
WHERE (EXISTS (SELECT 1 FROM SourceAtom AS sa CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
               WHERE sa.AtomId = a.AtomId AND s.Status = 'Atomized')
       OR a.InsertedByHand <> 0)
  AND NOT EXISTS (SELECT 1 FROM Atom AS gap INDEXED BY Atom_Gap
                  WHERE gap.TenantId = a.TenantId AND gap.AtomId = a.AtomId AND gap.Subtype = 'gap');

CREATE VIEW GraphAtom AS
SELECT +a.TenantId AS TenantId, 'Atom' AS Label, a.AtomId AS Number, lower(hex(a.ContentHash)) AS Key, a.IngestHour, a.CreatedAt AS Since,
       a.AtomId * 31 % 4294967296 AS Digest,
       a.AtomId, lower(hex(a.ContentHash)) AS AtomHash, a.Modality, a.Subtype, a.ContentType, a.CreatedAt
FROM AnnouncedAtom AS a;

CREATE VIEW GraphSource AS
SELECT +s.TenantId AS TenantId, 'Source' AS Label, s.SourceId AS Number, CAST(s.SourceId AS TEXT) AS Key, s.IngestHour, s.ReceivedAt AS Since,
       (s.SourceId * 31 + COALESCE(s.SupersededBy, 0)) % 4294967296 AS Digest,
       s.SourceId, s.SourceUri, s.Version, s.ContentType, lower(hex(s.ContentHash)) AS ContentHash, s.ByteLength, s.ReceivedAt, s.SupersededBy
FROM Source AS s
WHERE s.Status = 'Atomized';

CREATE VIEW GraphRun AS
SELECT t.TenantId, 'Run' AS Label, n.Number, n.Name AS Key, NULL AS IngestHour, NULL AS Since, n.Number * 31 % 4294967296 AS Digest,
       n.Name AS RunId
FROM GraphName AS n CROSS JOIN KnownTenant AS t
WHERE n.Label = 'Run'
  AND EXISTS (SELECT 1 FROM SourceRun AS r CROSS JOIN Source AS s ON s.SourceId = r.SourceId
              WHERE r.RunId = n.Name AND s.TenantId = t.TenantId AND s.Status = 'Atomized');

-- A model that embeds, one that projects, or one that only inferences know. Of several with one artifact the node says the first.
-- A projection that another took the place of stays while anything is where it placed it.
CREATE VIEW GraphModel AS
SELECT t.TenantId, 'Model' AS Label, n.Number, n.Name AS Key, NULL AS IngestHour, NULL AS Since, n.Number * 31 % 4294967296 AS Digest,
       CASE WHEN m.ModelId IS NOT NULL THEN 'embedding' WHEN p.ProjectionModelId IS NOT NULL THEN 'projection' END AS Kind,
       m.ModelId, p.ProjectionModelId, COALESCE(m.Name, p.Method, n.Name) AS Name, m.Precision, COALESCE(m.ArtifactHash, p.ArtifactHash) AS ArtifactHash,
       m.Dimension
FROM GraphName AS n CROSS JOIN KnownTenant AS t
LEFT JOIN EmbeddingModel AS m ON m.ModelId = (SELECT MIN(f.ModelId) FROM EmbeddingModel AS f WHERE f.ArtifactHash = n.Name)
LEFT JOIN ProjectionModel AS p ON p.ProjectionModelId = (SELECT MIN(f.ProjectionModelId) FROM ProjectionModel AS f WHERE f.ArtifactHash = n.Name)
WHERE n.Label = 'Model'
  AND (EXISTS (SELECT 1 FROM EmbeddingModel AS o
               CROSS JOIN AtomEmbedding AS e ON likelihood(e.ModelId = o.ModelId, 0.001) AND e.TenantId = t.TenantId
               CROSS JOIN GraphAtom AS a ON a.Number = e.AtomId WHERE o.ArtifactHash = n.Name)
       OR EXISTS (SELECT 1 FROM ProjectionModel AS o
                  CROSS JOIN AtomEmbedding AS e ON likelihood(e.ModelId = o.ModelId, 0.001) AND e.TenantId = t.TenantId
                    AND e.ProjectionModelId = o.ProjectionModelId
                  CROSS JOIN GraphAtom AS a ON a.Number = e.AtomId
                  WHERE o.ArtifactHash = n.Name
                    AND (o.Active = 1   -- of one that another took the place of there is most likely nothing, which an index says by itself
                         OR EXISTS (SELECT 1 FROM AtomEmbedding AS placed INDEXED BY AtomEmbedding_Hour
                                    WHERE placed.ProjectionModelId = o.ProjectionModelId)))
       OR EXISTS (SELECT 1 FROM Inference AS i WHERE i.Model = n.Name AND i.TenantId = t.TenantId));

CREATE VIEW GraphInference AS
SELECT +i.TenantId AS TenantId, 'Inference' AS Label, i.InferenceNumber AS Number, i.InferenceId AS Key, i.IngestHour, i.CreatedAt AS Since,
       i.InferenceNumber * 31 % 4294967296 AS Digest,
       i.InferenceId, i.Model, i.Task, i.StartedAt, i.DurationMs, i.CreatedAt
FROM Inference AS i;

CREATE VIEW GraphTenant AS
SELECT t.TenantId, 'Tenant' AS Label, t.TenantId AS Number, CAST(t.TenantId AS TEXT) AS Key, NULL AS IngestHour, NULL AS Since,
       t.TenantId * 31 % 4294967296 AS Digest
FROM KnownTenant AS t
WHERE EXISTS (SELECT 1 FROM Source AS s WHERE likelihood(s.TenantId = t.TenantId, 0.001) AND s.Status = 'Atomized');

-- One row for each pair, its first, however often the atom stands in the source.
CREATE VIEW Atom_INGESTED_FROM_Source AS
SELECT +s.TenantId AS TenantId, 'Atom' AS FromLabel, sa.AtomId AS FromNumber, 'Source' AS ToLabel, sa.SourceId AS ToNumber, s.IngestHour,
       s.ReceivedAt AS Since,
       (sa.AtomId % 2147483648 * (sa.SourceId % 2147483629) + sa.Ordinal * 7
        + (SELECT COUNT(*) FROM SourceAtom AS every WHERE every.AtomId = sa.AtomId AND every.SourceId = sa.SourceId)) % 4294967296 AS Digest,
       sa.Ordinal AS FirstOrdinal,
       (SELECT COUNT(*) FROM SourceAtom AS every WHERE every.AtomId = sa.AtomId AND every.SourceId = sa.SourceId) AS Count
FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE s.Status = 'Atomized' AND a.Subtype IS NOT 'gap'
  AND NOT EXISTS (SELECT 1 FROM SourceAtom AS before WHERE before.AtomId = sa.AtomId AND before.SourceId = sa.SourceId
                    AND (before.Ordinal, before.Role) < (sa.Ordinal, sa.Role));

CREATE VIEW Atom_DERIVED_FROM_Atom AS
SELECT +s.TenantId AS TenantId, 'Atom' AS FromLabel, d.DerivedAtomId AS FromNumber, 'Atom' AS ToLabel, d.FromAtomId AS ToNumber, a.IngestHour,
       MIN(s.ReceivedAt) AS Since, d.DerivedAtomId % 2147483648 * (d.FromAtomId % 2147483629) % 4294967296 AS Digest
FROM AtomDerivation AS d JOIN Source AS s ON s.SourceId = d.SourceId
JOIN GraphAtom AS a ON a.Number = d.DerivedAtomId JOIN GraphAtom AS b ON b.Number = +d.FromAtomId   -- from it, too, derivations come first
WHERE s.Status = 'Atomized'
GROUP BY d.DerivedAtomId, d.FromAtomId, +s.TenantId, a.IngestHour;

CREATE VIEW Source_DERIVED_FROM_Source AS
SELECT +s.TenantId AS TenantId, 'Source' AS FromLabel, s.SourceId AS FromNumber, 'Source' AS ToLabel, parent.SourceId AS ToNumber, s.IngestHour,
       s.ReceivedAt AS Since, s.SourceId % 2147483648 * (parent.SourceId % 2147483629) % 4294967296 AS Digest
FROM Source AS s JOIN Source AS parent ON parent.SourceId = s.ParentSourceId
WHERE s.Status = 'Atomized' AND parent.Status = 'Atomized';

-- An atom that stands in several sources of a run was made by it once.
CREATE VIEW Atom_GENERATED_BY_Run AS
SELECT +s.TenantId AS TenantId, 'Atom' AS FromLabel, sa.AtomId AS FromNumber, 'Run' AS ToLabel, n.Number AS ToNumber, a.IngestHour,
       MIN(s.ReceivedAt) AS Since, sa.AtomId % 2147483648 * (n.Number % 2147483629) % 4294967296 AS Digest
FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId JOIN Atom AS a ON a.AtomId = sa.AtomId
JOIN SourceRun AS r ON r.SourceId = sa.SourceId JOIN GraphName AS n ON n.Label = 'Run' AND n.Name = r.RunId
WHERE s.Status = 'Atomized' AND a.Subtype IS NOT 'gap'
GROUP BY sa.AtomId, n.Number, +s.TenantId, a.IngestHour;

CREATE VIEW Source_GENERATED_BY_Run AS
SELECT +s.TenantId AS TenantId, 'Source' AS FromLabel, s.SourceId AS FromNumber, 'Run' AS ToLabel, n.Number AS ToNumber, s.IngestHour,
       s.ReceivedAt AS Since, s.SourceId % 2147483648 * (n.Number % 2147483629) % 4294967296 AS Digest
FROM SourceRun AS r JOIN Source AS s ON s.SourceId = r.SourceId JOIN GraphName AS n ON n.Label = 'Run' AND n.Name = r.RunId
WHERE s.Status = 'Atomized';

-- RunId: of the run that embedded it.
CREATE VIEW Atom_EMBEDDED_BY_Model AS
SELECT t.TenantId, 'Atom' AS FromLabel, a.Number AS FromNumber, 'Model' AS ToLabel, n.Number AS ToNumber, a.IngestHour,
       MIN(e.CreatedAt) AS Since, a.Number % 2147483648 * (n.Number % 2147483629) % 4294967296 AS Digest, MIN(e.RunId) AS RunId
FROM AtomEmbedding AS e JOIN GraphAtom AS a ON a.Number = e.AtomId JOIN KnownTenant AS t ON likelihood(t.TenantId = e.TenantId, 0.99)
JOIN EmbeddingModel AS m ON likelihood(m.ModelId = e.ModelId, 0.001) JOIN GraphName AS n ON n.Label = 'Model' AND n.Name = m.ArtifactHash
GROUP BY a.Number, n.Number, t.TenantId, a.IngestHour;

CREATE VIEW Atom_PROJECTED_BY_Model AS
SELECT t.TenantId, 'Atom' AS FromLabel, a.Number AS FromNumber, 'Model' AS ToLabel, n.Number AS ToNumber, a.IngestHour,
       MIN(MAX(e.CreatedAt, p.CreatedAt)) AS Since, a.Number % 2147483648 * (n.Number % 2147483629) % 4294967296 AS Digest
FROM AtomEmbedding AS e JOIN GraphAtom AS a ON a.Number = e.AtomId JOIN KnownTenant AS t ON likelihood(t.TenantId = e.TenantId, 0.99)
JOIN ProjectionModel AS p ON p.ProjectionModelId = e.ProjectionModelId AND likelihood(p.ModelId = e.ModelId, 0.001)
JOIN GraphName AS n ON n.Label = 'Model' AND n.Name = p.ArtifactHash
GROUP BY a.Number, n.Number, t.TenantId, a.IngestHour;

CREATE VIEW Inference_USED_ATOM_Atom AS
SELECT +i.TenantId AS TenantId, 'Inference' AS FromLabel, i.InferenceNumber AS FromNumber, 'Atom' AS ToLabel, a.AtomId AS ToNumber, i.IngestHour,
       i.CreatedAt AS Since, (i.InferenceNumber % 2147483648 * (a.AtomId % 2147483629) + u.Ordinal * 7) % 4294967296 AS Digest,
       u.Ordinal AS FirstOrdinal
FROM InferenceAtom AS u JOIN Inference AS i ON i.InferenceId = u.InferenceId AND +i.TenantId = u.TenantId
JOIN AnnouncedAtom AS a ON a.TenantId = u.TenantId AND a.ContentHash = u.AtomHash
WHERE u.Role = 'input'
  AND NOT EXISTS (SELECT 1 FROM InferenceAtom AS before WHERE before.TenantId = u.TenantId AND before.AtomHash = u.AtomHash
                    AND before.InferenceId = u.InferenceId AND before.Role = u.Role AND before.Ordinal < u.Ordinal);

CREATE VIEW Inference_PRODUCED_ATOM_Atom AS
SELECT +i.TenantId AS TenantId, 'Inference' AS FromLabel, i.InferenceNumber AS FromNumber, 'Atom' AS ToLabel, a.AtomId AS ToNumber, i.IngestHour,
       i.CreatedAt AS Since, (i.InferenceNumber % 2147483648 * (a.AtomId % 2147483629) + u.Ordinal * 7 + 1) % 4294967296 AS Digest,
       u.Ordinal AS FirstOrdinal
FROM InferenceAtom AS u JOIN Inference AS i ON i.InferenceId = u.InferenceId AND +i.TenantId = u.TenantId
JOIN AnnouncedAtom AS a ON a.TenantId = u.TenantId AND a.ContentHash = u.AtomHash
WHERE u.Role = 'output'
  AND NOT EXISTS (SELECT 1 FROM InferenceAtom AS before WHERE before.TenantId = u.TenantId AND before.AtomHash = u.AtomHash
                    AND before.InferenceId = u.InferenceId AND before.Role = u.Role AND before.Ordinal < u.Ordinal);

-- The same the other way round, as everything else points: from what was made to what made it.
CREATE VIEW Atom_GENERATED_BY_Inference AS
SELECT TenantId, ToLabel AS FromLabel, ToNumber AS FromNumber, FromLabel AS ToLabel, FromNumber AS ToNumber, IngestHour, Since,
       ToNumber % 2147483648 * (FromNumber % 2147483629) % 4294967296 AS Digest
FROM Inference_PRODUCED_ATOM_Atom;

CREATE VIEW Inference_USED_MODEL_Model AS
SELECT +i.TenantId AS TenantId, 'Inference' AS FromLabel, i.InferenceNumber AS FromNumber, 'Model' AS ToLabel, n.Number AS ToNumber, i.IngestHour,
       i.CreatedAt AS Since, i.InferenceNumber % 2147483648 * (n.Number % 2147483629) % 4294967296 AS Digest
FROM Inference AS i JOIN GraphName AS n ON n.Label = 'Model' AND likelihood(n.Name = i.Model, 0.001);

CREATE VIEW Source_BELONGS_TO_Tenant AS
SELECT +s.TenantId AS TenantId, 'Source' AS FromLabel, s.SourceId AS FromNumber, 'Tenant' AS ToLabel, t.TenantId AS ToNumber, s.IngestHour,
       s.ReceivedAt AS Since, s.SourceId % 2147483648 * (s.TenantId % 2147483629) % 4294967296 AS Digest
FROM Source AS s JOIN KnownTenant AS t ON likelihood(t.TenantId = s.TenantId, 0.001)
WHERE s.Status = 'Atomized';

-- A version that was given up takes its place, too, but is not here.
CREATE VIEW Source_SUPERSEDES_Source AS
SELECT +newer.TenantId AS TenantId, 'Source' AS FromLabel, newer.SourceId AS FromNumber, 'Source' AS ToLabel, older.SourceId AS ToNumber,
       newer.IngestHour, newer.ReceivedAt AS Since, newer.SourceId % 2147483648 * (older.SourceId % 2147483629) % 4294967296 AS Digest
FROM Source AS older JOIN Source AS newer ON newer.SourceId = older.SupersededBy
WHERE older.Status = 'Atomized' AND newer.Status = 'Atomized';
