"""Messages: strict about what is relied on, open to fields that are not known, and never a failure of another kind."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.json_objects import MAX_DEPTH
from hartonomous_core.messages import (
    AtomsEvent,
    InferenceEvent,
    IngestionRequest,
    InvalidMessage,
    atoms_events,
    parse_ingestion_request,
    parse_provenance_event,
)
from tests.builders import request, without

HASH = "ab" * 32
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
REPEATABLE = settings(max_examples=150, derandomize=True, database=None, deadline=None)


@REPEATABLE
@given(
    tenant_id=st.integers(0, 2**31 - 1),
    source_id=st.none() | st.integers(0) | TEXT,
    raw_data=st.binary(max_size=200),
    source_uri=st.none() | TEXT,
    metadata=st.dictionaries(TEXT, TEXT | st.integers(), max_size=3),
)
def test_a_request_written_and_read_again_is_the_same(**fields: Any) -> None:
    original = IngestionRequest(**fields, content_type="text/plain")

    assert parse_ingestion_request(original.to_body()) == original


def test_a_request_by_uri_written_and_read_again_is_the_same() -> None:
    original = IngestionRequest(tenant_id=1, uri="file:///ä b.txt")

    assert parse_ingestion_request(original.to_body()) == original
    assert json.loads(original.to_body()) == {"tenantId": 1, "uri": "file:///ä b.txt", "metadata": {}}


def test_inline_data_is_base64() -> None:
    assert parse_ingestion_request(request(rawData=base64.b64encode(b"\x00\xff").decode())).raw_data == b"\x00\xff"


NET_REQUEST = (
    b'{"SourceId":5,"ContentType":"text/plain","RawData":"SGk\\u002B","Uri":null,"Metadata":null,"TenantId":null}'
)
"""As System.Text.Json writes it: null for what is not set, and a plus of base64 as an escape."""


def test_a_request_as_the_net_serializer_writes_it_is_read_for_tenant_0() -> None:
    assert parse_ingestion_request(NET_REQUEST) == IngestionRequest(
        tenant_id=0, source_id=5, content_type="text/plain", raw_data=base64.b64decode("SGk+")
    )


def spelled_otherwise(fields: dict[str, Any], spell: Callable[[str], str]) -> bytes:
    return json.dumps({spell(name): value for name, value in fields.items()}).encode()


SPELLINGS: list[Callable[[str], str]] = [str.upper, str.lower, str.swapcase, lambda name: name[0].upper() + name[1:]]
REQUESTS: list[dict[str, Any]] = [
    {"tenantId": 7, "sourceId": 5, "contentType": "text/plain", "rawData": "SGk=", "sourceUri": "mail:5"},
    {"tenantId": 7, "uri": "/a", "metadata": {"From": "a", "from": "b", "tenantId": 9}},
]
EVENTS: list[dict[str, Any]] = [
    {"eventType": "AtomsCreated", "tenantId": 7, "sourceId": 1, "atomIds": [1, 2], "runId": "run"},
    {"eventType": "AtomsEmbedded", "tenantId": 7, "atomIds": [1, 2], "runId": "run"},
    {"eventType": "AtomsProjected", "tenantId": 7, "atomIds": [1, 2], "runId": "run"},
    {"eventType": "AtomsDeleted", "tenantId": 7, "atomHashes": [HASH]},
    {"eventType": "AtomsCreated", "tenantId": 7, "sourceId": 1, "atomId": 42},
    {
        "eventType": "InferenceCompleted", "tenantId": 7, "inferenceId": "i", "model": "m", "task": "t", "inputAtoms": [HASH],
        "outputAtoms": [HASH], "startedAt": "2026-11-23T09:44:16.1234567Z", "durationMs": 12,
    },
]  # fmt: skip


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("fields", REQUESTS)
def test_keys_of_a_request_are_read_in_any_letter_case(fields: dict[str, Any], spell: Callable[[str], str]) -> None:
    assert parse_ingestion_request(spelled_otherwise(fields, spell)) == IngestionRequest.model_validate(fields)


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("fields", EVENTS)
def test_keys_of_an_event_are_read_in_any_letter_case(fields: dict[str, Any], spell: Callable[[str], str]) -> None:
    event = parse_provenance_event(spelled_otherwise(fields, spell))

    assert event == parse_provenance_event(json.dumps(fields).encode())
    assert event.tenant_id == 7


@pytest.mark.parametrize("fields", EVENTS)
def test_an_event_without_a_tenant_is_of_tenant_0(fields: dict[str, Any]) -> None:
    assert parse_provenance_event(json.dumps(without(fields, "tenantId")).encode()).tenant_id == 0


def test_metadata_keeps_its_keys_and_what_they_hold() -> None:
    metadata = {"From": "a", "from": "b", "TenantId": 9, "nothing": None, "deep": {"SourceUri": None}}

    assert parse_ingestion_request(request(uri="/a", Metadata=metadata)).metadata == metadata


@pytest.mark.parametrize("body", [b'{"tenantId": 0, "TenantId": 7, "uri": "/a"}', b'{"uri": "/a", "URI": null}'])
def test_keys_that_differ_only_in_letter_case_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage, match="is given more than once"):
        parse_ingestion_request(body)


@pytest.mark.parametrize(
    "body", [b'{"uri": "/a", "uri": "/b"}', b'{"uri": "/a", "metadata": {"b": [{"c": 1, "c": 2}]}}']
)
def test_a_key_twice_in_one_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage, match="twice"):
        parse_ingestion_request(body)


def test_letters_that_only_python_takes_for_the_same_are_no_spelling() -> None:
    kelvin = "tas\N{KELVIN SIGN}"

    assert parse_provenance_event(json.dumps({**EVENTS[-1], "task": None, kelvin: "other"}).encode()).task is None  # type: ignore[union-attr]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_message_in_the_encodings_of_windows_is_read(encoding: str) -> None:
    assert parse_ingestion_request('{"uri": "/ä"}'.encode(encoding)).uri == "/ä"


def nested(levels: int) -> bytes:
    return b'{"uri": "/a", "metadata": {"a": %s%s}}' % (b"[" * (levels - 2), b"]" * (levels - 2))


def test_a_message_may_be_nested_as_deeply_as_every_store_can_read() -> None:
    assert parse_ingestion_request(nested(MAX_DEPTH)).metadata


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 900, 5000, 500_000])
def test_a_message_that_is_nested_too_deeply_is_refused(levels: int) -> None:
    with pytest.raises(InvalidMessage, match=r"nested|JSON"):
        parse_ingestion_request(nested(levels))


def test_a_number_that_is_longer_than_python_reads_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="JSON"):
        parse_ingestion_request(b'{"uri": "/a", "metadata": {"n": %s}}' % (b"9" * 5000))


def test_unknown_fields_are_ignored() -> None:
    assert parse_ingestion_request(request(uri="/a", priority=7)).uri == "/a"


def test_inline_data_may_have_1_mib() -> None:
    content = bytes(range(256)) * 4096

    assert parse_ingestion_request(request(rawData=content)).raw_data == content


@pytest.mark.parametrize("excess", [1, 2, 3, 1_000_000])
def test_inline_data_above_1_mib_is_refused_with_the_way_out(excess: int) -> None:
    with pytest.raises(InvalidMessage, match="by uri"):
        parse_ingestion_request(request(rawData=bytes(1024 * 1024 + excess)))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"tenantId": -1}, "tenantId: "),
        ({"tenantId": 2**31}, "tenantId: "),
        ({"tenantId": 1.5}, "tenantId: "),
        ({"tenantId": True}, "tenantId: "),
        ({"uri": ""}, "uri: "),
        ({"uri": "a\0b"}, "uri: "),
        ({"uri": 5}, "uri: "),
        ({"uri": "x" * 16385}, "uri: "),
        ({"sourceUri": ""}, "sourceUri: "),
        ({"sourceUri": "\0"}, "sourceUri: "),
        ({"contentType": "text"}, "contentType: "),
        ({"contentType": ""}, "contentType: "),
        ({"metadata": [1]}, "metadata: "),
        ({"sourceId": []}, "sourceId"),
        ({"uri": None}, "exactly one of rawData and uri must be given"),
        ({"rawData": "YQ=="}, "exactly one of rawData and uri must be given"),
        ({"uri": None, "rawData": "a"}, "rawData: not base64"),
        ({"uri": None, "rawData": "YQ== "}, "rawData: not base64"),
        ({"uri": None, "rawData": "ä"}, "rawData: "),
        ({"uri": None, "rawData": 1}, "rawData: "),
    ],
)
def test_a_request_with_a_wrong_field_is_refused_by_its_name(fields: dict[str, object], complaint: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        parse_ingestion_request(request(**{"uri": "/a", **fields}))

    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(
    ("body", "tenant"),
    [
        (b'{"tenantId": 7}', 7),
        (b'{"tenantId": -7}', None),
        (b'{"tenantId": "7"}', None),
        (b'{"tenantId": true}', None),
        (b'{"TENANTID": 7}', 7),
        (b'{"tenantId": 7, "TenantId": 8}', None),
        (b"{}", 0),
        (b'{"tenantId": null}', 0),
        (b"[7]", None),
        (b'{"tenantId": 7', None),
    ],
)
def test_a_refused_message_keeps_its_tenant_where_that_can_be_read(body: bytes, tenant: int | None) -> None:
    with pytest.raises(InvalidMessage) as refused:
        parse_ingestion_request(body)

    assert refused.value.tenant_id == tenant


@REPEATABLE
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_no_message_is_refused_as_one(body: bytes) -> None:
    for parse in (parse_ingestion_request, parse_provenance_event):
        with pytest.raises(InvalidMessage):
            parse(body)


@REPEATABLE
@given(
    st.fixed_dictionaries(
        {"tenantId": st.just(0) | JSON},
        optional={name: JSON for name in ("sourceId", "uri", "rawData", "contentType", "sourceUri", "metadata")},
    )
)
def test_a_request_is_read_or_refused_whatever_its_fields_hold(fields: dict[str, object]) -> None:
    try:
        parsed = parse_ingestion_request(json.dumps(fields).encode())
    except InvalidMessage as error:
        assert str(error)
    else:
        assert (parsed.raw_data is None) != (parsed.uri is None)


@pytest.mark.parametrize("content", [b'"\\ud800"', b'{"a": NaN}', b'{"a": 1e999}', b'{"a": -Infinity}'])
def test_what_no_database_can_hold_is_refused(content: bytes) -> None:
    field = b"sourceId" if content.startswith(b'"') else b"metadata"

    with pytest.raises(InvalidMessage, match=field.decode()):
        parse_ingestion_request(b'{"tenantId": 0, "uri": "/a", "%s": %s}' % (field, content))


def test_atoms_events_point_at_every_atom_once_at_most_a_thousand_each() -> None:
    ids = list(range(2500))

    events = [
        parse_provenance_event(body) for _, body in atoms_events("AtomsCreated", 3, ids, source_id=9, run_id="run")
    ]

    assert [len(event.atom_ids) for event in events if isinstance(event, AtomsEvent)] == [1000, 1000, 500]
    assert [n for event in events if isinstance(event, AtomsEvent) for n in event.atom_ids] == ids
    assert {(event.event_type, event.tenant_id) for event in events} == {("AtomsCreated", 3)}
    assert {(event.source_id, event.run_id) for event in events if isinstance(event, AtomsEvent)} == {(9, "run")}


def test_an_event_with_more_than_a_thousand_atoms_is_refused() -> None:
    body = json.dumps({"eventType": "AtomsEmbedded", "tenantId": 0, "atomIds": list(range(1001))}).encode()

    with pytest.raises(InvalidMessage, match="atomIds"):
        parse_provenance_event(body)


def test_an_event_of_an_unknown_type_is_refused() -> None:
    with pytest.raises(InvalidMessage, match="eventType"):
        parse_provenance_event(b'{"eventType": "AtomsLost", "tenantId": 0}')


@pytest.mark.parametrize("digest", [HASH.upper(), HASH.lower()])
def test_the_one_atom_form_of_the_net_workers_is_accepted(digest: str) -> None:
    body = {
        "AtomHash": digest,
        "AtomId": 42,
        "ContentType": "text/sentence",
        "CreatedAt": "2026-11-23T09:00:00Z",
        "SourceId": 7,
    }

    event = parse_provenance_event(json.dumps(body).encode())

    assert event == AtomsEvent(event_type="AtomsCreated", tenant_id=0, source_id=7, atom_ids=[42])


def test_hashes_of_an_inference_are_read_in_either_case_and_kept_in_lower_case() -> None:
    body = {
        "eventType": "InferenceCompleted",
        "inferenceId": "i",
        "tenantId": 1,
        "model": "m",
        "inputAtoms": [HASH.upper()],
        "outputAtoms": [HASH],
        "durationMs": 12,
    }

    event = parse_provenance_event(json.dumps(body).encode())

    assert isinstance(event, InferenceEvent)
    assert (event.input_atoms, event.output_atoms, event.duration_ms) == ([HASH], [HASH], 12)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        *(
            ({"inferenceId": f"{before}i{after}"}, "inferenceId: an id must not begin or end with white space")
            for before, after in (("", " "), (" ", ""), ("", "\u3000"), ("\n", ""))
        ),
        ({"inferenceId": ""}, "inferenceId: "),
        ({"inferenceId": "😀" * 101}, "inferenceId: it has more than 200 characters"),
        ({"model": "😀" * 251}, "model: it has more than 500 characters"),
        ({"startedAt": "yesterday"}, "startedAt: "),
        ({"startedAt": "2026-11-23T09:44:16"}, "startedAt: .* time zone"),
        ({"startedAt": f"2026-11-23T09:44:16.{'1' * 64}Z"}, "startedAt: .* 64 characters"),
        ({"startedAt": "0001-01-01T00:00:00+01:00"}, "startedAt: .* out of range"),
    ],
)
def test_what_sql_server_would_keep_otherwise_than_sqlite_is_refused(fields: dict[str, str], complaint: str) -> None:
    body = {"eventType": "InferenceCompleted", "inferenceId": "i", "tenantId": 1, "model": "m", **fields}

    with pytest.raises(InvalidMessage, match=complaint):
        parse_provenance_event(json.dumps(body).encode())


def test_a_start_is_kept_in_utc() -> None:
    body = {"eventType": "InferenceCompleted", "inferenceId": "😀" * 100, "tenantId": 1, "model": "m"}

    event = parse_provenance_event(json.dumps({**body, "startedAt": "2026-11-23T10:44:16.5+01:00"}).encode())

    assert isinstance(event, InferenceEvent)
    assert event.started_at == "2026-11-23T09:44:16.500Z"


@pytest.mark.parametrize("digest", ["", HASH[:-1], HASH + "0", "g" * 64, "ａ" * 64])
def test_an_inference_that_names_what_is_no_hash_is_refused(digest: str) -> None:
    body = {"eventType": "InferenceCompleted", "inferenceId": "i", "tenantId": 1, "model": "m", "inputAtoms": [digest]}

    with pytest.raises(InvalidMessage, match="SHA-256"):
        parse_provenance_event(json.dumps(body).encode())
