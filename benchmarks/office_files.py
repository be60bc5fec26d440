"""Office files: how questions about a row find it, what a changed copy stores anew, and the speed and memory of reading large ones."""

import io
import os
import random
import tempfile
import time
import zipfile
from hashlib import sha256
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import docx
import numpy as np
from common import Figure, arguments, finish
from PIL import Image

from hartonomous_core.atomizers import atomizer_for
from hartonomous_core.atomizers.chunks import ChunkAtomizer, ChunkSizes
from hartonomous_core.atomizers.document_atomizer import DocumentAtomizer
from hartonomous_core.atomizers.extractors import docx as docx_extractor
from hartonomous_core.atomizers.extractors import sheet_rows, xlsx

FIRST = "Ada Ben Clara David Emma Felix Greta Henry Ida Jonas Karla Leo Mia Noah Olga Paul Rosa Simon Tara Uwe Vera Will Yuri Zoe"
LAST = "Abbott Baker Carter Dixon Ellis Foster Grant Hughes Irwin Keller Larsen Mason Novak Owens Porter Quinn Reed Stone Turner"
ITEMS = "desk lamp,office chair,laser printer,coffee machine,whiteboard,standing desk,monitor arm,paper shredder,headset,projector,scanner"
CITIES = "Berlin Hamburg Lyon Porto Oslo Turin Graz Leeds Bristol Cork Ghent Malmo Gdansk Brno Split Varna Riga Tartu Kaunas Bergen"
FISH = "herring cod mackerel haddock sole plaice turbot pollock sprat eel salmon trout pike perch carp bream roach tench zander char"
OFFICES = "Payroll,Legal,Marketing,Procurement,Research,Logistics,Security,Facilities,Support,Finance"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--megabytes", type=int, default=100, help="of XML, of the large files")
    options = parser.parse_args()
    return finish([*large_files(options.megabytes), *changed_copies(), *questions()], options.json)


def text_embedder() -> Any:
    """Load the product's own encoder."""
    from hartonomous_core.embedders.text_native import NativeTextEmbedder
    from hartonomous_resources.compute.text_model import ensure_text_model

    model = ensure_text_model(Path(os.environ["HARTONOMOUS_MODEL_DIR"]))
    assert model.bert is not None
    return NativeTextEmbedder(
        model.model_path, model.tokenizer_path, model.bert, compiled=[model.model_path.parent / "compiled"]
    )


def questions() -> list[Figure]:
    """Of 720 questions about the rows of three sheets, how many find first a section that holds a row which answers."""
    embedder = text_embedder()
    tables = question_tables()
    asked = [(sheet, question) for sheet, (_, rows, ask) in tables.items() for row in rows for question in ask(row)]
    answers = [
        {(sheet, number) for number, row in enumerate(tables[sheet][1], 2) if question in tables[sheet][2](row)}
        for sheet, question in asked
    ]
    vectors = np.asarray(embedder.embed([question for _, question in asked]).vectors, dtype=np.float32)
    figures = []
    built = sheet_rows.LEAST_BYTES, sheet_rows.MOST_BYTES
    for named in (True, False):
        for limits in (built, (100, 400), (300, 800), (800, 1000)):
            sheet_rows.LEAST_BYTES, sheet_rows.MOST_BYTES = limits
            texts, holds = _sections(tables, named)
            scores = vectors @ np.asarray(embedder.embed(texts).vectors, dtype=np.float32).T
            right = sum(bool(holds[best] & answer) for best, answer in zip(scores.argmax(1), answers, strict=True))
            how = "beside the names of their columns" if named else "without names"
            what = f"values {how}, sections of {limits[0]} to {limits[1]} bytes ({len(texts)}): right section first"
            figures.append(Figure(what, 100 * right / len(asked), "%"))
    sheet_rows.LEAST_BYTES, sheet_rows.MOST_BYTES = built
    return figures


def question_tables():
    draw = random.Random(1)
    first, last, cities, fish = FIRST.split(), LAST.split(), CITIES.split(), FISH.split()
    items, offices = ITEMS.split(","), OFFICES.split(",")

    def person() -> str:
        return f"{draw.choice(first)} {draw.choice(last)}"

    def day() -> str:
        return f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}"

    orders = [
        [person(), draw.choice(items), draw.choice(cities), str(draw.randrange(50, 5000)), day()] for _ in range(80)
    ]
    catches = [
        [
            f"{draw.choice(last)}'s {draw.choice(['Pride', 'Hope', 'Star'])}",
            draw.choice(fish),
            draw.choice(cities),
            str(draw.randrange(50, 5000)),
            day(),
        ]
        for _ in range(80)
    ]
    staff = [
        [person(), draw.choice(offices), draw.choice(cities), str(draw.randrange(30000, 90000)), day()]
        for _ in range(80)
    ]
    return {
        "Orders": (
            ["Customer", "Item", "City", "Amount (EUR)", "Due date"],
            orders,
            lambda row: [
                f"what did {row[0]} order",
                f"{row[1]} delivered to {row[2]}",
                f"when is the payment of {row[0]} due",
            ],
        ),
        "Catch": (
            ["Vessel", "Species", "Port", "Weight (kg)", "Landed"],
            catches,
            lambda row: [
                f"where did {row[0]} land {row[1]}",
                f"how much {row[1]} was landed in {row[2]}",
                f"weight of the catch of {row[0]}",
            ],
        ),
        "Staff": (
            ["Name", "Department", "Office", "Salary", "Hired"],
            staff,
            lambda row: [
                f"which department does {row[0]} work in",
                f"salary of {row[0]}",
                f"who works in {row[1]} at the {row[2]} office",
            ],
        ),
    }


