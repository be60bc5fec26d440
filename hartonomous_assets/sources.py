"""Stage `sources`: receives from IngestionQueue and inserts rows into Source, in one transaction.

A file is not copied: the message is a claim check, and the atoms stage reads it where it lies, proving by hash that what it
stored is what it read. Inline bytes lie in the blob store until they are atomized.
"""

import errno
import json
import os
from collections.abc import Generator
from functools import partial
from pathlib import Path

import dagster as dg

from hartonomous_assets.receiving import in_batches, receive_batch
from hartonomous_assets.stage import IDLE, Progress, Stage, Work, hour_table, os_errors_as_outage
from hartonomous_assets.table_schema import column_schema, store_kind
from hartonomous_core.atomizers.charsets import HEAD_BYTES
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.messages import INGESTION_QUEUE, IngestionRequest, InvalidMessage, parse_ingestion_request
from hartonomous_resources.database.protocol import Message, UnitOfWork
from hartonomous_resources.resources import Resources
from hartonomous_resources.source_files import MACHINE_ERRORS, ForbiddenSource, open_source_file
from hartonomous_resources.source_uris import UnreadableSource, real_path, source_uri_of
from hartonomous_resources.work.landing import insert_landed_source


def steps(work: Work) -> Generator[Progress]:
    """Receive batches of messages while the hour runs."""
    settings = work.resources.settings

    def handle(unit_of_work: UnitOfWork, message: Message) -> None:
        request = parse_ingestion_request(message.body)
        try:
            with os_errors_as_outage():
                insert_source(unit_of_work, work.resources, message, request, work.hour)
        except UnreadableSource as error:
            raise InvalidMessage(str(error), request.tenant_id, canonical_body=request.to_body()) from error

    batches = in_batches(settings.ingestion_batch_size, partial(receive_batch, work, INGESTION_QUEUE, handle))
    while True:
        yield next(batches) if work.is_current_hour and settings.ingestion_enabled else IDLE


def insert_source(
    unit_of_work: UnitOfWork, resources: Resources, message: Message, request: IngestionRequest, hour: str
) -> None:
    """Insert the Source row of a request.

    Raises UnreadableSource when its file may not be read, or cannot be and never could.
    """
    path = None if request.uri is None else real_path(request.uri)
    source_uri = source_uri_of(request, path=path)
    blob_key = None
    if request.raw_data is not None:
        byte_length, content_type = len(request.raw_data), sniff(request.raw_data[:HEAD_BYTES], source_uri)
        unit_of_work.query("lock_blobs")
        blob_key = resources.blobs.put(request.tenant_id, request.raw_data)
    else:
        try:
            byte_length, content_type = _look_at(unit_of_work, resources, message, request, path, source_uri)
        except ForbiddenSource:
            raise
        except UnreadableSource:
            earlier = unit_of_work.query(
                "sources_by_uri", tenant_id=request.tenant_id, source_uris=json.dumps([source_uri])
            )
            if not earlier:
                raise
            # Its file is gone: this version holds nothing. Stage `atoms` dead-letters it in its turn, and the version before is current no more.
            byte_length, content_type = 0, earlier[-1]["contentType"]
    insert_landed_source(
        unit_of_work,
        request,
        source_uri=source_uri,
        content_type=content_type,
        byte_length=byte_length,
        blob_key=blob_key,
        message_id=message.message_id,
        hour=hour,
    )


def _look_at(
    unit_of_work: UnitOfWork,
    resources: Resources,
    message: Message,
    request: IngestionRequest,
    path: Path | None,
    source_uri: str,
) -> tuple[int, str]:
    """Return length and content type of the file of a request, which really lies at `path`."""
    assert request.uri is not None  # noqa: S101 - the message was validated: exactly one of the two is given
    granted = unit_of_work.query("path_grant", message_id=message.message_id)
    uri = granted[0]["uri"] if granted else None
    with open_source_file(request.uri, resources.settings, uri, path) as file:
        try:
            head = file.read(HEAD_BYTES)
        except OSError as error:
            if error.errno in MACHINE_ERRORS or error.errno == errno.EIO:
                raise
            raise UnreadableSource(f"{request.uri}: cannot be read: {error.strerror}") from error
        return os.fstat(file.fileno()).st_size, sniff(head, source_uri)  # a file of /proc has no end to seek


STAGE = Stage(
    spec=dg.AssetSpec(
        "sources",
        deps=["ingestion_queue"],
        group_name="ingestion",
        kinds={store_kind(), "python"},
        owners=["team:hartonomous"],
        metadata=column_schema("Source"),
        code_version="1",
        description="Sources landed from IngestionQueue: one row per file and version. A message that cannot be taken in becomes a "
        "dead letter with the reason; nothing is lost and the rest goes on.",
    ),
    steps=steps,
    totals=hour_table("hour_sources"),
    batch_size=lambda settings: settings.ingestion_batch_size,
    main_count="received",
)
