-- Whoever runs the program needs to execute and nothing else: procedures run as their owner. Make its login a member:
--   ALTER ROLE [hartonomous-worker-dbo] ADD MEMBER [the application's user];
CREATE ROLE [hartonomous-worker-dbo];
GO
GRANT EXECUTE ON SCHEMA::[dbo] TO [hartonomous-worker-dbo];
GO
-- EXECUTE does not reach table-valued functions: these compute and read no tenant's rows.
GRANT SELECT ON dbo.fn_VectorComponents TO [hartonomous-worker-dbo];
GRANT SELECT ON dbo.fn_CosineSimilarity TO [hartonomous-worker-dbo];
GRANT SELECT ON dbo.fn_Project TO [hartonomous-worker-dbo];
GRANT SELECT ON dbo.fn_LandmarkAxes TO [hartonomous-worker-dbo];
GO
