"""What the calls about sources answer, for OpenAPI, and the body that names a file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from hartonomous_core.vocabulary import SourceStatus
from hartonomous_service.http.documents import Document, Page


class Source(Document):
    """A source: one version of what a name stands for."""

    sourceId: int
    tenantId: int
    sourceUri: str = Field(description="Its name.")
    version: int
    supersededBy: int | None = Field(description="The version that replaced it.")
    contentType: str
    contentHash: str | None = Field(
        description="SHA-256 of its bytes; of a file that is read in place null until it is."
    )
    byteLength: int
    ingestHour: str
    status: SourceStatus
    atomizerVersion: str | None
    messageId: str
    receivedAt: str
    lastSeenAt: str
    errorMessage: str | None
    metadata: dict[str, Any]
    searchable: bool
    runIds: list[str]
    atomCount: int
    newAtomCount: int
    newBytes: int


class SourcePage(Page):
    """A page of the sources, the latest first."""

    sources: list[Source]


class AtomOfSource(Document):
    """An atom where it stands in a source."""

    ordinal: int
    hash: str = Field(description="SHA-256 of its bytes.")
    byteOffset: int
    byteLength: int
    subtype: str | None
    text: str | None = Field(description="null for what is kept as bytes.")


class AtomPage(Page):
    """A page of the atoms of a source, in order."""

    atoms: list[AtomOfSource]


class QueuedFile(Document):
    """A file that will be read when its turn comes."""

    messageId: str
    sourceUri: str
    status: str


class FileToIngest(BaseModel):
    """A file to read where it lies."""

    model_config = ConfigDict(extra="forbid", strict=True)

    uri: str = Field(min_length=1, description="`file:` uri in a folder of HARTONOMOUS_ALLOWED_ROOTS.")
    sourceUri: str | None = Field(default=None, min_length=1)
    sourceId: str | None = Field(default=None, min_length=1)
    contentType: str | None = None
    metadata: dict[str, Any] | None = None
