"""Every byte of every source is read and proven, some sources at once: what is wrong is told as if they were read one by one."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_service import wrong_bytes
from hartonomous_service.source_records import verify_sources
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of

FILES = 40


@pytest.fixture
def home(make_home: Callable[..., Resources]) -> Resources:
    """A home of many small sources and a large one in several blocks."""
    opened = make_home(text_unit="sentence")
    bodies = [request(rawData=f"The log of day {n}.".encode(), sourceUri=f"{n}") for n in range(FILES)]
    bodies.append(request(rawData=b"".join(b"Line %d of it.\n\n" % n for n in range(3000)), sourceUri="large"))
    enqueue(opened.database, INGESTION_QUEUE, bodies)
    run_stages_of(opened)
    return opened


def damage(client: Any, uri: str) -> None:
    """Change what an atom says, but not its hash."""
    sql = """UPDATE Atom SET CanonicalText = 'Changed.' WHERE AtomId =
             (SELECT MAX(sa.AtomId) FROM SourceAtom AS sa JOIN Source AS s ON s.SourceId = sa.SourceId WHERE s.SourceUri = ?)"""
    client.cursor().execute(sql, (uri,))
    client.commit()


def test_what_is_wrong_is_told_in_the_order_of_the_sources(home: Resources, client: Any) -> None:
    assert verify_sources(home) == {"checked": FILES + 1, "failed": [], "truncated": False}
    for uri in ("3", "large", "21"):
        damage(client, uri)

    result = verify_sources(home)

    ids = {row["sourceUri"]: row["sourceId"] for row in all_sources(home)}
    wrong = [item for item in result["failed"] if "invariant" not in item]
    assert [item["sourceId"] for item in wrong] == [ids["large"], ids["21"], ids["3"]]
    assert {item["error"] for item in wrong[1:]} == {"the atom at byte 0 does not have the hash that names it"}
    assert result["checked"] == FILES + 1


def test_progress_counts_bytes_up_to_all_of_them(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_bytes, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(wrong_bytes, "_LOOK_SECONDS", 0.001)
    told: list[tuple[int, int]] = []

    verify_sources(home, progress=lambda done, total: told.append((done, total)))

    total = sum(row["byteLength"] for row in all_sources(home))
    assert told == sorted(told)
    assert told[-1] == (total, total)
    assert len({done for done, _ in told}) > 3


def test_whoever_stops_it_does_not_wait_for_the_rest(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_bytes, "_BLOCK_BYTES", 1)
    read: list[int] = []
    contents = wrong_bytes.source_contents

    def slowly(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for item in contents(*args, **kwargs):
            threading.Event().wait(0.01)
            read.append(1)
            yield item

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(wrong_bytes, "source_contents", slowly)
    with pytest.raises(KeyboardInterrupt):
        verify_sources(home, progress=stop)

    assert len(read) < 500, "the large source has 3,000"


def test_what_reading_raises_is_raised(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Iterator[Any]:
        raise OSError("the disk is gone")
        yield

    monkeypatch.setattr(wrong_bytes, "source_contents", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        verify_sources(home)
