"""A database of each release, and one as this release leaves it: upgraded, it keeps every row, has the schema of a new one and does its work."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hartonomous_resources.database.database_errors import SchemaMismatch
from hartonomous_resources.database.graph_views import NODE_VIEWS
from hartonomous_resources.database.period import period_of
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import Resources, open_database, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.schema import migrate_schema
from hartonomous_service.search import search
from hartonomous_service.source_records import verify_sources
from tests.backends import rows
from tests.builders import receive_all
from tests.released import FOLDER, RELEASES, make
from tests.stages import all_sources, content_of

THIS = "this release"
DATABASE = "hartonomous.db"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that the maker writes now."""
    return make.write(tmp_path_factory.mktemp("made"))[0]


@pytest.fixture(params=[THIS, *RELEASES])
def path(request: pytest.FixtureRequest, tmp_path: Path, made: Path) -> Path:
    """The database of a home as a release left it."""
    make.restore(made if request.param == THIS else FOLDER / f"database_{request.param}.sql", tmp_path / DATABASE)
    return tmp_path / DATABASE


@pytest.fixture
def home(path: Path) -> Iterator[Resources]:
    """The home, opened by this release."""
    opened = make.open_with_small_model(path.parent)
    yield opened
    make.close(opened)


def contents(path: Path, columns: dict[str, list[str]] | None = None) -> dict[str, tuple[list[str], Counter[str]]]:
    """Of each table its columns and its rows; with `columns`, of these tables these columns. What FTS5 and SQLite keep is theirs."""
    with closing(sqlite3.connect(path)) as client:
        if columns is None:
            named = rows(client, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")
            tables = [row["name"] for row in named if not row["name"].startswith(("AtomText", "UnreadWords"))]
            columns = {t: [row["name"] for row in rows(client, f"PRAGMA table_xinfo({t})")] for t in tables}
        return {
            table: (names, Counter(map(repr, client.execute(f"SELECT {', '.join(names)} FROM {table}"))))
            for table, names in columns.items()
        }


def schema(path: Path) -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as client:
        found = client.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in found}


def migrate(path: Path) -> None:
    database = SqliteDatabase(path)
    database.migrate()
    database.close()


def test_an_upgrade_keeps_every_row(path: Path) -> None:
    before = contents(path)
    assert [table for table, (_, found) in before.items() if not found] == [], "there are rows in every table"

    migrate(path)

    after = contents(path, {table: columns for table, (columns, _) in before.items()})
    del before["SchemaVersion"], after["SchemaVersion"]  # has a line more for each migration that ran
    assert after == before


def test_what_was_upgraded_has_the_schema_of_a_new_one(path: Path) -> None:
    migrate(path)
    migrate(path.with_name("new.db"))

    assert schema(path) == schema(path.with_name("new.db"))
    with closing(sqlite3.connect(path)) as client:
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
def test_what_was_there_is_in_the_graph(path: Path, in_tables: str, in_graph: str) -> None:
    with closing(sqlite3.connect(path)) as client:
        before = sorted(client.execute(in_tables).fetchall())
    migrate(path)

    with closing(sqlite3.connect(path)) as client:
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


@pytest.mark.parametrize("release", RELEASES)
def test_code_that_no_model_embedded_is_queued_again(release: str, tmp_path: Path) -> None:
    make.restore(FOLDER / f"database_{release}.sql", tmp_path / DATABASE)
    insert = (
        "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText) VALUES (0, ?, 'part', ?, 'fog')"
    )
    with closing(sqlite3.connect(tmp_path / DATABASE)) as client, client:
        for modality in ("code", "image"):
            atom_id = client.execute(insert, (modality, modality.encode().ljust(32))).lastrowid
            failed = (f"no embedding model is active for modality {modality!r}", atom_id)
            client.execute(
                "UPDATE StoredJob SET Status = 'Failed', AttemptCount = 1, Result = ? WHERE AtomId = ?", failed
            )
    migrate(tmp_path / DATABASE)

    jobs = "SELECT a.Modality, j.Status, j.AttemptCount FROM StoredJob AS j JOIN Atom AS a USING (AtomId) WHERE a.Subtype = 'part'"
    with closing(sqlite3.connect(tmp_path / DATABASE)) as client:
        assert sorted(client.execute(jobs)) == [("code", "Pending", 0), ("image", "Failed", 1)]


# ---- the graph of 0.1.0, a file of its own


@pytest.fixture
def old_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home as 0.1.0 left it, killed while it wrote into its graph."""
    monkeypatch.setenv("HARTONOMOUS_HOME", str(tmp_path))
    monkeypatch.setattr(LOGGER, "propagate", True)  # to pytest, which the program's own settings keep from it
    make.restore(FOLDER / "database_0_1_0.sql", tmp_path / DATABASE)
    make.restore(FOLDER / "graph_0_1_0.sql", tmp_path / "graph.db")
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"graph.db{suffix}").write_bytes(b"file:///tides.txt")
    return tmp_path


OPENERS: dict[str, Callable[[], object]] = {
    "any command": lambda: open_resources().close(),
    "migrate": lambda: migrate_schema(Settings()),
    "any command after one that was killed right after migrating": lambda: (
        migrate(Settings().database_path),
        open_resources().close(),
    ),
}


@pytest.mark.parametrize("opener", OPENERS)
def test_the_graph_of_an_old_home_goes_when_its_database_is_upgraded(
    old_home: Path, opener: str, caplog: pytest.LogCaptureFixture
) -> None:
    (old_home / "graph.dbx").write_text("somebody's own")
    with closing(sqlite3.connect(":memory:")) as client:
        client.executescript((FOLDER / "graph_0_1_0.sql").read_text("utf-8"))
        held = {key for (key,) in client.execute("SELECT Key FROM GraphNode")}

    OPENERS[opener]()
    OPENERS[opener]()

    assert sorted(file.name for file in old_home.glob("graph.db*")) == ["graph.dbx"]
    [line] = [record.getMessage() for record in caplog.records if "graph.db" in record.getMessage()]
    assert line.startswith(f"deleted {old_home / 'graph.db'}, {old_home / 'graph.db-wal'}, ")
    with closing(sqlite3.connect(old_home / DATABASE)) as client:
        views = " UNION ".join(f"SELECT Key FROM {view}" for view in NODE_VIEWS.values())
        assert held <= {key for (key,) in client.execute(views)}, "the views say what it said"


def test_a_migration_that_stops_before_the_views_leaves_the_graph(old_home: Path) -> None:
    migrate_schema(Settings(), to=7)

    assert (old_home / "graph.db").exists()


def test_a_graph_that_cannot_be_deleted_is_said_to_be_there(
    old_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(f"{self.name} is open")

    monkeypatch.setattr(Path, "unlink", refuse)
    open_database(Settings()).close()

    assert any("holds uris of sources and cannot be deleted" in record.getMessage() for record in caplog.records)


def test_a_database_that_holds_something_keeps_hours_whatever_is_asked_for(path: Path) -> None:
    asking = SqliteDatabase(path, partition="day")
    with pytest.raises(SchemaMismatch, match="made with HARTONOMOUS_PARTITION=hour"):
        asking.migrate()
    asking.close()

    database = SqliteDatabase(path, partition="hour")
    assert database.migrate() == [] and ask(database, period_of) == "hour"
    database.close()
