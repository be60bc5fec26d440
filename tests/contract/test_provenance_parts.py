"""What an event brings into the graph is what it tells of: its size does not grow with what was there before."""

from collections import Counter
from typing import Any

from hartonomous_assets import atoms, sources
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE, AtomsEvent, parse_provenance_event
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.provenance_parts import (
    GraphPart,
    describe_atoms,
    describe_embedded,
    describe_inferences,
)
from hartonomous_service.inferences import InferenceRecord, record_inference
from tests.builders import enqueue, receive_all, request
from tests.stages import MakeHome


def ingest(home: Resources, text: bytes) -> AtomsEvent:
    """Atomize a text; returns the event that announces it."""
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=text, contentType="text/plain")])
    run_stages(Work(current_hour(), "run", home), [sources.STAGE, atoms.STAGE], 0, lambda _stage, _report: None)
    [event] = [parse_provenance_event(message.body) for message in receive_all(home.database, PROVENANCE_QUEUE)]
    assert isinstance(event, AtomsEvent)
    return event


def edges(home: Resources, describe: Any, *about: Any) -> Counter[str]:
    with home.database.read() as unit_of_work:
        part: GraphPart = describe(unit_of_work, 0, *about)
    return Counter(edge.type for edge in part[1])


def test_an_inference_brings_its_own_edges_however_many_named_its_atoms_before(home: Resources) -> None:
    event = ingest(home, b"The sea rises.")
    with home.database.read() as unit_of_work:
        [atom] = unit_of_work.query("graph_atoms", tenant_id=0, atom_ids=str(event.atom_ids))
    used = [atom["atomHash"]]
    for number in range(20):
        record_inference(home, InferenceRecord(model="m", task=None, input_atoms=used, inference_id=f"{number}"))
    receive_all(home.database, PROVENANCE_QUEUE)

    assert edges(home, describe_inferences, ["7"]) == {"USED_MODEL": 1, "USED_ATOM": 1}


def test_atoms_are_joined_to_earlier_inferences_by_the_first_source_that_brings_them(make_home: MakeHome) -> None:
    home = make_home(text_unit="sentence")
    answer = "The sea rises."
    for number in range(3):
        record_inference(
            home, InferenceRecord(model="m", task=None, input_atoms=[], output_texts=[answer], inference_id=f"{number}")
        )
    receive_all(home.database, PROVENANCE_QUEUE)
    first = ingest(home, b"The sea rises. Bees dance.")
    second = ingest(home, b"Fog. The sea rises.")

    joined = [edges(home, describe_atoms, event.atom_ids, event.source_id) for event in (first, second)]

    assert [counts["PRODUCED_ATOM"] for counts in joined] == [3, 0]
    assert [counts["INGESTED_FROM"] for counts in joined] == [2, 2]


def test_an_event_of_embedding_brings_the_atom_itself_only_if_no_source_does(home: Resources) -> None:
    in_source = ingest(home, b"The sea rises.").atom_ids
    record_inference(home, InferenceRecord(model="m", task=None, input_atoms=[], output_texts=["Bees dance."]))
    with home.database.read() as unit_of_work:
        everything = unit_of_work.query("loose_atoms_of_hour", tenant_id=0, hour=current_hour(), after=0, n=10)
        loose = [row["atomId"] for row in everything]
        nodes, _ = describe_embedded(unit_of_work, 0, [*in_source, *loose])

    assert edges(home, describe_embedded, loose) == {"PRODUCED_ATOM": 1, "GENERATED_BY": 1}, (
        "what named it before is joined"
    )
    assert len(loose) == 1
    assert [node.properties["atomId"] for node in nodes if node.label == "Atom"] == loose
