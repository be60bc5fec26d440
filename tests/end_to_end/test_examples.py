"""The Python of the pages runs as it is written."""

from pathlib import Path

import pytest

from hartonomous_resources.resources import Resources
from tests.model_fixtures import TextModelFiles
from tests.unit.test_docs import CHECKOUT, DOCS, blocks

_NEED_A_SERVER = ("http.md", "uploads.md")  # test_http_page.py
PAGES = [CHECKOUT / "README.md", *(page for page in sorted(DOCS.glob("*.md")) if page.name not in _NEED_A_SERVER)]

EXAMPLES = [
    pytest.param(text, id=f"{page.name}-{number}")
    for page in PAGES
    for number, text in enumerate(blocks(page.read_text("utf-8"), "python"))
]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_runs_on_a_fresh_home(
    text: str,
    resources: Resources,
    text_model: TextModelFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("The moon makes the sea rise.")

    exec(compile(text, "example", "exec"), {"ask_the_model": lambda question, texts: "The moon."})  # noqa: S102

    if "print(" in text:
        assert "notes.txt" in capsys.readouterr().out
