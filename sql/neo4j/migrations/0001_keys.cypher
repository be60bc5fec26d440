// A node is named by its label, its tenant and its key; that is unique, and how it is found.

CREATE CONSTRAINT hartonomous_schema_version IF NOT EXISTS FOR (v:SchemaVersion) REQUIRE v.version IS UNIQUE;

CREATE CONSTRAINT hartonomous_atom_key IF NOT EXISTS FOR (n:Atom) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_source_key IF NOT EXISTS FOR (n:Source) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_run_key IF NOT EXISTS FOR (n:Run) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_model_key IF NOT EXISTS FOR (n:Model) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_inference_key IF NOT EXISTS FOR (n:Inference) REQUIRE (n.tenantId, n.key) IS UNIQUE;
CREATE CONSTRAINT hartonomous_tenant_key IF NOT EXISTS FOR (n:Tenant) REQUIRE (n.tenantId, n.key) IS UNIQUE;
