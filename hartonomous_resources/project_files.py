"""Finds the files that are not Python: sql/ and dagster.yaml."""

from pathlib import Path


def project_file(name: str) -> Path:
    """Return the path of a file or folder that stands at the top of the checkout, or, once installed from a wheel, inside this package.

    Raises FileNotFoundError when it is in neither place: the installation is broken.
    """
    here = Path(__file__).resolve().parent
    for candidate in (here / "packaged" / name, here.parent / name):
        if candidate.exists():
            return candidate
    raise FileNotFoundError(f"{name} is missing from the installation at {here}: reinstall hartonomous")
