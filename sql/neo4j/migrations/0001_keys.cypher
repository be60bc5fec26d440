// A node is named by its label, its tenant and its key; that is unique, and how it is found.

CREATE CONSTRAINT hartonomous_schema_version IF NOT EXISTS FOR (v:SchemaVersion) REQUIRE v.version IS UNIQUE;

CREATE CONSTRAINT hartonomous_atom_key IF NOT EXISTS FOR (n:Atom) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_source_key IF NOT EXISTS FOR (n:Source) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_run_key IF NOT EXISTS FOR (n:Run) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_model_key IF NOT EXISTS FOR (n:Model) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_inference_key IF NOT EXISTS FOR (n:Inference) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_tenant_key IF NOT EXISTS FOR (n:Tenant) REQUIRE (n.tenantId, n.key) IS UNIQUE;

// What people's own queries look up, as the .NET worker wrote it: (:Atom {atomHash})-[:INGESTED_FROM]->(:Source {sourceId}).

CREATE INDEX hartonomous_atom_hash IF NOT EXISTS FOR (n:Atom) ON (n.atomHash);
CREATE INDEX hartonomous_source_id IF NOT EXISTS FOR (n:Source) ON (n.sourceId);

// What the check asks that graph and database agree, hour by hour.

CREATE INDEX hartonomous_atom_hour IF NOT EXISTS FOR (n:Atom) ON (n.tenantId, n.ingestHour);
CREATE INDEX hartonomous_source_hour IF NOT EXISTS FOR (n:Source) ON (n.tenantId, n.ingestHour);
CREATE INDEX hartonomous_inference_hour IF NOT EXISTS FOR (n:Inference) ON (n.tenantId, n.ingestHour);
