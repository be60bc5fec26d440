-- The landmark projection's three axes, computed here and needing no data: the same in every language. Component i of axis a is
-- drawn from the SHA-256 of 'hartonomous-landmark-v1|a|i'; then, for each dimension, Gram-Schmidt over its components.

-- The drawn numbers, before Gram-Schmidt: those of a dimension are its first components.
CREATE TABLE dbo.LandmarkComponent
(
    Component int NOT NULL CONSTRAINT PK_LandmarkComponent PRIMARY KEY CLUSTERED,
    Drawn0 float NOT NULL,
    Drawn1 float NOT NULL,
    Drawn2 float NOT NULL
);
GO
-- Each orthonormal axis of a dimension is a sum of the drawn ones: axis0 = C00 drawn0, axis1 = C10 drawn0 + C11 drawn1, and so on.
-- So a projection needs three plain sums, whatever the dimension.
CREATE TABLE dbo.LandmarkDimension
(
    Dimension int NOT NULL CONSTRAINT PK_LandmarkDimension PRIMARY KEY CLUSTERED,
    C00 float NOT NULL,
    C10 float NOT NULL,
    C11 float NOT NULL,
    C20 float NOT NULL,
    C21 float NOT NULL,
    C22 float NOT NULL
);
GO
-- The first 7 bytes of the hash without their lowest 3 bits are an integer k of 53 bits; the number is k / 2^53 * 2 - 1, in [-1, 1),
-- which float64 holds without rounding. Text is hashed as varchar: one byte for each of its ASCII characters.
CREATE FUNCTION dbo.fn_LandmarkDraw (@axis int, @component int)
RETURNS float
WITH SCHEMABINDING
AS
BEGIN
    RETURN CONVERT(float, CONVERT(bigint, SUBSTRING(
        HASHBYTES('SHA2_256', CONVERT(varchar(64), CONCAT('hartonomous-landmark-v1|', @axis, '|', @component))), 1, 7)) / 8)
        / POWER(2.0E0, 53) * 2.0E0 - 1.0E0;
END;
GO
INSERT INTO dbo.LandmarkComponent (Component, Drawn0, Drawn1, Drawn2)
SELECT n.Component, dbo.fn_LandmarkDraw(0, n.Component), dbo.fn_LandmarkDraw(1, n.Component), dbo.fn_LandmarkDraw(2, n.Component)
FROM dbo.fn_ComponentNumbers() AS n;
GO
-- Gram-Schmidt needs nothing but the dot products of the drawn axes (G), which grow with the dimension as running sums: all 1,996
-- dimensions in one pass. What is left of axis 1 and axis 2 after the earlier ones are taken out has the squared lengths N1 and N2.
-- Fewer than three dimensions have no three axes; N1 is NULL there, for a server may compute a row before it leaves it out.
INSERT INTO dbo.LandmarkDimension (Dimension, C00, C10, C11, C20, C21, C22)
SELECT g.Dimension,
    1.0E0 / SQRT(g.G00),
    -f.On10 / SQRT(r.N1),
    1.0E0 / SQRT(r.N1),
    (s.On21 * f.On10 - f.On20) / SQRT(t.N2),
    -s.On21 / SQRT(t.N2),
    1.0E0 / SQRT(t.N2)
FROM (SELECT c.Component + 1 AS Dimension,
          SUM(c.Drawn0 * c.Drawn0) OVER (ORDER BY c.Component ROWS UNBOUNDED PRECEDING) AS G00,
          SUM(c.Drawn1 * c.Drawn0) OVER (ORDER BY c.Component ROWS UNBOUNDED PRECEDING) AS G10,
          SUM(c.Drawn1 * c.Drawn1) OVER (ORDER BY c.Component ROWS UNBOUNDED PRECEDING) AS G11,
          SUM(c.Drawn2 * c.Drawn0) OVER (ORDER BY c.Component ROWS UNBOUNDED PRECEDING) AS G20,
          SUM(c.Drawn2 * c.Drawn1) OVER (ORDER BY c.Component ROWS UNBOUNDED PRECEDING) AS G21,
          SUM(c.Drawn2 * c.Drawn2) OVER (ORDER BY c.Component ROWS UNBOUNDED PRECEDING) AS G22
      FROM dbo.LandmarkComponent AS c) AS g
CROSS APPLY (SELECT g.G10 / g.G00 AS On10, g.G20 / g.G00 AS On20) AS f
CROSS APPLY (SELECT CASE WHEN g.Dimension >= 3 THEN g.G11 - f.On10 * g.G10 END AS N1, g.G21 - f.On20 * g.G10 AS Left21) AS r
CROSS APPLY (SELECT r.Left21 / r.N1 AS On21) AS s
CROSS APPLY (SELECT g.G22 - f.On20 * g.G20 - s.On21 * r.Left21 AS N2) AS t
WHERE g.Dimension >= 3;
GO
-- The axes of a dimension, a row for each component.
CREATE FUNCTION dbo.fn_LandmarkAxes (@dimension int)
RETURNS TABLE
WITH SCHEMABINDING
AS
RETURN
    SELECT c.Component, d.C00 * c.Drawn0 AS Axis0, d.C10 * c.Drawn0 + d.C11 * c.Drawn1 AS Axis1,
        d.C20 * c.Drawn0 + d.C21 * c.Drawn1 + d.C22 * c.Drawn2 AS Axis2
    FROM dbo.LandmarkComponent AS c
    INNER JOIN dbo.LandmarkDimension AS d ON d.Dimension = @dimension
    WHERE c.Component < @dimension;
GO
