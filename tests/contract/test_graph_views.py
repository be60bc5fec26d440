"""The graph as the tables say it: what is a node and what an edge, how they are found, counted and digested; on every database."""

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, get_args

import pytest

from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, EdgeView, Way
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.rows.graph_rows import (
    GRAPH_COUNTS,
    GRAPH_COUNTS_OF_HOUR,
    GRAPH_DIGESTS,
    GRAPH_KEYS_BEGINNING,
    GRAPH_NODE_BY_KEY,
    GRAPH_NUMBERS_OF_HOUR,
)
from hartonomous_resources.database.rows.inference_rows import insert_inference_atom
from hartonomous_resources.database.transactions import query
from tests.backends import rows
from tests.builders import HOUR, atom, atoms_of, broken_invariants, insert_source

LATER_HOUR = "2026-11-23-10:00"
INFERENCE_HOUR = "2026-11-23-11:00"
TENANTS = (0, 7)
WAYS: tuple[Way, ...] = get_args(Way)
ARTIFACT, PROJECTION = "a" * 64, "b" * 64
GAP_BYTES = b" " * 99

NODES: dict[Label, set[str]] = {
    "Atom": {"shared", "of the old one", "derived", "of the archive", "by hand"},
    "Source": {"archive", "old", "new"},
    "Run": {"run 1", "run 2", "run 3"},
    "Model": {ARTIFACT, PROJECTION, "writer"},
    "Inference": {"inference 1", "inference 2"},
    "Tenant": {"itself"},
}
"""Of each tenant: atoms by their text, sources by their uri, others by their key."""

EDGES: dict[str, dict[tuple[str, str], dict[str, object]]] = {
    "Atom_INGESTED_FROM_Source": {
        ("of the archive", "archive"): {"FirstOrdinal": 0, "Count": 1},
        ("shared", "old"): {"FirstOrdinal": 0, "Count": 1},
        ("of the old one", "old"): {"FirstOrdinal": 1, "Count": 1},
        ("shared", "new"): {"FirstOrdinal": 1, "Count": 2},
        ("derived", "new"): {"FirstOrdinal": 0, "Count": 1},
    },
    "Atom_DERIVED_FROM_Atom": {("derived", "shared"): {}},
    "Source_DERIVED_FROM_Source": {("new", "archive"): {}},
    "Atom_GENERATED_BY_Run": {
        ("of the archive", "run 1"): {},
        ("of the old one", "run 1"): {},
        ("shared", "run 1"): {},
        ("shared", "run 2"): {},
        ("shared", "run 3"): {},
        ("derived", "run 2"): {},
        ("derived", "run 3"): {},
    },
    "Source_GENERATED_BY_Run": {
        ("archive", "run 1"): {},
        ("old", "run 1"): {},
        ("new", "run 2"): {},
        ("new", "run 3"): {},
    },
    "Atom_GENERATED_BY_Inference": {("derived", "inference 1"): {}, ("by hand", "inference 1"): {}},
    "Atom_EMBEDDED_BY_Model": {("shared", ARTIFACT): {"RunId": "run 2"}, ("by hand", ARTIFACT): {"RunId": None}},
    "Atom_PROJECTED_BY_Model": {("shared", PROJECTION): {}},
    "Inference_USED_ATOM_Atom": {("inference 1", "shared"): {"FirstOrdinal": 2}},
    "Inference_PRODUCED_ATOM_Atom": {
        ("inference 1", "derived"): {"FirstOrdinal": 0},
        ("inference 1", "by hand"): {"FirstOrdinal": 1},
    },
    "Inference_USED_MODEL_Model": {("inference 1", "writer"): {}, ("inference 2", ARTIFACT): {}},
    "Source_BELONGS_TO_Tenant": {("archive", "itself"): {}, ("old", "itself"): {}, ("new", "itself"): {}},
    "Source_SUPERSEDES_Source": {("new", "old"): {}},
}
WAYS_IN = [(view, way) for view in EDGE_VIEWS for way in WAYS]


