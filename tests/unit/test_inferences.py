"""Inferences as applications record them: what is read, refused, stored and announced; on every database backend."""

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from hartonomous_core.messages import PROVENANCE_QUEUE, parse_provenance_event
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.searchable_atoms import NO_FILTER, searchable_ids
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import Conflict, Invalid, NotFound
from hartonomous_service.inferences import MAX_ANSWER_BYTES, InferenceRecord, record_inference, record_lines
from hartonomous_service.recorded_inferences import list_inferences, show_inference
from tests.builders import broken_invariants, receive_all, write
from tests.contract.conftest import database, home, make_home, store
from tests.processes import in_processes

__all__ = ["database", "home", "make_home", "store"]

FOG, LANTERN = "The harbour lay under fog.", "A lantern swung above the door."
ANSWER = "Fog lay over the harbour, and a lantern above the door."


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def record(home: Resources, *, tenant: int = 0, **fields: Any) -> dict[str, Any]:
    given = {"model": "writer-7b", "task": "answer", "input_atoms": [hash_of(FOG)], "tenant_id": tenant, **fields}
    return record_inference(home, InferenceRecord(**given))


def events(home: Resources) -> list[dict[str, Any]]:
    """The inference events that wait, taken off the queue."""
    bodies = [json.loads(message.body) for message in receive_all(home.database, PROVENANCE_QUEUE)]
    return [body for body in bodies if body["eventType"] == "InferenceCompleted"]


def atom_of(home: Resources, text: str, tenant: int = 0) -> Row | None:
    """The atom of a text, as a search would describe it."""
    digest = bytes.fromhex(hash_of(text))
    with home.database.read() as unit_of_work:
        found = unit_of_work.query("atom_by_hash", tenant_id=tenant, content_hash=digest)
        ids = json.dumps([row["atomId"] for row in found])
        return next(iter(unit_of_work.query("atoms_by_id", atom_ids=ids)), None)


def jobs(home: Resources) -> list[Row]:
    with home.database.read() as unit_of_work:
        return unit_of_work.query("jobs", tenant_id=None, job_id=None, status=None, after=None, n=100)


# ---- what is recorded


def test_an_inference_is_recorded_and_announced_as_the_design_says(home: Resources) -> None:
    write(home.database, FOG)
    receive_all(home.database, PROVENANCE_QUEUE)

    recorded = record(
        home,
        input_atoms=[hash_of(FOG).upper(), hash_of(LANTERN)],
        output_texts=[ANSWER],
        inference_id="answer-1",
        started_at="2026-11-23T10:44:16.5+01:00",
        duration_ms=812,
        metadata={"temperature": 0.2, "user": None},
        tenant=0,
    )

    inputs, outputs = [hash_of(FOG), hash_of(LANTERN)], [hash_of(ANSWER)]
    assert recorded == {
        "inferenceId": "answer-1",
        "model": "writer-7b",
        "task": "answer",
        "inputAtoms": inputs,
        "outputAtoms": outputs,
        "unknownAtoms": [hash_of(LANTERN)],
    }
    [event] = events(home)
    assert event == {
        "eventType": "InferenceCompleted",
        "inferenceId": "answer-1",
        "tenantId": 0,
        "model": "writer-7b",
        "task": "answer",
        "inputAtoms": inputs,
        "outputAtoms": outputs,
        "startedAt": "2026-11-23T09:44:16.500Z",
        "durationMs": 812,
    }
    parse_provenance_event(json.dumps(event).encode())
    shown = show_inference(home, "answer-1")
    assert shown["metadata"] == {"temperature": 0.2, "user": None}
    assert [(atom["text"], atom["isHere"]) for atom in shown["inputAtoms"]] == [(FOG, True), (None, False)]
    assert [atom["text"] for atom in shown["outputAtoms"]] == [ANSWER]


def test_an_inference_without_an_id_gets_one(home: Resources) -> None:
    first, second = record(home), record(home)

    assert first["inferenceId"] != second["inferenceId"]
    assert {event["inferenceId"] for event in events(home)} == {first["inferenceId"], second["inferenceId"]}


