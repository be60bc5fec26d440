"""What of ours reads bytes that anybody may have made: a function for each, which raises where a promise is broken."""

import io
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from importlib import import_module

from hartonomous_core.atomizers import Partial, atomizer_for
from hartonomous_core.atomizers.charsets import HEAD_BYTES, find_charset
from hartonomous_core.atomizers.content_type import scan, sniff
from hartonomous_core.atomizers.document_atomizer import Format, extract_here
from hartonomous_core.atomizers.extractors.quoted_text import Quotes
from hartonomous_core.atomizers.languages import LANGUAGES
from hartonomous_core.atomizers.members import Member, MemberLost
from hartonomous_core.atomizers.registry import OUR_ENTRIES
from hartonomous_core.atomizers.sections import Picture, Section, derived_atoms
from hartonomous_core.atomizers.text_stream import NotUtf8Error
from tests.fuzz.worker_bytes import REQUESTS, TO_CLIENT, TO_WORKER, answer_request, meet
from tests.hostile.small_documents import DOCUMENTS, PICTURES
from tests.unit.checkpoint_files import a_checkpoint, pickled_state, pickled_tensor, zipped_checkpoint
from tests.unit.code_samples import SAMPLES
from tests.unit.drawn_scenes import packed, scene
from tests.unit.gguf_files import a_gguf
from tests.unit.onnx_files import an_onnx
from tests.unit.packed_files import PACKERS
from tests.unit.test_json_rows import LINES
from tests.unit.test_old_office import storage
from tests.unit.test_parquet import BOATS
from tests.unit.test_xml_documents import BOOK, FEED
from tests.unit.weight_files import a_safetensors, layers
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
    """Read with an extractor. What it yields must be what is taken, and nothing but Partial may be raised, but for what others' parsers raise."""
    module, _, name = format_.extractor.partition(":")
    sections = []
    try:
        if format_.name in _OF_OTHERS:
            items = extract_here(format_, io.BytesIO(data), content_type)
        else:
            items = getattr(import_module(module), name)(io.BytesIO(data), content_type)
        for item in items:
            assert isinstance(item, Section | Picture | Member | MemberLost | bytes), item
            if isinstance(item, Section | Picture):
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
    """Cut text, or weights: the bytes of the content atoms and their suffixes are those that came, whether all of it could be read or not."""
    atoms = []
    try:
        for atom in atomizer_for(content_type).atomize(io.BytesIO(data), content_type):
            atoms.append(atom)
    except NotUtf8Error:
        return  # what is not UTF-8 never comes here
    except Partial as problem:
        assert str(problem)
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


def atomize_pickle(data: bytes) -> None:
    """Read a checkpoint whose pickle these bytes are: changed zips seldom get beyond the zip."""
    atomize("application/x-pytorch", zipped_checkpoint(data, {"0": bytes(16)}))


def targets() -> dict[str, Callable[[bytes], object]]:
    """Return all of them by name: each of our formats, the inside of those that are zips, text, tables, code, what tells kinds and encodings, and
    what the worker and its clients read.
    """
    formats = {entry.name: entry for entry in OUR_ENTRIES if isinstance(entry, Format)}
    return {
        **{name: partial(extract, each, each.content_types[0]) for name, each in formats.items()},
        "mbox": partial(extract, formats["mail"], "application/mbox"),
        **{f"{name}-part": partial(extract_main_part, formats[name]) for name in _MAINS},
        **{
            f"open-document-{kind}": partial(extract_content, formats["open-document"], kind)
            for kind in ("text", "spreadsheet", "presentation")
        },
        **{name: partial(atomize, content_type) for name, content_type in _TEXTS.items()},
        **{f"code-{each.name}": partial(atomize, each.content_types[0]) for each in LANGUAGES},
        "encoding": find_encoding,
        "quotes": split_quotes,
        "pickle": atomize_pickle,
        "worker-requests": answer_request,
        "worker-handshake": partial(meet, as_worker=True),
        "client-handshake": partial(meet, as_worker=False),
    }


