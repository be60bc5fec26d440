"""Microsoft's own T-SQL parser and object model, fetched from package wheels into a cache of their own.

ScriptDom and DacFx come as .NET assemblies inside the wheel of mssql-cli, which is unpacked and never installed: its pins are
older than everything we use. The .NET runtime, OpenSSL 1.1 and ICU, which it wants, come from wheels too, so that a bare
machine with pip can run the checks. Nothing of it enters the project's environment.
"""

import os
import platform
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock
from platformdirs import user_cache_path

VARIABLE = "HARTONOMOUS_TSQL_TOOLCHAIN"

_INSTALLED = ("pythonnet==3.2.1", "dotnetcore2==3.1.23")
_UNPACKED = ("mssql-cli==1.0.0", "psycopg2-binary==2.9.9", "icu4py==1.2.0")
# What is only unpacked holds no Python that we run: any one version will do, so that a newer Python needs no newer wheel.
_ANY_LINUX_WHEEL = (
    *("--no-deps", "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"),
    *("--platform", "manylinux1_x86_64", "--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64"),
    *("--platform", "manylinux_2_27_x86_64", "--platform", "manylinux_2_28_x86_64"),
)
_CONTENTS = "1"  # raise it when what the folder holds changes without a change of version


class ToolchainUnavailable(Exception):
    """The packages could not be fetched, or do not exist for this machine."""


@dataclass(frozen=True, slots=True)
class Toolchain:
    """An interpreter that can load .NET, the assemblies, and the libraries that the runtime looks for."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def assemblies(self) -> Path:
        return self.folder / "assemblies"

    @property
    def environment(self) -> dict[str, str]:
        """Variables that must be set before the process starts: the runtime reads them while it loads."""
        libraries = self.folder / "libraries"
        icu = next(libraries.glob("libicuuc.so.*")).name.removeprefix("libicuuc.so.")
        # ICU is chosen by its version; anything the outer environment says about Python must not reach the other interpreter.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return kept | {"LD_LIBRARY_PATH": str(libraries), "CLR_ICU_VERSION_OVERRIDE": icu, "LANG": "C.UTF-8"}


def open_toolchain() -> Toolchain:
    """The toolchain from the cache, fetched first if it is not there; processes that ask at once wait for one of them.

    Raises ToolchainUnavailable when it cannot be fetched.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ToolchainUnavailable(f"there are no wheels of it for {sys.platform} on {platform.machine()}")
    cache = Path(os.environ.get(VARIABLE) or user_cache_path("hartonomous") / "tsql-toolchain")
    folder = cache / _key()
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / "lock", timeout=600):
            if not folder.exists():
                _fetch_into(folder)
    return Toolchain(folder)


def _key() -> str:
    """Names one set of packages for one Python: a change of either is another folder."""
    packages = "-".join(package.split("==")[1] for package in (*_INSTALLED, *_UNPACKED))
    return f"py{sys.version_info.major}{sys.version_info.minor}-{packages}-{_CONTENTS}"


def _fetch_into(folder: Path) -> None:
    """Build the folder beside its place and rename it at the end: what is there is whole."""
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=folder.parent) as temporary:
        building = Path(temporary) / "toolchain"
        python = building / "venv" / "bin" / "python"
        venv.create(python.parent.parent, with_pip=True, symlinks=True)
        _pip(python, "install", *_INSTALLED)
        wheels = Path(temporary) / "wheels"
        _pip(python, "download", "--dest", str(wheels), *_ANY_LINUX_WHEEL, *_UNPACKED)
        _unpack(wheels, "mssql_cli", building / "assemblies", _is_assembly)
        _unpack(wheels, "psycopg2_binary", building / "libraries", _starts_with("libssl-", "libcrypto-"))
        _unpack(wheels, "icu4py", building / "libraries", _starts_with("libicu"))
        _link_plain_names(building / "libraries")
        building.rename(folder)


def _pip(python: Path, command: str, *arguments: str) -> None:
    """Run pip. Retries are few: without a network the answer is wanted soon."""
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "20"]
    result = subprocess.run([python, "-m", "pip", command, *options, *arguments], capture_output=True, text=True)
    if result.returncode:
        raise ToolchainUnavailable(f"pip {command} failed: {_last_words(result.stderr)}")


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-2:]) or "it said nothing"


def _is_assembly(name: PurePosixPath) -> bool:
    return name.parent == PurePosixPath("mssqlcli/mssqltoolsservice/bin") and name.suffix == ".dll"


def _starts_with(*prefixes: str) -> Callable[[PurePosixPath], bool]:
    return lambda name: name.name.startswith(prefixes) and ".so" in name.name


def _unpack(wheels: Path, package: str, folder: Path, wanted: Callable[[PurePosixPath], bool]) -> None:
    """Take the wanted files of a wheel, without their folders."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(next(wheels.glob(f"{package}-*.whl"))) as wheel:
        names = [name for name in wheel.namelist() if wanted(PurePosixPath(name))]
        if not names:
            raise ToolchainUnavailable(f"the wheel of {package} does not hold what it should")
        for name in names:
            (folder / PurePosixPath(name).name).write_bytes(wheel.read(name))


def _link_plain_names(libraries: Path) -> None:
    """Wheels carry a hash in the names of their libraries (libssl-0331cfe8.so.1.1); the runtime looks for the plain ones."""
    for library in list(libraries.iterdir()):
        stem, suffix = library.name.split(".so", 1)
        (libraries / f"{stem.split('-')[0]}.so{suffix}").symlink_to(library.name)


def main(_arguments: Sequence[str] = ()) -> int:
    """Fetch the toolchain before the tests do, as an image of a build machine wants it."""
    sys.stdout.write(f"{open_toolchain().folder}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
