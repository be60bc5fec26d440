-- Made by tests/released/make.py in the hour 2026-11-30-11:00.
BEGIN;
CREATE TABLE SchemaVersion (Version INTEGER PRIMARY KEY, Name TEXT NOT NULL, Sha256 TEXT NOT NULL, AppliedAt TEXT NOT NULL);
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
CREATE TABLE GraphOwner (
  OnlyOne INTEGER PRIMARY KEY CHECK (OnlyOne = 1),
  Owner   TEXT    NOT NULL
);
DELETE FROM SchemaVersion;
INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (1, 'graph', 'ea7ed833e2634bc2fd8d13c75e092aa8e394995eb2f961e6a08651f66205d9a3', '2026-11-30T11:26:44.456Z');
DELETE FROM GraphNode;
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (1, 0, 'Atom', '8b15aedf2efd204b4da8b86e2375828a5d347064067133b5193461e0f74ee513', '{"atomHash": "8b15aedf2efd204b4da8b86e2375828a5d347064067133b5193461e0f74ee513", "atomId": 1, "contentType": "text/passage", "createdAt": "2026-11-30T11:26:44.439Z", "digest": 2333454047, "ingestHour": "2026-11-30-11:00", "modality": "text", "since": "2026-11-30T11:26:44.439Z", "subtype": "passage", "tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (2, 0, 'Model', '81db8ebbbbc69c6c6ad4a6aa92b76e0c08af547da236b9e2c9dbe1d8285a8130', '{"artifactHash": "81db8ebbbbc69c6c6ad4a6aa92b76e0c08af547da236b9e2c9dbe1d8285a8130", "dimension": 3, "kind": "embedding", "modelId": 1, "name": "small", "precision": "fp32"}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (3, 0, 'Run', 'run', '{"runId": "run"}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (4, 0, 'Model', '88b6cca3df08f4564e980cb1d6a20d4e190b557a887b8a718bf46bdc2a18a668', '{"artifactHash": "88b6cca3df08f4564e980cb1d6a20d4e190b557a887b8a718bf46bdc2a18a668", "kind": "projection", "name": "landmark", "projectionModelId": 1}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (5, 0, 'Tenant', '0', '{"tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (6, 0, 'Source', '1', '{"byteLength": 89, "contentHash": "f6a84049859929a58b7a24aa777c912c9285fb7f39710effe4fda318873ec5fb", "contentType": "text/plain", "digest": 3730819288, "ingestHour": "2026-11-30-11:00", "receivedAt": "2026-11-30T11:26:44.434Z", "since": "2026-11-30T11:26:44.434Z", "sourceId": 1, "sourceUri": "file:///tmp/tmp3itjtwna/files/tides.txt", "supersededBy": 2, "tenantId": 0, "version": 1}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (12, 0, 'Atom', '3c16529335c7b5c227232e4179fed3df7b8602f6732b6037a1915c3eed4d08ec', '{"atomHash": "3c16529335c7b5c227232e4179fed3df7b8602f6732b6037a1915c3eed4d08ec", "atomId": 2, "contentType": "text/passage", "createdAt": "2026-11-30T11:26:44.476Z", "digest": 1008095891, "ingestHour": "2026-11-30-11:00", "modality": "text", "since": "2026-11-30T11:26:44.476Z", "subtype": "passage", "tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (13, 0, 'Atom', '836bffba46fe4018e7bef7bc1e7105ae4b0a349c2cb4d8df95ff120febfe7033', '{"atomHash": "836bffba46fe4018e7bef7bc1e7105ae4b0a349c2cb4d8df95ff120febfe7033", "atomId": 3, "contentType": "text/passage", "createdAt": "2026-11-30T11:26:44.476Z", "digest": 2204893114, "ingestHour": "2026-11-30-11:00", "modality": "text", "since": "2026-11-30T11:26:44.476Z", "subtype": "passage", "tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (14, 0, 'Atom', 'a31a76314f7e81e65afaa5493d173a98fd0d519af762c50198cfc0368c994c06', '{"atomHash": "a31a76314f7e81e65afaa5493d173a98fd0d519af762c50198cfc0368c994c06", "atomId": 4, "contentType": "text/passage", "createdAt": "2026-11-30T11:26:44.476Z", "digest": 2736420401, "ingestHour": "2026-11-30-11:00", "modality": "text", "since": "2026-11-30T11:26:44.476Z", "subtype": "passage", "tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (15, 0, 'Atom', 'bba7768401c34093d85f422a709a87f0e6cb6327988628ee0e8741ccbda6b1ce', '{"atomHash": "bba7768401c34093d85f422a709a87f0e6cb6327988628ee0e8741ccbda6b1ce", "atomId": 5, "contentType": "text/passage", "createdAt": "2026-11-30T11:26:44.476Z", "digest": 3148314244, "ingestHour": "2026-11-30-11:00", "modality": "text", "since": "2026-11-30T11:26:44.476Z", "subtype": "passage", "tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (21, 0, 'Source', '2', '{"byteLength": 3160, "contentHash": "bd70295ef5b4aa87bcbcf75526a8483810f28df2d98c22a34f15b5a88a5cd72c", "contentType": "text/plain", "digest": 4036297316, "ingestHour": "2026-11-30-11:00", "receivedAt": "2026-11-30T11:26:44.460Z", "since": "2026-11-30T11:26:44.460Z", "sourceId": 2, "sourceUri": "file:///tmp/tmp3itjtwna/files/tides.txt", "supersededBy": null, "tenantId": 0, "version": 2}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (26, 0, 'Atom', '5faa4eec3611556812c2d74b437c8c49add3f910f10063d801441f7d75cd5e3b', '{"atomHash": "5faa4eec3611556812c2d74b437c8c49add3f910f10063d801441f7d75cd5e3b", "atomId": 6, "contentType": "application/octet-stream", "createdAt": "2026-11-30T11:26:44.502Z", "digest": 1604996844, "ingestHour": "2026-11-30-11:00", "modality": "binary", "since": "2026-11-30T11:26:44.502Z", "subtype": "chunk", "tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (28, 0, 'Source', '3', '{"byteLength": 40, "contentHash": "5faa4eec3611556812c2d74b437c8c49add3f910f10063d801441f7d75cd5e3b", "contentType": "application/octet-stream", "digest": 2510261911, "ingestHour": "2026-11-30-11:00", "receivedAt": "2026-11-30T11:26:44.495Z", "since": "2026-11-30T11:26:44.495Z", "sourceId": 3, "sourceUri": "bytes:40", "supersededBy": null, "tenantId": 0, "version": 1}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (30, 0, 'Atom', '785b0751fc2c53dc14a4ce3d800e69ef9ce1009eb327ccf458afe09c242c26c9', '{"atomHash": "785b0751fc2c53dc14a4ce3d800e69ef9ce1009eb327ccf458afe09c242c26c9", "atomId": 7, "contentType": "application/octet-stream", "createdAt": "2026-11-30T11:26:44.504Z", "digest": 2019231569, "ingestHour": "2026-11-30-11:00", "modality": "binary", "since": "2026-11-30T11:26:44.504Z", "subtype": "chunk", "tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (32, 0, 'Source', '4', '{"byteLength": 1024, "contentHash": "785b0751fc2c53dc14a4ce3d800e69ef9ce1009eb327ccf458afe09c242c26c9", "contentType": "application/octet-stream", "digest": 2466636499, "ingestHour": "2026-11-30-11:00", "receivedAt": "2026-11-30T11:26:44.497Z", "since": "2026-11-30T11:26:44.497Z", "sourceId": 4, "sourceUri": "bytes:1024", "supersededBy": null, "tenantId": 0, "version": 1}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (34, 0, 'Atom', 'aaacfadab90d25188b8db010680a02b5b69e94a9065081ff7e3cb511f7836235', '{"atomHash": "aaacfadab90d25188b8db010680a02b5b69e94a9065081ff7e3cb511f7836235", "atomId": 8, "contentType": "text/plain", "createdAt": "2026-11-30T11:26:44.510Z", "digest": 2863463130, "ingestHour": "2026-11-30-11:00", "modality": "text", "since": "2026-11-30T11:26:44.510Z", "subtype": "answer", "tenantId": 0}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (38, 0, 'Inference', '01a22c35-0f1c-73b8-af75-5e2e6ea9a62d', '{"createdAt": "2026-11-30T11:26:44.509Z", "digest": 676968272, "durationMs": null, "inferenceId": "01a22c35-0f1c-73b8-af75-5e2e6ea9a62d", "ingestHour": "2026-11-30-11:00", "model": "a model", "since": "2026-11-30T11:26:44.509Z", "startedAt": null, "task": null}');
INSERT INTO GraphNode (NodeId, TenantId, Label, Key, Properties) VALUES (39, 0, 'Model', 'a model', '{"name": "a model"}');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('GraphNode', 44);
DELETE FROM GraphEdge;
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (1, 'EMBEDDED_BY', 2, '{"runId": "run", "since": "2026-11-30T11:26:44.447Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (1, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (1, 'INGESTED_FROM', 6, '{"count": 1, "digest": 3617598739, "firstOrdinal": 0, "since": "2026-11-30T11:26:44.434Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (1, 'INGESTED_FROM', 21, '{"count": 1, "digest": 3617598756, "firstOrdinal": 0, "since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (1, 'PROJECTED_BY', 4, '{"since": "2026-11-30T11:26:44.449Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (6, 'BELONGS_TO', 5, '{"since": "2026-11-30T11:26:44.434Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (6, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.434Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (12, 'EMBEDDED_BY', 2, '{"runId": "run", "since": "2026-11-30T11:26:44.479Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (12, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (12, 'INGESTED_FROM', 21, '{"count": 1, "digest": 1186201605, "firstOrdinal": 3, "since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (12, 'PROJECTED_BY', 4, '{"since": "2026-11-30T11:26:44.479Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (13, 'EMBEDDED_BY', 2, '{"runId": "run", "since": "2026-11-30T11:26:44.479Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (13, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (13, 'INGESTED_FROM', 21, '{"count": 1, "digest": 3927177157, "firstOrdinal": 4, "since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (13, 'PROJECTED_BY', 4, '{"since": "2026-11-30T11:26:44.479Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (14, 'EMBEDDED_BY', 2, '{"runId": "run", "since": "2026-11-30T11:26:44.479Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (14, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (14, 'INGESTED_FROM', 21, '{"count": 1, "digest": 3224653849, "firstOrdinal": 1, "since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (14, 'PROJECTED_BY', 4, '{"since": "2026-11-30T11:26:44.479Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (15, 'EMBEDDED_BY', 2, '{"runId": "run", "since": "2026-11-30T11:26:44.479Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (15, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (15, 'INGESTED_FROM', 21, '{"count": 1, "digest": 3108461101, "firstOrdinal": 2, "since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (15, 'PROJECTED_BY', 4, '{"since": "2026-11-30T11:26:44.479Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (21, 'BELONGS_TO', 5, '{"since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (21, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (21, 'SUPERSEDES', 6, '{"since": "2026-11-30T11:26:44.460Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (26, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.495Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (26, 'INGESTED_FROM', 28, '{"count": 1, "digest": 2510261960, "firstOrdinal": 0, "since": "2026-11-30T11:26:44.495Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (28, 'BELONGS_TO', 5, '{"since": "2026-11-30T11:26:44.495Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (28, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.495Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (30, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.497Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (30, 'INGESTED_FROM', 32, '{"count": 1, "digest": 2466636564, "firstOrdinal": 0, "since": "2026-11-30T11:26:44.497Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (32, 'BELONGS_TO', 5, '{"since": "2026-11-30T11:26:44.497Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (32, 'GENERATED_BY', 3, '{"since": "2026-11-30T11:26:44.497Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (34, 'EMBEDDED_BY', 2, '{"runId": "run", "since": "2026-11-30T11:26:44.512Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (34, 'GENERATED_BY', 38, '{"since": "2026-11-30T11:26:44.509Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (34, 'PROJECTED_BY', 4, '{"since": "2026-11-30T11:26:44.512Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (38, 'PRODUCED_ATOM', 34, '{"digest": 945412907, "firstOrdinal": 0, "since": "2026-11-30T11:26:44.509Z"}');
INSERT INTO GraphEdge (FromId, Type, ToId, Properties) VALUES (38, 'USED_MODEL', 39, '{"since": "2026-11-30T11:26:44.509Z"}');
DELETE FROM GraphOwner;
INSERT INTO GraphOwner (OnlyOne, Owner) VALUES (1, '2026-11-30T11:26:44.403Z');
CREATE INDEX GraphNode_Hour ON GraphNode (TenantId, IngestHour, Label, Digest) WHERE IngestHour IS NOT NULL;
CREATE INDEX GraphEdge_To ON GraphEdge (ToId, Type);
COMMIT;
