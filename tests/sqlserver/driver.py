"""The driver that the tests of SQL Server's client need."""

import os
from functools import cache

import pytest

from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.sqlserver.connection import odbc_driver


@cache
def _driver() -> str | DatabaseUnavailable:
    try:
        return odbc_driver()
    except DatabaseUnavailable as error:
        return error


def driver_or_skip() -> str:
    """Name or path of the driver. Where there is none, a test that asks fails in CI and is skipped, loudly, elsewhere."""
    found = _driver()
    if isinstance(found, str):
        return found
    if os.environ.get("CI"):
        pytest.fail(f"the ODBC driver must be there in CI: {found}")
    pytest.skip(f"NOT TESTED: SQL Server's client; {found}")
