"""Which atomizer takes which content type: our own, and those that other packages bring.

A package brings one by an entry point of the group `hartonomous.atomizers` that names an `Entry`: a `Format`, whose extractor reads what
is derived, or a `Custom` one, which makes any `Atomizer`.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol

from hartonomous_core.atomizers.chunks import SIZES_OF_TEXT, ChunkAtomizer, ChunkSizes
from hartonomous_core.atomizers.code_atomizer import CodeAtomizer
from hartonomous_core.atomizers.document_atomizer import Format
from hartonomous_core.atomizers.encoded_text import EncodedTextAtomizer
from hartonomous_core.atomizers.headed_text import HeadedTextAtomizer
from hartonomous_core.atomizers.headings import MarkdownHeadings, RestHeadings
from hartonomous_core.atomizers.languages import LANGUAGES, Language
from hartonomous_core.atomizers.protocol import Atomizer
from hartonomous_core.atomizers.row_atomizer import RowAtomizer
from hartonomous_core.atomizers.text import TextAtomizer
from hartonomous_core.atomizers.weight_atomizer import WeightAtomizer
from hartonomous_core.vocabulary import TextUnit

LONGEST_VERSION = 100
"""Characters of `AtomizerVersion`; of a longer one the hash says the rest."""
GROUP = "hartonomous.atomizers"
TEXT, ANYTHING = -100, -200
"""Priorities of what takes all text, and of what takes everything."""


class Entry(Protocol):
    """A line of the registry. Of several whose atomizer handles a type, that of the greatest priority takes it; our formats have 0."""

    @property
    def priority(self) -> int:
        """Greater ones are asked first; of equals, other packages' before our own, and in the order of the names of their entry points."""

    def atomizer(self, unit: TextUnit) -> Atomizer:
        """Return the atomizer; text becomes passages or sentences."""


class Custom(NamedTuple):
    """An entry that is not a `Format`."""

    priority: int
    make: Callable[[TextUnit], Atomizer]

    def atomizer(self, unit: TextUnit) -> Atomizer:
        """Return the atomizer; text becomes passages or sentences."""
        return self.make(unit)


def _code(language: Language) -> Custom:
    return Custom(0, lambda unit: CodeAtomizer(language))


_EXTRACTORS = "hartonomous_core.atomizers.extractors"


def _table(name: str, opener: str, *content_types: str) -> Custom:
    """Return the entry of a kind of tables, which `opener` tells from other text."""
    return Custom(0, lambda unit: RowAtomizer(name, content_types, f"hartonomous_core.atomizers.rows.{opener}", unit))


def _weights(name: str, reader: str, *content_types: str) -> Custom:
    """Return the entry of a format of model weights, whose `reader` says where the tensors lie."""
    path = f"hartonomous_core.atomizers.tensors.{reader}"
    return Custom(0, lambda unit: WeightAtomizer(name, content_types, path, unit))


