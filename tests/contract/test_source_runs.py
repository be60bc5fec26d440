"""What stands beside a source: the runs that wrote its atoms, the source it was found in, what was derived from what; on every backend."""

import json
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.resources import Resources
from hartonomous_service.source_records import list_sources, show_source
from tests.backends import rows
from tests.builders import HOUR, atoms_of, enqueue, insert_source, request, write
from tests.stages import MakeHome, all_sources, ingest, put_file


def atomize(home: Resources, run_id: str, steps: int) -> None:
    """A run of the stage that is stopped after so many steps."""
    at_work = atoms.STAGE.steps(Work(current_hour(), run_id, home, f"owner of {run_id}"))
    for _ in range(steps):
        next(at_work)
    at_work.close()


def runs(client: Any) -> list[tuple[int, str]]:
    found = rows(client, "SELECT SourceId, RunId FROM SourceRun ORDER BY SourceId, RunId")
    return [(row["SourceId"], row["RunId"]) for row in found]


def count(client: Any, table: str) -> int:
    return len(rows(client, f"SELECT * FROM {table}"))


def test_a_source_that_was_resumed_has_both_runs(make_home: MakeHome, client: Any) -> None:
    home = make_home(atom_batch_size=1, text_unit="sentence")
    sentences = request(rawData=b"The sea rises. The sea falls. It is so.", contentType="text/plain")
    enqueue(home.database, INGESTION_QUEUE, [sentences])
    landed = landing.STAGE.steps(Work(current_hour(), "landed it", home, "lander"))
    next(landed)
    landed.close()

    atomize(home, "first", steps=2)
    [source] = all_sources(home)
    assert (source["status"], runs(client)) == ("Landed", [(source["sourceId"], "first")])
    atomize(home, "second", steps=4)

    assert show_source(home, source["sourceId"])["runIds"] == ["first", "second"]
    [listed] = list_sources(home)["sources"]
    assert (listed["status"], listed["runIds"]) == ("Atomized", ["first", "second"])


def test_a_run_that_writes_a_source_twice_is_there_once(make_home: MakeHome, client: Any) -> None:
    home = make_home(atom_batch_size=1, text_unit="sentence")
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"One. Two. Three.", contentType="text/plain")])
    next(landing.STAGE.steps(Work(current_hour(), "run", home, "lander")))

    for steps in (1, 2, 4):
        atomize(home, "again", steps)

    assert [run for _, run in runs(client)] == ["again"]


@pytest.mark.parametrize("content", [b"", b"It is so."])
def test_a_source_of_one_batch_has_the_run_that_wrote_it_even_if_it_holds_nothing(
    home: Resources, client: Any, content: bytes
) -> None:
    ingest(home, request(rawData=content, contentType="text/plain"))

    assert runs(client) == [(all_sources(home)[0]["sourceId"], "run")]


def test_the_runs_of_a_source_go_with_it(home: Resources, client: Any) -> None:
    path: Path = put_file(home, "a.txt", b"It is so.")
    for _ in range(2):
        ingest(home, request(uri=path.as_uri()))

    [kept] = all_sources(home)
    assert runs(client) == [(kept["sourceId"], "run")]
    with home.database.unit_of_work() as unit_of_work:
        other = insert_source(unit_of_work, uri="file:///other")
        unit_of_work.execute("record_source_run", source_id=other, run_id="run")
        assert unit_of_work.execute("delete_source", source_id=other) == 1
    assert runs(client) == [(kept["sourceId"], "run")]


def derive(client: Any, source_id: int) -> None:
    """Say that the second atom of a source was derived from its first."""
    first, second = rows(client, "SELECT AtomId FROM SourceAtom WHERE SourceId = ? ORDER BY Ordinal", source_id)
    values = (source_id, second["AtomId"], first["AtomId"])
    client.cursor().execute("INSERT INTO AtomDerivation (SourceId, DerivedAtomId, FromAtomId) VALUES (?, ?, ?)", values)
    client.commit()


def test_what_is_written_of_a_source_goes_with_its_derivations_and_only_its_own(
    database: Database, client: Any
) -> None:
    gone, kept = write(database, "a", "b", uri="file:///gone"), write(database, "a", "b", uri="file:///kept")
    derive(client, gone)
    derive(client, kept)

    with database.unit_of_work() as unit_of_work:
        for statement in ("remove_references", "delete_source_atoms", "delete_source_derivations"):
            unit_of_work.execute(statement, source_ids=json.dumps([gone]))
        assert unit_of_work.query("delete_unreferenced_atoms") == []
        assert unit_of_work.execute("delete_source", source_id=gone) == 1

    assert {row["SourceId"] for row in rows(client, "SELECT SourceId FROM AtomDerivation")} == {kept}


def test_a_source_that_goes_takes_its_derivations(database: Database, client: Any) -> None:
    held = write(database, "a", "b", uri="file:///held")
    with database.unit_of_work() as unit_of_work:
        source_id = insert_source(unit_of_work, uri="file:///goes")
    first, second = (row["AtomId"] for row in rows(client, "SELECT AtomId FROM SourceAtom WHERE SourceId = ?", held))
    insert = "INSERT INTO AtomDerivation (SourceId, DerivedAtomId, FromAtomId) VALUES (?, ?, ?)"
    client.cursor().execute(insert, (source_id, first, second))
    client.commit()

    with database.unit_of_work() as unit_of_work:
        unit_of_work.execute("delete_source", source_id=source_id)

    assert count(client, "AtomDerivation") == 0


def test_half_written_sources_are_removed_together(database: Database, client: Any) -> None:
    with database.unit_of_work() as unit_of_work:
        ids = [insert_source(unit_of_work, uri=f"file:///{n}") for n in range(3)]
        for source_id in ids:
            unit_of_work.write_atoms(0, HOUR, {source_id: atoms_of("shared", f"own {source_id}", "shared")})
    derive_first = "SELECT AtomId FROM SourceAtom WHERE SourceId = ? AND Ordinal = 1"
    [own] = rows(client, derive_first, ids[2])

    with database.unit_of_work() as unit_of_work:
        for statement in ("remove_references", "delete_source_atoms", "delete_source_derivations"):
            unit_of_work.execute(statement, source_ids=json.dumps(ids[:2]))
        unit_of_work.query("delete_unreferenced_atoms")

    counts = rows(client, "SELECT AtomId, CanonicalText, ReferenceCount FROM Atom ORDER BY CanonicalText")
    assert [(row["CanonicalText"], row["ReferenceCount"]) for row in counts] == [(f"own {ids[2]}", 1), ("shared", 2)]
    assert counts[0]["AtomId"] == own["AtomId"]


def test_a_source_in_which_others_were_found_stays(database: Database, client: Any) -> None:
    with database.unit_of_work() as unit_of_work:
        parent, child = (insert_source(unit_of_work, uri=f"file:///{name}") for name in ("archive", "in it"))
    client.cursor().execute("UPDATE Source SET ParentSourceId = ? WHERE SourceId = ?", (parent, child))
    client.commit()

    with database.unit_of_work() as unit_of_work:
        assert unit_of_work.execute("delete_source", source_id=parent) == 0
        assert unit_of_work.execute("delete_source", source_id=child) == 1
        assert unit_of_work.execute("delete_source", source_id=parent) == 1
