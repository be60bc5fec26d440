"""What the tests need and do not find fails in CI, where nobody reads what was skipped; and no message is lost on the way."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase
from tests.sqlserver.conftest import settings_for
from tests.sqlserver.driver import driver_or_skip
from tests.tools.tds.server import TdsServer
from tests.tools.tsql.checker import _open, checker
from tests.tools.tsql.toolchain import ToolchainUnavailable


@pytest.fixture(autouse=True)
def _nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable() -> Any:
        raise ToolchainUnavailable("no network")

    monkeypatch.setattr("tests.tools.tsql.checker.open_toolchain", unavailable)
    monkeypatch.setattr("tests.tools.tsql.checker._open", cache(_open.__wrapped__))
    monkeypatch.setattr("tests.sqlserver.driver._driver", lambda: DatabaseUnavailable("no driver"))


@pytest.mark.parametrize(("ask", "why"), [(checker, "no network"), (driver_or_skip, "no driver")])
def test_what_is_missing_fails_in_ci_and_is_skipped_loudly_elsewhere(
    ask: Callable[[], object], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=why):
        ask()
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match=f"NOT TESTED: .*{why}"):
        ask()


def test_what_the_tds_server_cannot_read_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_kind: int, _message: bytes) -> list[Any]:
        raise ValueError("unreadable")

    monkeypatch.setattr("tests.tools.tds.session.decode", unreadable)
    with pytest.raises(ValueError, match="unreadable"), TdsServer() as server, pytest.raises(DatabaseUnavailable):
        SqlServerDatabase(settings_for(server)).unit_of_work().__enter__()
