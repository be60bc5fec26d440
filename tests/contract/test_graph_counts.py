"""The graph as the tables say it: how it is counted and digested by hour, and that every end of an edge exists; on every database."""

from typing import Any

import pytest

from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, EdgeView
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.rows.graph_rows import (
    GRAPH_COUNTS,
    GRAPH_COUNTS_OF_HOUR,
    GRAPH_DIGESTS,
    GRAPH_NUMBERS_OF_HOUR,
)
from hartonomous_resources.database.transactions import query
from tests.builders import HOUR, broken_invariants
from tests.contract.graph_tables import INFERENCE_HOUR, LATER_HOUR, PROJECTION, TENANTS, Tables, of_text, two_tenants


@pytest.fixture
def tables(database: Database, client: Any) -> Tables:
    return two_tenants(database, client)


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
