"""Which columns each stage fills from which columns. What a stage makes of a file's bytes comes from no column."""

import dagster as dg

from hartonomous_assets.stage import Stage

_MESSAGE = ("ingestion_queue.Body",)
_PLACED = ("atom_embeddings.EmbeddingVector", "projection_model.Parameters")
_POSITION = ("X", "Y", "Z", "HilbertValue", "SpatialKey", "SpatialBucketX", "SpatialBucketY", "SpatialBucketZ")
_EMBEDDED = ("AtomEmbeddingId", "AtomId", "TenantId", "ModelId", "Dimension", "EmbeddingVector", "WindowCount")
_BOTH_TENANTS = ("sources.TenantId", "atoms.TenantId")
_BOTH_HOURS = ("sources.IngestHour", "atoms.IngestHour")
_BOTH_KEYS = ("sources.SourceId", "atoms.ContentHash")

_COMES_FROM: dict[str, dict[str, tuple[str, ...]]] = {
    "sources": {
        **dict.fromkeys(("TenantId", "SourceUri", "ContentType", "ReadUri", "Metadata"), _MESSAGE),
        "MessageId": ("ingestion_queue.MessageId",),
    },
    "atoms": {"TenantId": ("sources.TenantId",), "IngestHour": ("sources.IngestHour",)},
    "atom_embeddings": {
        "AtomId": ("atoms.AtomId",),
        "TenantId": ("atoms.TenantId",),
        "IngestHour": ("atoms.IngestHour",),
        **dict.fromkeys(("EmbeddingVector", "WindowCount"), ("atoms.CanonicalText",)),
    },
    "atom_projections": {
        **{column: (f"atom_embeddings.{column}",) for column in (*_EMBEDDED, "IngestHour", "RunId", "CreatedAt")},
        **dict.fromkeys(_POSITION, _PLACED),
        "ProjectionModelId": ("projection_model.ProjectionModelId",),
    },
    "provenance_graph": {  # SQLite's columns and Neo4j's properties
        **dict.fromkeys(("TenantId", "tenantId"), _BOTH_TENANTS),
        **dict.fromkeys(("Key", "key"), _BOTH_KEYS),
        **dict.fromkeys(("IngestHour", "ingestHour"), _BOTH_HOURS),
        "atomId": ("atoms.AtomId",),
        "atomHash": ("atoms.ContentHash",),
        "modality": ("atoms.Modality",),
        "subtype": ("atoms.Subtype",),
        "sourceId": ("sources.SourceId",),
        "sourceUri": ("sources.SourceUri",),
        "version": ("sources.Version",),
        "contentHash": ("sources.ContentHash",),
        "byteLength": ("sources.ByteLength",),
        "receivedAt": ("sources.ReceivedAt",),
        "supersededBy": ("sources.SupersededBy",),
        "contentType": ("sources.ContentType", "atoms.ContentType"),
        "runId": ("atom_embeddings.RunId",),
        "modelId": ("atom_embeddings.ModelId",),
        "projectionModelId": ("atom_projections.ProjectionModelId",),
    },
}


def column_lineage(stage: Stage) -> dict[str, dg.TableColumnLineage]:
    """Return metadata from which the page draws where each column comes from; only columns that the active store has."""
    columns = {column.name for column in stage.spec.metadata["dagster/column_schema"].columns}
    return {
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(*dependency.split(".")) for dependency in dependencies]
                for column, dependencies in _COMES_FROM[stage.name].items()
                if column in columns
            }
        )
    }
