"""A graph in Neo4j belongs to one database: another one is neither written nor read, and an empty one says what is to be done."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import atoms, provenance, sources
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.graph import neo4j_connection
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.work.graph_rebuild import claim_graph
from hartonomous_service.errors import NotFound, Unavailable
from hartonomous_service.graph_repair import verify_graph
from hartonomous_service.health import check_health
from hartonomous_service.lineage.queries import LineageQuery, find_impact, find_lineage, find_path
from hartonomous_service.statistics import collect_stats
from tests.builders import enqueue, request
from tests.graph.test_agreement import run
from tests.tools.neo4j.server import Address, empty, required, run_cypher, shared_address

THEIRS = "2026-11-23T09:44:16.123Z"
REFUSED = re.escape(f"belongs to the Hartonomous database that was made at {THEIRS}; give each its own")
WRITTEN_BY = re.escape("`hartonomous verify --graph --repair --all-tenants` writes it")

questions: dict[str, Callable[[Resources], object]] = {
    "lineage": lambda home: find_lineage(home, LineageQuery("1")),
    "path": lambda home: find_path(home, "1", "1"),
    "impact": lambda home: find_impact(home, "1"),
    "verify": lambda home: verify_graph(home),
    "repair": lambda home: verify_graph(home, repair=True),
}


@pytest.fixture
def address() -> Address:
    found = required(shared_address)
    empty(found)
    return found


@pytest.fixture
def home(tmp_path: Path, address: Address) -> Iterator[Resources]:
    """A database with a source, which no run has synced yet, and an empty Neo4j."""
    opened = open_resources(address.settings(home=tmp_path, text_unit="sentence", linger_seconds=0))
    enqueue(opened.database, INGESTION_QUEUE, [request(rawData=b"The sea rises.", contentType="text/plain")])
    run(opened, sources.STAGE, atoms.STAGE)
    yield opened
    opened.close()


def give_to_another(address: Address) -> None:
    """Make the graph that of another database, whose source 1 is a secret."""
    run_cypher(address, "MERGE (v:SchemaVersion {version: 0}) SET v.owner = $owner", owner=THEIRS)
    run_cypher(address, "CREATE (:Source {tenantId: 0, number: 1, key: '1', sourceUri: 'secret', digest: 1})")


def graph_check(home: Resources) -> tuple[str, str]:
    [check] = [check for check in check_health(home.settings)["checks"] if check["name"] == "graph"]
    return check["status"], check["detail"]


def sync(home: Resources) -> None:
    run(home, provenance.STAGE)


@pytest.mark.parametrize("question", questions)
def test_a_graph_of_another_database_answers_no_question(home: Resources, address: Address, question: str) -> None:
    give_to_another(address)
    home.database.connection().execute("DELETE FROM QueueMessage")  # type: ignore[attr-defined]  # verify would wait for it

    for _ in range(2):
        with pytest.raises(Unavailable, match=REFUSED):
            questions[question](home)


def test_health_and_figures_say_that_the_graph_is_of_another_database(home: Resources, address: Address) -> None:
    give_to_another(address)

    status, detail = graph_check(home)
    assert status == "degraded"
    assert re.search(REFUSED, detail)
    figures = collect_stats(home)
    assert (figures["graph"], figures["sources"]) == (None, 1)
    assert re.search(REFUSED, figures["graphUnavailable"])


def test_the_schema_of_another_databases_graph_is_left_alone(home: Resources, address: Address) -> None:
    give_to_another(address)
    journal = "MATCH (v:SchemaVersion) RETURN v.version AS version ORDER BY version"
    run_cypher(address, "MATCH (v:SchemaVersion {version: 2}) DELETE v")
    try:
        with pytest.raises(GraphUnavailable, match=REFUSED):
            home.graph.counts(0)
        assert 2 not in [row["version"] for row in run_cypher(address, journal)]
    finally:
        empty(address)
        home.graph.counts(0)


def test_who_the_owner_is_is_asked_until_it_is_known_and_then_no_more(
    home: Resources, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = neo4j_connection.statement

    def counting(name: str, **labels: Any) -> str:
        asked.append(name)
        return real(name, **labels)

    monkeypatch.setattr(neo4j_connection, "statement", counting)
    assert home.graph.counts(0) == ({}, {})
    assert home.graph.counts(0) == ({}, {})
    assert len(asked) == 2, "nobody's"
    assert home.graph_copy
    claim_graph(home, home.graph_copy)
    before = len(asked)
    for _ in range(3):
        home.graph.counts(0)
    assert len(asked) == before + 1


def test_a_graph_that_another_database_claims_meanwhile_is_refused(home: Resources, address: Address) -> None:
    assert home.graph.counts(0) == ({}, {})
    give_to_another(address)

    with pytest.raises(Unavailable, match=REFUSED):
        find_lineage(home, LineageQuery("1"))


def test_ones_own_graph_is_read(home: Resources) -> None:
    sync(home)

    assert find_lineage(home, LineageQuery("1"))["nodes"][0]["id"] == "Source:1"
    assert graph_check(home)[0] == "healthy"
    assert collect_stats(home)["graphUnavailable"] is None


def test_an_empty_graph_beside_a_database_that_has_atoms_says_what_writes_it(home: Resources, address: Address) -> None:
    with pytest.raises(NotFound, match="events are still waiting"):
        find_lineage(home, LineageQuery("1"))
    assert graph_check(home)[0] == "healthy", "the next run writes it"
    sync(home)
    empty(address)

    with pytest.raises(NotFound, match=f"the database has it and Neo4j at .* lacks it: {WRITTEN_BY}"):
        find_lineage(home, LineageQuery("1"))
    with pytest.raises(NotFound, match=r"no Source 99 in tenant 0 of the provenance graph$"):
        find_lineage(home, LineageQuery("99"))
    status, detail = graph_check(home)
    assert status == "degraded"
    assert re.search(f"holds nothing yet: {WRITTEN_BY}", detail)

    assert verify_graph(home, tenant=None, repair=True)["failed"] == []
    assert graph_check(home)[0] == "healthy"


def test_an_empty_graph_beside_an_empty_database_is_healthy(tmp_path: Path, address: Address) -> None:
    opened = open_resources(address.settings(home=tmp_path))
    assert graph_check(opened)[0] == "healthy"
    opened.close()
