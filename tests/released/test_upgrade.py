"""A database of each release, and one as this release leaves it: upgraded, it keeps every row, has the schema of a new one and does its work."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import verify_sources
from tests.backends import rows
from tests.builders import receive_all
from tests.released import FOLDER, FOLDERS, RELEASES, make
from tests.stages import all_sources, content_of

THIS = "this release"
FILES = {"database": "hartonomous.db", "graph": "graph.db"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The database and the graph that the maker writes now."""
    return make.write(tmp_path_factory.mktemp("made"))[:2]


@pytest.fixture(params=[THIS, *RELEASES])
def folder(request: pytest.FixtureRequest, tmp_path: Path, made: list[Path]) -> Path:
    """A home as a release left it."""
    dumps = made if request.param == THIS else [FOLDER / f"{name}_{request.param}.sql" for name in FILES]
    for dump, file in zip(dumps, FILES.values(), strict=True):
        make.restore(dump, tmp_path / file)
    return tmp_path


@pytest.fixture
def home(folder: Path) -> Iterator[Resources]:
    """The home, opened by this release."""
    opened = make.open_with_small_model(folder)
    yield opened
    make.close(opened)


def contents(path: Path, columns: dict[str, list[str]] | None = None) -> dict[str, tuple[list[str], Counter[str]]]:
    """Of each table its columns and its rows; with `columns`, of these tables these columns. What FTS5 and SQLite keep is theirs."""
    with closing(sqlite3.connect(path)) as client:
        if columns is None:
            named = rows(client, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
            tables = [row["name"] for row in named if not row["name"].startswith("AtomText")]
            columns = {t: [row["name"] for row in rows(client, f"PRAGMA table_xinfo({t})")] for t in tables}
        return {
            table: (names, Counter(map(repr, client.execute(f"SELECT {', '.join(names)} FROM {table}"))))
            for table, names in columns.items()
        }


def schema(path: Path) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as client:
        found = client.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in found}


def migrate(path: Path, store: str) -> None:
    database = SqliteDatabase(path, *FOLDERS[store])
    database.migrate()
    database.close()


@pytest.mark.parametrize("store", FILES)
def test_an_upgrade_keeps_every_row(folder: Path, store: str) -> None:
    path = folder / FILES[store]
    before = contents(path)
    assert [table for table, (_, found) in before.items() if not found] == [], "there are rows in every table"

    migrate(path, store)

    after = contents(path, {table: columns for table, (columns, _) in before.items()})
    del before["SchemaVersion"], after["SchemaVersion"]  # has a line more for each migration that ran
    assert after == before


@pytest.mark.parametrize("store", FILES)
def test_what_was_upgraded_has_the_schema_of_a_new_one(folder: Path, store: str) -> None:
    migrate(folder / FILES[store], store)
    migrate(folder / "new.db", store)

    assert schema(folder / FILES[store]) == schema(folder / "new.db")
    with closing(sqlite3.connect(folder / FILES[store])) as client:
        assert client.execute("PRAGMA foreign_key_check").fetchall() == []
        assert client.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize(
    ("in_tables", "in_graph"),
    [
        (
            "SELECT DISTINCT o.AtomId, o.SourceId FROM SourceAtom AS o JOIN Source AS s ON s.SourceId = o.SourceId AND s.Status = 'Atomized'"
            " JOIN Atom AS a ON a.AtomId = o.AtomId AND COALESCE(a.Subtype, '') <> 'gap'",
            "SELECT FromNumber, ToNumber FROM Atom_INGESTED_FROM_Source",
        ),
        (
            "SELECT r.SourceId, r.RunId FROM SourceRun AS r JOIN Source AS s ON s.SourceId = r.SourceId AND s.Status = 'Atomized'",
            "SELECT e.FromNumber, n.RunId FROM Source_GENERATED_BY_Run AS e JOIN GraphRun AS n ON n.Number = e.ToNumber AND n.TenantId = e.TenantId",
        ),
        (
            "SELECT e.AtomId, m.ArtifactHash FROM AtomEmbedding AS e JOIN EmbeddingModel AS m ON m.ModelId = e.ModelId",
            "SELECT e.FromNumber, n.Key FROM Atom_EMBEDDED_BY_Model AS e JOIN GraphModel AS n ON n.Number = e.ToNumber AND n.TenantId = e.TenantId",
        ),
        (
            "SELECT TenantId, InferenceId, Model FROM Inference",
            "SELECT i.TenantId, i.Key, m.Key FROM GraphInference AS i JOIN Inference_USED_MODEL_Model AS e ON e.FromNumber = i.Number"
            " JOIN GraphModel AS m ON m.Number = e.ToNumber AND m.TenantId = i.TenantId",
        ),
        ("SELECT DISTINCT TenantId FROM Source WHERE Status = 'Atomized'", "SELECT Number FROM GraphTenant"),
    ],
)
def test_what_was_there_is_in_the_graph(folder: Path, in_tables: str, in_graph: str) -> None:
    with closing(sqlite3.connect(folder / FILES["database"])) as client:
        before = sorted(client.execute(in_tables).fetchall())
    migrate(folder / FILES["database"], "database")

    with closing(sqlite3.connect(folder / FILES["database"])) as client:
        assert sorted(client.execute(in_graph).fetchall()) == before != []


def test_what_was_upgraded_does_its_work_and_is_sound(home: Resources) -> None:
    assert verify_sources(home, tenant=None)["failed"] == []
    make.run(home)

    verified = verify_sources(home, tenant=None)
    assert (verified["checked"] >= 5, verified["failed"]) == (True, [])
    assert b"It waits to be landed." in [content_of(home, source) for source in all_sources(home)]
    assert receive_all(home.database, "ProvenanceQueue") == []
    [hit] = search(home, "barnacle 17", mode="lexical", k=1)["results"]
    assert "Barnacle 17" in hit["text"] and [place["sourceUri"] for place in hit["sources"]]
    assert search(home, "typed", mode="lexical", tenant=1, k=1)["results"][0]["sources"] == []
    counts, _ = home.graph.counts(0)
    assert {"Atom", "Source", "Run", "Model", "Inference"} <= set(counts)