def named(view: EdgeView | Label | Way) -> str:
    return view.name if isinstance(view, EdgeView) else str(view)


def of_text(text: str) -> bytes:
    return sha256(text.encode()).digest()


@dataclass(frozen=True)
class Tables:
    """A store, and the rows that a tenant has in it."""

    database: Database
    client: Any

    def change(self, statement: str, *values: object) -> None:
        self.client.cursor().execute(statement, values)
        self.client.commit()

    def read(self, statement: str, *values: object) -> list[dict[str, Any]]:
        return rows(self.client, statement, *values)

    def view(self, name: str, tenant_id: int) -> list[dict[str, Any]]:
        return self.read(f"SELECT * FROM {name} WHERE TenantId = ?", tenant_id)

    def source(
        self, tenant_id: int, uri: str, status: str, *texts: str, runs: tuple[str, ...] = (), hour: str = HOUR
    ) -> int:
        """Make a source of atoms, and of a gap that everything has, as its runs left it."""
        with self.database.unit_of_work() as unit_of_work:
            source_id = insert_source(unit_of_work, tenant_id, uri, hour)
            gap = atom(GAP_BYTES, ordinal=10_000, modality="text", subtype="gap")
            unit_of_work.write_atoms(tenant_id, source_id, hour, [*atoms_of(*texts), gap])
            for run in runs:
                unit_of_work.execute("record_source_run", source_id=source_id, run_id=run)
        self.change("UPDATE Source SET Status = ?, ContentHash = ? WHERE SourceId = ?", status, of_text(uri), source_id)
        return source_id

    def atom_id(self, tenant_id: int, text: str) -> int:
        [row] = self.read("SELECT AtomId FROM Atom WHERE TenantId = ? AND ContentHash = ?", tenant_id, of_text(text))
        return int(row["AtomId"])

    def by_hand(self, tenant_id: int, text: str, subtype: str = "note") -> None:
        insert = "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, IngestHour) VALUES (?, 'text', ?, ?, ?, ?)"
        self.change(insert, tenant_id, subtype, of_text(text), text, LATER_HOUR)

    def embed(
        self, tenant_id: int, text: str, model_id: int, projection_id: int | None = None, run: str | None = None
    ) -> None:
        position = (0.5, 0.5, 0.5, 1) if projection_id else (None,) * 4
        self.change(
            "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, X, Y, Z, HilbertValue, ProjectionModelId,"
            " IngestHour, RunId, CreatedAt) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, '2026-11-23T11:00:00.000Z')",
            *(self.atom_id(tenant_id, text), tenant_id, model_id, bytes(4), *position, projection_id, HOUR, run),
        )  # fmt: skip

    def space(self, settings: str) -> tuple[int, int]:
        """Make a model and its active projection; returns their ids."""
        self.change(
            "INSERT INTO EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, Settings, Active, CreatedAt)"
            " VALUES ('text', 'small', 1, ?, 'fp32', ?, 0, '2026-11-23T08:00:00.000Z')",
            *(ARTIFACT, settings),
        )
        [model] = self.read("SELECT MAX(ModelId) AS id FROM EmbeddingModel")
        self.change(
            "INSERT INTO ProjectionModel (ModelId, Method, Parameters, TrainedOn, ArtifactHash, Active, CreatedAt)"
            " VALUES (?, 'landmark', '{}', 0, ?, 1, '2026-11-23T08:00:00.000Z')",
            *(model["id"], PROJECTION),
        )
        [projection] = self.read("SELECT MAX(ProjectionModelId) AS id FROM ProjectionModel")
        return model["id"], projection["id"]

    def infer(self, tenant_id: int, name: str, model: str, **named_atoms: list[str]) -> None:
        """Record an inference that names atoms by role."""
        with self.database.unit_of_work() as unit_of_work:
            unit_of_work.execute(
                "record_inference",
                inference_id=name,
                tenant_id=tenant_id,
                model=model,
                task=None,
                started_at=None,
                duration_ms=5,
                metadata="{}",
                now="2026-11-23T11:30:00.000Z",
            )
            unit_of_work.execute_many(
                insert_inference_atom,
                [
                    insert_inference_atom(
                        tenant_id=tenant_id, inference_id=name, role=role, ordinal=ordinal, atom_hash=of_text(text)
                    )
                    for role, texts in named_atoms.items()
                    for ordinal, text in enumerate(texts)
                ],
            )

    def numbers(self, tenant_id: int, label: Label) -> dict[int, str]:
        """What the tests call each node of a label, by number."""
        found = self.view(NODE_VIEWS[label], tenant_id)
        if label == "Atom":
            texts = {row["AtomId"]: row["CanonicalText"] for row in self.read("SELECT AtomId, CanonicalText FROM Atom")}
            return {row["Number"]: texts[row["Number"]] for row in found}
        if label == "Tenant":
            return {row["Number"]: "itself" for row in found}
        return {row["Number"]: row["SourceUri" if label == "Source" else "Key"] for row in found}


