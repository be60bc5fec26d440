-- Vectors are float32, little-endian, in varbinary. These functions read them in T-SQL alone: no assembly has to be signed. They
-- decode byte by byte, which is right for a handful of rows and for SQL Server's own queries; for many rows the program reads the
-- bytes and multiplies matrices, which is faster by orders of magnitude.

-- One float32, exactly: every finite value, subnormal ones included. NaN and infinity are NULL. A single RETURN, so that SQL Server
-- 2019 and later inline it into the query that calls it.
CREATE FUNCTION dbo.fn_Float32 (@b binary(4))
RETURNS float
WITH SCHEMABINDING
AS
BEGIN
    RETURN
        CASE WHEN CONVERT(int, SUBSTRING(@b, 4, 1)) & 128 = 0 THEN 1.0E0 ELSE -1.0E0 END
        * CASE (CONVERT(int, SUBSTRING(@b, 4, 1)) & 127) * 2 + CONVERT(int, SUBSTRING(@b, 3, 1)) / 128
            WHEN 255 THEN NULL
            WHEN 0 THEN
                ((CONVERT(int, SUBSTRING(@b, 3, 1)) & 127) * 65536 + CONVERT(int, SUBSTRING(@b, 2, 1)) * 256
                    + CONVERT(int, SUBSTRING(@b, 1, 1))) * POWER(2.0E0, -149)
            ELSE
                (8388608 + (CONVERT(int, SUBSTRING(@b, 3, 1)) & 127) * 65536 + CONVERT(int, SUBSTRING(@b, 2, 1)) * 256
                    + CONVERT(int, SUBSTRING(@b, 1, 1)))
                * POWER(2.0E0, (CONVERT(int, SUBSTRING(@b, 4, 1)) & 127) * 2 + CONVERT(int, SUBSTRING(@b, 3, 1)) / 128 - 150)
        END;
END;
GO
-- 0, 1, … 1997: the components that a vector may have (1,998 is what VECTOR columns of SQL Server 2025 hold).
CREATE FUNCTION dbo.fn_ComponentNumbers ()
RETURNS TABLE
WITH SCHEMABINDING
AS
RETURN
    SELECT ones.Digit + 10 * tens.Digit + 100 * hundreds.Digit + 1000 * thousands.Digit AS Component
    FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS ones (Digit)
    CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS tens (Digit)
    CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS hundreds (Digit)
    CROSS JOIN (VALUES (0), (1)) AS thousands (Digit)
    WHERE ones.Digit + 10 * tens.Digit + 100 * hundreds.Digit + 1000 * thousands.Digit < 1998;
GO
-- The components of a vector, from 0. No rows for what is no vector: no whole number of components, or more than 1,998.
CREATE FUNCTION dbo.fn_VectorComponents (@v varbinary(max))
RETURNS TABLE
WITH SCHEMABINDING
AS
RETURN
    SELECT n.Component, dbo.fn_Float32(SUBSTRING(@v, 4 * n.Component + 1, 4)) AS Value
    FROM dbo.fn_ComponentNumbers() AS n
    WHERE 4 * n.Component < DATALENGTH(@v) AND DATALENGTH(@v) % 4 = 0 AND DATALENGTH(@v) <= 4 * 1998;
GO
-- The cosine of two vectors, in float64; always one row. NULL where there is none: vectors of different lengths, empty ones, zero
-- vectors, NaN or infinity in one. For many rows: CROSS APPLY it. (Products of the smallest subnormals are 2E-90: far from
-- float64's own limit.)
CREATE FUNCTION dbo.fn_CosineSimilarity (@a varbinary(max), @b varbinary(max))
RETURNS TABLE
WITH SCHEMABINDING
AS
RETURN
    SELECT CASE WHEN COUNT(a.Value) = COUNT(*) AND COUNT(b.Value) = COUNT(*)
                -- One root of the product, not two roots: a vector's cosine to itself is then exactly 1.
                THEN SUM(a.Value * b.Value) / NULLIF(SQRT(SUM(a.Value * a.Value) * SUM(b.Value * b.Value)), 0.0E0) END AS Similarity
    FROM dbo.fn_VectorComponents(@a) AS a
    INNER JOIN dbo.fn_VectorComponents(@b) AS b ON b.Component = a.Component
    WHERE DATALENGTH(@a) = DATALENGTH(@b);
GO
-- The name and the form of the .NET system's function.
CREATE FUNCTION dbo.clr_CosineSimilarity (@a varbinary(max), @b varbinary(max))
RETURNS float
WITH SCHEMABINDING
AS
BEGIN
    RETURN (SELECT s.Similarity FROM dbo.fn_CosineSimilarity(@a, @b) AS s);
END;
GO
