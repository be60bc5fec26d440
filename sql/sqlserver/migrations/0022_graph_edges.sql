-- Nodes and edges of the graph as its views have them: `e.*` are the columns of the view. 0021_graph_ends.sql says why it is asked so.

-- The edges that lead one way from nodes, whose numbers are given once each.
CREATE PROCEDURE dbo.usp_graph_edges
    @tenant_id int, @view varchar(64), @way varchar(16), @numbers nvarchar(max), @as_of datetime2(3), @after bigint, @until bigint
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    -- Variables, for which the optimizer assumes nothing: a plan must not be made for the bounds of the first call.
    DECLARE @all bigint = CONVERT(bigint, 9223372036854775807), @moment datetime2(3) = COALESCE(@as_of, '9999-12-31T23:59:59.999');
    DECLARE @low bigint = COALESCE(@after, CONVERT(bigint, 0x8000000000000000)), @high bigint = COALESCE(@until, @all);
    IF @view = 'Atom_INGESTED_FROM_Source' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_INGESTED_FROM_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_INGESTED_FROM_Source' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_INGESTED_FROM_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_DERIVED_FROM_Atom' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_DERIVED_FROM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_DERIVED_FROM_Atom' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_DERIVED_FROM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_DERIVED_FROM_Source' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Source_DERIVED_FROM_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_DERIVED_FROM_Source' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Source_DERIVED_FROM_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_GENERATED_BY_Run' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_GENERATED_BY_Run AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_GENERATED_BY_Run' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_GENERATED_BY_Run AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_GENERATED_BY_Run' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Source_GENERATED_BY_Run AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_GENERATED_BY_Run' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Source_GENERATED_BY_Run AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_GENERATED_BY_Inference' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_GENERATED_BY_Inference AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_GENERATED_BY_Inference' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_GENERATED_BY_Inference AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_EMBEDDED_BY_Model' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_EMBEDDED_BY_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_EMBEDDED_BY_Model' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_EMBEDDED_BY_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_PROJECTED_BY_Model' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_PROJECTED_BY_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_PROJECTED_BY_Model' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Atom_PROJECTED_BY_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_USED_ATOM_Atom' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Inference_USED_ATOM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_USED_ATOM_Atom' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Inference_USED_ATOM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_PRODUCED_ATOM_Atom' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Inference_PRODUCED_ATOM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_PRODUCED_ATOM_Atom' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Inference_PRODUCED_ATOM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_USED_MODEL_Model' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Inference_USED_MODEL_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_USED_MODEL_Model' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Inference_USED_MODEL_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_BELONGS_TO_Tenant' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Source_BELONGS_TO_Tenant AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_BELONGS_TO_Tenant' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Source_BELONGS_TO_Tenant AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_SUPERSEDES_Source' AND @way = 'upstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Source_SUPERSEDES_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_SUPERSEDES_Source' AND @way = 'downstream'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.Source_SUPERSEDES_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)) AS e
        ORDER BY e.FromNumber, e.ToNumber OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE
        THROW 51030, N'there is no such view of the graph', 1;
END;
GO
-- Those of the nodes that are in the graph; their numbers are given once each.
CREATE PROCEDURE dbo.usp_graph_nodes @tenant_id int, @label varchar(16), @numbers nvarchar(max)
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @all bigint = CONVERT(bigint, 9223372036854775807);
    IF @label = 'Atom'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.GraphAtom AS v
                     WHERE v.TenantId = @tenant_id AND v.Number = CONVERT(bigint, j.value)) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @label = 'Source'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.GraphSource AS v
                     WHERE v.TenantId = @tenant_id AND v.Number = CONVERT(bigint, j.value)) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @label = 'Run'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.GraphRun AS v
                     WHERE v.TenantId = @tenant_id AND v.Number = CONVERT(bigint, j.value)) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @label = 'Model'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.GraphModel AS v
                     WHERE v.TenantId = @tenant_id AND v.Number = CONVERT(bigint, j.value)) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @label = 'Inference'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.GraphInference AS v
                     WHERE v.TenantId = @tenant_id AND v.Number = CONVERT(bigint, j.value)) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @label = 'Tenant'
        SELECT e.* FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@all) v.* FROM dbo.GraphTenant AS v
                     WHERE v.TenantId = @tenant_id AND v.Number = CONVERT(bigint, j.value)) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE
        THROW 51030, N'there is no such view of the graph', 1;
END;
GO
