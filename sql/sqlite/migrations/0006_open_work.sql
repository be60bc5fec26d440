-- A claim looks only at what is open, those with the fewest attempts first: it costs the same however much waits.

CREATE INDEX Source_Open ON Source (IngestHour, AttemptCount) WHERE Status IN ('Landed', 'Atomizing');
CREATE INDEX Source_Leased ON Source (LeaseOwner) WHERE LeaseOwner IS NOT NULL;
CREATE INDEX Source_Message ON Source (MessageId);

DROP INDEX BackgroundJob_Open;
CREATE INDEX BackgroundJob_Open ON BackgroundJob (IngestHour, JobType, AttemptCount) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX BackgroundJob_Leased ON BackgroundJob (LeaseOwner) WHERE LeaseOwner IS NOT NULL;

CREATE INDEX AtomEmbedding_Pending ON AtomEmbedding (IngestHour, ModelId) WHERE ProjectionModelId IS NULL;
