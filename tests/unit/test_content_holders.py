"""What holds content is registered with how it is removed; and what is removed so is gone, to the last byte of the files."""

import dataclasses
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hartonomous_assets import atoms, embeddings, projections, provenance
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.project_files import project_file
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.content_holders import HOLDERS, NO_HOLDERS, Holder
from hartonomous_resources.work.landed_blobs import delete_unreferenced_blob
from tests.builders import SmallCompute, dead_letters, enqueue, open_home, request
from tests.stages import all_sources, run_stages_of

SQL = project_file("sql")
HELD = {holder.name for holder in HOLDERS}
NO_TABLES = {
    "blobs",
    "incoming blobs",
    "unfinished uploads",
    "files of SQLite",
    "search matrix",
    "queues of Service Broker",
}
NUMBERS = re.compile(r"\b(?:bit|tinyint|smallint|int|bigint|integer|float|real)\b", re.IGNORECASE)


def embedded_tables(folder: Path) -> dict[str, set[str]]:
    """Columns by table, of those that hold text or bytes; the tables that FTS5 keeps behind its indexes are its own."""
    tables = {}
    store = SqliteDatabase(folder / "tables.db")
    store.migrate()
    connection = store.connection()
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB 'AtomText_*'"
        " AND name NOT GLOB 'UnreadWords_*'"
    ):
        columns = connection.execute("SELECT name, type FROM pragma_table_xinfo(?)", (name,)).fetchall()
        tables[name] = {column for column, kind in columns if not NUMBERS.fullmatch(kind)}
    store.close()
    return tables


def sqlserver_tables() -> dict[str, set[str]]:
    """The same of SQL Server, read off everything that makes or alters a table."""
    tables: dict[str, set[str]] = {}
    for file in sorted(SQL.glob("sqlserver/**/*.sql")):
        if file.parent.name == "adoption":
            continue
        text = re.sub(r"--.*", "", file.read_text("utf-8"))
        for name, body in re.findall(r"CREATE TABLE dbo\.(\w+)\s*\((.*?)\n\);?", text, re.DOTALL):
            for line in body.splitlines():
                if column := re.match(r"\s+\[?(\w+)\]? (\w+)", line):
                    named, kind = column.groups()
                    is_column = named not in ("CONSTRAINT", "REFERENCES", "CHECK", "PRIMARY", "UNIQUE", "AND", "OR")
                    tables.setdefault(name, set()).update({named} if is_column and not NUMBERS.fullmatch(kind) else ())
        for name, added in re.findall(
            r"ALTER TABLE dbo\.(\w+)(?: WITH \w+)? ADD (?!CONSTRAINT)(.*?);", text, re.DOTALL
        ):
            for named, kind in re.findall(r"(?:^|,\s*)(\w+) (\w+)", added):
                if named != "CONSTRAINT" and not NUMBERS.fullmatch(kind):
                    tables.setdefault(name, set()).add(named)
    return tables


def undecided(tables: dict[str, set[str]]) -> dict[str, set[str]]:
    """Tables, or columns of those that hold no content, of which nobody has said whether they hold any."""
    known = {name: set(columns.split()) for name, (columns, _) in NO_HOLDERS.items()}
    return {
        name: columns - known.get(name, set())
        for name, columns in tables.items()
        if name not in HELD and (name not in known or columns - known[name])
    }


def test_every_table_and_column_is_decided_on(tmp_path: Path) -> None:
    embedded, sqlserver = embedded_tables(tmp_path), sqlserver_tables()
    assert len(embedded) > 15 and len(sqlserver) > 15

    assert undecided(embedded) == {}
    assert undecided(sqlserver) == {}
    assert (HELD - NO_TABLES) | set(NO_HOLDERS) == set(embedded) | set(sqlserver)
    assert not HELD & set(NO_HOLDERS)


