"""Withdraws a source that is not atomized yet, whether it waits or somebody works on it."""

import json
from typing import Any

from hartonomous_assets.source_claims import give_up
from hartonomous_assets.stage import Work
from hartonomous_core.clock import timestamp
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.source_rows import CLAIM_SOURCES
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import Id, Tenant, checked
from hartonomous_service.errors import Conflict
from hartonomous_service.source_records import describe_source, find_source


@checked
def withdraw_source(resources: Resources, source_id: Id, *, tenant: Tenant | None = 0) -> dict[str, Any]:
    """Give a source up, and return it: it becomes a dead letter, to be replayed or discarded, and what was written of it goes.

    Whoever works on it stops at its next batch. The version before it stays the current one. Raises NotFound when the tenant has none of that
    id, Conflict for one that is Atomized or given up.
    """
    owner = str(this_process())

    def withdraw(unit_of_work: UnitOfWork) -> dict[str, Any]:
        find_source(unit_of_work, source_id, tenant)
        lease_until = timestamp(resources.settings.lease_seconds)
        claimed = unit_of_work.query(
            CLAIM_SOURCES, source_ids=json.dumps([source_id]), owner=owner, lease_until=lease_until
        )
        if not claimed:
            raise Conflict(
                f"source {source_id} is finished or given up: only one that waits or is at work can be withdrawn"
            )
        [source] = claimed
        work = Work(source["ingestHour"], "by hand", resources, owner)
        give_up(unit_of_work, work, source, f"{source['sourceUri']}: withdrawn", supersede=False)
        return describe_source(unit_of_work, find_source(unit_of_work, source_id, tenant))

    return transact(resources.database, withdraw)
