"""What XML says, element by element: feeds, pictures (SVG), prose such as DocBook, and records of data; streamed, in bounded memory.

What is damaged, or would grow by its entities, is read as plain text from there on. Nothing that it names elsewhere is fetched.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from html import unescape
from itertools import chain
from typing import BinaryIO
from xml.parsers.expat import ExpatError, errors

from hartonomous_core.atomizers.charset_names import charset_parameter, codec_of
from hartonomous_core.atomizers.extractors import html
from hartonomous_core.atomizers.extractors.xml_blocks import XmlBlocks
from hartonomous_core.atomizers.extractors.xml_reader import READ_BYTES
from hartonomous_core.atomizers.extractors.xml_sections import XmlSections
from hartonomous_core.atomizers.members import describe
from hartonomous_core.atomizers.sections import Partial, Section

_MARKUP = re.compile(r"<!\[CDATA\[|\]\]>|<[^<>]{0,4096}>")
_PLAIN_CHARACTERS = 64 * 1024
_DECLARATION = re.compile(r"\ufeff?(\s*)<\?xml\s[^>]{0,1000}\?>")
"""It names the encoding, which was found out before, and must stand first, which it does not everywhere."""
_ENDS = {
    errors.codes[each]
    for each in (errors.XML_ERROR_NO_ELEMENTS, errors.XML_ERROR_UNCLOSED_TOKEN, errors.XML_ERROR_UNCLOSED_CDATA_SECTION)
}
"""What Expat finds where a document is cut off."""


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield what is said, in order, and of prose the links.

    The locators: {"element": "/rss/channel/item[3]", "lines": [first, last]}, an XPath of what holds all of it, in prose with
    {"heading": [the titles above]}; {"part": "links"}; {"lines"} alone of what is read as plain text. Raises Partial where some is, where
    the end is missing, and where a part of it lies elsewhere.
    """
    texts = _decoded(stream, content_type)
    reader = XmlBlocks()
    sections = XmlSections(reader)
    offset, block = 0, b""
    for text in texts:
        offset += len(block)
        block = text.encode()
        reader.feed(block)
        if reader.root == "html":
            stream.seek(0)
            yield from html.extract(stream, content_type)
            return
        yield from sections.add(reader.take())
        if reader.problem:
            break
    else:
        reader.feed(b"", is_last=True)
    yield from sections.add(reader.take(is_last=True))
    yield from sections.finish()
    if reader.links.lines:
        yield Section("\n".join(reader.links.lines), {"part": "links"})
    problems = [f"what lies in {each}, a part of it, is not read" for each in reader.outside[:1]]
    if (problem := reader.problem) is not None:
        if isinstance(problem, ExpatError) and problem.code in _ENDS:
            if reader.root:
                problems.append("its end is missing")
            elif stream.tell():
                problems.append("no element was found in it")
        else:
            problems.append(
                f"{problem if isinstance(problem, Partial) else describe(problem)}; what follows is read as plain text"
            )
            left = _from_tag(block, reader.parser.CurrentByteIndex - offset).decode(errors="ignore")
            yield from _plain(chain([left], texts), reader.line)
    if problems := [*problems, *sections.problems]:
        raise Partial("; ".join(problems))


def _decoded(stream: BinaryIO, content_type: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec_of(charset_parameter(content_type) or "") or "utf-8")("replace")
    yield _DECLARATION.sub(r"\1", decoder.decode(stream.read(READ_BYTES)), count=1)
    while data := stream.read(READ_BYTES):
        yield decoder.decode(data)
    yield decoder.decode(b"", True)


def _from_tag(block: bytes, at: int) -> bytes:
    """Return the rest of a block from a place in it on, or from the beginning of the tag that this is in."""
    at = max(0, at)
    begin = block.rfind(b"<", 0, at)
    return block[at if begin < 0 or b">" in block[begin:at] else begin :]


def _plain(texts: Iterable[str], line: int) -> Iterator[Section]:
    """Yield the text between what looks like tags."""
    waiting = ""
    for text in chain(texts, [None]):
        waiting += text or ""
        if text is not None and len(waiting) < _PLAIN_CHARACTERS:
            continue
        cut = len(waiting) if text is None else max(waiting.rfind("\n"), waiting.rfind(">"), _PLAIN_CHARACTERS // 2)
        last = line + waiting.count("\n", 0, cut)
        yield Section(unescape(_MARKUP.sub(" ", waiting[:cut])), {"lines": [line, last]})
        line, waiting = last, waiting[cut:]
