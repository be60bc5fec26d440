"""Imports point one way: the contracts of pyproject.toml hold, and each of them notices when they do not."""

import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
LINTER = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
PACKAGES: list[str] = LINTER["root_packages"]
OFTEN = {"__init__", "protocol"}
"""Names that several packages have: what each of them is, and what each of its backends promises."""

VIOLATIONS = {
    "packages": ("hartonomous_core/clock.py", "hartonomous_service.errors"),
    "resources": ("hartonomous_resources/database/protocol.py", "hartonomous_resources.work.giving_up"),
    "stores": ("hartonomous_resources/database/sqlserver/scripts.py", "hartonomous_resources.database.sqlite"),
    "command-line": ("hartonomous_service/demo.py", "hartonomous_service.cli.output"),
    "http": ("hartonomous_service/http/search_routes.py", "hartonomous_resources.database.transactions"),
    "client": ("hartonomous_client/client_calls.py", "hartonomous_core.vocabulary"),
    "core": ("hartonomous_core/messages.py", "sqlite3"),
    "dagster": ("hartonomous_resources/work/leases.py", "dagster"),
    "adoption": (
        "hartonomous_resources/database/sqlserver/migrator.py",
        "hartonomous_resources.database.sqlserver.adoption.plan",
    ),
    "circles": ("hartonomous_core/clock.py", "hartonomous_core.messages"),
}
"""For each contract an import that breaks it: in which module, of which one."""


def lint(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    command += [part for contract in contracts for part in ("--contract", contract)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


def names_of_several(modules: Iterable[Path]) -> dict[str, list[Path]]:
    """Names that more than one of the modules has."""
    named = defaultdict(list)
    for module in modules:
        named[module.stem].append(module)
    return {name: found for name, found in named.items() if len(found) > 1 and name not in OFTEN}


def test_every_import_points_the_way_it_should() -> None:
    linted = lint(CHECKOUT)

    assert linted.returncode == 0, linted.stdout


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and their contracts, to break them."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(
            CHECKOUT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "demo_corpus")
        )
    return folder


@pytest.mark.parametrize("contract", [contract["id"] for contract in LINTER["contracts"]])
def test_an_import_that_points_the_other_way_is_noticed(copied: Path, contract: str) -> None:
    module, imported = VIOLATIONS[contract]
    text = (copied / module).read_text("utf-8")
    try:
        (copied / module).write_text(f"{text}\n\ndef _late() -> None:\n    import {imported}\n", "utf-8")

        linted = lint(copied, contract)
    finally:
        (copied / module).write_text(text, "utf-8")

    assert linted.returncode == 1 and "0 kept, 1 broken" in linted.stdout, linted.stdout + linted.stderr
    assert Path(module).stem in linted.stdout


def test_a_new_module_of_the_resources_is_given_its_place(copied: Path) -> None:
    new = copied / "hartonomous_resources" / "new.py"
    new.touch()
    try:
        linted = lint(copied, "resources")
    finally:
        new.unlink()

    assert linted.returncode == 1 and "hartonomous_resources.new" in linted.stdout, linted.stdout + linted.stderr


def test_no_two_modules_share_a_name() -> None:
    assert names_of_several(module for package in PACKAGES for module in (CHECKOUT / package).rglob("*.py")) == {}


def test_a_name_that_two_modules_share_is_noticed() -> None:
    modules = [Path("a/dead_letters.py"), Path("b/dead_letters.py"), Path("a/protocol.py"), Path("b/protocol.py")]

    assert names_of_several(modules) == {"dead_letters": modules[:2]}