@pytest.fixture
def tables(database: Database, client: Any) -> Tables:
    """Two tenants that have the same of everything, in the graph and not in it."""
    tables = Tables(database, client)
    spaces = [tables.space(settings) for settings in ("{}", '{"window": 2}')]  # two models of one artifact are one node
    for tenant_id in TENANTS:
        _fill(tables, tenant_id, *spaces)
    return tables


def _fill(tables: Tables, tenant_id: int, space: tuple[int, int], other_space: tuple[int, int]) -> None:
    archive = tables.source(tenant_id, "archive", "Atomized", "of the archive", runs=("run 1",))
    old = tables.source(tenant_id, "old", "Atomized", "shared", "of the old one", runs=("run 1",))
    texts = ("derived", "shared", "shared")
    new = tables.source(tenant_id, "new", "Atomized", *texts, runs=("run 2", "run 3"), hour=LATER_HOUR)
    tables.change("UPDATE Source SET SupersededBy = ? WHERE SourceId = ?", new, old)
    tables.change("UPDATE Source SET ParentSourceId = ? WHERE SourceId = ?", archive, new)
    half = tables.source(tenant_id, "half written", "Atomizing", "shared", "of the half", runs=("run 4",))
    lost = tables.source(tenant_id, "lost", "DeadLettered", "shared", "of the lost", runs=("run 4",))
    erased = tables.source(tenant_id, "erased", "Erased", "of the erased", runs=("run 4",))
    landed = tables.source(tenant_id, "landed", "Landed", "of the landed")
    for hidden in (half, lost, erased, landed):
        tables.change("UPDATE Source SET ParentSourceId = ?, SupersededBy = ? WHERE SourceId = ?", new, new, hidden)
    tables.by_hand(tenant_id, "by hand")
    tables.by_hand(tenant_id, "\n", subtype="gap")
    derivation = "INSERT INTO AtomDerivation (SourceId, DerivedAtomId, FromAtomId) VALUES (?, ?, ?)"
    ids = {text: tables.atom_id(tenant_id, text) for text in ("derived", "shared", "of the half", "of the archive")}
    tables.change(derivation, new, ids["derived"], ids["shared"])
    tables.change(derivation, new, ids["derived"], ids["of the half"])
    tables.change(derivation, half, ids["derived"], ids["of the archive"])
    for each, run in ((space, "run 2"), (other_space, "run 3")):
        tables.embed(tenant_id, "shared", *each, run)
        tables.embed(tenant_id, "of the half", *each)
    tables.embed(tenant_id, "by hand", other_space[0])
    known = ["unknown", " " * 99, "shared", "of the half", "shared"]
    tables.infer(tenant_id, "inference 1", "writer", input=known, output=["derived", "by hand", "derived"])
    tables.infer(tenant_id, "inference 2", ARTIFACT)


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


# ---- how they are counted and digested


def views_of(tables: Tables, tenant_id: int | None) -> dict[str, list[dict[str, Any]]]:
    names = [*NODE_VIEWS.values(), *(view.name for view in EDGE_VIEWS)]
    return {
        name: tables.read(f"SELECT * FROM {name}") if tenant_id is None else tables.view(name, tenant_id)
        for name in names
    }


