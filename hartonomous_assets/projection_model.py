"""Asset `projection_model`: the active projection of the active embedding model, versioned."""

from functools import partial

import dagster as dg

from hartonomous_assets.table_schema import column_schema
from hartonomous_core.spatial.landmarks import LANDMARK_METHOD
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.work.models import active_embedding_model, ensure_projection_model

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
    """Log the projection that a run of the chain placed atoms by, once: it comes into being with the first embedding."""
    metadata = _active(database)
    if metadata is None:
        return
    known = context.instance.get_latest_materialization_event(projection_model.key)
    materialization = known.asset_materialization if known else None
    if materialization is None or materialization.metadata.get(_ARTEFACT) != metadata[_ARTEFACT]:
        context.log_event(dg.AssetMaterialization(projection_model.key, metadata=metadata))


def _active(database: Database) -> dict[str, dg.MetadataValue] | None:
    model = ask(database, active_embedding_model)
    if model is None:
        return None
    projection = transact(
        database, partial(ensure_projection_model, model_id=model["modelId"], dimension=model["dimension"])
    )
    return {
        "dagster/row_count": dg.MetadataValue.int(1),
        "embedding model": dg.MetadataValue.text(f"{model['name']} ({model['precision']})"),
        "method": dg.MetadataValue.text(projection["method"]),
        "parameters": dg.MetadataValue.json(projection["parameters"]),
        _ARTEFACT: dg.MetadataValue.text(projection["artifactHash"]),
    }
