"""Makes zips, Office files among them, whole and damaged, and reads them as a source is read."""

import io
import struct
import zipfile
from collections.abc import Mapping

from hartonomous_core.atomizers import Partial, Section, atomizer_for
from hartonomous_core.atomizers.document_atomizer import DocumentAtomizer, extract_here

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"

Members = Mapping[str, str | bytes]


def zipped(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def relationships(**targets: str) -> str:
    """Relationships by the last word of their type; a number at its end, and what is before "__", tell several apart."""
    each = (
        f'<Relationship Id="{key}" Type="{R}/{key.partition("__")[0].rstrip("0123456789")}" Target="{target}"/>'
        for key, target in targets.items()
    )
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{"".join(each)}</Relationships>'


def docx_members(body: str, **parts: str) -> dict[str, str]:
    """A document of Word; `parts` are the insides of its notes, comments, headers and styles."""
    namespaces = f'xmlns:w="{W}" xmlns:mc="m" xmlns:wp="wp" xmlns:wps="s"'
    return {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relationships(officeDocument="word/document.xml"),
        "word/document.xml": f"<w:document {namespaces}><w:body>{body}</w:body></w:document>",
        "word/_rels/document.xml.rels": relationships(**{kind: f"{kind}.xml" for kind in parts}),
        **{f"word/{kind}.xml": f"<w:{kind} {namespaces}>{inside}</w:{kind}>" for kind, inside in parts.items()},
    }


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def read(data: bytes, content_type: str) -> tuple[list[Section], str | None]:
    """What is read of a source, and why not all of it is; whatever its bytes are, they are kept."""
    atomizer = atomizer_for(content_type)
    assert isinstance(atomizer, DocumentAtomizer)
    kept = []
    try:
        for atom in atomizer.atomize(io.BytesIO(data), content_type):
            if atom.role == "content":
                kept.append(atom.content)
    except Partial:
        pass
    assert b"".join(kept) == data
    sections = []
    try:
        for section in extract_here(atomizer.format, io.BytesIO(data), content_type):
            if isinstance(section, Section):
                sections.append(section)
    except Partial as problem:
        return sections, str(problem)
    return sections, None


def texts(data: bytes, content_type: str) -> str:
    """The text of all sections of a file of which all can be read."""
    sections, problem = read(data, content_type)
    assert problem is None, problem
    return "\n".join(section.text for section in sections)


def with_declared_size(data: bytes, member: str, size: int) -> bytes:
    """Say in the list of members that one is of another size than it is."""
    at = data.rindex(member.encode()) - 46
    assert data[at : at + 4] == b"PK\x01\x02"
    return data[: at + 24] + struct.pack("<I", size) + data[at + 28 :]


def with_declared_offset(data: bytes, member: str, offset: int) -> bytes:
    """Say in the list of members that one begins elsewhere than it does."""
    at = data.rindex(member.encode()) - 46
    return data[: at + 42] + struct.pack("<I", offset) + data[at + 46 :]


def with_flag(data: bytes, member: str, flag: int) -> bytes:
    """Set a general purpose flag of a member in the list of members."""
    at = data.rindex(member.encode()) - 46
    return data[: at + 8] + struct.pack("<H", flag) + data[at + 10 :]
