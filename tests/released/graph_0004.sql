-- An embedded graph as release 0.1 leaves it: migrations 0001 to 0004, and rows of every table.

CREATE TABLE SchemaVersion (Version INTEGER PRIMARY KEY, Name TEXT NOT NULL, Sha256 TEXT NOT NULL, AppliedAt TEXT NOT NULL);

CREATE TABLE GraphNode (
  NodeId     INTEGER PRIMARY KEY AUTOINCREMENT,
  TenantId   INTEGER NOT NULL,
  Label      TEXT    NOT NULL CHECK (Label IN ('Atom', 'Source', 'Run', 'Model', 'Inference', 'Tenant')),
  Key        TEXT    NOT NULL,
  Properties TEXT    NOT NULL CHECK (json_valid(Properties)), Since TEXT AS (json_extract(Properties, '$.since')) VIRTUAL, IngestHour TEXT AS (json_extract(Properties, '$.ingestHour')) VIRTUAL, Digest INTEGER AS (json_extract(Properties, '$.digest')) VIRTUAL,
  UNIQUE (TenantId, Label, Key)
);

CREATE TABLE "GraphEdge" (
  FromId     INTEGER NOT NULL REFERENCES GraphNode (NodeId) ON DELETE CASCADE,
  Type       TEXT    NOT NULL CHECK (Type IN ('INGESTED_FROM', 'DERIVED_FROM', 'GENERATED_BY', 'EMBEDDED_BY', 'PROJECTED_BY',
                                              'USED_ATOM', 'PRODUCED_ATOM', 'USED_MODEL', 'BELONGS_TO', 'SUPERSEDES')),
  ToId       INTEGER NOT NULL REFERENCES GraphNode (NodeId) ON DELETE CASCADE,
  Properties TEXT    NOT NULL CHECK (json_valid(Properties)),
  Since      TEXT    AS (json_extract(Properties, '$.since')) VIRTUAL,
  Digest     INTEGER AS (json_extract(Properties, '$.digest')) VIRTUAL,
  PRIMARY KEY (FromId, Type, ToId)
) WITHOUT ROWID;

CREATE TABLE GraphOwner (
  OnlyOne INTEGER PRIMARY KEY CHECK (OnlyOne = 1),
  Owner   TEXT    NOT NULL
);

INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (1, 'graph', 'd4fb23e73afe1ce02e637f56e5fae75c81e774ffca880a30f807c6c299fe647a', '2026-11-23T09:00:00.000Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (2, 'lineage', '50a33b042fe4cec410ec3ad961f6678f304ad30e97b0a26010eb53a02f1c2ff2', '2026-11-23T09:00:00.000Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (3, 'projected_by', 'a5acda1386ef4b65de2b03a7d201f97060f6cca053c5fb74dc86d3fbe0ede55e', '2026-11-23T09:00:00.000Z');
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (4, 'owner', '6de5721d276f4f64ec2e23dc12d7366c59f43e2661ae0712fcc11695ef260b71', '2026-11-23T09:00:00.000Z');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (1, 0, 'Atom', '1be276a5ae375051aca20ef38c1e60ad54583bcadd0d5a352918656db17c5841', '{"atomHash": "1be276a5ae375051aca20ef38c1e60ad54583bcadd0d5a352918656db17c5841", "createdAt": "2026-11-23T09:03:00.000Z", "ingestHour": "2026-11-23-09:00", "digest": 12345}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (2, 0, 'Source', '2', '{"sourceId": 2, "receivedAt": "2026-11-23T09:01:00.000Z", "since": "2026-11-23T09:01:00.000Z", "digest": 2}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (3, 0, 'Inference', '42', '{"startedAt": "2026-11-23T09:10:00.000Z", "since": "2026-11-23T09:10:00.000Z"}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (4, 7, 'Tenant', '7', '{}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (1, 'INGESTED_FROM', 2, '{"since": "2026-11-23T09:03:00.000Z", "digest": 7}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (3, 'USED_ATOM', 1, '{"since": "2026-11-23T09:03:00.000Z", "digest": 7}');
INSERT INTO GraphOwner (OnlyOne, Owner) VALUES (1, '2026-11-23T09:00:00.000Z');

CREATE INDEX GraphNode_Hour ON GraphNode (TenantId, IngestHour, Label, Digest) WHERE IngestHour IS NOT NULL;
CREATE INDEX GraphEdge_To ON GraphEdge (ToId, Type);
