"""Shows one atom."""

import json
from typing import Any

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import ATOMS_BY_ID
from hartonomous_resources.database.searchable_atoms import NO_FILTER
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import Tenant, Text, checked
from hartonomous_service.search.places import count_places, find_atom


@checked
def show_atom(resources: Resources, atom_hash: Text, *, tenant: Tenant = 0) -> dict[str, Any]:
    """Return one atom: what it is, its text (None where it is none), in how many places of current sources it stands, and how many these are.

    Raises what `list_places` raises.
    """

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        atom_id, _ = find_atom(unit_of_work, tenant, atom_hash)
        [atom] = unit_of_work.query(ATOMS_BY_ID, atom_ids=json.dumps([atom_id]))
        return {**atom, **count_places(unit_of_work, [atom_id], tenant, NO_FILTER)[atom_id]}

    return ask(resources.database, read)
