// Cypher cannot bind labels and types: __LABEL__, __START__, __TYPE__ and __END__ stand for one of the fixed names, __TYPES__ for all
// types, __UPSTREAM__ and __DOWNSTREAM__ for those that lineage follows (hartonomous_resources/graph/neo4j_statements.py). Everything else
// is a parameter.

// What is written is properties and, as a place in $times, those of them that are times. Saying the same for both cases spares the planner an
// Eager, which a plain SET would need.

// name: write_nodes
// A row is tenant, number, properties, times.
UNWIND $rows AS row
MERGE (n:__LABEL__ {tenantId: row[0], number: row[1]})
ON CREATE SET n = row[2], n += $times[row[3]]
ON MATCH SET n = row[2], n += $times[row[3]];

// name: write_edges
// A row is tenant, number of the end, and triples of a start's number, properties and times: many edges end at one source or run, which is
// looked up once. An edge whose ends are not both there is not written: what brings the missing end writes it.
UNWIND $rows AS row
MATCH (b:__END__ {tenantId: row[0], number: row[1]})
UNWIND row[2] AS triple
MATCH (a:__START__ {tenantId: row[0], number: triple[0]})
MERGE (a)-[r:__TYPE__]->(b)
ON CREATE SET r = triple[1], r += $times[triple[2]]
ON MATCH SET r = triple[1], r += $times[triple[2]];

// Edges are looked for from nodes that are given, and never from all that is joined to a source: a plan that was made while the graph had
// few nodes stays when it is large.

// name: remove_edges
// A row is tenant, number of the end, and numbers of starts.
UNWIND $rows AS row
MATCH (b:__END__ {tenantId: row[0], number: row[1]})
UNWIND row[2] AS start
MATCH (a:__START__ {tenantId: row[0], number: start})
CALL (a, b) { MATCH (a)-[r:__TYPE__]->(b) DELETE r };

// name: keep_edges
// A row is tenant, number of a start, and numbers of the ends whose edges stay. What others wrote has no digest and stays, too.
UNWIND $rows AS row
MATCH (a:__START__ {tenantId: row[0], number: row[1]})-[r:__TYPE__]->(b:__END__)
USING INDEX SEEK a:__START__(tenantId, number)
WHERE r.digest IS NOT NULL AND NOT b.number IN row[2]
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
