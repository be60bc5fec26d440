"""Pictures and attachments of PDFs: as the files they are, or pixel by pixel, each once, with the place of the first."""

import io
import re
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from hartonomous_core.atomizers import Format, Partial, Section
from hartonomous_core.atomizers.extractors import pdf, pdf_document, pdf_files, pdf_pictures
from hartonomous_core.atomizers.members import Member
from hartonomous_core.atomizers.registry import OUR_ENTRIES
from hartonomous_resources.parsing.parser_processes import ParserProcesses
from tests.unit.drawn_pictures import noise, opened, place, saved
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

JPEG = saved(noise(), "JPEG")
NOTHING = "1 picture that shows nothing, or cannot be read, left out"
SHAPE = Image.new("RGBA", (40, 40))
SHAPE.putalpha(noise("L", 40, 40))


def found_in(data: bytes) -> tuple[dict[str, bytes], dict[str, object], str | None]:
    """The files in a PDF by name, their places, and what is said to be missing."""
    files: dict[str, bytes] = {}
    places: dict[str, object] = {}
    try:
        for item in pdf.extract(io.BytesIO(data), PDF):
            if isinstance(item, Member):
                name = item.name
                files[name], places[name] = b"", item.locator
            elif isinstance(item, bytes):
                files[name] += item
    except Partial as problem:
        return files, places, str(problem)
    return files, places, None


def with_words(*draw: Callable[[Canvas], None]) -> bytes:
    """A page of words and whatever is drawn, for each."""

    def pages(canvas: Canvas) -> None:
        for each in draw:
            write(canvas, 72, 700, "Fog lies low.")
            each(canvas)
            canvas.showPage()

    return drawn(pages)


@pytest.mark.parametrize(
    ("picture", "mode"),
    [
        (noise(), "RGB"),
        (noise("RGBA"), "RGBA"),
        (noise("L", 33, 200), "L"),
        (noise("L", 40, 40).convert("1"), "L"),
        (noise().quantize(16), "RGB"),
        (SHAPE, "LA"),
    ],
    ids=["colours", "transparent", "grey", "black-and-white", "palette", "black-shape"],
)
def test_packed_pixels_become_a_png_of_the_same(picture: Image.Image, mode: str) -> None:
    files, places, problem = found_in(with_words(lambda canvas: place(canvas, picture, 300, 400)))
    assert problem is None
    assert places == {"page-1-picture-1.png": {"page": 1, "box": [300.0, 400.0, 360.0, 440.0]}}
    found = opened(files["page-1-picture-1.png"])
    assert (found.mode, found.size) == (mode, picture.size)
    assert found.convert("RGBA").tobytes() == picture.convert("RGBA").tobytes()


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "L"])
def test_a_jpeg_is_the_file_it_was(mode: str) -> None:
    data = saved(noise(mode), "JPEG")
    files, _, problem = found_in(with_words(lambda canvas: place(canvas, data)))
    assert (files, problem) == ({"page-1-picture-1.jpg": data}, None)


def test_jpeg_2000_is_the_file_it_was() -> None:
    data = saved(noise(), "JPEG2000")
    header = b"/Type/XObject/Subtype/Image/Width 50/Height 30/Filter/JPXDecode"
    files, _, problem = found_in(with_content(WORDS + b" 60 0 0 40 9 9 cm /X Do", form=stream(data, header)))
    assert (files, problem) == ({"page-1-picture-1.jp2": data}, None)


def test_a_logo_on_three_pages_is_one_and_two_shapes_of_one_colour_are_two() -> None:
    other = Image.new("RGBA", (40, 40))
    other.putalpha(noise("L", 40, 40, seed=2))
    files, _, problem = found_in(
        with_words(
            lambda canvas: (place(canvas, JPEG), place(canvas, SHAPE, y=200)),
            lambda canvas: (place(canvas, JPEG, y=90), place(canvas, SHAPE)),
            lambda canvas: (place(canvas, JPEG), place(canvas, other, y=200)),
        )
    )
    assert (list(files), problem) == (["page-1-picture-1.jpg", "page-1-picture-2.png", "page-3-picture-1.png"], None)


