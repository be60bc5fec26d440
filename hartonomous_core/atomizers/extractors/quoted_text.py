"""Tells what somebody wrote in a mail from what is quoted there, and leaves out what was already read: each reply repeats the whole thread."""

import re
from collections.abc import Iterator
from itertools import groupby

MOST_SEEN = 100_000
"""Paragraphs that are remembered, of a source."""

_QUOTED = re.compile(r"(?:>[ \t]?)+")
_WHO_WROTE = re.compile(
    r"(?:On|Am|Le|El|Il|Op|Em|Den)\b.{0,300}\b(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev)\b.{0,100}:",
    re.DOTALL,
)
_BELOW_IS_QUOTED = re.compile(
    r"-{2,} ?(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Weitergeleitete Nachricht) ?-{2,}[ \t]*(?:\n|$)"
    r"|(?:_{10,}\n)?From: .*\n(?:Sent|Date|To): ",
    re.IGNORECASE,
)
"""How mail programs begin a message that they put below the answer without marks."""


class Quotes:
    """What was read of one source; `split` is called with its texts in turn."""

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def split(self, text: str) -> Iterator[tuple[str, bool]]:
        """Yield what was written (False) and what is quoted (True) in turn, without marks; of what is quoted nothing that was read before."""
        parts = self._without_repeated(text)
        for is_quoted, paragraphs in groupby(parts, lambda part: part[1]):
            yield "\n\n".join(paragraph for paragraph, _ in paragraphs), is_quoted

    def _without_repeated(self, text: str) -> Iterator[tuple[str, bool]]:
        is_below, introduction = False, ""
        for paragraph, has_marks in _paragraphs(text):
            if introduction:
                is_below = is_below or not has_marks
            if not is_below and not has_marks:
                if _WHO_WROTE.fullmatch(paragraph.strip()):
                    introduction = paragraph
                    continue
                is_below = _BELOW_IS_QUOTED.match(paragraph) is not None
            is_quoted = is_below or has_marks
            if self._is_new(paragraph) or not is_quoted:
                if introduction:
                    yield introduction, True
                yield paragraph, is_quoted
            introduction = ""
        if introduction:
            yield introduction, False

    def _is_new(self, paragraph: str) -> bool:
        key = hash(" ".join(paragraph.split()).casefold())
        if key in self._seen:
            return False
        if len(self._seen) < MOST_SEEN:
            self._seen.add(key)
        return True


def _paragraphs(text: str) -> Iterator[tuple[str, bool]]:
    """Yield what stands between blank lines, and lines of as many marks each by themselves, without these, and whether there are any."""
    for marks, lines in groupby(map(_without_marks, text.split("\n")), lambda line: (line[0], bool(line[1].strip()))):
        if marks[1]:
            yield "\n".join(line for _, line in lines), marks[0] > 0


def _without_marks(line: str) -> tuple[int, str]:
    marks = _QUOTED.match(line)
    return (marks[0].count(">"), line[marks.end() :]) if marks else (0, line)
