"""Records inferences, reported by an application's call or by an event of ProvenanceQueue. Decision 28 has the rule.

What is recorded stays, what is not recorded yet is added, and what differs is refused: mixing two would be an inference that never was.
"""

import json
from collections.abc import Mapping
from typing import Any

from hartonomous_core.clock import timestamp
from hartonomous_core.messages import PROVENANCE_QUEUE, InferenceEvent, atoms_events
from hartonomous_core.vocabulary import INFERENCE_ROLES
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import ATOM_BY_HASH, SET_ASIDE_FALSE_ATOM
from hartonomous_resources.database.rows.inference_rows import insert_inference_atom

_NOT_YET: tuple[object, ...] = (None, "{}", [])
"""Values of a field that nobody has reported yet."""


class RecordedOtherwise(ValueError):
    """Something else is recorded under this id. The message names the inference and the field."""


def write_inference(
    unit_of_work: UnitOfWork,
    inference: InferenceEvent,
    *,
    answers: Mapping[str, bytes] | None = None,
    metadata: Mapping[str, object] | None = None,
) -> bool:
    """Record an inference; returns True where any field was not recorded before.

    `answers` are the bytes of texts that it produced, by the SHA-256 in hex by which `inference` names them: they become atoms.

    Raises RecordedOtherwise, before anything is written, where a field is recorded with another value.
    """
    fields = _fields_to_record(inference, metadata or {})
    recorded = read_inference(unit_of_work, inference.tenant_id, inference.inference_id)
    for name, value in fields.items():
        if value not in _NOT_YET and recorded.get(name) not in (*_NOT_YET, value):
            raise RecordedOtherwise(f"inference {inference.inference_id} is recorded already, with another {name}")
    new = {name for name, value in fields.items() if value not in _NOT_YET and recorded.get(name) in _NOT_YET}
    if new:
        _write(unit_of_work, inference, fields)
    _insert_answers(unit_of_work, inference.tenant_id, answers or {})
    return bool(new)


def read_inference(unit_of_work: UnitOfWork, tenant_id: int, inference_id: str) -> dict[str, Any]:
    """Read what is recorded of an inference, and `unknownAtoms`, the input that is not here; nothing where nothing is recorded.

    In a unit of work that writes, nobody else records the inference before it ends.
    """
    key = {"tenant_id": tenant_id, "inference_id": inference_id}
    rows = unit_of_work.query("inference_to_record", **key)
    if not rows:
        return {}
    atoms = unit_of_work.query("inference_atoms", **key)
    unknown = (row["atomHash"] for row in atoms if row["role"] == "input" and row["atomId"] is None)
    return {
        **rows[0],
        **{f"{role}Atoms": [row["atomHash"] for row in atoms if row["role"] == role] for role in INFERENCE_ROLES},
        "unknownAtoms": list(dict.fromkeys(unknown)),
    }


def _fields_to_record(inference: InferenceEvent, metadata: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields of an inference by the names under which they are recorded."""
    return {
        "model": inference.model,
        "task": inference.task,
        "startedAt": inference.started_at,
        "durationMs": inference.duration_ms,
        "metadata": json.dumps(metadata, sort_keys=True, ensure_ascii=False),
        "inputAtoms": inference.input_atoms,
        "outputAtoms": inference.output_atoms,
    }


def _write(unit_of_work: UnitOfWork, inference: InferenceEvent, fields: Mapping[str, Any]) -> None:
    unit_of_work.execute(
        "record_inference",
        inference_id=inference.inference_id,
        tenant_id=inference.tenant_id,
        model=inference.model,
        task=inference.task,
        started_at=inference.started_at,
        duration_ms=inference.duration_ms,
        metadata=fields["metadata"],
        now=timestamp(),
    )
    unit_of_work.execute_many(
        insert_inference_atom,
        [
            insert_inference_atom(
                tenant_id=inference.tenant_id,
                inference_id=inference.inference_id,
                role=role,
                ordinal=ordinal,
                atom_hash=bytes.fromhex(digest),
            )
            for role in INFERENCE_ROLES
            for ordinal, digest in enumerate(fields[f"{role}Atoms"])
        ],
    )


def _insert_answers(unit_of_work: UnitOfWork, tenant_id: int, answers: Mapping[str, bytes]) -> None:
    for digest, content in answers.items():
        key = {"tenant_id": tenant_id, "content_hash": bytes.fromhex(digest)}
        ids = [row["atomId"] for row in unit_of_work.query(SET_ASIDE_FALSE_ATOM, **key)]
        if unit_of_work.execute("insert_produced_atom", **key, text=content.decode()):
            ids += [row["atomId"] for row in unit_of_work.query(ATOM_BY_HASH, **key)]
            unit_of_work.execute("delete_copied_content", atom_ids=json.dumps(ids))
            # inferences may have named it before it was here, or while it was a chunk or a gap
            unit_of_work.enqueue(PROVENANCE_QUEUE, atoms_events("AtomsCreated", tenant_id, ids))
