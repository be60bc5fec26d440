"""A source that was resumed was made by both runs, in the copy as in the views; in every copy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hartonomous_assets import atoms, provenance, sources
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.materialized import Gone, GraphChange, MaterializedGraph
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.graph_rebuild import rebuild_hour
from tests.builders import enqueue, open_home, request
from tests.graph.test_agreement import copy, copy_of, differences, of_views, run
from tests.held_graph import content_of

__all__ = ["copy"]


@pytest.fixture
def resumed(tmp_path: Path, copy: MaterializedGraph) -> Iterator[Resources]:
    """A source of three atoms of which one run wrote the first, and another all of them."""
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    home = open_home(tmp_path, database, copy, atom_batch_size=1, text_unit="sentence")
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
    content = content_of(copy_of(home))
    runs = {key[2]: properties["key"] for key, properties in content.items() if key[1] == "GraphRun"}
    assert sorted(runs.values()) == ["run", "stopped"]
    made = {(key[2], runs[key[3]]) for key in content if key[1] == "Atom_GENERATED_BY_Run"}
    assert len({atom for atom, _ in made}) == 3
    assert made == {(atom, run) for atom, _ in made for run in runs.values()}
    of_source = {runs[key[3]] for key in content if key[1] == "Source_GENERATED_BY_Run"}
    assert of_source == {"run", "stopped"}
    assert content == of_views(home)
    assert differences(home) == []


def test_a_source_that_was_resumed_and_its_atoms_come_from_both_runs(resumed: Resources) -> None:
    assert_both(resumed)


def test_a_rebuild_joins_a_source_to_all_its_runs(resumed: Resources) -> None:
    graph = copy_of(resumed)
    graph.write(GraphChange(gone=[Gone(0, "Source", [1]), Gone(0, "Run", graph.numbers(0, "Run", 0, 10))]))

    for hour in (current_hour(), None):
        for _ in rebuild_hour(resumed, graph, hour):
            pass

    assert_both(resumed)
