"""Takes in uploads: as they come, by an earlier upload that is named by its hash, or as the uri of a file that lies here already."""

from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any

from pydantic import InstanceOf

from hartonomous_core.messages import INGESTION_QUEUE, AtomHash, IngestionRequest
from hartonomous_resources.blobs import READ_BYTES, TooManyBytes
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.partial_uploads import Appending, PartialUploads, TooManyUploads, WrongOffset
from hartonomous_resources.resources import Resources
from hartonomous_resources.source_uris import UnreadableSource, is_file_uri, real_path, source_uri_of
from hartonomous_service.arguments import Name, Offset, Tenant, Text, checked
from hartonomous_service.errors import Conflict, Invalid, NotFound
from hartonomous_service.replays import Answer, Claim, fingerprint_of
from hartonomous_service.source_records import describe_source, find_source, reconstruct
from hartonomous_service.submitting import Submission, Submitted, TooLarge, build_request, find_same

CREATED, SAME, QUEUED = 201, 200, 202


class OtherOffset(Conflict):
    """An upload is to be continued elsewhere. `offset` says where."""

    def __init__(self, error: WrongOffset) -> None:
        super().__init__(str(error))
        self.offset = error.offset


def land(submission: Submission, request: IngestionRequest, resources: Resources, claim: Claim | None) -> Answer:
    """Make a source of bytes that are all there, and return it as it is told of: 201, or 200 for one that was there already.

    With a claim, what is answered is kept in the same transaction; or the first answer is returned, where there is one.
    """
    fingerprint = _fingerprint(request, submission.finish())
    if claim is not None and claim.first is not None:
        return claim.replay(fingerprint)
    answers: list[Answer] = []

    def record(unit_of_work: UnitOfWork, submitted: Submitted) -> None:
        answers[:] = [_answer_with(unit_of_work, submitted, request.tenant_id)]
        if claim is not None:
            claim.answer(unit_of_work, fingerprint, answers[0])

    submission.land(request, record)
    return answers[0]


def _fingerprint(request: IngestionRequest, sha256: str) -> bytes:
    return fingerprint_of(request.model_dump(mode="json", exclude={"raw_data"}) | {"sha256": sha256})


def _answer_with(unit_of_work: UnitOfWork, submitted: Submitted, tenant: int) -> Answer:
    document = describe_source(unit_of_work, find_source(unit_of_work, submitted.source_id, tenant))
    return Answer(SAME if submitted.message_id is None else CREATED, document)


@checked
def submit_upload(
    resources: Resources,
    sha256: AtomHash,
    *,
    tenant: Tenant,
    source_uri: Name | None = None,
    source_id: Name | None = None,
    content_type: Text | None = None,
    metadata: Mapping[str, object] | None = None,
    claim: InstanceOf[Claim] | None = None,
) -> Answer:
    """Make a source of bytes that the tenant has uploaded before, or that one of its Atomized sources has; returns what `land` does.

    Raises NotFound where there are none, Invalid where what was uploaded has another hash: more is to come, or it is to be sent again.
    """
    request = build_request(tenant, source_uri, source_id, content_type, metadata)
    uri, key = source_uri_of(request, sha256), f"{tenant}/{sha256}"
    if claim is not None and claim.first is not None:
        return claim.replay(_fingerprint(request, sha256))
    if claim is None:
        same = ask(resources.database, partial(_find_same, resources, request, uri, key))
        if same is not None:
            return same
    with Submission(resources, tenant) as submission:
        for block in _read_known(resources, sha256, tenant):
            if claim is not None:
                claim.renew()
            submission.write(block)
        if submission.finish() != sha256:
            raise Invalid(f"what was uploaded is not all of it, or has another hash: {submission.finish()}")
        answer = land(submission, request, resources, claim)
    PartialUploads(resources.settings.blob_dir).remove(tenant, sha256)
    return answer


def _find_same(
    resources: Resources, request: IngestionRequest, uri: str, key: str, unit_of_work: UnitOfWork
) -> Answer | None:
    known = find_same(unit_of_work, resources, request, uri, key)
    return None if known is None else _answer_with(unit_of_work, known, request.tenant_id)


def _read_known(resources: Resources, sha256: str, tenant: int) -> Iterator[bytes]:
    """Yield the bytes of this hash that the tenant has, in a source or as an upload. Raises NotFound."""
    kept = _find_kept(resources, sha256, tenant)
    if kept is not None:
        yield from reconstruct(resources, kept["sourceId"], tenant=tenant)
        return
    try:
        file = PartialUploads(resources.settings.blob_dir).open(tenant, sha256)
    except FileNotFoundError as error:
        raise NotFound(f"nothing was uploaded as {sha256}: PATCH /uploads/{sha256} does so") from error
    with file:
        while block := file.read(READ_BYTES):
            yield block


def _find_kept(resources: Resources, sha256: str, tenant: int) -> Row | None:
    """Return the tenant's Atomized source of these bytes."""

    def find(unit_of_work: UnitOfWork) -> Row | None:
        rows = unit_of_work.query("atomized_source_with_hash", tenant_id=tenant, content_hash=bytes.fromhex(sha256))
        return rows[0] if rows else None

    return ask(resources.database, find)


@checked
def find_upload(resources: Resources, sha256: AtomHash, *, tenant: Tenant) -> tuple[int, bool]:
    """Return how many bytes the tenant has of those with this hash, and whether it is known that these are all. Raises NotFound."""
    kept = _find_kept(resources, sha256, tenant)
    if kept is not None:
        return kept["byteLength"], True
    offset = PartialUploads(resources.settings.blob_dir).offset(tenant, sha256)
    if offset is None:
        raise NotFound(f"nothing was uploaded as {sha256}")
    return offset, False


@checked
def continue_upload(resources: Resources, sha256: AtomHash, offset: Offset, *, tenant: Tenant) -> Appending:
    """Open an upload to append to it; the caller closes it. Raises OtherOffset, and Conflict for one more than a tenant may have."""
    try:
        return PartialUploads(resources.settings.blob_dir).append(
            tenant, sha256, offset, resources.settings.max_source_bytes
        )
    except WrongOffset as error:
        raise OtherOffset(error) from error
    except TooManyUploads as error:
        raise Conflict(str(error)) from error


def append(upload: Appending, block: bytes) -> None:
    """Append a block to an upload. Raises TooLarge."""
    try:
        upload.write(block)
    except TooManyBytes as error:
        raise TooLarge(error) from error


@checked
def check_upload(resources: Resources, sha256: AtomHash, *, tenant: Tenant) -> None:
    """Check the hash of an upload of which all should be there. Raises Invalid and deletes it where it has another."""
    uploads = PartialUploads(resources.settings.blob_dir)
    with uploads.open(tenant, sha256) as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != sha256:
        uploads.remove(tenant, sha256)
        raise Invalid(f"the bytes have the hash {found}, and are deleted; send them again", argument="sha256")


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
    """Enqueue a file that lies in one of HARTONOMOUS_ALLOWED_ROOTS, to be read there when its turn comes: 202. Nothing is fetched.

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
        if claim is not None:
            claim.answer(unit_of_work, fingerprint, Answer(QUEUED, document))
        return Answer(QUEUED, document)

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
