"""Writes a large file of each kind in bounded memory."""

import base64
import bz2
import gzip
import io
import lzma
import random
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import IO, BinaryIO

import pyarrow
from pyarrow import parquet

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024
BLOCK = 2000
"""Units that are drawn at once, again and again with other numbers."""
REPEATED_AFTER = 100_000
"""Units: the text of a gibibyte comes again and again, so that storing it does not take an hour; its places do not repeat."""
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


def texts(unit: Callable[[str, int], str], size: int) -> Iterator[bytes]:
    """Yield so many bytes of units that are made of a sentence and a number."""
    draw = random.Random(3)
    drawn = [f"{' '.join(draw.choices(WORDS, k=9))} of the year".capitalize() for _ in range(BLOCK)]
    number = written = 0
    while written < size:
        said = (f"{words} {number % REPEATED_AFTER + n}" for n, words in enumerate(drawn))
        block = "".join(unit(text, number + n) for n, text in enumerate(said)).encode()
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


def lines(size: int) -> Iterator[bytes]:
    """Yield so many bytes of plain text."""
    return texts(lambda text, _: f"{text}.\n\n", size)


def noise(size: int) -> Iterator[bytes]:
    """Yield so many bytes that are like nothing."""
    draw = random.Random(5)
    for _ in range(0, size, MIB):
        yield draw.randbytes(MIB)


def write_zip(file: BinaryIO, size: int) -> None:
    """Members of some mebibytes."""
    with zipfile.ZipFile(file, "w") as archive:
        for number, block in enumerate(blocks_of(4 * MIB, lines(size))):
            archive.writestr(f"log/{number}.txt", block)


def write_tar(file: BinaryIO, size: int) -> None:
    """Members of some mebibytes."""
    with tarfile.open(fileobj=file, mode="w") as archive:
        for number, block in enumerate(blocks_of(4 * MIB, lines(size))):
            member = tarfile.TarInfo(f"log/{number}.txt")
            member.size = len(block)
            archive.addfile(member, io.BytesIO(block))


def blocks_of(size: int, blocks: Iterator[bytes]) -> Iterator[bytes]:
    waiting = b""
    for block in blocks:
        waiting += block
        if len(waiting) >= size:
            yield waiting
            waiting = b""
    yield waiting


