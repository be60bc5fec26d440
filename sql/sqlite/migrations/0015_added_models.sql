-- Models side by side: what is loaded from where, which of a modality answers questions, and how far its atoms are queued.

ALTER TABLE EmbeddingModel ADD COLUMN LoadedFrom TEXT CHECK (LoadedFrom IS NULL OR json_valid(LoadedFrom));   -- NULL: from what the settings name
ALTER TABLE EmbeddingModel ADD COLUMN Answers INTEGER NOT NULL DEFAULT 0
  CONSTRAINT "what answers is active, and loaded from somewhere" CHECK (Answers = 0 OR (Answers = 1 AND Active = 1 AND LoadedFrom IS NOT NULL));
ALTER TABLE EmbeddingModel ADD COLUMN AnswersSince TEXT;
ALTER TABLE EmbeddingModel ADD COLUMN QueuedThrough INTEGER;   -- the AtomId up to which atoms are queued for it; NULL: all are
ALTER TABLE EmbeddingModel ADD COLUMN DroppedAt TEXT;          -- no vector of it is written any more; the row stays, so that no other model gets its id
CREATE UNIQUE INDEX EmbeddingModel_Answers ON EmbeddingModel (Modality) WHERE Answers = 1;
