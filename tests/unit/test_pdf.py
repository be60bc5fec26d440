"""What is read of PDFs: blocks with their places, and of what is encrypted, scanned, damaged or hostile the reason why not."""

import io
import time
import zlib
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from hartonomous_core.atomizers import Format, Partial, Section
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.extractors import pdf
from hartonomous_core.atomizers.registry import OUR_ENTRIES
from hartonomous_resources.parsing.parser_processes import ParserProcesses
from tests.unit.pdf_files import (
    CATALOG,
    FONT,
    PAGE,
    PAGES,
    PDF,
    WORDS,
    by_hand,
    drawn,
    paged,
    stream,
    with_content,
    write,
)
from tests.unit.zipped_files import read

THREE = paged("First.", "Second.", "Third.")


def draw_book(canvas: Canvas) -> None:
    canvas.setTitle("The tides")
    canvas.setAuthor("A. Pilot")
    write(canvas, 72, 760, "Harbour book", size=18)
    write(
        canvas,
        72,
        720,
        "Fog lies low over the quay and the ferry does not sail bef-",
        "ore noon. Ask the har-",
        "bour office.",
    )
    write(canvas, 72, 600, "The left column has", "two lines of text.")
    write(canvas, 320, 600, "The right column is", "read after it.")
    canvas.showPage()
    canvas.setPageRotation(90)
    canvas.rotate(90)
    write(canvas, 100, -300, "Text that is turned", "and goes on in a line.", "End.", "Another line.")
    canvas.showPage()


def draw_scan(canvas: Canvas) -> None:
    canvas.drawImage(ImageReader(Image.new("RGB", (20, 20))), 0, 0, 600, 800)
    canvas.showPage()


def draw_scan_after_words(canvas: Canvas) -> None:
    write(canvas, 72, 700, "Words.")
    canvas.showPage()
    draw_scan(canvas)


def said(data: bytes) -> tuple[list[str], str | None]:
    sections, problem = read(data, PDF)
    return [section.text for section in sections], problem


def test_blocks_have_their_page_and_box() -> None:
    sections, problem = read(drawn(draw_book), PDF)
    assert problem is None
    assert [(each.text, each.locator) for each in sections] == [
        ("The tides\n\nA. Pilot", {"part": "metadata"}),
        ("Harbour book", {"page": 1, "box": [72.0, 756.0, 181.1, 777.0]}),
        (
            "Fog lies low over the quay and the ferry does not sail before noon. Ask the harbour office.",
            {"page": 1, "box": [72.0, 691.1, 347.7, 730.4]},
        ),
        ("The left column has two lines of text.", {"page": 1, "box": [72.0, 584.3, 168.0, 610.4]}),
        ("The right column is read after it.", {"page": 1, "box": [320.0, 584.3, 412.9, 610.4]}),
        (
            "Text that is turned and goes on in a line. End.\nAnother line.",
            {"page": 2, "box": [289.6, 100.0, 342.1, 204.6]},
        ),
    ]


def test_a_file_that_only_its_bytes_call_a_pdf_is_one() -> None:
    assert sniff(THREE[:8192], "") == PDF


def test_one_that_opens_without_a_password_is_read() -> None:
    assert said(paged("Not for printing.", encrypt=StandardEncryption("", "owner", canPrint=0))) == (
        ["Not for printing."],
        None,
    )


@pytest.mark.parametrize(
    ("data", "texts", "reason"),
    [
        (paged("Secret.", encrypt=StandardEncryption("word")), [], "it is encrypted: it opens only with a password"),
        (drawn(draw_scan), [], "it holds pictures of pages and no text"),
        (drawn(draw_scan_after_words), ["Words."], "1 of its 2 pages hold pictures and no text"),
        (with_content(b""), [], "no text was found in it"),
        (b"", [], "it is damaged: no page of it can be read"),
        (b"%PDF-1.4\n", [], "it is damaged: no page of it can be read"),
        (THREE + b"\0" * 5000, ["First.", "Second.", "Third."], "its end is missing"),
    ],
    ids=["password", "scan", "scan-after-words", "blank", "empty", "head-only", "zeros-behind"],
)
def test_what_is_not_read_says_why(data: bytes, texts: list[str], reason: str) -> None:
    assert said(data) == (texts, reason)


def test_only_the_first_pages_and_characters_of_what_is_too_large_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_PAGES", 2)
    monkeypatch.setattr(pdf, "MOST_CHARACTERS", 6)
    assert said(THREE) == (
        ["First.", "Second"],
        "of page 2 only the first 6 characters were read; only its first 2 of 3 pages were read",
    )


