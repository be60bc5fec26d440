"""The graph as the tables say it: what is a node and what an edge, and how they are found; on every database."""

from collections import Counter
from typing import Any, get_args

import pytest

from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, EdgeView, Way
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.rows.graph_rows import (
    GRAPH_KEYS_BEGINNING,
    GRAPH_NODE_BY_KEY,
)
from hartonomous_resources.database.transactions import query
from tests.builders import HOUR
from tests.contract.graph_tables import (
    ARTIFACT,
    EDGES,
    INFERENCE_HOUR,
    NODES,
    PROJECTION,
    TENANTS,
    Tables,
    of_text,
    two_tenants,
)

WAYS: tuple[Way, ...] = get_args(Way)
WAYS_IN = [(view, way) for view in EDGE_VIEWS for way in WAYS]


def named(view: EdgeView | Label | Way) -> str:
    return view.name if isinstance(view, EdgeView) else str(view)


@pytest.fixture
def tables(database: Database, client: Any) -> Tables:
    return two_tenants(database, client)


# ---- what the views have


@pytest.mark.parametrize("tenant_id", TENANTS)
@pytest.mark.parametrize("label", LABELS)
def test_the_nodes_are_what_is_announced_and_what_was_inserted_by_hand(
    tables: Tables, tenant_id: int, label: Label
) -> None:
    assert Counter(tables.numbers(tenant_id, label).values()) == Counter(NODES[label])


@pytest.mark.parametrize("tenant_id", TENANTS)
@pytest.mark.parametrize("view", EDGE_VIEWS, ids=named)
def test_the_edges_are_each_pair_once_with_what_is_said_of_it(tables: Tables, tenant_id: int, view: EdgeView) -> None:
    starts, ends = tables.numbers(tenant_id, view.start), tables.numbers(tenant_id, view.end)
    fixed = ("TenantId", "FromLabel", "FromNumber", "ToLabel", "ToNumber", "IngestHour", "Since", "Digest")
    found = tables.view(view.name, tenant_id)

    assert {(row["FromLabel"], row["ToLabel"]) for row in found} == {(view.start, view.end)}
    assert len(found) == len(EDGES[view.name])
    assert {
        (starts[row["FromNumber"]], ends[row["ToNumber"]]): {name: row[name] for name in row if name not in fixed}
        for row in found
    } == EDGES[view.name]


def test_nobody_else_has_anything(tables: Tables) -> None:
    for view in [*NODE_VIEWS.values(), *(view.name for view in EDGE_VIEWS)]:
        assert {row["TenantId"] for row in tables.read(f"SELECT TenantId FROM {view}")} == set(TENANTS)


def test_a_node_has_what_its_row_says(tables: Tables) -> None:
    numbers = {label: {name: number for number, name in tables.numbers(7, label).items()} for label in LABELS}
    [source] = tables.read("SELECT * FROM Source WHERE TenantId = 7 AND SourceUri = 'old'")

    def node(label: Label, name: str) -> dict[str, Any]:
        with tables.database.read() as unit_of_work:
            [row] = unit_of_work.graph_nodes(7, label, [numbers[label][name]])
        return {name: value for name, value in row.items() if name not in ("Number", "Digest", "TenantId", "Label")}

    shared = node("Atom", "shared")
    atom_hash = of_text("shared").hex()
    assert (shared.pop("Since"), shared.pop("AtomId")) == (shared.pop("CreatedAt"), numbers["Atom"]["shared"])
    assert shared == {
        "Key": atom_hash,
        "AtomHash": atom_hash,
        "IngestHour": HOUR,
        "Modality": "text",
        "Subtype": "sentence",
        "ContentType": "text/plain",
    }
    assert node("Source", "old") == {
        "Key": str(source["SourceId"]),
        "IngestHour": HOUR,
        "Since": source["ReceivedAt"],
        **{
            name: source[name]
            for name in ("SourceId", "SourceUri", "Version", "ContentType", "ByteLength", "ReceivedAt")
        },
        "ContentHash": of_text("old").hex(),
        "SupersededBy": numbers["Source"]["new"],
    }
    run = {"Key": "run 1", "IngestHour": None, "Since": None, "RunId": "run 1"}
    assert node("Run", "run 1") == run
    model = {
        "IngestHour": None,
        "Since": None,
        "Kind": None,
        "ModelId": None,
        "ProjectionModelId": None,
        "Precision": None,
    }
    unknown = {**model, "Key": "writer", "Name": "writer", "ArtifactHash": None, "Dimension": None}
    assert node("Model", "writer") == unknown
    embeds = node("Model", ARTIFACT)
    assert (embeds["Kind"], embeds["Name"], embeds["Precision"], embeds["Dimension"], embeds["ArtifactHash"]) == (
        "embedding",
        "small",
        "fp32",
        1,
        ARTIFACT,
    )
    projects = node("Model", PROJECTION)
    assert (projects["Kind"], projects["Name"], projects["ModelId"]) == ("projection", "landmark", None)
    assert node("Inference", "inference 1") == {
        "Key": "inference 1",
        "IngestHour": INFERENCE_HOUR,
        "Since": "2026-11-23T11:30:00.000Z",
        "InferenceId": "inference 1",
        "Model": "writer",
        "Task": None,
        "StartedAt": None,
        "DurationMs": 5,
        "CreatedAt": "2026-11-23T11:30:00.000Z",
    }
    assert node("Tenant", "itself") == {"Key": "7", "IngestHour": None, "Since": None}


