"""The graph's views and what asks them, executed: the same rows in the tables give the same rows in every view as on SQLite."""

import json
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from hartonomous_core.messages import PROVENANCE_QUEUE, AtomsEvent, parse_provenance_event
from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, EdgeView, Way
from hartonomous_resources.database.sqlite import SqliteDatabase
from tests.sqlserver.functions.drawn_graph import HOURS, TABLES, TENANTS, Both, Rows, drawn, fill, in_order, plain
from tests.tools.tsql.definitions import view_columns
from tests.tools.tsql_evaluator.server import Server
from tests.tools.tsql_evaluator.values import SqlError

pytestmark = pytest.mark.slow

WAYS: tuple[Way, ...] = get_args(Way)
VIEWS = (*NODE_VIEWS.values(), *(view.name for view in EDGE_VIEWS))
SEEDS = range(3)
_EDGE = ("view", "tenantId", "fromNumber", "toNumber")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[SqliteDatabase, Rows]]]:
    """An embedded database for each seed, and all its rows that the views read."""
    made = []
    for seed in SEEDS:
        database = SqliteDatabase(tmp_path_factory.mktemp("graph") / "hartonomous.db")
        database.migrate()
        made.append((database, fill(database.connection(), drawn(seed))))
    yield made
    for database, _ in made:
        database.close()


@pytest.fixture(params=SEEDS)
def both(request: pytest.FixtureRequest, filled: list[tuple[SqliteDatabase, Rows]], server: Server) -> Iterator[Both]:
    embedded, given = filled[request.param]
    for table, of_table in given.items():
        for row in of_table:
            server.table(table).insert(row)
    yield Both(embedded, server)
    embedded.connection().rollback()


# ---- the views


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_the_same_rows(both: Both, view: str) -> None:
    there = both.embedded.connection().execute(f"SELECT * FROM {view}")
    columns = [column[0] for column in there.description]
    expected = in_order(there.fetchall())

    assert view_columns(view) == columns
    assert in_order(both.server.rows(view)) == expected


def test_every_view_has_rows_and_leaves_some_out(filled: list[tuple[SqliteDatabase, Rows]]) -> None:
    """What the comparison above is worth."""
    for view in VIEWS:
        assert (
            sum(len(embedded.connection().execute(f"SELECT 1 FROM {view}").fetchall()) for embedded, _ in filled) > 3
        ), view
    for table in ("Atom", "Source"):
        shown = sum(
            len(embedded.connection().execute(f"SELECT 1 FROM Graph{table}").fetchall()) for embedded, _ in filled
        )
        assert shown < sum(len(given[table]) for _, given in filled)


# ---- the procedures


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("view", EDGE_VIEWS, ids=lambda view: view.name)
def test_what_edges_lead_to_is_the_same(both: Both, view: EdgeView, way: Way) -> None:
    numbers = [*both.numbers(view.here(way)), 10**9]
    bounds: list[dict[str, Any]] = [
        {"as_of": None, "after": None, "until": None},
        {"as_of": "2026-11-23T20:00:00.000Z", "after": 2, "until": 20},
    ]
    for bound in bounds:
        for some in (numbers, numbers[::3], []):
            asked = {"tenant_id": TENANTS[0], "view": view.name, "way": way, "numbers": json.dumps(some), **bound}
            with both.embedded.read() as there:
                edges = plain(there.graph_edges(TENANTS[0], view, way, some, **bound))
                ends = {
                    limit: there.graph_ends(TENANTS[0], view, way, some, **bound, limit=limit) for limit in (None, 2)
                }
            assert plain(both.ask("graph_edges", **asked)) == edges
            for limit, expected in ends.items():
                assert [row["number"] for row in plain(both.ask("graph_ends", **asked, n=limit))] == expected


@pytest.mark.parametrize("label", LABELS)
def test_nodes_are_the_same(both: Both, label: Label) -> None:
    numbers = [*both.numbers(label), 10**9]
    for tenant in TENANTS:
        with both.embedded.read() as there:
            expected = plain(there.graph_nodes(tenant, label, numbers))
        assert plain(both.ask("graph_nodes", tenant_id=tenant, label=label, numbers=json.dumps(numbers))) == expected


def test_a_view_or_label_that_is_not_there_is_refused(server: Server) -> None:
    asked = {"tenant_id": 0, "numbers": "[1]"}
    for name, more in (
        (
            "graph_ends",
            {"view": "GraphAtom", "way": "upstream", "as_of": None, "after": None, "until": None, "n": None},
        ),
        ("graph_edges", {"view": EDGE_VIEWS[0].name, "way": "up", "as_of": None, "after": None, "until": None}),
        ("graph_nodes", {"label": "Atoms"}),
    ):
        with pytest.raises(SqlError, match="no such view"):
            server.execute(f"usp_{name}", **asked, **more)


# ---- the named statements


def test_nodes_are_found_by_the_same_keys(both: Both) -> None:
    keys = {
        row["Key"]
        for view in NODE_VIEWS.values()
        for row in both.embedded.connection().execute(f"SELECT Key FROM {view}")
    }
    gaps = {row["h"] for row in both.embedded.connection().execute("SELECT lower(hex(ContentHash)) AS h FROM Atom")}
    for key in keys | gaps | {"", "x", " 7", "007", "+7", "7.0", "9" * 20, "zz" * 32, "RUN 1", "A" * 64, "WRITER"}:
        for label in LABELS:
            both.same("graph_node_by_key", tenant_id=TENANTS[1], label=label, key=key)


