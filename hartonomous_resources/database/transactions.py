"""A write transaction that is done again when another one was in its way: a deadlock, a snapshot conflict, a dropped connection."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from hartonomous_resources.database.errors import TransactionConflict
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.logs import LOGGER

ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 0.05

T = TypeVar("T")


def transact(database: Database, work: Callable[[UnitOfWork], T]) -> T:
    """Run `work` in a write transaction and return what it returns.

    It is run anew, from its start, when the store says that the transaction could not be finished because of others; so it
    must change nothing but the store. The pause before an attempt is drawn at random from a range that doubles each time
    ("full jitter": Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).

    Raises TransactionConflict after the last attempt, and whatever else `work` raises.
    """
    for attempt in range(1, ATTEMPTS):
        try:
            with database.unit_of_work() as unit_of_work:
                return work(unit_of_work)
        except TransactionConflict as conflict:
            pause = random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt)
            LOGGER.info("transaction is tried again in %.2f s: %s", pause, conflict)
            time.sleep(pause)
    with database.unit_of_work() as unit_of_work:
        return work(unit_of_work)
