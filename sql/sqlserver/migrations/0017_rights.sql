-- Whoever runs the program needs to execute and nothing else: procedures run as their owner. Make its login a member:
--   ALTER ROLE [hartonomous-worker-dbo] ADD MEMBER [the application's user];
CREATE ROLE [hartonomous-worker-dbo];
GO
GRANT EXECUTE ON SCHEMA::dbo TO [hartonomous-worker-dbo];
GO
