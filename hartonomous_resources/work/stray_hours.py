"""Moves work out of hours for which no run will ever be requested, because somebody wrote it by hand, to the running hour."""

from collections.abc import Collection

from hartonomous_core.clock import Period, is_hour
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.logs import LOGGER

_STATEMENTS = ("move_stray_sources", "move_stray_atoms", "move_stray_jobs", "move_stray_embeddings")


def is_stray(hour: object, first_hour: str, period: Period) -> bool:
    """Return whether a value of IngestHour is the key of no partition, or one before the grid begins."""
    return not is_hour(hour, period) or str(hour) < first_hour


def move_strays(database: Database, hours: Collection[object], first_hour: str, now_hour: str) -> None:
    """Move what is pending in such hours, and its atoms, to the running hour; `hours` are those that were met, for the log."""

    def move(unit_of_work: UnitOfWork) -> int:
        return sum(unit_of_work.execute(name, first=first_hour, to=now_hour) for name in _STATEMENTS)

    moved = transact(database, move)
    LOGGER.warning(
        "%d rows had an IngestHour of %s, which no run works on: they are done in %s",
        moved,
        sorted(map(ascii, hours)),
        now_hour,
    )
