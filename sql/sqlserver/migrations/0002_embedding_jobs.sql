-- Which atoms need an embedding, and their jobs. A job is of an atom and a model; without a ModelId, of every active model of the
-- atom's modality, so that an atom which comes before any model is known still gets its job.

-- Which modalities need an embedding stands here, and nowhere else: hartonomous_core/vocabulary.py has the same list.
CREATE TABLE dbo.Modality
(
    Name varchar(32) NOT NULL CONSTRAINT PK_Modality PRIMARY KEY CLUSTERED,
    NeedsEmbedding bit NOT NULL
);
GO
INSERT INTO dbo.Modality (Name, NeedsEmbedding)
VALUES ('text', 1), ('code', 1), ('image', 1), ('audio', 1), ('video', 1), ('tensor', 0), ('binary', 0);
GO
-- The atoms that need an embedding.
CREATE VIEW dbo.AtomToEmbed
WITH SCHEMABINDING
AS
SELECT a.AtomId, a.TenantId, a.Modality, a.IngestHour
FROM dbo.Atom AS a
INNER JOIN dbo.Modality AS m ON m.Name = a.Modality
WHERE m.NeedsEmbedding = 1 AND (a.Subtype IS NULL OR a.Subtype <> 'gap');
GO
-- One GenerateEmbedding job for every atom that needs an embedding, whoever inserts it and however many rows at once: the job
-- exists the moment the insert commits.
CREATE TRIGGER dbo.Atom_NeedsEmbedding ON dbo.Atom AFTER INSERT
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, TenantId, IngestHour)
    SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', a.AtomId, N',"TenantId":', a.TenantId, N'}'), a.AtomId, a.TenantId, a.IngestHour
    FROM inserted AS i
    INNER JOIN dbo.AtomToEmbed AS a ON a.AtomId = i.AtomId;
END;
GO
-- The same bytes first seen as a chunk of a binary file, later as text: the atom turns into one that needs an embedding.
CREATE TRIGGER dbo.Atom_TurnsIntoText ON dbo.Atom AFTER UPDATE
AS
BEGIN
    SET NOCOUNT ON;
    IF NOT UPDATE(Modality)
        RETURN;
    INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, TenantId, IngestHour)
    SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', a.AtomId, N',"TenantId":', a.TenantId, N'}'), a.AtomId, a.TenantId, a.IngestHour
    FROM inserted AS i
    INNER JOIN dbo.AtomToEmbed AS a ON a.AtomId = i.AtomId
    WHERE NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j WHERE j.AtomId = i.AtomId AND j.ModelId IS NULL);
END;
GO
