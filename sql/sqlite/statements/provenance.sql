-- What the sync of the graph asks beside its views (graph.sql), and what is written of inferences.

-- name: first_atoms_of_source
-- Those of a source's atoms whose first source it is, of all or of a run's. The last one before it is most likely of the same run.
SELECT atomId, isFirst, isFirstOfRun
FROM (SELECT j.value AS atomId,
             (SELECT sa.SourceId FROM SourceAtom AS sa CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
              WHERE sa.AtomId = j.value AND s.Status = 'Atomized' ORDER BY sa.SourceId LIMIT 1) IS :source_id AS isFirst,
             EXISTS (SELECT 1 FROM SourceRun AS r
                     WHERE r.SourceId = :source_id
                       AND (SELECT sa.SourceId FROM SourceAtom AS sa CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
                            CROSS JOIN SourceRun AS e ON e.SourceId = sa.SourceId AND e.RunId = r.RunId
                            WHERE sa.AtomId = j.value AND sa.SourceId < :source_id AND s.Status = 'Atomized'
                            ORDER BY sa.SourceId DESC LIMIT 1) IS NULL) AS isFirstOfRun
      FROM Source AS its CROSS JOIN json_each(:atom_ids) AS j WHERE its.SourceId = :source_id AND its.TenantId = :tenant_id)
WHERE isFirst OR isFirstOfRun;

-- name: sources_of_atom_after
-- The next sources that hold an atom.
SELECT DISTINCT sa.SourceId AS sourceId FROM SourceAtom AS sa CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
WHERE sa.AtomId = :atom_id AND sa.SourceId > :after AND s.TenantId = :tenant_id ORDER BY sa.SourceId LIMIT :n;

-- name: source_atoms_after
-- The next occurrences in a source, whatever their numbers are.
SELECT sa.AtomId AS atomId, sa.Role AS role, sa.Ordinal AS ordinal FROM Source AS s CROSS JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId
WHERE s.SourceId = :source_id AND s.TenantId = :tenant_id AND (sa.Role, sa.Ordinal) > (:role, :ordinal)
ORDER BY sa.Role, sa.Ordinal LIMIT :n;

-- name: hours_of_tenant
SELECT IngestHour AS hour FROM Source WHERE TenantId = :tenant_id
UNION SELECT IngestHour FROM Atom WHERE TenantId = :tenant_id
UNION SELECT IngestHour FROM Inference WHERE TenantId = :tenant_id ORDER BY 1;

-- name: insert_inference_atom
INSERT INTO InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (TenantId, InferenceId, Role, Ordinal) DO NOTHING;
