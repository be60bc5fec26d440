"""What an event takes away from a copy of the graph, after the rows are gone, and what no other event would bring."""

import json
import threading
from typing import Any

import pytest

from hartonomous_core.messages import (
    InferenceEvent,
    parse_provenance_event,
)
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.resources import Resources
from hartonomous_resources.work import event_pointers, graph_sync
from hartonomous_resources.work.event_pointers import Pointers
from hartonomous_resources.work.graph_sync import changes_of
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
    place,
    sync,
    use,
)
from tests.held_graph import HeldGraph, content_of_views, forget_source
from tests.stages import MakeHome


@pytest.fixture
def home(make_home: MakeHome) -> Resources:
    return make_home(text_unit="sentence")


# ---- what is gone


def test_a_part_is_read_while_the_one_before_it_is_written(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read ahead and goes before its turn is written once more, and goes by the event that tells of it."""
    monkeypatch.setattr(event_pointers, "_ATOMS_AT_ONCE", 1)
    told, graph = [*ingest(home, SEA), *ingest(home, BEES, uri="two")], HeldGraph()
    find, of_second = graph_sync._find, threading.Event()

    def finding(unit_of_work: UnitOfWork, tenant_id: int, pointed: Pointers) -> Any:
        found = find(unit_of_work, tenant_id, pointed)
        if 2 in pointed.of_sources:
            of_second.set()
        return found

    monkeypatch.setattr(graph_sync, "_find", finding)
    changes = changes_of(home.database, graph, told)
    graph.write(next(changes))
    assert of_second.wait(30)
    forget_source(client, 2)
    for change in changes:
        graph.write(change)
    assert graph.keys_of("Atom") == sorted([hash_of(SEA), hash_of(BEES)])

    sync(home, graph, event("AtomsCreated", sourceId=2))
    assert graph.content() == content_of_views(client)
    assert graph.keys_of("Atom") == [hash_of(SEA)]


def test_an_atom_that_somebody_inserted_and_deletes_goes_without_a_word_of_ours(home: Resources, client: Any) -> None:
    insert = "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (0, 'text', ?, ?)"
    client.cursor().executemany(insert, [(bytes.fromhex(hash_of(text)), text) for text in (SEA, BEES)])
    client.commit()
    graph = HeldGraph()
    sync(home, graph, *events(home.database))
    client.cursor().execute("DELETE FROM Atom WHERE ContentHash = ?", (bytes.fromhex(hash_of(SEA)),))
    client.commit()

    sync(home, graph, *events(home.database))

    assert graph.keys_of("Atom") == [hash_of(BEES)]
    assert graph.content() == content_of_views(client)


def test_what_an_event_names_and_nobody_has_any_more_goes(home: Resources, client: Any) -> None:
    told, graph = ingest(home, SEA, BEES), HeldGraph()
    sync(home, graph, *told)
    forget_source(client, 1)
    assert content_of_views(client) == {}

    sync(home, graph, *told)

    assert graph.content() == {}


def test_an_event_before_an_erasure_that_comes_after_it_does_no_harm(home: Resources, client: Any) -> None:
    told = ingest(home, SEA, BEES)
    ids = atom_ids(client, SEA, BEES)
    embed(home.database, client, *ids)
    told.append(event("AtomsEmbedded", *ids))
    others = ingest(home, BEES, FOG, uri="two")
    forget_source(client, 1)
    graph = HeldGraph()

    sync(home, graph, *others, *told)

    assert graph.content() == content_of_views(client)
    assert graph.keys_of("Atom") == sorted([hash_of(BEES), hash_of(FOG)])


@pytest.mark.parametrize("at_once", [1, 1000])
def test_of_a_source_that_went_its_atoms_keep_what_others_gave_them(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Even those that no event names any more: the copy knows which it had."""
    monkeypatch.setattr(graph_sync, "NODES_AT_ONCE", at_once)
    told = ingest(home, SEA, BEES, run="first") + ingest(home, BEES, FOG, uri="two", run="second")
    ids = atom_ids(client, SEA, BEES, FOG)
    embed(home.database, client, *ids)
    graph = HeldGraph()
    sync(home, graph, *told, event("AtomsEmbedded", *ids))
    assert graph.keys_of("Run") == ["first", "second"]
    forget_source(client, 1)

    sync(home, graph, event("AtomsCreated", sourceId=1))

    assert graph.content() == content_of_views(client)
    assert graph.keys_of("Run") == ["second"]
    assert graph.keys_of("Model") == ["drawn"]


def test_a_source_that_went_is_left_by_its_atoms_some_at_a_time(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the last transaction, which removes it, is small."""
    monkeypatch.setattr(graph_sync, "NODES_AT_ONCE", 1)
    graph = HeldGraph()
    sync(home, graph, *ingest(home, SEA, BEES), *ingest(home, SEA, BEES, FOG, uri="two"))
    forget_source(client, 1)

    left = []
    for change in changes_of(home.database, graph, [event("AtomsCreated", sourceId=1)]):
        left.append(graph.starts(0, graph_sync.INGESTED_FROM, 1, 0, 9))
        graph.write(change)

    assert [len(atoms) for atoms in left] == [2, 2, 1, 0]
    assert graph.content() == content_of_views(client)


def test_atoms_that_were_deleted_go_by_their_hashes_and_those_that_came_back_stay(home: Resources, client: Any) -> None:
    told, graph = ingest(home, SEA, BEES), HeldGraph()
    sync(home, graph, *told)
    forget_source(client, 1)
    again = ingest(home, BEES, uri="two")
    deleted = {"eventType": "AtomsDeleted", "tenantId": 0, "atomHashes": [hash_of(SEA), hash_of(BEES)]}

    sync(home, graph, *again, parse_provenance_event(json.dumps(deleted).encode()))

    assert graph.keys_of("Atom") == [hash_of(BEES)]
    sync(home, graph, event("AtomsCreated", sourceId=1))
    assert graph.content() == content_of_views(client)


def test_the_runs_of_deleted_atoms_go_even_if_the_first_try_ends_before_them(home: Resources, client: Any) -> None:
    graph = HeldGraph()
    sync(home, graph, *ingest(home, SEA, run="first"))
    forget_source(client, 1)
    body = {"eventType": "AtomsDeleted", "tenantId": 0, "atomHashes": [hash_of(SEA)]}
    deleted = parse_provenance_event(json.dumps(body).encode())
    for change in changes_of(home.database, graph, [deleted]):
        graph.write(change)
        if graph.keys_of("Atom") == []:
            break  # the graph went down: the event comes again
    assert graph.keys_of("Run") == ["first"]

    sync(home, graph, deleted)

    assert graph.keys_of("Run") == []


def test_the_vectors_that_an_atom_has_no_more_leave_no_edge(home: Resources, client: Any) -> None:
    told, graph = ingest(home, SEA, BEES), HeldGraph()
    ids = atom_ids(client, SEA, BEES)
    embed(home.database, client, *ids)
    sync(home, graph, *told, event("AtomsEmbedded", *ids))
    client.cursor().execute("DELETE FROM AtomEmbedding WHERE AtomId = ?", (ids[0],))
    client.commit()

    sync(home, graph, event("AtomsEmbedded", *ids))

    assert graph.content() == content_of_views(client)
    assert graph.counts(0)[1]["EMBEDDED_BY"] == 1


def test_a_projection_goes_with_the_last_atom_that_another_places(home: Resources, client: Any) -> None:
    told, graph = ingest(home, SEA, BEES), HeldGraph()
    ids = atom_ids(client, SEA, BEES)
    embed(home.database, client, *ids)
    place(client, "before", *ids)
    sync(home, graph, *told, event("AtomsEmbedded", *ids), event("AtomsProjected", *ids))
    held = []
    for count in (1, 2):
        place(client, "after" * count, *ids[:count])
        sync(home, graph, event("AtomsProjected", *ids[:count]))
        assert graph.content() == content_of_views(client)
        held.append(graph.keys_of("Model"))

    assert held == [["after", "before", "drawn"], ["afterafter", "drawn"]]


# ---- what only one event can bring


def test_a_new_version_says_of_the_older_one_by_what_it_is_superseded(home: Resources, client: Any) -> None:
    graph = HeldGraph()
    sync(home, graph, *ingest(home, SEA))

    sync(home, graph, *ingest(home, BEES))

    assert graph.content() == content_of_views(client)


def test_an_inference_is_joined_to_what_it_produced_and_was_there_before(home: Resources, client: Any) -> None:
    graph = HeldGraph()
    sync(home, graph, *ingest(home, SEA))
    use(home, name="answer", answers=(SEA,))

    sync(home, graph, *(told for told in events(home.database) if isinstance(told, InferenceEvent)))

    assert graph.counts(0)[1]["GENERATED_BY"] == 3
    assert graph.content() == content_of_views(client)


def test_an_event_of_a_source_that_went_brings_what_it_was_to_bring_of_atoms_that_stay(
    home: Resources, client: Any
) -> None:
    graph, first = HeldGraph(), ingest(home, SEA)
    second = ingest(home, SEA, uri="two")
    ids = atom_ids(client, SEA)
    embed(home.database, client, *ids)
    sync(home, graph, event("AtomsEmbedded", *ids))
    sync(home, graph, *second)
    assert "EMBEDDED_BY" not in graph.counts(0)[1], "that comes with the first source"
    forget_source(client, 1)

    sync(home, graph, *first)

    assert graph.content() == content_of_views(client)


def test_an_atom_that_went_goes_by_an_event_of_a_source_that_stayed(home: Resources, client: Any) -> None:
    graph = HeldGraph()
    sync(home, graph, *ingest(home, SEA), *ingest(home, BEES, uri="two"))
    ids = atom_ids(client, SEA)
    forget_source(client, 1)

    sync(home, graph, event("AtomsCreated", *ids, sourceId=2))

    assert graph.keys_of("Atom") == [hash_of(BEES)]
