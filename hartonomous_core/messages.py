"""The JSON messages of both queues. Parsing checks every field that we use and ignores those that we do not know.

Keys are read in any letter case, for .NET's serializer writes `TenantId`; a message that names no tenant is tenant 0's.
"""

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hartonomous_core.clock import time_text
from hartonomous_core.json_objects import UnreadableJson, read_object, refuse_what_no_store_holds, with_canonical_keys
from hartonomous_core.limits import INLINE_LIMIT

INGESTION_QUEUE = "IngestionQueue"
PROVENANCE_QUEUE = "ProvenanceQueue"
ATOMS_PER_EVENT = 1000
MAX_INFERENCE_ATOMS = 10_000
"""Atoms that an inference may name in each role: one transaction of the graph takes so many easily."""


class InvalidMessage(ValueError):
    """A message that no retry can mend.

    `tenant_id` is the tenant that it names, if that can be read. `canonical_body` is what it says, in the one form that equal messages
    share, if it could be parsed.
    """

    def __init__(self, reason: str, tenant_id: int | None, *, canonical_body: bytes | None = None) -> None:
        super().__init__(reason)
        self.tenant_id = tenant_id
        self.canonical_body = canonical_body


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True, defer_build=True)  # each command imports them

    tenant_id: Annotated[int, Field(alias="tenantId", strict=True, ge=0, le=2**31 - 1)] = 0

    @classmethod
    def keys(cls) -> list[str]:
        """Return the keys of the message in JSON, as we spell them."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class IngestionRequest(_Message):
    """A request to ingest a file: its bytes inline (base64, up to 1 MiB) or the uri where they lie."""

    source_id: Annotated[int | str | None, Field(alias="sourceId")] = None
    content_type: Annotated[
        str | None, Field(alias="contentType", min_length=3, max_length=255, pattern=r"^[\w.+-]+/[\w.+-]+")
    ] = None
    raw_data: Annotated[bytes | None, Field(alias="rawData")] = None
    uri: Annotated[str | None, Field(min_length=1, max_length=16384)] = None
    source_uri: Annotated[str | None, Field(alias="sourceUri", min_length=1, max_length=16384)] = None
    metadata: dict[str, object] = {}

    @field_validator("raw_data", mode="before")
    @classmethod
    def _decode(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            decoded = base64.b64decode(value, validate=True)
        except ValueError as error:  # binascii.Error, or characters that are not even ASCII
            raise ValueError(f"not base64: {error}") from error
        if len(decoded) > INLINE_LIMIT:
            raise ValueError(f"inline data is limited to {INLINE_LIMIT} bytes; enqueue larger sources by uri")
        return decoded

    @field_validator("uri", "source_uri")
    @classmethod
    def _refuse_nul(cls, value: str | None) -> str | None:
        if value is not None and "\0" in value:
            raise ValueError("a uri must not contain a NUL character")
        return value

    @model_validator(mode="after")
    def _require_one_body(self) -> "IngestionRequest":
        if (self.raw_data is None) == (self.uri is None):
            raise ValueError("exactly one of rawData and uri must be given")
        return self

    def to_body(self) -> bytes:
        """Return the body to put on IngestionQueue; requests that say the same give the same bytes."""
        fields = self.model_dump(by_alias=True, exclude_none=True, exclude={"raw_data"})
        if self.raw_data is not None:
            fields["rawData"] = base64.b64encode(self.raw_data).decode()
        return json.dumps(fields, ensure_ascii=False, sort_keys=True).encode()


Int64 = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""A number that fits a bigint column."""


def _lower_case_hash(value: str) -> str:
    if len(value) != 64 or not all(c in "0123456789abcdefABCDEF" for c in value):
        raise ValueError(f"{value[:80]!r} is not a SHA-256 in hex")
    return value.lower()


AtomsEventType = Literal["AtomsCreated", "AtomsEmbedded", "AtomsProjected"]
AtomHash = Annotated[str, AfterValidator(_lower_case_hash)]
"""SHA-256 in hex, read in either case."""


_ONE_ATOM = "atomId"


class AtomsEvent(_Message):
    """Atoms were created, embedded or projected. The event only points at them: whoever receives it reads the current rows."""

    event_type: Annotated[AtomsEventType, Field(alias="eventType")]
    source_id: Annotated[Int64 | None, Field(alias="sourceId")] = None
    atom_ids: Annotated[list[Int64], Field(alias="atomIds", max_length=ATOMS_PER_EVENT)] = []
    run_id: Annotated[str | None, Field(alias="runId")] = None

    @model_validator(mode="before")
    @classmethod
    def _accept_one_atom_form(cls, value: object) -> object:
        # The .NET workers sent one AtomId in each event, and no type when they knew only one.
        if not isinstance(value, dict) or _ONE_ATOM not in value:
            return value
        return {"eventType": "AtomsCreated", "atomIds": [value[_ONE_ATOM]], **value}


class DeletionEvent(_Message):
    """Atoms were deleted. Their nodes must go too, unless the same content has come back since."""

    event_type: Annotated[Literal["AtomsDeleted"], Field(alias="eventType")]
    atom_hashes: Annotated[list[AtomHash], Field(alias="atomHashes", max_length=ATOMS_PER_EVENT)]


def _at_most(units: int) -> AfterValidator:
    """Limit a text to so many UTF-16 units, as nvarchar counts them: SQL Server would silently cut off what is longer."""

    def check(value: str) -> str:
        if len(value.encode("utf-16-le")) > 2 * units:
            raise ValueError(f"it has more than {units} characters (an emoji counts as two)")
        return value

    return AfterValidator(check)


