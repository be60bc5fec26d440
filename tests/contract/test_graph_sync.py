"""What an event changes in a copy of the graph is what the views say now: late, twice, backwards, of any tenant; and how much is read for it."""

import json
from typing import Any

import pytest

from hartonomous_assets import atoms, sources
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import (
    INGESTION_QUEUE,
    ProvenanceEvent,
)
from hartonomous_resources.database.rows.provenance_rows import (
    FIRST_ATOMS_OF_SOURCE,
    SOURCE_ATOMS_AFTER,
    SOURCES_OF_ATOM_AFTER,
)
from hartonomous_resources.resources import Resources
from hartonomous_resources.work import event_pointers, graph_sync
from tests.backends import rows
from tests.builders import enqueue, request
from tests.contract.graph_events import (
    BEES,
    FOG,
    SEA,
    atom_ids,
    embed,
    event,
    events,
    hash_of,
    ingest,
    sync,
    types,
    use,
)
from tests.held_graph import HeldGraph, content_of_views
from tests.stages import MakeHome


@pytest.fixture
def home(make_home: MakeHome) -> Resources:
    return make_home(text_unit="sentence")


# ---- late, twice, backwards


def test_events_make_the_copy_what_the_views_are_in_whatever_order_they_come(home: Resources, client: Any) -> None:
    use(home, BEES, name="early")
    told = events(home.database) + ingest(home, SEA, BEES) + ingest(home, FOG, SEA, uri="two", run="other")
    use(home, SEA, name="answer", answers=("It rises.",))
    told += events(home.database)
    told += ingest(home, SEA, "New.", uri="one", run="other")
    ids = atom_ids(client, SEA, BEES, "It rises.")
    embed(home.database, client, *ids)
    told.append(event("AtomsEmbedded", *ids))
    expected = content_of_views(client)
    forwards, backwards, one_by_one = HeldGraph(), HeldGraph(), HeldGraph()

    sync(home, forwards, *told)
    for each in reversed(told):
        sync(home, backwards, each)
    for each in [*told, *told[::-1]]:
        sync(home, one_by_one, each)

    assert forwards.content() == expected
    assert backwards.content() == expected
    assert one_by_one.content() == expected
    assert {"SUPERSEDES", "USED_ATOM", "PRODUCED_ATOM", "EMBEDDED_BY"} <= one_by_one.counts(0)[1].keys()


def test_a_source_is_in_the_copy_whole_or_not_at_all(make_home: MakeHome, client: Any) -> None:
    """Whatever tells of its atoms while it is read: embeddings, a client's own event."""
    home, graph = make_home(text_unit="sentence", atom_batch_size=1), HeldGraph()
    body = request(rawData=f"{SEA} {BEES} {FOG}".encode(), sourceUri="one", contentType="text/plain")
    enqueue(home.database, INGESTION_QUEUE, [body])
    work = Work(current_hour(), "run", home)
    run_stages(work, [sources.STAGE], 0, lambda _stage, _report: None)
    steps, seen = atoms.STAGE.steps(work), 0
    told: list[ProvenanceEvent] = []
    while not told:
        next(steps)
        ids = [row["id"] for row in rows(client, "SELECT AtomId AS id FROM Atom")]
        told = events(home.database)
        if not told:
            sync(home, graph, event("AtomsEmbedded", *ids), event("AtomsProjected", *ids), event("AtomsCreated", *ids))
            sync(home, graph, event("AtomsCreated", *ids, sourceId=1))
            assert graph.content() == {}
            seen = len(ids)

    assert seen == 2, "it was looked at in between"
    sync(home, graph, *told)
    assert graph.content() == content_of_views(client)
    assert len(graph.keys_of("Atom")) == 3


def test_an_event_of_embedding_may_come_before_the_one_of_its_source(home: Resources, client: Any) -> None:
    told, graph = ingest(home, SEA, BEES), HeldGraph()
    ids = atom_ids(client, SEA, BEES)
    embed(home.database, client, *ids)

    sync(home, graph, event("AtomsEmbedded", *ids))
    assert graph.keys_of("Atom") == []
    sync(home, graph, *told)

    assert graph.content() == content_of_views(client)
    assert graph.counts(0)[1]["EMBEDDED_BY"] == 2


