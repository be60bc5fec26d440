-- SpatialKey, the position as geometry: POINT(x y z), NULL while there is none. It is computed and persisted, so it can never differ
-- from X, Y, Z; persisted columns of spatial types and indexes on them exist since SQL Server 2012. Style 3 writes a float with 17
-- digits, without loss. WKT is the only form of a point that carries Z: the third argument of geometry::Point is the SRID.
-- Checked by Microsoft's object model, not yet run on a server: should one refuse it, HARTONOMOUS_SPATIAL=off leaves it out.

ALTER TABLE dbo.AtomEmbedding ADD SpatialKey AS
    (CASE WHEN X IS NOT NULL AND Y IS NOT NULL AND Z IS NOT NULL
          THEN geometry::STPointFromText('POINT(' + CONVERT(varchar(32), X, 3) + ' ' + CONVERT(varchar(32), Y, 3) + ' '
               + CONVERT(varchar(32), Z, 3) + ')', 0) END) PERSISTED;
GO
-- Spatial indexes are two-dimensional and every geometry calculation ignores Z: this one is for windows in x and y. Neighbours in
-- three dimensions go by HilbertValue, its index IX_AtomEmbedding_Hilbert and the exact distance from X, Y, Z.
CREATE SPATIAL INDEX SX_AtomEmbedding_SpatialKey ON dbo.AtomEmbedding (SpatialKey)
    USING GEOMETRY_AUTO_GRID WITH (BOUNDING_BOX = (-1, -1, 1, 1));
GO
