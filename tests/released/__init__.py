"""What databases look like that are in use: the fixtures of the tests that upgrade one. Add to it with each release, edit nothing."""

from pathlib import Path

FOLDER = Path(__file__).parent

SQLSERVER = {"migrations": 18, "table_broker": 1, "service_broker": 2, "spatial": 2, "vector": 1}
"""How many migrations of each folder of sql/sqlserver have run there."""
