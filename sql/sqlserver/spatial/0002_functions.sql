-- The functions of the .NET system that take or return geometry, on top of the core's own.

-- The landmark position of a vector as POINT(x y z); NULL for what has none. REPLICATE over binary gives varchar, so a vector that is
-- built with it needs CONVERT(varbinary(max), …) around the whole, and CONVERT(varchar(max), …) within, or it ends at 8,000 bytes.
CREATE FUNCTION dbo.fn_ProjectTo3D (@v varbinary(max))
RETURNS geometry
AS
BEGIN
    RETURN (SELECT geometry::STPointFromText('POINT(' + CONVERT(varchar(32), p.X, 3) + ' ' + CONVERT(varchar(32), p.Y, 3) + ' '
                                             + CONVERT(varchar(32), p.Z, 3) + ')', 0)
            FROM dbo.fn_Project(@v) AS p);
END;
GO
-- The place of a point on the Hilbert curve. geometry::Point(x, y, srid) has no z, which counts as 0; what is no point has no place.
CREATE FUNCTION dbo.clr_ComputeHilbertValue (@point geometry, @bits int)
RETURNS bigint
AS
BEGIN
    RETURN dbo.fn_HilbertValue(@point.STX, @point.STY, @point.Z, @bits);
END;
GO
