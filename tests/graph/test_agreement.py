"""A copy of the graph agrees with the views, hour by hour and kind by kind; what it lacks is rebuilt from them, what it has too much is removed."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import atoms, projections, provenance, sources
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import StageReport, StageUnavailable, Work
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.graph_views import EDGE_VIEWS, EdgeView
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.materialized import EdgeRow, Gone, GraphChange, MaterializedGraph, Replaced
from hartonomous_resources.graph.protocol import GraphUnavailable, Node
from hartonomous_resources.resources import Resources
from hartonomous_resources.work import graph_reading, graph_rebuild
from hartonomous_resources.work.agreement import database_digests, disagreements, hours_of
from hartonomous_resources.work.graph_rebuild import rebuild_hour
from hartonomous_resources.work.models import activate_embedding_models
from hartonomous_resources.work.publishing import publish
from hartonomous_resources.work.queue_leases import claim_queue, release_queue
from hartonomous_service.errors import Conflict, Unavailable
from hartonomous_service.graph_repair import verify_graph
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.builders import enqueue, open_home, request
from tests.held_graph import Content, HeldGraph, content_of, content_of_views
from tests.tools.neo4j.server import open_empty_graph

EARLIER = "2026-11-23-09:00"
COPIES: dict[str, Callable[[], MaterializedGraph]] = {"memory": HeldGraph, "neo4j": open_empty_graph}
INGESTED_FROM = EdgeView("Atom", "INGESTED_FROM", "Source")
USED_ATOM = EdgeView("Inference", "USED_ATOM", "Atom")
VECTOR = b"\0\0\x80\x3f" + bytes(8)


@pytest.fixture(params=COPIES)
def copy(request: pytest.FixtureRequest) -> Iterator[MaterializedGraph]:
    """An empty copy of each kind."""
    opened = COPIES[request.param]()
    yield opened
    opened.close()


@pytest.fixture
def home(tmp_path: Path, copy: MaterializedGraph) -> Iterator[Resources]:
    """An embedded database with a copy of each kind: sources of two tenants, one in two versions, an inference and its answer,
    an earlier inference of another hour, which named an atom that came later, and an atom that somebody inserted."""
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    home = open_home(tmp_path, database, copy, text_unit="sentence")
    bodies = [
        request(rawData=b"The sea rises. The sea falls.", sourceUri="tides", contentType="text/plain"),
        request(rawData=b"The sea rises. Bees dance.", sourceUri="bees", contentType="text/plain"),
        request(rawData=b"The sea rises.", sourceUri="tides", contentType="text/plain", tenantId=7),
    ]
    early = record_inference(
        home, InferenceRecord(model="m", task=None, input_atoms=[hash_of("Bees dance.")], inference_id="early")
    )
    assert early["unknownAtoms"] == [hash_of("Bees dance.")]
    with database.unit_of_work() as unit_of_work:
        connection = unit_of_work.connection
        connection.execute("UPDATE Inference SET IngestHour = ?", (EARLIER,))
        connection.execute(
            "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (0, 'image', ?, NULL)",
            (bytes(32),),
        )
    enqueue(database, INGESTION_QUEUE, bodies)
    run(home, sources.STAGE, atoms.STAGE, provenance.STAGE)
    enqueue(
        database, INGESTION_QUEUE, [request(rawData=b"The sea rises!", sourceUri="tides", contentType="text/plain")]
    )
    used, answer = [hash_of("The sea rises.")], ["It rises."]
    record_inference(
        home, InferenceRecord(model="m", task="answer", input_atoms=used, output_texts=answer, inference_id="answer")
    )
    run(home, sources.STAGE, atoms.STAGE)
    embed(home)
    run(home, projections.STAGE, provenance.STAGE)
    yield home
    database.close()


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def embed(home: Resources) -> None:
    """Embed all that waits, as the stage leaves it."""
    with home.database.unit_of_work() as unit_of_work:
        [model] = activate_embedding_models(unit_of_work, [ModelIdentity("text", "drawn", 3, "0" * 64, "int8", "{}")])
        connection = unit_of_work.connection  # type: ignore[attr-defined]
        waiting = connection.execute(
            "SELECT a.AtomId AS atomId, a.TenantId AS tenantId FROM AtomToEmbed AS a WHERE a.Modality = 'text'"
            " AND NOT EXISTS (SELECT 1 FROM AtomEmbedding AS e WHERE e.AtomId = a.AtomId)"
        ).fetchall()
        rows = [(row["atomId"], model, 3, VECTOR, 1, "run", timestamp()) for row in waiting]
        unit_of_work.execute_many("insert_embedding", rows)
        publish(unit_of_work, "AtomsEmbedded", waiting, "run")
        connection.execute("UPDATE BackgroundJob SET Status = 'Completed' WHERE Status = 'Pending'")


def copy_of(home: Resources) -> MaterializedGraph:
    assert home.graph_copy is not None
    return home.graph_copy


def of_views(home: Resources) -> Content:
    """What the copy must hold."""
    return content_of_views(home.database.connection())  # type: ignore[attr-defined]


def run(home: Resources, *stages: object, alone: bool = False, hour: str | None = None) -> dict[str, StageReport]:
    """Run stages of an hour, this one if none is given, until nothing is pending; what one raised is raised here."""
    work = Work(hour or current_hour(), "run", home, alone=alone)
    reports = run_stages(work, stages, 0, lambda _stage, _report: None)  # type: ignore[arg-type]
    for report in reports.values():
        if report.error:
            raise report.error
    return reports


def differences(home: Resources, tenant: int = 0) -> list[str] | None:
    return disagreements(home.database, copy_of(home), tenant, [None, *hours_of(home.database, tenant)])


def remove(home: Resources, label: Label, *numbers: int) -> None:
    copy_of(home).write(GraphChange(gone=[Gone(0, label, numbers)]))


def numbers(home: Resources, label: Label) -> list[int]:
    return copy_of(home).numbers(0, label, -1, 100)


# ---- what may be wrong with a copy


def lose_an_atom(home: Resources) -> None:
    remove(home, "Atom", numbers(home, "Atom")[0])


def lose_a_source(home: Resources) -> None:
    remove(home, "Source", numbers(home, "Source")[0])


def lose_everything(home: Resources) -> None:
    for label in LABELS:
        remove(home, label, *numbers(home, label))


def lose_what_has_no_hour(home: Resources) -> None:
    for label in ("Run", "Model", "Tenant"):
        remove(home, label, *numbers(home, label))


def know_a_wrong_place(home: Resources) -> None:
    """An edge whose place is not the one in the tables."""
    [first, *_] = [key for key in content_of(copy_of(home)) if key[:2] == (0, "Atom_INGESTED_FROM_Source")]
    copy_of(home).write(GraphChange(edges=[EdgeRow(0, INGESTED_FROM, first[2], first[3], {"digest": 1})]))


def know_a_source_that_holds_it_not(home: Resources) -> None:
    """An edge between nodes that are there, which no row of the tables is."""
    content = of_views(home)
    pairs = {key[2:] for key in content if key[:2] == (0, "Atom_INGESTED_FROM_Source")}
    all_pairs = {(a, s) for a in numbers(home, "Atom") for s in numbers(home, "Source")}
    atom, source = min(all_pairs - pairs)
    edge = EdgeRow(0, INGESTED_FROM, atom, source, {"digest": 5, "since": timestamp()})
    copy_of(home).write(GraphChange(edges=[edge]))


def know_a_use_that_was_none(home: Resources) -> None:
    pairs = {key[2:] for key in of_views(home) if key[:2] == (0, USED_ATOM.name)}
    all_pairs = {(i, a) for i in numbers(home, "Inference") for a in numbers(home, "Atom")}
    inference, atom = min(all_pairs - pairs)
    copy_of(home).write(GraphChange(edges=[EdgeRow(0, USED_ATOM, inference, atom, {"digest": 5})]))


def lose_an_inference(home: Resources) -> None:
    remove(home, "Inference", numbers(home, "Inference")[0])


def rebuild_in_part(home: Resources) -> None:
    """A rebuild that was interrupted after its first part."""
    lose_everything(home)
    next(rebuild_hour(home, copy_of(home), current_hour(), 0))


def lose_edges(view: EdgeView) -> Callable[[Resources], None]:
    def lose(home: Resources) -> None:
        starts = numbers(home, view.start)
        copy_of(home).write(GraphChange(replaced=[Replaced(0, view, starts)]))

    lose.__name__ = f"lose_{view.name}"
    return lose


NOT_HERE = ("Atom_DERIVED_FROM_Atom", "Source_DERIVED_FROM_Source")
"""Nothing writes what these are read from yet."""
DAMAGES = (
    lose_an_atom,
    lose_a_source,
    lose_everything,
    lose_what_has_no_hour,
    know_a_wrong_place,
    know_a_source_that_holds_it_not,
    know_a_use_that_was_none,
    lose_an_inference,
    rebuild_in_part,
    *(lose_edges(view) for view in EDGE_VIEWS if view.name not in NOT_HERE),
)


def test_after_a_sync_every_hour_of_every_tenant_agrees(home: Resources) -> None:
    assert content_of(copy_of(home)) == of_views(home)
    assert [differences(home, tenant) for tenant in (0, 7)] == [[], []]
    digests = database_digests(home.database, 0, current_hour())
    assert digests is not None
    counts = {view: digest.count for view, digest in digests.items()}
    assert (
        counts
        | {
            **{"GraphAtom": 6, "GraphSource": 3, "GraphInference": 1},
            **{"Atom_INGESTED_FROM_Source": 5, "Inference_USED_ATOM_Atom": 1, "Inference_PRODUCED_ATOM_Atom": 1},
        }
        == counts
    )
    assert hours_of(home.database, 0) == [EARLIER, current_hour()]
    of_any_hour = {
        view for hour in (None, EARLIER, current_hour()) for view in database_digests(home.database, 0, hour) or ()
    }
    assert {view.name for view in EDGE_VIEWS} - of_any_hour == set(NOT_HERE)


def test_nothing_is_said_while_events_wait(home: Resources) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"New.", sourceUri="new", contentType="text/plain")])
    run(home, sources.STAGE, atoms.STAGE)

    assert differences(home) is None
    with pytest.raises(Conflict, match="events are waiting"):
        verify_graph(home)


def test_a_repair_while_events_wait_is_done_and_says_that_nothing_was_compared(home: Resources) -> None:
    lose_everything(home)
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"New.", sourceUri="new", contentType="text/plain")])
    run(home, sources.STAGE, atoms.STAGE)

    result = verify_graph(home, tenant=None, repair=True)

    assert content_of(copy_of(home)) == of_views(home), "the views are what it writes, whatever events tell of"
    assert (result["failed"], result["checked"]) == ([], 0)
    assert "Events are waiting" in result["note"] and "run an ingest" in result["note"]
    assert result["repaired"]["nodes"] and result["repaired"]["edges"]
    run(home, provenance.STAGE)
    assert verify_graph(home, tenant=None)["failed"] == []


@pytest.mark.parametrize("at_once", [1, 1000])
def test_materialising_the_graph_alone_rebuilds_what_it_lacks(
    home: Resources, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    for module in (graph_rebuild, graph_reading):
        monkeypatch.setattr(module, "NODES_AT_ONCE", at_once)
    for damage in DAMAGES:
        damage(home)

        run(home, provenance.STAGE)
        assert differences(home), f"a run of the whole chain consumes events and looks no further: {damage.__name__}"
        rebuilt = 0
        for hour in hours_of(home.database, 0):
            reports = run(home, provenance.STAGE, alone=True, hour=hour)
            rebuilt += reports["provenance_graph"].counts.get("rebuilt nodes", 0)

        assert rebuilt, damage.__name__
        assert differences(home) == [], damage.__name__
        assert content_of(copy_of(home)) == of_views(home), damage.__name__


def test_an_hour_that_agrees_is_not_written_again(home: Resources) -> None:
    assert run(home, provenance.STAGE, alone=True)["provenance_graph"].counts == {}


def test_a_difference_is_found_in_the_tenant_that_has_it_and_repaired(home: Resources) -> None:
    unknown = [
        Node(0, "Atom", 901, "f" * 64, {"ingestHour": current_hour(), "digest": 5}),
        Node(0, "Source", 902, "902", {"ingestHour": EARLIER, "digest": 5}),
        Node(0, "Run", 903, "none", {"digest": 5}),
    ]
    edge = EdgeRow(0, INGESTED_FROM, 901, 902, {"digest": 5})
    for damage in DAMAGES:
        damage(home)
        assert differences(home), damage.__name__
        assert differences(home, 7) == [], damage.__name__
        copy_of(home).write(GraphChange(unknown, [edge]))
        assert verify_graph(home)["failed"]

        result = verify_graph(home, repair=True)

        assert result["failed"] == [], damage.__name__
        assert result["repaired"]["removed"] == 3, damage.__name__
        assert content_of(copy_of(home)) == of_views(home), damage.__name__
        assert verify_graph(home, repair=True)["repaired"] == {"nodes": 0, "edges": 0, "removed": 0}, damage.__name__


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM Atom WHERE AtomId = ?",
        "INSERT OR REPLACE INTO Atom (TenantId, Modality, ContentHash) SELECT TenantId, Modality, ContentHash FROM Atom WHERE AtomId = ?",
    ],
    ids=["deleted", "replaced"],
)
def test_an_atom_of_somebodys_that_goes_by_hand_goes_from_the_copy(home: Resources, change: str) -> None:
    client = home.database.connection()  # type: ignore[attr-defined]
    [number] = client.execute("SELECT AtomId FROM Atom WHERE InsertedByHand = 1").fetchone()
    assert number in numbers(home, "Atom")
    client.execute(change, (number,))

    run(home, provenance.STAGE)

    assert number not in numbers(home, "Atom")
    assert content_of(copy_of(home)) == of_views(home)


@pytest.mark.parametrize("at_once", [1, 2, 1000])
def test_repair_counts_once_what_it_wrote(home: Resources, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes of one hour are ends of edges of another, and an atom may stand in a source again, in a later part."""
    body = request(rawData=b"Bees dance. Fog lies low. Bees dance.", sourceUri="again", contentType="text/plain")
    enqueue(home.database, INGESTION_QUEUE, [body])
    run(home, sources.STAGE, atoms.STAGE, provenance.STAGE)
    for module in (graph_reading, graph_rebuild):
        monkeypatch.setattr(module, "NODES_AT_ONCE", at_once)
    held = [view for tenant, view, *_ in content_of(copy_of(home)) if tenant == 0]
    nodes = sum(view.startswith("Graph") for view in held)
    whole = {"nodes": nodes, "edges": len(held) - nodes, "removed": 0}

    assert verify_graph(home, repair=True, everything=True)["repaired"] == whole
    lose_everything(home)
    assert verify_graph(home, repair=True)["repaired"] == whole


