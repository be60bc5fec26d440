-- What stands in the way of adopting the rows. Each is read only when the columns that it names are there; `n` is 0 where all is well.

-- name: journal_lines
SELECT COUNT_BIG(*) AS n FROM dbo.SchemaVersion AS v WHERE v.Feature IS NOT NULL;

-- name: duplicate_atoms
SELECT COUNT_BIG(*) AS n
FROM (SELECT a.TenantId, a.ContentHash FROM dbo.Atom AS a GROUP BY a.TenantId, a.ContentHash HAVING COUNT_BIG(*) > 1) AS d;

-- name: wrong_hashes
SELECT COUNT_BIG(*) AS n FROM dbo.Atom AS a WHERE DATALENGTH(a.ContentHash) <> 32;

-- name: atom_modalities
SELECT a.Modality AS value, COUNT_BIG(*) AS n FROM dbo.Atom AS a GROUP BY a.Modality ORDER BY n DESC;

-- name: vectors_of_wrong_length
SELECT COUNT_BIG(*) AS n FROM dbo.AtomEmbedding AS e
WHERE e.EmbeddingVector IS NOT NULL AND e.Dimension IS NOT NULL AND DATALENGTH(e.EmbeddingVector) <> 4 * CONVERT(bigint, e.Dimension);

-- name: embeddings_without_atom
SELECT COUNT_BIG(*) AS n FROM dbo.AtomEmbedding AS e
WHERE NOT EXISTS (SELECT 1 FROM dbo.Atom AS a WHERE a.AtomId = e.AtomId);

-- name: duplicate_embeddings
SELECT COUNT_BIG(*) AS n
FROM (SELECT e.AtomId, e.Dimension FROM dbo.AtomEmbedding AS e GROUP BY e.AtomId, e.Dimension HAVING COUNT_BIG(*) > 1) AS d;

-- name: duplicate_embeddings_of_a_type
SELECT COUNT_BIG(*) AS n
FROM (SELECT e.AtomId, e.Dimension, e.EmbeddingTypeId FROM dbo.AtomEmbedding AS e
      GROUP BY e.AtomId, e.Dimension, e.EmbeddingTypeId HAVING COUNT_BIG(*) > 1) AS d;

-- name: embeddings_of_another_tenant
SELECT COUNT_BIG(*) AS n FROM dbo.AtomEmbedding AS e
INNER JOIN dbo.Atom AS a ON a.AtomId = e.AtomId WHERE a.TenantId <> e.TenantId;

-- name: job_statuses
SELECT j.Status AS value, COUNT_BIG(*) AS n FROM dbo.BackgroundJob AS j GROUP BY j.Status ORDER BY n DESC;

-- name: jobs_without_json
SELECT COUNT_BIG(*) AS n FROM dbo.BackgroundJob AS j WHERE j.Parameters IS NOT NULL AND ISJSON(j.Parameters) = 0;

-- name: lock_atom
-- Counted under a lock that is held until the adoption commits: no worker may write in between.
SELECT COUNT_BIG(*) AS n FROM dbo.Atom AS t WITH (TABLOCKX, HOLDLOCK);

-- name: lock_atomembedding
SELECT COUNT_BIG(*) AS n FROM dbo.AtomEmbedding AS t WITH (TABLOCKX, HOLDLOCK);

-- name: lock_backgroundjob
SELECT COUNT_BIG(*) AS n FROM dbo.BackgroundJob AS t WITH (TABLOCKX, HOLDLOCK);
