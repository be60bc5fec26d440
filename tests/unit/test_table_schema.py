"""The columns that the page shows are those of the active stores, each with its type there and a description."""

import json
import re
import sys
from pathlib import Path

import pytest

from hartonomous_assets.table_schema import GRAPH, column_schema, described_columns
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS
from hartonomous_resources.database.migrations import CORE, read_migrations
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.neo4j_values import TIMES
from hartonomous_resources.project_files import project_file
from tests.cli import Home

pytestmark = pytest.mark.slow

TABLES = list(described_columns())
GRAPH_VIEWS = [*NODE_VIEWS.values(), *(view.name for view in EDGE_VIEWS)]
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


@pytest.mark.parametrize("table", [name for name in TABLES if name != GRAPH])
def test_the_columns_shown_are_those_of_the_embedded_table(tmp_path: Path, table: str) -> None:
    store = SqliteDatabase(tmp_path / "store.db")
    store.migrate()
    rows = store.connection().execute("SELECT name, type, [notnull], pk FROM pragma_table_xinfo(?)", (table,))

    assert shown(table) == {name: (kind.lower(), not (required or key)) for name, kind, required, key in rows}
    store.close()


def test_the_columns_shown_of_the_graph_are_those_of_its_views(tmp_path: Path) -> None:
    store = SqliteDatabase(tmp_path / "store.db")
    store.migrate()
    columns = {
        (name, kind.lower())
        for view in GRAPH_VIEWS
        for name, kind in store.connection().execute("SELECT name, type FROM pragma_table_xinfo(?)", (view,))
    }
    store.close()

    assert set(shown(GRAPH)) == {name for name, _ in columns}
    stated = {(name, kind) for name, kind in columns if kind}  # what a view computes has no type that SQLite states
    assert stated == {(name, shown(GRAPH)[name][0]) for name, _ in stated}


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


@pytest.mark.parametrize("table", [name for name in TABLES if name != GRAPH])
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
    assert set(shown(GRAPH)) == written | {"number", "key", "since", "digest", "firstOrdinal", "count"}
    assert {name for name, (kind, _) in shown(GRAPH).items() if kind == "datetime"} == set(TIMES)


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
        "del specs['search_index'], specs['dedup_ledger'];"  # files, and a sum, which have no columns
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