def test_inline_pictures_and_those_in_forms_are_found_where_they_stand() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawInlineImage(noise(), 300, 300, 50, 30)
        canvas.beginForm("stamp")
        place(canvas, JPEG, 10, 10)
        canvas.endForm()
        canvas.translate(400, 400)
        canvas.scale(2, 2)
        canvas.doForm("stamp")

    files, places, _ = found_in(with_words(draw))
    assert places == {
        "page-1-picture-1.png": {"page": 1, "box": [300.0, 300.0, 350.0, 330.0]},
        "page-1-picture-2.jpg": {"page": 1, "box": [420.0, 420.0, 540.0, 500.0]},
    }
    assert opened(files["page-1-picture-1.png"]).tobytes() == noise().tobytes()


def test_lines_are_no_pictures() -> None:
    assert found_in(with_words(lambda canvas: place(canvas, noise(width=500, height=7))))[0] == {}


def test_a_scan_is_taken_out_and_its_page_said_to_have_no_text() -> None:
    files, _, problem = found_in(drawn(lambda canvas: place(canvas, JPEG)))
    assert (files, problem) == ({"page-1-picture-1.jpg": JPEG}, "it holds pictures of pages and no text")


def image(width: int, height: int, data: bytes, more: bytes = b"/Filter/FlateDecode/ColorSpace/DeviceRGB") -> bytes:
    """A page with a picture that says to be of this size."""
    header = b"/Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8%s" % (width, height, more)
    return with_content(WORDS + b" 60 0 0 40 9 9 cm /X Do", form=stream(data, header))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (image(100_000, 100_000, zlib.compress(bytes(99))), "1 picture of more than 20,971,520 pixels left out"),
        (image(2**31 - 1, 2**31 - 1, b""), "1 picture of more than 20,971,520 pixels left out"),
        (image(-5, 40, zlib.compress(bytes(99))), "1 picture of more than 20,971,520 pixels left out"),
        (image(40, 40, b"no jpeg", b"/Filter/DCTDecode/ColorSpace/DeviceRGB"), NOTHING),
        (image(40, 40, JPEG[:200], b"/Filter/DCTDecode/ColorSpace/DeviceRGB"), None),
        (image(40, 40, b"x", b"/Filter/JBIG2Decode/ColorSpace/DeviceGray"), None),
        (image(40, 40, bytes(4800), b"/ColorSpace/DeviceRGB/SMask 6 0 R"), NOTHING),
        (image(40, 40, bytes(4800), b"/ColorSpace[/Indexed 6 0 R 255 6 0 R]"), NOTHING),
    ],
    ids=["100,000 square", "2**31", "negative", "no-jpeg", "cut-jpeg", "jbig2", "own-mask", "own-palette"],
)
def test_what_a_picture_says_of_itself_is_not_believed(data: bytes, reason: str | None) -> None:
    assert found_in(data)[2] == reason


