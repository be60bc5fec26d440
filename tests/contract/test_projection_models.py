"""A space has one active projection; while another one places everything anew, readers see all positions of the old one and none of the new."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from hartonomous_assets import projections
from hartonomous_assets.projections import place_anew, project_pending
from hartonomous_core.clock import timestamp
from hartonomous_core.spatial.fitted import fit_pca, to_artifact
from hartonomous_core.spatial.landmarks import landmark_parameters
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import (
    ACTIVE_PROJECTION_MODEL,
    PLACED_BY_PROJECTION,
    PROJECTION_ARTIFACT,
    PROJECTION_MODELS,
    insert_embedding,
)
from hartonomous_resources.resources import Resources
from hartonomous_resources.work import placing
from hartonomous_resources.work.models import activate_embedding_models, active_embedding_models
from hartonomous_resources.work.placing import place
from hartonomous_resources.work.space_projections import (
    add_landmark_projection,
    add_projection_model,
    ensure_projection_model,
    fill_with,
)
from tests.backends import rows
from tests.builders import HOUR, small_model, write

LATER_HOUR = "2026-11-24-10:00"
Positions = dict[str, tuple[float, ...]]


class Space:
    """The embeddings of one model of three dimensions, with drawn vectors."""

    def __init__(self, home: Resources) -> None:
        self.home, self.database = home, home.database
        with self.database.unit_of_work() as unit_of_work:
            activate_embedding_models(unit_of_work, [small_model("small")])
            [self.model] = active_embedding_models(unit_of_work)
        self.vectors: dict[str, np.ndarray[Any, Any]] = {}

    def embed(self, *texts: str, hour: str = HOUR, tenant: int = 0) -> None:
        """Give these texts vectors, and have the stage place them."""
        write(self.database, *texts, uri=f"file:///{texts[0]}", hour=hour, tenant_id=tenant)
        drawn = np.random.default_rng(len(self.vectors)).standard_normal((len(texts), 3)).astype(np.float32)
        self.vectors |= dict(zip(texts, drawn / np.linalg.norm(drawn, axis=1, keepdims=True), strict=True))
        with self.database.unit_of_work() as unit_of_work:
            ids = self._ids(unit_of_work)
            values = dict(
                model_id=self.model["modelId"], dimension=3, window_count=1, run_id=None, created_at=timestamp()
            )
            unit_of_work.execute_many(
                insert_embedding,
                [
                    insert_embedding(atom_id=ids[text], embedding_vector=self.vectors[text].tobytes(), **values)
                    for text in texts
                ],
            )
        self.project(hour)

    def project(self, hour: str = HOUR) -> None:
        with self.database.unit_of_work() as unit_of_work:
            project_pending(unit_of_work, self.home.compute, hour, 1000, "run")

    def _ids(self, unit_of_work: UnitOfWork) -> dict[str, int]:
        found = unit_of_work.query("atoms_to_embed", atom_ids=str(list(range(1, 200))))
        return {row["text"]: row["atomId"] for row in found}

    def add(self, mean: float) -> int:
        """A projection of its own: the landmark axes with another mean."""
        with self.database.unit_of_work() as unit_of_work:
            parameters = {**landmark_parameters(3), "mean": [mean] * 3}
            return add_projection_model(unit_of_work, self.model["modelId"], "landmark", parameters)

    def fill_with(self, projection_model_id: int) -> None:
        with self.database.unit_of_work() as unit_of_work:
            fill_with(unit_of_work, self.model["modelId"], projection_model_id)

    def step(self, n: int = 2) -> int:
        return place_anew(self.database, self.home.compute, self.model, n, "run")

    def active(self) -> Any:
        with self.database.read() as unit_of_work:
            return unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=self.model["modelId"])[0]

    def expected(self, projection: Any, texts: Sequence[str]) -> Positions:
        with self.database.read() as unit_of_work:
            points = place(
                unit_of_work, self.home.compute, projection, np.stack([self.vectors[text] for text in texts])
            )
        return dict(zip(texts, map(tuple, points.tolist()), strict=True))


@pytest.fixture
def space(home: Resources) -> Space:
    return Space(home)


def read(client: Any, projection_model_id: int) -> Positions:
    """What a reader gets who asks for the positions of one projection; none of them twice."""
    found = rows(
        client,
        "SELECT a.CanonicalText AS text, p.X AS x, p.Y AS y, p.Z AS z FROM EmbeddingPosition AS p JOIN Atom AS a ON a.AtomId = p.AtomId"
        f" WHERE p.ProjectionModelId = {projection_model_id}",
    )
    positions = {row["text"]: (row["x"], row["y"], row["z"]) for row in found}
    assert len(positions) == len(found)
    return positions


def former(client: Any) -> int:
    return int(rows(client, "SELECT COUNT(*) AS n FROM FormerPosition")[0]["n"])


TEXTS = ("one", "two", "three", "four", "five")


def test_readers_see_the_old_projection_until_the_new_one_is_filled(space: Space, client: Any) -> None:
    space.embed(*TEXTS[:3])
    space.embed(*TEXTS[3:], hour=LATER_HOUR, tenant=7)
    old = space.active()
    new = space.add(0.25)

    space.fill_with(new)
    for done in (2, 2, 1):
        assert space.step() == done
        assert space.active() == old
        assert read(client, old["projectionModelId"]) == space.expected(old, TEXTS)
    while space.step():
        pass

    assert space.active()["projectionModelId"] == new
    assert read(client, new) == space.expected(space.active(), TEXTS)
    assert space.expected(space.active(), TEXTS) != space.expected(old, TEXTS)
    assert read(client, old["projectionModelId"]) == {} and former(client) == 0


def test_what_is_embedded_meanwhile_is_seen_at_once_and_placed_anew(space: Space, client: Any) -> None:
    space.embed(*TEXTS[:3])
    old = space.active()
    space.fill_with(space.add(0.25))
    space.step()

    space.embed(*TEXTS[3:], hour=LATER_HOUR)

    assert read(client, old["projectionModelId"]) == space.expected(old, TEXTS)
    while space.step():
        pass
    assert read(client, space.active()["projectionModelId"]) == space.expected(space.active(), TEXTS)


def test_an_embedding_without_a_place_holds_up_nothing(space: Space, client: Any) -> None:
    space.embed(*TEXTS)
    new = space.add(0.25)
    space.fill_with(new)
    client.cursor().execute(
        "UPDATE AtomEmbedding SET ProjectionModelId = NULL, X = NULL, Y = NULL, Z = NULL WHERE AtomId = 1"
    )
    client.commit()

    while space.step():
        pass
    assert space.active()["projectionModelId"] == new
    space.project()

    assert read(client, new) == space.expected(space.active(), TEXTS)


def test_switched_back_in_the_middle_it_is_as_before(space: Space, client: Any) -> None:
    space.embed(*TEXTS)
    old = space.active()
    before = rows(client, "SELECT AtomId, X, Y, Z, HilbertValue, ProjectionModelId FROM AtomEmbedding ORDER BY AtomId")
    space.fill_with(space.add(0.25))
    space.step(3)

    space.fill_with(old["projectionModelId"])
    assert read(client, old["projectionModelId"]) == space.expected(old, TEXTS)
    while space.step():
        assert read(client, old["projectionModelId"]) == space.expected(old, TEXTS)

    after = rows(client, "SELECT AtomId, X, Y, Z, HilbertValue, ProjectionModelId FROM AtomEmbedding ORDER BY AtomId")
    assert after == before and space.active() == old and former(client) == 0


def test_a_third_projection_may_take_over_in_the_middle(space: Space, client: Any) -> None:
    space.embed(*TEXTS)
    old = space.active()
    space.fill_with(space.add(0.25))
    space.step(3)
    third = space.add(-0.25)

    space.fill_with(third)
    while space.step():
        active = space.active()
        assert read(client, active["projectionModelId"]) == space.expected(active, TEXTS)

    assert space.active()["projectionModelId"] == third != old["projectionModelId"]
    assert read(client, third) == space.expected(space.active(), TEXTS) and former(client) == 0


def test_switching_back_once_it_is_done_places_all_by_the_old_one_again(space: Space, client: Any) -> None:
    space.embed(*TEXTS)
    old = space.active()
    for projection_model_id in (space.add(0.25), old["projectionModelId"]):
        space.fill_with(projection_model_id)
        while space.step():
            pass

    assert space.active() == old
    assert read(client, old["projectionModelId"]) == space.expected(old, TEXTS)
    with space.database.read() as unit_of_work:
        placed = unit_of_work.query(PLACED_BY_PROJECTION, model_id=space.model["modelId"])
    assert [dict(row) for row in placed] == [{"projectionModelId": old["projectionModelId"], "n": 5}]


def test_what_goes_meanwhile_leaves_nothing(space: Space, client: Any) -> None:
    space.embed(*TEXTS)
    space.fill_with(space.add(0.25))
    space.step(3)
    assert former(client) == 3

    with space.database.unit_of_work() as unit_of_work:
        unit_of_work.execute("delete_embeddings", embedding_ids=str(list(range(1, 100))))

    assert former(client) == 0


def test_a_vector_that_is_none_is_embedded_again(space: Space, client: Any) -> None:
    space.embed(*TEXTS)
    new = space.add(0.25)
    nan = np.full(3, np.nan, dtype="<f4").tobytes()
    [atom] = rows(client, "SELECT AtomId AS id FROM Atom WHERE CanonicalText = 'two'")
    client.cursor().execute(f"UPDATE AtomEmbedding SET EmbeddingVector = ? WHERE AtomId = {atom['id']}", (nan,))
    client.commit()

    space.fill_with(new)
    while space.step():
        pass

    assert set(read(client, new)) == set(TEXTS) - {"two"}
    queued = rows(client, "SELECT AtomId AS id FROM BackgroundJob WHERE Status = 'Pending' AND ModelId IS NOT NULL")
    assert queued == [atom]


def _meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen, once, while places are computed."""
    read_placer, left = projections.read_placer, [happens]

    def read(*arguments: Any) -> Any:
        placer = read_placer(*arguments)

        def place(vectors: Any) -> Any:
            if left:
                left.pop()()
            return placer(vectors)

        return place

    monkeypatch.setattr(projections, "read_placer", read)


