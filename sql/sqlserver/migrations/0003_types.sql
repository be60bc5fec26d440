-- Table types: what the program sends in one call. Their columns are in the order in which Python sends them.

CREATE TYPE dbo.AtomRows AS TABLE
(
    Role varchar(8) NOT NULL,
    Ordinal bigint NOT NULL,
    ContentHash binary(32) NOT NULL,
    ByteOffset bigint NULL,
    ByteLength bigint NOT NULL,
    Modality varchar(32) NOT NULL,
    Subtype varchar(64) NULL,
    ContentType nvarchar(255) NULL,
    CanonicalText nvarchar(max) NULL,
    Content varbinary(max) NULL,
    BlobKey varchar(100) NULL,
    Suffix varbinary(64) NULL,
    Locator nvarchar(max) NULL,
    PRIMARY KEY CLUSTERED (Role, Ordinal)
);
GO
CREATE TYPE dbo.MessageRows AS TABLE
(
    Ordinal int NOT NULL PRIMARY KEY CLUSTERED,
    MessageId varchar(36) NOT NULL,
    OrderingKey nvarchar(max) NOT NULL,
    Body varbinary(max) NOT NULL
);
GO
CREATE TYPE dbo.EmbeddingRows AS TABLE
(
    AtomId bigint NOT NULL PRIMARY KEY CLUSTERED,
    ModelId int NOT NULL,
    Dimension int NOT NULL,
    EmbeddingVector varbinary(max) NOT NULL,
    WindowCount int NOT NULL,
    RunId varchar(64) NULL,
    CreatedAt datetime2(3) NOT NULL
);
GO
CREATE TYPE dbo.ProjectionRows AS TABLE
(
    X float NOT NULL,
    Y float NOT NULL,
    Z float NOT NULL,
    HilbertValue bigint NOT NULL,
    ProjectionModelId int NOT NULL,
    AtomEmbeddingId bigint NOT NULL PRIMARY KEY CLUSTERED
);
GO
CREATE TYPE dbo.PathGrantRows AS TABLE
(
    MessageId varchar(64) NOT NULL PRIMARY KEY CLUSTERED,
    Uri nvarchar(max) NOT NULL
);
GO
CREATE TYPE dbo.InferenceAtomRows AS TABLE
(
    TenantId int NOT NULL,
    InferenceId nvarchar(200) COLLATE Latin1_General_100_BIN2 NOT NULL,
    Role varchar(8) NOT NULL,
    Ordinal int NOT NULL,
    AtomHash binary(32) NOT NULL,
    PRIMARY KEY CLUSTERED (TenantId, InferenceId, Role, Ordinal)
);
GO
CREATE TYPE dbo.QueryVectorRows AS TABLE
(
    ModelId int NOT NULL PRIMARY KEY CLUSTERED,
    EmbeddingVector varbinary(max) NOT NULL
);
GO
-- How near atoms are to a query, per embedding model.
CREATE TYPE dbo.ScoreRows AS TABLE
(
    ModelId int NOT NULL,
    AtomId bigint NOT NULL,
    Score float NOT NULL,
    PRIMARY KEY CLUSTERED (ModelId, AtomId)
);
GO
