"""Homes for whole commands and runs."""

from pathlib import Path

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home


@pytest.fixture
def home(tmp_path: Path, model_dir: Path, text_model: TextModelFiles) -> Home:
    """A fresh home of this test alone; nothing is in it yet."""
    return Home(tmp_path / "home", model_dir)