_SIZES_OF_OFFICE = ChunkSizes(1024, 4 * 1024, 16 * 1024)
"""Of zips that are saved again and again: with another paragraph, a document of 4 MB with pictures has 3% new bytes, not 12; cutting at the
members, too, hardly changes that (benchmarks/office_files.py).
"""
OUR_ENTRIES: tuple[Entry, ...] = (
    Format(
        "html",
        "2",
        ("text/html", "application/xhtml+xml"),
        f"{_EXTRACTORS}.html:extract",
        libraries=("selectolax",),
        reads_text=True,
        sizes=SIZES_OF_TEXT,
        in_child=True,  # nested deeply, a megabyte takes the parser minutes
    ),
    Format(
        "xml",
        "1",
        ("application/xml", "text/xml", "+xml"),
        f"{_EXTRACTORS}.xml_documents:extract",
        libraries=("selectolax",),
        reads_text=True,
        sizes=SIZES_OF_TEXT,
        in_child=True,  # native, and pages in feeds as above
    ),
    Format(
        "docx",
        "2",
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
        f"{_EXTRACTORS}.docx:extract",
        sizes=_SIZES_OF_OFFICE,
        in_child=True,  # a gibibyte of XML takes minutes
        has_members=True,
    ),
    Format(
        "xlsx",
        "2",
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
        f"{_EXTRACTORS}.xlsx:extract",
        sizes=_SIZES_OF_OFFICE,
        in_child=True,
        has_members=True,
    ),
    Format(
        "pptx",
        "2",
        ("application/vnd.openxmlformats-officedocument.presentationml.presentation",),
        f"{_EXTRACTORS}.pptx:extract",
        sizes=_SIZES_OF_OFFICE,
        in_child=True,
        has_members=True,
    ),
    Format(
        "open-document",
        "2",
        (
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.presentation",
        ),
        f"{_EXTRACTORS}.open_document:extract",
        sizes=_SIZES_OF_OFFICE,
        in_child=True,
        has_members=True,
    ),
    Format(
        "rtf",
        "1",
        ("application/rtf", "text/rtf"),
        f"{_EXTRACTORS}.rtf:extract",
        sizes=SIZES_OF_TEXT,
        in_child=True,
    ),
    Format(
        "pdf",
        "3",
        ("application/pdf", "application/x-pdf"),
        f"{_EXTRACTORS}.pdf:extract",
        libraries=("pypdfium2",),
        in_child=True,  # native, and a page may draw for ever
        has_members=True,
    ),
    Format(
        "old-office",
        "1",
        (
            "application/x-ole-storage",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/excel",  # as their names say, where the bytes agree
            "application/mspowerpoint",
        ),
        f"{_EXTRACTORS}.old_office:extract",
    ),
    Format(
        "zip",
        "1",
        ("application/zip", "application/x-zip-compressed"),
        f"{_EXTRACTORS}.zip_archive:extract",
        has_members=True,
    ),
    Format(
        "tar",
        "1",
        ("application/x-tar", "application/tar"),
        f"{_EXTRACTORS}.tar_archive:extract",
        has_members=True,
    ),
    Format(
        "packed",
        "1",
        (
            *("application/gzip", "application/x-gzip", "application/x-compressed-tar"),
            *("application/bzip2", "application/x-bzip2", "application/x-bzip-compressed-tar"),
            *("application/x-xz", "application/x-xz-compressed-tar"),
            *("application/zstd", "application/x-zstd", "application/x-zstd-compressed-tar"),
        ),
        f"{_EXTRACTORS}.packed_file:extract",
        has_members=True,
    ),
    Format(
        "unopened-archive",
        "1",
        ("application/x-7z-compressed", "application/vnd.rar", "application/x-rar-compressed"),
        f"{_EXTRACTORS}.unopened_archive:extract",
    ),
    Format(
        "mail",
        "1",
        ("message/rfc822", "application/mbox"),
        f"{_EXTRACTORS}.mail:extract",
        libraries=("selectolax",),
        in_child=True,  # its pages, as above
        has_members=True,
    ),
    Format(
        "notebook",
        "2",
        ("application/x-ipynb+json",),
        f"{_EXTRACTORS}.notebooks:extract",
        sizes=SIZES_OF_TEXT,
        in_child=True,  # a few bytes of JSON may take 30 times as much memory
    ),
    Format(
        "subtitles",
        "1",
        ("application/x-subrip", "text/vtt"),
        f"{_EXTRACTORS}.subtitles:extract",
        reads_text=True,
        sizes=SIZES_OF_TEXT,
    ),
    Format(
        "image",
        "3",
        (
            *("image/png", "image/apng", "image/jpeg", "image/pjpeg", "image/gif", "image/webp"),
            *("image/tiff", "image/tif", "image/x-tiff", "image/bmp", "image/x-bmp", "image/x-ms-bmp"),
        ),
        f"{_EXTRACTORS}.images:extract",
        libraries=("pillow",),
        in_child=True,  # native, of many authors
        name_says_something=True,
    ),
    Format(
        "parquet",
        "1",
        ("application/vnd.apache.parquet", "application/x-parquet"),
        f"{_EXTRACTORS}.parquet:extract",
        libraries=("pyarrow",),
        sizes=_SIZES_OF_OFFICE,  # a run of rows that is changed changes 1.9% of a file, not 3.9 (benchmarks/row_files.py)
        in_child=True,  # native
    ),
    _table("csv", "delimited_rows:open_delimited", "text/csv", "application/csv", "text/tab-separated-values"),
    _table("json", "json_documents:open_json", "application/json", "application/geo+json", "application/ld+json"),
    _table(
        "json-lines",
        "json_rows:open_json_lines",
        "application/x-ndjson",
        "application/jsonl",
        "application/x-jsonlines",
    ),
    _weights("safetensors", "safetensors_header:read_safetensors", "application/vnd.safetensors"),
    _weights("gguf", "gguf_header:read_gguf", "application/vnd.gguf"),
    _weights("onnx", "onnx_tensors:read_onnx", "application/onnx"),
    _weights("pytorch", "torch_checkpoint:read_torch", "application/x-pytorch"),
    Custom(0, lambda unit: HeadedTextAtomizer("markdown", ("text/markdown",), MarkdownHeadings, TextAtomizer(unit))),
    Custom(0, lambda unit: HeadedTextAtomizer("rest", ("text/x-rst",), RestHeadings, TextAtomizer(unit))),
    *map(_code, LANGUAGES),
    Custom(TEXT, TextAtomizer),
    Custom(TEXT, lambda unit: EncodedTextAtomizer(ChunkAtomizer(SIZES_OF_TEXT), TextAtomizer(unit))),
    Custom(ANYTHING, lambda unit: ChunkAtomizer()),
)


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries, the greatest priority first. Raises what an entry point raises that does not load."""
    return tuple(sorted((*_entries_of_others(), *OUR_ENTRIES), key=lambda entry: -entry.priority))


def _entries_of_others() -> list[Entry]:
    from importlib.metadata import entry_points

    return [point.load() for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]


@cache
def atomizers(unit: TextUnit) -> tuple[Atomizer, ...]:
    """Return one of each, in the order in which they are asked."""
    return tuple(entry.atomizer(unit) for entry in entries())


@lru_cache(1024)
def atomizer_for(content_type: str, unit: TextUnit = "passage") -> Atomizer:
    """Return the atomizer that takes `content_type` (case does not matter; of the parameters, charset does)."""
    return next(atomizer for atomizer in atomizers(unit) if atomizer.handles(content_type))


def atomizer_version(atomizer: Atomizer) -> str:
    """Return what is recorded with a source (AtomizerVersion): as long as it is the same, the same bytes give the same atoms."""
    said = f"{atomizer.name} {atomizer.version}"
    return (
        said
        if len(said) <= LONGEST_VERSION
        else f"{said[: LONGEST_VERSION - 17]} {sha256(said.encode()).hexdigest()[:16]}"
    )


def forget_entries() -> None:
    """Look for entries anew: a package was installed since."""
    for cached in (entries, atomizers, atomizer_for):
        cached.cache_clear()
