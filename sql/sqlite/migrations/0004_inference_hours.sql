-- Inferences of an hour, which the graph is held against.

CREATE INDEX Inference_Created ON Inference (TenantId, CreatedAt);
