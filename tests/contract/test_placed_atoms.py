"""Where the atoms of a space lie, as a table: what a search may show, by the active projection alone, block by block."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.models import activate_embedding_models
from hartonomous_service import placed_atoms as reading
from hartonomous_service.errors import Conflict
from hartonomous_service.placed_atoms import placed_atoms
from hartonomous_service.statistics import collect_stats
from tests.builders import SmallCompute, small_model
from tests.contract.placed_points import draw, make_projection, put_former_points, put_points

COLUMNS = ["atomHash", "modality", "text", "x", "y", "z", "hilbertValue", "sourceId", "sourceUri"]


@pytest.fixture
def space(database: Database, client: Any) -> tuple[int, int]:
    """An active model, and its active projection."""
    with database.unit_of_work() as unit_of_work:
        [model_id] = activate_embedding_models(unit_of_work, [small_model("small")])
    return model_id, make_projection(client, model_id, "one", 1)


@pytest.mark.parametrize("block_rows", [8192, 3, 1])
def test_the_table_has_each_atom_that_a_search_may_show_once(
    home: Resources,
    database: Database,
    client: Any,
    space: tuple[int, int],
    block_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "_BLOCK_ROWS", block_rows)
    points = draw("uniform", 9, 1)
    texts = [f"text {number}" for number in range(9)]
    filling = make_projection(client, space[0], "filling", 0)
    put_points(database, client, draw("uniform", 4, 2), *space, uri="file:///old")
    put_points(database, client, draw("uniform", 2, 3), *space, tenant=7)
    put_points(database, client, points[:6], *space, texts=texts[:6])
    moved = put_points(database, client, points[6:] * 0.5, space[0], filling, texts=texts[6:], uri="file:///moved")
    put_former_points(client, points[6:], moved, space[1])
    client.cursor().execute(
        "UPDATE Source SET SupersededBy = (SELECT MIN(SourceId) FROM Source WHERE SourceUri = 'file:///source') WHERE SourceUri = 'file:///old'"
    )
    client.commit()

    found = placed_atoms(replace(home, compute=SmallCompute(small_model("small"))))
    frame = found.to_frame()

    assert list(frame.columns) == COLUMNS
    assert frame["text"].tolist() == texts
    assert np.array_equal(frame[["x", "y", "z"]].to_numpy(), points)
    assert frame["atomHash"].tolist() == [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    assert frame["sourceUri"].tolist() == ["file:///source"] * 6 + ["file:///moved"] * 3
    assert sum(len(block) for block in found.blocks()) == 9
    assert max(len(block) for block in found.blocks()) <= block_rows


def test_texts_are_read_where_they_are_asked_for(
    home: Resources, database: Database, client: Any, space: tuple[int, int]
) -> None:
    put_points(database, client, np.zeros((2, 3)), *space)
    frame = placed_atoms(replace(home, compute=SmallCompute(small_model("small"))), texts=False).to_frame()

    assert (len(frame), bool(frame["text"].isna().all())) == (2, True)


def test_where_nothing_has_a_place_the_table_is_empty(home: Resources) -> None:
    frame = placed_atoms(home).to_frame()

    assert (list(frame.columns), len(frame), str(frame["x"].dtype)) == (COLUMNS, 0, "float64")


@pytest.fixture
def blocks(
    home: Resources, database: Database, client: Any, space: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The tables of three atoms, of which one was read when their projection ceased to be the active one."""
    monkeypatch.setattr(reading, "_BLOCK_ROWS", 1)
    put_points(database, client, np.zeros((3, 3)), *space)
    begun = placed_atoms(replace(home, compute=SmallCompute(small_model("small")))).blocks()
    next(begun)
    client.cursor().execute("UPDATE ProjectionModel SET Active = 0")
    client.commit()
    return begun


def test_another_projection_that_became_active_meanwhile_is_no_mixture(
    blocks: Iterator[Any], client: Any, space: tuple[int, int]
) -> None:
    make_projection(client, space[0], "two", 1)

    with pytest.raises(Conflict, match="another projection"):
        next(blocks)


def test_a_model_that_was_dropped_meanwhile_is_a_conflict(blocks: Iterator[Any]) -> None:
    with pytest.raises(Conflict, match="was dropped meanwhile"):
        next(blocks)


def test_statistics_are_a_table_of_one_row(home: Resources, database: Database, client: Any) -> None:
    stats = collect_stats(home)
    frame = stats.to_frame()

    assert len(frame) == 1
    assert frame["atoms"].tolist() == [stats["atoms"]]
    assert frame["queues.IngestionQueue"].tolist() == [0]
