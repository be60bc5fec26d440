"""Rows of statements about sources."""

from typing import TypedDict

from hartonomous_resources.database.statements import Statement


class ClaimableSource(TypedDict):
    """What is weighed before sources are claimed."""

    sourceId: int
    byteLength: int
    attemptCount: int


class UnfinishedSource(TypedDict):
    """A source that is landed and not yet atomized. Its bytes are read at `readUri` or lie in the blob store under `blobKey`."""

    sourceId: int
    tenantId: int
    sourceUri: str
    contentType: str
    ingestHour: str
    messageId: str
    readUri: str | None
    blobKey: str | None
    attemptCount: int
    receivedAt: str
    metadata: str


class ClaimedSource(UnfinishedSource):
    """A source that this run holds a lease on."""

    version: int
    byteLength: int


class ExhaustedSource(UnfinishedSource):
    """A source that has used up its attempts; `errorMessage` is None where its process died each time."""

    errorMessage: str | None


class SourceWithHash(TypedDict):
    """The current version of a source, found by its bytes."""

    sourceId: int
    contentType: str
    atomizerVersion: str


class SourceId(TypedDict):
    """Which source."""

    sourceId: int


CLAIMABLE_SOURCES = Statement("claimable_sources", ClaimableSource)
CLAIM_SOURCES = Statement("claim_sources", ClaimedSource)
EXHAUSTED_SOURCES = Statement("exhausted_sources", ExhaustedSource)
CURRENT_SOURCE_WITH_HASH = Statement("current_source_with_hash", SourceWithHash)
SUPERSEDE_MEMBERS = Statement("supersede_members", SourceId)
SUPERSEDE_OLDER_VERSIONS = Statement("supersede_older_versions", SourceId)
