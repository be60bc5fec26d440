"""Office files that are not read say why, and what a zip or storage is told from its beginning."""

import io
import zipfile

import docx
import openpyxl
import pptx
import pytest

from hartonomous_core.atomizers.content_type import sniff
from tests.unit.zipped_files import DOCX, PPTX, XLSX, docx_members, read, zipped

OLE = "application/x-ole-storage"
HEADER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(30, b"\0") + (9).to_bytes(2, "little") + bytes(16)


def storage(*names: str, directory_sector: int = 1) -> bytes:
    header = (HEADER + directory_sector.to_bytes(4, "little")).ljust(512, b"\xff")
    directory = b"".join(name.encode("utf-16le").ljust(128, b"\0") for name in names)
    return header + bytes(512) + directory.ljust(512, b"\0")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (storage("Root Entry", "EncryptedPackage"), "encrypted with a password"),
        (storage("Root Entry", "WordDocument"), "encrypted or old binary Office format"),
        (storage("EncryptedPackage", directory_sector=0xFFFFFFF0), "encrypted or old binary Office format"),
        (HEADER, "encrypted or old binary Office format"),
        (b"", "encrypted or old binary Office format"),
    ],
)
@pytest.mark.parametrize(
    "content_type",
    [
        OLE,
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        *(sniff(HEADER, f"a.{e}") for e in ("doc", "xls", "ppt")),
    ],
)
def test_what_is_not_read_says_why(data: bytes, reason: str, content_type: str) -> None:
    found, problem = read(data, content_type)
    assert not found and problem is not None and reason in problem and problem.endswith("kept as bytes")


def made_by(what: object) -> bytes:
    target = io.BytesIO()
    what.save(target)  # type: ignore[attr-defined]
    return target.getvalue()


ODT = "application/vnd.oasis.opendocument.text"


def open_document(kind: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", kind, zipfile.ZIP_STORED)
        archive.writestr("content.xml", "<x/>")
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (made_by(docx.Document()), "", DOCX),
        (made_by(openpyxl.Workbook()), "", XLSX),
        (made_by(pptx.Presentation()), "", PPTX),
        (made_by(openpyxl.Workbook()), "report.docx", XLSX),
        (zipped(docx_members("")), "macros.docm", DOCX),
        (zipped({"anything": "x"}), "slides.PPSX", PPTX),
        (zipped({"word/document.xml": "x"}), "backup.zip", "application/zip"),
        (zipped({"docProps/app.xml": "x", "notes/word/a": "y"}), "", "application/zip"),
        (open_document(ODT), "", ODT),
        (open_document(f"{ODT}-template"), "", ODT),
        (open_document("application/epub+zip"), "", "application/epub+zip"),
        (storage("Root Entry"), "", OLE),
        (storage("Root Entry", "EncryptedPackage"), "secret.docx", OLE),
        (storage("Root Entry"), "letter.doc", "application/msword"),
    ],
)
def test_what_a_file_is_told_from_its_beginning(data: bytes, name: str, expected: str) -> None:
    assert sniff(data[:8192], name) == expected
