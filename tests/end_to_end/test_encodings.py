"""A folder of text in several encodings, taken in, found, placed and given back by the command line."""

from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home
from tests.unit.encoded_texts import TEXTS

FILES = {
    "письмо.txt": ("Russian", "koi8-r", "koi8-r"),
    "brief.txt": ("German", "cp1252", "windows-1252"),
    "README": ("Czech", "cp1250", "windows-1250"),
    "export.csv": ("Greek", "utf-16", "utf-16le"),
    "手紙.txt": ("Japanese", "shift_jis", "cp932"),
}
BINARY = bytes(range(256)) * 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("letters").resolve()
    for name, (language, encoding, _) in FILES.items():
        (folder / name).write_bytes(TEXTS[language].encode(encoding))
    (folder / "picture.txt").write_bytes(BINARY)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Home:
    return Home(tmp_path_factory.mktemp("homes") / "home", model_dir)


@pytest.fixture(scope="module")
def sources(home: Home, folder: Path) -> dict[str, Any]:
    """What the command made of the folder, by name."""
    found = home.json("ingest", folder)["sources"]
    return {
        name: next(row for row in found if row["sourceUri"] == (folder / name).as_uri())
        for name in [*FILES, "picture.txt"]
    }


def test_each_file_is_text_in_its_encoding(sources: dict[str, Any]) -> None:
    kinds = {name: source["contentType"].partition("; charset=") for name, source in sources.items()}
    assert {name: charset for name, (_, _, charset) in kinds.items()} == {
        **{name: charset for name, (_, _, charset) in FILES.items()},
        "picture.txt": "unknown-8bit",
    }
    assert [name for name, source in sources.items() if not source["searchable"]] == ["picture.txt"]
    assert "encoding cannot be told" in sources["picture.txt"]["note"]


def test_the_text_is_found_and_the_bytes_come_back(
    home: Home, folder: Path, sources: dict[str, Any], tmp_path: Path
) -> None:
    name, (language, _, charset) = "export.csv", FILES["export.csv"]
    data, source_id = (folder / name).read_bytes(), sources[name]["sourceId"]
    first_line = TEXTS[language].splitlines()[0]
    found, given_back, verified = home.run_all(
        ["search", first_line, "--mode", "lexical", "--json"],
        ["reconstruct", str(source_id), "-o", tmp_path / name],
        ["verify", "--json"],
    )

    hit = found.document["results"][0]
    [place] = hit["sources"]
    assert place["sourceId"] == source_id
    assert place["locator"] == {key: place[key] for key in ("byteOffset", "byteLength")} | {"charset": charset}
    assert data[place["byteOffset"] :][: place["byteLength"]].decode(charset) == hit["text"]
    marked = data[place["highlightOffset"] :][: place["highlightLength"]].decode(charset)
    assert marked == hit["highlight"]["text"] and marked in TEXTS[language]
    assert given_back.code == 0 and (tmp_path / name).read_bytes() == data
    assert verified.document == {"checked": len(sources), "failed": [], "truncated": False}
