-- Service Broker: one contract, a queue pair per logical queue, and a pool of long-lived dialogs. A dialog per message would make
-- every receive a batch of one.

CREATE MESSAGE TYPE [//hartonomous/dbo/Envelope] VALIDATION = NONE;        -- usp_enqueue's: sequence, id, ordering key, body
CREATE MESSAGE TYPE [//hartonomous/dbo/Json] VALIDATION = NONE;            -- anybody's: the JSON of the message alone, in UTF-8
CREATE MESSAGE TYPE [//hartonomous/dbo/EndOfStream] VALIDATION = EMPTY;    -- the target ends the dialog, then the initiator does
GO
CREATE CONTRACT [//hartonomous/dbo/Contract]
(
    [//hartonomous/dbo/Envelope] SENT BY INITIATOR,
    [//hartonomous/dbo/Json] SENT BY INITIATOR,
    [//hartonomous/dbo/EndOfStream] SENT BY INITIATOR
);
GO
-- Poison handling off: five rollbacks would disable the queue for everybody. Attempts are counted per message instead.
CREATE QUEUE dbo.IngestionTargetQueue WITH STATUS = ON, RETENTION = OFF, POISON_MESSAGE_HANDLING (STATUS = OFF);
CREATE QUEUE dbo.IngestionInitiatorQueue WITH STATUS = ON, RETENTION = OFF, POISON_MESSAGE_HANDLING (STATUS = OFF);
CREATE QUEUE dbo.ProvenanceTargetQueue WITH STATUS = ON, RETENTION = OFF, POISON_MESSAGE_HANDLING (STATUS = OFF);
CREATE QUEUE dbo.ProvenanceInitiatorQueue WITH STATUS = ON, RETENTION = OFF, POISON_MESSAGE_HANDLING (STATUS = OFF);
GO
-- A target without its contract would swallow messages into sys.transmission_queue while SEND looks fine.
CREATE SERVICE [//hartonomous/dbo/IngestionTarget] ON QUEUE dbo.IngestionTargetQueue ([//hartonomous/dbo/Contract]);
CREATE SERVICE [//hartonomous/dbo/IngestionInitiator] ON QUEUE dbo.IngestionInitiatorQueue;
CREATE SERVICE [//hartonomous/dbo/ProvenanceTarget] ON QUEUE dbo.ProvenanceTargetQueue ([//hartonomous/dbo/Contract]);
CREATE SERVICE [//hartonomous/dbo/ProvenanceInitiator] ON QUEUE dbo.ProvenanceInitiatorQueue;
GO
-- The slot of a message is a hash of its ordering key, so that messages of one key stay in order and several senders do not wait
-- for one another.
CREATE TABLE dbo.DialogPool
(
    Queue varchar(64) NOT NULL,
    Slot tinyint NOT NULL,
    Handle uniqueidentifier NULL,
    Sends bigint NOT NULL CONSTRAINT DF_DialogPool_Sends DEFAULT (0),
    OpenedAt datetime2(3) NULL,
    ChangeToken rowversion NOT NULL,         -- a send is a change that waiting runs see
    CONSTRAINT PK_DialogPool PRIMARY KEY CLUSTERED (Queue, Slot)
);
GO
INSERT INTO dbo.DialogPool (Queue, Slot)
SELECT q.Queue, s.Slot
FROM (VALUES ('IngestionQueue'), ('ProvenanceQueue')) AS q (Queue)
CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7)) AS s (Slot);
GO
