"""Rows of statements about atoms and their bytes."""

from typing import TypedDict

from hartonomous_resources.database.statements import Statement, Values


class AtomContent(TypedDict):
    """An atom of a source with the four places where its bytes may lie; `suffix` follows them in the source."""

    ordinal: int
    byteOffset: int | None
    suffix: bytes | None
    contentHash: bytes
    tenantId: int
    atomicValue: bytes | None
    content: bytes | None
    blobKey: str | None
    textBytes: bytes | None


class StagedAtom(TypedDict):
    """An atom that the tenant has already, found by a hash of the batch; `isPlain`: bytes that may turn out to be text."""

    contentHash: bytes
    atomId: int
    isPlain: int


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


SOURCE_CONTENTS = Statement("source_contents", AtomContent)
STAGED_ATOMS = Statement("staged_atoms", StagedAtom)
NEXT_ATOM_ID = Statement("next_atom_id", NextAtomId)
SOURCE_ATOM_IDS = Statement("source_atom_ids", AtomId)
ATOM_BY_HASH = Statement("atom_by_hash", AtomOfTenant)
DELETE_UNREFERENCED_ATOMS = Statement("delete_unreferenced_atoms", DeletedAtom)


def stage_hash(*, content_hash: bytes) -> Values:
    return (content_hash,)


def stage_atom(
    *,
    atom_id: int,
    tenant_id: int,
    modality: str,
    subtype: str | None,
    content_hash: bytes,
    canonical_text: str | None,
    atomic_value: bytes | None,
    content_type: str | None,
    reference_count: int,
    ingest_hour: str,
    created_at: str,
    byte_length: int,
    content: bytes | None,
    blob_key: str | None,
) -> Values:
    return (
        atom_id, tenant_id, modality, subtype, content_hash, canonical_text, atomic_value, content_type, reference_count,
        ingest_hour, created_at, byte_length, content, blob_key,
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
    byte_offset: int | None,
    byte_length: int | None,
    suffix: bytes | None,
    locator: str | None,
) -> Values:
    return source_id, role, ordinal, atom_id, byte_offset, byte_length, suffix, locator
