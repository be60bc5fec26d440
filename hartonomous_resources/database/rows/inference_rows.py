"""Rows of statements about inferences."""

from hartonomous_resources.database.statements import Values


def insert_inference_atom(*, tenant_id: int, inference_id: str, role: str, ordinal: int, atom_hash: bytes) -> Values:
    return tenant_id, inference_id, role, ordinal, atom_hash
