"""A large document of each kind through the stages sources and atoms: the most memory above the idle process, its parser's included."""

import random
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

import psutil
from common import Figure, arguments, finish, note, temporary_home

MIB = 1024 * 1024
BLOCK = 2000
"""Units that are drawn at once, again and again with other numbers: most passages are new, and making them takes little."""
WORDS = [
    "harbour",
    "tide",
    "fog",
    "pilot",
    "lantern",
    "quay",
    "herring",
    "anchor",
    "compass",
    "ledger",
    "storm",
    "breakwater",
    "ferry",
]
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument(
        "--size", type=int, default=1024, help="MiB of each file, of zipped ones of what is in them (1024)"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    figures = []
    for kind in options.kinds:
        with get_context("spawn").Pool(1) as fresh:
            figures += fresh.apply(measure, (kind, options.size))
    return finish(figures, options.json)


def measure(kind: str, size: int) -> list[Figure]:
    with temporary_home(max_source_bytes=16 * 1024 * MIB, parser_seconds=3600) as folder:
        from hartonomous_assets import atoms, chain, sources
        from hartonomous_assets.stage import Work
        from hartonomous_core.clock import current_hour
        from hartonomous_resources.resources import open_resources
        from hartonomous_service.ingest import ingest
        from hartonomous_service.source_records import list_sources

        path = folder / f"large.{kind}"
        note(f"writing {kind}")
        with path.open("wb") as file:
            KINDS[kind](file, size * MIB)
        resources = open_resources()
        ingest(resources, [path], wait=False)
        Path("/proc/self/clear_refs").write_text("5")  # forgets the most memory that this process had
        idle, started = status_bytes("self", "VmRSS"), time.process_time()
        with WatchedChildren() as peaks:
            work = Work(current_hour(), "benchmark", resources)
            reports = chain.run_stages(work, [sources.STAGE, atoms.STAGE], 0.0, lambda stage, done: None)
        assert not any(done.error for done in reports.values()), reports
        [*_, source] = list_sources(resources, limit=1000)["sources"]
        assert source["status"] == "Atomized"
        peak = status_bytes("self", "VmHWM")
        child = max((most - least for least, most in peaks.values()), default=0)
        note(f"{kind}: {source['errorMessage'] or 'all of it is read'}; {reports['atoms'].counts}")
        resources.close()
        length = path.stat().st_size
    both = Figure(f"{kind}: above idle, both", (peak - idle + child) / MIB, "MiB", at_most=256)
    parts = [
        Figure(f"{kind}: file", length / MIB, "MiB"),
        Figure(f"{kind}: of these the process", (peak - idle) / MIB, "MiB"),
        Figure(f"{kind}: of these its parser, above what it begins with", child / MIB, "MiB"),
        Figure(f"{kind}: processor's time of the process", time.process_time() - started, "s"),
    ]
    return [both, *parts]


def status_bytes(process: str | int, name: str) -> int:
    """Of Linux."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


class WatchedChildren:
    """The least and the most memory that each child of this process had, by its id, while the block runs."""

    def __enter__(self) -> dict[int, tuple[int, int]]:
        self._peaks: dict[int, tuple[int, int]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self._peaks

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            for child in psutil.Process().children():
                try:
                    now, most = status_bytes(child.pid, "VmRSS"), status_bytes(child.pid, "VmHWM")
                except (OSError, StopIteration):
                    continue  # it ended
                if now > 20 * MIB:  # before, it has not begun
                    least = self._peaks.get(child.pid, (now, most))[0]
                    self._peaks[child.pid] = least, most


def texts(unit: Callable[[str, int], str], size: int) -> Iterator[bytes]:
    """Yield so many bytes of units that are made of a sentence and a number."""
    draw = random.Random(3)
    number = written = 0
    while written < size:
        said = (f"{' '.join(draw.choices(WORDS, k=9))} of the year {draw.randrange(10**9)}" for _ in range(BLOCK))
        block = "".join(unit(text.capitalize(), number + n) for n, text in enumerate(said)).encode()
        number += BLOCK
        written += len(block)
        yield block


def write_plain(begin: bytes, unit: Callable[[str, int], str], end: bytes = b"") -> Callable[[BinaryIO, int], None]:
    def write(file: BinaryIO, size: int) -> None:
        file.write(begin)
        file.writelines(texts(unit, size))
        file.write(end)

    return write


def write_zipped(
    member: str, others: dict[str, str], begin: bytes, unit: Callable[[str, int], str], end: bytes
) -> Callable[[BinaryIO, int], None]:
    def write(file: BinaryIO, size: int) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name, text in others.items():
                archive.writestr(name, text, zipfile.ZIP_STORED)
            with archive.open(member, "w", force_zip64=True) as part:
                part.write(begin)
                for block in texts(unit, size):
                    part.write(block)
                part.write(end)

    return write


def related(**targets: str) -> str:
    each = "".join(
        f"<Relationship Id='{kind}' Type='{_REL}/{kind}' Target='{target}'/>" for kind, target in targets.items()
    )
    return f"<Relationships>{each}</Relationships>"


def write_zip(file: BinaryIO, size: int) -> None:
    """Members of some mebibytes."""
    with zipfile.ZipFile(file, "w") as archive:
        for number, block in enumerate(texts(lambda text, _: f"{text}.\n\n", size)):
            archive.writestr(f"log/{number}.txt", block)


def write_pdf(file: BinaryIO, size: int) -> None:
    """Pages of forty lines, not packed."""
    places: list[int] = []

    def add(content: bytes) -> None:
        places.append(file.tell())
        file.write(b"%d 0 obj\n%s\nendobj\n" % (len(places), content))

    file.write(b"%PDF-1.7\n")
    add(b"<</Type/Catalog/Pages 2 0 R>>")
    add(b"")  # its pages are not known yet: the table names another place below
    add(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    pages = []
    for block in texts(lambda text, _: f"({text}.) Tj T*\n", size):
        lines = block.splitlines()
        for start in range(0, len(lines), 40):
            words = b"BT /F 9 Tf 14 TL 50 780 Td\n" + b"\n".join(lines[start : start + 40]) + b" ET"
            add(b"<</Length %d>>\nstream\n%s\nendstream" % (len(words), words))
            resources = b"/Resources<</Font<</F 3 0 R>>>>"
            add(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R%s>>" % (len(places), resources))
            pages.append(b"%d 0 R" % len(places))
    places[1] = file.tell()
    file.write(b"2 0 obj\n<</Type/Pages/Kids[%s]/Count %d>>\nendobj\n" % (b" ".join(pages), len(pages)))
    at = file.tell()
    file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1))
    file.writelines(b"%010d 00000 n \n" % place for place in places)
    file.write(b"trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, at))


def mail(text: str, number: int) -> str:
    return (
        f"From pilot@port.example Tue Dec  1 10:00:00 2026\nFrom: pilot@port.example\nSubject: Log {number}\n\n"
        + f"{text}.\n" * 12
        + "\n"
    )


def subtitle(text: str, number: int) -> str:
    hours, minutes, seconds = number // 1800, number // 30 % 60, number % 30 * 2
    times = f"{hours:02}:{minutes:02}:{seconds:02},000 --> {hours:02}:{minutes:02}:{seconds + 1:02},900"
    return f"{number + 1}\n{times}\n{text}.\n\n"


_WORKBOOK = {
    "_rels/.rels": related(officeDocument="xl/workbook.xml"),
    "xl/workbook.xml": f"<workbook xmlns:r='{_REL}'><sheets><sheet name='S' r:id='worksheet'/></sheets></workbook>",
    "xl/_rels/workbook.xml.rels": related(worksheet="sheet.xml"),
}
KINDS: dict[str, Callable[[BinaryIO, int], None]] = {
    "html": write_plain(b"<!doctype html><title>Log</title>\n", lambda text, n: f"<h2>Log {n}</h2><p>{text}.</p>\n"),
    "docx": write_zipped(
        "word/document.xml",
        {"_rels/.rels": related(officeDocument="word/document.xml")},
        b"<w:document xmlns:w='w'><w:body>",
        lambda text, _: f"<w:p><w:r><w:t>{text}.</w:t></w:r></w:p>",
        b"</w:body></w:document>",
    ),
    "xlsx": write_zipped(
        "xl/sheet.xml",
        _WORKBOOK,
        b"<worksheet><sheetData>",
        lambda text, n: f"<row r='{n + 1}'><c t='str'><v>{text}</v></c><c><v>{n}</v></c></row>",
        b"</sheetData></worksheet>",
    ),
    "rtf": write_plain(b"{\\rtf1\\ansi ", lambda text, _: f"{text}.\\par\n", b"}"),
    "mbox": write_plain(b"", mail),
    "zip": write_zip,
    "srt": write_plain(b"", subtitle),
    "pdf": write_pdf,
}
"""What writes a file of each kind, of about so many bytes, in bounded memory; of zipped ones the bytes are those of the part."""


if __name__ == "__main__":
    raise SystemExit(main())
