"""A write that another transaction was in the way of is done again, from its start, a few times."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import hartonomous_assets
import hartonomous_service
from hartonomous_resources.database import transactions
from hartonomous_resources.database.database_errors import TransactionConflict
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.sqlite import SqliteDatabase, SqliteUnitOfWork
from hartonomous_resources.database.transactions import ATTEMPTS, query, transact
from tests.builders import receive_all


class Contested(SqliteDatabase):
    """A real database whose first commits fail as a deadlock victim's do: with everything undone."""

    conflicts = 0

    @contextmanager
    def unit_of_work(self, patience: float | None = None) -> Iterator[SqliteUnitOfWork]:
        with super().unit_of_work(patience) as unit_of_work:
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


class Dropped(SqliteDatabase):
    """A real database whose first reads end as those do whose connection breaks: after they have answered."""

    breaks = 0

    @contextmanager
    def read(self) -> Iterator[SqliteUnitOfWork]:
        with super().read() as unit_of_work:
            yield unit_of_work
            if self.breaks:
                self.breaks -= 1
                raise TransactionConflict("the connection broke")


@pytest.mark.parametrize("breaks", [1, ATTEMPTS - 1])
def test_a_read_whose_connection_breaks_is_asked_again(
    breaks: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "_FIRST_PAUSE_SECONDS", 0.0001)
    database = Dropped(tmp_path / "hartonomous.db")
    database.migrate()
    database.breaks = breaks

    assert query(database, "queue_depths") == []
    assert database.breaks == 0


def test_product_code_reads_and_writes_only_by_functions_that_can_run_again() -> None:
    packages = (Path(package.__file__).parent for package in (hartonomous_assets, hartonomous_service))
    files = [file for package in packages for file in package.rglob("*.py")]
    begun = [
        file.name
        for file in files
        if re.search(r"database\.read\(\)|open_database\(\w+\)\.read\(\)", file.read_text("utf-8"))
    ]

    assert begun == []