_OF_OTHERS = {"image", "parquet"}
"""Formats whose parser raises errors of its own, which become Partial."""
_TEXTS = {
    "markdown": "text/markdown",
    "rest": "text/x-rst",
    "text": "text/plain",
    "csv": "text/csv",
    "json": "application/json",
    "json-lines": "application/x-ndjson",
    "safetensors": "application/vnd.safetensors",
    "gguf": "application/vnd.gguf",
    "onnx": "application/onnx",
    "pytorch": "application/x-pytorch",
}
_SEEDS = {
    "xml": ("xml", "svg", "feed", "book"),
    "html": ("html",), "docx": ("docx",), "xlsx": ("xlsx",), "pptx": ("pptx",), "open-document": ("odt", "ods", "odp"), "rtf": ("rtf",),
    "pdf": ("pdf",), "old-office": ("doc", "encrypted"), "zip": ("zip",), "tar": ("tar",), "packed": ("tgz", *PACKERS),
    "unopened-archive": ("7z",), "mail": ("eml",), "mbox": ("mbox",), "notebook": ("ipynb",), "subtitles": ("srt", "vtt"),
    "image": tuple(PICTURES),
    "parquet": ("parquet",), "csv": ("csv",), "json": ("json", "rows", "nested"), "json-lines": ("jsonl",), "markdown": ("md",), "rest": ("rst",),
    "safetensors": ("safetensors",), "gguf": ("gguf",), "onnx": ("onnx",), "pytorch": ("pt",), "pickle": ("pkl",),
    "text": ("md", "py"), "encoding": ("txt", "md", "rst", "py"), "quotes": ("eml",),
}  # fmt: skip
"""By target, kinds of `DOCUMENTS` or `_FURTHER`; a further format joins with a line here and one there."""
_FURTHER: dict[str, Callable[[str], bytes]] = {
    "feed": lambda word: FEED,
    "book": lambda word: BOOK,
    "doc": lambda word: storage("WordDocument"),
    "encrypted": lambda word: storage("EncryptedPackage"),
    "7z": lambda word: b"7z\xbc\xaf\x27\x1c\0\4" + zlib.crc32(bytes(20)).to_bytes(4, "little") + bytes(20),
    "parquet": lambda word: BOATS,
    **{kind: lambda word, name=name: packed(scene(len(word), 40, 30), name) for kind, name in PICTURES.items()},  # type: ignore[misc]
    "jsonl": lambda word: LINES,
    "safetensors": lambda word: a_safetensors(layers(1, 4), {"title": word}),
    "gguf": lambda word: a_gguf(layers(1, 4, "F16"), {"general.name": word}),
    "onnx": lambda word: an_onnx(layers(1, 4, "F16"), word),
    "pt": lambda word: a_checkpoint(layers(1, 4)),
    "pkl": lambda word: pickled_state({word: pickled_tensor("0", (2, 2)), "more": pickled_tensor("0", (2,))}),
    "rows": lambda word: b"[" + b",\n".join(LINES.splitlines()) + b"]",
    "nested": lambda word: b'{"fleet": {"boats": [' + b",".join(LINES.splitlines() * 300) + b"]}}",
}
"""Documents of kinds that `DOCUMENTS` has not."""
_PARTS = {
    **{f"{kind}-part": (kind, main) for kind, main in _MAINS.items()},
    "open-document-text": ("odt", "content.xml"),
    "open-document-spreadsheet": ("ods", "content.xml"),
    "open-document-presentation": ("odp", "content.xml"),
}


_OF_WORKER = {"worker-requests": REQUESTS, "worker-handshake": TO_WORKER, "client-handshake": TO_CLIENT}


def seeds_of(name: str) -> list[bytes]:
    """Return what to begin with: a small document of each kind that the target reads, of a part of a zip that part."""
    if name in _OF_WORKER:
        return _OF_WORKER[name]
    if name in _PARTS:
        kind, member = _PARTS[name]
        with zipfile.ZipFile(io.BytesIO(DOCUMENTS[kind]("fuzz"))) as archive:
            return [archive.read(member)]
    if name.startswith("code-"):
        return [sample.text.encode() for sample in SAMPLES if sample.content_type == targets()[name].args[0]]
    return [(DOCUMENTS | _FURTHER)[kind]("fuzz") for kind in _SEEDS[name]]
