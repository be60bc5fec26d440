"""Shows the atoms that a search found, each with the first of its places."""

import json
from collections.abc import Sequence
from typing import Any

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import ATOMS_BY_ID, AtomToShow
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_service.search.fusing import Found
from hartonomous_service.search.places import count_places, read_places

_PLACES_SHOWN = 20


def describe_hits(
    unit_of_work: UnitOfWork, hits: Sequence[Found], tenant: int, atom_filter: AtomFilter
) -> list[dict[str, Any]]:
    """Describe ranked atoms as `search` returns them."""
    atom_ids = [hit.atom_id for hit in hits]
    atoms = {row["atomId"]: row for row in unit_of_work.query(ATOMS_BY_ID, atom_ids=json.dumps(atom_ids))}
    counts = count_places(unit_of_work, atom_ids, tenant, atom_filter)
    shown = read_places(unit_of_work, atom_ids, tenant, atom_filter, _PLACES_SHOWN, 0)
    return [
        {
            "rank": rank,
            "score": None if hit.cosine is None else round(hit.cosine, 6),
            **_show_atom(atoms[hit.atom_id]),
            "semanticRank": hit.semantic_rank,
            "lexicalRank": hit.lexical_rank,
            "sources": shown[hit.atom_id],
            **counts[hit.atom_id],
        }
        for rank, hit in enumerate(hits, start=1)
    ]


def _show_atom(atom: AtomToShow) -> dict[str, Any]:
    return {
        "atomHash": atom["atomHash"],
        "modality": atom["modality"],
        "subtype": atom["subtype"],
        "text": atom["text"],
    }
