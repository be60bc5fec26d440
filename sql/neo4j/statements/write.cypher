// Cypher cannot bind labels and types: __LABEL__, __START__, __TYPE__ and __END__ stand for one of the fixed names, __TYPES__ for all
// types, __UPSTREAM__ and __DOWNSTREAM__ for those that lineage follows (hartonomous_resources/graph/neo4j_statements.py). Everything else
// is a parameter.

// What many rows have alike is sent once, and a row has its place. Saying the same for both cases spares the planner an Eager, which a plain
// SET would need.

// name: write_nodes
// A row is tenant, number, properties, and the place of those of them that are times.
UNWIND $rows AS row
MERGE (n:__LABEL__ {tenantId: row[0], number: row[1]})
ON CREATE SET n = row[2], n += $times[row[3]]
ON MATCH SET n = row[2], n += $times[row[3]];

// name: write_edges
// A row is tenant, number of the end, and of each edge the number of its start, the place of what many have, and what it has itself: many
// edges end at one source or run, which is looked up once. An edge whose ends are not both there is not written: what brings the missing
// end writes it. All properties are set at once: of two steps the first would take away what the second puts back, and the server would
// write what has not changed.
UNWIND $rows AS row
MATCH (b:__END__ {tenantId: row[0], number: row[1]})
UNWIND row[2] AS edge
MATCH (a:__START__ {tenantId: row[0], number: edge[0]})
MERGE (a)-[r:__TYPE__]->(b)
ON CREATE SET r = {since: $shared[edge[1]].since, ingestHour: $shared[edge[1]].ingestHour, runId: $shared[edge[1]].runId,
                   digest: edge[2], firstOrdinal: edge[3], count: edge[4]}
ON MATCH SET r = {since: $shared[edge[1]].since, ingestHour: $shared[edge[1]].ingestHour, runId: $shared[edge[1]].runId,
                  digest: edge[2], firstOrdinal: edge[3], count: edge[4]};

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
