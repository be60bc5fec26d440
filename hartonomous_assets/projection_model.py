"""Asset `projection_model`: the active projection of each active embedding model; fits another one, and has all embeddings placed by it."""

import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

import dagster as dg
from pydantic import Field, ValidationError

from hartonomous_assets.our_runs import PROJECTION_JOB_NAME, process_tags
from hartonomous_assets.projection_fitting import JUDGED, fit_space, judge
from hartonomous_assets.projection_gates import GATES, Gate, failures, results
from hartonomous_assets.projection_picture import glance, picture
from hartonomous_assets.projections import place_anew
from hartonomous_assets.stage_metadata import markdown_table
from hartonomous_assets.table_schema import column_schema
from hartonomous_core.spatial.fitted import FITTED_METHODS, FitOptions, ProjectionUnavailable
from hartonomous_core.spatial.landmarks import LANDMARK_METHOD
from hartonomous_core.spatial.projection_quality import LEAST_ROWS
from hartonomous_resources.compute.protocol import Compute
from hartonomous_resources.database.protocol import Database, Row, UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import (
    PLACED_BY_PROJECTION,
    PROJECTION_MODELS,
    EmbeddingModel,
    StoredProjection,
)
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_resources.work.space_projections import (
    add_landmark_projection,
    ensure_projection_model,
    fill_with,
    target_projection,
)

_ARTEFACT = "artefact"
_REPORT_SECONDS = 5.0


