"""Graph and database agree, hour by hour; what the graph lacks is rebuilt from the tables, what it has too much is removed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hartonomous_assets import atoms, provenance, sources
from hartonomous_assets.chain import StageReport, drive
from hartonomous_assets.stage import StageUnavailable, Work
from hartonomous_resources.agreement import database_digests, disagreements, hours_of
from hartonomous_resources.clock import current_hour
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.protocol import Edge, Graph, GraphUnavailable, Node
from hartonomous_resources.messages import INGESTION_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import CommandError
from hartonomous_service.graph_repair import verify_graph
from tests.builders import enqueue, open_home, request


@pytest.fixture
def home(tmp_path: Path, graph: Graph) -> Iterator[Resources]:
    """An embedded database with a graph of each backend, three sources of two tenants in both."""
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    home = open_home(tmp_path, database, graph)
    bodies = [
        request(rawData=b"The sea rises. The sea falls.", sourceUri="tides", contentType="text/plain"),
        request(rawData=b"The sea rises. Bees dance.", sourceUri="bees", contentType="text/plain"),
        request(rawData=b"The sea rises.", sourceUri="tides", contentType="text/plain", tenantId=7),
    ]
    enqueue(database, INGESTION_QUEUE, bodies)
    run(home, sources.STAGE, atoms.STAGE, provenance.STAGE)
    yield home
    database.close()


def run(home: Resources, *stages: object, alone: bool = False) -> dict[str, StageReport]:
    """Run stages of this hour until nothing is pending; what one raised is raised here."""
    work = Work(current_hour(), "run", home, alone=alone)
    reports = drive(work, stages, 0, lambda _stage, _report: None)  # type: ignore[arg-type]
    for report in reports.values():
        if report.error:
            raise report.error
    return reports


def differences(home: Resources, tenant: int = 0) -> list[str] | None:
    return disagreements(home.database, home.graph, tenant, hours_of(home.database, tenant))


def atom_keys(home: Resources, tenant: int = 0) -> list[str]:
    return home.graph.keys(tenant, "Atom", "", 100)


def lose_an_atom(home: Resources) -> None:
    home.graph.delete([Node(0, "Atom", atom_keys(home)[0])])


def lose_a_source(home: Resources) -> None:
    home.graph.delete([Node(0, "Source", home.graph.keys(0, "Source", "", 1)[0])])


def lose_everything(home: Resources) -> None:
    for label in ("Atom", "Source", "Run", "Tenant"):
        home.graph.delete([Node(0, label, key) for key in home.graph.keys(0, label, "", 100)])


def know_a_wrong_place(home: Resources) -> None:
    """An edge whose place is not the one in the tables."""
    found = home.graph.lineage(0, "Atom", atom_keys(home)[0], 1, 10, direction="upstream")
    [edge] = [edge for edge in found.edges if edge.type == "INGESTED_FROM"][:1]
    wrong = {**edge.properties, "digest": 1}
    home.graph.merge([], [Edge(0, edge.start, edge.type, edge.end, wrong)])


DAMAGES = (lose_an_atom, lose_a_source, lose_everything, know_a_wrong_place)


def test_after_a_sync_every_hour_of_every_tenant_agrees(home: Resources) -> None:
    assert [differences(home, tenant) for tenant in (0, 7)] == [[], []]
    digests = database_digests(home.database, 0, current_hour())
    assert digests is not None
    assert {kind: digest.count for kind, digest in digests.items()} == {"atoms": 3, "sources": 2, "edges": 4}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_difference_is_found_in_the_tenant_that_has_it(home: Resources, damage: Callable[[Resources], None]) -> None:
    damage(home)

    assert differences(home)
    assert differences(home, 7) == []


def test_nothing_is_said_while_events_wait(home: Resources) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"New.", sourceUri="new", contentType="text/plain")])
    run(home, sources.STAGE, atoms.STAGE)

    assert differences(home) is None
    with pytest.raises(CommandError, match="events are waiting"):
        verify_graph(home)


@pytest.mark.parametrize("damage", DAMAGES)
def test_materialising_the_graph_alone_rebuilds_what_it_lacks(
    home: Resources, damage: Callable[[Resources], None]
) -> None:
    before = home.graph.counts(0)
    damage(home)

    run(home, provenance.STAGE)
    assert differences(home), "a run of the whole chain consumes events and looks no further"
    reports = run(home, provenance.STAGE, alone=True)

    assert reports["provenance_graph"].counts["rebuilt nodes"]
    assert differences(home) == []
    assert home.graph.counts(0) == before


def test_an_hour_that_agrees_is_not_written_again(home: Resources) -> None:
    assert run(home, provenance.STAGE, alone=True)["provenance_graph"].counts == {}


@pytest.mark.parametrize("damage", DAMAGES)
def test_repair_makes_the_graph_what_the_tables_say(home: Resources, damage: Callable[[Resources], None]) -> None:
    before = home.graph.counts(0)
    damage(home)
    home.graph.merge(
        [Node(0, "Atom", "f" * 64, {"ingestHour": current_hour(), "digest": 5}), Node(0, "Source", "999", {})],
        [Edge(0, ("Atom", "f" * 64), "INGESTED_FROM", ("Source", "999"), {"digest": 5})],
    )
    assert verify_graph(home)["failed"]

    result = verify_graph(home, repair=True)

    assert result["failed"] == []
    assert result["repaired"]["removed"] == 2
    assert home.graph.counts(0) == before
    assert verify_graph(home, repair=True)["repaired"] == {"nodes": 0, "edges": 0, "removed": 0}


def test_repair_of_one_tenant_leaves_the_others_alone(home: Resources) -> None:
    home.graph.merge([Node(7, "Atom", "f" * 64, {"ingestHour": current_hour(), "digest": 5})], [])

    assert verify_graph(home, repair=True)["repaired"]["removed"] == 0
    assert differences(home, 7)
    assert verify_graph(home, tenant=None, repair=True)["repaired"]["removed"] == 1
    assert differences(home, 7) == []


def test_a_graph_that_is_down_fails_the_stage_and_the_command_with_its_name(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(tenant_id: int, hour: str) -> None:
        raise GraphUnavailable("no answer")

    monkeypatch.setattr(type(home.graph), "digests", lambda self, tenant_id, hour: down(tenant_id, hour))

    with pytest.raises(StageUnavailable, match="no answer"):
        run(home, provenance.STAGE, alone=True)
    with pytest.raises(CommandError, match="no answer"):
        verify_graph(home)
