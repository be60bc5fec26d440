"""Pages of the places of an atom: each says where the next one begins, and costs what it holds, in however many places the atom stands."""

from typing import Any

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import PLACES_AFTER
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import MAX_ID, PageLength, Tenant, Text, checked
from hartonomous_service.errors import Invalid
from hartonomous_service.search.places import find_atom, show_place

_BEFORE_ALL = (0, "", 0)


@checked
def page_places(
    resources: Resources, atom_hash: Text, *, tenant: Tenant = 0, limit: PageLength = 100, after: Text | None = None
) -> dict[str, Any]:
    """Return a page of the places where an atom occurs in current sources, by source and place; `show_atom` counts them.

    `next` is the `after` of the page after it, None after the last. Raises what `list_places` raises, and Invalid for an `after` that no page said.
    """
    source_id, role, ordinal = _BEFORE_ALL if after is None else _read(after)

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        atom_id, digest = find_atom(unit_of_work, tenant, atom_hash)
        place = {"source_id": source_id, "role": role, "ordinal": ordinal}
        rows = unit_of_work.query(PLACES_AFTER, atom_id=atom_id, tenant_id=tenant, n=limit + 1, **place)
        end = rows[limit - 1] if len(rows) > limit else None
        return {
            "atomHash": digest.hex(),
            "places": [show_place(row) for row in rows[:limit]],
            "next": end and f"{end['sourceId']}/{end['role']}/{end['ordinal']}",
        }

    return ask(resources.database, read)


def _read(after: str) -> tuple[int, str, int]:
    parts = after.split("/")
    if len(parts) == 3 and parts[1] in ("content", "derived"):
        numbers = [int(part) for part in parts[::2] if part.isascii() and part.isdigit() and len(part) < 20]
        if len(numbers) == 2 and max(numbers) <= MAX_ID:
            return numbers[0], parts[1], numbers[1]
    raise Invalid(
        "it is no place in a list of places: give what the page before this one says as its next", argument="after"
    )