def test_pages_that_cannot_be_read_are_named_and_the_others_read() -> None:
    kids = b"<</Type/Pages/Kids[3 0 R 7 0 R 8 0 R]/Count 3>>"
    data = by_hand(CATALOG, kids, PAGE, stream(WORDS), FONT, b"null", b"(no page)", PAGE)
    assert said(data) == (["Fog lies low.", "Fog lies low."], "page 2 cannot be read")


DEEP = b"[" * 100_000
HOSTILE: dict[str, bytes] = {
    "cut-in-the-table": THREE[:-60],
    "cut-in-a-page": THREE[: THREE.index(b"Third.") + 3],
    "cut-in-the-middle": THREE[: len(THREE) // 2],
    "without-its-beginning": THREE[len(THREE) // 3 :],
    "zeros-in-the-middle": THREE[:300] + b"\0" * 600 + THREE[900:],
    "twice": THREE + THREE,
    "mail-before": b"From: x\r\n\r\n" + THREE,
    "line-ends-changed": THREE.replace(b"\n", b"\r\n"),
    "startxref-beyond": by_hand(CATALOG, PAGES, PAGE).replace(b"startxref\n", b"startxref\n99999999"),
    "startxref-negative": by_hand(CATALOG, PAGES, PAGE).replace(b"startxref\n", b"startxref\n-"),
    "previous-table-is-itself": by_hand(CATALOG, PAGES, PAGE, trailer=b"<</Root 1 0 R/Prev 9>>"),
    "root-is-missing": by_hand(CATALOG, PAGES, PAGE, trailer=b"<<>>"),
    "root-is-itself": by_hand(b"1 0 R"),
    "pages-hold-themselves": by_hand(CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"),
    "count-of-two-milliards": by_hand(
        CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 2147483647>>", PAGE, stream(WORDS), FONT
    ),
    "count-is-negative": by_hand(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count -7>>", PAGE, stream(WORDS), FONT),
    "page-is-a-number": by_hand(CATALOG, PAGES, b"7"),
    "page-is-the-words-of-another": by_hand(
        CATALOG, b"<</Type/Pages/Kids[4 0 R 3 0 R]/Coun 2>>", PAGE, stream(WORDS), FONT
    ),
    "page-without-size": with_content(WORDS, page=PAGE.replace(b"[0 0 600 800]", b"[0 0 0 0]")),
    "page-of-endless-size": with_content(WORDS, page=PAGE.replace(b"600", b"9" * 60)),
    "arrays-nested-deeply": by_hand(CATALOG, PAGES, PAGE.replace(b"/Contents", b"/Deep " + DEEP + b"/Contents")),
    "operands-nested-deeply": with_content(DEEP + WORDS),
    "states-saved-endlessly": with_content(b"q " * 200_000 + WORDS),
    "packed-a-thousandfold": with_content(zlib.compress(b" " * 50_000_000 + WORDS), b"/Filter/FlateDecode"),
    "packed-badly": with_content(zlib.compress(WORDS)[:-9] + b"wrong", b"/Filter/FlateDecode"),
    "filter-unknown": with_content(WORDS, b"/Filter/Nothing"),
    "filters-by-the-thousand": with_content(WORDS, b"/Filter[" + b"/ASCIIHexDecode" * 5000 + b"]"),
    "length-too-great": with_content(WORDS).replace(b"/Length ", b"/Length 99999"),
    "font-is-itself": with_content(WORDS, font=b"5 0 R"),
    "font-without-anything": with_content(WORDS, font=b"<</Type/Font/Subtype/Type0>>"),
    "letters-without-size": with_content(WORDS.replace(b"12 Tf", b"0 Tf")),
    "letters-of-endless-size": with_content(WORDS.replace(b"12 Tf", b"1e38 Tf")),
    "letters-far-outside": with_content(WORDS.replace(b"72 700", b"-1e37 1e37")),
    "unknown-encryption": by_hand(
        CATALOG, PAGES, PAGE, b"<</Filter/Mine/V 9>>", trailer=b"<</Root 1 0 R/Encrypt 4 0 R/ID[(a)(b)]>>"
    ),
    "string-without-end": with_content(WORDS.replace(b") Tj", b"")),
    "html": b"<html>%PDF-1.4</html>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_hostile_raises_or_lasts(name: str) -> None:
    started = time.process_time()
    sections, _ = read_strictly(HOSTILE[name])
    assert time.process_time() - started < 5
    assert sum(len(section.text) for section in sections) < 1000


def test_a_page_that_is_never_done_costs_its_own_text_only(tmp_path: Path) -> None:
    draws_itself = stream(b"/X Do /X Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>")
    kids = b"<</Type/Pages/Kids[7 0 R 3 0 R]/Count 2>>"
    data = by_hand(
        CATALOG, kids, PAGE, stream(b"/X Do"), FONT, draws_itself, PAGE.replace(b"4 0 R", b"8 0 R"), stream(WORDS)
    )
    processes = ParserProcesses(seconds=2, memory_bytes=1024 * 1024 * 1024)
    [format_] = (entry for entry in OUR_ENTRIES if isinstance(entry, Format) and entry.name == "pdf")
    sections = []
    (tmp_path / "a.pdf").write_bytes(data)
    said = "2 seconds|more memory"  # which limit it meets first, the machine decides
    with closing(processes), (tmp_path / "a.pdf").open("rb") as file, pytest.raises(Partial, match=said):
        for section in processes(format_, file, PDF):
            sections.append(section)
    assert [section.text for section in sections] == ["Fog lies low."]


def write_scans(file: BinaryIO, count: int, height: int = 1024) -> None:
    """Write pages that each hold words and a picture of so many KiB, which takes no room on the disk."""
    size = 1024 * height
    picture = (
        b"<</Type/XObject/Subtype/Image/Width 1024/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray/Length %d>>"
        % (height, size)
    )
    kids = b" ".join(b"%d 0 R" % (4 + 3 * page) for page in range(count))
    objects = [CATALOG, b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count), FONT]
    for page in range(count):
        numbers = (4 + 3 * page + 1, 3, 4 + 3 * page + 2)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R"
            b"/Resources<</Font<</F %d 0 R>>/XObject<</X %d 0 R>>>>>>" % numbers
        )
        objects += [stream(WORDS + b" /X Do"), picture]
    file.write(b"%PDF-1.7\n")
    table = b"0000000000 65535 f \n"
    for number, content in enumerate(objects, 1):
        table += b"%010d 00000 n \n" % file.tell()
        file.write(b"%d 0 obj\n%s\n" % (number, content))
        if content is picture:
            file.write(b"stream\n")
            file.seek(size, 1)
            file.write(b"\nendstream\n")
        file.write(b"endobj\n")
    at = file.tell()
    file.write(b"xref\n0 %d\n%strailer\n<</Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table, at))


def test_scanned_pages_of_more_bytes_than_its_memory_are_read(tmp_path: Path) -> None:
    with (tmp_path / "scans.pdf").open("wb") as file:
        write_scans(file, 600)
    processes = ParserProcesses(seconds=60, memory_bytes=512 * 1024 * 1024)
    [format_] = (entry for entry in OUR_ENTRIES if isinstance(entry, Format) and entry.name == "pdf")
    with closing(processes), (tmp_path / "scans.pdf").open("rb") as opened:
        sections = [item for item in processes(format_, opened, PDF) if isinstance(item, Section)]
        assert [section.locator["page"] for section in sections] == list(range(1, 601))


def test_large_pictures_take_no_memory_and_cost_no_text(tmp_path: Path) -> None:
    with (tmp_path / "scans.pdf").open("wb") as file:
        write_scans(file, 2, height=900 * 1024)
    processes = ParserProcesses(seconds=60, memory_bytes=300 * 1024 * 1024)
    [format_] = (entry for entry in OUR_ENTRIES if isinstance(entry, Format) and entry.name == "pdf")
    found = []
    with (
        closing(processes),
        (tmp_path / "scans.pdf").open("rb") as opened,
        pytest.raises(Partial, match="2 pictures of more than"),
    ):
        for item in processes(format_, opened, PDF):
            if isinstance(item, Section):
                found.append(item.locator["page"])
    assert found == [1, 2]


def read_strictly(data: bytes) -> tuple[list[Section], str | None]:
    """Read with the extractor itself: what it raises besides Partial is not caught."""
    sections = []
    try:
        for item in pdf.extract(io.BytesIO(data), PDF):
            if isinstance(item, Section):
                sections.append(item)
                item.text.encode()
    except Partial as problem:
        return sections, str(problem)
    return sections, None


@settings(max_examples=60, deadline=5000)
@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4)), min_size=1, max_size=8))
def test_changed_bytes_give_sections_or_a_reason(changes: list[tuple[float, bytes]]) -> None:
    data = bytearray(drawn(draw_book))
    for where, new in changes:
        at = int(where * len(data))
        data[at : at + len(new)] = new
    read_strictly(bytes(data))
