-- One GenerateEmbedding job for every atom that needs an embedding, whoever inserts it and however many rows at once: the job
-- exists the moment the insert commits. The list of modalities is the one of the .NET system's NeedsEmbedding.

CREATE TRIGGER dbo.Atom_NeedsEmbedding ON dbo.Atom AFTER INSERT
AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, TenantId, IngestHour)
    SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', i.AtomId, N',"TenantId":', i.TenantId, N'}'), i.AtomId, i.TenantId, i.IngestHour
    FROM inserted AS i
    WHERE i.Modality IN ('text', 'image', 'audio', 'video', 'code') AND (i.Subtype IS NULL OR i.Subtype <> 'gap');
END;
GO
-- The same bytes first seen as a chunk of a binary file, later as a sentence: the atom turns into one that needs an embedding.
CREATE TRIGGER dbo.Atom_TurnsIntoText ON dbo.Atom AFTER UPDATE
AS
BEGIN
    SET NOCOUNT ON;
    IF NOT UPDATE(Modality)
        RETURN;
    INSERT INTO dbo.BackgroundJob (JobType, Parameters, AtomId, TenantId, IngestHour)
    SELECT 'GenerateEmbedding', CONCAT(N'{"AtomId":', i.AtomId, N',"TenantId":', i.TenantId, N'}'), i.AtomId, i.TenantId, i.IngestHour
    FROM inserted AS i
    WHERE i.Modality IN ('text', 'image', 'audio', 'video', 'code') AND (i.Subtype IS NULL OR i.Subtype <> 'gap')
        AND NOT EXISTS (SELECT 1 FROM dbo.BackgroundJob AS j WHERE j.AtomId = i.AtomId);
END;
GO
