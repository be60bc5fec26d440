"""A source that was resumed was made by both runs, in the graph as in the tables; on every graph."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hartonomous_assets import atoms, provenance, sources
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.protocol import Graph, Node
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.graph_rebuild import rebuild_hour
from hartonomous_service.lineage.queries import LineageQuery, find_impact, find_lineage
from tests.builders import enqueue, open_home, request
from tests.graph.test_agreement import differences, hash_of, run


@pytest.fixture
def resumed(tmp_path: Path, graph: Graph) -> Iterator[Resources]:
    """A source of three atoms of which one run wrote the first, and another all of them."""
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    home = open_home(tmp_path, database, graph, atom_batch_size=1, text_unit="sentence")
    text = b"The sea rises. The sea falls. It is so."
    enqueue(database, INGESTION_QUEUE, [request(rawData=text, sourceUri="tides", contentType="text/plain")])
    run(home, sources.STAGE)
    stopped = atoms.STAGE.steps(Work(current_hour(), "stopped", home, "another"))
    next(stopped)
    stopped.close()
    run(home, atoms.STAGE, provenance.STAGE)
    yield home
    database.close()


def assert_both(home: Resources) -> None:
    for name in ("1", hash_of("The sea rises."), hash_of("It is so.")):
        found = find_lineage(home, LineageQuery(name, direction="upstream", depth=1))
        made_by = {edge["to"] for edge in found["edges"] if edge["type"] == "GENERATED_BY"}
        assert made_by == {"Run:run", "Run:stopped"}
        assert {node["id"] for node in found["nodes"] if node["label"] == "Run"} == made_by
    assert find_impact(home, "run:stopped")["counts"] == {"Atom": 3, "Source": 1}
    assert differences(home) == []


def test_a_source_that_was_resumed_and_its_atoms_come_from_both_runs(resumed: Resources) -> None:
    assert_both(resumed)


def test_a_rebuild_joins_a_source_to_all_its_runs(resumed: Resources) -> None:
    resumed.graph.delete([Node(0, "Source", "1"), Node(0, "Run", "run"), Node(0, "Run", "stopped")])

    for _ in rebuild_hour(resumed, current_hour()):
        pass

    assert_both(resumed)