def test_what_differs_is_said_in_words_with_what_mends_it(home: Resources) -> None:
    lose_what_has_no_hour(home)

    result = verify_graph(home)

    assert {failure["remedy"] for failure in result["failed"]} == {"hartonomous verify --graph --repair --all-tenants"}
    texts = [failure["error"] for failure in result["failed"]]
    assert "tenant 0, without an hour: the database has 1 Tenant nodes, the graph 0" in texts
    assert (
        f"tenant 0, hour {current_hour()}: the database has 3 BELONGS_TO edges (Source to Tenant), the graph 0" in texts
    )
    assert not [text for text in texts if "Graph" in text or "_to_" in text.lower()]


def test_hours_are_counted_as_such_and_what_has_none_is_not(home: Resources) -> None:
    of_tenants = {tenant: len(hours_of(home.database, tenant)) for tenant in (0, 7)}

    for tenant, expected in ((0, (of_tenants[0], 1)), (7, (of_tenants[7], 1)), (None, (sum(of_tenants.values()), 2))):
        result = verify_graph(home, tenant=tenant)
        assert (result["checked"], result["tenants"]) == expected


def test_a_property_that_is_not_compared_is_right_again_when_everything_is_written(home: Resources) -> None:
    [first, *_] = numbers(home, "Atom")
    [digest] = [properties["digest"] for key, properties in of_views(home).items() if key == (0, "GraphAtom", first)]
    node = Node(0, "Atom", first, "e" * 64, {"tenantId": 0, "ingestHour": current_hour(), "digest": digest})
    copy_of(home).write(GraphChange([node]))
    assert verify_graph(home, repair=True)["failed"] == []
    assert content_of(copy_of(home)) != of_views(home)

    verify_graph(home, repair=True, everything=True)

    assert content_of(copy_of(home)) == of_views(home)


