"""Publishes events on ProvenanceQueue about atoms that a stage has worked on."""

from collections.abc import Iterable
from itertools import groupby

from hartonomous_core.messages import PROVENANCE_QUEUE, AtomsEventType, atoms_events
from hartonomous_resources.database.protocol import Row, UnitOfWork


def publish(unit_of_work: UnitOfWork, event_type: AtomsEventType, rows: Iterable[Row], run_id: str | None) -> None:
    """Publish events of a run that point at the atoms of rows with `tenantId` and `atomId`, a tenant at a time."""
    in_order = sorted((row["tenantId"], row["atomId"]) for row in rows)
    for tenant_id, of_tenant in groupby(in_order, key=lambda ids: ids[0]):
        atom_ids = [atom_id for _, atom_id in of_tenant]
        unit_of_work.enqueue(PROVENANCE_QUEUE, atoms_events(event_type, tenant_id, atom_ids, run_id=run_id))
