"""Which process holds a claim: a dead one is known at once, a living or unknown one is never taken for dead."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hartonomous_resources.processes import ProcessIdentity, this_process
from tests.processes import start_and_kill


def write_identity_and_hang(ready: Callable[[], None], path: Path) -> None:
    path.write_text(str(this_process()))
    ready()
    time.sleep(60)


def identity_of(path: Path) -> ProcessIdentity:
    identity = ProcessIdentity.parse(path.read_text())
    assert identity is not None
    return identity


def test_an_identity_written_and_read_again_is_the_same() -> None:
    assert ProcessIdentity.parse(str(this_process())) == this_process()


def test_a_host_name_with_slashes_is_read_back() -> None:
    identity = ProcessIdentity("a/b", 1, 2, 3)

    assert ProcessIdentity.parse(str(identity)) == identity


@pytest.mark.parametrize("text", ["", "host", "host/1/2", "host/1/2/x", "host/1/-2/3", "host/1/2/3/", "host/1/²/3"])
def test_anything_else_is_no_identity(text: str) -> None:
    assert ProcessIdentity.parse(text) is None


def test_this_process_is_not_gone() -> None:
    assert not this_process().is_gone()


def test_a_process_that_was_killed_is_gone(tmp_path: Path) -> None:
    start_and_kill(write_identity_and_hang, tmp_path / "identity")
    identity = identity_of(tmp_path / "identity")

    assert identity.pid != this_process().pid
    assert identity.is_gone()


def test_a_process_that_was_killed_is_gone_even_if_its_parent_has_not_waited_for_it(tmp_path: Path) -> None:
    process = start_and_kill(write_identity_and_hang, tmp_path / "identity", reap=False)
    entry = psutil.Process(process.pid)
    while entry.status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.01)

    assert identity_of(tmp_path / "identity").is_gone()
    process.join()


def test_a_pid_that_another_process_has_now_is_not_the_process_that_had_it() -> None:
    assert dataclasses.replace(this_process(), started=this_process().started - 60).is_gone()


def test_every_process_of_an_earlier_boot_is_gone() -> None:
    assert dataclasses.replace(this_process(), boot=this_process().boot - 3600).is_gone()


def test_a_clock_step_of_a_second_kills_nobody() -> None:
    mine = this_process()

    assert not dataclasses.replace(mine, boot=mine.boot + 1, started=mine.started - 1).is_gone()


def test_of_another_host_no_process_is_said_to_be_gone() -> None:
    assert not ProcessIdentity("some-other-host", 1, 1, 1).is_gone()


def test_setting_the_clock_by_hours_kills_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = ProcessIdentity.parse(str(this_process()))
    boot_time, create_time = psutil.boot_time, psutil.Process.create_time
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_time() - 7200)
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) - 7200)

    assert mine is not None and not mine.is_gone()