def test_a_source_that_is_announced_comes_with_all_that_it_has(tables: Tables) -> None:
    tables.change("UPDATE Source SET Status = 'Atomized', SupersededBy = NULL WHERE SourceUri = 'half written'")

    assert set(tables.numbers(0, "Atom").values()) - NODES["Atom"] == {"of the half"}
    assert set(tables.numbers(0, "Run").values()) - NODES["Run"] == {"run 4"}
    derived = len(tables.view("Atom_DERIVED_FROM_Atom", 0))
    embedded = len(tables.view("Atom_EMBEDDED_BY_Model", 0))
    assert (derived, embedded) == (3, 3)
    assert len(tables.view("Inference_USED_ATOM_Atom", 0)) == 2


# ---- how they are found


@pytest.mark.parametrize(("view", "way"), WAYS_IN, ids=named)
def test_what_edges_lead_to_is_found_from_either_end(tables: Tables, view: EdgeView, way: Way) -> None:
    here, there = ("FromNumber", "ToNumber") if way == "upstream" else ("ToNumber", "FromNumber")
    found = tables.view(view.name, 0)
    assert found
    numbers = [*tables.numbers(0, view.here(way)), 1_000_000_000]
    with tables.database.read() as unit_of_work:
        for number in numbers:
            expected = sorted({row[there] for row in found if row[here] == number})
            assert unit_of_work.graph_ends(0, view, way, [number]) == expected
        everything = sorted({row[there] for row in found})
        assert unit_of_work.graph_ends(0, view, way, numbers) == everything
        assert unit_of_work.graph_ends(0, view, way, []) == []
        assert unit_of_work.graph_ends(7, view, way, numbers) == ([] if view.here(way) not in ("Run", "Model") else [
            *sorted({row[there] for row in tables.view(view.name, 7)})
        ])  # fmt: skip
        few = everything[::2]
        among = unit_of_work.graph_edges(0, view, way, numbers, among=few)
        assert sorted(row[there] for row in among) == sorted(row[there] for row in found if row[there] in few)
        bounded = unit_of_work.graph_edges(0, view, way, numbers, after=few[0], until=few[-1], among=everything)
        assert {row[there] for row in bounded} == {each for each in everything if few[0] < each <= few[-1]}
        assert unit_of_work.graph_edges(0, view, way, numbers, among=[]) == []
        edges = unit_of_work.graph_edges(0, view, way, numbers)
        assert sorted(map(repr, map(dict, edges))) == sorted(map(repr, found))


def test_what_edges_lead_to_is_read_in_parts(tables: Tables) -> None:
    [view] = [view for view in EDGE_VIEWS if view.name == "Atom_INGESTED_FROM_Source"]
    sources = list(tables.numbers(0, "Source"))
    with tables.database.read() as unit_of_work:
        ends = unit_of_work.graph_ends(0, view, "downstream", sources)
        assert len(ends) == 4
        for limit in range(5):
            assert unit_of_work.graph_ends(0, view, "downstream", sources, limit=limit) == ends[:limit]
        after = unit_of_work.graph_ends(0, view, "downstream", sources, after=ends[0], until=ends[2], limit=9)
        assert after == ends[1:3]


def test_what_came_later_is_not_followed(tables: Tables) -> None:
    tables.change("UPDATE Source SET ReceivedAt = '2026-11-23T09:00:00.000Z' WHERE SourceUri = 'old'")
    tables.change("UPDATE Source SET ReceivedAt = '2026-11-23T10:00:00.000Z' WHERE SourceUri = 'new'")
    [view] = [view for view in EDGE_VIEWS if view.name == "Atom_INGESTED_FROM_Source"]
    names = tables.numbers(0, "Source")
    shared = tables.atom_id(0, "shared")

    def known(as_of: str) -> set[str]:
        with tables.database.read() as unit_of_work:
            ends = unit_of_work.graph_ends(0, view, "upstream", [shared], as_of=as_of)
            edges = unit_of_work.graph_edges(0, view, "upstream", [shared], as_of=as_of)
        assert [edge["ToNumber"] for edge in edges] == ends
        return {names[end] for end in ends}

    assert known("2026-11-23T08:59:59.999Z") == set()
    assert known("2026-11-23T09:00:00.000Z") == {"old"}
    assert known("2026-11-23T10:00:00.000Z") == {"old", "new"}


