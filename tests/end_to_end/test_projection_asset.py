"""The asset of projections: fitted by the run's config, judged before it comes into force, filled, gone on with, switched back."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import numpy as np
import pytest

from hartonomous_assets import projection_fitting, schedules
from hartonomous_assets.definitions import defs
from hartonomous_assets.our_runs import PROJECTION_JOB_NAME
from hartonomous_assets.projections import place_anew, project_pending
from hartonomous_assets.schedules import projection_schedule
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_resources.database.rows.embedding_rows import (
    ACTIVE_PROJECTION_MODEL,
    PLACED_BY_PROJECTION,
    PROJECTION_MODELS,
    StoredProjection,
    insert_embedding,
)
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.models import activate_embedding_models, active_embedding_models
from hartonomous_resources.work.placing import place
from hartonomous_resources.work.space_projections import fill_with
from hartonomous_service.dagster_home import open_instance
from tests.builders import small_model, write

COUNT = 600


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    with open_instance(settings) as opened:
        yield opened


@pytest.fixture
def filled(resources: Resources) -> Resources:
    """A home with a model of three dimensions, whose vectors are drawn, and placed."""
    fill(resources, COUNT)
    return resources


def fill(home: Resources, count: int) -> None:
    write(home.database, *(f"text {n}" for n in range(count)), hour=current_hour())
    with home.database.unit_of_work() as unit_of_work:
        activate_embedding_models(unit_of_work, [small_model("small")])
    embed(home, 0, count)


def embed(home: Resources, first: int, last: int, shift: float = 0.0) -> None:
    vectors = np.random.default_rng(first).standard_normal((last - first, 3)) * [1, 0.6, 0.3] + shift
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with home.database.unit_of_work() as unit_of_work:
        [model] = active_embedding_models(unit_of_work)
        values: dict[str, Any] = {"model_id": model["modelId"], "dimension": 3, "window_count": 1, "run_id": None}
        unit_of_work.execute_many(
            insert_embedding,
            [
                insert_embedding(
                    atom_id=first + n + 1,
                    embedding_vector=vector.astype("<f4").tobytes(),
                    created_at=timestamp(),
                    **values,
                )
                for n, vector in enumerate(vectors)
            ],
        )
        project_pending(unit_of_work, home.compute, current_hour(), 10_000, None)


def run(instance: dg.DagsterInstance, *, fails: bool = False, **config: Any) -> dg.ExecuteInProcessResult:
    result = defs.resolve_job_def(PROJECTION_JOB_NAME).execute_in_process(
        instance=instance, run_config={"ops": {"projection_model": {"config": config}}}, raise_on_error=False
    )
    assert result.success != fails
    return result


def failure(result: dg.ExecuteInProcessResult) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.user_failure_data.description)


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    [materialisation] = result.asset_materializations_for_node("projection_model")
    return {name: value.value for name, value in materialisation.metadata.items()}


def projections(home: Resources) -> list[StoredProjection]:
    with home.database.read() as unit_of_work:
        return unit_of_work.query(PROJECTION_MODELS, model_id=1)


def active(home: Resources) -> Any:
    with home.database.read() as unit_of_work:
        return unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=1)[0]


def placed(home: Resources) -> dict[int | None, int]:
    with home.database.read() as unit_of_work:
        return {row["projectionModelId"]: row["n"] for row in unit_of_work.query(PLACED_BY_PROJECTION, model_id=1)}


def asks_for_a_run(instance: dg.DagsterInstance, home: Resources) -> bool:
    with dg.build_schedule_context(instance, resources={"database": home.database}) as context:
        return isinstance(projection_schedule(context), dg.RunRequest)


def test_a_fit_comes_into_force_and_is_one_model_however_often(instance: dg.DagsterInstance, filled: Resources) -> None:
    [landmark] = projections(filled)

    first = run(instance, method="pca")

    pca, _ = projections(filled)
    assert (pca["method"], bool(pca["active"]), pca["trainedOn"]) == ("pca", True, COUNT - COUNT // 10)
    assert placed(filled) == {pca["projectionModelId"]: COUNT}
    assert metadata(first)["method"] == "pca" and "| active |" in metadata(first)["projections"]
    assert metadata(first)["map"].startswith("![")
    density = metadata(first)["density"]
    assert density.startswith("![") and len(density) < 1000, "longer Markdown is behind a link on the page"
    checks = {check.check_name: check for check in first.get_asset_check_evaluations()}
    assert {name: check.passed for name, check in checks.items()} == dict.fromkeys(
        ("trustworthiness", "neighbour_overlap", "bucket_occupancy", "drift"), True
    )
    assert 0.8 < checks["trustworthiness"].metadata["figure"].value <= 1

    run(instance, method="pca")
    assert [each["projectionModelId"] for each in projections(filled)] == [
        pca["projectionModelId"],
        landmark["projectionModelId"],
    ]


def test_a_run_without_config_changes_nothing_and_judges_what_is_active(
    instance: dg.DagsterInstance, filled: Resources
) -> None:
    before = active(filled)

    result = run(instance)

    assert active(filled) == before
    assert len(result.get_asset_check_evaluations()) == 4


def test_switching_back_is_by_the_number_that_the_page_shows(instance: dg.DagsterInstance, filled: Resources) -> None:
    before = active(filled)
    run(instance, method="pca")

    run(instance, switch_to=before["projectionModelId"])

    assert active(filled) == before
    assert placed(filled) == {before["projectionModelId"]: COUNT}
    assert "99 is no projection of small" in failure(run(instance, fails=True, switch_to=99, space="small"))
    assert "99 is no projection of any active" in failure(run(instance, fails=True, switch_to=99))


def test_a_fit_may_be_kept_without_coming_into_force(instance: dg.DagsterInstance, filled: Resources) -> None:
    before = active(filled)

    run(instance, method="pca", activate=False)

    assert active(filled) == before and [each["method"] for each in projections(filled)] == ["pca", "landmark"]


def test_what_a_killed_run_left_is_seen_by_the_schedule_and_done(
    instance: dg.DagsterInstance, filled: Resources
) -> None:
    run(instance, method="pca", activate=False)
    pca, landmark = projections(filled)
    assert not asks_for_a_run(instance, filled)
    with filled.database.unit_of_work() as unit_of_work:
        [model] = active_embedding_models(unit_of_work)
        fill_with(unit_of_work, 1, pca["projectionModelId"])
    place_anew(filled.database, filled.compute, model, 100, None)
    assert asks_for_a_run(instance, filled)
    assert active(filled)["projectionModelId"] == landmark["projectionModelId"]

    run(instance)

    assert active(filled)["projectionModelId"] == pca["projectionModelId"]
    assert placed(filled) == {pca["projectionModelId"]: COUNT}
    assert not asks_for_a_run(instance, filled)


def test_a_fit_that_fails_its_gates_is_not_stored(
    instance: dg.DagsterInstance, filled: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hartonomous_core.spatial import fitted

    def scattered(vectors: Any, _options: object) -> Any:
        return np.random.default_rng(1).uniform(-1, 1, (len(vectors), 3))

    monkeypatch.setitem(fitted._MAPS, "umap", scattered)
    before = active(filled)

    result = run(instance, fails=True, method="umap")

    assert "trustworthiness is" in failure(result) and "0.800 at least" in failure(result)
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks["trustworthiness"] is False
    assert active(filled) == before and len(projections(filled)) == 1


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"n_neighbors": 1}, "config: n_neighbors is 1: Input should be greater than or equal to 2"),
        ({"method": "umap", "min_dist": 1.5}, "config: min_dist is 1.5: Input should be less than or equal to 1"),
        ({"method": "pca", "switch_to": 1}, "`method` fits another projection, `switch_to` takes one that is there"),
        ({"method": "umap", "space": "other"}, "no active embedding model is called 'other'"),
        ({"method": "umap", "sample": 5}, "umap is fitted to 17 vectors at least, and there are 5"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    instance: dg.DagsterInstance, filled: Resources, config: dict[str, Any], problem: str
) -> None:
    assert problem in failure(run(instance, fails=True, **config))


def test_the_launchpad_refuses_an_unknown_method_before_any_run(instance: dg.DagsterInstance) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match=r"(?s)method.*magic"):
        run(instance, method="magic")

    assert instance.get_runs_count() == 0


@pytest.mark.parametrize(("count", "held_out"), [(79, 0), (80, 40), (161, 40), (500, 50)])
def test_what_is_held_out_is_enough_to_judge_by_or_nothing(
    instance: dg.DagsterInstance, resources: Resources, count: int, held_out: int
) -> None:
    fill(resources, count)

    result = run(instance, method="pca")

    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert all(check.passed is (held_out > 0) for check in checks.values())
    if not held_out:
        assert {check.severity for check in checks.values()} == {dg.AssetCheckSeverity.WARN}
        assert "not judged, of fewer than 40 vectors" in str(checks["trustworthiness"].description)
    [row] = [line for line in metadata(result)["projections"].splitlines() if "| active |" in line]
    assert f"| {count - held_out} | {held_out} |" in row


def test_it_is_judged_by_nothing_that_it_was_fitted_to_however_much_comes(
    instance: dg.DagsterInstance, filled: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection_fitting, "JUDGED", 50)
    fitted_to, judged_by = [], []
    fit, measure = projection_fitting.fit, projection_fitting.measure

    def fit_and_note(method: str, vectors: Any, options: Any) -> Any:
        fitted_to.append({vector.tobytes() for vector in vectors})
        return fit(method, vectors, options)

    def measure_and_note(method: str, judged: Any, *more: Any) -> Any:
        judged_by.append({vector.tobytes() for vector in judged})
        return measure(method, judged, *more)

    monkeypatch.setattr(projection_fitting, "fit", fit_and_note)
    monkeypatch.setattr(projection_fitting, "measure", measure_and_note)
    run(instance, method="pca", sample=500)
    for first in range(COUNT, 3 * COUNT, COUNT):
        texts = (f"text {n}" for n in range(first, first + COUNT))
        write(filled.database, *texts, uri=f"file:///{first}", hour=current_hour())
        embed(filled, first, first + COUNT)
        run(instance)

    [sample] = fitted_to
    assert len(sample) == 500
    assert [len(judged) for judged in judged_by] == [50] * 4
    assert [len(judged & sample) for judged in judged_by] == [0] * 4


def test_new_data_unlike_that_of_the_fit_is_noticed(instance: dg.DagsterInstance, filled: Resources) -> None:
    run(instance, method="pca")
    write(filled.database, *(f"new {n}" for n in range(100)), uri="file:///new", hour=current_hour())
    embed(filled, COUNT, COUNT + 100, shift=3.0)

    checks = {check.check_name: check for check in run(instance).get_asset_check_evaluations()}

    assert not checks["drift"].passed and checks["drift"].severity == dg.AssetCheckSeverity.WARN
    assert checks["drift"].metadata["figure"].value > 0.25


def test_a_damaged_artefact_is_said_and_another_projection_may_take_over(
    instance: dg.DagsterInstance, filled: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hartonomous_resources.work import placing

    run(instance, method="pca")
    pca, landmark = projections(filled)
    with filled.database.unit_of_work() as unit_of_work:
        unit_of_work.connection.execute("UPDATE ProjectionArtifact SET Content = substr(Content, 2)")  # type: ignore[attr-defined]
    placing._kept.clear()

    with filled.database.read() as unit_of_work, pytest.raises(ValueError, match="its artefact is damaged"):
        place(unit_of_work, filled.compute, pca, np.ones((1, 3), dtype=np.float32))
    with filled.database.unit_of_work() as unit_of_work:
        fill_with(unit_of_work, 1, landmark["projectionModelId"])
        fill_with(unit_of_work, 1, pca["projectionModelId"])
        unit_of_work.connection.execute(  # type: ignore[attr-defined]
            "UPDATE AtomEmbedding SET ProjectionModelId = ? WHERE AtomId = 1", (landmark["projectionModelId"],)
        )
    assert asks_for_a_run(instance, filled)
    run(instance, fails=True)
    assert not asks_for_a_run(instance, filled)
    monkeypatch.setattr(schedules, "RETRY_SECONDS", 0.0)
    assert asks_for_a_run(instance, filled)
    run(instance, switch_to=landmark["projectionModelId"])

    assert active(filled)["projectionModelId"] == landmark["projectionModelId"]


def test_a_home_without_vectors_is_no_failure(instance: dg.DagsterInstance, resources: Resources) -> None:
    result = run(instance)
    assert "no embedding model is active yet" in metadata(result)["state"]
    for check in result.get_asset_check_evaluations():
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert check.description == "not judged: nothing is embedded yet"
    assert "there is nothing to fit" in failure(run(instance, fails=True, method="pca"))
