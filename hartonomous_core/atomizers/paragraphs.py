"""Reads text as paragraphs, a window at a time; what is longer than a window is read as sentences.

A paragraph ends at a blank line, at U+2029, and before a heading of Markdown.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from hartonomous_core.atomizers.cutting import Limits
from hartonomous_core.atomizers.lines import UNDERLINE, WIDEST_PROSE, is_prose, is_title
from hartonomous_core.atomizers.sentences import WINDOW, sentences_of_window
from hartonomous_core.atomizers.text_stream import Text

Kind = Literal["paragraph", "section", "heading", "sentence", "space"]
"""A paragraph; one that begins with a heading, and so a section; a heading by itself; a sentence of a paragraph that is
longer than a window; white space by itself."""

# \n?+ is possessive: the two halves of one \r\n are not two line ends.
_BREAK = re.compile(
    r"[\n\r\u2029](?:(?:(?<=\n)|(?<=\r)\n?+)[^\S\r\n]*[\r\n]\s*|(?<=\u2029)\s*|[^\S\r\n]*(?=\#{1,6}\s))"
)
_HEADING = re.compile(
    rf"\#{{1,6}}\s[^\r\n]*|[^\r\n]{{1,{WIDEST_PROSE}}}(?:\r\n?|\n)[^\S\r\n]*{UNDERLINE}[^\S\r\n]*(?=[\r\n]|\Z)"
)


class Part(NamedTuple):
    """A part of a text without surrounding white space, and what separates it from the next."""

    content: str
    separator: str
    kind: Kind


def paragraphs(text: Text, limits: Limits) -> Iterator[Part]:
    """Yield the parts of a text; all contents and separators, in order, are the text.

    A heading is marked as one or underlined, or it is the title of the text: its first paragraph, if that is a line that
    does not end like a sentence and has prose below it.
    """
    title: Part | None = None
    may_be_title = True
    for part in _paragraphs(text, limits):
        if title:
            yield title._replace(kind="heading") if is_prose(part.content) else title
            title = None
        if may_be_title and part.kind == "paragraph" and is_title(part.content):
            title = part
        else:
            yield part
        may_be_title = may_be_title and part.kind == "space"
    if title:
        yield title


def ends_paragraph(separator: str) -> bool:
    """Whether a paragraph ends at this white space."""
    return _BREAK.search(separator) is not None


def _paragraphs(text: Text, limits: Limits) -> Iterator[Part]:
    for space in text.space_at_start():
        yield Part("", space, "space")
    is_within = False
    while not text.at_end():
        end = text.look(WINDOW + 1)
        buffer, start = text.buffer, text.position
        goes_on = end - start > WINDOW
        end -= goes_on
        for found in _BREAK.finditer(buffer, start, end):
            if goes_on and found.end() == end:
                break  # the white space may go on
            yield from _parts(buffer[start : found.end()], is_within, limits)
            start, is_within = found.end(), False
        if not goes_on:
            yield from _parts(buffer[start:end], is_within, limits)
            text.position = end
        elif start > text.position:
            text.position = start
        else:
            for sentence in sentences_of_window(text, limits):
                yield Part(*sentence, "sentence" if sentence.content else "space")
                is_within = not ends_paragraph(sentence.separator)


def _parts(paragraph: str, is_within: bool, limits: Limits) -> Iterator[Part]:
    """Yield a whole paragraph, or the sentences at the end of one whose others have been yielded."""
    if is_within:
        rest = Text(paragraph)
        while not rest.at_end():
            for sentence in sentences_of_window(rest, limits):
                yield Part(*sentence, "sentence" if sentence.content else "space")
        return
    content = paragraph.rstrip()
    if content:
        heading = _HEADING.match(content)
        kind: Kind = "paragraph" if not heading else "heading" if heading.end() == len(content) else "section"
        yield Part(content, paragraph[len(content) :], kind)
