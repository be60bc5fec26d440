"""More than two hundred files that are damaged or mean harm, by name: what a torn disk makes of good ones, and what people think of."""

import io
import json
import random
import struct
import zipfile
import zlib
from base64 import encodebytes
from collections.abc import Callable, Iterator

from tests.hostile.small_documents import DOCUMENTS, PICTURES, a_picture, sentence
from tests.unit import (
    test_html_pages,
    test_mail,
    test_open_document,
    test_pdf,
    test_rtf,
    test_xml_documents,
    test_zipped_xml,
)
from tests.unit.broken_pictures import BROKEN_PICTURES
from tests.unit.checkpoint_files import BROKEN_CHECKPOINTS, SAFE_CHECKPOINTS, a_checkpoint
from tests.unit.gguf_files import BROKEN_GGUF, a_gguf
from tests.unit.onnx_files import BROKEN_ONNX, an_onnx
from tests.unit.weight_files import BROKEN_SAFETENSORS, a_safetensors, layers
from tests.unit.zipped_files import docx_members, paragraph, relationships, with_declared_size, with_flag, zipped

CANARY = "hartonomous-canary"
"""Is in each name that leads out of an archive."""

MIB = 1024 * 1024


def overwritten(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def with_bits_flipped(data: bytes) -> bytes:
    draw, changed = random.Random(len(data)), bytearray(data)
    for _ in range(max(3, len(data) // 200)):
        changed[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut in half": lambda data: data[: len(data) // 2],
    "without its end": lambda data: data[: -max(4, len(data) // 50)],
    "without its beginning": lambda data: data[len(data) // 10 :],
    "zeros in the middle": lambda data: overwritten(data, len(data) // 2, bytes(len(data) // 10)),
    "noise in the middle": lambda data: overwritten(data, len(data) // 3, random.Random(1).randbytes(len(data) // 10)),
    "bits flipped": with_bits_flipped,
}


def damaged() -> Iterator[tuple[str, bytes]]:
    """Yield each small document, damaged in each way."""
    good = {kind: make(f"torn{kind}") for kind, make in DOCUMENTS.items()}
    good |= {kind: a_picture(name) for kind, name in PICTURES.items()}
    for kind, data in good.items():
        for how, damage in DAMAGES.items():
            yield f"{kind} {how}.{kind}", damage(data)


def thought_of_elsewhere() -> Iterator[tuple[str, bytes]]:
    """Yield what the tests of single formats read, but what takes seconds."""
    tables = {
        "docx": {name: data for name, (data, _) in test_zipped_xml.HOSTILE.items()},
        "odt": {name: zipped(members) for name, (members, _) in test_open_document.HOSTILE.items()},
        "rtf": {name: data for name, (data, _) in test_rtf.HOSTILE.items()},
        "eml": {name: data for name, (data, _, _) in test_mail.DAMAGED.items()},
        "pdf": test_pdf.HOSTILE,
        "html": test_html_pages.HOSTILE,
        "xml": {name: data for name, (data, _) in test_xml_documents.HOSTILE.items()},
    }
    for kind, files in tables.items():
        for name, data in files.items():
            if 0 < len(data) < MIB:
                yield f"{kind} of its tests, {name}.{kind}", data


LAUGHS = '<!DOCTYPE d [<!ENTITY a0 "ha">{}]>'.format(
    "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
)
"""Ten to the power of eleven times "ha"."""
OUTSIDE = '<!DOCTYPE d [<!ENTITY a11 SYSTEM "file:///etc/passwd">]>'
QUADRATIC = f'<!DOCTYPE d [<!ENTITY a11 "{"ha " * 10_000}">]>'


def in_office(name: str, body: str) -> bytes:
    """An Office file of one kind, whose main part is this."""
    mains = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}
    members = {"[Content_Types].xml": "<Types/>", "_rels/.rels": relationships(officeDocument=mains[name])}
    return zipped({**members, mains[name]: body})


def open_document(kind: str, body: str, doctype: str = "") -> bytes:
    """An OpenDocument file, whose content is this."""
    spaces = " ".join(f'xmlns:{each}="urn:{each}"' for each in ("office", "text", "table", "draw"))
    content = f"{doctype}<office:document-content {spaces}><office:body>{body}</office:body></office:document-content>"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}", zipfile.ZIP_STORED)
        archive.writestr("content.xml", content)
    return target.getvalue()


def sheet(rows: str, strings: str = "", names: str = '<sheet name="S" r:id="sheet"/>') -> bytes:
    """A workbook of these rows; whatever sheets it names, there is one."""
    workbook = {"worksheet": "sheet1.xml", "sharedStrings": "strings.xml"}
    related = relationships(**workbook).replace('Id="worksheet"', 'Id="sheet"')
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relationships(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": f'<workbook xmlns:r="r"><sheets>{names}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": related,
            "xl/sheet1.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
            "xl/strings.xml": f"<sst>{strings}</sst>",
        }
    )


def of_xml() -> Iterator[tuple[str, bytes]]:
    """Yield documents of XML with entities, and with counts that nothing has."""
    for what, doctype in (("laughs", LAUGHS), ("entity from outside", OUTSIDE), ("quadratic entity", QUADRATIC)):
        body = f"{doctype}<d>{'&a11;' * 500}</d>"
        for kind in ("docx", "xlsx", "pptx"):
            yield f"{kind} with {what}.{kind}", in_office(kind, body)
        for kind, extension in (("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp")):
            yield f"{extension} with {what}.{extension}", open_document(kind, "<text:p>&a11;</text:p>", doctype)
        for extension in ("xml", "svg", "html"):
            yield f"{extension} with {what}.{extension}", f"{body}<!-- {extension} -->".encode()
    cell = '<c r="{}" t="inlineStr"><is><t>x</t></is></c>'
    yield (
        "xlsx with cells nowhere.xlsx",
        sheet(f"<row r='99999999999'>{cell.format('ZZZZZZ99999999999')}{cell.format('A-1')}{cell.format('1A')}</row>"),
    )
    yield (
        "xlsx with texts that are not there.xlsx",
        sheet("<row><c t='s'><v>4000000000</v></c><c t='s'><v>-1</v></c></row>"),
    )
    yield (
        "xlsx with numbers beyond.xlsx",
        sheet("<row><c><v>1e99999</v></c><c><v>nan</v></c><c t='d'><v>9e9</v></c></row>"),
    )
    yield (
        "xlsx with one sheet a thousand times.xlsx",
        sheet(
            f"<row>{cell.format('A1')}</row>", names="".join(f'<sheet name="{n}" r:id="sheet"/>' for n in range(1000))
        ),
    )
    yield (
        "xlsx with a long text often.xlsx",
        sheet("<row><c t='s'><v>0</v></c></row>" * 3000, f"<si><t>{'fog ' * 8000}</t></si>"),
    )
    yield (
        "xlsx of binary parts.xlsx",
        zipped({"_rels/.rels": relationships(officeDocument="xl/workbook.bin"), "xl/workbook.bin": b"\0"}),
    )
    cells = '<table:table-cell table:number-columns-repeated="2147483647"><text:p>x</text:p></table:table-cell>'
    yield (
        "ods repeated endlessly.ods",
        open_document(
            "spreadsheet",
            f'<table:table table:name="S"><table:table-row table:number-rows-repeated="2147483647">{cells}</table:table-row></table:table>',
        ),
    )
    yield (
        "odt with spaces by the milliard.odt",
        open_document("text", '<text:p>a<text:s text:c="2147483647"/>b</text:p>' * 20),
    )
    loop = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relationships(officeDocument="ppt/presentation.xml"),
        "ppt/presentation.xml": "<p xmlns:r='r'><sldIdLst><sldId r:id='slide1'/></sldIdLst></p>",
        "ppt/_rels/presentation.xml.rels": relationships(slide1="presentation.xml", notesSlide="presentation.xml"),
    }
    yield "pptx whose slide is itself.pptx", zipped(loop)
    yield (
        "docx whose notes are not there.docx",
        zipped(
            {
                **docx_members(paragraph("Fog.")),
                "word/_rels/document.xml.rels": relationships(footnotes="../../../etc/passwd"),
            }
        ),
    )


def with_names(*names: str) -> bytes:
    return zipped({name: f"{number}: {sentence('traversal')}" for number, name in enumerate(names)})


def a_link(target: str) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w") as archive:
        info = zipfile.ZipInfo(f"{CANARY}-link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, target)
        archive.writestr(f"{CANARY}-link/below.txt", "Written through a link.")
    return found.getvalue()


def nested(depth: int, width: int) -> bytes:
    data = zipped({"zeros": bytes(2 * MIB)})
    for level in range(depth):
        data = zipped({f"{level}-{n}.zip": data for n in range(width)}, zipfile.ZIP_STORED)
    return data


def overlapping(count: int) -> bytes:
    """One packed member that the directory names so many times: they share their bytes."""
    data = zipped({"kernel": bytes(8 * MIB)})
    end = data.rindex(b"PK\5\6")
    start = data.index(b"PK\1\2")
    directory = data[start:end] * count
    fields = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), start, 0)
    return data[:start] + directory + fields


def with_end(data: bytes, offset: int, field: bytes) -> bytes:
    """Say something else in the record at the end of a zip."""
    return overwritten(data, data.rindex(b"PK\5\6") + offset, field)


def of_archives() -> Iterator[tuple[str, bytes]]:
    """Yield zips with names that lead elsewhere, with bombs, and with counts that nothing has."""
    up = "../" * 12
    names = {
        "up": f"{up}tmp/{CANARY}.txt",
        "up and down": f"a/../../{CANARY}.txt",
        "root": f"/tmp/{CANARY}-root.txt",
        "drive": f"C:\\{CANARY}.txt",
        "backslashes": f"..\\..\\{CANARY}.txt",
        "share": f"\\\\host\\share\\{CANARY}.txt",
        "NUL": f"{CANARY}.txt\0.png",
        "line end": f"{CANARY}\n.txt",
        "right to left": f"{CANARY}\u202etxt.exe",
        "device": "CON",
        "dots": "..",
        "long": f"{CANARY}{'x' * 60_000}",
        "deep": f"{'d/' * 20_000}{CANARY}.txt",
    }
    for what, name in names.items():
        yield f"zip with a name, {what}.zip", with_names(name, "after.txt")
    yield "zip with a link.zip", a_link("/etc")
    yield "zip with names in other encodings.zip", with_names("log.txt").replace(b"log.txt", b"\xff\xfeg.txt")
    yield "zip of zeros.zip", zipped({name: bytes(40 * MIB) for name in ("first", "second")})
    yield "zip nested seven deep.zip", nested(7, 1)
    yield "zip nested three wide.zip", nested(3, 3)
    yield "zip of overlapping members.zip", overlapping(500)
    yield "zip with many members.zip", zipped({f"{n}": f"{n}" for n in range(1000)}, zipfile.ZIP_STORED)
    small = with_names("log.txt", "b.txt")
    yield "zip with a password.zip", with_flag(small, "log.txt", 1)
    yield "zip packed in an unknown way.zip", small.replace(b"\x08\0", b"\x63\0")
    yield "zip with a size declared too small.zip", with_declared_size(small, "log.txt", 3)
    yield "zip with a size declared too great.zip", with_declared_size(small, "log.txt", 0xFFFFFFF0)
    yield "zip with more members than there are.zip", with_end(small, 8, b"\xff\xff\xff\xff")
    yield "zip with a directory elsewhere.zip", with_end(small, 16, b"\xff\xff\xff\x7f")
    yield "zip with a directory of four gibibytes.zip", with_end(small, 12, b"\xfe\xff\xff\xff")
    yield "zip with a long comment that is not there.zip", with_end(small, 20, b"\xff\xff")
    yield "zip with a checksum that is wrong.zip", overwritten(small, small.index(b"PK\1\2") + 16, b"\0\0\0\0")
    yield (
        "zip of harmful documents.zip",
        zipped({f"{CANARY}.docx": in_office("docx", LAUGHS), "b.pdf": test_pdf.HOSTILE["root-is-itself"]}),
    )
    yield "mail with names that lead elsewhere.eml", mail_with(f"../../{CANARY}.txt", f"/tmp/{CANARY}", "..", small)
    yield "mail with a bomb.eml", mail_with("bomb.zip", nested(3, 2))
    yield "mail with a thousand attachments.eml", mail_with(*(f"{n}.txt" for n in range(1000)))


def mail_with(*attachments: str | bytes) -> bytes:
    """A mail with files of these names, or with these bytes under the name before."""
    head = b"Subject: log\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n"
    parts = []
    for number, each in enumerate(attachments):
        name = each if isinstance(each, str) else f"{number}.zip"
        data = each if isinstance(each, bytes) else f"{number}: {sentence('attached')}".encode()
        parts.append(
            f'--B\nContent-Type: x/y; name="{name}"\nContent-Transfer-Encoding: base64\n\n'.encode() + encodebytes(data)
        )
    return head + b"".join(parts) + b"--B--\n"


def chunk(name: bytes, data: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def of_text() -> Iterator[tuple[str, bytes]]:
    """Yield text, data and code that no parser likes, and pictures that say they are larger than memory."""
    deep = 100_000
    cells = {"cells": [{"cell_type": "code", "source": 7, "outputs": "x"}, None, [], {"source": [None, 1]}]}
    yield from {
        "json nested deeply.json": b"[" * deep,
        "json nested and closed.json": b'{"a":' * deep + b"1" + b"}" * deep,
        "json with a number without end.json": b"[1" + b"0" * MIB + b"]",
        "json with lone surrogates.json": b'{"\\ud800": "\\udfff"}',
        "json with keys that are the same.json": b"{" + b'"a":1,' * 50_000 + b'"a":2}',
        "json with what is none.json": b"[NaN, Infinity, -Infinity, 1e999999]",
        "jsonl broken off.jsonl": b'{"a": 1}\n{"a": \n{"a": 3}\n' + b"{" * 5000,
        "ipynb nested deeply.ipynb": b'{"cells": ' + b"[" * deep,
        "ipynb of other things.ipynb": json.dumps(cells).encode(),
        "ipynb with a number without end.ipynb": b'{"nbformat": 1' + b"0" * 10_000 + b', "cells": []}',
        "ipynb whose cells are a text.ipynb": b'{"cells": "abc"}',
        "ipynb that is a list.ipynb": b"[[]]",
        "csv with a quotation that never ends.csv": b'a,b\n1,"' + b"x,y\n" * 50_000,
        "csv of a hundred thousand columns.csv": b"," * 100_000 + b"\n" + b"1," * 100_000,
        "csv with zeros.csv": b"a,b\n\0,\0\n" * 1000,
        "csv of quotation marks.csv": b'"' * 300_001,
        "tsv with rows of any length.tsv": b"\n".join(b"x\t" * (n % 97) for n in range(5000)),
        "sql of ends.sql": b"DELIMITER $$\nCREATE PROCEDURE p()\nBEGIN\n" + b"END " * 200_000,
        "py nested deeply.py": b"x = " + b"(" * deep + b")" * deep,
        "py with zeros.py": b"def f():\0\n\treturn\n  pass\n",
        "py of one line.py": b"x = 1;" * 100_000,
        "c with a comment that never ends.c": b"/*" + b"*" * 300_000,
        "md of headings.md": b"# a\n" * 20_000,
        "md of brackets.md": b"[" * 50_000 + b"]" * 50_000,
        "rst of lines.rst": b"a\n=\n" * 20_000,
        "txt of a long line.txt": b"fog " * 250_000,
        "txt of marks.txt": b".!?" * 100_000,
        "txt of accents.txt": "a\u0301\u0302\u0303".encode() * 30_000 + b".",
        "txt turned around.txt": ("\u202e" + "fog lies low. " * 100).encode(),
        "txt with UTF-8 that is too long.txt": b"fog \xc0\xaf\xe0\x80\xaf\xf8\x88\x80\x80\x80 low",
        "txt in half of UTF-16.txt": b"\xff\xfe" + "fog lies low".encode("utf-16le")[:-1],
        "txt in UTF-32 with what is none.txt": b"\xff\xfe\0\0" + b"\xff\xff\xff\x7f" * 100,
        "txt of two encodings.txt": "Größe.\n".encode("latin-1") * 50 + "Größe.\n".encode() * 50,
        "srt without times.srt": b"1\n--> -->\nfog\n\n2\n99:99:99,999 --> 00:00:00,000\nlow\n" * 500,
        "srt with numbers without end.srt": b"9" * 100_000 + b"\n00:00:01,000 --> 00:00:02,000\nfog\n",
        "srt of tags.srt": b"1\n00:00:01,000 --> 00:00:02,000\n" + b"<i>" * 50_000 + b"\n",
        "vtt of notes.vtt": b"WEBVTT\n\n" + b"NOTE\n\n" * 20_000,
        "vtt with a cue that never ends.vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\n" + b"fog\n" * 50_000,
        "mbox of separators.mbox": b"From a@b Tue Dec  1 10:00:00 2026\n\n" * 5000,
        "mbox of bytes.mbox": b"From a@b Tue Dec  1 10:00:00 2026\n" + bytes(range(256)) * 400,
        "rtf of words.rtf": b"{\\rtf1 " + b"\\u-1?" * 50_000 + b"\\u99999999999 x}",
        "rtf of binary.rtf": b"{\\rtf1 a\\bin-5 b\\bin4294967296 c}",
        "doc with a directory elsewhere.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 600,
        "xls of eight bytes.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "html with a page in each attribute.html": b"<p title='" + b"<p>" * 50_000 + b"'>fog",
        "html of frames.html": b"<iframe srcdoc='<iframe>'>" * 5000 + b"<p>fog",
        "svg of itself.svg": b'<svg><use id="a" href="#a"/>' + b"<g>" * 20_000,
        "nothing.bin": b"",
        "nothing called a document.pdf": b" ",
        "png of four milliard points.png": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">2L5B", 0xFFFFFFF, 0xFFFFFFF, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(bytes(MIB))),
        "gif of nothing.gif": b"GIF89a" + b"\xff" * 7 + b"\x2c" * 5000,
        "model with a header of a milliard.safetensors": struct.pack("<Q", 99_999_999) + b'{"a"',
        "gguf of counts.gguf": b"GGUF" + struct.pack("<L2Q", 3, 2**63, 2**63),
    }.items()


def of_weights() -> Iterator[tuple[str, bytes]]:
    """Yield weights that say what is not so, and damaged ones."""
    broken = {"safetensors": BROKEN_SAFETENSORS, "gguf": BROKEN_GGUF, "onnx": BROKEN_ONNX, "pt": BROKEN_CHECKPOINTS}
    for kind, files in broken.items():
        for name, (data, _) in files.items():
            if len(data) < MIB:
                yield f"weights, {name}.{kind}", data
    for name, data in SAFE_CHECKPOINTS.items():
        yield f"weights, {name}.pt", data
    torn = layers(2, 16, "F16")
    good = {"safetensors": a_safetensors(torn), "gguf": a_gguf(torn), "onnx": an_onnx(torn), "pt": a_checkpoint(torn)}
    for kind, data in good.items():
        for how, damage in DAMAGES.items():
            yield f"weights {how}.{kind}", damage(data)


def of_pictures() -> Iterator[tuple[str, bytes]]:
    """Yield pictures that are damaged in ways of their own, or mean harm."""
    for name, data in BROKEN_PICTURES.items():
        yield f"picture, {name}", data


def harmful_files() -> dict[str, bytes]:
    """Make all of them, by the names that they get."""
    files: dict[str, bytes] = {}
    for family in (damaged, thought_of_elsewhere, of_xml, of_archives, of_text, of_weights, of_pictures):
        for name, data in family():
            files[name.replace("/", " ")] = data
    return files
