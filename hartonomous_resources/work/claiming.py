"""Claims rows for a stage: in one transaction, and for no longer than its process lives."""

from collections.abc import Callable
from typing import TypeVar

from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import transact

T = TypeVar("T")


def claim_rows(
    database: Database, take: Callable[[UnitOfWork], list[T]], give_back: Callable[[list[T]], None]
) -> list[T]:
    """Return what `take` claims. Where a signal comes, perhaps just after the commit, what was claimed is given back and free at once."""
    claimed: list[T] = []

    def keep(unit_of_work: UnitOfWork) -> None:
        claimed[:] = take(unit_of_work)

    try:
        transact(database, keep)
    except Exception:
        raise
    except BaseException:
        give_back(claimed)
        raise
    return claimed
