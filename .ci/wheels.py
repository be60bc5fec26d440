"""Resolve our dependencies, as constraints.txt has them, from wheels alone for each supported Python; downloads no package."""

import subprocess
import sys
import tomllib
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13")
EXTRAS = ("code", "parquet", "projections")
"""Those that the README has everybody install."""
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Exit code 1 when a Python version has a dependency without a wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    failed = 0
    for python in PYTHONS:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--no-input"]
        command += ["--only-binary=:all:", "--python-version", python, "--target", "unused"]
        command += [
            "--platform",
            "manylinux_2_28_x86_64",
            "--platform",
            "manylinux_2_17_x86_64",
            "--platform",
            "manylinux2014_x86_64",
        ]
        command += [
            "--platform",
            "manylinux_2_27_x86_64",
            "--platform",
            "manylinux_2_5_x86_64",
            "--platform",
            "manylinux1_x86_64",
        ]
        command += ["--constraint", str(ROOT / "constraints.txt")]
        wanted = project["dependencies"] + [
            each for extra in EXTRAS for each in project["optional-dependencies"][extra]
        ]
        result = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)  # noqa: S603
        print(f"Python {python}: {'all wheels found' if result.returncode == 0 else result.stderr.strip()[-600:]}")  # noqa: T201
        failed += result.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