class ProjectionConfig(dg.Config):
    """What to do with the projection; nothing but to finish what was begun, where neither `method` nor `switch_to` is given.

    The page refuses another method before a run. It knows no ranges of numbers: these are refused by the run, in a sentence.
    """

    method: Literal["", "landmark", "pca", "umap", "tsne"] = Field(
        default="", description=f"Fit by this method: {LANDMARK_METHOD} (no data needed), {', '.join(FITTED_METHODS)}."
    )
    space: str = Field(
        default="", description="Name of the embedding model; by default each active one gets a projection."
    )
    sample: int = Field(
        default=10_000,
        ge=1,
        le=1_000_000,
        description=f"Embeddings that it is fitted to at most, up to 1,000,000. Where there are no more, a tenth, of 80 or more {LEAST_ROWS} at "
        f"least and {JUDGED} at most, is held out to judge it by.",
    )
    seed: int = Field(
        default=0, ge=0, lt=2**31, description="Draws the sample, and begins the fit; below 2,147,483,648."
    )
    n_neighbors: int = Field(
        default=15,
        ge=2,
        le=500,
        description="UMAP: neighbours in its graph; t-SNE: the perplexity; both: that decide a place. 2 to 500.",
    )
    min_dist: float = Field(default=0.1, ge=0, le=1, description="UMAP: how close points may lie, 0 to 1.")
    activate: bool = Field(
        default=True, description="Place all embeddings by it, and then make it the active one; else it is only kept."
    )
    switch_to: int = Field(
        default=0, ge=0, description="Instead of a fit: ProjectionModelId to switch to, such as an earlier one."
    )

    def __init__(self, **given: Any) -> None:
        """Raises Failure, in one sentence, for what is out of range and for what does not go together."""
        try:
            super().__init__(**given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name, value = ".".join(map(str, first["loc"])), first["input"]
            raise dg.Failure(f"config: {name} is {value!r}: {first['msg']}", allow_retries=False) from None
        if self.method and self.switch_to:
            raise dg.Failure(
                "config: `method` fits another projection, `switch_to` takes one that is there: give one of them",
                allow_retries=False,
            )


@dg.asset(
    group_name="vectors",
    kinds={"numpy", "python"},
    owners=["team:hartonomous"],
    metadata=column_schema("ProjectionModel"),
    code_version=LANDMARK_METHOD,
    check_specs=GATES,
    description="How vectors are put in 3-D. The landmark projection needs no data and is the same in every language; PCA, UMAP and t-SNE are "
    "fitted to a sample, by the run's config (`method`). Readers see the old positions until all embeddings are placed by the new projection.",
)
def projection_model(
    context: dg.AssetExecutionContext,
    config: ProjectionConfig,
    settings: dg.ResourceParam[Settings],
    database: dg.ResourceParam[Database],
    gpu: dg.ResourceParam[Compute],
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    context.instance.add_run_tags(context.run.run_id, process_tags(context.run.run_id))
    models = [model for model in ask(database, active_embedding_models) if config.space in ("", model["name"])]
    if not models:
        named = f"no active embedding model is called {config.space!r}" if config.space else ""
        if config.method or config.switch_to:
            raise dg.Failure(
                named or "there is nothing to fit a projection to: ingest something first", allow_retries=False
            )
        yield from results({})
        yield dg.MaterializeResult(
            metadata={"state": named or "no embedding model is active yet: ingest something first"}
        )
        return
    if config.switch_to:
        _check_that_it_exists(database, models, config)
    refused: dict[str, dict[str, Gate]] = {}
    for model in models:
        chosen, gates = _choose(database, model, config)
        if chosen is None and gates:
            refused[_name_of(model)] = gates
        elif chosen is not None and (config.activate or config.switch_to):
            transact(database, partial(fill_with, model_id=model["modelId"], projection_model_id=chosen))
    if refused:
        yield from results(refused)
        reasons = [f"{name}: {'; '.join(failures(gates))}" for name, gates in refused.items()]
        raise dg.Failure(f"the fit does not come into force: {'; '.join(reasons)}", allow_retries=False)
    for model in models:
        _place_all(context, settings, database, gpu, model)
    judged = {
        _name_of(model): judge(database, gpu, model, active)
        for model in models
        if (active := _active(database, model)) is not None
    }
    yield from results({name: each.gates for name, each in judged.items()})
    pictures: dict[str, dg.MetadataValue] = {}
    for name, each in judged.items():
        of_space = f" of {name}" if len(models) > 1 else ""
        pictures |= {f"density{of_space}": glance(each.places), f"map{of_space}": picture(each.places, each.newest)}
    yield dg.MaterializeResult(metadata={**(_metadata(database) or {}), **pictures})


projection_job = dg.define_asset_job(
    PROJECTION_JOB_NAME,
    selection=dg.AssetSelection.assets(projection_model),
    description="Place by the projection that is to become active what another one has placed, and judge it.",
)


def is_filled(database: Database) -> bool:
    """Return whether all embeddings that have a place have it by the projection that they are to have."""

    def look(unit_of_work: UnitOfWork) -> bool:
        for model in active_embedding_models(unit_of_work):
            projections = unit_of_work.query(PROJECTION_MODELS, model_id=model["modelId"])
            if any(projection["filling"] for projection in projections):
                return False
            active = [projection["projectionModelId"] for projection in projections if projection["active"]]
            if len(projections) > 1 and unit_of_work.query(
                "any_placed_otherwise", model_id=model["modelId"], projection_model_id=next(iter(active), 0)
            ):
                return False
        return True

    return ask(database, look)


def materialize_if_new(context: dg.AssetExecutionContext, database: Database) -> None:
    """Log a materialisation when the active projections have changed: the first comes into being with the first embedding."""
    metadata = _metadata(database)
    if metadata is None:
        return
    known = context.instance.get_latest_materialization_event(projection_model.key)
    materialization = known.asset_materialization if known else None
    if materialization is None or materialization.metadata.get(_ARTEFACT) != metadata[_ARTEFACT]:
        context.log_event(dg.AssetMaterialization(projection_model.key, metadata=metadata))


def _check_that_it_exists(database: Database, models: Sequence[EmbeddingModel], config: ProjectionConfig) -> None:
    """Raise Failure where no model of these has the projection that is to be switched to."""
    if not any(config.switch_to in _projection_ids(database, model) for model in models):
        whose = config.space or "any active embedding model"
        raise dg.Failure(f"{config.switch_to} is no projection of {whose}", allow_retries=False)


def _projection_ids(database: Database, model: EmbeddingModel) -> list[int]:
    known = ask(database, lambda unit_of_work: unit_of_work.query(PROJECTION_MODELS, model_id=model["modelId"]))
    return [projection["projectionModelId"] for projection in known]


def _choose(database: Database, model: EmbeddingModel, config: ProjectionConfig) -> tuple[int | None, dict[str, Gate]]:
    """The ProjectionModelId that the config names, fitted where it is new; None for none, or, with its gates, for one that fails them."""
    if config.switch_to:
        return (config.switch_to if config.switch_to in _projection_ids(database, model) else None), {}
    if config.method == LANDMARK_METHOD:
        dimension = model["dimension"]
        return transact(
            database, lambda unit_of_work: add_landmark_projection(unit_of_work, model["modelId"], dimension)
        ), {}
    if not config.method:
        return None, {}
    options = FitOptions(config.seed, config.n_neighbors, config.min_dist)
    try:
        return fit_space(database, model, config.method, options, config.sample)
    except (ValueError, ProjectionUnavailable) as error:
        raise dg.Failure(f"{_name_of(model)}: {error}", allow_retries=False) from error


def _place_all(
    context: dg.AssetExecutionContext, settings: Settings, database: Database, compute: Compute, model: EmbeddingModel
) -> None:
    """Go on until nothing is placed by another projection than the one that is to be active, a batch at a time."""
    batch_size, run_id = settings.projection_batch_size, context.run.run_id
    placed, reported = 0, time.monotonic()
    while done := place_anew(database, compute, model, batch_size, run_id):
        placed += done
        if time.monotonic() - reported > _REPORT_SECONDS:
            reported = time.monotonic()
            context.log.info(f"{_name_of(model)}: {placed} steps of embeddings placed anew or former places deleted")


def _active(database: Database, model: EmbeddingModel) -> StoredProjection | None:
    """The active projection; None where the model was dropped meanwhile."""

    def look(unit_of_work: UnitOfWork) -> StoredProjection | None:
        active = ensure_projection_model(unit_of_work, model["modelId"], model["dimension"])
        known = unit_of_work.query(PROJECTION_MODELS, model_id=model["modelId"]) if active else []
        return next((each for each in known if each["active"]), None)

    return transact(database, look)


def _metadata(database: Database) -> dict[str, dg.MetadataValue] | None:
    """Which projections there are, how much each has placed, and which one is active; None before there is an embedding model."""
    found = [(model, _active(database, model)) for model in ask(database, active_embedding_models)]
    models = [model for model, projection in found if projection]
    active = [projection for _, projection in found if projection]
    if not models:
        return None
    names = [_name_of(model) for model in models]
    parameters = [json.loads(projection["parameters"]) for projection in active]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(models)),
        "embedding model": dg.MetadataValue.text(", ".join(names)),
        "method": dg.MetadataValue.text(", ".join(projection["method"] for projection in active)),
        "parameters": dg.MetadataValue.json(
            parameters[0] if len(models) == 1 else dict(zip(names, parameters, strict=True))
        ),
        "projections": markdown_table([row for model in models for row in _listed(database, model)]),
        _ARTEFACT: dg.MetadataValue.text(", ".join(projection["artifactHash"] for projection in active)),
    }


def _listed(database: Database, model: EmbeddingModel) -> Sequence[Row]:
    """The projections of a space as the page lists them."""

    def look(unit_of_work: UnitOfWork) -> list[Row]:
        placed = {
            row["projectionModelId"]: row["n"]
            for row in unit_of_work.query(PLACED_BY_PROJECTION, model_id=model["modelId"])
        }
        active = ensure_projection_model(unit_of_work, model["modelId"], model["dimension"])
        if active is None:
            return []
        target = target_projection(unit_of_work, model["modelId"], active)["projectionModelId"]
        return [
            {
                "space": _name_of(model),
                "ProjectionModelId": each["projectionModelId"],
                "method": each["method"],
                "state": "active" if each["active"] else "filling" if each["projectionModelId"] == target else "",
                "fitted to": each["trainedOn"],
                "held out to judge it": json.loads(each["parameters"]).get("heldOut", 0),
                "embeddings placed": placed.get(each["projectionModelId"], 0),
                "created": each["createdAt"],
            }
            for each in unit_of_work.query(PROJECTION_MODELS, model_id=model["modelId"])
        ]

    return transact(database, look)


def _name_of(model: EmbeddingModel) -> str:
    return f"{model['name']} ({model['precision']})"
