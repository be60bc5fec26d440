"""Fixtures that every test may use."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings

_MEMORY = Path("/dev/shm")
_GIB = 2**30


def _keep_temporary_files_in_memory() -> None:
    """Where there is enough of it: thousands of commits wait for a disk, and what they wrote is deleted. TMPDIR names another place."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(_MEMORY).free > 4 * _GIB and psutil.virtual_memory().available > 8 * _GIB:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None


_keep_temporary_files_in_memory()

# Loading the definitions looks for a home: it must not be that of whoever runs the tests.
os.environ["HARTONOMOUS_HOME"] = tempfile.mkdtemp(prefix="hartonomous-tests-")

pytest_plugins = ["tests.model_fixtures", "tests.unit.native_fixtures"]

# An example takes as long as the machine is busy, which is no failure of what it is an example of.
hypothesis.settings.register_profile("hartonomous", deadline=None)
hypothesis.settings.load_profile("hartonomous")


_LONGEST = ("graph", "neo4j", "end_to_end", "faults")
"""Folders of what takes long, the longest first."""


class _ByFixture(LoadScopeScheduling):
    """Tests that share a fixture run in one process: those of a file, all that need the one Neo4j, and those of commands.

    They are given out in the order in which they are collected here, not the file with the most tests first.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folders = set(Path(file).parts)
        return "neo4j" if {"graph", "neo4j"} & folders else "commands" if "commands" in folders else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFixture:
    """Choose how `pytest -n 2` distributes the tests."""
    return _ByFixture(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Between processes, give out first what takes minutes: a file with servers that comes last leaves the other process idle."""
    if hasattr(config, "workerinput"):
        items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    folders = set(item.path.parts)
    return next((place for place, folder in enumerate(_LONGEST) if folder in folders), len(_LONGEST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print loudly what was not tested: a line for each reason, however many tests it skips."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    )
    for reason, n in sorted(reasons.items()):
        terminalreporter.write_line(f"SKIPPED [{n}] {reason}", yellow=True, bold=True)


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """Return a fresh folder whose path, unlike that of `tmp_path`, is short enough for a socket in it: it has 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="h-") as folder:
        yield Path(folder)


@pytest.fixture
def settings(tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings of a fresh home, also set in the environment for code that reads it."""
    monkeypatch.setenv("HARTONOMOUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HARTONOMOUS_MODEL_DIR", str(model_dir))
    return Settings(linger_seconds=0)


@pytest.fixture
def resources(settings: Settings) -> Iterator[Resources]:
    """Open the resources of a fresh home."""
    opened = open_resources(settings)
    yield opened
    opened.close()
