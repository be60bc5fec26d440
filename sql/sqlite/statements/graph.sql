-- What is asked of the views that are the graph. Names in braces are put in by hartonomous_resources/database/sqlite_graph_views.py.

-- name: graph_ends
SELECT DISTINCT {there} AS number FROM {view}
WHERE TenantId = :tenant_id AND {here} IN ({numbers}) AND (:as_of IS NULL OR Since IS NULL OR Since <= :as_of)
  AND (:after IS NULL OR {there} > :after) AND (:until IS NULL OR {there} <= :until)
ORDER BY {there} LIMIT :n;

-- name: graph_edges
SELECT * FROM {view}
WHERE TenantId = :tenant_id AND {here} IN ({numbers}) AND (:as_of IS NULL OR Since IS NULL OR Since <= :as_of)
ORDER BY FromNumber, ToNumber;

-- name: graph_nodes
SELECT * FROM {view} WHERE TenantId = :tenant_id AND Number IN ({numbers}) ORDER BY Number;
