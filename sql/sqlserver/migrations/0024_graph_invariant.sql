-- The graph's own invariant: every end of an edge exists.

-- Edges of the graph's views of which an end is no node of its tenant.
CREATE PROCEDURE dbo.usp_dangling_edges @hour char(16), @tenant_id int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @found TABLE (Name varchar(64) NOT NULL, TenantId int NOT NULL, FromNumber bigint NOT NULL, ToNumber bigint NOT NULL);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Atom_INGESTED_FROM_Source', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Atom_INGESTED_FROM_Source AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphSource AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Atom_DERIVED_FROM_Atom', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Atom_DERIVED_FROM_Atom AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Source_DERIVED_FROM_Source', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Source_DERIVED_FROM_Source AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphSource AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphSource AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Atom_GENERATED_BY_Run', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Atom_GENERATED_BY_Run AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphRun AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Source_GENERATED_BY_Run', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Source_GENERATED_BY_Run AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphSource AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphRun AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Atom_GENERATED_BY_Inference', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Atom_GENERATED_BY_Inference AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphInference AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Atom_EMBEDDED_BY_Model', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Atom_EMBEDDED_BY_Model AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphModel AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Atom_PROJECTED_BY_Model', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Atom_PROJECTED_BY_Model AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphModel AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Inference_USED_ATOM_Atom', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Inference_USED_ATOM_Atom AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphInference AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Inference_PRODUCED_ATOM_Atom', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Inference_PRODUCED_ATOM_Atom AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphInference AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphAtom AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Inference_USED_MODEL_Model', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Inference_USED_MODEL_Model AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphInference AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphModel AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Source_BELONGS_TO_Tenant', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Source_BELONGS_TO_Tenant AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphSource AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphTenant AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    INSERT INTO @found (Name, TenantId, FromNumber, ToNumber)
    SELECT TOP (100) 'Source_SUPERSEDES_Source', e.TenantId, e.FromNumber, e.ToNumber FROM dbo.Source_SUPERSEDES_Source AS e
    WHERE (@hour IS NULL OR e.IngestHour = @hour) AND (@tenant_id IS NULL OR e.TenantId = @tenant_id)
        AND (NOT EXISTS (SELECT 1 FROM dbo.GraphSource AS f WHERE f.TenantId = e.TenantId AND f.Number = e.FromNumber)
             OR NOT EXISTS (SELECT 1 FROM dbo.GraphSource AS t WHERE t.TenantId = e.TenantId AND t.Number = e.ToNumber))
    OPTION (RECOMPILE);
    SELECT TOP (100) f.Name AS [view], f.TenantId AS tenantId, f.FromNumber AS fromNumber, f.ToNumber AS toNumber FROM @found AS f;
END;
GO
