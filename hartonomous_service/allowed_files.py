"""Enqueues files that lie where any message may read them, in the folders of HARTONOMOUS_ALLOWED_ROOTS."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import InstanceOf

from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.source_uris import UnreadableSource, is_file_uri, real_path, source_uri_of
from hartonomous_service.arguments import Name, Tenant, Text, checked
from hartonomous_service.errors import Invalid
from hartonomous_service.replays import Answer, Claim, fingerprint_of
from hartonomous_service.submitting import build_request


@checked
def enqueue_uri(
    resources: Resources,
    uri: Name,
    *,
    tenant: Tenant,
    source_uri: Name | None = None,
    source_id: Name | None = None,
    content_type: Text | None = None,
    metadata: Mapping[str, object] | None = None,
    claim: InstanceOf[Claim] | None = None,
) -> Answer:
    """Enqueue a file that lies in one of HARTONOMOUS_ALLOWED_ROOTS, to be read there when its turn comes. Nothing is fetched.

    Raises Invalid for any other place. Whether the file is there is not said: its dead letter does.
    """
    named = build_request(tenant, source_uri, source_id, content_type, metadata)
    request = named.model_copy(update={"raw_data": None, "uri": uri})
    path = _require_allowed(resources, uri)
    name = source_uri_of(request, path=path)
    fingerprint = fingerprint_of(request.model_dump(mode="json"))
    if claim is not None and claim.first is not None:
        return claim.replay(fingerprint)

    def enqueue(unit_of_work: UnitOfWork) -> Answer:
        [message_id] = unit_of_work.enqueue(INGESTION_QUEUE, [(path.as_uri(), request.to_body())])
        document: dict[str, Any] = {"messageId": message_id, "sourceUri": name, "status": "Queued"}
        answer = Answer("queued", document)
        if claim is not None:
            claim.answer(unit_of_work, fingerprint, answer)
        return answer

    return transact(resources.database, enqueue)


def _require_allowed(resources: Resources, uri: str) -> Path:
    """Return where the file really lies, links followed; it is judged once more when it is opened."""
    refused = Invalid("give the file: uri of a file in a folder of HARTONOMOUS_ALLOWED_ROOTS", argument="uri")
    if not is_file_uri(uri.lower()) or len(uri) > 16384 or "\0" in uri:
        raise refused
    try:
        path = real_path(uri)
    except UnreadableSource as error:
        raise refused from error
    if not any(path.is_relative_to(root.resolve()) for root in resources.settings.allowed_roots):
        raise refused
    return path
