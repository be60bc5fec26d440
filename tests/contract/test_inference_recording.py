"""One rule for recording an inference, whether a call or an event tells of it."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from hartonomous_assets.provenance import take_in
from hartonomous_core.messages import PROVENANCE_QUEUE, InvalidMessage
from hartonomous_resources.database.protocol import Message
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.inference_recording import read_inference
from hartonomous_service import inferences
from hartonomous_service.errors import Conflict

FOG, LANTERN = (hashlib.sha256(text).hexdigest() for text in (b"fog", b"lantern"))
ALL: dict[str, Any] = {
    "model": "writer-7b",
    "task": "answer",
    "inputAtoms": [FOG],
    "outputAtoms": [LANTERN, FOG],
    "startedAt": "2026-11-23T09:44:16.123Z",
    "durationMs": 5,
}
OTHER: dict[str, Any] = {
    "model": "another",
    "task": "another",
    "inputAtoms": [FOG, LANTERN],
    "outputAtoms": [FOG, LANTERN],
    "startedAt": "2026-11-23T09:44:17.000Z",
    "durationMs": 0,
}


def by_call(home: Resources, tenant: int, fields: dict[str, Any]) -> None:
    record = inferences.InferenceRecord.model_validate({"inferenceId": "it", "tenantId": tenant, **fields})
    inferences.record_inference(home, record)


def by_event(home: Resources, tenant: int, fields: dict[str, Any]) -> None:
    body = {"eventType": "InferenceCompleted", "inferenceId": "it", "tenantId": tenant, **fields}
    with home.database.unit_of_work() as unit_of_work:
        take_in(unit_of_work, Message(1, "message", PROVENANCE_QUEUE, "0", json.dumps(body).encode(), 0))


Tell = Callable[[Resources, int, dict[str, Any]], None]
told_by = pytest.mark.parametrize("tell", [by_call, by_event])


def recorded(home: Resources, tenant: int = 0) -> dict[str, Any]:
    with home.database.read() as unit_of_work:
        return {name: value for name, value in read_inference(unit_of_work, tenant, "it").items() if name in ALL}


@told_by
@pytest.mark.parametrize("later", [by_call, by_event])
def test_what_was_not_told_of_yet_is_added_and_what_was_stays(home: Resources, tell: Tell, later: Tell) -> None:
    tell(home, 0, {"model": ALL["model"], "inputAtoms": ALL["inputAtoms"]})
    later(home, 0, ALL)
    complete = recorded(home)

    tell(home, 0, {"model": ALL["model"]})
    later(home, 0, ALL)

    assert complete == recorded(home) == ALL


@told_by
@pytest.mark.parametrize("field", OTHER)
def test_what_differs_is_refused_by_name_and_nothing_of_it_is_kept(home: Resources, tell: Tell, field: str) -> None:
    tell(home, 0, {name: value for name, value in ALL.items() if field == "task" or name != "task"})
    before = recorded(home)

    with pytest.raises((Conflict, InvalidMessage), match=f"inference it is recorded already, with another {field}"):
        tell(home, 0, {**ALL, "task": "told of too late", field: OTHER[field]})

    assert recorded(home) == before


@told_by
def test_an_id_belongs_to_each_tenant_alone(home: Resources, tell: Tell) -> None:
    tell(home, 1, ALL)
    tell(home, 2, OTHER)

    assert (recorded(home, 1), recorded(home, 2), recorded(home, 3)) == (ALL, OTHER, {})
