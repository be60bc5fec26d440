"""What models are given of atoms: the texts of some, the pixels of others."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hartonomous_assets.job_fates import ByFate
from hartonomous_core.atomizers import Partial
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.rows.atom_rows import ATOM_CONTENTS
from hartonomous_resources.database.transactions import query
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.contents import read_content

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hartonomous_core.embedders.protocol import Items

_CONTENTS_AT_ONCE = 16
"""Files of pictures that are in memory; ours have some ten KiB, but anybody may insert others."""


def items_to_embed(resources: Resources, by_fate: ByFate, models: Mapping[int, ModelIdentity]) -> "dict[int, Items]":
    """Return for each model its items, in the order of `atoms_by_model`; what is no picture is refused there."""
    items: dict[int, Items] = {}
    for model_id, atoms in by_fate.atoms_by_model.copy().items():
        if models[model_id].takes == "pixels":
            pictures, refused = _pictures(resources, [atom["atomId"] for atom in atoms])
            by_fate.refuse_atoms(refused)
            if pictures:
                items[model_id] = pictures
        else:
            items[model_id] = [atom["text"] or "" for atom in atoms]
    return items


def _pictures(resources: Resources, atom_ids: Sequence[int]) -> "tuple[list[NDArray[np.uint8]], dict[int, str]]":
    """Return the pixels of these atoms, and of those that are no pictures why."""
    from hartonomous_resources.parsing.pictures import read_pixels

    pictures: dict[int, NDArray[np.uint8]] = {}
    refused: dict[int, str] = {}
    for first in range(0, len(atom_ids), _CONTENTS_AT_ONCE):
        some = atom_ids[first : first + _CONTENTS_AT_ONCE]
        for row in query(resources.database, ATOM_CONTENTS, atom_ids=json.dumps(some)):
            try:
                pictures[row["atomId"]] = read_pixels(resources.parsers, read_content(row, resources.blobs))
            except Partial as problem:
                refused[row["atomId"]] = f"atom {row['atomId']} is no picture that can be embedded: {problem}"
    return [pictures[atom_id] for atom_id in atom_ids if atom_id in pictures], refused
