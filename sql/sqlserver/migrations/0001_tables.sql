-- The tables of docs/architecture.md for SQL Server 2019 and later. Plain T-SQL for schema dbo: for another schema the program
-- replaces every dbo in these files. Times are UTC; hours are Dagster partition keys (2026-11-23-09:00).
-- Texts that name things are compared byte by byte (BIN2), as SQLite compares them.

CREATE TABLE dbo.Source
(
    SourceId bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_Source PRIMARY KEY CLUSTERED,
    TenantId int NOT NULL,
    SourceUri nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    -- A uri may be longer than an index key; its hash is not, and unlike = it sees trailing spaces.
    SourceUriHash AS CONVERT(binary(32), HASHBYTES('SHA2_256', SourceUri)) PERSISTED NOT NULL,
    -- The source that this one was found in, such as the archive of a file. No cascade: a table cannot cascade to itself.
    ParentSourceId bigint NULL CONSTRAINT FK_Source_Parent REFERENCES dbo.Source (SourceId),
    Version int NOT NULL,
    SupersededBy bigint NULL CONSTRAINT FK_Source_SupersededBy REFERENCES dbo.Source (SourceId),
    ContentType nvarchar(255) NOT NULL,
    ContentHash binary(32) NULL,
    ByteLength bigint NOT NULL,
    IngestHour char(16) NOT NULL,
    Status varchar(16) NOT NULL CONSTRAINT DF_Source_Status DEFAULT ('Landed')
        CONSTRAINT CK_Source_Status CHECK (Status IN ('Landed', 'Atomizing', 'Atomized', 'DeadLettered', 'Erased')),
    AtomizerVersion nvarchar(100) NULL,
    MessageId varchar(64) NOT NULL,
    ReadUri nvarchar(max) COLLATE Latin1_General_100_BIN2 NULL,
    BlobKey varchar(100) NULL,
    LeaseOwner nvarchar(300) COLLATE Latin1_General_100_BIN2 NULL,
    LeaseUntil datetime2(3) NULL,
    AttemptCount int NOT NULL CONSTRAINT DF_Source_AttemptCount DEFAULT (0),
    ReceivedAt datetime2(3) NOT NULL,
    LastSeenAt datetime2(3) NOT NULL,
    ErrorMessage nvarchar(max) NULL,
    Metadata nvarchar(max) NOT NULL CONSTRAINT DF_Source_Metadata DEFAULT (N'{}')
        CONSTRAINT CK_Source_Metadata CHECK (ISJSON(Metadata) = 1),
    ChangeToken rowversion NOT NULL,
    CONSTRAINT UQ_Source_Version UNIQUE NONCLUSTERED (TenantId, SourceUriHash, Version)
);
GO
-- A version becomes current only when its last atom is written, so a search never sees half a source.
CREATE UNIQUE INDEX UX_Source_Current ON dbo.Source (TenantId, SourceUriHash) WHERE SupersededBy IS NULL AND Status = 'Atomized';
CREATE INDEX IX_Source_Hour ON dbo.Source (IngestHour, Status) INCLUDE (LeaseUntil, AttemptCount);
CREATE INDEX IX_Source_SupersededBy ON dbo.Source (SupersededBy) WHERE SupersededBy IS NOT NULL;
CREATE INDEX IX_Source_Parent ON dbo.Source (ParentSourceId) WHERE ParentSourceId IS NOT NULL;
CREATE INDEX IX_Source_Blob ON dbo.Source (BlobKey) WHERE BlobKey IS NOT NULL;
CREATE INDEX IX_Source_Message ON dbo.Source (MessageId);
CREATE INDEX IX_Source_Unfinished ON dbo.Source (TenantId, SourceUriHash, Version) INCLUDE (Status, LeaseUntil, IngestHour)
    WHERE Status IN ('Landed', 'Atomizing');
-- A claim looks only at what is open, those with the fewest attempts first: it costs the same however much waits.
CREATE INDEX IX_Source_Open ON dbo.Source (IngestHour, AttemptCount, SourceId)
    INCLUDE (Status, LeaseUntil, TenantId, SourceUriHash, Version, ByteLength) WHERE Status IN ('Landed', 'Atomizing');
