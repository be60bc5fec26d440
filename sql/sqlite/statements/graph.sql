-- What is asked of the views that are the graph. Names in braces are put in by hartonomous_resources/database/sqlite_graph_views.py.

-- name: graph_ends
SELECT DISTINCT {there} AS number FROM {view}
WHERE TenantId = :tenant_id AND {here} IN ({numbers}) AND (:as_of IS NULL OR Since IS NULL OR Since <= :as_of)
  AND (:after IS NULL OR {there} > :after) AND (:until IS NULL OR {there} <= :until)
ORDER BY {there} LIMIT :n;

-- name: graph_edges
SELECT * FROM {view}
WHERE TenantId = :tenant_id AND {here} IN ({numbers}) AND (:as_of IS NULL OR Since IS NULL OR Since <= :as_of)
  AND (:after IS NULL OR {there} > :after) AND (:until IS NULL OR {there} <= :until)
ORDER BY FromNumber, ToNumber;

-- name: graph_nodes
SELECT * FROM {view} WHERE TenantId = :tenant_id AND Number IN ({numbers}) ORDER BY Number;

-- name: graph_atoms_only_here
-- Atoms of a source that stand in no other one that the graph holds. From the tables: an atom may stand in very many sources.
SELECT COUNT(DISTINCT sa.AtomId) AS n
FROM Source AS s CROSS JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId CROSS JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE s.TenantId = :tenant_id AND s.SourceId = :number AND s.Status = 'Atomized' AND a.Subtype IS NOT 'gap'
  AND NOT EXISTS (SELECT 1 FROM SourceAtom AS o CROSS JOIN Source AS t ON t.SourceId = o.SourceId
                  WHERE o.AtomId = sa.AtomId AND o.SourceId <> s.SourceId AND t.Status = 'Atomized');
