"""Records inferences: the atoms that a model was given, and those that it answered with. Applications record them, lineage reads them.

`recorded_inferences.py` lists and shows them.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    ConfigDict,
    Field,
    JsonValue,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)

from hartonomous_core.clock import time_ordered_uuid
from hartonomous_core.json_objects import (
    UnreadableJson,
    read_json,
    read_object,
    refuse_what_no_store_holds,
    with_canonical_keys,
)
from hartonomous_core.messages import PROVENANCE_QUEUE, InferenceEvent, InferenceId, first_problem
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.inference_recording import RecordedOtherwise, read_inference, write_inference
from hartonomous_service.arguments import Tenant, Text, checked
from hartonomous_service.errors import Conflict, Invalid, ServiceError

MAX_ANSWER_BYTES = 64 * 1024
"""Answers longer than this are not one fragment: they are ingested as sources."""

_STARTED = ("started_at", "startedAt")
MOST_AT_ONCE = 1000
_JSON_SPACE = " \t\r\n"

T = TypeVar("T")


class InferenceRecord(InferenceEvent):
    """An inference to record: the fields of the event, and those that only the tables hold.

    Atoms are named by their SHA-256 in hex; the database need not hold them yet. `output_texts` become atoms of the tenant. `started_at` is
    a datetime or ISO 8601 text, with a zone. Raises Invalid, naming the field as it was given.
    """

    model_config = ConfigDict(extra="forbid")

    event_type: Annotated[Literal["InferenceCompleted"], Field(alias="eventType")] = "InferenceCompleted"
    inference_id: Annotated[InferenceId, Field(alias="inferenceId")] = Field(default_factory=time_ordered_uuid)
    output_texts: Annotated[list[str], Field(alias="outputTexts")] = Field(default_factory=list)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, given: object, read: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            if isinstance(given, dict):
                times = {name: given[name].isoformat() for name in _STARTED if isinstance(given.get(name), datetime)}
                given = {**given, **times}
                refuse_what_no_store_holds(given)
            return read(given)
        except ValidationError as error:
            raise Invalid(_describe_problem(error)) from error
        except (TypeError, ValueError) as error:
            raise Invalid(f"not valid as JSON: {error}") from error

    @field_validator("output_texts")
    @classmethod
    def _require_atom_size(cls, texts: list[str]) -> list[str]:
        for text in texts:
            if not text.strip():
                raise ValueError("an answer is empty")
            if (size := len(text.encode())) > MAX_ANSWER_BYTES:
                raise ValueError(f"an answer has {size:,} bytes, more than {MAX_ANSWER_BYTES:,}; ingest it as a source")
        return texts

    @model_validator(mode="after")
    def _name_answers(self) -> "InferenceRecord":
        self.output_atoms = [*self.output_atoms, *map(_text_hash, self.output_texts)]
        return self

    @property
    def answers(self) -> dict[str, bytes]:
        """The bytes of each answer by its hash."""
        return {_text_hash(text): text.encode() for text in self.output_texts}


@checked
def record_inference(resources: Resources, record: InferenceRecord) -> dict[str, Any]:
    """Record which atoms a model was given and what it produced; lineage then leads from the answer to its sources.

    Recording the same inference again changes nothing; what was not recorded yet (the answer, after the retrieval) may be added
    under its id.

    Returns {"inferenceId", "model", "task", "inputAtoms", "outputAtoms", "unknownAtoms"}; unknown are inputs that the database does not hold.

    Raises Conflict where it differs from what is recorded under this id.
    """
    return transact(resources.database, lambda unit_of_work: _record(unit_of_work, record))


@checked
def record_lines(resources: Resources, text: Text, *, tenant: Tenant = 0) -> dict[str, Any]:
    """Record the inferences in a text, which holds one JSON object, or one a line, in one transaction.

    Returns {"recorded": [as record_inference], "refused": [{"line", "error"}]}: one that is refused does not stop the others.
    """
    return _record_each(resources, "line", _split_objects(text), lambda line: _read(_read_json(line), tenant))


@checked
def record_json(
    resources: Resources, text: Annotated[bytes, Field(strict=True)], *, tenant: Tenant = 0
) -> dict[str, Any]:
    """Record the inference that a JSON object in UTF-8 is, or those of a list of them, up to 1,000, in one transaction.

    Returns of one what `record_inference` does, of a list {"recorded": [as record_inference], "refused": [{"index", "error"}]}.

    Raises Invalid for what is neither, and for one inference Invalid or Conflict.
    """
    try:
        given = read_json(text)
    except UnreadableJson as error:
        raise Invalid(str(error)) from error
    if isinstance(given, dict):
        return record_inference(resources, _read(given, tenant))
    if not isinstance(given, list) or not 0 < len(given) <= MOST_AT_ONCE:
        raise Invalid(f"give one JSON object, or a list of 1 to {MOST_AT_ONCE:,}")
    return _record_each(resources, "index", enumerate(given), lambda one: _read(one, tenant))


def _record_each(
    resources: Resources, number: str, documents: Iterable[tuple[int, T]], read: Callable[[T], InferenceRecord]
) -> dict[str, Any]:
    refused: list[dict[str, Any]] = []
    recordings: list[tuple[int, InferenceRecord]] = []
    for n, document in documents:
        try:
            recordings.append((n, read(document)))
        except ServiceError as error:
            refused.append({number: n, "error": str(error)})

    def record(unit_of_work: UnitOfWork) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        recorded, different = [], []
        for n, recording in recordings:
            try:
                recorded.append(_record(unit_of_work, recording))
            except ServiceError as error:
                different.append({number: n, "error": str(error)})
        return recorded, different

    recorded, different = transact(resources.database, record) if recordings else ([], [])
    return {"recorded": recorded, "refused": sorted(refused + different, key=lambda item: item[number])}


def _text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _split_objects(text: str) -> list[tuple[int, str]]:
    """Split a text into its JSON objects, each with the number of its first line."""
    # A line ends where a file's does: what str.splitlines takes for an end too, such as U+2028, may stand in a JSON string.
    lines = [(n, line) for n, line in enumerate(io.StringIO(text, newline=None), start=1) if line.strip(_JSON_SPACE)]
    if not lines:
        raise Invalid("there is nothing to record: give one JSON object, or one a line")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return lines  # not one object: each line is one, or is refused
    return [(lines[0][0], text)]


def _read_json(text: str) -> dict[str, object]:
    try:
        return read_object(text)
    except UnreadableJson as error:
        raise Invalid(str(error)) from error


def _read(document: object, tenant: int) -> InferenceRecord:
    """Read a document as an inference of this tenant; keys are matched as in every message. Raises Invalid."""
    if not isinstance(document, dict):
        raise Invalid("not a JSON object")
    try:
        given = with_canonical_keys(document, InferenceRecord.keys())
    except UnreadableJson as error:
        raise Invalid(f"not valid as JSON: {error}") from error
    if given.get("tenantId", tenant) != tenant:
        raise Invalid(f"tenantId: {given['tenantId']!r} is not the tenant recorded for, {tenant}")
    return InferenceRecord.model_validate({"tenantId": tenant, **given})


def _describe_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "extra_forbidden":
        known = sorted(InferenceRecord.keys())
        return f"{'.'.join(map(str, first['loc']))}: no such field; there are {', '.join(known)}"
    return first_problem(error)


def _record(unit_of_work: UnitOfWork, recording: InferenceRecord) -> dict[str, Any]:
    try:
        is_new = write_inference(unit_of_work, recording, answers=recording.answers, metadata=recording.metadata)
    except RecordedOtherwise as error:
        raise Conflict(f"{error}; give what was recorded, or another inferenceId") from error
    recorded = read_inference(unit_of_work, recording.tenant_id, recording.inference_id)
    if is_new:
        unit_of_work.enqueue(PROVENANCE_QUEUE, [(str(recording.tenant_id), _build_event(recording, recorded))])
    return {
        "inferenceId": recording.inference_id,
        **{key: recorded[key] for key in ("model", "task", "inputAtoms", "outputAtoms", "unknownAtoms")},
    }


def _build_event(recording: InferenceRecord, recorded: Mapping[str, Any]) -> bytes:
    names = ("model", "task", "inputAtoms", "outputAtoms", "startedAt", "durationMs")
    event = {
        "eventType": recording.event_type,
        "inferenceId": recording.inference_id,
        "tenantId": recording.tenant_id,
        **{name: recorded[name] for name in names if recorded[name] is not None},
    }
    return json.dumps(event, ensure_ascii=False).encode()
