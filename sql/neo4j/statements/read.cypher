// name: applied_migrations
MATCH (v:SchemaVersion) WHERE v.version > 0
RETURN v.version AS version, v.name AS name, v.sha256 AS sha256, v.appliedAt AS appliedAt ORDER BY version;

// name: owner
MATCH (v:SchemaVersion {version: 0}) RETURN v.owner;

// name: wait_for_indexes
CALL db.awaitIndexes($seconds);

// What follows returns one value each: lists of lists arrive in one message, and a message for every row would take most of the time.
// Nodes are looked up id by id: for a list of ids, the planner would rather scan a graph that is almost empty, and keep that plan.

// name: node_by_number
MATCH (n:__LABEL__ {tenantId: $tenant_id, number: $number}) WHERE $as_of IS NULL OR n.since IS NULL OR n.since <= $as_of
RETURN elementId(n);

// name: level
// One level further: what nodes were made from, what was made from nodes, each in order, after and up to a label and number; nodes that were
// found before are among them.
CALL () {
  UNWIND $upstream AS id MATCH (f) WHERE elementId(f) = id
  MATCH (f)-[r:__UPSTREAM__]->(n) WHERE $as_of IS NULL OR r.since IS NULL OR r.since <= $as_of
  WITH DISTINCT n WHERE n.tenantId = $tenant_id AND ($as_of IS NULL OR n.since IS NULL OR n.since <= $as_of)
  WITH n, head([label IN labels(n) WHERE label IN $labels]) AS label, n.number AS number
  WHERE ($after IS NULL OR label > $after[0] OR (label = $after[0] AND number > $after[1]))
    AND ($until IS NULL OR label < $until[0] OR (label = $until[0] AND number <= $until[1]))
  WITH n, label, number ORDER BY label, number LIMIT $n
  RETURN collect([elementId(n), label, number]) AS upstream
}
CALL () {
  UNWIND $downstream AS id MATCH (f) WHERE elementId(f) = id
  MATCH (f)<-[r:__DOWNSTREAM__]-(n) WHERE $as_of IS NULL OR r.since IS NULL OR r.since <= $as_of
  WITH DISTINCT n WHERE n.tenantId = $tenant_id AND ($as_of IS NULL OR n.since IS NULL OR n.since <= $as_of)
  WITH n, head([label IN labels(n) WHERE label IN $labels]) AS label, n.number AS number
  WHERE ($after IS NULL OR label > $after[0] OR (label = $after[0] AND number > $after[1]))
    AND ($until IS NULL OR label < $until[0] OR (label = $until[0] AND number <= $until[1]))
  WITH n, label, number ORDER BY label, number LIMIT $n
  RETURN collect([elementId(n), label, number]) AS downstream
}
RETURN [upstream, downstream];

// name: nodes
UNWIND $page AS id MATCH (n) WHERE elementId(n) = id AND n.tenantId = $tenant_id
RETURN collect([elementId(n), properties(n)]);

// name: page
// Nodes, and the edges between nodes found so far of which one end, at least, is among them. Edges are looked up from their start,
// where they are few: a run or a model may be the end of a million.
CALL () {
  UNWIND $page AS id MATCH (n) WHERE elementId(n) = id AND n.tenantId = $tenant_id
  RETURN collect([elementId(n), properties(n)]) AS nodes
}
CALL () {
  UNWIND $found AS id MATCH (a) WHERE elementId(a) = id AND a.tenantId = $tenant_id
  MATCH (a)-[r:__TYPES__]->(b)
  WHERE elementId(b) IN $found AND ($as_of IS NULL OR r.since IS NULL OR r.since <= $as_of)
    AND (size($page) = size($found) OR elementId(a) IN $page OR elementId(b) IN $page)
  RETURN collect([[elementId(a), a.key], type(r), [elementId(b), b.key], properties(r)]) AS edges
}
RETURN [nodes, edges];

// name: neighbours
// Nodes one edge away from the frontier, whichever way the edge points; nodes that were found before among them.
UNWIND $frontier AS id MATCH (f) WHERE elementId(f) = id
MATCH (f)-[r:__TYPES__]-(n) WHERE $as_of IS NULL OR r.since IS NULL OR r.since <= $as_of
WITH DISTINCT n WHERE n.tenantId = $tenant_id AND ($as_of IS NULL OR n.since IS NULL OR n.since <= $as_of)
WITH n LIMIT $n
RETURN collect([elementId(n), head([label IN labels(n) WHERE label IN $labels]), n.number]);

