"""Runs procedures of the .NET system on the embedded database for `EXEC`: as sql/sqlserver defines them, in the transaction of the call.

Two of its five take a table as a parameter, which only SQL Server has: they are refused with what to use instead.
"""

import base64
import hashlib
import inspect
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from hartonomous_assets.projections import project_pending
from hartonomous_core.clock import timestamp
from hartonomous_core.messages import (
    INGESTION_QUEUE,
    PROVENANCE_QUEUE,
    IngestionRequest,
    atoms_events,
    first_problem,
)
from hartonomous_core.vocabulary import MODALITIES
from hartonomous_resources.database.period import running_hour
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.rows.atom_rows import SOURCE_ATOM_IDS, AtomRow
from hartonomous_resources.database.rows.embedding_rows import ACTIVE_PROJECTION_MODEL
from hartonomous_resources.resources import open_compute
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_service.errors import Invalid


def call_procedure(
    settings: Settings, unit_of_work: UnitOfWork, name: str, names: Sequence[str | None], values: Sequence[Any]
) -> list[Row]:
    """Call a procedure and return its rows; `names` are those of the arguments, None for one given by its position.

    Raises Invalid for a procedure that is not known here, and for arguments that do not fit.
    """
    key = name.lower()
    if instead := _TAKES_A_TABLE.get(key):
        raise Invalid(f"sql: {name} takes a table as a parameter, which only SQL Server has; {instead}")
    if key not in _PROCEDURES:
        known = ", ".join(each.__name__ for each in _PROCEDURES.values())
        raise Invalid(f"sql: procedure {name} is not known here; there are {known}")
    procedure = _PROCEDURES[key]
    _, _, *parameters = inspect.signature(procedure).parameters.values()
    by_name = {parameter.name.replace("_", "").lower(): parameter.name for parameter in parameters}
    given: dict[str, Any] = {}
    for place, (argument, value) in enumerate(zip(names, values, strict=False)):
        found = by_name.get(argument.lower()) if argument else [*by_name.values(), None][min(place, len(by_name))]
        if found is None or found in given:
            raise Invalid(f"sql: {name} has no parameter {'@' + argument if argument else place + 1}")
        given[found] = value
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in given]
    if missing:
        raise Invalid(f"sql: {name} needs @{_to_sql_name(missing[0])}")
    return procedure(settings, unit_of_work, **given)


def _to_sql_name(parameter: str) -> str:
    return "".join(word.capitalize() for word in parameter.split("_"))


def sp_EnqueueIngestion(
    settings: Settings,
    unit_of_work: UnitOfWork,
    tenant_id: Any,
    content_type: Any = None,
    raw_data: Any = None,
    uri: Any = None,
    source_uri: Any = None,
    source_id: Any = None,
    metadata: Any = None,
) -> list[Row]:
    """Ask for a file to be ingested; returns the message's id."""
    document = {
        "tenantId": tenant_id,
        "contentType": content_type,
        "rawData": None if raw_data is None else base64.b64encode(_bytes_of("RawData", raw_data)).decode(),
        "uri": uri,
        "sourceUri": source_uri,
        "sourceId": source_id,
        "metadata": {} if metadata is None else _read_json("Metadata", metadata, dict),
    }
    try:
        request = IngestionRequest.model_validate(document)
    except ValidationError as error:
        raise Invalid(f"sql: sp_EnqueueIngestion: {first_problem(error)}") from error
    key = str(source_uri or uri or source_id or uuid.uuid4())
    [message_id] = unit_of_work.enqueue(INGESTION_QUEUE, [(key, request.to_body())])
    return [{"messageId": message_id}]


def sp_IngestAtoms(settings: Settings, unit_of_work: UnitOfWork, atoms_json: Any, tenant_id: Any) -> list[Row]:
    """Write the given atoms as a source that consists of their bytes in order; returns the batch's id."""
    if type(tenant_id) is not int or not 0 <= tenant_id < 2**31:
        raise Invalid("sql: sp_IngestAtoms: @TenantId is a number from 0 to 2147483647")
    rows: list[AtomRow] = []
    digest = hashlib.sha256()
    offset = 0
    for ordinal, atom in enumerate(_read_json("AtomsJson", atoms_json, list)):
        row, content = _atom_row(atom, ordinal, offset)
        digest.update(content)
        offset += row.byte_length
        rows.append(row)
    if not rows:
        raise Invalid("sql: sp_IngestAtoms: there are no atoms")
    batch = str(uuid.uuid4())
    hour = running_hour(unit_of_work)
    [source] = unit_of_work.query(
        "insert_batch",
        tenant_id=tenant_id,
        source_uri=f"batch:{batch}",
        content_hash=digest.digest(),
        byte_length=offset,
        hour=hour,
        message_id=batch,
        now=timestamp(),
    )
    unit_of_work.write_atoms(tenant_id, hour, {source["sourceId"]: rows})
    which = {"role": "content", "from_ordinal": 0, "to_ordinal": len(rows)}
    found = unit_of_work.query(SOURCE_ATOM_IDS, source_id=source["sourceId"], **which)
    events = atoms_events("AtomsCreated", tenant_id, [row["atomId"] for row in found], source["sourceId"])
    unit_of_work.enqueue(PROVENANCE_QUEUE, events)
    return [{"batchId": batch, "sourceId": source["sourceId"]}]


