"""What databases look like that are in use: one of each release as text, with its graph. Add one with each, edit none."""

from pathlib import Path

FOLDER = Path(__file__).parent
FOLDERS = {"database": ("migrations", "statements"), "graph": ("graph_migrations", "graph_statements")}
"""Of each store, where its migrations and statements are, under sql/sqlite."""
