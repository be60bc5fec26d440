-- The provenance graph on two tables. (Label, Key) names a node within its tenant; no payload, no text. What lineage and the agreement
-- check ask of properties are columns: they follow from the JSON and are not stored twice.

CREATE TABLE GraphNode (
  NodeId     INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId   INTEGER NOT NULL,
  Label      TEXT    NOT NULL CHECK (Label IN ('Atom', 'Source', 'Run', 'Model', 'Inference', 'Tenant')),
  Key        TEXT    NOT NULL,
  Properties TEXT    NOT NULL CHECK (json_valid(Properties)),
  Since      TEXT    AS (json_extract(Properties, '$.since')) VIRTUAL,
  IngestHour TEXT    AS (json_extract(Properties, '$.ingestHour')) VIRTUAL,
  Digest     INTEGER AS (json_extract(Properties, '$.digest')) VIRTUAL,
  UNIQUE (TenantId, Label, Key)
);
CREATE INDEX GraphNode_Hour ON GraphNode (TenantId, IngestHour, Label, Digest) WHERE IngestHour IS NOT NULL;

CREATE TABLE GraphEdge (
  FromId     INTEGER NOT NULL REFERENCES GraphNode (NodeId) ON DELETE CASCADE,
  Type       TEXT    NOT NULL CHECK (Type IN ('INGESTED_FROM', 'DERIVED_FROM', 'GENERATED_BY', 'EMBEDDED_BY', 'PROJECTED_BY',
                                              'USED_ATOM', 'PRODUCED_ATOM', 'USED_MODEL', 'BELONGS_TO', 'SUPERSEDES')),
  ToId       INTEGER NOT NULL REFERENCES GraphNode (NodeId) ON DELETE CASCADE,
  Properties TEXT    NOT NULL CHECK (json_valid(Properties)),
  Since      TEXT    AS (json_extract(Properties, '$.since')) VIRTUAL,
  Digest     INTEGER AS (json_extract(Properties, '$.digest')) VIRTUAL,
  PRIMARY KEY (FromId, Type, ToId)
) WITHOUT ROWID;
CREATE INDEX GraphEdge_To ON GraphEdge (ToId, Type);

-- The database whose graph this is, by the time at which that was made.
CREATE TABLE GraphOwner (
  OnlyOne INTEGER PRIMARY KEY CHECK (OnlyOne = 1),
  Owner   TEXT    NOT NULL
);
