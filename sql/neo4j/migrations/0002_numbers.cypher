// A node is named by its label, its tenant and its number, as the views of the database name it; that is unique, and how it is found.
// Only a graph without nodes of ours, or of this layout, gets here: an older one is refused (hartonomous_resources/graph/neo4j_migrations.py).

CREATE CONSTRAINT hartonomous_atom_number IF NOT EXISTS FOR (n:Atom) REQUIRE (n.tenantId, n.number) IS UNIQUE;
CREATE CONSTRAINT hartonomous_source_number IF NOT EXISTS FOR (n:Source) REQUIRE (n.tenantId, n.number) IS UNIQUE;
CREATE CONSTRAINT hartonomous_run_number IF NOT EXISTS FOR (n:Run) REQUIRE (n.tenantId, n.number) IS UNIQUE;
CREATE CONSTRAINT hartonomous_model_number IF NOT EXISTS FOR (n:Model) REQUIRE (n.tenantId, n.number) IS UNIQUE;
CREATE CONSTRAINT hartonomous_inference_number IF NOT EXISTS FOR (n:Inference) REQUIRE (n.tenantId, n.number) IS UNIQUE;
CREATE CONSTRAINT hartonomous_tenant_number IF NOT EXISTS FOR (n:Tenant) REQUIRE (n.tenantId, n.number) IS UNIQUE;

DROP CONSTRAINT hartonomous_atom_key IF EXISTS;
DROP CONSTRAINT hartonomous_source_key IF EXISTS;
DROP CONSTRAINT hartonomous_run_key IF EXISTS;
DROP CONSTRAINT hartonomous_model_key IF EXISTS;
DROP CONSTRAINT hartonomous_inference_key IF EXISTS;
DROP CONSTRAINT hartonomous_tenant_key IF EXISTS;
