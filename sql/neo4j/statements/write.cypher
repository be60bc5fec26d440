// Cypher cannot bind labels and types: __LABEL__, __START__, __TYPE__ and __END__ stand for one of the fixed names, __TYPES__ for all
// types, __UPSTREAM__ and __DOWNSTREAM__ for those that lineage follows (hartonomous_resources/graph/neo4j_statements.py). Everything else is a parameter.

// name: merge_nodes
// A row is tenant, key, properties. Saying the same for both cases spares the planner an Eager, which a plain SET would need.
UNWIND $rows AS row
MERGE (n:__LABEL__ {tenantId: row[0], key: row[1]})
ON CREATE SET n = row[2]
ON MATCH SET n = row[2];

// name: merge_edges
// A row is tenant, key of the end, and pairs of a start's key and properties: many edges end at one source or run, which is looked up
// once. An edge whose ends are not both there is not written: the event that brings the missing end writes it.
UNWIND $rows AS row
MATCH (b:__END__ {tenantId: row[0], key: row[1]})
UNWIND row[2] AS pair
MATCH (a:__START__ {tenantId: row[0], key: pair[0]})
MERGE (a)-[r:__TYPE__]->(b)
ON CREATE SET r = pair[1]
ON MATCH SET r = pair[1];

// name: delete_nodes
MATCH (n:__LABEL__) WHERE n.tenantId = $tenant_id AND n.key IN $keys
DETACH DELETE n;

// name: write_nodes
// A row is tenant, number, properties. Saying the same for both cases spares the planner an Eager, which a plain SET would need.
UNWIND $rows AS row
MERGE (n:__LABEL__ {tenantId: row[0], number: row[1]})
ON CREATE SET n = row[2]
ON MATCH SET n = row[2];

// name: write_edges
// A row is tenant, number of the end, and pairs of a start's number and properties: many edges end at one source or run, which is looked
// up once. An edge whose ends are not both there is not written: what brings the missing end writes it.
UNWIND $rows AS row
MATCH (b:__END__ {tenantId: row[0], number: row[1]})
UNWIND row[2] AS pair
MATCH (a:__START__ {tenantId: row[0], number: pair[0]})
MERGE (a)-[r:__TYPE__]->(b)
ON CREATE SET r = pair[1]
ON MATCH SET r = pair[1];

// name: remove_edges
// A row is tenant, number of the end, and numbers of starts.
UNWIND $rows AS row
MATCH (b:__END__ {tenantId: row[0], number: row[1]})
UNWIND row[2] AS start
MATCH (a:__START__ {tenantId: row[0], number: start})
MATCH (a)-[r:__TYPE__]->(b)
DELETE r;

// name: keep_edges
// A row is tenant, number of a start, and numbers of the ends whose edges stay. What others wrote has no digest and stays, too.
UNWIND $rows AS row
MATCH (a:__START__ {tenantId: row[0], number: row[1]})
MATCH (a)-[r:__TYPE__]->(b:__END__) WHERE r.digest IS NOT NULL AND NOT b.number IN row[2]
DELETE r;

// name: remove_nodes
// A row is tenant and number.
UNWIND $rows AS row
MATCH (n:__LABEL__ {tenantId: row[0], number: row[1]})
DETACH DELETE n;

// name: record_migration
MERGE (v:SchemaVersion {version: $version})
ON CREATE SET v.name = $name, v.sha256 = $sha256, v.appliedAt = $applied_at;

// name: claim
// The database whose graph this is, by the time at which that was made; it stands in the journal, under a number of no migration.
MERGE (v:SchemaVersion {version: 0})
ON CREATE SET v.owner = $owner;
