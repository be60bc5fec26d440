"""Shows the atoms that a search found, each with the first of its places."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hartonomous_core.atomizers.charset_names import codec_of
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import ATOMS_BY_ID, AtomToShow, Occurrence
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_service.search.fusing import Found
from hartonomous_service.search.neighbours import read_neighbours
from hartonomous_service.search.places import count_places, read_places, show_place

_PLACES_SHOWN = 20


def describe_hits(
    unit_of_work: UnitOfWork, hits: Sequence[Found], tenant: int, atom_filter: AtomFilter, context: int
) -> list[dict[str, Any]]:
    """Describe ranked atoms as `search` returns them, but for their rank; `context` is how many neighbours are shown."""
    atom_ids = [hit.atom_id for hit in hits]
    atoms = {row["atomId"]: row for row in unit_of_work.query(ATOMS_BY_ID, atom_ids=json.dumps(atom_ids))}
    counts = count_places(unit_of_work, atom_ids, tenant, atom_filter)
    places = read_places(unit_of_work, atom_ids, tenant, atom_filter, _PLACES_SHOWN, 0)
    shown = {atom_id: [show_place(place) for place in of_atom] for atom_id, of_atom in places.items()}
    if context:
        _add_neighbours(unit_of_work, places, shown, tenant, context)
    return [
        {
            "score": None if hit.cosine is None else round(hit.cosine, 6),
            **_show_atom(atoms[hit.atom_id]),
            "highlight": None,
            "semanticRank": hit.semantic_rank,
            "lexicalRank": hit.lexical_rank,
            "distance": hit.place.distance if hit.place else None,
            "position": list(hit.place.position) if hit.place else None,
            "sources": [{**place, "highlightOffset": None, "highlightLength": None} for place in shown[hit.atom_id]],
            **counts[hit.atom_id],
        }
        for hit in hits
    ]


def mark_sentence(hit: dict[str, Any], start: int, stop: int) -> None:
    """Name a sentence of a hit, given by its characters, and where it stands in each source that has the text as it is.

    Of several rows of a table, a paragraph each, its `locator` then says in which row.
    """
    before, sentence = hit["text"][:start], hit["text"][start:stop]
    hit["highlight"] = {"text": sentence}
    for place in hit["sources"]:
        locator = place["locator"] or {}
        if (first := _first_row(locator)) is not None:
            place["locator"] = {**locator, "row": first + before.count("\n\n")}
        elif _is_row(locator):
            continue
        elif place["byteOffset"] is not None and place["byteLength"] == _size(place, hit["text"]):
            place["highlightOffset"] = place["byteOffset"] + _size(place, before)
            place["highlightLength"] = _size(place, sentence)


def _first_row(locator: Mapping[str, Any]) -> int | None:
    """Return the first of several rows that a locator names; None for any other, whatever words a package uses in it."""
    match locator.get("rows"):
        case [int(first), int()]:
            return first
    return None


def _is_row(locator: Mapping[str, Any]) -> bool:
    """Tell whether a locator is that of a row or of a member of an object, whose bytes hold the values without their names."""
    return isinstance(locator.get("row"), int) or isinstance(locator.get("pointer"), str)


def _size(place: Mapping[str, Any], text: str) -> int:
    """Count the bytes that a text has in the encoding of this place."""
    charset = (place["locator"] or {}).get("charset", "utf-8")
    return len(text.encode(codec_of(str(charset)) or "utf-8", "replace"))


def _add_neighbours(
    unit_of_work: UnitOfWork,
    places: Mapping[int, Sequence[Occurrence]],
    shown: Mapping[int, Sequence[dict[str, Any]]],
    tenant: int,
    context: int,
) -> None:
    of_all = [place for of_atom in places.values() for place in of_atom]
    keys = [(place["sourceId"], place["role"], place["ordinal"]) for place in of_all]
    targets = [place for of_atom in shown.values() for place in of_atom]
    for place, neighbours in zip(targets, read_neighbours(unit_of_work, keys, tenant, context), strict=True):
        place["context"] = neighbours


def _show_atom(atom: AtomToShow) -> dict[str, Any]:
    return {
        "atomHash": atom["atomHash"],
        "modality": atom["modality"],
        "subtype": atom["subtype"],
        "text": atom["text"],
    }