def test_a_further_table_or_column_is_noticed(tmp_path: Path) -> None:
    tables = embedded_tables(tmp_path)
    tables["EmbeddingModel"].add("Notes")
    tables["Passage"] = {"Text"}

    assert undecided(tables) == {"EmbeddingModel": {"Notes"}, "Passage": {"Text"}}


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: holder.name)
def test_the_ways_are_there(tmp_path: Path, holder: Holder) -> None:
    database = SqliteDatabase(tmp_path / "a.db")
    database.migrate()
    procedures = "\n".join(file.read_text("utf-8") for file in SQL.glob("sqlserver/**/*.sql"))
    assert holder.ways or holder.lacks or "nothing of its own" in holder.holds
    for way in holder.ways:
        kind, _, name = way.partition(" ")
        if kind == "statement":
            assert name in database._statements and f"dbo.usp_{name}" in procedures
        elif kind == "trigger":
            assert (
                database.connection()
                .execute("SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ?", (name,))
                .fetchone()
            )
        elif kind == "with":
            own = f"{holder.name}\\b[^;]*?REFERENCES (?:dbo\\.)?{name}\\b[^;]*?ON DELETE CASCADE"
            assert re.search(
                own, procedures + "\n".join(file.read_text("utf-8") for file in SQL.glob("sqlite/migrations/*.sql"))
            )
        elif kind == "call":
            module, _, path = name.partition(":")
            value: object = importlib.import_module(module)
            for part in path.split("."):
                value = getattr(value, part)
            assert callable(value)
        else:
            assert kind == "sql", way
    database.close()


MARK = "Quokkaquillwort"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Resources]:
    opened = open_home(tmp_path, SqliteDatabase(tmp_path / "hartonomous.db"))
    opened.database.migrate()
    yield dataclasses.replace(opened, compute=SmallCompute())  # type: ignore[arg-type]
    opened.close()


def everything(home: Resources) -> dict[str, int]:
    """How often the mark is in each file of the home."""
    found = {}
    for path in home.settings.home.rglob("*"):
        if path.is_file() and (n := path.read_bytes().lower().count(MARK.lower().encode())):
            found[path.name] = n
    return found


def test_what_is_removed_by_the_registered_ways_leaves_no_byte(home: Resources) -> None:
    long = f"{MARK} grows where the sentences are longer than sixty-four bytes, as this one is. "
    chunk = b"\x00\xff" + MARK.encode() * 10
    bodies = [
        request(rawData=f"{MARK} short. {long}{MARK} again.".encode(), sourceUri=f"note:{MARK}", metadata={"by": MARK}),
        request(rawData=chunk, sourceUri=f"bytes:{MARK}"),
        request(rawData=b"It stays.", sourceUri="note:stays"),
        request(uri=f"file:///{MARK}"),
    ]
    enqueue(home.database, INGESTION_QUEUE, bodies)
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE, provenance.STAGE)
    [waiting] = enqueue(home.database, INGESTION_QUEUE, [request(rawData=MARK.encode())])
    home.blobs.put(0, MARK.encode())
    with home.database.unit_of_work() as unit_of_work:
        unit_of_work.execute_many("insert_path_grant", [(waiting, f"file:///{MARK}")])
    assert "hartonomous.db-wal" in everything(home)

    remove(home, [row for row in all_sources(home) if MARK in row["sourceUri"]], waiting)

    assert everything(home) == {}
    assert [row["sourceUri"] for row in all_sources(home)] == ["note:stays"]
    with home.database.read() as unit_of_work:
        assert unit_of_work.match_words(0, ["stays"], 9)


def remove(home: Resources, gone: list[dict[str, object]], message_id: str) -> None:
    """By the ways of the registry, in its order; which rows there are of a source is for whoever erases to know."""
    with home.database.unit_of_work() as unit_of_work:
        ids = json.dumps([source["sourceId"] for source in gone])
        for statement in ("remove_references", "delete_source_atoms", "delete_source_derivations"):
            unit_of_work.execute(statement, source_ids=ids)
        unit_of_work.query("delete_unreferenced_atoms")
        for source in gone:
            unit_of_work.execute("delete_source", source_id=source["sourceId"])
        unit_of_work.execute("delete_path_grant", message_id=message_id)
        queued = unit_of_work.query("queued_messages", queue=INGESTION_QUEUE, n=10)
        unit_of_work.execute("delete_messages", sequences=json.dumps([row["sequence"] for row in queued]))
    for letter in dead_letters(home.database):
        with home.database.unit_of_work() as unit_of_work:
            unit_of_work.execute("delete_dead_letter", dead_letter_id=letter["deadLetterId"], tenant_id=None)
            unit_of_work.execute("forget_landed_copy", source_id=letter["sourceId"])
    for key in list(home.blobs.list_keys()):
        delete_unreferenced_blob(home.database, home.blobs, key)
    for text in [way.removeprefix("sql ") for holder in HOLDERS for way in holder.ways if way.startswith("sql ")]:
        home.database.connection().execute(text).fetchall()  # type: ignore[attr-defined]
