"""What of ours reads bytes that anybody may have made: a function for each, which raises where a promise is broken."""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from importlib import import_module

from hartonomous_core.atomizers import Partial, atomizer_for
from hartonomous_core.atomizers.charsets import HEAD_BYTES, find_charset
from hartonomous_core.atomizers.content_type import scan, sniff
from hartonomous_core.atomizers.document_atomizer import Format, extract_here
from hartonomous_core.atomizers.extractors.quoted_text import Quotes
from hartonomous_core.atomizers.members import Member, MemberLost
from hartonomous_core.atomizers.registry import OUR_ENTRIES
from hartonomous_core.atomizers.sections import Section, derived_atoms
from hartonomous_core.atomizers.text_stream import NotUtf8Error
from tests.hostile.small_documents import DOCUMENTS
from tests.unit.zipped_files import relationships, zipped

_MAINS = {"docx": "word/document.xml", "xlsx": "xl/worksheets/sheet1.xml", "pptx": "ppt/slides/slide1.xml"}
_OTHERS = {
    "docx": {"_rels/.rels": relationships(officeDocument="word/document.xml")},
    "xlsx": {
        "_rels/.rels": relationships(officeDocument="xl/workbook.xml"),
        "xl/workbook.xml": '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="worksheet"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relationships(worksheet="worksheets/sheet1.xml"),
    },
    "pptx": {
        "_rels/.rels": relationships(officeDocument="ppt/presentation.xml"),
        "ppt/presentation.xml": '<p xmlns:r="r"><sldIdLst><sldId r:id="slide"/></sldIdLst></p>',
        "ppt/_rels/presentation.xml.rels": relationships(slide="slides/slide1.xml"),
    },
}
"""What else such a file holds, where its main part is what is changed."""


def extract(format_: Format, content_type: str, data: bytes) -> None:
    """Read with an extractor. What it yields must be what is taken, and of those that have seeds nothing but Partial may be raised."""
    module, _, name = format_.extractor.partition(":")
    sections = []
    try:
        if format_.name in _SEEDS:
            items = getattr(import_module(module), name)(io.BytesIO(data), content_type)
        else:  # it may raise what its library raises, which becomes Partial
            items = extract_here(format_, io.BytesIO(data), content_type)
        for item in items:
            assert isinstance(item, Section | Member | MemberLost | bytes), item
            if isinstance(item, Section):
                sections.append(item)
    except Partial as problem:
        assert str(problem)
    for _ in derived_atoms(sections, "passage"):
        pass


def extract_main_part(format_: Format, data: bytes) -> None:
    """Read an Office file whose main part these bytes are: changed zips seldom get beyond the zip."""
    extract(format_, "", zipped({**_OTHERS[format_.name], _MAINS[format_.name]: data}, zipfile.ZIP_STORED))


def extract_content(format_: Format, kind: str, data: bytes) -> None:
    """The same of OpenDocument."""
    content_type = f"application/vnd.oasis.opendocument.{kind}"
    extract(format_, content_type, zipped({"mimetype": content_type, "content.xml": data}, zipfile.ZIP_STORED))


def atomize(content_type: str, data: bytes) -> None:
    """Cut text: the bytes of the content atoms and their suffixes are those that came."""
    try:
        atoms = list(atomizer_for(content_type).atomize(io.BytesIO(data), content_type))
    except NotUtf8Error:
        return  # what is not UTF-8 never comes here
    assert b"".join(atom.content + atom.suffix for atom in atoms if atom.role == "content") == data


def find_encoding(data: bytes) -> None:
    """Find out what a file is and in which encoding: what is found decodes all of it."""
    sniff(data[:HEAD_BYTES], "a.txt")
    sniff(data[:HEAD_BYTES])
    found = scan(io.BytesIO(data))
    charset = find_charset(io.BytesIO(data), found.sample, None, is_valid_utf8=found.invalid_utf8_at is None)
    atomize(f"text/plain; charset={charset.name}" if charset.name else "text/plain", data)


def split_quotes(data: bytes) -> None:
    """Find in a mail what it quotes, twice: the second time all of it was quoted before."""
    quotes, text = Quotes(), data.decode("utf-8", "replace")
    for _ in range(2):
        list(quotes.split(text))


def targets() -> dict[str, Callable[[bytes], object]]:
    """Return all of them by name: each of our formats, the inside of those that are zips, text, and what tells kinds and encodings."""
    formats = {entry.name: entry for entry in OUR_ENTRIES if isinstance(entry, Format)}
    return {
        **{name: partial(extract, each, each.content_types[0]) for name, each in formats.items()},
        "mbox": partial(extract, formats["mail"], "application/mbox"),
        **{f"{name}-part": partial(extract_main_part, formats[name]) for name in _MAINS},
        **{
            f"open-document-{kind}": partial(extract_content, formats["open-document"], kind)
            for kind in ("text", "spreadsheet", "presentation")
        },
        "markdown": partial(atomize, "text/markdown"),
        "rest": partial(atomize, "text/x-rst"),
        "text": partial(atomize, "text/plain"),
        "encoding": find_encoding,
        "quotes": split_quotes,
    }


_SEEDS = {
    "html": ("html",), "docx": ("docx",), "xlsx": ("xlsx",), "pptx": ("pptx",), "open-document": ("odt", "ods", "odp"), "rtf": ("rtf",),
    "pdf": ("pdf",), "zip": ("zip",), "mail": ("eml",), "mbox": ("mbox",), "notebook": ("ipynb",), "subtitles": ("srt", "vtt"),
    "quotes": ("eml",),
}  # fmt: skip
"""By target, kinds of `DOCUMENTS`; a further format joins with a line here and one there."""
_PARTS = {
    **{f"{kind}-part": (kind, main) for kind, main in _MAINS.items()},
    "open-document-text": ("odt", "content.xml"),
    "open-document-spreadsheet": ("ods", "content.xml"),
    "open-document-presentation": ("odp", "content.xml"),
}


def seeds_of(name: str) -> list[bytes]:
    """Return what to begin with: a small document of each kind that the target reads, of a part of a zip that part."""
    if name in _PARTS:
        kind, member = _PARTS[name]
        with zipfile.ZipFile(io.BytesIO(DOCUMENTS[kind]("fuzz"))) as archive:
            return [archive.read(member)]
    return [DOCUMENTS[kind]("fuzz") for kind in _SEEDS.get(name, ("txt", "md", "rst", "py"))]
