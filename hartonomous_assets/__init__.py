"""Hartonomous stages as Dagster assets. Import hartonomous_assets.definitions for the code location."""