CREATE INDEX IX_Source_Leased ON dbo.Source (LeaseOwner) INCLUDE (Status) WHERE LeaseOwner IS NOT NULL;
CREATE INDEX IX_Source_GivenUp ON dbo.Source (TenantId, SourceUriHash) WHERE Status = 'DeadLettered';
GO
-- Each run that wrote atoms of a source.
CREATE TABLE dbo.SourceRun
(
    SourceId bigint NOT NULL CONSTRAINT FK_SourceRun_Source REFERENCES dbo.Source (SourceId) ON DELETE CASCADE,
    RunId varchar(64) NOT NULL,
    CONSTRAINT PK_SourceRun PRIMARY KEY CLUSTERED (SourceId, RunId)
);
GO
CREATE TABLE dbo.Atom
(
    AtomId bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_Atom PRIMARY KEY CLUSTERED WITH (DATA_COMPRESSION = PAGE),
    TenantId int NOT NULL,
    Modality varchar(32) NOT NULL
        CONSTRAINT CK_Atom_Modality CHECK (Modality IN ('text', 'code', 'image', 'audio', 'video', 'tensor', 'binary')),
    Subtype varchar(64) NULL,
    ContentHash binary(32) NOT NULL,
    -- Of text the only copy, for its UTF-8 is the bytes; in that encoding (docs/decisions/0035-text-on-sql-server-is-utf-8.md).
    CanonicalText varchar(max) COLLATE Latin1_General_100_BIN2_UTF8 NULL,
    -- The same bytes whatever the type is: in an adopted table it is nvarchar(max).
    TextBytes AS CONVERT(varbinary(max), CONVERT(varchar(max), CanonicalText COLLATE Latin1_General_100_BIN2_UTF8)),
    AtomicValue varbinary(64) NULL,          -- other bytes, up to 64
    ContentType nvarchar(255) NULL,
    ReferenceCount bigint NOT NULL CONSTRAINT DF_Atom_ReferenceCount DEFAULT (0),
    -- Our own writes say 0; such an atom goes when no source holds it.
    InsertedByHand bit NOT NULL CONSTRAINT DF_Atom_InsertedByHand DEFAULT (1),
    IngestHour char(16) NOT NULL CONSTRAINT DF_Atom_IngestHour DEFAULT (STUFF(CONVERT(char(13), SYSUTCDATETIME(), 126), 11, 1, '-') + ':00')
        CONSTRAINT CK_Atom_IngestHour CHECK (IngestHour LIKE '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]:00'
            AND TRY_CONVERT(datetime2(0), CONCAT(STUFF(IngestHour, 11, 1, ' '), ':00'), 120) IS NOT NULL),
    CreatedAt datetime2(3) NOT NULL CONSTRAINT DF_Atom_CreatedAt DEFAULT (SYSUTCDATETIME()),
    CONSTRAINT UQ_Atom_ContentHash UNIQUE NONCLUSTERED (TenantId, ContentHash)
);
GO
CREATE INDEX IX_Atom_Hour ON dbo.Atom (IngestHour);
CREATE INDEX IX_Atom_Unreferenced ON dbo.Atom (AtomId) INCLUDE (TenantId, ContentHash)
    WHERE ReferenceCount = 0 AND InsertedByHand = 0;
