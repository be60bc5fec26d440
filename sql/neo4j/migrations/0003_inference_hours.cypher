// Inferences are part of the agreement of graph and database.

CREATE INDEX hartonomous_inference_hour IF NOT EXISTS FOR (n:Inference) ON (n.tenantId, n.ingestHour);