def test_a_time_may_be_given_as_a_datetime(home: Resources) -> None:
    zone = timezone(timedelta(hours=-5))

    record(home, inference_id="it", started_at=datetime(2026, 11, 23, 4, 44, 16, tzinfo=zone))

    assert show_inference(home, "it")["startedAt"] == "2026-11-23T09:44:16.000Z"


def test_recording_again_changes_nothing(home: Resources) -> None:
    fields: dict[str, Any] = {"inference_id": "it", "output_texts": [ANSWER], "duration_ms": 5, "metadata": {"a": 1}}
    first = record(home, **fields)
    shown, before = show_inference(home, "it"), len(events(home))

    again = [record(home, **fields) for _ in range(4)]

    assert again == [first] * 4
    assert show_inference(home, "it") == shown
    assert (before, events(home)) == (1, [])
    assert len(jobs(home)) == 1


def test_the_answer_may_be_added_to_what_retrieval_recorded(home: Resources) -> None:
    record(home, inference_id="it", task=None, input_atoms=[hash_of(FOG), hash_of(LANTERN)])
    events(home)

    completed = record(home, inference_id="it", input_atoms=[], output_texts=[ANSWER], duration_ms=9)

    assert completed["inputAtoms"] == [hash_of(FOG), hash_of(LANTERN)]
    assert completed["outputAtoms"] == [hash_of(ANSWER)]
    [event] = events(home)
    assert (event["inputAtoms"], event["durationMs"], event["task"]) == (completed["inputAtoms"], 9, "answer")


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("model", {"model": "another"}),
        ("task", {"task": "another"}),
        ("inputAtoms", {"input_atoms": [hash_of(LANTERN)]}),
        ("outputAtoms", {"output_texts": ["Another answer."]}),
        ("durationMs", {"duration_ms": 6}),
        ("startedAt", {"started_at": "2026-11-23T09:44:17Z"}),
        ("metadata", {"metadata": {"a": 2}}),
    ],
)
def test_something_else_under_the_same_id_is_refused_and_leaves_no_trace(
    home: Resources, what: str, changed: dict[str, Any]
) -> None:
    fields: dict[str, Any] = {
        "inference_id": "it",
        "output_texts": [ANSWER],
        "duration_ms": 5,
        "started_at": "2026-11-23T09:44:16Z",
        "metadata": {"a": 1},
    }
    record(home, **fields)
    shown, _ = show_inference(home, "it"), events(home)

    with pytest.raises(Conflict, match=f"inference it is recorded already, with another {what}"):
        record(home, **fields | changed)

    assert show_inference(home, "it") == shown
    assert events(home) == []
    assert atom_of(home, "Another answer.") is None


def test_the_same_id_belongs_to_each_tenant_alone(home: Resources) -> None:
    write(home.database, FOG, tenant_id=1)
    record(home, inference_id="it", tenant=1)

    given = [hash_of(LANTERN), hash_of(FOG)]
    other = record(home, inference_id="it", tenant=2, model="another", input_atoms=given, output_texts=[ANSWER])

    assert other["inputAtoms"] == other["unknownAtoms"] == given
    assert show_inference(home, "it", tenant=1)["model"] == "writer-7b"
    assert atom_of(home, ANSWER, tenant=1) is None
    assert [row["inferenceId"] for row in list_inferences(home, tenant=2)["inferences"]] == ["it"]
    with pytest.raises(NotFound, match="inference it is not found"):
        show_inference(home, "it", tenant=0)


def test_the_list_is_the_latest_first_and_counts_what_was_given_and_produced(home: Resources) -> None:
    for n in range(3):
        record(home, inference_id=f"it-{n}", model=f"model-{n % 2}", input_atoms=[hash_of(FOG)] * n)

    listed = list_inferences(home, limit=2)["inferences"]

    assert [(row["inferenceId"], row["inputAtomCount"], row["outputAtomCount"]) for row in listed] == [
        ("it-2", 2, 0),
        ("it-1", 1, 0),
    ]
    assert [row["inferenceId"] for row in list_inferences(home, model="model-0")["inferences"]] == ["it-2", "it-0"]
    assert len(list_inferences(home, tenant=None)["inferences"]) == 3