@pytest.mark.parametrize("tenant_id", [*TENANTS, None, 9])
def test_counts_are_of_what_the_views_have(tables: Tables, tenant_id: int | None) -> None:
    counted = query(tables.database, GRAPH_COUNTS, tenant_id=tenant_id)

    expected = {name: len(found) for name, found in views_of(tables, tenant_id).items() if found}
    assert {row["view"]: row["n"] for row in counted} == expected
    assert len(counted) == len(expected) == (0 if tenant_id == 9 else len(NODE_VIEWS) + len(EDGE_VIEWS))


@pytest.mark.parametrize("hour", [HOUR, LATER_HOUR, INFERENCE_HOUR, "2026-11-23-12:00"])
def test_counts_of_an_hour_are_of_all_tenants(tables: Tables, hour: str) -> None:
    counted = query(tables.database, GRAPH_COUNTS_OF_HOUR, hour=hour)

    of_hour = {
        name: len([row for row in found if row["IngestHour"] == hour]) for name, found in views_of(tables, None).items()
    }
    assert {row["view"]: row["n"] for row in counted} == {name: n for name, n in of_hour.items() if n}


@pytest.mark.parametrize("tenant_id", [*TENANTS, 9])
@pytest.mark.parametrize("hour", [HOUR, LATER_HOUR, INFERENCE_HOUR, None, "2026-11-23-12:00"])
def test_an_hour_is_digested_by_counts_and_sums(tables: Tables, tenant_id: int, hour: str | None) -> None:
    digested = query(tables.database, GRAPH_DIGESTS, tenant_id=tenant_id, hour=hour)

    expected = {}
    for name, found in views_of(tables, tenant_id).items():
        digests = [row["Digest"] for row in found if row["IngestHour"] == hour]
        assert all(0 <= digest < 2**32 for digest in digests)
        if digests:
            expected[name] = (len(digests), sum(digests))
    assert {row["view"]: (row["n"], row["total"]) for row in digested} == expected
    without = {"Run", "Model", "Tenant"} if hour is None and tenant_id != 9 else set()
    assert {name.removeprefix("Graph") for name in expected if hour is None} == without


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE SourceAtom SET Ordinal = 7 WHERE Ordinal = 0 AND Role = 'content'",
        "DELETE FROM SourceAtom WHERE Ordinal = 2 AND Role = 'content'",
        "UPDATE Source SET SupersededBy = NULL WHERE SourceUri = 'old'",
        "UPDATE Source SET Status = 'Erased' WHERE SourceUri = 'archive'",
        "UPDATE InferenceAtom SET Ordinal = 77 WHERE Ordinal = 0",
        "DELETE FROM AtomDerivation",
        "UPDATE SourceRun SET RunId = 'run 1' WHERE RunId = 'run 2'",
    ],
)
def test_what_changes_changes_the_digests(tables: Tables, change: str) -> None:
    def digests() -> set[tuple[str | None, str, int, int]]:
        return {
            (hour, row["view"], row["n"], row["total"])
            for hour in (HOUR, LATER_HOUR, INFERENCE_HOUR, None)
            for row in query(tables.database, GRAPH_DIGESTS, tenant_id=0, hour=hour)
        }

    before = digests()
    tables.change(change)

    assert digests() != before
    counted = {row["view"]: row["n"] for row in query(tables.database, GRAPH_COUNTS, tenant_id=0)}
    assert counted == {name: len(found) for name, found in views_of(tables, 0).items() if found}


@pytest.mark.parametrize("label", LABELS)
def test_the_nodes_of_an_hour_are_read_in_parts(tables: Tables, label: Label) -> None:
    found = tables.view(NODE_VIEWS[label], 7)
    for hour in (HOUR, LATER_HOUR, INFERENCE_HOUR, None):
        numbers: list[int] = []
        while part := query(
            tables.database,
            GRAPH_NUMBERS_OF_HOUR,
            tenant_id=7,
            label=label,
            hour=hour,
            after=numbers[-1] if numbers else 0,
            n=2,
        ):
            assert len(part) <= 2
            numbers += [row["number"] for row in part]
        if label == "Tenant":
            assert numbers == ([7] if hour is None else [])
        assert numbers == sorted(row["Number"] for row in found if row["IngestHour"] == hour)


