"""Takes in bytes that come piece by piece and makes a source of them: all of it, or nothing."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Self

from hartonomous_core.atomizers import atomizer_for, atomizer_version
from hartonomous_core.atomizers.charset_names import charset_parameter, media_type
from hartonomous_core.atomizers.charsets import HEAD_BYTES
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.clock import time_ordered_uuid, timestamp
from hartonomous_core.messages import IngestionRequest, InvalidMessage, parse_ingestion_request
from hartonomous_resources.blobs import IncomingBytes, TooManyBytes
from hartonomous_resources.database.period import running_hour
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.source_uris import source_uri_of
from hartonomous_resources.work.landing import insert_landed_source
from hartonomous_service.errors import Invalid


class TooLarge(Invalid):
    """More bytes than HARTONOMOUS_MAX_SOURCE_BYTES."""

    def __init__(self, error: TooManyBytes) -> None:
        super().__init__(f"{error}: raise HARTONOMOUS_MAX_SOURCE_BYTES or split it", argument="content")


@dataclass(frozen=True, slots=True)
class Submitted:
    """The source of bytes that were taken in. `message_id` is None for one that was there already."""

    source_id: int
    source_uri: str
    message_id: str | None


Record = Callable[[UnitOfWork, Submitted], None]
"""What else is written in the transaction that lands a source."""


def build_request(
    tenant: int,
    source_uri: str | None = None,
    source_id: int | str | None = None,
    content_type: str | None = None,
    metadata: Mapping[str, object] | None = None,
) -> IngestionRequest:
    """Build a request without its bytes; checked as a message is. Raises Invalid."""
    fields = {
        "tenantId": tenant,
        "sourceUri": source_uri,
        "sourceId": source_id,
        "contentType": content_type,
        "metadata": dict(metadata or {}),
        "rawData": "",
    }
    try:
        return parse_ingestion_request(json.dumps(fields).encode())
    except (InvalidMessage, TypeError, ValueError) as error:
        raise Invalid(f"the content cannot be submitted so: {error}") from error


def says_the_same(content_type: str | None, kept: str) -> bool:
    """Tell whether a content type, where one is given, is the one under which the same bytes are kept."""
    if content_type and media_type(content_type) != media_type(kept):
        return False
    return charset_parameter(content_type or "") in (None, charset_parameter(kept))


def is_by_todays_atomizer(version: Row, settings: Settings) -> bool:
    """Tell whether an Atomized version would have the same atoms if it came now."""
    return bool(
        version["atomizerVersion"] == atomizer_version(atomizer_for(version["contentType"], settings.text_unit))
    )


class Submission:
    """Bytes of one tenant on their way in. Whoever opens it closes it; what was not landed then leaves nothing."""

    def __init__(self, resources: Resources, tenant: int) -> None:
        self._resources, self._tenant = resources, tenant
        self._file = resources.blobs.receive(tenant, resources.settings.max_source_bytes)
        self._incoming: IncomingBytes | None = None
        self._head = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, block: bytes) -> None:
        """Append a block. Raises TooLarge."""
        try:
            self._file.write(block)
        except TooManyBytes as error:
            raise TooLarge(error) from error
        if len(self._head) < HEAD_BYTES:
            self._head += block[: HEAD_BYTES - len(self._head)]

    def finish(self) -> str:
        """Bring the bytes to the disk, after the last of them; returns their SHA-256 in hex."""
        if self._incoming is None:
            self._incoming = self._file.finish()
        return self._incoming.key.partition("/")[2]

    def land(self, request: IngestionRequest, record: Record = lambda unit_of_work, submitted: None) -> Submitted:
        """Make the bytes a source that is Landed, for a daemon or the next run to finish.

        The same bytes, as the same type, under the same name are no new version; they are marked as seen again.
        """
        sha256 = self.finish()
        assert self._incoming is not None  # noqa: S101 - what `finish` makes
        uri = source_uri_of(request, sha256)
        sniffed = sniff(bytes(self._head), uri)
        work = partial(_land, self._resources, request, uri, sniffed, self._incoming, record)
        return transact(self._resources.database, work)

    def close(self) -> None:
        """Let go of what was not landed."""
        self._file.close()


def _land(
    resources: Resources,
    request: IngestionRequest,
    uri: str,
    sniffed: str,
    incoming: IncomingBytes,
    record: Record,
    unit_of_work: UnitOfWork,
) -> Submitted:
    unit_of_work.query("lock_blobs")
    known = find_same(unit_of_work, resources, request, uri, incoming.key)
    if known is not None:
        unit_of_work.execute("touch_source", source_id=known.source_id, now=timestamp())
        record(unit_of_work, known)
        return known
    message_id = time_ordered_uuid()
    insert_landed_source(
        unit_of_work,
        request,
        source_uri=uri,
        content_type=sniffed,
        byte_length=incoming.byte_length,
        blob_key=incoming.key,
        message_id=message_id,
        hour=running_hour(unit_of_work),
    )
    [row] = unit_of_work.query("latest_version", tenant_id=request.tenant_id, source_uri=uri)
    submitted = Submitted(row["sourceId"], uri, message_id)
    record(unit_of_work, submitted)
    incoming.keep()  # last: whatever fails before leaves no blob behind
    return submitted


def find_same(
    unit_of_work: UnitOfWork, resources: Resources, request: IngestionRequest, uri: str, blob_key: str
) -> Submitted | None:
    """Return the source that has these bytes, as this type, under this name as its last version; None where none has."""
    for row in unit_of_work.query("latest_version", tenant_id=request.tenant_id, source_uri=uri):
        is_atomized = row["status"] == "Atomized"
        same_bytes = row["contentHash"] == blob_key.partition("/")[2] if is_atomized else row["blobKey"] == blob_key
        same_atoms = not is_atomized or is_by_todays_atomizer(row, resources.settings)
        if same_bytes and same_atoms and says_the_same(request.content_type, row["contentType"]):
            return Submitted(row["sourceId"], uri, None)
    return None
