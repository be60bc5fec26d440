"""Queries the provenance graph, and draws what it answers."""
