"""Lines of the log: why something failed, in words that quote no content of a tenant, and none that nobody reads."""

import dataclasses
import errno
import sqlite3

import pytest

from hartonomous_assets import projections
from hartonomous_assets.chain import STAGES
from hartonomous_assets.stage import StageUnavailable
from hartonomous_assets.stage_log import describe_error
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.database_errors import DatabaseUnavailable, TransactionConflict
from hartonomous_resources.resources import Resources
from tests.builders import SmallCompute, enqueue, request
from tests.stages import run_stages_of


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - whatever was raised
        return caught


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DatabaseUnavailable("the disk is full"), ": the disk is full"),
        (OSError(errno.ENOSPC, "x", "/home/tenant/secret.txt"), ": No space left on device"),
        (ValueError("invalid literal: 'secret'"), ""),
        (TransactionConflict("the duplicate key value is (secret)"), ""),
        (UnicodeDecodeError("utf-8", b"secret\xff", 6, 7, "invalid start byte"), ""),
    ],
)
def test_an_error_is_told_by_class_and_place_and_by_its_words_where_they_are_ours(error: Exception, words: str) -> None:
    line = raised.__code__.co_firstlineno + 2

    assert describe_error(raised(error)) == f"{type(error).__name__} in test_stage_log.py, line {line}{words}"


def test_an_error_of_sqlite_is_told_by_its_name() -> None:
    with pytest.raises(sqlite3.OperationalError) as caught:
        sqlite3.connect(":memory:").execute("SELECT secret")

    assert describe_error(caught.value).endswith(": SQLITE_ERROR")


def test_what_is_down_is_told_in_its_own_sentence() -> None:
    assert describe_error(raised(StageUnavailable("the graph is down"))) == "the graph is down"


def test_no_bucket_is_reckoned_for_lines_that_nobody_reads(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    reckoned: list[object] = []
    monkeypatch.setattr(projections, "bucket", reckoned.append)
    small = dataclasses.replace(resources, compute=SmallCompute())  # type: ignore[arg-type]

    enqueue(resources.database, INGESTION_QUEUE, [request(rawData=b"One sentence.")])
    reports = run_stages_of(small, *STAGES)

    assert (reports["atom_projections"].counts, reckoned) == ({"projected": 1}, [])
