"""Makes the row of an atom, as the database takes it."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from hartonomous_core.atomizers import Atom
from hartonomous_resources.database.rows.atom_rows import AtomRow

if TYPE_CHECKING:
    from msgspec.json import Encoder


def row_of(atom: Atom, content: bytes | None, blob_key: str | None, ordinal: int, offset: int | None) -> AtomRow:
    """Return the row. `content` is what to store of its bytes: None where its text says them, empty where a blob holds them; `offset` is None
    for what is derived.
    """
    return AtomRow(
        hashlib.sha256(atom.content).digest(),
        content,
        len(atom.content),
        blob_key,
        atom.modality,
        atom.subtype,
        atom.content_type,
        atom.text,
        ordinal,
        offset,
        atom.suffix,
        atom.role,
        None if atom.locator is None else _json(atom.locator),
    )


def _json(locator: Mapping[str, object]) -> str:
    try:
        return _encoder().encode(locator).decode()
    except ValueError:  # half of a pair of surrogates, which json writes as JSON may hold it
        return json.dumps(locator)


@cache
def _encoder() -> "Encoder":
    from msgspec.json import Encoder  # with the first locator: most commands import this module and write none

    return Encoder()
