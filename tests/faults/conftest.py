"""Homes for whole commands and runs."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home
from tests.faults.files import write_files
from tests.faults.state import loose_ends, state_of

SMALL = {
    "text_unit": "sentence",
    "ingestion_batch_size": 10,
    "atom_batch_size": 40,
    "embedding_batch_size": 32,
    "projection_batch_size": 32,
    "provenance_batch_size": 3,
}
"""Small atoms and batches, so that every stage has several steps and they interleave."""


@pytest.fixture
def home(tmp_path: Path, model_dir: Path, text_model: TextModelFiles) -> Home:
    """A fresh home of this test alone; nothing is in it yet."""
    return Home(tmp_path / "home", model_dir)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty small files."""
    return write_files(tmp_path_factory.mktemp("files").resolve() / "given", 40)


@pytest.fixture(scope="session")
def undisturbed(
    files: Path, tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles
) -> dict[str, Counter[Any]]:
    """What the forty files come to when nothing goes wrong."""
    home = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, SMALL)
    home.json("ingest", files)
    assert loose_ends(home) == []
    return state_of(home)
