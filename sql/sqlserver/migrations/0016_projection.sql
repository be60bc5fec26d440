-- Positions: the landmark projection, the Hilbert curve, and the procedures that write positions.

-- The landmark position of a vector: three coordinates in [-1, 1], mean 0 and scale 4 / SQRT(dimension). No row for what has none:
-- fewer than 3 or more than 1,998 dimensions, no whole number of float32, NaN or infinity. It decodes every component of the
-- vector: for many rows the program's own projection is the way.
CREATE FUNCTION dbo.fn_Project (@v varbinary(max))
RETURNS TABLE
WITH SCHEMABINDING
AS
RETURN
    SELECT CASE WHEN p.X > 1.0E0 THEN 1.0E0 WHEN p.X < -1.0E0 THEN -1.0E0 ELSE p.X END AS X,
        CASE WHEN p.Y > 1.0E0 THEN 1.0E0 WHEN p.Y < -1.0E0 THEN -1.0E0 ELSE p.Y END AS Y,
        CASE WHEN p.Z > 1.0E0 THEN 1.0E0 WHEN p.Z < -1.0E0 THEN -1.0E0 ELSE p.Z END AS Z
    FROM (SELECT COUNT(*) AS Dimension, COUNT(v.Value) AS Numbers,
              SUM(v.Value * c.Drawn0) AS D0, SUM(v.Value * c.Drawn1) AS D1, SUM(v.Value * c.Drawn2) AS D2
          FROM dbo.fn_VectorComponents(@v) AS v
          INNER JOIN dbo.LandmarkComponent AS c ON c.Component = v.Component) AS s
    INNER JOIN dbo.LandmarkDimension AS d ON d.Dimension = s.Dimension
    CROSS APPLY (SELECT 4.0E0 / SQRT(CONVERT(float, s.Dimension)) AS Scale) AS w
    CROSS APPLY (SELECT (d.C00 * s.D0) / w.Scale AS X,
                     (d.C10 * s.D0 + d.C11 * s.D1) / w.Scale AS Y,
                     (d.C20 * s.D0 + d.C21 * s.D1 + d.C22 * s.D2) / w.Scale AS Z) AS p
    WHERE s.Numbers = s.Dimension;
GO
-- The grid line of a coordinate: round((c + 1) / 2 * (2^bits - 1)), clamped to the grid. Half way goes to the even line, as IEEE 754
-- and the program round; ROUND would go away from zero.
CREATE FUNCTION dbo.fn_GridLine (@coordinate float, @bits int)
RETURNS bigint
WITH SCHEMABINDING
AS
BEGIN
    DECLARE @last float = POWER(2.0E0, @bits) - 1.0E0;
    DECLARE @line float = (@coordinate + 1.0E0) / 2.0E0 * @last;
    DECLARE @below float = FLOOR(@line);
    IF @line <= 0.0E0
        RETURN 0;
    IF @line >= @last
        RETURN CONVERT(bigint, @last);
    IF @line - @below > 0.5E0 OR (@line - @below = 0.5E0 AND CONVERT(bigint, @below) % 2 = 1)
        SET @below = @below + 1.0E0;
    RETURN CONVERT(bigint, @below);
