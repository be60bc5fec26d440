-- Which migrations ran: made before the first of them, by whoever migrates.
CREATE TABLE dbo.SchemaVersion
(
    Feature varchar(32) NOT NULL,            -- core, or the folder of a feature that not every server has
    Version int NOT NULL,
    Name nvarchar(100) NOT NULL,
    Sha256 char(64) NOT NULL,
    AppliedAt datetime2(3) NOT NULL CONSTRAINT DF_SchemaVersion_AppliedAt DEFAULT (SYSUTCDATETIME()),
    CONSTRAINT PK_SchemaVersion PRIMARY KEY CLUSTERED (Feature, Version)
);
GO
-- Readable by the application, which has no rights on tables.
CREATE PROCEDURE dbo.usp_schema_versions
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT v.Feature AS feature, v.Version AS version, v.Name AS name, v.Sha256 AS sha256, v.AppliedAt AS appliedAt
    FROM dbo.SchemaVersion AS v ORDER BY v.Feature, v.Version;
END;
GO
