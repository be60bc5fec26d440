"""The same of documents that LibreOffice writes, where it is: the words of the original, as other programs find them, in the same order."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.test_office_words import (
    LEAST,
    Words,
    as_calamine_reads,
    as_docx2python_reads,
    as_its_xml_says,
    as_openpyxl_reads,
    as_python_docx_reads,
    as_python_pptx_reads,
    boxes_and_groups,
    bullets,
    lists_and_breaks,
    long_texts,
    report,
    sections_and_margins,
    share_found,
    tables,
    tables_and_notes,
    titles_and_gaps,
    typed_columns,
)
from tests.unit.zipped_files import DOCX, PPTX, XLSX

OFFICE = shutil.which("soffice")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        OFFICE is None,
        reason="LibreOffice is not here: apt-get install libreoffice-writer-nogui …-calc-nogui …-impress-nogui",
    ),
]
OPEN = "application/vnd.oasis.opendocument."
CONTENT_TYPES = {
    "docx": DOCX,
    "odt": f"{OPEN}text",
    "rtf": "application/rtf",
    "xlsx": XLSX,
    "ods": f"{OPEN}spreadsheet",
} | {
    "pptx": PPTX,
    "odp": f"{OPEN}presentation",
}
MADE: dict[str, tuple[list[Callable[[Words], object]], list[Callable[[bytes], str]], list[str]]] = {
    "docx": (
        [report, tables, lists_and_breaks, sections_and_margins],
        [as_python_docx_reads, as_docx2python_reads],
        ["docx", "odt", "rtf"],
    ),
    "xlsx": ([typed_columns, titles_and_gaps, long_texts], [as_openpyxl_reads, as_calamine_reads], ["xlsx", "ods"]),
    "pptx": ([bullets, boxes_and_groups, tables_and_notes], [as_python_pptx_reads, as_its_xml_says], ["pptx", "odp"]),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the originals, with one of each kind that LibreOffice made of them, named by its extension."""
    folder = tmp_path_factory.mktemp("libreoffice")
    for extension, (makes, _, targets) in MADE.items():
        originals = [folder / f"{make.__name__}.{extension}" for make in makes]
        for make, path in zip(makes, originals, strict=True):
            make(Words(19)).save(path)  # type: ignore[attr-defined]
        for target in targets:
            profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
            command = [str(OFFICE), profile, "--headless", "--convert-to", target, "--outdir", str(folder / target)]
            subprocess.run([*command, *map(str, originals)], check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.parametrize(
    ("make", "original", "target"),
    [
        (make, original, target)
        for original, (makes, _, targets) in MADE.items()
        for make in makes
        for target in targets
    ],
)
def test_of_what_libreoffice_writes(make: Callable[[Words], object], original: str, target: str, written: Path) -> None:
    others = MADE[original][1]
    expected = [other((written / f"{make.__name__}.{original}").read_bytes()) for other in others]
    data = (written / target / f"{make.__name__}.{target}").read_bytes()
    assert share_found(data, CONTENT_TYPES[target], [lambda _, text=text: text for text in expected]) >= LEAST  # type: ignore[misc]
    if target == original:
        assert share_found(data, CONTENT_TYPES[target], others) >= LEAST