def sp_ProjectEmbeddingsToGeometry(
    settings: Settings, unit_of_work: UnitOfWork, hour: Any = None, batch_size: Any = 4096
) -> list[Row]:
    """Project up to `batch_size` embeddings that have no position; returns how many, and by what: call it until that is 0.

    They are placed within the transaction of the call, as SQL Server's procedure does it: what a script changes, it changes as a whole. The
    stage, which has no script around it, places between two transactions.
    """
    waiting = unit_of_work.query("pending_work", now=timestamp(), ingestion=False, job_types="[]", projection=True)
    if type(batch_size) is not int or batch_size < 1:
        raise Invalid("sql: sp_ProjectEmbeddingsToGeometry: @BatchSize is a number from 1 on")
    compute = open_compute(settings)
    done = 0
    for row in waiting:
        if hour in (None, row["hour"]):
            count, _ = project_pending(unit_of_work, compute, row["hour"], batch_size - done, run_id=None)
            done += count
        if done >= batch_size:
            break
    active = [
        f"{model['name']} ({model['precision']}): {projection['method']}"
        for model in active_embedding_models(unit_of_work)
        for projection in unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=model["modelId"])
    ]
    return [{"rowsChanged": done, "activeProjections": ", ".join(active)}]


_PROCEDURES: Mapping[str, Callable[..., list[Row]]] = {
    each.__name__.lower(): each for each in (sp_EnqueueIngestion, sp_IngestAtoms, sp_ProjectEmbeddingsToGeometry)
}
_TAKES_A_TABLE = {
    "sp_atomizeandinsert": "sp_IngestAtoms takes the atoms as JSON",
    "sp_crossmodalquery": "`hartonomous search` asks the same question",
}


def _read_json(parameter: str, text: Any, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"sql: @{parameter} is not JSON") from error
    if not isinstance(value, kind):
        raise Invalid(f"sql: @{parameter} is not a JSON {'object' if kind is dict else 'array of atoms'}")
    return value


def _bytes_of(parameter: str, value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise Invalid(f"sql: @{parameter} is not bytes: write 0x48656C6C6F or CAST(… AS VARBINARY(MAX))")
    return value


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _atom_row(atom: Any, ordinal: int, offset: int) -> tuple[AtomRow, bytes]:
    """Read an atom of @AtomsJson: CanonicalText, or Content or AtomicValue in base64, and optionally its kind and its hash.

    Returns its row and its bytes.
    """
    fields = {name.lower(): value for name, value in atom.items()} if isinstance(atom, dict) else {}
    text, coded = fields.get("canonicaltext"), fields.get("content") or fields.get("atomicvalue")
    try:
        content = base64.b64decode(coded, validate=True) if coded else str(text).encode()
        named = bytes.fromhex(fields.get("contenthash") or fields.get("atomhash") or "")
    except (ValueError, TypeError) as error:
        raise Invalid(f"sql: atom {ordinal}: its content is not base64, or its hash not hex") from error
    if text is None and not coded:
        raise Invalid(f"sql: atom {ordinal} has neither CanonicalText nor Content nor AtomicValue")
    content_hash = hashlib.sha256(content).digest()
    if named not in (b"", content_hash):
        raise Invalid(f"sql: atom {ordinal}: its hash is not the SHA-256 of its content")
    modality = fields.get("modality") or "text"
    if modality not in MODALITIES:
        raise Invalid(f"sql: atom {ordinal}: its modality is none of {', '.join(MODALITIES)}")
    canonical_text = _text_or_none(text)
    row = AtomRow(
        content_hash,
        AtomRow.only_copy(canonical_text, content),
        len(content),
        None,
        modality,
        _text_or_none(fields.get("subtype")),
        _text_or_none(fields.get("contenttype")),
        canonical_text,
        ordinal,
        offset,
        b"",
    )
    return row, content
