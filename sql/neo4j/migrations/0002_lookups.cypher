// What people's own queries look up, as the .NET worker wrote it: (:Atom {atomHash})-[:INGESTED_FROM]->(:Source {sourceId}).

CREATE INDEX hartonomous_atom_hash IF NOT EXISTS FOR (n:Atom) ON (n.atomHash);
CREATE INDEX hartonomous_source_id IF NOT EXISTS FOR (n:Source) ON (n.sourceId);

// What the check asks that graph and database agree, hour by hour.

CREATE INDEX hartonomous_atom_hour IF NOT EXISTS FOR (n:Atom) ON (n.tenantId, n.ingestHour);
CREATE INDEX hartonomous_source_hour IF NOT EXISTS FOR (n:Source) ON (n.tenantId, n.ingestHour);
