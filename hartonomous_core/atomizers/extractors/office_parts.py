"""What several kinds of office documents have: a title, and diagrams and charts with words in them."""

from collections.abc import Iterable, Iterator, Mapping

from hartonomous_core.atomizers.extractors.zipped_xml import END, START, TEXT, Relationship, ZippedXml
from hartonomous_core.atomizers.sections import Section

LONGEST_TEXT = 64 * 1024
"""Characters of a title, of a diagram, of a header."""
MEDIA = r"[^/]+/media/[^/]+"
"""The pictures, sounds and films of Office Open XML; those of OpenDocument lie in other folders."""
Places = dict[str, dict[str, object]]
"""The locators of members."""
_OF_THE_TITLE = {"title", "subject", "description", "keywords", "keyword"}
_DRAWN = {"diagramData": "diagram", "chart": "chart", "drawing": "drawing"}


def main_part(package: ZippedXml, otherwise: str) -> str:
    """Return the member that is the document. Raises Partial where there is none."""
    main = next((each.target for each in package.relationships("") if each.kind == "officeDocument"), otherwise)
    if main not in package:
        package.leave_out("it does not hold a document")
        package.report()
    return main


def core_properties(package: ZippedXml) -> str:
    """Return the member that says what the document is, "" where there is none."""
    return next((each.target for each in package.relationships("") if each.kind == "core-properties"), "")


def title(package: ZippedXml, member: str) -> Iterator[Section]:
    """Yield what a document says of itself in this member: title, subject, keywords and description."""
    said: list[str] = []
    size = 0
    inside = False
    for kind, name, _ in package.events(member) if member in package else ():
        if kind == TEXT and inside:
            said.append(name)
        elif kind != TEXT:
            inside = kind == START and name in _OF_THE_TITLE
            said.append("\n")
        size += len(name) if inside else 1
        if size > LONGEST_TEXT:
            break
    lines = filter(None, (line.strip() for line in "".join(said)[:LONGEST_TEXT].split("\n")))
    if text := "\n\n".join(dict.fromkeys(lines)):
        yield Section(text, {"part": "title"})


def drawn(package: ZippedXml, related: Iterable[Relationship], place: Mapping[str, object]) -> Iterator[Section]:
    """Yield the words in diagrams and drawings, and the titles and categories of charts; `place` is where the part that they belong to is."""
    for each in related:
        if each.kind in _DRAWN and each.target in package and (text := _words(package, each.target)):
            yield Section(text, {**place, "part": _DRAWN[each.kind]})


def _words(package: ZippedXml, member: str) -> str:
    """Return each paragraph, and each category that is text, in a line of its own, once."""
    lines: dict[str, None] = {}
    current: list[str] = []
    size = 0
    in_texts = inside = False
    for kind, name, _ in package.events(member, frozenset({"numCache", "numLit"})):
        if kind == TEXT:
            if inside and size < LONGEST_TEXT:
                current.append(name)
                size += len(name)
        elif name in ("strCache", "strLit"):
            in_texts = kind == START
        elif name == "t" or (name == "v" and in_texts):
            inside = kind == START
        if kind == END and current and name in ("p", "v"):
            lines["".join(current).strip()] = None
            current.clear()
    return "\n".join(lines).strip()


def note_pictures(
    package: ZippedXml, related: Iterable[Relationship], place: dict[str, object], places: Places
) -> None:
    """Note in `places` where a picture stands: of several places the first."""
    for each in related:
        if each.kind == "image" and each.target in package:
            places.setdefault(each.target, place)


def join_lines(lines: list[str]) -> str:
    """Join lines, with one blank line where there are several in a row."""
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept).strip()
