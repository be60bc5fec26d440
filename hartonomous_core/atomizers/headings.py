"""Finds the headings of Markdown and of reStructuredText, line by line as the text comes; of each part of it, which headings it stands under."""

import re
from abc import ABC, abstractmethod
from typing import Protocol

from hartonomous_core.atomizers.sections import MOST_PARTS, HeadingPath, shorten, titles_of, under_heading

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_MARKS = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_NO_TITLE = re.compile(r"\s|[>|#]|[-*+][ \t]")
"""How a line begins that no line below makes a heading."""
_UNDERLINES = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


class Headings(Protocol):
    """The headings of one text so far."""

    def pass_over(self, text: str) -> list[str]:
        """Read the next part of the text, and return the titles above what it says first, the outermost first."""


class _Lines(ABC):
    """What both formats have in common: a path of headings, and whether a line begins or goes on."""

    signs: re.Pattern[str]
    """What stands somewhere in a text that holds anything but lines of no heading; most parts of a text are passed over by it."""

    def __init__(self) -> None:
        self._path: HeadingPath = []
        self._before = ""  # the line before; while a line goes on, the part of it that was read

    def pass_over(self, text: str) -> list[str]:
        """Read the next part of the text, and return the titles above what it says first, the outermost first."""
        if not self._must_read() and not self.signs.search(text):
            whole, newline, rest = text.rpartition("\n")
            if rest.rstrip():
                self._before = "…"  # it goes on, or ends with the text
            elif newline:
                self._before = whole.rpartition("\n")[2].rstrip()
            return self._titles()
        lines = text.split("\n")
        above: list[str] | None = None
        for at, line in enumerate(lines):
            line = line.rstrip()
            is_heading = self._read(line, lines[at + 1].rstrip() if at + 1 < len(lines) else "")
            if line and not is_heading and above is None:
                above = self._titles()
            if at + 1 < len(lines):
                self._before = line
            elif line:
                self._before = "…"
        return self._titles() if above is None else above

    @abstractmethod
    def _read(self, line: str, below: str) -> bool:
        """Take a line, given the one below it; return whether it is a heading or a part of one."""

    def _must_read(self) -> bool:
        """Whether lines without signs mean something, too."""
        return False

    def _enter(self, level: int, title: str) -> None:
        self._path = under_heading(self._path, level, shorten(title))[-MOST_PARTS:]

    def _titles(self) -> list[str]:
        return titles_of(self._path)


class MarkdownHeadings(_Lines):
    """Lines with marks (#) before them, and those above a line of = or -, except in fenced code."""

    signs = re.compile(r"^ {0,3}(?:#|```|~~~|={2,}\s*$|-{2,}\s*$)", re.MULTILINE)

    def __init__(self) -> None:
        super().__init__()
        self._fence = ""

    def _must_read(self) -> bool:
        return bool(self._fence)

    def _read(self, line: str, below: str) -> bool:
        if self._before == "…":
            return False
        if fence := _FENCE.match(line):
            self._begin_or_end_code(fence[1], line[fence.end() :])
            return False
        if self._fence:
            return False
        if marks := _MARKS.match(line):
            title = line[marks.end() :].strip()
            without_marks = title.rstrip("#")
            if not without_marks or without_marks[-1].isspace():
                title = without_marks.rstrip()
            if title:
                self._enter(len(marks[1]), title)
            return True
        if self._is_title(line) and (level := _level_of(below)):
            self._enter(level, line)
            return True
        return bool(_level_of(line)) and bool(self._path) and self._path[-1][1] == self._before

    def _is_title(self, line: str) -> bool:
        return bool(line) and not self._before and not _NO_TITLE.match(line)

    def _begin_or_end_code(self, fence: str, rest: str) -> None:
        if not self._fence:
            self._fence = "" if fence[0] == "`" and "`" in rest else fence
        elif fence.startswith(self._fence) and not rest.strip():
            self._fence = ""


def _level_of(line: str) -> int:
    """Return the level of what stands above this line, 0 if it makes no heading of it."""
    if len(line) < 2 or line.strip("=-"):
        return 0
    return {"=": 1, "-": 2}[line[0]] if line == line[0] * len(line) else 0


class RestHeadings(_Lines):
    """Lines above, or between, lines of one punctuation mark; which mark is which level, their order in the text says."""

    signs = re.compile(r"^([!-/:-@\[-`{-~])\1+\s*$", re.MULTILINE)

    def __init__(self) -> None:
        super().__init__()
        self._levels: list[tuple[str, bool]] = []

    def _read(self, line: str, below: str) -> bool:
        if self._before == "…" or not line:
            return False
        if _is_underline(line):
            return bool(below) or bool(self._path)
        title, is_between = line.strip(), _is_underline(self._before)
        if (
            len(below) < len(line)
            or not _is_underline(below)
            or not (is_between or not self._before)
            or (line[0].isspace() and not is_between)
        ):
            return False
        kind = below[0], is_between
        if kind not in self._levels:
            self._levels.append(kind)
        self._enter(self._levels.index(kind), title)
        return True


def _is_underline(line: str) -> bool:
    return len(line) > 1 and line[0] in _UNDERLINES and line == line[0] * len(line)