def test_the_same_keys_begin_with_a_prefix(both: Both) -> None:
    for label in LABELS:
        for prefix in ("", "a", "i", "i1", "A", "aaaa", "5", "f", "run", "run 1", "writer", "W", "0x", "%", "a" * 65):
            for n in (1, 99):
                both.same("graph_keys_beginning", ordered=True, tenant_id=TENANTS[0], label=label, prefix=prefix, n=n)


@pytest.mark.parametrize("hour", [*HOURS, "2026-11-23-21:00", "2026-11-25-00:00", None])
def test_hours_are_counted_and_digested_alike(both: Both, hour: str | None) -> None:
    for tenant in (*TENANTS, 9):
        both.same("graph_digests", tenant_id=tenant, hour=hour)
        for label in LABELS:
            both.same("graph_numbers_of_hour", ordered=True, tenant_id=tenant, label=label, hour=hour, after=3, n=4)
    both.same("graph_counts_of_hour", hour=hour)


@pytest.mark.parametrize("tenant", [*TENANTS, 9, None])
def test_tenants_are_counted_alike(both: Both, tenant: int | None) -> None:
    both.same("graph_counts", tenant_id=tenant)


def test_what_is_only_here_is_the_same(both: Both) -> None:
    atoms = json.dumps(both.numbers("Atom"))
    for source in range(1, 15):
        for tenant in TENANTS[:2]:
            both.same("graph_atoms_only_here", tenant_id=tenant, number=source)
            both.same("first_atoms_of_source", tenant_id=tenant, source_id=source, atom_ids=atoms)


def test_every_edge_without_an_end_is_found(both: Both) -> None:
    """Those of atoms and sources that are another tenant's."""
    assert both.ask("dangling_edges", hour=None, tenant_id=None) == []
    both.change("Atom", "TenantId", 7, "AtomId % 6 = 0")
    both.change("Source", "TenantId", 0, "SourceId % 7 = 0")
    client = both.embedded.connection()
    nodes = {
        label: {tuple(row) for row in client.execute(f"SELECT TenantId, Number FROM {view}")}
        for label, view in NODE_VIEWS.items()
    }
    lacking = [
        (
            row["IngestHour"],
            dict(zip(_EDGE, (view.name, row["TenantId"], row["FromNumber"], row["ToNumber"]), strict=True)),
        )
        for view in EDGE_VIEWS
        for row in client.execute(f"SELECT * FROM {view.name}")
        if (row["TenantId"], row["FromNumber"]) not in nodes[view.start]
        or (row["TenantId"], row["ToNumber"]) not in nodes[view.end]
    ]
    assert 0 < len(lacking) < 100, "more are not told of"
    for hour in (None, HOURS[0]):
        for tenant in (None, TENANTS[2]):
            expected = [row for its, row in lacking if hour in (None, its) and tenant in (None, row["tenantId"])]
            assert in_order(both.ask("dangling_edges", hour=hour, tenant_id=tenant)) == in_order(expected)


# ---- the triggers


def test_rows_get_the_same_names_whoever_inserts_them(
    filled: list[tuple[SqliteDatabase, Rows]], server: Server
) -> None:
    _, given = filled[0]
    for table in TABLES:
        server.insert(table, given[table])

    for table, columns in (("GraphName", ("Label", "Name")), ("KnownTenant", ("TenantId",))):
        found = plain(server.table(table).rows)
        assert sorted([row[name.lower()] for name in columns] for row in found) == sorted(
            [row[name] for name in columns] for row in given[table]
        )


def test_atoms_inserted_by_hand_are_announced_at_once(server: Server) -> None:
    given = [row for seed in SEEDS for row in drawn(seed)["Atom"]]
    rows = [row | {"AtomId": n, "ContentHash": n.to_bytes(32)} for n, row in enumerate(given * 20, start=1)]
    server.insert("Atom", rows)

    events = [parse_provenance_event(row["body"]) for row in server.table("QueueMessage").rows]
    assert {row["queue"] for row in server.table("QueueMessage").rows} == {PROVENANCE_QUEUE}
    assert [row["orderingkey"] for row in server.table("QueueMessage").rows] == [
        str(event.tenant_id) for event in events
    ]
    assert all(isinstance(event, AtomsEvent) and event.event_type == "AtomsCreated" for event in events)
    announced = [(event.tenant_id, atom) for event in events for atom in event.atom_ids]  # type: ignore[union-attr]
    assert sorted(announced) == sorted((row["TenantId"], row["AtomId"]) for row in rows if row["InsertedByHand"])
    server.insert("Atom", [rows[0] | {"AtomId": 10**6, "ContentHash": b"x" * 32, "InsertedByHand": 0}])
    assert len(server.table("QueueMessage").rows) == len(events)


def test_atoms_inserted_by_hand_that_somebody_deletes_are_told_of(server: Server) -> None:
    rows = [
        row | {"AtomId": n, "ContentHash": n.to_bytes(32)} for n, row in enumerate(drawn(SEEDS[0])["Atom"], start=1)
    ]
    server.insert("Atom", rows)
    before = len(server.table("QueueMessage").rows)

    server.delete("Atom", lambda row: row["atomid"] > 1)

    events = [parse_provenance_event(row["body"]) for row in server.table("QueueMessage").rows[before:]]
    told = [(event.tenant_id, atom) for event in events for atom in event.atom_ids]  # type: ignore[union-attr]
    by_hand = [(row["TenantId"], row["AtomId"]) for row in rows[1:] if row["InsertedByHand"]]
    assert sorted(told) == sorted(by_hand) != []
