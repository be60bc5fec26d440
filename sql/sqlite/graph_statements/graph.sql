-- name: claim
INSERT INTO GraphOwner (OnlyOne, Owner) VALUES (1, :owner) ON CONFLICT (OnlyOne) DO NOTHING;

-- name: owner
SELECT Owner AS owner FROM GraphOwner;

-- name: merge_node
INSERT INTO GraphNode (TenantId, Label, Key, Properties) VALUES (?, ?, ?, ?)
ON CONFLICT (TenantId, Label, Key) DO UPDATE SET Properties = excluded.Properties WHERE Properties <> excluded.Properties;

-- name: merge_edge
-- An edge whose ends are not both there is not written: the event that brings the missing end writes it.
INSERT INTO GraphEdge (FromId, Type, ToId, Properties)
SELECT f.NodeId, ?4, t.NodeId, ?7 FROM GraphNode AS f, GraphNode AS t
WHERE f.TenantId = ?1 AND f.Label = ?2 AND f.Key = ?3 AND t.TenantId = ?1 AND t.Label = ?5 AND t.Key = ?6
ON CONFLICT (FromId, Type, ToId) DO UPDATE SET Properties = excluded.Properties WHERE Properties <> excluded.Properties;

-- name: delete_node
DELETE FROM GraphNode WHERE TenantId = ? AND Label = ? AND Key = ?;

-- name: node_by_key
SELECT NodeId AS nodeId FROM GraphNode
WHERE TenantId = :tenant_id AND Label = :label AND Key = :key AND (:as_of IS NULL OR Since IS NULL OR Since <= :as_of);

-- name: nodes_by_id
SELECT NodeId AS nodeId, Label AS label, Key AS key, Properties AS properties FROM GraphNode
WHERE NodeId IN (SELECT value FROM json_each(:node_ids)) AND +TenantId = :tenant_id;

-- name: level_upstream
-- What nodes of the frontier were made from, in order. PRODUCED_ATOM points from the inference to what it made, against all others; the
-- atom's GENERATED_BY says the same the right way round. The + keeps the tenant's whole index from being walked for that order.
SELECT n.NodeId AS nodeId, n.Label AS label, n.Key AS key FROM GraphNode AS n
WHERE n.NodeId IN (SELECT e.ToId FROM GraphEdge AS e
                   WHERE e.FromId IN (SELECT value FROM json_each(:frontier)) AND e.Type <> 'PRODUCED_ATOM'
                     AND (:as_of IS NULL OR e.Since IS NULL OR e.Since <= :as_of))
  AND n.NodeId NOT IN (SELECT value FROM json_each(:seen))
  AND +n.TenantId = :tenant_id AND (:as_of IS NULL OR n.Since IS NULL OR n.Since <= :as_of)
ORDER BY n.Label, n.Key LIMIT :n;

-- name: level_downstream
-- What was made from nodes of the frontier, in order. SUPERSEDES is not followed: a new version stands without the old one.
SELECT n.NodeId AS nodeId, n.Label AS label, n.Key AS key FROM GraphNode AS n
WHERE n.NodeId IN (SELECT e.FromId FROM GraphEdge AS e
                   WHERE e.ToId IN (SELECT value FROM json_each(:frontier)) AND e.Type NOT IN ('PRODUCED_ATOM', 'SUPERSEDES')
                     AND (:as_of IS NULL OR e.Since IS NULL OR e.Since <= :as_of))
  AND n.NodeId NOT IN (SELECT value FROM json_each(:seen))
  AND +n.TenantId = :tenant_id AND (:as_of IS NULL OR n.Since IS NULL OR n.Since <= :as_of)
ORDER BY n.Label, n.Key LIMIT :n;

-- name: edges_within
-- Edges between nodes found so far of which one end, at least, is on the page. Looked up from their start, where edges are few:
-- a run or a model may be the end of a million.
SELECT e.Type AS type, e.Properties AS properties,
       f.Label AS fromLabel, f.Key AS fromKey, t.Label AS toLabel, t.Key AS toKey
FROM GraphEdge AS e
CROSS JOIN GraphNode AS f ON f.NodeId = e.FromId
CROSS JOIN GraphNode AS t ON t.NodeId = e.ToId
WHERE e.FromId IN (SELECT value FROM json_each(:found)) AND +e.ToId IN (SELECT value FROM json_each(:found))
  AND (e.FromId IN (SELECT value FROM json_each(:page)) OR e.ToId IN (SELECT value FROM json_each(:page)))
  AND +f.TenantId = :tenant_id AND (:as_of IS NULL OR e.Since IS NULL OR e.Since <= :as_of)
ORDER BY f.Label, f.Key, e.Type, t.Label, t.Key;

-- name: neighbours
-- Nodes one edge away from the frontier, whichever way the edge points.
SELECT n.NodeId AS nodeId FROM GraphNode AS n
WHERE n.NodeId IN (SELECT e.ToId FROM GraphEdge AS e
                   WHERE e.FromId IN (SELECT value FROM json_each(:frontier))
                     AND (:as_of IS NULL OR e.Since IS NULL OR e.Since <= :as_of)
                   UNION ALL
                   SELECT e.FromId FROM GraphEdge AS e
                   WHERE e.ToId IN (SELECT value FROM json_each(:frontier))
                     AND (:as_of IS NULL OR e.Since IS NULL OR e.Since <= :as_of))
  AND n.NodeId NOT IN (SELECT value FROM json_each(:seen))
  AND +n.TenantId = :tenant_id AND (:as_of IS NULL OR n.Since IS NULL OR n.Since <= :as_of);