GO
-- Bytes, above 64, that no text says.
CREATE TABLE dbo.AtomContent
(
    AtomId bigint NOT NULL CONSTRAINT PK_AtomContent PRIMARY KEY CLUSTERED WITH (DATA_COMPRESSION = PAGE)
        CONSTRAINT FK_AtomContent_Atom REFERENCES dbo.Atom (AtomId) ON DELETE CASCADE,
    ByteLength bigint NOT NULL,
    Content varbinary(max) NULL,
    BlobKey varchar(100) NULL,
    CONSTRAINT CK_AtomContent_Place CHECK ((Content IS NULL AND BlobKey IS NOT NULL) OR (Content IS NOT NULL AND BlobKey IS NULL))
);
GO
CREATE INDEX IX_AtomContent_Blob ON dbo.AtomContent (BlobKey) WHERE BlobKey IS NOT NULL;
GO
CREATE TABLE dbo.SourceAtom
(
    SourceId bigint NOT NULL CONSTRAINT FK_SourceAtom_Source REFERENCES dbo.Source (SourceId),
    Role varchar(8) NOT NULL CONSTRAINT CK_SourceAtom_Role CHECK (Role IN ('content', 'derived')),
    Ordinal bigint NOT NULL,
    AtomId bigint NOT NULL CONSTRAINT FK_SourceAtom_Atom REFERENCES dbo.Atom (AtomId),
    ByteOffset bigint NULL,
    ByteLength bigint NULL,
    Suffix varbinary(64) NULL,
    Locator nvarchar(max) NULL CONSTRAINT CK_SourceAtom_Locator CHECK (Locator IS NULL OR ISJSON(Locator) = 1),
    CONSTRAINT PK_SourceAtom PRIMARY KEY CLUSTERED (SourceId, Role, Ordinal) WITH (DATA_COMPRESSION = PAGE)
);
GO
CREATE INDEX IX_SourceAtom_Atom ON dbo.SourceAtom (AtomId, SourceId) WITH (DATA_COMPRESSION = PAGE);
GO
-- Which atoms of a source a derived one was made from. Our own writes remove the rows of a source before its atoms can go.
CREATE TABLE dbo.AtomDerivation
(
    SourceId bigint NOT NULL CONSTRAINT FK_AtomDerivation_Source REFERENCES dbo.Source (SourceId) ON DELETE CASCADE,
    DerivedAtomId bigint NOT NULL CONSTRAINT FK_AtomDerivation_Derived REFERENCES dbo.Atom (AtomId),
    FromAtomId bigint NOT NULL CONSTRAINT FK_AtomDerivation_From REFERENCES dbo.Atom (AtomId),
    CONSTRAINT PK_AtomDerivation PRIMARY KEY CLUSTERED (SourceId, DerivedAtomId, FromAtomId) WITH (DATA_COMPRESSION = PAGE)
);
GO
CREATE INDEX IX_AtomDerivation_Derived ON dbo.AtomDerivation (DerivedAtomId);
CREATE INDEX IX_AtomDerivation_From ON dbo.AtomDerivation (FromAtomId);
GO
CREATE TABLE dbo.EmbeddingModel
(
    ModelId int IDENTITY(1, 1) NOT NULL CONSTRAINT PK_EmbeddingModel PRIMARY KEY CLUSTERED,
    Modality varchar(32) NOT NULL,
    Name nvarchar(400) NOT NULL,
    Dimension int NOT NULL,
    ArtifactHash varchar(64) NOT NULL,
    Precision varchar(16) NOT NULL,
    Settings nvarchar(400) COLLATE Latin1_General_100_BIN2 NOT NULL CONSTRAINT DF_EmbeddingModel_Settings DEFAULT (N'{}')
        CONSTRAINT CK_EmbeddingModel_Settings CHECK (ISJSON(Settings) = 1),
    Active bit NOT NULL CONSTRAINT DF_EmbeddingModel_Active DEFAULT (0),
    CreatedAt datetime2(3) NOT NULL,
    CONSTRAINT UQ_EmbeddingModel UNIQUE NONCLUSTERED (Modality, ArtifactHash, Settings)
);
GO
CREATE TABLE dbo.ProjectionModel
(
    ProjectionModelId int IDENTITY(1, 1) NOT NULL CONSTRAINT PK_ProjectionModel PRIMARY KEY CLUSTERED,
    ModelId int NOT NULL CONSTRAINT FK_ProjectionModel_Model REFERENCES dbo.EmbeddingModel (ModelId),
    Method varchar(32) NOT NULL,
    Parameters nvarchar(max) NOT NULL CONSTRAINT CK_ProjectionModel_Parameters CHECK (ISJSON(Parameters) = 1),
    TrainedOn bigint NOT NULL CONSTRAINT DF_ProjectionModel_TrainedOn DEFAULT (0),
    ArtifactHash varchar(64) NOT NULL,
    Active bit NOT NULL CONSTRAINT DF_ProjectionModel_Active DEFAULT (0),
    CreatedAt datetime2(3) NOT NULL,
    CONSTRAINT UQ_ProjectionModel UNIQUE NONCLUSTERED (ModelId, ArtifactHash)
);
GO
CREATE UNIQUE INDEX UX_ProjectionModel_Active ON dbo.ProjectionModel (ModelId) WHERE Active = 1;
GO
CREATE TABLE dbo.AtomEmbedding
(
    AtomEmbeddingId bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_AtomEmbedding PRIMARY KEY CLUSTERED,
    AtomId bigint NOT NULL CONSTRAINT FK_AtomEmbedding_Atom REFERENCES dbo.Atom (AtomId) ON DELETE CASCADE,
    TenantId int NOT NULL,
    ModelId int NOT NULL CONSTRAINT FK_AtomEmbedding_Model REFERENCES dbo.EmbeddingModel (ModelId),
    Dimension int NOT NULL,
    EmbeddingVector varbinary(max) NOT NULL,     -- float32, little-endian
    WindowCount int NOT NULL CONSTRAINT DF_AtomEmbedding_WindowCount DEFAULT (1),
    X float NULL,
    Y float NULL,
    Z float NULL,
    HilbertValue bigint NULL,
    ProjectionModelId int NULL CONSTRAINT FK_AtomEmbedding_Projection REFERENCES dbo.ProjectionModel (ProjectionModelId),
    IngestHour char(16) NOT NULL,
    RunId varchar(64) NULL,
    CreatedAt datetime2(3) NOT NULL,
    SpatialBucketX AS CONVERT(int, X / 0.1E0) PERSISTED,     -- float to int truncates toward zero
    SpatialBucketY AS CONVERT(int, Y / 0.1E0) PERSISTED,
    SpatialBucketZ AS CONVERT(int, Z / 0.1E0) PERSISTED,
    ChangeToken rowversion NOT NULL,
    CONSTRAINT CK_AtomEmbedding_Vector CHECK (DATALENGTH(EmbeddingVector) = 4 * Dimension),
    CONSTRAINT UQ_AtomEmbedding UNIQUE NONCLUSTERED (AtomId, ModelId)
);
GO
CREATE INDEX IX_AtomEmbedding_Hilbert ON dbo.AtomEmbedding (TenantId, ModelId, HilbertValue);
CREATE INDEX IX_AtomEmbedding_Model ON dbo.AtomEmbedding (TenantId, ModelId, AtomEmbeddingId);
CREATE INDEX IX_AtomEmbedding_Hour ON dbo.AtomEmbedding (IngestHour, ProjectionModelId);
CREATE INDEX IX_AtomEmbedding_Pending ON dbo.AtomEmbedding (IngestHour, ModelId) WHERE ProjectionModelId IS NULL;
GO
CREATE TABLE dbo.BackgroundJob
(
    JobId uniqueidentifier NOT NULL CONSTRAINT DF_BackgroundJob_JobId DEFAULT (NEWSEQUENTIALID())   -- ascending, until the server restarts: CreatedAt is the order
        CONSTRAINT PK_BackgroundJob PRIMARY KEY CLUSTERED WITH (DATA_COMPRESSION = PAGE),
    JobType varchar(64) NOT NULL,
    Parameters varchar(max) COLLATE Latin1_General_100_BIN2_UTF8 NOT NULL CONSTRAINT CK_BackgroundJob_Parameters CHECK (ISJSON(Parameters) = 1),
    AtomId bigint NULL CONSTRAINT FK_BackgroundJob_Atom REFERENCES dbo.Atom (AtomId) ON DELETE CASCADE,
    ModelId int NULL,                        -- an id that is no model's is refused when the job is claimed
    TenantId int NOT NULL,
    IngestHour char(16) NOT NULL CONSTRAINT DF_BackgroundJob_IngestHour DEFAULT (STUFF(CONVERT(char(13), SYSUTCDATETIME(), 126), 11, 1, '-') + ':00')
        CONSTRAINT CK_BackgroundJob_IngestHour CHECK (IngestHour LIKE '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]-[0-9][0-9]:00'
            AND TRY_CONVERT(datetime2(0), CONCAT(STUFF(IngestHour, 11, 1, ' '), ':00'), 120) IS NOT NULL),
    Status varchar(16) NOT NULL CONSTRAINT DF_BackgroundJob_Status DEFAULT ('Pending')
        CONSTRAINT CK_BackgroundJob_Status CHECK (Status IN ('Pending', 'InProgress', 'Completed', 'Failed', 'DeadLettered')),
    AttemptCount int NOT NULL CONSTRAINT DF_BackgroundJob_AttemptCount DEFAULT (0),
    -- What is exhausted has been tried at least once.
    MaxAttempts int NOT NULL CONSTRAINT DF_BackgroundJob_MaxAttempts DEFAULT (5)
        CONSTRAINT CK_BackgroundJob_MaxAttempts CHECK (MaxAttempts >= 1),
    LeaseOwner nvarchar(300) COLLATE Latin1_General_100_BIN2 NULL,
    LeaseUntil datetime2(3) NULL,
    Result nvarchar(max) NULL,
    CreatedAt datetime2(3) NOT NULL CONSTRAINT DF_BackgroundJob_CreatedAt DEFAULT (SYSUTCDATETIME()),
    StartedAt datetime2(3) NULL,
    CompletedAt datetime2(3) NULL,
    ChangeToken rowversion NOT NULL
);
GO
CREATE INDEX IX_BackgroundJob_Open ON dbo.BackgroundJob (IngestHour, JobType, AttemptCount)
    INCLUDE (Status, LeaseUntil, MaxAttempts) WHERE Status IN ('Pending', 'InProgress');
