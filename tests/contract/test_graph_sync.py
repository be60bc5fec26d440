"""What an event changes in a copy of the graph is what the views say now: late, twice, backwards, or after the row is gone."""

import hashlib
import json
import threading
from collections import Counter
from typing import Any

import pytest

from hartonomous_assets import atoms, sources
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_core.messages import (
    INGESTION_QUEUE,
    PROVENANCE_QUEUE,
    InferenceEvent,
    ProvenanceEvent,
    parse_provenance_event,
)
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.graph.materialized import GraphChange
from hartonomous_resources.resources import Resources
from hartonomous_resources.work import event_pointers, graph_sync
from hartonomous_resources.work.event_pointers import Pointers
from hartonomous_resources.work.graph_sync import changes_of
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.backends import rows
from tests.builders import enqueue, receive_all, request
from tests.held_graph import HeldGraph, content_of_views, forget_source
from tests.stages import MakeHome

SEA, BEES, FOG = "The sea rises.", "Bees dance.", "Fog lies low."


@pytest.fixture
def home(make_home: MakeHome) -> Resources:
    return make_home(text_unit="sentence")


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def events(database: Database) -> list[ProvenanceEvent]:
    """Take all events off the queue."""
    return [parse_provenance_event(message.body) for message in receive_all(database, PROVENANCE_QUEUE)]


def event(kind: str, *atom_ids: int, tenant: int = 0, **fields: object) -> ProvenanceEvent:
    document = {"eventType": kind, "tenantId": tenant, "atomIds": list(atom_ids), **fields}
    return parse_provenance_event(json.dumps(document).encode())


def ingest(home: Resources, *texts: str, uri: str = "one", tenant: int = 0, run: str = "run") -> list[ProvenanceEvent]:
    """Atomize a text of these sentences; returns the events that tell of it."""
    body = request(rawData=" ".join(texts).encode(), sourceUri=uri, contentType="text/plain", tenantId=tenant)
    enqueue(home.database, INGESTION_QUEUE, [body])
    run_stages(Work(current_hour(), run, home), [sources.STAGE, atoms.STAGE], 0, lambda _stage, _report: None)
    return events(home.database)


def sync(home: Resources, graph: HeldGraph, *told: ProvenanceEvent) -> list[GraphChange]:
    """Write what events point at; returns the changes."""
    changes = []
    for change in changes_of(home.database, graph, told):
        graph.write(change)
        changes.append(change)
    return changes


def use(home: Resources, *texts: str, name: str, answers: tuple[str, ...] = (), tenant: int = 0) -> None:
    """Record an inference that was given texts."""
    record_inference(
        home,
        InferenceRecord(
            model="m",
            task=None,
            input_atoms=[hash_of(text) for text in texts],
            output_texts=list(answers),
            inference_id=name,
            tenant_id=tenant,
        ),
    )


def embed(database: Database, client: Any, *atom_ids: int) -> None:
    """Store vectors of atoms by a model of their own."""
    cursor = client.cursor()
    cursor.execute(
        "INSERT INTO EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)"
        " VALUES ('text', 'drawn', 3, 'drawn', 'fp32', '{}', 0, ?)",
        (timestamp(),),
    )
    client.commit()
    model = rows(client, "SELECT MAX(ModelId) AS id FROM EmbeddingModel")[0]["id"]
    cursor.executemany(
        "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, IngestHour, CreatedAt, RunId)"
        " SELECT AtomId, TenantId, ?, 3, ?, IngestHour, CreatedAt, 'run' FROM Atom WHERE AtomId = ?",
        [(model, b"\0\0\x80\x3f" + bytes(8), atom_id) for atom_id in atom_ids],
    )
    client.commit()


def place(client: Any, artifact: str, *atom_ids: int) -> None:
    """Store positions of atoms by a projection of their own, which takes the place of what placed them before."""
    cursor = client.cursor()
    cursor.execute("UPDATE ProjectionModel SET Active = 0")
    cursor.execute(
        "INSERT INTO ProjectionModel (ModelId, Method, Parameters, TrainedOn, ArtifactHash, Active, CreatedAt)"
        " SELECT MAX(ModelId), 'drawn', '{}', 0, ?, 1, ? FROM EmbeddingModel",
        (artifact, timestamp()),
    )
    cursor.executemany(
        "UPDATE AtomEmbedding SET X = 0.1, Y = 0.1, Z = 0.1, HilbertValue = 1,"
        " ProjectionModelId = (SELECT MAX(ProjectionModelId) FROM ProjectionModel) WHERE AtomId = ?",
        [(atom_id,) for atom_id in atom_ids],
    )
    client.commit()


def atom_ids(client: Any, *texts: str, tenant: int = 0) -> list[int]:
    found = {
        row["hash"]: row["id"]
        for row in rows(client, "SELECT ContentHash AS hash, AtomId AS id FROM Atom WHERE TenantId = ?", tenant)
    }
    return [found[bytes.fromhex(hash_of(text))] for text in texts]


def types(changes: list[GraphChange]) -> Counter[str]:
    return Counter(edge.view.type for change in changes for edge in change.edges)


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


# ---- what is gone


def test_a_part_is_read_while_the_one_before_it_is_written(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read ahead and goes before its turn is written once more, and goes by the event that tells of it."""
    monkeypatch.setattr(event_pointers, "_ATOMS_AT_ONCE", 1)
    told, graph = [*ingest(home, SEA), *ingest(home, BEES, uri="two")], HeldGraph()
    read, of_second = graph_sync._read, threading.Event()

    def reading(unit_of_work: UnitOfWork, tenant_id: int, pointed: Pointers) -> Any:
        found = read(unit_of_work, tenant_id, pointed)
        if 2 in pointed.of_sources:
            of_second.set()
        return found

    monkeypatch.setattr(graph_sync, "_read", reading)
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
