-- Which projection placed an atom. SQLite cannot change a CHECK, so the table is made anew.

CREATE TABLE GraphEdge_New (
  FromId     INTEGER NOT NULL REFERENCES GraphNode (NodeId) ON DELETE CASCADE,
  Type       TEXT    NOT NULL CHECK (Type IN ('INGESTED_FROM', 'DERIVED_FROM', 'GENERATED_BY', 'EMBEDDED_BY', 'PROJECTED_BY',
                                              'USED_ATOM', 'PRODUCED_ATOM', 'USED_MODEL', 'BELONGS_TO', 'SUPERSEDES')),
  ToId       INTEGER NOT NULL REFERENCES GraphNode (NodeId) ON DELETE CASCADE,
  Properties TEXT    NOT NULL CHECK (json_valid(Properties)),
  Since      TEXT    AS (json_extract(Properties, '$.since')) VIRTUAL,
  Digest     INTEGER AS (json_extract(Properties, '$.digest')) VIRTUAL,
  PRIMARY KEY (FromId, Type, ToId)
) WITHOUT ROWID;
INSERT INTO GraphEdge_New (FromId, Type, ToId, Properties) SELECT FromId, Type, ToId, Properties FROM GraphEdge;
DROP TABLE GraphEdge;
ALTER TABLE GraphEdge_New RENAME TO GraphEdge;
CREATE INDEX GraphEdge_To ON GraphEdge (ToId, Type);