def write_packed(opened: Callable[[BinaryIO], IO[bytes]]) -> Callable[[BinaryIO, int], None]:
    """Noise, of which an eighth is new: writing it takes a while, and reading it hardly."""

    def write(file: BinaryIO, size: int) -> None:
        with closing(opened(file)) as packed:
            for block in noise(size // 8):
                packed.write(block * 8)

    return write


def write_parquet(file: BinaryIO, size: int) -> None:
    schema = pyarrow.schema([("number", pyarrow.int64()), ("remark", pyarrow.string())])
    with parquet.ParquetWriter(file, schema, compression="none", use_dictionary=False) as writer:
        for number, block in enumerate(blocks_of(8 * MIB, texts(lambda text, _: f"{text}\n", size))):
            said = block.decode().splitlines()
            table = pyarrow.table([range(number * 10**6, number * 10**6 + len(said)), said], schema=schema)
            writer.write_table(table)


def write_slides(file: BinaryIO, size: int) -> None:
    """Slides of 2,000 paragraphs."""
    names: list[str] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for paragraphs in texts(lambda text, _: f"<a:p><a:r><a:t>{text}.</a:t></a:r></a:p>", size):
            names.append(f"slide{len(names)}")
            begin, end = b"<p:sld xmlns:p='p' xmlns:a='a'><p:sp><p:txBody>", b"</p:txBody></p:sp></p:sld>"
            archive.writestr(f"ppt/slides/{names[-1]}.xml", begin + paragraphs + end)
        listed = "".join(f"<p:sldId r:id='{name}'/>" for name in names)
        slides = f"<p:presentation xmlns:p='p' xmlns:r='{_REL}'><p:sldIdLst>{listed}</p:sldIdLst></p:presentation>"
        kind = f"Type='{_REL}/slide'"
        targets = "".join(f"<Relationship Id='{name}' {kind} Target='slides/{name}.xml'/>" for name in names)
        archive.writestr("_rels/.rels", related(officeDocument="ppt/presentation.xml"))
        archive.writestr("ppt/presentation.xml", slides)
        archive.writestr("ppt/_rels/presentation.xml.rels", f"<Relationships>{targets}</Relationships>")


def write_pictures(each: int) -> Callable[[BinaryIO, int], None]:
    """A PDF of pages with a line and a picture of so many bytes, not packed."""

    def write(file: BinaryIO, size: int) -> None:
        count = max(1, size // each)
        places: list[int] = []

        def add(*content: bytes) -> None:
            places.append(file.tell())
            file.write(b"%d 0 obj\n" % len(places))
            file.writelines(content)
            file.write(b"\nendobj\n")

        file.write(b"%PDF-1.7\n")
        kids = b" ".join(b"%d 0 R" % (4 + 3 * number) for number in range(count))
        add(b"<</Type/Catalog/Pages 2 0 R>>")
        add(b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count))
        add(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
        some = random.Random(5).randbytes(MIB)
        for number in range(count):
            words, picture = 5 + 3 * number, 6 + 3 * number
            things = b"/Resources<</Font<</F 3 0 R>>/XObject<</P %d 0 R>>>>" % picture
            add(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R%s>>" % (words, things))
            said = b"q 500 0 0 500 50 50 cm /P Do Q BT /F 9 Tf 50 780 Td (The %d. picture of the port) Tj ET" % number
            add(b"<</Length %d>>\nstream\n%s\nendstream" % (len(said), said))
            rows = each // 4096
            shape = b"/Width 4096/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray" % rows
            began = b"<</Type/XObject/Subtype/Image%s/Length %d>>\nstream\n" % (shape, rows * 4096)
            add(began, *[some] * (rows * 4096 // MIB), b"\nendstream")
        at = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1))
        file.writelines(b"%010d 00000 n \n" % place for place in places)
        file.write(b"trailer\n<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, at))

    return write


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


def attached(file: BinaryIO, size: int) -> None:
    """Mails of 16 MiB, each with an attachment."""
    for number, block in enumerate(noise(size)):
        coded = base64.encodebytes(block * 11)
        begin = f"From pilot@port.example Tue Dec  1 10:00:00 2026\nFrom: pilot@port.example\nSubject: Log {number}\n"
        kind = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSee the log.\n--b\n"
        named = f"Content-Transfer-Encoding: base64\nContent-Disposition: attachment; filename={number}.bin\n\n"
        file.write(begin.encode() + kind.encode() + named.encode() + coded + b"--b--\n\n")
        if file.tell() >= size:
            return


def function(text: str, number: int) -> str:
    return f'def log_{number}(ship, harbour):\n    """{text}."""\n    return ship.entry({number}, harbour)\n\n\n'


def statement(text: str, number: int) -> str:
    return f"CREATE PROCEDURE port.log @ship int AS\nBEGIN\n    -- {text}.\n    SELECT @ship, '{text}';\nEND\nGO\n"


def cell(text: str, number: int) -> str:
    return f'{{"cell_type": "markdown", "metadata": {{}}, "source": ["{text}."]}},\n'


def record(text: str, number: int) -> str:
    return f'{{"remark": "{text}", "city": "Leeds", "amount": 7.25}}\n'


_WORKBOOK = {
    "_rels/.rels": related(officeDocument="xl/workbook.xml"),
    "xl/workbook.xml": f"<workbook xmlns:r='{_REL}'><sheets><sheet name='S' r:id='worksheet'/></sheets></workbook>",
    "xl/_rels/workbook.xml.rels": related(worksheet="sheet.xml"),
}
_OPEN_TEXT = {"mimetype": "application/vnd.oasis.opendocument.text"}
_OPEN_BEGIN = (
    b"<office:document-content xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0' "
    b"xmlns:text='urn:oasis:names:tc:opendocument:xmlns:text:1.0'><office:body><office:text>"
)
KINDS: dict[str, Callable[[BinaryIO, int], None]] = {
    "html": write_plain(b"<!doctype html><title>Log</title>\n", lambda text, n: f"<h2>Log {n}</h2><p>{text}.</p>\n"),
    "html-tags": write_plain(b"<!doctype html><title>Log</title>\n", lambda text, n: "<b></b>" * 16),
    "pdf-pages": write_pdf,
    "pdf-pictures": write_pictures(8 * MIB),
    "pdf-picture": write_pictures(400 * MIB),
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
    "pptx": write_slides,
    "odt": write_zipped(
        "content.xml",
        _OPEN_TEXT,
        _OPEN_BEGIN,
        lambda text, _: f"<text:p>{text}.</text:p>",
        b"</office:text></office:body></office:document-content>",
    ),
    "rtf": write_plain(b"{\\rtf1\\ansi ", lambda text, _: f"{text}.\\par\n", b"}"),
    "mbox": write_plain(b"", mail),
    "mbox-attachments": attached,
    "ipynb": write_plain(b'{"nbformat": 4, "cells": [\n', cell, b'{"cell_type": "raw", "source": []}]}'),
    "srt": write_plain(b"", subtitle),
    "txt": write_plain(b"", lambda text, _: f"{text}.\n\n"),
    "md": write_plain(b"", lambda text, n: f"# Log {n // 1000}\n\n{text}.\n\n"),
    "xml": write_plain(
        b"<?xml version='1.0'?><log>\n", lambda text, n: f"<entry n='{n % 7}'>{text}</entry>\n", b"</log>"
    ),
    "csv": write_plain(b"number,remark,city\n", lambda text, n: f"{n % 7},{text},Leeds\n"),
    "jsonl": write_plain(b"", record),
    "json": write_plain(b"[\n", lambda text, n: f"{record(text, n).rstrip()},\n", b"{}]\n"),
    "parquet": write_parquet,
    "py": write_plain(b"", function),
    "sql": write_plain(b"", statement),
    "zip": write_zip,
    "tar": write_tar,
    "gz": write_packed(lambda file: gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1)),
    "bz2": write_packed(lambda file: bz2.BZ2File(file, "wb", compresslevel=1)),
    "xz": write_packed(lambda file: lzma.open(file, "wb", preset=0)),  # noqa: SIM115 - whoever calls it closes it
    "zst": write_packed(lambda file: zstd.ZstdFile(file, "wb", level=1)),
    "bin": lambda file, size: file.writelines(noise(size)),
}
"""What writes a file of each kind, named by its extension, of about so many bytes; of packed ones the bytes are those of the part."""