def test_an_atom_that_somebody_inserts_is_there_at_once(home: Resources, client: Any) -> None:
    client.cursor().execute(
        "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (0, 'text', ?, ?)",
        (bytes.fromhex(hash_of(SEA)), SEA),
    )
    client.commit()
    graph = HeldGraph()

    sync(home, graph, *events(home.database))

    assert graph.keys_of("Atom") == [hash_of(SEA)]
    assert graph.content() == content_of_views(client)


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_many_events_are_written_some_at_a_time(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(event_pointers, "_ATOMS_AT_ONCE", at_once)
    graph, told = HeldGraph(), []
    for number in range(6):
        told += ingest(home, f"Number {number}.", SEA, uri=f"{number}", tenant=7 * (number % 2))

    changes = sync(home, graph, *told)

    assert len(changes) == {1: 6, 3: 6, 1000: 2}[at_once]
    assert graph.content() == content_of_views(client)


# ---- tenants


def test_an_event_that_names_another_tenants_atoms_and_source_changes_nothing(home: Resources, client: Any) -> None:
    graph = HeldGraph()
    sync(home, graph, *ingest(home, SEA, BEES), *ingest(home, SEA, BEES, tenant=7))
    before = graph.content()
    assert before == content_of_views(client)
    ids = atom_ids(client, SEA, BEES)

    for kind in ("AtomsCreated", "AtomsEmbedded", "AtomsProjected"):
        sync(home, graph, event(kind, *ids, tenant=7))
    sync(home, graph, event("AtomsCreated", *ids, tenant=7, sourceId=1))

    assert graph.content() == before


def test_what_is_asked_of_a_source_or_an_atom_is_its_tenants_alone(home: Resources, client: Any) -> None:
    ingest(home, SEA, tenant=7)
    [source] = rows(client, "SELECT SourceId AS id FROM Source")
    [atom] = atom_ids(client, SEA, tenant=7)

    def found(tenant_id: int) -> list[int]:
        of_source = {"tenant_id": tenant_id, "source_id": source["id"]}
        of_atom = {"tenant_id": tenant_id, "atom_id": atom}
        with home.database.read() as asked:
            return [
                len(asked.query(FIRST_ATOMS_OF_SOURCE, **of_source, atom_ids=json.dumps([atom]))),
                len(asked.query(SOURCES_OF_ATOM_AFTER, **of_atom, after=0, n=9)),
                len(asked.query(SOURCE_ATOMS_AFTER, **of_source, role="", ordinal=-1, n=9)),
            ]

    assert found(7) == [1, 1, 1]
    assert found(0) == [0, 0, 0]


# ---- how much is read


def test_an_inference_brings_its_own_edges_however_many_named_its_atoms_before(home: Resources, client: Any) -> None:
    graph = HeldGraph()
    sync(home, graph, *ingest(home, SEA))
    for number in range(20):
        use(home, SEA, name=f"{number}")
    told = events(home.database)

    assert types(sync(home, graph, told[7])) == {"USED_MODEL": 1, "USED_ATOM": 1}
    sync(home, graph, *told)
    assert graph.content() == content_of_views(client)


def test_what_belongs_to_an_atom_alone_comes_with_its_first_source(home: Resources, client: Any) -> None:
    """And not again with each of very many others."""
    for number in range(3):
        use(home, name=f"{number}", answers=(SEA,))
    told = events(home.database)
    ids = atom_ids(client, SEA)
    embed(home.database, client, *ids)
    graph = HeldGraph()
    first, second = ingest(home, SEA, BEES), ingest(home, FOG, SEA, uri="two")

    joined = [types(sync(home, graph, *each)) for each in (first, second)]

    assert [counts["PRODUCED_ATOM"] for counts in joined] == [3, 0]
    assert [counts["EMBEDDED_BY"] for counts in joined] == [1, 0]
    assert [counts["INGESTED_FROM"] for counts in joined] == [2, 2]
    sync(home, graph, *told)
    assert graph.content() == content_of_views(client)


def test_the_run_of_an_atom_comes_with_the_first_source_of_each_run(home: Resources, client: Any) -> None:
    graph, made_by_run = HeldGraph(), []
    for number, run in enumerate(("a", "a", "b", "a")):
        changes = sync(home, graph, *ingest(home, SEA, uri=f"{number}", run=run))
        made_by_run.append(
            [edge.end for change in changes for edge in change.edges if edge.view.name == "Atom_GENERATED_BY_Run"]
        )

    assert [len(found) for found in made_by_run] == [1, 0, 2, 0]
    assert graph.content() == content_of_views(client)


def test_an_atom_of_which_no_source_is_named_is_joined_to_all_of_them_some_at_a_time(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap is not in the graph; when it turns into text, it is, with all the sources that hold it."""
    graph = HeldGraph()
    gap = "\n" * 80
    for number in range(5):
        sync(home, graph, *ingest(home, SEA, gap, BEES, uri=f"{number}"))
    cursor = client.cursor()
    cursor.execute("SELECT AtomId FROM Atom WHERE Subtype = 'gap'")
    [[atom_id]] = cursor.fetchall()
    cursor.execute("UPDATE Atom SET Subtype = 'sentence' WHERE AtomId = ?", (atom_id,))
    client.commit()
    monkeypatch.setattr(graph_sync, "NODES_AT_ONCE", 2)

    changes = sync(home, graph, event("AtomsCreated", atom_id))

    assert [len(change.edges) for change in changes] == [1, 2, 2, 1]
    assert graph.content() == content_of_views(client)
