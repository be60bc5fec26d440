-- The atoms that need an embedding. Modality: of the models that embed them, which for code are those of text, so that one search ranks both.
CREATE OR ALTER VIEW dbo.AtomToEmbed
WITH SCHEMABINDING
AS
SELECT a.AtomId, a.TenantId, CASE WHEN a.Modality = 'code' THEN 'text' ELSE a.Modality END AS Modality, a.IngestHour
FROM dbo.Atom AS a
INNER JOIN dbo.Modality AS m ON m.Name = a.Modality
WHERE m.NeedsEmbedding = 1 AND (a.Subtype IS NULL OR a.Subtype <> 'gap');
GO
-- Code that was inserted by hand before had no model.
UPDATE dbo.BackgroundJob
SET Status = 'Pending', AttemptCount = 0, Result = NULL, CompletedAt = NULL
WHERE Status = 'Failed' AND Result = N'no embedding model is active for modality ''code''';
GO
