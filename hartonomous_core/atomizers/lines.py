"""Says which lines of a text are sentences, or begin one, and which go on with the sentence of the line before.

Lists, tables, headings, logs, CSV, JSON Lines, mail headers and code are lines; prose is only laid out in lines, whose
ends mean nothing. A line is judged by itself and its neighbours, so that what stands further off does not matter.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["prose", "record"]
"""Of a line: `prose` may hold several sentences, or a part of one; a `record` is one."""

NARROWEST_PROSE = 40
WIDEST_PROSE = 160
"""Characters of a line of prose, unless it is the last of its paragraph or has no other beside it."""
LONGEST_RECORD = 1200
"""Characters. What is longer is better split at ends of sentences, where it has some, than anywhere."""
FEWEST_WORDS = 3
"""Of a line with which a sentence does not end."""

_START = re.compile(
    r"""
    (?P<record>
        \#{1,6}\s  # a heading
        # Times, addresses and levels, as logs begin with.
      | \W{0,2} \d{4}[-/.]\d\d[-/.]\d\d | \W? \d\d:\d\d:\d\d | \W? \d{1,2}[/.](?:\d\d|[A-Z][a-z]{2})[/.]\d\d
      | [A-Z][a-z]{2}\ [\ \d]\d\ \d\d:\d\d | \d{1,3}(?:\.\d{1,3}){3}\s | \[\s*\d+\.\d | <\d+> | \d{10}
      | \[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b[\]:]?\s
        # JSON, markup and tables.
      | \{\s*["}] | \[[\[{"] | </?\w[^<>]*>$ | <!-- | \|
        # Code and settings.
      | ``` | ~~~ | // | /\* | \*/ | \#! | \$\s | >>>\s | @\w+ | [\w.\[\]'"$-]+ \s* [-+*/|&%:?]? = [^=] | [\w.:]+ \( [^()]* \) [;,:]? $
    )
  | (?P<item> (?: [-*+>\u2022\u2023\u25e6\u2043\u00b7] | \d{1,3}[.)] | \(?[a-z0-9]{1,2}\) | \[[\ xX]\] ) \s )
  | (?P<key> [A-Za-z][\w.-]*:\s )
    """,
    re.VERBOSE,
)
UNDERLINE = r"([=\-~^\"*+#`_])\1{2,}"
_UNDERLINE = re.compile(UNDERLINE)
_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""A command to a terminal: lines are judged by what is seen of them."""
_STATEMENT = re.compile(r"[)\]}'\"\w]\s*=\s.*;$|[)\]}]{1,2};$")
_COLUMNS = re.compile(r"(?:\S\ {3,}(?=\S).*?){2}")
_COMMA = re.compile(r"[,;](?![\s\d])|(?<!\d)[,;](?!\s)")
"""Of fields: prose has white space after it, and numbers have digits on both sides."""
LONGEST_FIELDS = 20
"""Characters of a field, on average: prose written without white space after commas has longer ones."""


class Line(NamedTuple):
    """A line that is not blank: where its text starts, where the next line does, and whether a sentence begins with it."""

    start: int
    stop: int
    kind: Kind
    begins_sentence: bool


class _Look(NamedTuple):
    text: str
    indent: int
    kind: Kind
    opens: str
    """`item` or `key` where it begins like one, else nothing."""


_NOTHING = _Look("", 0, "record", "")


def lines_of(text: str) -> Iterator[Line]:
    """Yield the lines of a text that are not blank."""
    width = 0
    above = _NOTHING
    stop = 0
    for raw in text.splitlines(keepends=True):
        start, stop = stop, stop + len(raw)
        content = raw.strip()
        if not content:
            width, above = 0, _NOTHING
            continue
        look = _look(content, len(raw) - len(raw.lstrip()))
        yield Line(start + look.indent, stop, look.kind, not _goes_on(width, above, look))
        width, above = (len(above.text), look) if raw[-1] != "\u2029" else (0, _NOTHING)


def is_title(paragraph: str) -> bool:
    """Whether a paragraph is one line that may be a title: it is not long, and does not end like a sentence."""
    if len(paragraph) > WIDEST_PROSE or not (paragraph[-1].isalnum() or paragraph[-1] == ")"):
        return False
    look = _look(paragraph, 0)
    return look.kind == "prose" and not look.opens and len(paragraph.splitlines()) == 1


def is_prose(paragraph: str) -> bool:
    """Whether the first line of a paragraph is one of prose."""
    first = paragraph[: WIDEST_PROSE + 1].splitlines()[0] if paragraph else ""
    if len(first) < NARROWEST_PROSE:
        return False
    look = _look(first, 0)
    return look.kind == "prose" and not look.opens


def _look(content: str, indent: int) -> _Look:
    if "\x1b" in content:
        content = _COLOUR.sub("", content).strip() or content
    if len(content) > LONGEST_RECORD:
        return _Look(content, indent, "prose", "")
    match = _START.match(content)
    found = (match.lastgroup if match else None) or ""
    if found == "record" or _is_record(content):
        return _Look(content, indent, "record", "")
    return _Look(content, indent, "prose", found)


def _is_record(content: str) -> bool:
    last = content[-1]
    if last in "{}|\\" or (last == ";" and _STATEMENT.search(content)) or _UNDERLINE.fullmatch(content):
        return True
    if "\t" in content and (content.count("\t") > 1 or content.count(" ") < FEWEST_WORDS):
        return True
    if "   " in content and _COLUMNS.search(content):
        return True
    if len(content) > LONGEST_FIELDS * (content.count(",") + content.count(";") + 1):
        return False
    commas = len(_COMMA.findall(content))
    return commas >= 2 and len(content) <= LONGEST_FIELDS * (commas + 1)


def _goes_on(width: int, above: _Look, look: _Look) -> bool:
    """Whether a line goes on with the sentence of the line above it; `width` is that of the one before."""
    if above.kind != "prose" or look.kind != "prose" or look.opens == "item":
        return False
    if look.opens == "key" and (above.opens == "key" or look.text[0].isupper()):
        return False
    if look.indent > above.indent + 1 and not above.opens:
        return False
    if len(above.text) > WIDEST_PROSE or above.text.count(" ") < FEWEST_WORDS - 1 or above.text[:10] == look.text[:10]:
        return False
    if look.text[0].islower():
        return True
    # The first word would have fitted into the line above, had that been laid out to the width of its neighbours.
    first_word = len(look.text.partition(" ")[0])
    return len(above.text) >= NARROWEST_PROSE and len(above.text) + 1 + first_word > max(
        width, len(above.text), len(look.text)
    )
