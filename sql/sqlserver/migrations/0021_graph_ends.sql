-- Which nodes the edges of a view lead to: a branch for each view and way, so that each statement has a plan of its own.
--
-- The numbers that are asked about drive. TOP keeps the optimizer from turning APPLY into a join, for which it may compute the whole view: so
-- an index is sought for each number, through the groups of the view. LOOP JOIN: and what belongs to it, too. No row goal: to have the first
-- few in order, it may read all atoms there are in that order. Where an index has them so, no more are read than are wanted all the same.

-- Each number once, in order.
CREATE PROCEDURE dbo.usp_graph_ends
    @tenant_id int, @view varchar(64), @way varchar(16), @numbers nvarchar(max), @as_of datetime2(3), @after bigint, @until bigint, @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    -- Variables, for which the optimizer assumes nothing: a plan must not be made for the bounds of the first call.
    DECLARE @all bigint = CONVERT(bigint, 9223372036854775807), @moment datetime2(3) = COALESCE(@as_of, '9999-12-31T23:59:59.999');
    DECLARE @low bigint = COALESCE(@after, CONVERT(bigint, 0x8000000000000000)), @high bigint = COALESCE(@until, @all);
    DECLARE @limit bigint = COALESCE(CONVERT(bigint, @n), @all);
    IF @view = 'Atom_INGESTED_FROM_Source' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Atom_INGESTED_FROM_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_INGESTED_FROM_Source' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Atom_INGESTED_FROM_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_DERIVED_FROM_Atom' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Atom_DERIVED_FROM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_DERIVED_FROM_Atom' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Atom_DERIVED_FROM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_DERIVED_FROM_Source' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Source_DERIVED_FROM_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_DERIVED_FROM_Source' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Source_DERIVED_FROM_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_GENERATED_BY_Run' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Atom_GENERATED_BY_Run AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_GENERATED_BY_Run' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Atom_GENERATED_BY_Run AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_GENERATED_BY_Run' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Source_GENERATED_BY_Run AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_GENERATED_BY_Run' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Source_GENERATED_BY_Run AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_GENERATED_BY_Inference' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Atom_GENERATED_BY_Inference AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_GENERATED_BY_Inference' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Atom_GENERATED_BY_Inference AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_EMBEDDED_BY_Model' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Atom_EMBEDDED_BY_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_EMBEDDED_BY_Model' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Atom_EMBEDDED_BY_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_PROJECTED_BY_Model' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Atom_PROJECTED_BY_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Atom_PROJECTED_BY_Model' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Atom_PROJECTED_BY_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_USED_ATOM_Atom' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Inference_USED_ATOM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_USED_ATOM_Atom' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Inference_USED_ATOM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_PRODUCED_ATOM_Atom' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Inference_PRODUCED_ATOM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_PRODUCED_ATOM_Atom' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Inference_PRODUCED_ATOM_Atom AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_USED_MODEL_Model' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Inference_USED_MODEL_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Inference_USED_MODEL_Model' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Inference_USED_MODEL_Model AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_BELONGS_TO_Tenant' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Source_BELONGS_TO_Tenant AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_BELONGS_TO_Tenant' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Source_BELONGS_TO_Tenant AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_SUPERSEDES_Source' AND @way = 'upstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.ToNumber AS Number FROM dbo.Source_SUPERSEDES_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.FromNumber = CONVERT(bigint, j.value)
                         AND v.ToNumber > @low AND v.ToNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.ToNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE IF @view = 'Source_SUPERSEDES_Source' AND @way = 'downstream'
        SELECT DISTINCT TOP (@limit) e.Number AS number FROM OPENJSON(@numbers) AS j
        CROSS APPLY (SELECT TOP (@limit) v.FromNumber AS Number FROM dbo.Source_SUPERSEDES_Source AS v
                     WHERE v.TenantId = @tenant_id AND v.ToNumber = CONVERT(bigint, j.value)
                         AND v.FromNumber > @low AND v.FromNumber <= @high AND (v.Since IS NULL OR v.Since <= @moment)
                     ORDER BY v.FromNumber) AS e
        ORDER BY e.Number OPTION (LOOP JOIN, USE HINT ('DISABLE_OPTIMIZER_ROWGOAL'));
    ELSE
        THROW 51030, N'there is no such view of the graph', 1;
END;
GO
