"""Runs transactions again when another one was in the way, or the connection broke: a deadlock, a snapshot conflict, a failover."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar, overload

from hartonomous_resources.database.database_errors import TransactionConflict
from hartonomous_resources.database.protocol import Database, Row, UnitOfWork
from hartonomous_resources.database.statements import RowT, Statement
from hartonomous_resources.logs import LOGGER

ATTEMPTS = 6
_FIRST_PAUSE_SECONDS = 0.05

T = TypeVar("T")


def transact(database: Database, work: Callable[[UnitOfWork], T], patience: float | None = None) -> T:
    """Run `work` in a write transaction and return what it returns; `patience` as for `Database.unit_of_work`.

    It is run anew, from its start, when the store says that the transaction could not be finished because of others; so it
    must change nothing but the store. The pause before an attempt is drawn at random from a range that doubles each time
    ("full jitter": Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).

    Raises TransactionConflict after the last attempt, and whatever else `work` raises.
    """
    begin = database.unit_of_work if patience is None else partial(database.unit_of_work, patience)
    return retry_conflicts(lambda: _within(begin, work))


def ask(database: Database, question: Callable[[UnitOfWork], T]) -> T:
    """Run `question` in a read transaction, on one snapshot, and return what it returns; anew, from its start, as `transact` does.

    Raises TransactionConflict after the last attempt, and whatever else `question` raises.
    """
    return retry_conflicts(lambda: _within(database.read, question))


@overload
def query(database: Database, statement: Statement[RowT], **parameters: object) -> list[RowT]: ...
@overload
def query(database: Database, statement: str, **parameters: object) -> list[Row]: ...
def query(database: Database, statement: Statement[Any] | str, **parameters: object) -> list[Any]:
    """Return the rows of one named statement, asked in a read transaction of its own."""
    return ask(database, lambda unit_of_work: unit_of_work.query(statement, **parameters))


def retry_conflicts(transaction: Callable[[], T]) -> T:
    """Run `transaction` and return what it returns; it is run anew, as `transact` does, where another one was in its way."""
    for attempt in range(1, ATTEMPTS):
        try:
            return transaction()
        except TransactionConflict as conflict:
            pause = random.uniform(0, _FIRST_PAUSE_SECONDS * 2**attempt)
            LOGGER.info("transaction is tried again in %.2f s: %s", pause, conflict)
            time.sleep(pause)
    return transaction()


def _within(begin: Callable[[], AbstractContextManager[UnitOfWork]], work: Callable[[UnitOfWork], T]) -> T:
    with begin() as unit_of_work:
        return work(unit_of_work)
