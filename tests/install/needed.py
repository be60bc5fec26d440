"""Programs that tests of the installation run and do not bring."""

import os
import shutil

import pytest


def needed(program: str, package: str) -> str:
    """The path of a program; where there is none, the test is skipped, loudly, and in CI it fails."""
    if found := shutil.which(program):
        return found
    why = f"{program} is not installed: apt-get install {package}"
    if os.environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(f"CI must test what {program} says: {why}")
    pytest.skip(f"NOT TESTED: {why}")
