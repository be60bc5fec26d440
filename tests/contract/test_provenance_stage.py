"""Without a copy of the graph its stage takes in ProvenanceQueue: inferences are recorded, pointers are checked, all is acknowledged."""

import json
from typing import Any

import pytest

from hartonomous_assets import atoms, provenance, sources
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import Message, UnitOfWork
from hartonomous_resources.database.queue_messages import queued_messages
from hartonomous_resources.resources import Resources
from hartonomous_service.graph_repair import verify_graph
from hartonomous_service.source_records import verify_sources
from tests.backends import rows
from tests.builders import dead_letters, enqueue, request
from tests.held_graph import content_of_views
from tests.stages import ingest, run_stages_of

USED = "468658f2497646eb33272e99ada154e82f3626490f9f980a43ac4826d9ca972d"


def body(**fields: object) -> bytes:
    return json.dumps({"tenantId": 0, **fields}).encode()


def inference(name: str, **fields: object) -> bytes:
    return body(eventType="InferenceCompleted", inferenceId=name, model="m", inputAtoms=[USED], **fields)


def waiting(home: Resources) -> list[bytes]:
    with home.database.read() as unit_of_work:
        return [message.body for message in queued_messages(unit_of_work, PROVENANCE_QUEUE, 100)]


def sync(home: Resources) -> dict[str, int]:
    """Run the stage; returns what it counted."""
    return run_stages_of(home, provenance.STAGE)["provenance_graph"].counts


def test_an_inference_that_an_event_tells_of_is_recorded_once(home: Resources, client: Any) -> None:
    enqueue(home.database, PROVENANCE_QUEUE, [inference("a"), inference("a"), inference("b", outputAtoms=[USED])])

    assert sync(home) == {"received": 3}

    assert waiting(home) == []
    recorded = rows(client, "SELECT InferenceId AS name FROM Inference ORDER BY InferenceId")
    assert [row["name"] for row in recorded] == ["a", "b"]
    assert sum(key[1] == "GraphInference" for key in content_of_views(client)) == 2


def test_pointers_are_checked_and_acknowledged_and_what_is_none_is_put_aside(home: Resources, client: Any) -> None:
    ingest(home, request(rawData=b"The sea rises.", contentType="text/plain"))
    before = content_of_views(client)
    broken = [b"no event", body(eventType="AtomsVanished"), body(eventType="AtomsEmbedded", atomIds=[1.5])]
    pointers = [
        body(eventType="AtomsEmbedded", atomIds=[1, 2, 3]),
        body(eventType="AtomsProjected", atomIds=[]),
        body(eventType="AtomsDeleted", atomHashes=[USED]),
        body(AtomId=1, SourceId=9),
    ]
    enqueue(home.database, PROVENANCE_QUEUE, [*broken, *pointers])

    counts = sync(home)

    assert counts["dead-lettered"] == 3
    assert counts["received"] == 1 + len(pointers)
    assert waiting(home) == []
    assert sorted(bytes(letter["body"]) for letter in dead_letters(home.database)) == sorted(broken)
    assert content_of_views(client) == before


def test_another_inference_of_the_same_id_is_put_aside(home: Resources, client: Any) -> None:
    other = body(eventType="InferenceCompleted", inferenceId="a", model="other")
    enqueue(home.database, PROVENANCE_QUEUE, [inference("a"), other])

    assert sync(home) == {"received": 1, "dead-lettered": 1}
    assert [row["model"] for row in rows(client, "SELECT Model AS model FROM Inference")] == ["m"]


def test_a_message_that_fails_each_time_is_put_aside_and_the_others_are_done(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in = provenance.take_in

    def fail(unit_of_work: UnitOfWork, message: Message) -> object:
        if b"bad" in message.body:
            raise ValueError("a mistake")
        return take_in(unit_of_work, message)

    monkeypatch.setattr(provenance, "take_in", fail)
    enqueue(home.database, PROVENANCE_QUEUE, [inference("bad"), inference("good")])

    sync(home)

    assert waiting(home) == []
    assert [letter["reason"] for letter in dead_letters(home.database)] == ["ValueError: a mistake"]
    assert [row["name"] for row in rows(client, "SELECT InferenceId AS name FROM Inference")] == ["good"]


def test_a_stage_that_is_turned_off_leaves_the_events_waiting(make_home: Any) -> None:
    home = make_home(provenance_enabled=False)
    enqueue(home.database, PROVENANCE_QUEUE, [inference("a")])

    assert sync(home) == {}
    assert waiting(home) == [inference("a")]


def test_the_hour_holds_what_the_views_say(home: Resources) -> None:
    ingest(home, request(rawData=b"The sea rises.", contentType="text/plain"))
    enqueue(home.database, PROVENANCE_QUEUE, [inference("a")])
    sync(home)

    held = provenance.STAGE.totals(Work(current_hour(), "run", home))

    assert {row["type"]: row["rows"] for row in held} == {
        **{"Atom": 1, "Source": 1, "Inference": 1, "INGESTED_FROM": 1, "BELONGS_TO": 1},
        **{"GENERATED_BY": 2, "USED_MODEL": 1},
    }
    assert {row["kind"] for row in held} == {"node", "edge"}
    assert provenance.STAGE.totals(Work("2026-11-23-09:00", "run", home)) == []


def test_a_run_of_the_stage_alone_finds_nothing_to_rebuild(home: Resources) -> None:
    ingest(home, request(rawData=b"The sea rises.", contentType="text/plain"))
    steps = provenance.STAGE.steps(Work(current_hour(), "run", home, alone=True))

    assert [next(steps).counts for _ in range(3)] == [{"received": 1}, {}, {}]


def test_an_edge_without_an_end_is_found_where_there_is_no_copy_to_compare(home: Resources, client: Any) -> None:
    ingest(home, request(rawData=b"The sea rises.", contentType="text/plain"))
    run_stages_of(home, sources.STAGE, atoms.STAGE, provenance.STAGE)
    verified = verify_graph(home, repair=True)
    assert verified["failed"] == []
    assert "no copy to compare" in verified["note"]
    cursor = client.cursor()
    cursor.execute("UPDATE Atom SET TenantId = 7")  # as no release of ours ever did
    client.commit()

    for verify in (verify_graph, verify_sources):
        assert "edges_have_ends" in {failure["invariant"] for failure in verify(home)["failed"]}
    assert verify_graph(home, tenant=None)["failed"]
