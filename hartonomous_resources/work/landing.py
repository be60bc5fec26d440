"""Lands a source: inserts its row now; its bytes are read when its turn comes."""

import json

from hartonomous_core.clock import timestamp
from hartonomous_core.messages import IngestionRequest
from hartonomous_resources.database.protocol import UnitOfWork


def insert_landed_source(
    unit_of_work: UnitOfWork,
    request: IngestionRequest,
    *,
    source_uri: str,
    content_type: str,
    byte_length: int,
    blob_key: str | None,
    message_id: str,
    hour: str,
) -> None:
    """Insert the Source row of a request, the next version of its uri; `content_type` is as sniffed, and counts where none was sent.

    A blob that it names must have been put under the lock of `lock_blobs`, in this unit of work.
    """
    metadata = dict(request.metadata)
    if request.source_id is not None:
        metadata["sourceId"] = request.source_id
    unit_of_work.execute(
        "insert_source",
        tenant_id=request.tenant_id,
        source_uri=source_uri,
        content_type=request.content_type or content_type,
        byte_length=byte_length,
        hour=hour,
        message_id=message_id,
        read_uri=request.uri,
        blob_key=blob_key,
        now=timestamp(),
        metadata=json.dumps(metadata, sort_keys=True),
    )
