-- A database with the options that Hartonomous needs, the login that migrates it and the login that works in it.
-- For sqlcmd, with the variables migration_password and worker_password; run by create-database.sh. May run again.

IF DB_ID(N'Hartonomous') IS NULL
    CREATE DATABASE Hartonomous;
GO
IF NOT EXISTS (SELECT 1 FROM sys.databases AS d WHERE d.name = N'Hartonomous' AND d.is_read_committed_snapshot_on = 1)
    ALTER DATABASE Hartonomous SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE;
GO
ALTER DATABASE Hartonomous SET ALLOW_SNAPSHOT_ISOLATION ON;
GO
IF NOT EXISTS (SELECT 1 FROM sys.databases AS d WHERE d.name = N'Hartonomous' AND d.is_broker_enabled = 1)
    ALTER DATABASE Hartonomous SET ENABLE_BROKER WITH ROLLBACK IMMEDIATE;
GO
IF SUSER_ID(N'hartonomous_migration') IS NULL
    CREATE LOGIN hartonomous_migration WITH PASSWORD = N'$(migration_password)';
ELSE
    ALTER LOGIN hartonomous_migration WITH PASSWORD = N'$(migration_password)';
GO
IF SUSER_ID(N'hartonomous_worker') IS NULL
    CREATE LOGIN hartonomous_worker WITH PASSWORD = N'$(worker_password)';
ELSE
    ALTER LOGIN hartonomous_worker WITH PASSWORD = N'$(worker_password)';
GO
USE Hartonomous;
GO
IF USER_ID(N'hartonomous_migration') IS NULL
    CREATE USER hartonomous_migration FOR LOGIN hartonomous_migration;
GO
-- Owner of the database: it makes schemas, queues and services. The worker gets its rights by its role, after the migration.
ALTER ROLE db_owner ADD MEMBER hartonomous_migration;
GO
IF USER_ID(N'hartonomous_worker') IS NULL
    CREATE USER hartonomous_worker FOR LOGIN hartonomous_worker;
GO
