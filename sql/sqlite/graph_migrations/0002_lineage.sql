-- What lineage and the agreement check ask of properties, as columns: they follow from the JSON and are not stored twice.

ALTER TABLE GraphNode ADD COLUMN Since TEXT AS (json_extract(Properties, '$.since')) VIRTUAL;
ALTER TABLE GraphNode ADD COLUMN IngestHour TEXT AS (json_extract(Properties, '$.ingestHour')) VIRTUAL;
ALTER TABLE GraphNode ADD COLUMN Digest INTEGER AS (json_extract(Properties, '$.digest')) VIRTUAL;
ALTER TABLE GraphEdge ADD COLUMN Since TEXT AS (json_extract(Properties, '$.since')) VIRTUAL;
ALTER TABLE GraphEdge ADD COLUMN Digest INTEGER AS (json_extract(Properties, '$.digest')) VIRTUAL;

CREATE INDEX GraphNode_Hour ON GraphNode (TenantId, IngestHour, Label, Digest) WHERE IngestHour IS NOT NULL;
