"""The files that are attached to a PDF."""

from collections.abc import Iterator

import pypdfium2 as pdfium

from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.extractors.pdf_document import Document
from hartonomous_core.atomizers.members import Member, MemberLost
from hartonomous_core.atomizers.sections import Section

MOST_ATTACHMENTS = 10_000


def attachments(document: Document, problems: list[str]) -> Iterator[Item]:
    """Yield the names of the attachments, {"part": "attachments"}, and each; add to `problems` where there are more than that."""
    opened = document.opened
    count = opened.count_attachments()
    if count > MOST_ATTACHMENTS:
        problems.append(f"only the first {MOST_ATTACHMENTS:,} of {count:,} attachments were taken in")
    indices = range(min(count, MOST_ATTACHMENTS))
    names = [_name(opened, index) for index in indices]
    if names:
        yield Section("\n".join(names), {"part": "attachments"})
    for index, name in zip(indices, names, strict=True):
        yield Member(f"attachments/{name}", locator={"part": "attachments"})
        try:
            yield bytes(opened.get_attachment(index).get_data())
        except pdfium.PdfiumError:
            yield MemberLost("it is not there")


def _name(document: pdfium.PdfDocument, index: int) -> str:
    try:
        name = document.get_attachment(index).get_name()
    except (pdfium.PdfiumError, UnicodeDecodeError):
        name = ""
    return name or f"attachment-{index + 1}"
