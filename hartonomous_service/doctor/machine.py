"""What an installation stands on: Python, packages, settings, drivers, and the rights of folders."""

import os
import stat
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

from hartonomous_resources.settings import Settings, variable_of
from hartonomous_resources.settings_problems import remarks_on_settings
from hartonomous_service.check_outcomes import DEGRADED, HEALTHY, UNHEALTHY, Outcome

_ENVIRONMENT_FILE = Path("/etc/hartonomous/hartonomous.env")


def check_python() -> Outcome:
    """Compare the interpreter with what the package asks for."""
    from packaging.specifiers import SpecifierSet

    version = ".".join(map(str, sys.version_info[:3]))
    wanted = metadata.metadata("hartonomous")["Requires-Python"]
    what = f"{version}, {sys.maxsize.bit_length() + 1} bits, {sys.executable}"
    fits = SpecifierSet(wanted).contains(version, prereleases=True) and sys.maxsize > 2**32
    return (HEALTHY, what) if fits else (UNHEALTHY, f"{what}: {wanted} and 64 bits are needed")


def check_packages() -> Outcome:
    """Compare the packages of this environment with what hartonomous requires."""
    requirements = metadata.requires("hartonomous") or []
    if problems := find_unfit(requirements):
        return UNHEALTHY, "; ".join(problems)
    return HEALTHY, f"hartonomous {metadata.version('hartonomous')} and the packages that it requires"


def find_unfit(requirements: Iterable[str]) -> list[str]:
    """Return a sentence about each requirement, of no extra, that is missing here or has another version."""
    from packaging.requirements import Requirement

    problems = []
    for requirement in map(Requirement, requirements):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            problems.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            problems.append(f"{requirement.name} {found} is not {requirement.specifier}")
    return problems


def check_settings(settings: Settings, problems: Mapping[str, str]) -> Outcome:
    """Say what is wrong with settings, and which variables are none."""
    if problems:
        return UNHEALTHY, "; ".join(f"{variable_of(name)}: {problem}" for name, problem in problems.items())
    if remarks := remarks_on_settings(settings):
        return DEGRADED, "; ".join(remarks)
    return HEALTHY, f"{len(settings.model_fields_set)} are set"


def check_drivers(settings: Settings) -> Outcome:
    """Load unixODBC and find Microsoft's driver, where SQL Server is used."""
    if not settings.uses_sqlserver:
        return HEALTHY, "none is needed: the database is SQLite"
    from hartonomous_resources.database.sqlserver.connection import load_pyodbc, odbc_driver

    pyodbc = load_pyodbc()
    return HEALTHY, f"pyodbc {pyodbc.version}, {odbc_driver()}"


def check_rights(settings: Settings) -> Outcome:
    """Ask whether this user may work in the folders, and others may not look into them."""
    if wrong := [said for folder in _folders(settings) for said in _find_missing_rights(folder)]:
        return UNHEALTHY, "; ".join(wrong)
    secrets = [_ENVIRONMENT_FILE, *_files_of(settings.secrets_dir)]
    if open_to_all := [path for path in [settings.home, *secrets] if _is_open_to_all(path)]:
        return DEGRADED, "; ".join(f"every user of this machine may read {path}" for path in open_to_all)
    return HEALTHY, ", ".join(map(str, _folders(settings)))


def _folders(settings: Settings) -> list[Path]:
    return list(dict.fromkeys([settings.home, settings.dagster_home, settings.model_dir]))


def _files_of(folder: Path | None) -> list[Path]:
    return sorted(folder.iterdir()) if folder and folder.is_dir() and os.access(folder, os.R_OK) else []


def _find_missing_rights(folder: Path) -> list[str]:
    there = next(each for each in (folder, *folder.parents) if each.exists())
    needed = os.R_OK | os.W_OK | os.X_OK
    if os.access(there, needed):
        owner = there.stat().st_uid
        if os.name == "posix" and os.geteuid() == 0 != owner:
            return [f"root runs this in {there}, which is another user's: files of root would lie there"]
        return []
    return [f"{there} cannot be written by this user"] if there == folder else [f"{folder} cannot be made in {there}"]


def _is_open_to_all(path: Path) -> bool:
    """Return whether every user of this machine gets to a path and may read or write it."""
    if os.name != "posix":
        return False
    try:
        passable = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.absolute().parents)
        return passable and bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))
    except OSError:  # not there, or not ours to see
        return False
