"""Asset `projection_model`: the active projection of each active embedding model, versioned."""

import dagster as dg

from hartonomous_assets.table_schema import column_schema
from hartonomous_core.spatial.landmarks import LANDMARK_METHOD
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import ProjectionModel
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_resources.work.space_projections import ensure_projection_model

_ARTEFACT = "artefact"


@dg.asset(
    group_name="vectors",
    kinds={"numpy", "python"},
    owners=["team:hartonomous"],
    metadata=column_schema("ProjectionModel"),
    code_version=LANDMARK_METHOD,
    description="How vectors are put in 3-D. The landmark projection needs no data and is the same in every language; its axes, mean "
    "and scale are frozen in the model, and positions say which model placed them.",
)
def projection_model(database: dg.ResourceParam[Database]) -> dg.MaterializeResult[None]:
    metadata = _active(database)
    return dg.MaterializeResult(
        metadata=metadata or {"state": "no embedding model is active yet: ingest something first"}
    )


def materialize_if_new(context: dg.AssetExecutionContext, database: Database) -> None:
    """Log a materialisation when the active projections have changed: the first comes into being with the first embedding."""
    metadata = _active(database)
    if metadata is None:
        return
    known = context.instance.get_latest_materialization_event(projection_model.key)
    materialization = known.asset_materialization if known else None
    if materialization is None or materialization.metadata.get(_ARTEFACT) != metadata[_ARTEFACT]:
        context.log_event(dg.AssetMaterialization(projection_model.key, metadata=metadata))


def _active(database: Database) -> dict[str, dg.MetadataValue] | None:
    models = ask(database, active_embedding_models)
    if not models:
        return None

    def ensure(unit_of_work: UnitOfWork) -> list[ProjectionModel]:
        return [ensure_projection_model(unit_of_work, model["modelId"], model["dimension"]) for model in models]

    projections = transact(database, ensure)
    names = [f"{model['name']} ({model['precision']})" for model in models]
    parameters = [projection["parameters"] for projection in projections]
    return {
        "dagster/row_count": dg.MetadataValue.int(len(models)),
        "embedding model": dg.MetadataValue.text(", ".join(names)),
        "method": dg.MetadataValue.text(", ".join(projection["method"] for projection in projections)),
        "parameters": dg.MetadataValue.json(
            parameters[0] if len(models) == 1 else dict(zip(names, parameters, strict=True))
        ),
        _ARTEFACT: dg.MetadataValue.text(", ".join(projection["artifactHash"] for projection in projections)),
    }