def test_a_rebuild_waits_for_whoever_syncs_events(home: Resources) -> None:
    """What it has read may not overwrite what an event tells meanwhile."""
    lose_everything(home)
    steps = rebuild_hour(home, copy_of(home), current_hour(), 0)
    with home.database.unit_of_work() as unit_of_work:
        lease = claim_queue(unit_of_work, PROVENANCE_QUEUE, "another", 60)
    assert lease
    done = threading.Event()
    rebuilding = threading.Thread(target=lambda: (next(steps), done.set()))
    rebuilding.start()
    assert not done.wait(0.5)
    with home.database.unit_of_work() as unit_of_work:
        release_queue(unit_of_work, lease)
    rebuilding.join(30)
    assert done.is_set()


def test_repair_of_one_tenant_leaves_the_others_alone(home: Resources) -> None:
    node = Node(7, "Atom", 901, "f" * 64, {"ingestHour": current_hour(), "digest": 5})
    copy_of(home).write(GraphChange([node]))

    assert verify_graph(home, repair=True)["repaired"]["removed"] == 0
    assert differences(home, 7)
    assert verify_graph(home, tenant=None, repair=True)["repaired"]["removed"] == 1
    assert differences(home, 7) == []


def test_a_graph_that_is_down_fails_the_stage_and_the_command_with_its_name(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise GraphUnavailable("no answer")

    monkeypatch.setattr(type(home.graph), "digests", down)

    with pytest.raises(StageUnavailable, match="no answer"):
        run(home, provenance.STAGE, alone=True)
    with pytest.raises(Unavailable, match="no answer"):
        verify_graph(home)


def test_an_event_that_says_something_else_than_what_is_recorded_is_put_aside(home: Resources) -> None:
    event = {"eventType": "InferenceCompleted", "inferenceId": "answer", "tenantId": 0, "model": "m"}
    before = content_of(copy_of(home))
    changes: tuple[dict[str, Any], ...] = ({"model": "other"}, {"inputAtoms": [hash_of("Bees dance.")]})
    for changed in changes:
        enqueue(home.database, PROVENANCE_QUEUE, [json.dumps(event | changed).encode()])
    enqueue(home.database, PROVENANCE_QUEUE, [json.dumps(event).encode()])

    reports = run(home, provenance.STAGE)

    assert reports["provenance_graph"].counts["dead-lettered"] == 2
    assert content_of(copy_of(home)) == before