// name: joined
// Those among some nodes that an edge joins to others, whichever way it points. Edges are looked up from their start, as above.
CALL () {
  UNWIND $nodes AS id MATCH (a) WHERE elementId(a) = id AND a.tenantId = $tenant_id
  MATCH (a)-[r:__TYPES__]->(b)
  WHERE elementId(b) IN $among AND ($as_of IS NULL OR r.since IS NULL OR r.since <= $as_of)
  RETURN collect(DISTINCT elementId(b)) AS ends
}
CALL () {
  UNWIND $among AS id MATCH (a) WHERE elementId(a) = id AND a.tenantId = $tenant_id
  MATCH (a)-[r:__TYPES__]->(b)
  WHERE elementId(b) IN $nodes AND ($as_of IS NULL OR r.since IS NULL OR r.since <= $as_of)
  RETURN collect(DISTINCT elementId(a)) AS starts
}
RETURN ends + starts;

// name: edge_between
// Of several edges between two nodes the first by type, then the one along the path.
MATCH (a) WHERE elementId(a) = $a AND a.tenantId = $tenant_id MATCH (b) WHERE elementId(b) = $b
MATCH (a)-[r:__TYPES__]-(b) WHERE $as_of IS NULL OR r.since IS NULL OR r.since <= $as_of
WITH r, type(r) AS type, startNode(r) AS s, endNode(r) AS e ORDER BY type, s = a DESC LIMIT 1
RETURN [[elementId(s), s.key], type, [elementId(e), e.key], properties(r)];

// name: atoms_only_here
MATCH (s) WHERE elementId(s) = $id AND s.tenantId = $tenant_id
MATCH (s)<-[:INGESTED_FROM]-(a:Atom) WHERE COUNT { (a)-[:INGESTED_FROM]->() } = 1
RETURN count(a);

// name: numbers
// Ordered by the whole index, so that it is read from its place on and nothing is sorted.
MATCH (n:__LABEL__) WHERE n.tenantId = $tenant_id AND n.number > $after
WITH n ORDER BY n.tenantId, n.number LIMIT $n
RETURN collect(n.number);

// name: starts
MATCH (b:__END__ {tenantId: $tenant_id, number: $end})<-[r:__TYPE__]-(a:__START__)
USING INDEX SEEK b:__END__(tenantId, number)
WHERE r.digest IS NOT NULL AND a.number > $after
WITH a.number AS number ORDER BY number LIMIT $n
RETURN collect(number);

// name: atoms_by_hash
UNWIND $hashes AS hash
MATCH (a:Atom {atomHash: hash}) USING INDEX SEEK a:Atom(atomHash) WHERE a.tenantId = $tenant_id AND a.number IS NOT NULL
WITH a.number AS number ORDER BY number
RETURN collect(number);

// Digests follow: what others wrote has none and is not counted.

// name: node_digest_of_hour
MATCH (n:__LABEL__ {tenantId: $tenant_id, ingestHour: $hour})
RETURN [count(n.digest), coalesce(sum(n.digest), 0)];

// name: node_digest
MATCH (n:__LABEL__ {tenantId: $tenant_id}) WHERE n.number IS NOT NULL
RETURN [count(n.digest), coalesce(sum(n.digest), 0)];

// name: edge_digest_by_start
MATCH (a:__START__ {tenantId: $tenant_id, ingestHour: $hour})
USING INDEX a:__START__(tenantId, ingestHour)
MATCH (a)-[r:__TYPE__]->(:__END__)
RETURN [count(r.digest), coalesce(sum(r.digest), 0)];

// name: edge_digest_by_end
MATCH (b:__END__ {tenantId: $tenant_id, ingestHour: $hour})
USING INDEX b:__END__(tenantId, ingestHour)
MATCH (b)<-[r:__TYPE__]-(:__START__)
RETURN [count(r.digest), coalesce(sum(r.digest), 0)];

// name: is_of_older_layout
// Whether a node has a key of ours and no number. Asked once, before the index of keys goes.
RETURN EXISTS { MATCH (n:__LABEL__) WHERE n.tenantId IS NOT NULL AND n.key IS NOT NULL AND n.number IS NULL };

// name: all_nodes
MATCH (n:__LABEL__) RETURN count(n);

// name: all_edges
MATCH ()-[r:__TYPE__]->() RETURN count(r);

// name: nodes_of_tenant
MATCH (n:__LABEL__) WHERE n.tenantId = $tenant_id AND n.number IS NOT NULL RETURN count(n);

// name: edges_of_tenant
// Counted from their starts: an edge lies within one tenant.
MATCH (n:__LABEL__) WHERE n.tenantId = $tenant_id AND n.number IS NOT NULL
MATCH (n)-[r:__TYPES__]->()
WITH type(r) AS type, count(r) AS n
RETURN collect([type, n]);
