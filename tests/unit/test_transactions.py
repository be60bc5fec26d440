"""A write that another transaction was in the way of is done again, from its start, a few times."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hartonomous_resources.database import transactions
from hartonomous_resources.database.errors import TransactionConflict
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.sqlite import SqliteDatabase, SqliteUnitOfWork
from hartonomous_resources.database.transactions import ATTEMPTS, transact
from tests.builders import receive_all


class Contested(SqliteDatabase):
    """A real database whose first commits fail as a deadlock victim's do: with everything undone."""

    conflicts = 0

    @contextmanager
    def unit_of_work(self) -> Iterator[SqliteUnitOfWork]:
        with super().unit_of_work() as unit_of_work:
            yield unit_of_work
            if self.conflicts:
                self.conflicts -= 1
                raise TransactionConflict("deadlock victim")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Contested:
    monkeypatch.setattr(transactions, "_FIRST_PAUSE_SECONDS", 0.0001)
    database = Contested(tmp_path / "hartonomous.db")
    database.migrate()
    return database


def send(unit_of_work: UnitOfWork) -> list[str]:
    return unit_of_work.enqueue("IngestionQueue", [("key", b"once")])


@pytest.mark.parametrize("conflicts", range(ATTEMPTS))
def test_a_conflict_is_tried_again_and_what_was_written_is_written_once(database: Contested, conflicts: int) -> None:
    database.conflicts = conflicts

    sent = transact(database, send)

    assert [message.message_id for message in receive_all(database, "IngestionQueue")] == sent


def test_a_conflict_that_does_not_end_is_raised_and_nothing_is_written(database: Contested) -> None:
    database.conflicts = ATTEMPTS

    with pytest.raises(TransactionConflict, match="deadlock victim"):
        transact(database, send)

    assert receive_all(database, "IngestionQueue") == []


def test_another_error_is_not_tried_again(database: Contested) -> None:
    tries = []

    def fail(unit_of_work: UnitOfWork) -> None:
        tries.append(unit_of_work)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        transact(database, fail)

    assert len(tries) == 1
