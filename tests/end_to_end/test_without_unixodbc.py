"""On a machine without unixODBC, where `import pyodbc` fails, each command that needs SQL Server says so in its one sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from hartonomous_service.cli import app
from tests.cli import CHECKOUT, Home, Result

NEEDS_NO_DATABASE = {"config show", "demo"}
"""The demo is embedded whatever the settings say."""
REPORTS_IT = {"health", "doctor"}
"""They end with a document about what is wrong, and not with an error."""
RUNS_ON = {"serve", "webserver", "daemon", "code-server", "gpu-worker"}
"""They run until they are stopped, and tell whoever asks them."""
GIVEN = {
    "ingest": [str(CHECKOUT / "README.md")],
    "inferences record": ["--file", str(CHECKOUT / "tests/end_to_end/inference.json")],
    "jobs set-status": ["1", "Failed"],
    "models add": ["all-MiniLM-L6-v2", "--precision", "fp32"],
    "places": ["0" * 64],
    "reconstruct": ["1", "-o", "-"],
    "search": ["words"],
    "sql": ["SELECT 1"],
}


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
    for word, child in (below or {}).items():
        yield from commands(child, f"{name} {word}".strip())


COMMANDS = dict(commands(typer.main.get_command(app)))


def arguments(name: str) -> list[str]:
    """The words of a call that the command itself has nothing against."""
    required = [p for p in COMMANDS[name].params if p.required and p.param_type_name == "argument"]
    return [*name.split(), *GIVEN.get(name, ["1" for _ in required])]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> dict[str, Result]:
    """What each command says there."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "pyodbc.py").write_text(
        "raise ImportError('libodbc.so.2: cannot open shared object file: No such file or directory')"
    )
    home = Home(folder / "home", model_dir, {"sqlserver_server": "127.0.0.1,1"}, {"PYTHONPATH": f"{folder}:{CHECKOUT}"})
    names = [name for name in COMMANDS if name not in NEEDS_NO_DATABASE | RUNS_ON]
    return dict(zip(names, home.run_all(*(arguments(name) for name in names)), strict=True))


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NEEDS_NO_DATABASE - REPORTS_IT - RUNS_ON))
def test_a_command_says_what_is_missing_in_one_sentence(results: dict[str, Result], name: str) -> None:
    result = results[name]

    assert result.code == 1
    assert result.error.startswith(
        "error: SQL Server needs unixODBC, which no Python package brings: apt-get install libodbc2"
    )
    assert len(result.stderr.splitlines()) == 1, result.stderr


def test_the_health_reports_it(results: dict[str, Result]) -> None:
    assert results["health"].code == 1
    assert b"SQL Server needs unixODBC" in results["health"].stdout
    assert results["health"].stderr == ""
