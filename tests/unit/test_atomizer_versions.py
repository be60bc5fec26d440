"""What atomizers make of files that never change: where that changes, so must their version, or what is stored stays as it was.

`python -m tests.unit.test_atomizer_versions` writes down what they make now.
"""

import gzip
import io
import json
import re
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from hartonomous_core.atomizers import Atomizer, Context, Partial, atomizer_for, atomizers
from hartonomous_core.atomizers.document_atomizer import extract_here
from hartonomous_core.atomizers.members import MemberItem, NoMembers
from tests.hostile.harmful_files import open_document, sheet
from tests.unit.broken_pictures import bmp
from tests.unit.code_samples import SAMPLES
from tests.unit.pdf_files import WORDS, with_content
from tests.unit.weight_files import a_safetensors, layers
from tests.unit.zipped_files import DOCX, PPTX, XLSX, docx_members, paragraph, relationships

RECORD = Path(__file__).with_name("atomizer_versions.json")
SAID = "Fog lies low over the harbour. The ferry does not sail before noon; ask at the office.\n\nNo fog at night.\n"
PAST = (1980, 1, 1, 0, 0, 0)
_LIBRARY = re.compile(r"\+?[A-Za-z][\w-]*-\d+\.\d[\w.]*|\+none")


def zipped(members: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in members.items():
            info = zipfile.ZipInfo(name, PAST)
            info.create_system = 3  # on any machine
            archive.writestr(info, text)
    return target.getvalue()


def rezipped(data: bytes) -> bytes:
    """A zip whose members are of no day."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped({info.filename: archive.read(info).decode() for info in archive.infolist()})


def tarred() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        info = tarfile.TarInfo("noon.txt")
        info.size = len(SAID)
        archive.addfile(info, io.BytesIO(SAID.encode()))
    return target.getvalue()


def parquet() -> bytes:
    target = io.BytesIO()
    pyarrow.parquet.write_table(
        pyarrow.table({"when": ["noon", None], "depth": [4.5, 1.0], "what": [SAID, "x"]}), target
    )
    return target.getvalue()


ROWS = [{"when": "noon", "what": SAID, "depth": 1.50, "by": {"name": "Ada"}}, {"when": "night", "what": None}]
TABLE = f'when,what\nnoon,"{SAID}"\nnight,short\nmorning,short too\n' + "".join(f"{n},row {n}\n" for n in range(900))
SLIDE = {
    "_rels/.rels": relationships(officeDocument="ppt/presentation.xml"),
    "ppt/presentation.xml": "<p xmlns:r='r'><sldIdLst><sldId r:id='slide1'/></sldIdLst></p>",
    "ppt/_rels/presentation.xml.rels": relationships(slide1="slide.xml"),
    "ppt/slide.xml": f"<s><sp><p><t>{SAID}</t></p></sp></s>",
}
MAIL = (
    "Subject: Log\nFrom: a@port.example\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\n"
    f"{SAID}> quoted\n--B\nContent-Type: x/y; name=a.txt\n\nattached\n--B--\n"
)
CELLS = [
    {"cell_type": "markdown", "source": [f"# Log\n{SAID}"]},
    {"cell_type": "code", "source": "x = 1", "outputs": []},
]
CORPUS: dict[str, tuple[str, bytes]] = {
    "html": ("text/html", f"<title>Log</title><nav>n</nav><h1>Noon</h1><p>{SAID}<a href='x'>y</a>".encode()),
    "xml": (
        "application/xml",
        f"<log><ship n='7'><port>Lyme</port><note>{SAID}</note></ship><ship n='8'/></log>".encode(),
    ),
    "xml, a feed": (
        "application/rss+xml",
        f"<rss><channel><title>Log</title><item><title>Noon</title><description>{SAID}&lt;p&gt;x</description></item></channel></rss>".encode(),
    ),
    "xml, a picture": ("image/svg+xml", f"<svg><title>Log</title><a href='x'><text>{SAID}</text></a></svg>".encode()),
    "docx": (DOCX, zipped(docx_members(paragraph(SAID)))),
    "xlsx": (XLSX, rezipped(sheet(f'<row r="1"><c r="A1" t="inlineStr"><is><t>{SAID}</t></is></c></row>'))),
    "pptx": (PPTX, zipped(SLIDE)),
    "odt": ("application/vnd.oasis.opendocument.text", rezipped(open_document("text", f"<text:p>{SAID}</text:p>"))),
    "rtf": ("application/rtf", rb"{\rtf1\ansi\pard\outlinelevel0 Log\par\pard Noon and K\'f6ln.\par}"),
    "pdf": ("application/pdf", with_content(WORDS)),
    "old-office": ("application/msword", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)),
    "zip": ("application/zip", zipped({"noon.txt": SAID, "b/": "", "c": "x"})),
    "tar": ("application/x-tar", tarred()),
    "packed": ("application/gzip", gzip.compress(SAID.encode(), mtime=0)),
    "unopened-archive": ("application/x-7z-compressed", b"7z\xbc\xaf'\x1c" + bytes(40)),
    "mail": ("message/rfc822", MAIL.encode()),
    "notebook": ("application/x-ipynb+json", json.dumps({"cells": CELLS, "nbformat": 4}).encode()),
    "subtitles": ("text/vtt", f"WEBVTT\n\n00:01.000 --> 00:04.000\n{SAID}".encode()),
    "image": ("image/bmp", bmp(data=bytes(range(192)))),
    "parquet": ("application/vnd.apache.parquet", parquet()),
    "csv": ("text/csv", TABLE.encode()),
    "csv, UTF-16": ("text/csv; charset=utf-16", TABLE.encode("utf-16")),
    "json": ("application/json", json.dumps(ROWS * 400).encode()),
    "json, in an object": ("application/json", json.dumps({"log": ROWS * 400, "port": {"name": SAID}}).encode()),
    "json-lines": ("application/x-ndjson", "".join(f"{json.dumps(row)}\n" for row in ROWS * 400).encode()),
    "markdown": ("text/markdown", f"# Log\n\n## Noon\n\n{SAID}".encode()),
    "rest": ("text/x-rst", f"Log\n===\n\nNoon\n----\n\n{SAID}".encode()),
    "text": ("text/plain", (SAID * 40).encode()),
    "encoded-text": ("text/plain; charset=utf-16le", (SAID * 40).encode("utf-16le")),
    "safetensors": ("application/vnd.safetensors", a_safetensors(layers(2))),
    "gguf": ("application/vnd.gguf", b"GGUF" + bytes(40)),
    "onnx": ("application/onnx", b"\x08\x08" + bytes(40)),
    "pytorch": ("application/x-pytorch", b"PK\3\4" + bytes(40)),
    "chunks": ("application/octet-stream", b"".join(sha256(b"%d" % n).digest() for n in range(8000))),
    **{sample.name: (sample.content_type, sample.text.encode()) for sample in SAMPLES},
    "code, UTF-16": ("text/x-python; charset=utf-16", SAMPLES[0].text.encode("utf-16")),
    "code, between lines": ("text/x-python", b"x = 1  # fog lies low\n" * 120_000),
}


def own_version(version: str) -> str:
    """A version without those of libraries."""
    return _LIBRARY.sub("", version)


def made_of(atomizer: Atomizer, content_type: str, data: bytes) -> str:
    """A digest of all that an atomizer makes of a file. Of what is packed only what is read: its bytes are its packer's."""
    digest = sha256()

    class Taken(NoMembers):
        def take(self, item: MemberItem) -> None:
            digest.update(repr(item).encode())

    try:
        for atom in atomizer.atomize(io.BytesIO(data), content_type, Context(extract_here, Taken())):
            if atom.role == "derived" or atomizer.name not in ("parquet", "packed"):
                digest.update(repr((atom, sorted((atom.locator or {}).items()))).encode())
    except Partial as problem:
        digest.update(str(problem).encode())
    return digest.hexdigest()[:16]


def test_there_is_a_file_for_each_atomizer() -> None:
    assert {atomizer_for(content_type).name for content_type, _ in CORPUS.values()} == {
        atomizer.name for atomizer in atomizers("passage")
    }


@pytest.mark.parametrize("name", CORPUS)
def test_what_is_made_of_a_file_changes_with_the_version_alone(name: str) -> None:
    content_type, data = CORPUS[name]
    atomizer = atomizer_for(content_type)
    version, digest = json.loads(RECORD.read_text())[name]
    assert own_version(atomizer.version) == own_version(version), "write down what the new version makes"
    if atomizer.version != version:
        pytest.skip(f"written down with other libraries: {version}")
    assert made_of(atomizer, content_type, data) == digest, (
        f"it makes something else: {atomizer.name} needs a new version"
    )


if __name__ == "__main__":
    found = {name: (atomizer_for(kind), kind, data) for name, (kind, data) in CORPUS.items()}
    record = {name: [atomizer.version, made_of(atomizer, *rest)] for name, (atomizer, *rest) in found.items()}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
