"""Rows of statements about atoms and their bytes."""

from dataclasses import dataclass
from typing import TypedDict

from hartonomous_core.vocabulary import Role
from hartonomous_resources.database.statements import NULL, Statement, Values

ATOMIC_VALUE_BYTES = 64
"""Content that is no text lies in Atom.AtomicValue up to this length, and has a row of AtomContent above it."""


@dataclass(slots=True)  # not frozen: to make one would take five times as long, and a source has very many
class AtomRow:
    """One atom as it occurs in a source, ready to be written, and not changed once it is made.

    Its fields have the names of the columns that usp_write_atoms takes on SQL Server.

    `content_hash` is SHA-256 (32 bytes) of its bytes. `content` are these; None where `canonical_text` is the only copy, see `only_copy`;
    empty where they lie in the blob store under `blob_key`. `ordinal` counts the atoms of its role. `byte_offset` counts from the start of
    the source; what is derived lies nowhere in it, and its row has neither offset nor length.
    """

    content_hash: bytes
    content: bytes | None
    byte_length: int
    blob_key: str | None
    modality: str
    subtype: str | None
    content_type: str | None
    canonical_text: str | None
    ordinal: int
    byte_offset: int | None
    suffix: bytes
    role: Role = "content"
    locator: str | None = None

    @staticmethod
    def only_copy(text: str | None, content: bytes) -> bytes | None:
        """Return the bytes to store beside a text: None where they are its UTF-8, so that the text is their only copy."""
        return None if text is not None and text.encode() == content else content

    def staged(self, *, atom_id: int, reference_count: int) -> Values:
        """The row of `stage_atom`, with which SQLite takes it, for an atom that is new."""
        return stage_atom(
            atom_id=atom_id,
            content_hash=bytearray(self.content_hash),
            modality=self.modality,
            subtype=self.subtype,
            content_type=self.content_type,
            canonical_text=self.canonical_text or NULL,
            byte_length=self.byte_length,
            content=NULL if self.blob_key or self.content is None else self.content,
            blob_key=self.blob_key or NULL,
            reference_count=reference_count,
        )

    def turned_into_text(self, atom_id: int) -> Values:
        """The row of `turn_into_text` for an atom whose bytes had come as a chunk or a gap."""
        return turn_into_text(
            modality=self.modality,
            subtype=self.subtype,
            content_type=self.content_type,
            canonical_text=self.canonical_text,
            atom_id=atom_id,
        )


class StoredBytes(TypedDict):
    """The four places where the bytes of an atom may lie, and their hash."""

    contentHash: bytes
    atomicValue: bytes | None
    content: bytes | None
    blobKey: str | None
    textBytes: bytes | None


class BytesOfAtom(StoredBytes):
    """Where the bytes of an atom lie."""

    atomId: int
    tenantId: int
    contentType: str | None


class AtomContent(StoredBytes):
    """An atom of a source with where its bytes lie; `suffix` follows them in the source."""

    ordinal: int
    byteOffset: int | None
    suffix: bytes | None
    tenantId: int


class StagedAtom(TypedDict):
    """An atom that the tenant has already, found by a hash of the batch.

    `isPlain`: bytes that may turn out to be text. `isFalse`: inserted by hand under a hash that none of its content has.
    """

    contentHash: bytes
    atomId: int
    isPlain: int
    isFalse: int


class NextAtomId(TypedDict):
    """The id of the next new atom."""

    atomId: int


class AtomId(TypedDict):
    """Which atom."""

    atomId: int


class AtomOfTenant(TypedDict):
    """Which atom, of which tenant."""

    atomId: int
    tenantId: int


class DeletedAtom(TypedDict):
    """An atom that is no more; `atomHash` in hex."""

    tenantId: int
    atomHash: str


ATOM_CONTENTS = Statement("atom_contents", BytesOfAtom)
SOURCE_PREVIEW = Statement("source_preview", BytesOfAtom)
SOURCE_CONTENTS = Statement("source_contents", AtomContent)
STAGED_ATOMS = Statement("staged_atoms", StagedAtom)
NEXT_ATOM_ID = Statement("next_atom_id", NextAtomId)
SOURCE_ATOM_IDS = Statement("source_atom_ids", AtomId)
SET_ASIDE_FALSE_ATOM = Statement("set_aside_false_atom", AtomId)
ATOM_BY_HASH = Statement("atom_by_hash", AtomOfTenant)
DELETE_UNREFERENCED_ATOMS = Statement("delete_unreferenced_atoms", DeletedAtom)


def stage_hash(*, content_hash: bytearray) -> Values:
    return (content_hash,)


def stage_atom(
    *,
    atom_id: int,
    content_hash: bytearray,
    modality: str,
    subtype: str | None,
    content_type: str | None,
    canonical_text: str,
    byte_length: int,
    content: bytes | str,
    blob_key: str,
    reference_count: int,
) -> Values:
    return (
        atom_id, content_hash, modality, subtype, content_type, canonical_text, byte_length, content, blob_key, reference_count,
    )  # fmt: skip


def add_references(*, reference_count: int, atom_id: int) -> Values:
    return reference_count, atom_id


def turn_into_text(
    *, modality: str, subtype: str | None, content_type: str | None, canonical_text: str | None, atom_id: int
) -> Values:
    return modality, subtype, content_type, canonical_text, atom_id


def insert_source_atom(
    *,
    source_id: int,
    role: str,
    ordinal: int,
    atom_id: int,
    byte_offset: int | str,
    byte_length: int | str,
    suffix: bytearray | str,
    locator: str,
) -> Values:
    """NULL for what a place does not have."""
    return source_id, role, ordinal, atom_id, byte_offset, byte_length, suffix, locator
