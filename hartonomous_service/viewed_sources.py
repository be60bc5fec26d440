"""Shows a source to the user: its file, where that is what came in, else a copy that is rebuilt and proven.

A desktop runs some files that it is told to open, and sources come from anywhere. So only types that are shown are opened, under a name of such
a type: a program in Python, say, as text.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import Field

from hartonomous_core.atomizers import Format, Partial, Section, atomizer_for
from hartonomous_core.atomizers.charset_names import media_type
from hartonomous_resources.blobs import READ_BYTES
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.source_files import open_source_file
from hartonomous_resources.source_uris import UnreadableSource, is_file_uri, real_path
from hartonomous_service.arguments import MAX_ID, Id, Tenant, Text, checked
from hartonomous_service.errors import Invalid, NotFound
from hartonomous_service.search.places import find_atom, read_places, show_place
from hartonomous_service.source_records import find_atomized, reconstruct_file
from hartonomous_service.viewers import NoViewer, show_file, show_page

PageNumber = Annotated[int, Field(ge=1, le=MAX_ID)]

_PDF = "application/pdf"
_OPEN_XML = "application/vnd.openxmlformats-officedocument"
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument"
_EXTENSIONS: dict[str, tuple[str, ...]] = {
    _PDF: (".pdf",),
    "text/html": (".html", ".htm"),  # a browser keeps what runs on a page from other files
    "application/xhtml+xml": (".xhtml", ".html"),
    "message/rfc822": (".eml",),
    "application/rtf": (".rtf",),
    "text/rtf": (".rtf",),
    f"{_OPEN_XML}.wordprocessingml.document": (".docx",),  # never .docm, with macros
    f"{_OPEN_XML}.spreadsheetml.sheet": (".xlsx",),
    f"{_OPEN_XML}.presentationml.presentation": (".pptx",),
    f"{_OPEN_DOCUMENT}.text": (".odt",),
    f"{_OPEN_DOCUMENT}.spreadsheet": (".ods",),
    f"{_OPEN_DOCUMENT}.presentation": (".odp",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/gif": (".gif",),
    "image/webp": (".webp",),
    "image/bmp": (".bmp",),
    "image/tiff": (".tif", ".tiff"),
    "audio/mpeg": (".mp3",),
    "audio/wave": (".wav",),
    "video/mp4": (".mp4",),
}
_OF_TEXT = (
    *(".txt", ".md", ".markdown", ".rst", ".log", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".xml"),
    *(".css", ".sql", ".srt", ".vtt", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".go", ".java", ".rs", ".ts", ".tex"),
)
"""What no desktop runs; text of any other name is shown as .txt."""
_LONGEST_NAME = 100
"""Bytes in UTF-8. A file system takes 255, also of the name before it is whole, which is longer."""


@checked
def open_source(
    resources: Resources,
    source_id: Id,
    *,
    page: PageNumber | None = None,
    atom: Text | None = None,
    tenant: Tenant = 0,
) -> dict[str, Any]:
    """Show a source in the user's viewer, a PDF at a page: `page`, or that where `atom` (a hash) stands.

    A copy that nothing opens is deleted. Returns {"sourceId", "file": None where that was so, "isCopy", "page", "locator": where the atom
    stands, "openedWith": a program, None where there is none, "note": why not, or why not at the page}.

    Raises NotFound, Conflict for a source that is not Atomized, Invalid for a type that a desktop may run, for a page of what is no PDF, and for
    one that it does not have.
    """

    def find(unit_of_work: UnitOfWork) -> tuple[Row, dict[str, Any] | None]:
        return find_atomized(unit_of_work, source_id, tenant), _place(unit_of_work, source_id, atom, tenant)

    source, place = ask(resources.database, find)
    is_pdf = media_type(source["contentType"]) == _PDF
    if page is not None and not is_pdf:
        raise Invalid("only a PDF is opened at a page", argument="page")
    locator = place["locator"] if place else None
    name = _shown_name(source)
    file = _unchanged_file(resources, source)
    is_copy = file is None
    if file is None:
        file = _copy(resources, source, name, tenant)
    if page is not None and (problem := _why_no_page(resources, source_id, file, page)):
        if is_copy:
            _delete_copy(file)
        raise Invalid(problem, argument="page")
    if page is None and is_pdf:
        page = (locator or {}).get("page")
    opened = _show(file, page)
    is_deleted = is_copy and opened["openedWith"] is None
    if is_deleted:
        _delete_copy(file)
    shown = {"sourceId": source_id, "file": None if is_deleted else str(file), "isCopy": is_copy}
    return {**shown, "page": page, "locator": locator, **opened}


def _place(unit_of_work: UnitOfWork, source_id: int, atom: str | None, tenant: int) -> dict[str, Any] | None:
    if atom is None:
        return None
    atom_id, digest = find_atom(unit_of_work, tenant, atom)
    of_source = AtomFilter(source_id=source_id)
    for place in read_places(unit_of_work, [atom_id], tenant, of_source, 1, 0)[atom_id]:
        return show_place(place)
    raise NotFound(f"atom {digest.hex()} does not stand in source {source_id}, or not in the latest version")


def _why_no_page(resources: Resources, source_id: int, file: Path, page: int) -> str | None:
    """Return why a PDF cannot be opened at a page, None where it can, or where nobody knows: it is damaged, and its viewer may read it."""
    counter = "hartonomous_core.atomizers.extractors.pdf_document:count_pages"
    try:
        with file.open("rb") as stream:
            found = resources.parsers(Format("pdf-pages", "1", (_PDF,), counter, in_child=True), stream, _PDF)
            [count] = [int(item.text) for item in found if isinstance(item, Section)]
    except (Partial, OSError):
        return None
    return f"source {source_id} has {count:,} page{'s' * (count != 1)}" if page > count else None


def _show(file: Path, page: int | None) -> dict[str, Any]:
    note = None
    try:
        if page is not None:
            try:
                return {"openedWith": show_page(file, page), "note": None}
            except NoViewer as problem:
                note = f"not at the page: {problem}"
        return {"openedWith": show_file(file), "note": note}
    except NoViewer as problem:
        return {"openedWith": None, "note": str(problem)}


def _shown_name(source: Row) -> str:
    """Return a name for a copy of a source, with the extension of a type that is shown. Raises Invalid where its type is none of these."""
    extensions = _extensions(media_type(source["contentType"]))
    if not extensions:
        raise Invalid(
            f"source {source['sourceId']} is {source['contentType']}: only documents, pictures and text are opened, for a desktop runs some files",
            remedy="reconstruct",
        )
    path = PurePosixPath(unquote(source["sourceUri"]).replace("\\", "/"))
    plain = "".join(character for character in path.name if character.isprintable() and character not in ':*?"<>|')
    if PurePosixPath(plain).suffix.lower() not in extensions:
        plain += extensions[0]
    stem, suffix = PurePosixPath(plain).stem, PurePosixPath(plain).suffix
    return f"{source['sourceId']} {stem.encode()[:_LONGEST_NAME].decode(errors='ignore')}{suffix}"


def _extensions(kind: str) -> tuple[str, ...]:
    if known := _EXTENSIONS.get(kind):
        return known
    return _OF_TEXT if atomizer_for(kind).reads_text or kind.startswith("text/") else ()


def _unchanged_file(resources: Resources, source: Row) -> Path | None:
    """Return the file that a source was read from, where its bytes are still those that came in, and nothing would run it."""
    if not is_file_uri(source["sourceUri"]):
        return None
    try:
        path = real_path(source["sourceUri"])
        is_run = os.name != "nt" and os.access(path, os.X_OK)
        if is_run or path.suffix.lower() not in _extensions(media_type(source["contentType"])):
            return None
        with open_source_file(source["sourceUri"], resources.settings, path.as_uri(), path) as stream:
            digest = hashlib.sha256()
            while block := stream.read(READ_BYTES):
                digest.update(block)
    except (UnreadableSource, OSError):
        return None  # a copy shows what came in, too
    return path if digest.hexdigest() == source["contentHash"] else None


def _copy(resources: Resources, source: Row, name: str, tenant: int) -> Path:
    """Rebuild a source into a folder that only this user reads; the copy is not to be written to."""
    folder = Path(tempfile.mkdtemp(prefix="hartonomous-"))
    try:
        reconstruct_file(resources, source["sourceId"], folder / name, tenant=tenant)
    except BaseException:
        shutil.rmtree(folder)
        raise
    (folder / name).chmod(0o400)
    return folder / name


def _delete_copy(file: Path) -> None:
    file.chmod(0o600)  # Windows deletes nothing that is not to be written to
    shutil.rmtree(file.parent)
