"""Frees the claims of dead processes at once; those of another host run out with their lease."""

from collections.abc import Sequence
from functools import partial

from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.processes import ProcessIdentity


def release_dead_claims(database: Database) -> int:
    """Expire every claim held by a process that ended without releasing it; returns how many such processes held one."""
    owners = ask(database, _owners_of_claims)
    dead = [owner for owner in owners if (identity := ProcessIdentity.parse(owner)) and identity.is_gone()]
    if dead:
        transact(database, partial(_expire_claims, owners=dead))
    return len(dead)


def _expire_claims(unit_of_work: UnitOfWork, owners: Sequence[str]) -> None:
    for owner in owners:
        unit_of_work.execute("expire_source_leases", owner=owner)
        unit_of_work.execute("expire_job_leases", owner=owner)
        unit_of_work.execute("expire_queue_leases", owner=owner)


def _owners_of_claims(unit_of_work: UnitOfWork) -> set[str]:
    statements = ("source_lease_owners", "job_lease_owners", "queue_lease_owners")
    return {row["owner"] for statement in statements for row in unit_of_work.query(statement)}