CREATE INDEX IX_BackgroundJob_Leased ON dbo.BackgroundJob (LeaseOwner) INCLUDE (Status) WHERE LeaseOwner IS NOT NULL;
CREATE INDEX IX_BackgroundJob_Atom ON dbo.BackgroundJob (AtomId) INCLUDE (Status) WITH (DATA_COMPRESSION = PAGE);
CREATE INDEX IX_BackgroundJob_Failed ON dbo.BackgroundJob (TenantId) WHERE Status = 'Failed';
GO
-- With Service Broker the inbox of what was received; without, the queue itself.
CREATE SEQUENCE dbo.MessageSequence AS bigint START WITH 1 INCREMENT BY 1 CACHE 1000;
GO
CREATE TABLE dbo.QueueMessage
(
    Sequence bigint NOT NULL CONSTRAINT PK_QueueMessage PRIMARY KEY CLUSTERED,
    MessageId varchar(36) NOT NULL CONSTRAINT UQ_QueueMessage_MessageId UNIQUE NONCLUSTERED,
    Queue varchar(64) NOT NULL,
    OrderingKey nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    Body varbinary(max) NOT NULL,
    AttemptCount int NOT NULL CONSTRAINT DF_QueueMessage_AttemptCount DEFAULT (0),
    EnqueuedAt datetime2(3) NOT NULL,
    FirstFailedAt datetime2(3) NULL,
    LastError nvarchar(max) NULL,
    ChangeToken rowversion NOT NULL
);
GO
CREATE INDEX IX_QueueMessage_Queue ON dbo.QueueMessage (Queue, Sequence);
GO
-- Who works on a queue whose messages lead out of the database; a row only while somebody does.
CREATE TABLE dbo.QueueLease
(
    Queue varchar(64) NOT NULL CONSTRAINT PK_QueueLease PRIMARY KEY CLUSTERED,
    LeaseOwner nvarchar(300) COLLATE Latin1_General_100_BIN2 NOT NULL,
    LeaseUntil datetime2(3) NOT NULL
);
GO
CREATE TABLE dbo.DeadLetter
(
    DeadLetterId bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_DeadLetter PRIMARY KEY CLUSTERED,
    Kind varchar(16) NOT NULL CONSTRAINT CK_DeadLetter_Kind CHECK (Kind IN ('message', 'source', 'job')),
    TenantId int NULL,                       -- NULL: the message was too broken to say
    IngestHour char(16) NOT NULL CONSTRAINT DF_DeadLetter_IngestHour DEFAULT (STUFF(CONVERT(char(13), SYSUTCDATETIME(), 126), 11, 1, '-') + ':00'),
    Queue varchar(64) NULL,
    OrderingKey nvarchar(max) NULL,
    MessageId varchar(64) NULL,
    SourceId bigint NULL,
    JobId uniqueidentifier NULL,
    Reason nvarchar(max) NOT NULL,
    -- Of file or message, and reason: what is given up on again for the same reason is one dead letter with a count; NULL: one that is
    -- never met again.
    Fingerprint binary(32) NULL,
    SeenCount int NOT NULL CONSTRAINT DF_DeadLetter_SeenCount DEFAULT (1),
    Body varbinary(max) NOT NULL,
    AttemptCount int NOT NULL,
    FirstFailedAt datetime2(3) NOT NULL,
    LastFailedAt datetime2(3) NOT NULL,
    Replay nvarchar(200) NOT NULL            -- how to replay it
);
GO
CREATE INDEX IX_DeadLetter_Tenant ON dbo.DeadLetter (TenantId, DeadLetterId);
CREATE INDEX IX_DeadLetter_Message ON dbo.DeadLetter (MessageId);
CREATE INDEX IX_DeadLetter_Hour ON dbo.DeadLetter (IngestHour);
CREATE UNIQUE INDEX UX_DeadLetter_Fingerprint ON dbo.DeadLetter (Fingerprint) WHERE Fingerprint IS NOT NULL;
GO
CREATE TABLE dbo.Inference
(
    TenantId int NOT NULL,
    InferenceId nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    Model nvarchar(500) COLLATE Latin1_General_100_BIN2 NOT NULL,
    Task nvarchar(max) NULL,
    StartedAt nvarchar(64) NULL,             -- ISO 8601 in UTC, as the program writes it
    DurationMs bigint NULL,
    Metadata nvarchar(max) NOT NULL CONSTRAINT DF_Inference_Metadata DEFAULT (N'{}')
        CONSTRAINT CK_Inference_Metadata CHECK (ISJSON(Metadata) = 1),
    CreatedAt datetime2(3) NOT NULL,
    CONSTRAINT PK_Inference PRIMARY KEY CLUSTERED (TenantId, InferenceId)
);
GO
CREATE TABLE dbo.InferenceAtom
(
    TenantId int NOT NULL,
    InferenceId nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    Role varchar(8) NOT NULL CONSTRAINT CK_InferenceAtom_Role CHECK (Role IN ('input', 'output')),
    Ordinal int NOT NULL,
    AtomHash binary(32) NOT NULL,            -- by hash: an inference may name an atom that is not here yet
    CONSTRAINT PK_InferenceAtom PRIMARY KEY CLUSTERED (TenantId, InferenceId, Role, Ordinal)
);
GO
CREATE INDEX IX_Inference_Created ON dbo.Inference (TenantId, CreatedAt);
GO
CREATE INDEX IX_InferenceAtom_Atom ON dbo.InferenceAtom (TenantId, AtomHash);
GO
CREATE TABLE dbo.Erasure
(
    ErasureId bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_Erasure PRIMARY KEY CLUSTERED,
    TenantId int NOT NULL,
    Salt binary(32) NOT NULL,
    SaltedHash binary(32) NOT NULL,
    AtomsErased bigint NOT NULL,
    AtomsKept bigint NOT NULL,
    BytesErased bigint NOT NULL,
    GraphNodesErased bigint NOT NULL,
    ErasedAt datetime2(3) NOT NULL
);
GO
-- Which file the message may read although it lies under no allowed root: written by the command line for the paths that it is given.
CREATE TABLE dbo.PathGrant
(
    MessageId varchar(64) NOT NULL CONSTRAINT PK_PathGrant PRIMARY KEY CLUSTERED,
    Uri nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL
);
GO
