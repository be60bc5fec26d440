"""The processes of `dev`: what ends or falls silent is started again, what works is left alone."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hartonomous_resources.settings import Settings
from hartonomous_service import dev, services
from hartonomous_service.services import Service, keep_running
from tests.cli import wait_until

SLEEP = "import time; time.sleep(60)"


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(services, "_LEAST_LIFE_SECONDS", 0.1)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a service; it is ended with the test."""
    made: list[Service] = []

    def start(program: str, answers: Callable[[], bool] = lambda: True, silent_seconds: float = 60.0) -> Service:
        made.append(Service("the sleeper", [sys.executable, "-c", program], tmp_path, {}, answers, silent_seconds))
        made[-1].start()
        return made[-1]

    yield start
    for service in made:
        service.process.kill()
        service.process.wait()


def looks(service: Service, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many rounds of `keep_running`."""
    left = iter(range(rounds))
    pause = threading.Event()

    def sleep(seconds: float) -> None:
        pause.wait(seconds)
        if next(left, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(services.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        keep_running([service])


def test_one_that_was_killed_is_started_again_and_the_log_says_so(
    started: Callable[..., Service], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service = started(SLEEP)
    first = service.process
    first.kill()
    monkeypatch.setattr(services.LOGGER, "propagate", True)

    with caplog.at_level(logging.WARNING, services.LOGGER.name):
        looks(service, 5, monkeypatch)

    assert service.process.pid != first.pid and service.process.poll() is None
    assert "the sleeper ended with exit code -9; it is started again" in caplog.messages


def test_one_that_lives_and_does_not_answer_is_started_again(
    started: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = started(SLEEP, lambda: False, 0.2)
    first = service.process

    looks(service, 8, monkeypatch)

    assert first.poll() is not None
    assert service.process.poll() is None


def test_one_that_answers_is_left_alone(started: Callable[..., Service], monkeypatch: pytest.MonkeyPatch) -> None:
    service = started(SLEEP, lambda: True, 0.0)
    first = service.process

    looks(service, 5, monkeypatch)

    assert service.process is first and first.poll() is None


def test_one_that_cannot_start_is_not_tried_without_a_pause(
    started: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = started("raise SystemExit(3)")
    first = service.process
    first.wait()
    monkeypatch.setattr(services, "_LEAST_LIFE_SECONDS", 60.0)

    looks(service, 5, monkeypatch)

    assert service.process is first


def test_one_that_ignores_the_request_to_end_is_ended(started: Callable[..., Service], tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    service = started(
        f"import signal, pathlib, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); pathlib.Path({str(ready)!r}).touch(); "
        "time.sleep(60)"
    )
    wait_until("it ignores SIGTERM", ready.exists)

    service.stop(0.2)

    assert service.process.returncode == -9


def test_what_one_says_on_stdout_is_on_stderr(
    started: Callable[..., Service], capfd: pytest.CaptureFixture[str]
) -> None:
    started("print('a line of the log')").process.wait()

    assert capfd.readouterr() == ("", "a line of the log\n")


def test_what_a_killed_dev_left_is_ended_however_its_home_is_spelled(tmp_path: Path) -> None:
    home, link = tmp_path / "home", tmp_path / "link"
    home.mkdir()
    link.symlink_to(home)
    code_server, *_ = dev._services(Settings(home=home), "127.0.0.1", 1, tmp_path / "code", with_worker=False)
    left = subprocess.Popen([sys.executable, "-c", SLEEP], env=dict(code_server.environment))
    try:
        assert dev._end_children(Settings(home=link / ".." / "link"))
        assert not psutil.pid_exists(left.pid)
    finally:
        left.kill()
        left.wait()


def test_one_that_cannot_be_started_is_told_and_those_before_it_are_stopped(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code_server = Service("the code server", [sys.executable, "-c", SLEEP], tmp_path, {})
    page = Service("the page", [str(tmp_path / "no program")], tmp_path, {})
    daemon = Service("the daemon", [sys.executable, "-c", SLEEP], tmp_path, {})
    monkeypatch.setattr(dev, "_services", lambda *_, **__: (code_server, page, daemon))

    with pytest.raises(FileNotFoundError, match="no program"):
        dev.run_dev("127.0.0.1", 0)

    assert code_server.process.poll() is not None
