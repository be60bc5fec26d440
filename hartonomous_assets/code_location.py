"""The name of our code location, which workspace.yaml and the runs have; who starts Dagster reads it without importing Dagster."""

LOCATION_NAME = "hartonomous"