-- name: neighbours_among
-- Those of some nodes that are one edge away from the frontier, the first by name first. Looked up from the start of each edge, as above.
SELECT n.NodeId AS nodeId, n.Label AS label, n.Key AS key FROM GraphNode AS n
WHERE n.NodeId IN (SELECT e.ToId FROM GraphEdge AS e
                   WHERE e.FromId IN (SELECT value FROM json_each(:frontier))
                     AND +e.ToId IN (SELECT value FROM json_each(:among))
                     AND (:as_of IS NULL OR e.Since IS NULL OR e.Since <= :as_of)
                   UNION ALL
                   SELECT e.FromId FROM GraphEdge AS e
                   WHERE e.FromId IN (SELECT value FROM json_each(:among))
                     AND +e.ToId IN (SELECT value FROM json_each(:frontier))
                     AND (:as_of IS NULL OR e.Since IS NULL OR e.Since <= :as_of))
  AND +n.TenantId = :tenant_id
ORDER BY n.Label, n.Key LIMIT :n;

-- name: edge_between
-- Of several edges between two nodes the first by type, then the one along the path.
SELECT e.Type AS type, e.Properties AS properties, e.FromId AS fromId, e.ToId AS toId FROM GraphEdge AS e
WHERE ((e.FromId = :a AND e.ToId = :b) OR (e.FromId = :b AND e.ToId = :a))
  AND (:as_of IS NULL OR e.Since IS NULL OR e.Since <= :as_of)
ORDER BY e.Type, e.FromId = :a DESC LIMIT 1;

-- name: impact_counts
WITH RECURSIVE affected (NodeId) AS (
  SELECT :node_id UNION SELECT e.FromId FROM affected CROSS JOIN GraphEdge AS e
    ON e.ToId = affected.NodeId AND e.Type NOT IN ('PRODUCED_ATOM', 'SUPERSEDES')
)
SELECT n.Label AS label, COUNT(*) AS n FROM affected CROSS JOIN GraphNode AS n ON n.NodeId = affected.NodeId
WHERE n.NodeId <> :node_id AND +n.TenantId = :tenant_id GROUP BY n.Label ORDER BY n.Label;

-- name: atoms_only_here
SELECT COUNT(*) AS n FROM GraphEdge AS e CROSS JOIN GraphNode AS a ON a.NodeId = e.FromId
WHERE e.ToId = :node_id AND e.Type = 'INGESTED_FROM' AND a.Label = 'Atom' AND +a.TenantId = :tenant_id
  AND NOT EXISTS (SELECT 1 FROM GraphEdge AS o
                  WHERE o.FromId = e.FromId AND o.Type = 'INGESTED_FROM' AND o.ToId <> :node_id);

-- name: keys
SELECT Key AS key FROM GraphNode WHERE TenantId = :tenant_id AND Label = :label AND Key > :after ORDER BY Key LIMIT :n;

-- name: digests
SELECT 'atoms' AS what, COUNT(*) AS n, COALESCE(SUM(Digest), 0) AS total FROM GraphNode
WHERE TenantId = :tenant_id AND IngestHour = :hour AND Label = 'Atom'
UNION ALL
SELECT 'sources', COUNT(*), COALESCE(SUM(Digest), 0) FROM GraphNode
WHERE TenantId = :tenant_id AND IngestHour = :hour AND Label = 'Source'
UNION ALL
SELECT 'edges', COUNT(*), COALESCE(SUM(e.Digest), 0)
FROM GraphNode AS s CROSS JOIN GraphEdge AS e ON e.ToId = s.NodeId AND e.Type = 'INGESTED_FROM'
WHERE s.TenantId = :tenant_id AND s.IngestHour = :hour AND s.Label = 'Source'
UNION ALL
SELECT 'inferences', COUNT(*), COALESCE(SUM(Digest), 0) FROM GraphNode
WHERE TenantId = :tenant_id AND IngestHour = :hour AND Label = 'Inference'
UNION ALL
SELECT 'uses', COUNT(*), COALESCE(SUM(e.Digest), 0)
FROM GraphNode AS i CROSS JOIN GraphEdge AS e ON e.FromId = i.NodeId AND e.Type IN ('USED_ATOM', 'PRODUCED_ATOM')
WHERE i.TenantId = :tenant_id AND i.IngestHour = :hour AND i.Label = 'Inference';

-- name: node_counts
SELECT Label AS label, COUNT(*) AS n FROM GraphNode
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) GROUP BY Label;

-- name: edge_counts
SELECT e.Type AS type, COUNT(*) AS n FROM GraphEdge AS e
WHERE :tenant_id IS NULL OR EXISTS (SELECT 1 FROM GraphNode AS n WHERE n.NodeId = e.FromId AND n.TenantId = :tenant_id)
GROUP BY e.Type;
