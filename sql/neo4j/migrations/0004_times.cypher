// Times are datetimes, as the .NET worker wrote them and people's Cypher compares them; text of any other form stays what it is.

MATCH (n:Atom|Source|Run|Model|Inference|Tenant)
WHERE n.key IS NOT NULL AND n.since =~ '[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}[.][0-9]{3}Z'
CALL { WITH n SET n.since = datetime(n.since) } IN TRANSACTIONS OF 10000 ROWS;

MATCH (n:Atom|Source|Run|Model|Inference|Tenant)
WHERE n.key IS NOT NULL AND n.createdAt =~ '[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}[.][0-9]{3}Z'
CALL { WITH n SET n.createdAt = datetime(n.createdAt) } IN TRANSACTIONS OF 10000 ROWS;

MATCH (n:Source)
WHERE n.key IS NOT NULL AND n.receivedAt =~ '[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}[.][0-9]{3}Z'
CALL { WITH n SET n.receivedAt = datetime(n.receivedAt) } IN TRANSACTIONS OF 10000 ROWS;

MATCH (n:Inference)
WHERE n.key IS NOT NULL AND n.startedAt =~ '[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}[.][0-9]{3}Z'
CALL { WITH n SET n.startedAt = datetime(n.startedAt) } IN TRANSACTIONS OF 10000 ROWS;

MATCH ()-[r:INGESTED_FROM|DERIVED_FROM|GENERATED_BY|EMBEDDED_BY|PROJECTED_BY|USED_ATOM|PRODUCED_ATOM|USED_MODEL|BELONGS_TO|SUPERSEDES]->()
WHERE r.since =~ '[0-9]{4}(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}[.][0-9]{3}Z'
CALL { WITH r SET r.since = datetime(r.since) } IN TRANSACTIONS OF 10000 ROWS;
