"""The provenance graph resource."""
