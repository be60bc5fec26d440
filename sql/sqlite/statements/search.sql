-- What a search may show. A filter is parameters, of which NULL narrows nothing: AtomFilter says what they are. Files within a source have its uri
-- behind member:.

-- part: wanted_source
s.Status = 'Atomized' AND s.SupersededBy IS NULL
  AND (:source_id IS NULL OR s.SourceId = :source_id)
  AND (:other_than IS NULL OR s.SourceId NOT IN (SELECT value FROM json_each(:other_than)))
  AND (:uri_prefix IS NULL OR substr(s.SourceUri, 1, length(:uri_prefix)) = :uri_prefix
       OR substr(s.SourceUri, 1, length('member:' || :uri_prefix)) = 'member:' || :uri_prefix)
  AND (:media_type IS NULL OR CASE WHEN substr(:media_type, -1) = '/'
        THEN substr(lower(trim(s.ContentType)), 1, length(:media_type)) = :media_type
        ELSE lower(trim(substr(s.ContentType, 1, instr(s.ContentType || ';', ';') - 1))) = :media_type END)
  AND (:received_since IS NULL OR s.ReceivedAt >= :received_since)
  AND (:received_until IS NULL OR s.ReceivedAt < :received_until)
  AND (:metadata IS NULL OR NOT EXISTS (
        SELECT 1 FROM json_each(:metadata) AS wanted WHERE NOT EXISTS (
          SELECT 1 FROM json_each(s.Metadata) AS held
          WHERE held.key = wanted.key AND CASE WHEN held.type IN ('true', 'false') THEN held.type
                                               WHEN held.type NOT IN ('null', 'object', 'array') THEN CAST(held.value AS TEXT) END = wanted.value)))

-- name: searchable_atoms
-- Of these atoms, those that a search may show: held by a current source that the filter wants, or inserted by hand if it says nothing of sources.
SELECT a.AtomId AS atomId FROM Atom AS a
WHERE a.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +a.TenantId = :tenant_id
  AND (:modality IS NULL OR a.Modality = :modality)
  AND (a.InsertedByHand = 1 AND COALESCE(:source_id, :uri_prefix, :media_type, :received_since, :received_until, :metadata) IS NULL
       OR EXISTS (SELECT 1 FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId
                  WHERE sa.AtomId = a.AtomId AND {wanted_source}));

-- name: atoms_of_wanted_sources
-- The atoms of the sources that a filter wants, :n of them at the most; one that occurs twice may be there twice. No uri that begins with the prefix
-- comes after four times the last character of all.
SELECT atomId FROM (
  SELECT sa.AtomId AS atomId FROM Source AS s JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId
  WHERE s.SourceId = :source_id AND +s.TenantId = :tenant_id AND {wanted_source}
  UNION ALL
  SELECT sa.AtomId FROM Source AS s JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId
  WHERE :source_id IS NULL AND s.TenantId = :tenant_id AND s.SourceUri >= COALESCE(:uri_prefix, '')
    AND s.SourceUri <= COALESCE(:uri_prefix, '') || char(1114111, 1114111, 1114111, 1114111) AND {wanted_source}
  UNION ALL
  SELECT sa.AtomId FROM Source AS s JOIN SourceAtom AS sa ON sa.SourceId = s.SourceId
  WHERE :source_id IS NULL AND s.TenantId = :tenant_id AND s.SourceUri >= 'member:' || :uri_prefix
    AND s.SourceUri <= 'member:' || :uri_prefix || char(1114111, 1114111, 1114111, 1114111) AND {wanted_source})
LIMIT :n;

-- name: occurrences
-- Where atoms occur in sources that count for search, current versions only, and that the filter wants: for each atom a page of its places.
SELECT atomId, sourceId, sourceUri, role, ordinal, byteOffset, byteLength, locator
FROM (SELECT sa.AtomId AS atomId, s.SourceId AS sourceId, s.SourceUri AS sourceUri, sa.Role AS role, sa.Ordinal AS ordinal,
             sa.ByteOffset AS byteOffset, sa.ByteLength AS byteLength, sa.Locator AS locator,
             ROW_NUMBER() OVER (PARTITION BY sa.AtomId ORDER BY s.SourceId, sa.Role, sa.Ordinal) AS place
      FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId
      WHERE sa.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +s.TenantId = :tenant_id AND {wanted_source})
WHERE place > :skip AND place <= :skip + :n
ORDER BY atomId, place;

-- name: places_after
-- Where an atom occurs in sources that count for search, from a place on: read in the order of an index, and no further than the page goes.
SELECT sa.AtomId AS atomId, s.SourceId AS sourceId, s.SourceUri AS sourceUri, sa.Role AS role, sa.Ordinal AS ordinal,
       sa.ByteOffset AS byteOffset, sa.ByteLength AS byteLength, sa.Locator AS locator
FROM SourceAtom AS sa INDEXED BY SourceAtom_Atom CROSS JOIN Source AS s ON s.SourceId = sa.SourceId
WHERE sa.AtomId = :atom_id AND (sa.SourceId, sa.Role, sa.Ordinal) > (:source_id, :role, :ordinal)
  AND +s.TenantId = :tenant_id AND s.Status = 'Atomized' AND s.SupersededBy IS NULL
ORDER BY sa.SourceId, sa.Role, sa.Ordinal LIMIT :n;

-- name: occurrence_counts
-- In how many places, and in how many sources, atoms occur that count for search and that the filter wants.
SELECT sa.AtomId AS atomId, COUNT(*) AS placeCount, COUNT(DISTINCT sa.SourceId) AS sourceCount
FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId
WHERE sa.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +s.TenantId = :tenant_id AND {wanted_source}
GROUP BY sa.AtomId;

-- name: sources_of_atoms
-- In which sources atoms occur that count for search and that the filter wants.
SELECT DISTINCT sa.AtomId AS atomId, sa.SourceId AS sourceId
FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId
WHERE sa.AtomId IN (SELECT value FROM json_each(:atom_ids)) AND +s.TenantId = :tenant_id AND {wanted_source};

-- name: texts_around
-- The texts within :reach rows of places in sources, each place given as [SourceId, Role, Ordinal]; `place` is its number in that list.
SELECT p.key AS place, sa.Ordinal - json_extract(p.value, '$[2]') AS distance, a.CanonicalText AS text, sa.ByteOffset AS byteOffset,
       sa.ByteLength AS byteLength, sa.Locator AS locator
FROM json_each(:places) AS p
CROSS JOIN SourceAtom AS sa ON sa.SourceId = json_extract(p.value, '$[0]') AND sa.Role = json_extract(p.value, '$[1]')
  AND sa.Ordinal BETWEEN json_extract(p.value, '$[2]') - :reach AND json_extract(p.value, '$[2]') + :reach
CROSS JOIN Atom AS a ON a.AtomId = sa.AtomId
WHERE a.TenantId = :tenant_id AND a.CanonicalText IS NOT NULL AND sa.Ordinal <> json_extract(p.value, '$[2]');
