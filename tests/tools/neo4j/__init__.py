"""A real Neo4j for tests: fetched from Maven Central, started on Java, no container."""
