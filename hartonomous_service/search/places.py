"""Where an atom stands in current sources."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import ATOM_BY_HASH
from hartonomous_resources.database.rows.graph_rows import GRAPH_KEYS_BEGINNING
from hartonomous_resources.database.rows.search_rows import (
    OCCURRENCE_COUNTS,
    OCCURRENCES,
    SOURCES_OF_ATOMS,
    Occurrence,
    TextAround,
)
from hartonomous_resources.database.searchable_atoms import NO_FILTER, AtomFilter
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import PageLength, Skip, Tenant, Text, checked
from hartonomous_service.errors import Invalid, NotFound


@checked
def list_places(
    resources: Resources, atom_hash: Text, *, tenant: Tenant = 0, limit: PageLength = 100, skip: Skip = 0
) -> dict[str, Any]:
    """Return a page of the places where an atom occurs in current sources, and how many there are.

    The first 8 digits of its hash, or more, name it where no other begins so.

    Raises Invalid for a hash that is not 64 hex digits, in either case, or so many of them, and for one that fits several atoms, NotFound
    when the tenant has no such atom.
    """

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        atom_id, digest = find_atom(unit_of_work, tenant, atom_hash)
        counts = count_places(unit_of_work, [atom_id], tenant, NO_FILTER)[atom_id]
        page = read_places(unit_of_work, [atom_id], tenant, NO_FILTER, limit, skip)[atom_id]
        total = counts["placeCount"]
        return {
            "atomHash": digest.hex(),
            "places": [show_place(place) for place in page],
            "sourceCount": counts["sourceCount"],
            "total": total,
            "truncated": skip + len(page) < total,
        }

    return ask(resources.database, read)


def find_atom(unit_of_work: UnitOfWork, tenant: int, atom_hash: str) -> tuple[int, bytes]:
    """Return the id of an atom and its SHA-256 (32 bytes), given that in hex, or its first 8 digits or more.

    Raises Invalid for what is not that, and where several atoms begin so; NotFound when the tenant has no such atom.
    """
    if not re.fullmatch("[0-9a-fA-F]{8,64}", atom_hash):
        raise Invalid(
            f"{atom_hash!r} is not a SHA-256 of 64 hex digits, or its first 8 or more",
            argument="atom_hash",
            remedy="find_atoms",
        )
    digest = _whole_hash(unit_of_work, tenant, atom_hash)
    atoms = unit_of_work.query(ATOM_BY_HASH, tenant_id=tenant, content_hash=digest)
    if not atoms:
        raise NotFound(f"atom {atom_hash} is not found", remedy="find_atoms")
    return atoms[0]["atomId"], digest


def _whole_hash(unit_of_work: UnitOfWork, tenant: int, atom_hash: str) -> bytes:
    if len(atom_hash) == 64:
        return bytes.fromhex(atom_hash)
    begin_so = unit_of_work.query(GRAPH_KEYS_BEGINNING, tenant_id=tenant, label="Atom", prefix=atom_hash.lower(), n=2)
    if len(begin_so) > 1:
        raise Invalid(f"the hashes of several atoms begin with {atom_hash}: give more of it", argument="atom_hash")
    if not begin_so:
        raise NotFound(f"atom {atom_hash} is not found", remedy="find_atoms")
    return bytes.fromhex(begin_so[0]["key"])


def count_places(
    unit_of_work: UnitOfWork, atom_ids: Sequence[int], tenant: int, atom_filter: AtomFilter
) -> dict[int, dict[str, int]]:
    """Count the places of each atom in sources that the filter wants, and these sources."""
    # An atom inserted by hand occurs in no source.
    counts = {atom_id: {"placeCount": 0, "sourceCount": 0} for atom_id in atom_ids}
    ids = json.dumps(atom_ids)
    for row in unit_of_work.query(OCCURRENCE_COUNTS, atom_ids=ids, tenant_id=tenant, **atom_filter.of_sources()):
        counts[row["atomId"]] = {"placeCount": row["placeCount"], "sourceCount": row["sourceCount"]}
    return counts


def read_places(
    unit_of_work: UnitOfWork, atom_ids: Sequence[int], tenant: int, atom_filter: AtomFilter, limit: int, skip: int
) -> dict[int, list[Occurrence]]:
    """Read a page of the places of each atom in sources that the filter wants."""
    found: dict[int, list[Occurrence]] = {atom_id: [] for atom_id in atom_ids}
    page = {"tenant_id": tenant, "skip": skip, "n": limit, **atom_filter.of_sources()}
    for row in unit_of_work.query(OCCURRENCES, atom_ids=json.dumps(atom_ids), **page):
        found[row["atomId"]].append(row)
    return found


def sources_of(
    unit_of_work: UnitOfWork, tenant: int, atom_ids: Sequence[int], atom_filter: AtomFilter
) -> dict[int, set[int]]:
    """Find the sources that the filter wants in which each atom stands."""
    found: dict[int, set[int]] = {}
    ids = json.dumps(atom_ids)
    for row in unit_of_work.query(SOURCES_OF_ATOMS, atom_ids=ids, tenant_id=tenant, **atom_filter.of_sources()):
        found.setdefault(row["atomId"], set()).add(row["sourceId"])
    return found


def show_place(place: Occurrence) -> dict[str, Any]:
    """Describe a place as people see it."""
    return {
        "sourceId": place["sourceId"],
        "sourceUri": place["sourceUri"],
        **show_bytes(place),
    }


def show_bytes(place: Occurrence | TextAround) -> dict[str, Any]:
    """Say which bytes of the source, as it came in, a text stands for; of derived text, those that its locator names, if any."""
    locator = json.loads(place["locator"]) if place["locator"] else None
    named: Mapping[str, Any] = place if place["byteOffset"] is not None else locator or {}
    match named.get("byteOffset"), named.get("byteLength"):
        case int(offset), int(length):
            return {"byteOffset": offset, "byteLength": length, "locator": locator}
    return {"byteOffset": None, "byteLength": None, "locator": locator}
