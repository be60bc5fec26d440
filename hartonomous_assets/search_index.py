"""Asset `search_index`: the search matrix of each active embedding model, in few segments, as the database is now."""

from collections.abc import Iterator

import dagster as dg

from hartonomous_assets.our_runs import SEARCH_INDEX_JOB_NAME, process_tags
from hartonomous_assets.stage_metadata import markdown_table
from hartonomous_resources.database.protocol import Database, Row, UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import EmbeddingModel
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import open_vectors
from hartonomous_resources.settings import Settings
from hartonomous_resources.vectors.protocol import LEAST_RECALL, Merge, RecallTooLow
from hartonomous_resources.work.models import active_embedding_models

RECALL_CHECK = dg.AssetCheckSpec(
    "recall",
    asset="search_index",
    description=f"Of the ten vectors nearest to some of the stored ones, at least {LEAST_RECALL} are among the rows that a search looks at first. "
    "What would find fewer does not come into force.",
)


@dg.asset(
    group_name="vectors",
    kinds={"numpy", "python"},
    owners=["team:hartonomous"],
    deps=["atom_embeddings"],
    check_specs=[RECALL_CHECK],
    description="What a search by meaning compares a question with: all vectors of a model, rounded to a byte a component, in a few files, and "
    "graphs of the tenants with most of them. Searches add what is new by themselves; this joins small segments and drops what was deleted.",
)
def search_index(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], database: dg.ResourceParam[Database]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    context.instance.add_run_tags(context.run.run_id, process_tags(context.run.run_id))
    vectors = open_vectors(settings)
    merges: list[tuple[EmbeddingModel, Merge]] = []
    refused: list[tuple[EmbeddingModel, RecallTooLow]] = []
    for model in ask(database, active_embedding_models):

        def merge(unit_of_work: UnitOfWork, model_id: int = model["modelId"]) -> Merge:
            return vectors.merge(unit_of_work, model_id)

        try:
            merges.append((model, ask(database, merge)))
        except RecallTooLow as error:
            refused.append((model, error))
    recalls = [merge.recall for _, merge in merges] + [error.recall for _, error in refused]
    yield dg.AssetCheckResult(
        passed=not refused,
        check_name=RECALL_CHECK.name,
        metadata={"recall": dg.MetadataValue.float(min(recalls, default=1.0))},
    )
    if refused:
        raise dg.Failure("; ".join(f"{_name_of(model)}: {error}" for model, error in refused), allow_retries=False)
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": dg.MetadataValue.int(sum(merge.rows for _, merge in merges)),
            "bytes": dg.MetadataValue.int(sum(merge.byte_length for _, merge in merges)),
            "seconds": dg.MetadataValue.float(sum((merge.seconds for _, merge in merges), 0.0)),
            "segments": markdown_table([_row_of(model, merge) for model, merge in merges]),
        }
    )


def is_merged(database: Database, settings: Settings) -> bool:
    """Return whether a merge would change nothing."""
    vectors = open_vectors(settings)

    def look(unit_of_work: UnitOfWork) -> bool:
        return all(vectors.is_merged(unit_of_work, row["modelId"]) for row in active_embedding_models(unit_of_work))

    return ask(database, look)


search_index_job = dg.define_asset_job(
    SEARCH_INDEX_JOB_NAME,
    selection=dg.AssetSelection.assets(search_index),
    description="Join small segments of the vectors of each model, measure what is written, and drop what was deleted.",
)


def _name_of(model: EmbeddingModel) -> str:
    return f"{model['name']} ({model['precision']})"


def _row_of(model: EmbeddingModel, merge: Merge) -> Row:
    return {
        "model": _name_of(model),
        "rows": merge.rows,
        "segments": merge.segments,
        "graphs": merge.graphs,
        "bytes": merge.byte_length,
        "recall": round(merge.recall, 4),
        "seconds": round(merge.seconds, 3),
        "written": merge.changed,
    }