END;
GO
-- The place of a point of the cube [-1, 1]^3 on the Hilbert curve of J. Skilling ("Programming the Hilbert curve", AIP Conference
-- Proceedings 707, 381, 2004), axes in the order x, y, z: the integers of the program's own function. A missing z counts as 0; NULL
-- for a missing x or y and for bits outside 1 to 21. It loops over the bits: for many rows the program's own is the way.
CREATE FUNCTION dbo.fn_HilbertValue (@x float, @y float, @z float, @bits int)
RETURNS bigint
WITH SCHEMABINDING
AS
BEGIN
    IF @x IS NULL OR @y IS NULL OR @bits IS NULL OR @bits NOT BETWEEN 1 AND 21
        RETURN NULL;
    DECLARE @a bigint = dbo.fn_GridLine(@x, @bits);
    DECLARE @b bigint = dbo.fn_GridLine(@y, @bits);
    DECLARE @c bigint = dbo.fn_GridLine(COALESCE(@z, 0.0E0), @bits);

    -- From the highest bit down, per axis: where it is set, invert the lower bits of the first axis; else swap those of the two.
    DECLARE @bit bigint = POWER(CONVERT(bigint, 2), @bits - 1);
    DECLARE @swapped bigint;
    WHILE @bit > 1
    BEGIN
        IF (@a & @bit) <> 0
            SET @a = @a ^ (@bit - 1);
        IF (@b & @bit) <> 0
            SET @a = @a ^ (@bit - 1);
        ELSE
        BEGIN
            SET @swapped = (@a ^ @b) & (@bit - 1);
            SET @a = @a ^ @swapped;
            SET @b = @b ^ @swapped;
        END;
        IF (@c & @bit) <> 0
            SET @a = @a ^ (@bit - 1);
        ELSE
        BEGIN
            SET @swapped = (@a ^ @c) & (@bit - 1);
            SET @a = @a ^ @swapped;
            SET @c = @c ^ @swapped;
        END;
        SET @bit = @bit / 2;
    END;

    -- Gray code, and the three bits of each level side by side; a level is inverted by the parity of the last axis above it.
    SET @b = @b ^ @a;
    SET @c = @c ^ @b;
    DECLARE @value bigint = 0;
    DECLARE @parity bigint = 0;
    SET @bit = POWER(CONVERT(bigint, 2), @bits - 1);
    WHILE @bit > 0
    BEGIN
        SET @value = @value * 8 + (((@a / @bit) % 2) ^ @parity) * 4 + (((@b / @bit) % 2) ^ @parity) * 2
            + (((@c / @bit) % 2) ^ @parity);
        SET @parity = @parity ^ ((@c / @bit) % 2);
        SET @bit = @bit / 2;
    END;
    RETURN @value;
END;
GO
-- What the program projected.
CREATE PROCEDURE dbo.usp_project_embedding @rows dbo.ProjectionRows READONLY
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    UPDATE e
    SET e.X = r.X, e.Y = r.Y, e.Z = r.Z, e.HilbertValue = r.HilbertValue, e.ProjectionModelId = r.ProjectionModelId
    FROM dbo.AtomEmbedding AS e
    INNER JOIN @rows AS r ON r.AtomEmbeddingId = e.AtomEmbeddingId;
    SELECT @@ROWCOUNT AS rowsChanged;
END;
GO
-- The procedure of the .NET system. Rows given: they are written. None given: up to @BatchSize embeddings without a position get
-- theirs here, by the active projection of their model (of one hour and one model, if those are given), and the count comes back:
-- call it until that is 0. Only the landmark projection can be computed here, and the program computes it much faster.
CREATE PROCEDURE dbo.sp_ProjectEmbeddingsToGeometry
    @Embeddings dbo.ProjectionRows READONLY, @Hour char(16) = NULL, @ModelId int = NULL, @BatchSize int = 4096
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SET XACT_ABORT ON;
    IF EXISTS (SELECT 1 FROM @Embeddings)
    BEGIN
        BEGIN TRANSACTION;
        EXEC dbo.usp_project_embedding @rows = @Embeddings;
        EXEC dbo.usp_publish_projected @rows = @Embeddings;
        COMMIT TRANSACTION;
        RETURN;
    END;
    IF EXISTS (SELECT 1 FROM dbo.ProjectionModel AS p
               WHERE p.Active = 1 AND p.Method <> 'landmark' AND (@ModelId IS NULL OR p.ModelId = @ModelId))
        THROW 51020, N'only landmark projections can be computed here and another one is active: the program must project its model; give @ModelId to project another model', 1;

    DECLARE @projected dbo.ProjectionRows;
    BEGIN TRANSACTION;
    INSERT INTO @projected (X, Y, Z, HilbertValue, ProjectionModelId, AtomEmbeddingId)
    SELECT TOP (@BatchSize) q.X, q.Y, q.Z, dbo.fn_HilbertValue(q.X, q.Y, q.Z, 21), p.ProjectionModelId, e.AtomEmbeddingId
    FROM dbo.AtomEmbedding AS e WITH (ROWLOCK, UPDLOCK, READPAST)
    INNER JOIN dbo.ProjectionModel AS p ON p.ModelId = e.ModelId AND p.Active = 1
    CROSS APPLY dbo.fn_Project(e.EmbeddingVector) AS q
    WHERE e.ProjectionModelId IS NULL AND (@Hour IS NULL OR e.IngestHour = @Hour) AND (@ModelId IS NULL OR e.ModelId = @ModelId);
    EXEC dbo.usp_project_embedding @rows = @projected;
    EXEC dbo.usp_publish_projected @rows = @projected;
    COMMIT TRANSACTION;
END;
GO
