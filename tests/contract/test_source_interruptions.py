"""Sources whose run stops, dies or loses its lease, and files that change while they are read."""

import random
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_assets.stage import Progress, Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.pending import hours_with_work
from tests.backends import Store, rows
from tests.builders import (
    broken_invariants,
    dead_letters,
    enqueue,
    open_home,
    request,
)
from tests.processes import start_and_kill
from tests.stages import (
    ALL_RULES,
    MakeHome,
    all_sources,
    content_of,
    put_file,
    run_stages_of,
    states,
)

RANDOM_BYTES = random.Random(3).randbytes(300_000)


@pytest.fixture
def large(make_home: MakeHome) -> Resources:
    """A home that writes two atoms a step, and in it one landed source of many steps."""
    home = make_home(atom_batch_size=2)
    path = put_file(home, "large.bin", RANDOM_BYTES)
    enqueue(home.database, INGESTION_QUEUE, [request(uri=path.as_uri())])
    run_stages_of(home, landing.STAGE)
    return home


def start(home: Resources, owner: str) -> Generator[Progress]:
    """The stage at work on the first source it claims, one step done."""
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, owner))
    assert "sources" not in next(steps).counts, "a source of one step tests nothing"
    return cast(Generator[Progress], steps)


def expire_leases(client: Any) -> None:
    client.cursor().execute("UPDATE Source SET LeaseUntil = ''")
    client.commit()


def test_a_source_whose_claim_says_no_end_asks_for_a_run(large: Resources, client: Any) -> None:
    steps = start(large, "gone")
    client.cursor().execute("UPDATE Source SET LeaseUntil = NULL")
    client.commit()
    others = dict.fromkeys(["embedding_enabled", "projection_enabled", "provenance_enabled"], False)

    assert hours_with_work(large.database, large.settings.model_copy(update=others), current_hour()) == [current_hour()]
    steps.close()


def assert_whole(home: Resources) -> None:
    assert states(home) == [("Atomized", 1, None)]
    assert content_of(home, all_sources(home)[0]) == RANDOM_BYTES
    assert not broken_invariants(home.database, *ALL_RULES)
    assert dead_letters(home.database) == []


def test_a_source_stopped_between_two_steps_is_finished_by_the_next_run(large: Resources) -> None:
    start(large, "stopped").close()
    assert states(large) == [("Landed", 1, None)]

    run_stages_of(large)

    assert_whole(large)


def test_a_source_whose_lease_ran_out_is_begun_anew_by_another_run(large: Resources, client: Any) -> None:
    slow = start(large, "slow")
    expire_leases(client)

    run_stages_of(large, atoms.STAGE, owner="fast")

    assert_whole(large)
    slow.close()


@pytest.mark.parametrize("steps_of_the_other", [1, 3, 100])
def test_a_run_that_lost_its_source_writes_nothing_more_and_does_not_fail(
    large: Resources, client: Any, steps_of_the_other: int
) -> None:
    slow = start(large, "slow")
    expire_leases(client)
    fast = start(large, "fast")
    for _ in range(steps_of_the_other - 1):
        next(fast)

    assert next(slow).counts == {"taken over by another run": 1}

    for _ in range(100):
        next(fast)
    assert_whole(large)


def atomize_and_hang(ready: Callable[[], None], store: Store, folder: Path) -> None:
    home = open_home(folder, store.open(), atom_batch_size=2)
    at_work = start(home, str(this_process()))
    ready()
    time.sleep(60)
    at_work.close()


def test_a_source_half_written_by_a_killed_process_is_finished_by_the_next_run(
    large: Resources, store: Store, tmp_path: Path
) -> None:
    start_and_kill(atomize_and_hang, store, tmp_path)
    assert states(large) == [("Atomizing", 1, None)]

    release_dead_claims(large.database)
    run_stages_of(large)

    assert_whole(large)


def test_a_source_that_kills_its_process_each_time_is_given_up_after_five_attempts(
    large: Resources, client: Any
) -> None:
    killed = []  # kept: a generator that nobody holds would be closed, and release its claim
    for _ in range(5):
        killed.append(start(large, "killed"))
        expire_leases(client)

    run_stages_of(large)

    (letter,) = dead_letters(large.database)
    assert "5 attempts" in letter["reason"]
    assert "died" in letter["reason"]
    assert [source["status"] for source in all_sources(large)] == ["DeadLettered"]
    assert rows(client, "SELECT * FROM Atom") == []


def change_while_read(home: Resources, content: bytes) -> list[dict[str, int]]:
    """Atomize the landed file, writing its end anew after the first step of each attempt; returns each step's counts."""
    path = home.settings.allowed_roots[0] / "large.bin"
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))
    seen = []
    for attempt in range(6):
        seen.append(next(steps).counts)
        if "atoms" in seen[-1]:
            path.write_bytes(RANDOM_BYTES[:-1] + content + bytes([attempt]))
            while "atoms" in seen[-1]:
                seen.append(next(steps).counts)
    return seen


def test_a_file_that_changes_while_it_is_read_is_tried_five_times_and_given_up(large: Resources, client: Any) -> None:
    seen = change_while_read(large, b"")

    assert [counts for counts in seen if "atoms" not in counts] == [{"failed attempts": 1}] * 5 + [{"dead-lettered": 1}]
    (letter,) = dead_letters(large.database)
    assert letter["reason"].startswith(all_sources(large)[0]["sourceUri"])
    assert "given up after 5 attempts" in letter["reason"]
    assert "written to while it was read" in letter["reason"]
    assert rows(client, "SELECT * FROM Atom") == []


def test_a_text_that_stops_being_utf8_while_it_is_read_fails_no_stage(make_home: MakeHome) -> None:
    home = make_home(atom_batch_size=200)
    text = b"".join(b"This is sentence number %d. " % n for n in range(40_000))
    path = put_file(home, "a.txt", text)
    enqueue(home.database, INGESTION_QUEUE, [request(uri=path.as_uri())])
    run_stages_of(home, landing.STAGE)
    steps = start(home, "test")

    path.write_bytes(text[:-10] + b"\xff" * 10)

    while "atoms" in (counts := next(steps).counts):
        pass
    assert counts == {"failed attempts": 1}
