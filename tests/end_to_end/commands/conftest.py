"""The home that these tests only read."""

from pathlib import Path

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home
from tests.end_to_end.commands.folder import FILES, NEW_TIDE, Ingested, footprint


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Ingested:
    """The folder ingested; one file changed, one given to tenant 7 and ingested again; then once more, unchanged. Only read from here on."""
    folder = tmp_path_factory.mktemp("folder").resolve()
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    home = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"text_unit": "sentence"})
    first = home.json("ingest", folder)
    (folder / "tide.txt").write_text(f"{NEW_TIDE} A lantern swung above the customs house.\n")
    home.json("ingest", "--no-wait", "--tenant", "7", folder / "harbour.txt")
    changed = home.json("ingest", folder)
    before = footprint(home)
    # A model that is not there: an unchanged folder must not need one.
    unchanged = home.with_settings(text_model=folder / "no model", model_dir=folder / "none").json("ingest", folder)
    return Ingested(home, folder, first, changed, unchanged, before, footprint(home))
