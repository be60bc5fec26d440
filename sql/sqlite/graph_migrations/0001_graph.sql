-- The provenance graph on two tables. (Label, Key) names a node within its tenant; no payload, no text.

CREATE TABLE GraphNode (
  NodeId     INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId   INTEGER NOT NULL,
  Label      TEXT    NOT NULL CHECK (Label IN ('Atom', 'Source', 'Run', 'Model', 'Inference', 'Tenant')),
  Key        TEXT    NOT NULL,
  Properties TEXT    NOT NULL CHECK (json_valid(Properties)),
  UNIQUE (TenantId, Label, Key)
);

CREATE TABLE GraphEdge (
  FromId     INTEGER NOT NULL REFERENCES GraphNode (NodeId) ON DELETE CASCADE,
  Type       TEXT    NOT NULL CHECK (Type IN ('INGESTED_FROM', 'DERIVED_FROM', 'GENERATED_BY', 'EMBEDDED_BY', 'USED_ATOM',
                                              'PRODUCED_ATOM', 'USED_MODEL', 'BELONGS_TO', 'SUPERSEDES')),
  ToId       INTEGER NOT NULL REFERENCES GraphNode (NodeId) ON DELETE CASCADE,
  Properties TEXT    NOT NULL CHECK (json_valid(Properties)),
  PRIMARY KEY (FromId, Type, ToId)
) WITHOUT ROWID;
CREATE INDEX GraphEdge_To ON GraphEdge (ToId, Type);
