-- The atoms that need an embedding. Modality: of the models that embed them, which for code are those of text, so that one search ranks both.
DROP VIEW AtomToEmbed;
CREATE VIEW AtomToEmbed AS
SELECT a.AtomId, a.TenantId, CASE WHEN a.Modality = 'code' THEN 'text' ELSE a.Modality END AS Modality, a.IngestHour
FROM Atom AS a CROSS JOIN Modality AS m ON m.Name = a.Modality
WHERE m.NeedsEmbedding = 1 AND a.Subtype IS NOT 'gap';

-- Code that was inserted by hand before had no model.
UPDATE StoredJob SET Status = 'Pending', AttemptCount = 0, Result = NULL, CompletedAt = NULL
WHERE Status = 'Failed' AND Result = 'no embedding model is active for modality ''code''';
