"""Takes in uploads: as they come, or by an earlier upload that is named by its hash."""

from collections.abc import Iterator, Mapping
from functools import partial
from hashlib import file_digest
from pathlib import Path

from pydantic import InstanceOf

from hartonomous_core.messages import AtomHash, IngestionRequest
from hartonomous_resources.blobs import READ_BYTES, TooManyBytes
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.partial_uploads import Appending, PartialUploads, TooManyUploads, WrongOffset
from hartonomous_resources.resources import Resources
from hartonomous_resources.source_uris import source_uri_of
from hartonomous_service.arguments import Name, Offset, Tenant, Text, checked
from hartonomous_service.errors import Conflict, Invalid, NotFound
from hartonomous_service.replays import Answer, Claim, fingerprint_of
from hartonomous_service.source_records import describe_source, find_source, reconstruct
from hartonomous_service.submitting import Submission, Submitted, TooLarge, build_request, find_same


class OtherOffset(Conflict):
    """An upload is to be continued elsewhere. `offset` says where."""

    def __init__(self, error: WrongOffset) -> None:
        super().__init__(str(error))
        self.offset = error.offset


def land(submission: Submission, request: IngestionRequest, resources: Resources, claim: Claim | None) -> Answer:
    """Make a source of bytes that are all there, and return it as it is told of: created, or the same where it was there already.

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
    return Answer("same" if submitted.message_id is None else "created", document)


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
    """Make a source of bytes that the tenant has uploaded before, or that one of its sources has; returns what `land` does.

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
    try:
        yield from _read_file(resources.blobs.path(f"{tenant}/{sha256}"))
        return
    except FileNotFoundError:
        pass  # of a source that is atomized, the landed copy is gone
    kept = _find_kept(resources, sha256, tenant)
    if kept is not None:
        yield from reconstruct(resources, kept["sourceId"], tenant=tenant)
        return
    try:
        yield from _read_file(PartialUploads(resources.settings.blob_dir).path(tenant, sha256))
    except FileNotFoundError as error:
        raise _nothing_uploaded(sha256) from error


def _read_file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            yield block


def _find_kept(resources: Resources, sha256: str, tenant: int) -> Row | None:
    """Return the tenant's Atomized source of these bytes."""

    def find(unit_of_work: UnitOfWork) -> Row | None:
        rows = unit_of_work.query("atomized_source_with_hash", tenant_id=tenant, content_hash=bytes.fromhex(sha256))
        return rows[0] if rows else None

    return ask(resources.database, find)


def _landed_length(resources: Resources, sha256: str, tenant: int) -> int | None:
    """Return the length of the landed copy of these bytes, which a source of the tenant has until it is atomized; None where there is none."""
    key = f"{tenant}/{sha256}"
    if not query(resources.database, "blob_is_referenced", blob_key=key):
        return None
    try:
        return resources.blobs.path(key).stat().st_size
    except FileNotFoundError:
        return None


@checked
def find_upload(resources: Resources, sha256: AtomHash, *, tenant: Tenant) -> tuple[int, bool]:
    """Return how many bytes the tenant has of those with this hash, and whether it is known that these are all. Raises NotFound."""
    landed = _landed_length(
        resources, sha256, tenant
    )  # the first: it may be atomized meanwhile, and is found below then
    if landed is not None:
        return landed, True
    kept = _find_kept(resources, sha256, tenant)
    if kept is not None:
        return kept["byteLength"], True
    offset = PartialUploads(resources.settings.blob_dir).offset(tenant, sha256)
    if offset is None:
        raise _nothing_uploaded(sha256)
    return offset, False


def _nothing_uploaded(sha256: str) -> NotFound:
    return NotFound(f"nothing was uploaded as {sha256}", remedy="upload")


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
    with uploads.path(tenant, sha256).open("rb") as file:
        found = file_digest(file, "sha256").hexdigest()
    if found != sha256:
        uploads.remove(tenant, sha256)
        raise Invalid(f"the bytes have the hash {found}, and are deleted; send them again", argument="sha256")
