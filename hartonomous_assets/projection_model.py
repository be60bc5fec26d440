"""Asset `projection_model`: the active projection of the active embedding model, versioned."""

from functools import partial

import dagster as dg

from hartonomous_assets.table_schema import column_schema
from hartonomous_resources.database.models import active_embedding_model, ensure_projection_model
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import ask, transact


@dg.asset(
    group_name="vectors",
    kinds={"numpy", "python"},
    owners=["team:hartonomous"],
    metadata=column_schema("ProjectionModel"),
    description="How vectors are put in 3-D. The landmark projection needs no data and is the same in every language; its axes, mean "
    "and scale are frozen in the model, and positions say which model placed them.",
)
def projection_model(database: dg.ResourceParam[Database]) -> dg.MaterializeResult[None]:
    model = ask(database, active_embedding_model)
    if model is None:
        return dg.MaterializeResult(metadata={"state": "no embedding model is active yet: ingest something first"})
    projection = transact(
        database, partial(ensure_projection_model, model_id=model["modelId"], dimension=model["dimension"])
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": 1,
            "embedding model": f"{model['name']} ({model['precision']})",
            "method": projection["method"],
            "parameters": dg.MetadataValue.json(projection["parameters"]),
            "artefact": projection["artifactHash"],
        }
    )
