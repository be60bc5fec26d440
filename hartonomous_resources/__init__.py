"""How Hartonomous reaches the outside: database, graph, compute, blobs and settings."""