def test_others_may_write_while_places_are_computed_and_no_place_is_of_a_vector_that_is_gone(
    space: Space, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.embed(*TEXTS)
    new = space.add(0.25)
    space.fill_with(new)
    [atom] = rows(client, "SELECT AtomId AS id FROM Atom WHERE CanonicalText = 'two'")
    vector = np.array([0, 0, 1], dtype="<f4")

    def change_a_vector() -> None:
        client.cursor().execute(
            "UPDATE AtomEmbedding SET EmbeddingVector = ? WHERE AtomId = ?", (vector.tobytes(), atom["id"])
        )
        client.commit()

    _meanwhile(monkeypatch, change_a_vector)
    assert space.step(5) == 5
    space.vectors["two"] = vector
    assert space.step(5) == 1
    while space.step(5):
        pass

    assert read(client, new) == space.expected(space.active(), TEXTS)


def test_another_projection_that_is_chosen_while_places_are_computed_is_the_one(
    space: Space, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.embed(*TEXTS)
    old, third = space.active(), space.add(-0.25)
    space.fill_with(space.add(0.25))

    _meanwhile(monkeypatch, lambda: space.fill_with(third))
    space.step(5)
    assert read(client, old["projectionModelId"]) == space.expected(old, TEXTS) and former(client) == 0
    while space.step(5):
        pass

    assert read(client, third) == space.expected(space.active(), TEXTS)


def test_a_model_that_was_dropped_gets_no_projection(space: Space, client: Any) -> None:
    client.cursor().execute("UPDATE EmbeddingModel SET Active = 0")
    client.commit()

    assert space.step() == 0
    assert rows(client, "SELECT ProjectionModelId FROM ProjectionModel") == []


def test_the_same_projection_is_one_model(space: Space) -> None:
    content = bytes(range(256)) * 100
    with space.database.unit_of_work() as unit_of_work:
        added = [
            add_projection_model(
                unit_of_work, space.model["modelId"], "umap", {"seed": 1}, trained_on=9, artifact=content
            )
            for _ in range(2)
        ]
        landmark = add_landmark_projection(unit_of_work, space.model["modelId"], 3)
        assert landmark == add_landmark_projection(unit_of_work, space.model["modelId"], 3)
    assert added[0] == added[1] != landmark
    with space.database.read() as unit_of_work:
        [found] = unit_of_work.query(PROJECTION_ARTIFACT, projection_model_id=added[0])
        assert found["content"] == content
        assert [
            (row["projectionModelId"], row["method"], row["trainedOn"], bool(row["active"]), bool(row["filling"]))
            for row in unit_of_work.query(PROJECTION_MODELS, model_id=space.model["modelId"])
        ] == [(landmark, "landmark", 0, False, False), (added[0], "umap", 9, False, False)]


def test_one_space_knows_nothing_of_the_projections_of_another(space: Space, client: Any, home: Resources) -> None:
    space.embed(*TEXTS)
    with home.database.unit_of_work() as unit_of_work:
        activate_embedding_models(unit_of_work, [small_model("small"), small_model("other", "image")])
        [_, other] = active_embedding_models(unit_of_work)
        ensure_projection_model(unit_of_work, other["modelId"], 3)
    old = space.active()
    space.fill_with(space.add(0.25))
    space.step()
    assert place_anew(home.database, home.compute, other, 10, "run") == 0

    assert read(client, old["projectionModelId"]) == space.expected(old, TEXTS)


def test_the_graph_hears_of_what_is_placed_anew(space: Space, database: Database) -> None:
    space.embed(*TEXTS)
    before = _events(database)
    space.fill_with(space.add(0.25))
    space.step(5)

    assert _events(database) == before + 1


def _events(database: Database) -> int:
    with database.read() as unit_of_work:
        return {row["queue"]: row["depth"] for row in unit_of_work.query("queue_depths")}["ProvenanceQueue"]


def test_artefacts_stay_in_memory_up_to_so_many_bytes(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing, "_kept", {})
    artefacts = [to_artifact("pca", fit_pca(np.eye(3, dtype=np.float32) * scale)) for scale in (1, 2, 3)]
    monkeypatch.setattr(placing, "_KEPT_BYTES", 2 * len(artefacts[0]))
    with space.database.unit_of_work() as unit_of_work:
        model_id = space.model["modelId"]
        for artefact in artefacts:
            add_projection_model(unit_of_work, model_id, "pca", {"dimension": 3}, trained_on=3, artifact=artefact)
        first, second, third = unit_of_work.query(PROJECTION_MODELS, model_id=model_id)
        for projection in (first, second, first, third):
            place(unit_of_work, space.home.compute, projection, np.ones((1, 3), dtype=np.float32))

    assert list(placing._kept) == [first["artifactHash"], third["artifactHash"]]