# ---- answers as atoms


@pytest.mark.parametrize(
    "text", ["Short.", "A longer answer. " * 20, "海は静かだった。"], ids=["short", "long", "other script"]
)
def test_an_answer_becomes_an_atom_that_will_be_embedded(home: Resources, text: str) -> None:
    record(home, output_texts=[text])

    found = atom_of(home, text)
    assert found is not None
    assert (found["modality"], found["subtype"], found["text"]) == ("text", "answer", text)
    assert [(job["atomId"], job["status"]) for job in jobs(home)] == [(found["atomId"], "Pending")]
    with home.database.read() as unit_of_work:
        assert searchable_ids(unit_of_work, [found["atomId"]], 0, NO_FILTER) == {found["atomId"]}
    assert broken_invariants(home.database, "broken_reference_counts", "duplicate_atoms") == {}


def test_an_answer_is_announced_as_an_atom_the_first_time(home: Resources) -> None:
    """By the trigger of what is inserted by hand, and for those who named it while it was something else.

    The second time only SQLite points at it: its trigger cannot tell an insert that finds the row from one that replaces it.
    """
    kinds = []
    for inference in ("first", "second"):
        record(home, output_texts=[ANSWER], inference_id=inference)
        kinds.append([json.loads(m.body)["eventType"] for m in receive_all(home.database, PROVENANCE_QUEUE)])

    first, second = kinds
    assert first == ["AtomsCreated", "AtomsCreated", "InferenceCompleted"]
    assert second in (["InferenceCompleted"], ["AtomsCreated", "InferenceCompleted"])


def test_an_answer_in_the_words_of_a_source_is_that_atom_and_outlives_the_source(home: Resources) -> None:
    source = write(home.database, FOG)
    before = atom_of(home, FOG)

    record(home, output_texts=[FOG])

    assert atom_of(home, FOG) == before
    assert len(jobs(home)) == 1
    with home.database.unit_of_work() as unit_of_work:
        unit_of_work.execute("remove_references", source_ids=json.dumps([source]))
        unit_of_work.execute("delete_source_atoms", source_ids=json.dumps([source]))
        gone = unit_of_work.query("delete_unreferenced_atoms")
    assert gone == []
    assert atom_of(home, FOG) is not None


def test_bytes_first_seen_as_a_chunk_turn_into_text_when_they_are_an_answer(home: Resources) -> None:
    write(home.database, ANSWER.encode())
    assert jobs(home) == []

    record(home, output_texts=[ANSWER])

    found = atom_of(home, ANSWER)
    assert found is not None and (found["modality"], found["text"]) == ("text", ANSWER)
    assert len(jobs(home)) == 1


def record_the_same(index: int, store: Any, folder: Any) -> dict[str, Any]:
    from tests.builders import open_home

    opened = open_home(folder / str(index), store.open())
    try:
        return record(opened, inference_id="it", output_texts=[ANSWER])
    finally:
        opened.database.close()


@pytest.mark.slow
def test_the_same_inference_from_several_processes_at_once_is_one(home: Resources, store: Any, tmp_path: Any) -> None:
    answers = in_processes(4, record_the_same, store, tmp_path)

    assert answers == [answers[0]] * 4
    assert len(events(home)) == 1
    assert len(jobs(home)) == 1


