"""Pages of sources, and of what a source holds: each page says where the next one begins, whatever comes in between."""

from typing import Any

from hartonomous_core.vocabulary import SourceStatus
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import Id, Offset, PageLength, Tenant, checked
from hartonomous_service.source_records import describe_source, find_atomized


@checked
def page_sources(
    resources: Resources,
    *,
    tenant: Tenant = 0,
    status: SourceStatus | None = None,
    limit: PageLength = 100,
    below: Id | None = None,
) -> dict[str, Any]:
    """Return a page of the sources, the latest first: those below an id; `next` is the `below` of the next page, None after the last."""

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        rows = unit_of_work.query("sources_below", tenant_id=tenant, status=status, below=below, n=limit + 1)
        described = [describe_source(unit_of_work, row) for row in rows[:limit]]
        return {"sources": described, "next": described[-1]["sourceId"] if len(rows) > limit else None}

    return ask(resources.database, read)


@checked
def page_source_atoms(
    resources: Resources,
    source_id: Id,
    *,
    tenant: Tenant = 0,
    limit: PageLength = 100,
    from_ordinal: Offset = 0,
) -> dict[str, Any]:
    """Return a page of the atoms of a source in order, with their places; `next` is the `from_ordinal` of the next page, None after the last.

    Raises NotFound when there is no such source, Conflict when it is not Atomized.
    """

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        find_atomized(unit_of_work, source_id, tenant)
        rows = unit_of_work.query(
            "source_atoms_from", source_id=source_id, role="content", from_ordinal=from_ordinal, n=limit + 1
        )
        return {"atoms": rows[:limit], "next": rows[limit]["ordinal"] if len(rows) > limit else None}

    return ask(resources.database, read)
