"""How long a partition of a database is: chosen when the database is made, kept in it, and refused where the settings ask for the other."""

from hartonomous_core.clock import Period, current_hour
from hartonomous_resources.database.database_errors import SchemaMismatch
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.settings import PeriodChoice

GRID = "grid"
"""The migration that makes the table of the choice, on each store; days are chosen in its transaction or never."""


def period_of(unit_of_work: UnitOfWork) -> Period:
    """Return whether a partition is an hour or a day."""
    period: Period = unit_of_work.query("period")[0]["period"]
    return period


def period_so_far(unit_of_work: UnitOfWork) -> Period:
    """Return the same of a database whose migrations need not have run yet: before it said so, all had hours."""
    return period_of(unit_of_work) if unit_of_work.query("schema")[0]["hasPeriod"] else "hour"


def running_hour(unit_of_work: UnitOfWork) -> str:
    """Return the key of the running partition."""
    return current_hour(period_of(unit_of_work))


def require_period(wanted: PeriodChoice, found: Period, store: str) -> None:
    """Raise SchemaMismatch where the settings ask for the other period."""
    if wanted not in ("auto", found):
        raise SchemaMismatch(
            f"{store} was made with HARTONOMOUS_PARTITION={found}, and that cannot be changed: unset HARTONOMOUS_PARTITION={wanted}, "
            "or make another database and ingest anew"
        )