def test_more_nodes_than_a_statement_binds_are_found_together(database: Database, client: Any) -> None:
    tables = Tables(database, client)
    texts = [f"text {n}" for n in range(1_100)]
    source_id = tables.source(0, "many", "Atomized", *texts)
    ids = list(tables.numbers(0, "Atom"))
    [view] = [view for view in EDGE_VIEWS if view.name == "Atom_INGESTED_FROM_Source"]

    with database.read() as unit_of_work:
        assert [row["Number"] for row in unit_of_work.graph_nodes(0, "Atom", ids[::-1])] == sorted(ids)
        assert unit_of_work.graph_ends(0, view, "upstream", ids) == [source_id]
        assert len(unit_of_work.graph_edges(0, view, "upstream", ids)) == len(texts)


@pytest.mark.parametrize("label", LABELS)
def test_a_node_is_found_by_its_key_within_its_tenant(tables: Tables, label: Label) -> None:
    found = tables.view(NODE_VIEWS[label], 7)
    with tables.database.read() as unit_of_work:
        for row in found:
            [node] = unit_of_work.query(GRAPH_NODE_BY_KEY, tenant_id=7, label=label, key=row["Key"])
            assert node == {"number": row["Number"], "since": row["Since"]}
            for other in LABELS:
                elsewhere = unit_of_work.query(GRAPH_NODE_BY_KEY, tenant_id=7, label=other, key=row["Key"])
                assert len(elsewhere) == len(
                    [each for each in tables.view(NODE_VIEWS[other], 7) if each["Key"] == row["Key"]]
                )
            assert unit_of_work.query(GRAPH_NODE_BY_KEY, tenant_id=9, label=label, key=row["Key"]) == []


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "7x",
        " 7",
        "007",
        "+7",
        "7.0",
        "7e0",
        "99999999999999999999",
        "zz" * 32,
        "é" * 64,
        "ab",
        "shared",
        "RUN 1",
        "%",
    ],
)
def test_a_key_that_is_no_nodes_finds_nothing(tables: Tables, label: Label, key: str) -> None:
    assert query(tables.database, GRAPH_NODE_BY_KEY, tenant_id=7, label=label, key=key) == []


@pytest.mark.parametrize("text", ["of the half", "of the lost", "of the landed", "of the erased", " " * 99, "\n"])
def test_an_atom_that_is_no_node_is_not_found_by_its_key(tables: Tables, text: str) -> None:
    key = of_text(text).hex()
    assert query(tables.database, GRAPH_NODE_BY_KEY, tenant_id=0, label="Atom", key=key) == []
    assert query(tables.database, GRAPH_KEYS_BEGINNING, tenant_id=0, label="Atom", prefix=key, n=9) == []


def test_keys_are_found_by_how_they_begin(tables: Tables) -> None:
    def beginning(label: str, prefix: str, n: int = 99, tenant_id: int = 7) -> list[str]:
        found = query(tables.database, GRAPH_KEYS_BEGINNING, tenant_id=tenant_id, label=label, prefix=prefix, n=n)
        return [row["key"] for row in found]

    hashes = sorted(of_text(text).hex() for text in NODES["Atom"])
    assert beginning("Atom", "") == hashes
    assert beginning("Atom", "", 2) == hashes[:2]
    for key in hashes:
        for length in (1, 2, 7, 8, 63, 64):
            assert beginning("Atom", key[:length]) == [each for each in hashes if each.startswith(key[:length])]
    assert beginning("Atom", hashes[0] + "0") == beginning("Atom", "x") == beginning("Atom", "0x") == []
    assert beginning("Run", "run") == ["run 1", "run 2", "run 3"]
    assert beginning("Run", "run", 1) == beginning("Run", "run 1") == ["run 1"]
    assert beginning("Run", "un") == beginning("Run", "run_") == beginning("Run", "run %") == []
    assert beginning("Model", "") == [ARTIFACT, PROJECTION, "writer"]
    assert beginning("Model", "aaaa") == [ARTIFACT]
    assert beginning("Atom", "", tenant_id=9) == beginning("Run", "", tenant_id=9) == []