# ---- the invariant


def test_every_end_of_an_edge_exists(tables: Tables) -> None:
    assert broken_invariants(tables.database, "dangling_edges") == {}


def test_a_projection_is_a_node_while_it_is_what_placed_an_atom(tables: Tables) -> None:
    """Active or not: another may have taken its place, and atoms wait to be placed by that."""
    view = EdgeView("Atom", "PROJECTED_BY", "Model").name

    def nodes_and_edges() -> tuple[bool, int]:
        return PROJECTION in tables.numbers(7, "Model").values(), len(tables.view(view, 7))

    tables.change("UPDATE ProjectionModel SET Active = 0")
    assert nodes_and_edges() == (True, 1)
    assert dangling(tables) == set()

    tables.change("UPDATE ProjectionModel SET Active = 1")
    tables.change("UPDATE AtomEmbedding SET ProjectionModelId = NULL WHERE AtomId = ?", tables.atom_id(7, "shared"))
    assert nodes_and_edges() == (False, 0), "what else it placed is not in the graph"


def dangling(tables: Tables) -> set[tuple[int, str, int, int]]:
    """Tenant, view and ends of every edge without an end."""
    nodes = {
        label: {(row["TenantId"], row["Number"]) for row in tables.read(f"SELECT TenantId, Number FROM {view}")}
        for label, view in NODE_VIEWS.items()
    }
    return {
        (row["TenantId"], view.name, row["FromNumber"], row["ToNumber"])
        for view in EDGE_VIEWS
        for row in tables.read(f"SELECT TenantId, FromNumber, ToNumber FROM {view.name}")
        if (row["TenantId"], row["FromNumber"]) not in nodes[view.start]
        or (row["TenantId"], row["ToNumber"]) not in nodes[view.end]
    }


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM KnownTenant WHERE TenantId = 7",
        "UPDATE Atom SET TenantId = 8 WHERE TenantId = 7 AND Subtype = 'sentence'",
        "UPDATE Atom SET TenantId = 0, ContentHash = X WHERE TenantId = 7 AND Subtype = 'note'",
        "UPDATE AtomEmbedding SET TenantId = 0 WHERE TenantId = 7",
        "UPDATE Source SET TenantId = 9 WHERE TenantId = 7 AND SourceUri = 'archive'",
        "UPDATE Source SET TenantId = 9 WHERE TenantId = 7 AND SourceUri = 'old'",
        "UPDATE Source SET TenantId = 9 WHERE TenantId = 7 AND SourceUri = 'new'",
        "UPDATE Inference SET TenantId = 9 WHERE TenantId = 7",
        "DELETE FROM SourceRun",
    ],
)
def test_edges_without_an_end_are_found_wherever_there_are_any(tables: Tables, change: str) -> None:
    """Not all of them: the edges to a source's runs lack what the edges to the source do."""
    tables.change(change.replace("ContentHash = X", "ContentHash = ?"), *[of_text("another")][: change.count("= X")])
    without = dangling(tables)

    def found(tenant_id: int | None, hour: str | None = None) -> set[tuple[int, str, int, int]]:
        broken = query(tables.database, "dangling_edges", tenant_id=tenant_id, hour=hour)
        return {(row["tenantId"], row["view"], row["fromNumber"], row["toNumber"]) for row in broken}

    assert found(None) <= without
    assert bool(found(None)) == bool(without)
    assert found(None) == {each for tenant_id in (0, 7, 8, 9) for each in found(tenant_id)}
    assert found(None) == {each for hour in (HOUR, LATER_HOUR, INFERENCE_HOUR) for each in found(None, hour)}
    assert found(8, HOUR) == {each for each in found(None, HOUR) if each[0] == 8}
