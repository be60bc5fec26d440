"""Messages: strict about what is relied on, open to fields that are not known, and never a failure of another kind."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_resources.messages import (
    AtomsEvent,
    InferenceEvent,
    IngestionRequest,
    InvalidMessage,
    atoms_events,
    parse_ingestion_request,
    parse_provenance_event,
)
from tests.builders import request

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
        ({"tenantId": None}, "tenantId: "),
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
        (b"{}", None),
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