@pytest.mark.parametrize("length", [b"%d", b"7 0 R"])
@pytest.mark.parametrize("block", [64, 1 << 20])
def test_a_picture_of_more_bytes_than_the_limit_is_not_read(
    length: bytes, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = b"/ColorSpace/DeviceGray"
    data = image(50, 96, bytes(range(50)) * 96, grey).replace(
        b"/Length 4800", b"/Length " + length.replace(b"%d", b"4800")
    )
    data = by_hand(*re.findall(rb"\d obj\n(.*?)\nendobj", data, re.DOTALL), b"4800")
    monkeypatch.setattr(pdf_document, "_BLOCK_BYTES", block)
    monkeypatch.setattr(pdf_document, "MOST_PICTURE_BYTES", 4801)  # with the end of the line
    files, _, problem = found_in(data)
    assert (list(files), problem) == (["page-1-picture-1.png"], None)
    monkeypatch.setattr(pdf_document, "MOST_PICTURE_BYTES", 4800)
    items: list[object] = []
    with pytest.raises(Partial, match=NOTHING):
        items += pdf.extract(io.BytesIO(data), PDF)
    assert [item.text for item in items if isinstance(item, Section)] == ["Fog lies low."]


def test_a_form_that_draws_itself_has_its_picture_once() -> None:
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</XObject<</X 6 0 R/P 7 0 R>>>>"
    picture = stream(
        JPEG, b"/Type/XObject/Subtype/Image/Width 50/Height 30/BitsPerComponent 8/Filter/DCTDecode/ColorSpace/DeviceRGB"
    )
    data = by_hand(
        CATALOG, PAGES, PAGE, stream(WORDS + b" /X Do"), FONT, stream(b"20 0 0 20 0 0 cm /P Do /X Do", form), picture
    )
    assert found_in(data)[0] == {"page-1-picture-1.jpg": JPEG}


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    five = [lambda canvas, n=n: place(canvas, noise(seed=n)) for n in range(5)]
    with monkeypatch.context() as patched:
        patched.setattr(pdf_pictures, "MOST_PICTURES", 2)
        files, _, problem = found_in(with_words(*five))
        assert (len(files), problem) == (2, "only its first 2 pictures were taken in")
    monkeypatch.setattr(pdf_pictures, "MOST_PIXELS_TOGETHER", 4 * 50 * 30)
    files, _, problem = found_in(with_words(*five))
    assert (len(files), problem) == (4, "1 picture beyond the first 6,000 pixels left out")


def test_a_picture_that_takes_too_much_memory_costs_no_text(tmp_path: Path) -> None:
    """The mask of a small picture is 400 million pixels, of which nobody can be asked."""
    mask = b"<</Type/XObject/Subtype/Image/Width 20000/Height 20000/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/FlateDecode/Length 0>>"
    small = b"/Type/XObject/Subtype/Image/Width 40/Height 40/BitsPerComponent 8/ColorSpace/DeviceRGB/SMask 7 0 R"
    packed = zlib.compress(bytes(4 * 10**8), 1)
    mask = mask.replace(b"/Length 0", b"/Length %d" % len(packed)) + b"\nstream\n" + packed + b"\nendstream"
    data = by_hand(
        CATALOG, PAGES, PAGE, stream(WORDS + b" 60 0 0 40 9 9 cm /X Do"), FONT, stream(bytes(4800), small), mask
    )
    (tmp_path / "a.pdf").write_bytes(data)
    [format_] = (entry for entry in OUR_ENTRIES if isinstance(entry, Format) and entry.name == "pdf")
    items = []
    with closing(ParserProcesses(30, 512 * 1024 * 1024)) as processes, (tmp_path / "a.pdf").open("rb") as file:
        try:
            for item in processes(format_, file, PDF):
                items.append(item)
        except Partial as problem:
            assert "memory" in str(problem) or "cannot be read" in str(problem)
    assert items[0].text == "Fog lies low."


def attached(**files: bytes) -> bytes:
    document = pypdfium2.PdfDocument(paged("See the table."))
    for name, data in files.items():
        document.new_attachment(name).set_data(data)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def test_attachments_are_files_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = attached(table=b"a,b\n1,2\n", empty=b"")
    files, places, problem = found_in(data)
    assert (files["attachments/table"], problem) == (b"a,b\n1,2\n", None)
    assert places["attachments/table"] == {"part": "attachments"}
    named = [item for item in pdf.extract(io.BytesIO(data), PDF) if isinstance(item, Section)][-1]
    assert (sorted(named.text.split()), named.locator) == (["empty", "table"], {"part": "attachments"})
    monkeypatch.setattr(pdf_files, "MOST_ATTACHMENTS", 1)
    assert found_in(data)[2] == "only the first 1 of 2 attachments were taken in"
