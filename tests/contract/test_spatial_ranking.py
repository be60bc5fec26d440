"""The nearest by ranges of the Hilbert curve are those that a look at all coordinates finds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hartonomous_core.spatial.hilbert_ranges import Region
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.searchable_atoms import NO_FILTER, AtomFilter
from hartonomous_service.search import by_place
from hartonomous_service.search.by_place import Places
from tests.contract.placed_points import draw, make_projection, nearest_of_all, put_former_points, put_points

KINDS = ("uniform", "clustered", "on the border", "on few positions", "within a cell")
LOW, HIGH = np.full(3, -1.0), np.ones(3)


@pytest.fixture
def projection(client: Any, make_model: Callable[..., int]) -> tuple[int, int]:
    """A model, and a projection of it."""
    model_id = make_model()
    return model_id, make_projection(client, model_id, "one", 1)


def ask(
    database: Database,
    projection: tuple[int, int],
    region: Region,
    k: int,
    tenant: int = 0,
    narrowed: AtomFilter = NO_FILTER,
) -> list[tuple[int, float]]:
    with database.read() as unit_of_work:
        found = Places(unit_of_work, tenant, *projection).nearest(region, k, narrowed)
    return [(each.atom_id, each.distance) for each in found]


@pytest.mark.parametrize("block_rows", [65_536, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_the_nearest_are_those_of_all_coordinates(
    database: Database,
    client: Any,
    projection: tuple[int, int],
    kind: str,
    block_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(by_place, "_BLOCK_ROWS", block_rows)
    points = draw(kind, 300, 1)
    ids = put_points(database, client, points, *projection)
    generator = np.random.default_rng(2)

    for number in range(60):
        k = int(generator.choice([1, 2, 10, 299, 300, 400]))
        low, high, radius = LOW, HIGH, np.inf
        centre = [generator.uniform(-1, 1, 3), points[number], np.sign(generator.normal(size=3))][number % 3]
        if number % 2:
            corners = np.sort(generator.uniform(-1, 1, (2, 3)), axis=0)
            corners = [corners, points[[number, number]], np.sort(points[[number, -number]], axis=0)][number // 2 % 3]
            low, high = corners
        if number % 5 == 0:
            radius = float(generator.choice([0, 1e-8, 0.05, 0.5, np.linalg.norm(points[7] - centre), 9]))
        expected = nearest_of_all(ids, points, k, low, high, centre, radius)
        assert ask(database, projection, Region(low, high, centre, radius), k) == expected


def test_a_box_in_which_nothing_lies_has_none(database: Database, client: Any, projection: tuple[int, int]) -> None:
    put_points(database, client, draw("clustered", 50, 1), *projection)
    corner = np.full(3, 0.99)

    assert ask(database, projection, Region(corner, HIGH, corner), 3) == []
    assert ask(database, (projection[0], projection[1] + 1), Region(LOW, HIGH, corner), 3) == []


def test_what_lies_just_outside_of_a_box_takes_nobodys_place(
    database: Database, client: Any, projection: tuple[int, int]
) -> None:
    """A value of the curve cannot tell whether these are within."""
    points = np.array([[0.5 + 1e-9, 0, 0]] * 100 + [[0.4, 0, 0], [0.3, 0, 0]])
    ids = put_points(database, client, points, *projection)
    region = Region(LOW, np.array([0.5, 1, 1]), np.array([0.5, 0, 0]))

    assert [atom_id for atom_id, _ in ask(database, projection, region, 2)] == ids[-2:]


def test_only_places_of_the_tenant_the_model_and_the_projection_count(
    database: Database, client: Any, make_model: Callable[..., int], projection: tuple[int, int]
) -> None:
    at = np.zeros((1, 3))
    model_id, projection_id = projection
    other_model = make_model("two")
    others = {
        "another model": (other_model, make_projection(client, other_model, "one", 1), 0),
        "another projection": (model_id, make_projection(client, model_id, "older", 0), 0),
        "another tenant": (model_id, projection_id, 7),
    }
    for name, (*of, tenant) in others.items():
        put_points(database, client, at, of[0], of[1], tenant=tenant, uri=f"file:///{name}")
    [mine] = put_points(database, client, at + 0.5, *projection, uri="file:///mine")

    region = Region(LOW, HIGH, at[0])
    assert [atom_id for atom_id, _ in ask(database, projection, region, 10)] == [mine]
    for narrowed in (NO_FILTER, AtomFilter(uri_prefix="file:///another")):
        assert len(ask(database, projection, region, 10, tenant=7, narrowed=narrowed)) == 1
        assert ask(database, projection, region, 10, tenant=8, narrowed=narrowed) == []
    assert ask(database, projection, region, 10, narrowed=AtomFilter(uri_prefix="file:///another")) == []


def test_what_another_projection_has_placed_since_is_found_where_it_was(
    database: Database, client: Any, projection: tuple[int, int]
) -> None:
    model_id, active = projection
    filling = make_projection(client, model_id, "filling", 0)
    points = draw("uniform", 200, 1)
    stay = put_points(database, client, points[:100], model_id, active)
    moved = put_points(database, client, draw("uniform", 100, 2), model_id, filling, uri="file:///moved")
    put_former_points(client, points[100:], moved, active)

    for number in range(20):
        centre = points[10 * number]
        expected = nearest_of_all([*stay, *moved], points, 7, LOW, HIGH, centre, np.inf)
        assert ask(database, projection, Region(LOW, HIGH, centre), 7) == expected
    of_moved = nearest_of_all(moved, points[100:], 7, LOW, HIGH, centre, np.inf)
    found = ask(database, projection, Region(LOW, HIGH, centre), 7, narrowed=AtomFilter(uri_prefix="file:///moved"))
    assert found == of_moved


@pytest.mark.parametrize("few_atoms", [4096, 2])
def test_of_what_a_filter_wants_the_nearest_are_found_behind_any_number_of_others(
    database: Database, client: Any, projection: tuple[int, int], few_atoms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hartonomous_resources.database.searchable_atoms.FEW_ATOMS", few_atoms)
    near, far = draw("uniform", 200, 1) * 0.1, draw("uniform", 5, 2)
    put_points(database, client, near, *projection)
    ids = put_points(database, client, far, *projection, uri="mail:1")
    region = Region(LOW, HIGH, np.zeros(3), 1.2)

    expected = nearest_of_all(ids, far, 4, LOW, HIGH, np.zeros(3), 1.2)
    assert ask(database, projection, region, 4, narrowed=AtomFilter(uri_prefix="mail:")) == expected


def test_superseded_versions_are_not_found(database: Database, client: Any, projection: tuple[int, int]) -> None:
    put_points(database, client, np.zeros((30, 3)), *projection)
    ids = put_points(database, client, np.ones((2, 3)), *projection, texts=["new one", "new two"], uri="file:///new")
    client.cursor().execute(
        "UPDATE Source SET SupersededBy = (SELECT SourceId FROM Source WHERE SourceUri = 'file:///new') WHERE SourceUri = 'file:///source'"
    )
    client.commit()

    found = ask(database, projection, Region(LOW, HIGH, np.zeros(3)), 2)
    assert [atom_id for atom_id, _ in found] == ids
