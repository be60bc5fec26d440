"""The command line of Hartonomous and the Python calls behind it."""
