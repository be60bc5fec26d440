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

-- name: nodes_by_key
SELECT NodeId AS nodeId, Label AS label, Key AS key, Properties AS properties FROM GraphNode
WHERE TenantId = :tenant_id AND Label = :label AND Key = :key;

-- name: nodes_by_id
SELECT NodeId AS nodeId, Label AS label, Key AS key, Properties AS properties FROM GraphNode
WHERE NodeId IN (SELECT value FROM json_each(:node_ids)) ORDER BY NodeId;

-- name: edges_from
SELECT FromId AS fromId, Type AS type, ToId AS toId, Properties AS properties FROM GraphEdge
WHERE FromId IN (SELECT value FROM json_each(:node_ids)) ORDER BY FromId, Type, ToId LIMIT :n;

-- name: edges_to
SELECT FromId AS fromId, Type AS type, ToId AS toId, Properties AS properties FROM GraphEdge
WHERE ToId IN (SELECT value FROM json_each(:node_ids)) ORDER BY ToId, Type, FromId LIMIT :n;

-- name: node_counts
SELECT Label AS label, COUNT(*) AS n FROM GraphNode
WHERE (:tenant_id IS NULL OR TenantId = :tenant_id) GROUP BY Label;

-- name: edge_counts
SELECT e.Type AS type, COUNT(*) AS n FROM GraphEdge AS e
WHERE :tenant_id IS NULL OR EXISTS (SELECT 1 FROM GraphNode AS n WHERE n.NodeId = e.FromId AND n.TenantId = :tenant_id)
GROUP BY e.Type;

-- name: tenants
SELECT DISTINCT TenantId AS tenantId FROM GraphNode;
