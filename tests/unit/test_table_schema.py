"""The columns that the page shows are those of the active stores, each with its type there and a description."""

import json
import re
import sys
from pathlib import Path

import pytest

from hartonomous_assets.table_schema import column_schema, described_columns
from hartonomous_resources.database.migrations import CORE, read_migrations
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.neo4j_values import _TIMES
from hartonomous_resources.project_files import project_file
from tests.cli import Home

pytestmark = pytest.mark.slow

TABLES = list(described_columns())
ARCHITECTURE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text("utf-8")
ON_SQLSERVER = {"sqlserver_server": "db.example", "sqlserver_database": "atoms"}


def shown(table: str) -> dict[str, tuple[str, bool]]:
    """Type of each column, and whether it may be empty, as the page shows it."""
    columns = column_schema(table)["dagster/column_schema"].columns
    return {column.name: (column.type, column.constraints.nullable) for column in columns}


def test_every_column_has_a_description_and_a_store() -> None:
    for table, columns in described_columns().items():
        for name, column in columns.items():
            assert column["means"].endswith("."), (table, name)
            assert {"sqlite", "sqlserver", "neo4j"} & set(column), (table, name)


# ---- the embedded stores


@pytest.mark.parametrize("table", TABLES)
def test_the_columns_shown_are_those_of_the_embedded_table(tmp_path: Path, table: str) -> None:
    folders = ("graph_migrations", "graph_statements") if table == "GraphNode" else ("migrations", "statements")
    store = SqliteDatabase(tmp_path / "store.db", *folders)
    store.migrate()
    rows = store.connection().execute("SELECT name, type, [notnull], pk FROM pragma_table_xinfo(?)", (table,))

    assert shown(table) == {name: (kind.lower(), not (required or key)) for name, kind, required, key in rows}
    store.close()


# ---- SQL Server


def sqlserver_columns(table: str) -> dict[str, tuple[str | None, bool | None]]:
    """Columns of a table after all migrations, read off their text; a computed one says neither its type nor whether it may be empty."""
    text = "\n".join(
        migration.text
        for folder in ("migrations", "spatial")
        for migration in read_migrations(project_file("sql") / "sqlserver" / folder, CORE)
    )
    column = re.compile(r"^\s*(\w+) (?:(AS)\b|([a-z]\w*(?:\([\w, ]+\))?)([^\n]*))")
    [body] = re.findall(rf"^CREATE TABLE dbo\.{table}\s*\n\((.*?)^\)", text, re.DOTALL | re.MULTILINE)
    added = re.findall(rf"^ALTER TABLE dbo\.{table}\s+ADD (?!CONSTRAINT)([^\n]+)", text, re.MULTILINE)
    found: dict[str, tuple[str | None, bool | None]] = {}
    for line in [*body.splitlines(), *added]:
        if (match := column.match(line)) and match[1] not in ("CONSTRAINT", "CHECK", "DEFAULT"):
            name, computed, kind, rest = match.groups()
            found[name] = (None, None) if computed else (kind, "NOT NULL" not in rest)
    return found


@pytest.mark.parametrize("table", [name for name in TABLES if name != "GraphNode"])
def test_the_columns_shown_on_sql_server_are_those_of_its_table(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ON_SQLSERVER.items():
        monkeypatch.setenv(f"HARTONOMOUS_{name.upper()}", value)
    there = sqlserver_columns(table)
    stated = {name: kind for name, kind in there.items() if kind[0]}

    assert set(shown(table)) == set(there)
    assert {name: kind for name, kind in shown(table).items() if name in stated} == stated


# ---- Neo4j


def test_the_properties_shown_on_neo4j_are_those_of_the_page_of_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARTONOMOUS_NEO4J_URI", "bolt://127.0.0.1:1")
    rows = re.findall(r"^\| (?:Atom|Source|Run|Model|Inference|Tenant) \|[^|]+\| (.+) \|$", ARCHITECTURE, re.MULTILINE)
    written = {word for row in rows for word in re.findall(r"\w+", row)} - {"embedding", "projection", "else"}

    assert len(rows) == 6
    assert set(shown("GraphNode")) == written | {"key", "since", "digest"}
    assert {name for name, (kind, _) in shown("GraphNode").items() if kind == "datetime"} == _TIMES


# ---- on the page


@pytest.mark.parametrize(
    "stores", [{}, ON_SQLSERVER, {"neo4j_uri": "bolt://127.0.0.1:1"}], ids=["embedded", "sqlserver", "neo4j"]
)
def test_every_asset_of_the_chain_shows_its_columns_whatever_the_stores(
    tmp_path: Path, stores: dict[str, object]
) -> None:
    home = Home(tmp_path / "home", tmp_path / "models").with_settings(**stores)
    program = (
        "import json; from hartonomous_assets.definitions import defs;"
        "specs = {s.key.path[-1]: s for s in defs.resolve_all_asset_specs()};"
        "del specs['search_index'];"  # files, which have no columns
        "schemas = {name: s.metadata['dagster/column_schema'] for name, s in specs.items()};"
        "print(json.dumps({n: [[c.name, c.type, c.description] for c in s.columns] for n, s in schemas.items()}))"
    )

    result = home.run("-c", program, program=(sys.executable,))

    assert result.code == 0, result.stderr
    columns = json.loads(result.stdout)
    assert set(columns) >= {
        "sources",
        "atoms",
        "atom_embeddings",
        "atom_projections",
        "provenance_graph",
        "ingestion_queue",
    }
    assert all(kind and means for of_asset in columns.values() for _, kind, means in of_asset)
    kinds = {name: kind for name, kind, _ in columns["sources"]}
    assert kinds["ContentHash"] == ("binary(32)" if stores == ON_SQLSERVER else "blob")