def _sections(tables, named: bool) -> tuple[list[str], list[set[tuple[str, int]]]]:
    texts, holds = [], []
    for sheet, (names, rows, _) in tables.items():
        cells = [
            sheet_rows.Row(number, [sheet_rows.Cell(column, text, named) for column, text in enumerate(row)])
            for number, row in enumerate([names, *rows] if named else rows, 1 if named else 2)
        ]
        for section in sheet_rows.sections_of_sheet(sheet, cells):
            first, last = (int(end.lstrip("ABCDE")) for end in section.locator["cells"].split(":"))
            texts.append(section.text)
            holds.append({(sheet, number) for number in range(first, last + 1)})
    return texts, holds


def changed_copies() -> list[Figure]:
    """A document of 400 paragraphs, and its copy with another one in the middle: bytes of the copy that are in no chunk of the first."""
    atomizer = atomizer_for(DOCX)
    assert isinstance(atomizer, DocumentAtomizer)
    figures = []
    for pictures in (0, 8):
        before, after = _document(pictures, None), _document(pictures, 200)
        for name, sizes in (("of office files", atomizer.format.sizes), ("of anything", ChunkSizes())):
            for at_members in (False, True):
                known = {sha256(piece).digest() for piece in _chunks(before, sizes, at_members)}
                pieces = _chunks(after, sizes, at_members)
                new = sum(len(piece) for piece in pieces if sha256(piece).digest() not in known)
                how = "cut at members too" if at_members else "chunks"
                what = f"new in a changed docx of {len(after):,} bytes, sizes {name}, {how} ({len(pieces):,})"
                figures.append(Figure(what, 100 * new / len(after), "%"))
    return figures


def _document(pictures: int, changed: int | None) -> bytes:
    draw = random.Random(1)
    document = docx.Document()
    for number in range(400):
        text = " ".join(f"w{draw.randrange(2000)}" for _ in range(60))
        document.add_paragraph("Another sentence stands here now." if number == changed else text)
        if pictures and number % (400 // pictures) == 0:
            picture = io.BytesIO()
            Image.frombytes("RGB", (400, 400), random.Random(number).randbytes(480_000)).save(picture, "PNG")
            document.add_picture(picture)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def _chunks(data: bytes, sizes: ChunkSizes, at_members: bool) -> list[bytes]:
    cuts = [0, len(data)]
    if at_members:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            cuts = sorted({0, len(data), archive.start_dir, *(member.header_offset for member in archive.infolist())})
    parts = [data[start:end] for start, end in pairwise(cuts)]
    return [atom.content for part in parts for atom in ChunkAtomizer(sizes).atomize(io.BytesIO(part))]


def large_files(megabytes: int) -> list[Figure]:
    """One part of so much XML each, as a zip packs it."""
    draw = random.Random(2)
    figures = []
    relations = "<Relationships><Relationship Id='a' Type='x/officeDocument' Target='{0}'/></Relationships>"
    paragraph = "<w:p><w:r><w:t>{} says the log of the harbour, {} and {}.</w:t></w:r></w:p>"
    row = "<row><c><v>{}</v></c><c t='str'><v>Ship {}</v></c><c><v>{}</v></c></row>"
    sheet = "<Relationships><Relationship Id='s' Type='x/worksheet' Target='s.xml'/></Relationships>"
    kinds = {
        "docx": ("d.xml", "<w:document xmlns:w='w'>", paragraph, "</w:document>", {}),
        "xlsx": (
            "s.xml",
            "<worksheet>",
            row,
            "</worksheet>",
            {"w.xml": "<workbook xmlns:r='r'><sheet name='S' r:id='s'/></workbook>", "_rels/w.xml.rels": sheet},
        ),
    }
    for kind, (name, begin, unit, end, others) in kinds.items():
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr("_rels/.rels", relations.format("w.xml" if others else name))
                for member, text in others.items():
                    archive.writestr(member, text)
                with archive.open(name, "w", force_zip64=True) as part:
                    part.write(begin.encode())
                    written = 0
                    while written < megabytes << 20:
                        block = "".join(
                            unit.format(*(draw.randrange(10**6) for _ in range(3))) for _ in range(5000)
                        ).encode()
                        written += part.write(block)
                    part.write(end.encode())
            file.flush()
            with get_context("spawn").Pool(1) as fresh:
                took, above = fresh.apply(_read_large, (kind, f"/proc/{os.getpid()}/fd/{file.fileno()}"))
            figures.append(
                Figure(
                    f"{kind} of {megabytes} MiB of XML: sections alone, processor's time", written / took / 1e6, "MB/s"
                )
            )
            figures.append(Figure(f"{kind}: peak memory above that before", above / 1024, "MiB", at_most=256))
    return figures


def _read_large(kind: str, path: str) -> tuple[float, int]:
    """Return seconds of the processor, and KiB of memory above what the process has before it reads."""
    extract = {"docx": docx_extractor.extract, "xlsx": xlsx.extract}[kind]
    before = process_status("VmHWM")
    started = time.process_time()
    with Path(path).open("rb") as file:
        assert sum(len(section.text) for section in extract(file, "")) > 1e6
    return time.process_time() - started, process_status("VmHWM") - before


def process_status(name: str) -> int:
    """KiB, of Linux."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    raise SystemExit(main())
