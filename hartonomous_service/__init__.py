"""Who asks Hartonomous: the command line and the Python calls behind it."""