def _refuse_outer_space(value: str) -> str:
    if value != value.strip():
        raise ValueError("an id must not begin or end with white space")
    return value


InferenceId = Annotated[str, Field(min_length=1), _at_most(200), AfterValidator(_refuse_outer_space)]
"""Ids are compared byte by byte. SQL Server ignores spaces at the end and SQLite does not, so outer spaces are refused."""


class InferenceEvent(_Message):
    """An inference was made from atoms and produced atoms; hashes are hex in either case."""

    event_type: Annotated[Literal["InferenceCompleted"], Field(alias="eventType")]
    inference_id: Annotated[InferenceId, Field(alias="inferenceId")]
    model: Annotated[str, Field(min_length=1), _at_most(500)]
    task: str | None = None
    input_atoms: Annotated[list[AtomHash], Field(alias="inputAtoms", max_length=MAX_INFERENCE_ATOMS)] = []
    output_atoms: Annotated[list[AtomHash], Field(alias="outputAtoms", max_length=MAX_INFERENCE_ATOMS)] = []
    started_at: Annotated[str | None, Field(alias="startedAt", max_length=64)] = None
    duration_ms: Annotated[int | None, Field(alias="durationMs", ge=0, le=2**63 - 1)] = None

    @field_validator("started_at")
    @classmethod
    def _to_utc(cls, value: str | None) -> str | None:
        if value is None:
            return None
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(f"{value!r} does not say in which time zone; write it as in 2026-11-23T09:44:16Z")
        try:
            return time_text(moment)
        except OverflowError as error:  # of the year 1, in a zone east of Greenwich
            raise ValueError(f"{value!r} is out of range") from error


ProvenanceEvent = AtomsEvent | DeletionEvent | InferenceEvent
_EVENT_TYPES: dict[object, type[AtomsEvent] | type[DeletionEvent] | type[InferenceEvent]] = {
    "InferenceCompleted": InferenceEvent,
    "AtomsDeleted": DeletionEvent,
}
_EVENT_KEYS = [_ONE_ATOM, *AtomsEvent.keys(), *DeletionEvent.keys(), *InferenceEvent.keys()]


def parse_ingestion_request(body: bytes) -> IngestionRequest:
    """Parse the body of a message on IngestionQueue.

    Raises InvalidMessage, saying which field is wrong.
    """
    document = _read(body, IngestionRequest.keys())
    try:
        return IngestionRequest.model_validate(document)
    except ValidationError as error:
        raise InvalidMessage(first_problem(error), _tenant_of(document)) from error


def parse_provenance_event(body: bytes) -> ProvenanceEvent:
    """Parse the body of a message on ProvenanceQueue.

    Raises InvalidMessage, saying which field is wrong.
    """
    document = _read(body, _EVENT_KEYS)
    name = document.get("eventType")
    kind = _EVENT_TYPES.get(name, AtomsEvent) if isinstance(name, str) else AtomsEvent
    if isinstance(name, str) and name not in (*_EVENT_TYPES, *get_args(AtomsEventType)):
        known = ", ".join([*get_args(AtomsEventType), *map(str, _EVENT_TYPES)])
        raise InvalidMessage(f"eventType: it is none of {known}", _tenant_of(document))
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise InvalidMessage(first_problem(error), _tenant_of(document)) from error


def atoms_events(
    event_type: AtomsEventType,
    tenant_id: int,
    atom_ids: Sequence[int],
    source_id: int | None = None,
    run_id: str | None = None,
) -> Iterator[tuple[str, bytes]]:
    """Make messages, ready to enqueue, that point at these atoms, at most 1,000 each. Without atoms, one still points at the source."""
    for start in range(0, max(1, len(atom_ids)), ATOMS_PER_EVENT):
        fields: dict[str, object] = {"eventType": event_type, "tenantId": tenant_id}
        if source_id is not None:
            fields["sourceId"] = source_id
        fields["atomIds"] = list(atom_ids[start : start + ATOMS_PER_EVENT])
        if run_id is not None:
            fields["runId"] = run_id
        yield str(tenant_id), json.dumps(fields).encode()


def deletion_events(tenant_id: int, atom_hashes: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Make messages, ready to enqueue, that name deleted atoms, at most 1,000 each."""
    for start in range(0, len(atom_hashes), ATOMS_PER_EVENT):
        hashes = list(atom_hashes[start : start + ATOMS_PER_EVENT])
        fields = {"eventType": "AtomsDeleted", "tenantId": tenant_id, "atomHashes": hashes}
        yield str(tenant_id), json.dumps(fields).encode()


def tenant_of(body: bytes) -> int | None:
    """Return the tenant that a message names, or None where that cannot be read."""
    try:
        return _tenant_of(_read(body, _Message.keys()))
    except InvalidMessage as error:
        return error.tenant_id


def _read(body: bytes, keys: Sequence[str]) -> dict[str, object]:
    try:
        document = with_canonical_keys(read_object(body), keys)
    except UnreadableJson as error:
        raise InvalidMessage(str(error), None) from error
    try:
        refuse_what_no_store_holds(document)
    except UnreadableJson as error:
        raise InvalidMessage(str(error), _tenant_of(document)) from error
    return document


def _tenant_of(document: dict[str, object]) -> int | None:
    tenant = document.get("tenantId", 0)
    return tenant if type(tenant) is int and 0 <= tenant < 2**31 else None


def first_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong, in one sentence that names the field and quotes nothing of the input."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
