"""Embedding models: arrays in, unit vectors out. Nothing here knows Dagster or a database."""
