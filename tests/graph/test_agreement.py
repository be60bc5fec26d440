"""Graph and database agree, hour by hour; what the graph lacks is rebuilt from the tables, what it has too much is removed."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import atoms, provenance, sources
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import StageReport, StageUnavailable, Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.protocol import Edge, Graph, GraphUnavailable, Node
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.agreement import database_digests, disagreements, hours_of
from hartonomous_resources.work.graph_rebuild import rebuild_hour
from hartonomous_resources.work.publishing import publish
from hartonomous_resources.work.queue_leases import claim_queue, release_queue
from hartonomous_service.errors import Conflict, Unavailable
from hartonomous_service.graph_repair import verify_graph
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.builders import enqueue, open_home, request

EARLIER = "2026-11-23-09:00"


@pytest.fixture
def home(tmp_path: Path, graph: Graph) -> Iterator[Resources]:
    """An embedded database with a graph of each backend: sources of two tenants, one in two versions, an inference and its answer,
    an earlier inference of another hour, which named an atom that came later, and an atom that somebody inserted."""
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    home = open_home(tmp_path, database, graph, text_unit="sentence")
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
        connection.execute("UPDATE Inference SET CreatedAt = ?", (f"{EARLIER[:10]}T{EARLIER[11:13]}:30:00.000Z",))
        connection.execute(
            "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (0, 'image', ?, NULL)",
            (bytes(32),),
        )
        by_hand = unit_of_work.query("atom_by_hash", tenant_id=0, content_hash=bytes(32))
        connection.execute("UPDATE BackgroundJob SET Status = 'Failed'")
        publish(unit_of_work, "AtomsEmbedded", by_hand, "run")
    enqueue(database, INGESTION_QUEUE, bodies)
    run(home, sources.STAGE, atoms.STAGE, provenance.STAGE)
    enqueue(
        database, INGESTION_QUEUE, [request(rawData=b"The sea rises!", sourceUri="tides", contentType="text/plain")]
    )
    used, answer = [hash_of("The sea rises.")], ["It rises."]
    record_inference(
        home, InferenceRecord(model="m", task="answer", input_atoms=used, output_texts=answer, inference_id="answer")
    )
    run(home, sources.STAGE, atoms.STAGE, provenance.STAGE)
    yield home
    database.close()


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def keys(graph: Graph, label: str, tenant: int = 0) -> list[str]:
    return graph.keys(tenant, label, "", 100)


def whole(graph: Graph, tenant: int = 0) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """All nodes and edges of a tenant, with what they hold."""
    nodes, edges = {}, {}
    for label in LABELS:
        for key in keys(graph, label, tenant):
            found = graph.lineage(tenant, label, key, 1, 1000)
            nodes.update({(node.label, node.key): dict(node.properties) for node in found.nodes})
            edges.update({(edge.start, edge.type, edge.end): dict(edge.properties) for edge in found.edges})
    return nodes, edges


def run(home: Resources, *stages: object, alone: bool = False, hour: str | None = None) -> dict[str, StageReport]:
    """Run stages of an hour, this one if none is given, until nothing is pending; what one raised is raised here."""
    work = Work(hour or current_hour(), "run", home, alone=alone)
    reports = run_stages(work, stages, 0, lambda _stage, _report: None)  # type: ignore[arg-type]
    for report in reports.values():
        if report.error:
            raise report.error
    return reports


def differences(home: Resources, tenant: int = 0) -> list[str] | None:
    return disagreements(home.database, home.graph, tenant, hours_of(home.database, tenant))


def atom_keys(home: Resources, tenant: int = 0) -> list[str]:
    return home.graph.keys(tenant, "Atom", "", 100)


def lose_an_atom(home: Resources) -> None:
    home.graph.delete([Node(0, "Atom", atom_keys(home)[0])])


def lose_a_source(home: Resources) -> None:
    home.graph.delete([Node(0, "Source", home.graph.keys(0, "Source", "", 1)[0])])


def lose_everything(home: Resources) -> None:
    for label in ("Atom", "Source", "Run", "Tenant"):
        home.graph.delete([Node(0, label, key) for key in home.graph.keys(0, label, "", 100)])


def know_a_wrong_place(home: Resources) -> None:
    """An edge whose place is not the one in the tables."""
    found = home.graph.lineage(0, "Atom", hash_of("Bees dance."), 1, 10, direction="upstream")
    [edge] = [edge for edge in found.edges if edge.type == "INGESTED_FROM"][:1]
    wrong = {**edge.properties, "digest": 1}
    home.graph.merge([], [Edge(0, edge.start, edge.type, edge.end, wrong)])


def lose_an_inference(home: Resources) -> None:
    home.graph.delete([Node(0, "Inference", "early")])


def lose_a_use(home: Resources) -> None:
    """The atom comes back without what joins it to the inference that had named it before."""
    name = ("Atom", hash_of("Bees dance."))
    found = home.graph.lineage(0, *name, 1, 10)
    atom = next(node for node in found.nodes if (node.label, node.key) == name)
    home.graph.delete([atom])
    home.graph.merge([atom], [edge for edge in found.edges if edge.type != "USED_ATOM"])


def rebuild_in_part(home: Resources) -> None:
    """A rebuild that was interrupted after all atoms and before the inferences."""
    lose_everything(home)
    home.graph.delete([Node(0, "Inference", key) for key in home.graph.keys(0, "Inference", "", 100)])
    for part in rebuild_hour(home, current_hour(), 0):
        if not any(node.label == "Source" for node in part[0]):
            break


DAMAGES = (
    lose_an_atom,
    lose_a_source,
    lose_everything,
    know_a_wrong_place,
    lose_an_inference,
    lose_a_use,
    rebuild_in_part,
)


def test_after_a_sync_every_hour_of_every_tenant_agrees(home: Resources) -> None:
    assert [differences(home, tenant) for tenant in (0, 7)] == [[], []]
    digests = database_digests(home.database, 0, current_hour())
    assert digests is not None
    assert {kind: digest.count for kind, digest in digests.items()} == {
        **{"atoms": 6, "sources": 3, "edges": 5},
        **{"inferences": 1, "uses": 2},
    }
    assert hours_of(home.database, 0) == [EARLIER, current_hour()]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_difference_is_found_in_the_tenant_that_has_it(home: Resources, damage: Callable[[Resources], None]) -> None:
    damage(home)

    assert differences(home)
    assert differences(home, 7) == []


def test_nothing_is_said_while_events_wait(home: Resources) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"New.", sourceUri="new", contentType="text/plain")])
    run(home, sources.STAGE, atoms.STAGE)

    assert differences(home) is None
    with pytest.raises(Conflict, match="events are waiting"):
        verify_graph(home)


@pytest.mark.parametrize("damage", DAMAGES)
def test_materialising_the_graph_alone_rebuilds_what_it_lacks(
    home: Resources, damage: Callable[[Resources], None]
) -> None:
    before = whole(home.graph)
    damage(home)

    run(home, provenance.STAGE)
    assert differences(home), "a run of the whole chain consumes events and looks no further"
    rebuilt = 0
    for hour in hours_of(home.database, 0):
        reports = run(home, provenance.STAGE, alone=True, hour=hour)
        rebuilt += reports["provenance_graph"].counts.get("rebuilt nodes", 0)

    assert rebuilt
    assert differences(home) == []
    assert whole(home.graph) == before


def test_an_hour_that_agrees_is_not_written_again(home: Resources) -> None:
    assert run(home, provenance.STAGE, alone=True)["provenance_graph"].counts == {}


@pytest.mark.parametrize("damage", DAMAGES)
def test_repair_makes_the_graph_what_the_tables_say(home: Resources, damage: Callable[[Resources], None]) -> None:
    before = whole(home.graph)
    damage(home)
    home.graph.merge(
        [Node(0, "Atom", "f" * 64, {"ingestHour": current_hour(), "digest": 5}), Node(0, "Source", "999", {})],
        [Edge(0, ("Atom", "f" * 64), "INGESTED_FROM", ("Source", "999"), {"digest": 5})],
    )
    assert verify_graph(home)["failed"]

    result = verify_graph(home, repair=True)

    assert result["failed"] == []
    assert result["repaired"]["removed"] == 2
    assert whole(home.graph) == before
    assert verify_graph(home, repair=True)["repaired"] == {"nodes": 0, "edges": 0, "removed": 0}


def test_what_is_not_compared_comes_back_when_everything_is_written_again(home: Resources) -> None:
    before = whole(home.graph)
    home.graph.delete([Node(0, label, key) for label in ("Run", "Model", "Tenant") for key in keys(home.graph, label)])
    assert verify_graph(home, repair=True)["failed"] == []
    assert whole(home.graph) != before

    verify_graph(home, repair=True, everything=True)

    assert whole(home.graph) == before


def test_a_rebuild_waits_for_whoever_syncs_events(home: Resources) -> None:
    """What it has read may not overwrite what an event tells meanwhile."""
    lose_everything(home)
    steps = rebuild_hour(home, current_hour(), 0)
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
    home.graph.merge([Node(7, "Atom", "f" * 64, {"ingestHour": current_hour(), "digest": 5})], [])

    assert verify_graph(home, repair=True)["repaired"]["removed"] == 0
    assert differences(home, 7)
    assert verify_graph(home, tenant=None, repair=True)["repaired"]["removed"] == 1
    assert differences(home, 7) == []


def test_a_graph_that_is_down_fails_the_stage_and_the_command_with_its_name(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(tenant_id: int, hour: str) -> None:
        raise GraphUnavailable("no answer")

    monkeypatch.setattr(type(home.graph), "digests", lambda self, tenant_id, hour: down(tenant_id, hour))

    with pytest.raises(StageUnavailable, match="no answer"):
        run(home, provenance.STAGE, alone=True)
    with pytest.raises(Unavailable, match="no answer"):
        verify_graph(home)


def test_an_event_that_says_something_else_than_what_is_recorded_is_put_aside(home: Resources) -> None:
    event = {"eventType": "InferenceCompleted", "inferenceId": "answer", "tenantId": 0, "model": "m"}
    before = whole(home.graph)
    for changed in ({"model": "other"}, {"inputAtoms": [hash_of("Bees dance.")]}):
        enqueue(home.database, PROVENANCE_QUEUE, [json.dumps(event | changed).encode()])
    enqueue(home.database, PROVENANCE_QUEUE, [json.dumps(event).encode()])

    reports = run(home, provenance.STAGE)

    assert reports["provenance_graph"].counts["dead-lettered"] == 2
    assert whole(home.graph) == before