# ---- what is refused


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"model": ""}, "model: "),
        ({"input_atoms": ["abc"]}, "input_atoms.0: 'abc' is not a SHA-256 in hex"),
        ({"output_atoms": ["g" * 64]}, "output_atoms.0: "),
        ({"output_texts": ["  \n"]}, "output_texts: an answer is empty"),
        ({"output_texts": ["x" * (MAX_ANSWER_BYTES + 1)]}, "output_texts: an answer has 65,537 bytes"),
        ({"output_texts": ["\ud800"]}, "not valid as JSON"),
        ({"started_at": "yesterday"}, "started_at: "),
        ({"started_at": "2026-11-23T09:44:16"}, "started_at: .* time zone"),
        ({"duration_ms": -1}, "duration_ms: "),
        ({"inference_id": "x" * 201}, "inference_id: "),
        ({"inference_id": "it "}, "inference_id: an id must not begin or end with white space"),
        ({"metadata": {"score": float("nan")}}, "not valid as JSON"),
        ({"metadata": {"when": datetime(2026, 11, 23)}}, "not valid as JSON"),
    ],
    ids=lambda value: None if isinstance(value, str) else next(iter(value)),
)
def test_what_is_not_valid_is_refused_by_name(home: Resources, fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        record(home, **fields)

    assert list_inferences(home)["inferences"] == []
    assert events(home) == []


# ---- lines


def line(**fields: object) -> str:
    return json.dumps({"model": "writer-7b", "inputAtoms": [hash_of(FOG)], **fields})


def test_good_lines_are_recorded_though_others_are_refused_each_with_its_reason(home: Resources) -> None:
    lines = [
        line(inferenceId="first", outputTexts=[ANSWER]),
        "",
        "{not json",
        "[1, 2]",
        line(input_atoms=[]),
        line(inferenceId="second", task=None),
        line(inferenceId="first", model="another"),
        line(tenantId=7),
        json.dumps({"inputAtoms": []}),
        line(eventType="AtomsCreated"),
    ]

    result = record_lines(home, "\n".join(lines))

    assert [item["inferenceId"] for item in result["recorded"]] == ["first", "second"]
    complaints = {item["line"]: item["error"] for item in result["refused"]}
    assert {number: text.split(":")[0] for number, text in complaints.items()} == {
        3: "not JSON",
        4: "not a JSON object",
        5: "input_atoms",
        7: "inference first is recorded already, with another model; give what was recorded, or another inferenceId",
        8: "tenantId",
        9: "model",
        10: "eventType",
    }
    assert "inputAtoms" in complaints[5]
    assert {event["inferenceId"] for event in events(home)} == {"first", "second"}


def test_one_object_may_take_several_lines(home: Resources) -> None:
    result = record_lines(home, json.dumps(json.loads(line(inferenceId="it")), indent=2))

    assert [item["inferenceId"] for item in result["recorded"]] == ["it"]
    assert result["refused"] == []


def test_an_event_as_it_would_stand_on_the_queue_can_be_recorded(home: Resources) -> None:
    record(home, inference_id="it", tenant=3)
    [event] = events(home)

    result = record_lines(home, json.dumps(event | {"inferenceId": "copy"}), tenant=3)

    assert [item["inferenceId"] for item in result["recorded"]] == ["copy"]


@pytest.mark.parametrize("inside", ["\u2028", "\u2029", "\x85"])
def test_what_only_python_takes_for_a_line_end_cuts_no_record(home: Resources, inside: str) -> None:
    lines = [line(inferenceId=name, task=f"before{inside}after") for name in ("first", "second")]

    result = record_lines(home, "\r\n".join(json.dumps(json.loads(text), ensure_ascii=False) for text in lines))

    assert [(item["inferenceId"], item["task"]) for item in result["recorded"]] == [
        ("first", f"before{inside}after"),
        ("second", f"before{inside}after"),
    ]
    assert result["refused"] == []


def test_a_record_may_spell_its_keys_as_the_net_serializer_does(home: Resources) -> None:
    text = json.dumps(
        {"InferenceId": "it", "Model": "m", "InputAtoms": [hash_of(FOG)], "Metadata": {"Key": 1, "key": 2}}
    )

    assert record_lines(home, text)["refused"] == []
    assert show_inference(home, "it")["metadata"] == {"Key": 1, "key": 2}


@pytest.mark.parametrize(
    "text",
    ['{"model": "m", "Model": "n"}', '{"model": "m", "model": "n"}', '{"model": "m", "metadata": ' + '{"a":' * 5000],
    ids=["two spellings", "twice", "nested"],
)
def test_what_is_read_differently_elsewhere_is_refused(home: Resources, text: str) -> None:
    assert len(record_lines(home, text)["refused"]) == 1


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_nothing_to_record_is_an_error(home: Resources, text: str) -> None:
    with pytest.raises(Invalid, match="nothing to record"):
        record_lines(home, text)
