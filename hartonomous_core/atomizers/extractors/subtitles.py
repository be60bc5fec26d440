"""What is said in subtitles (SubRip and WebVTT): lines that belong together are joined to passages, with the time from first to last."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise
from typing import BinaryIO

from hartonomous_core.atomizers.charset_names import charset_parameter, codec_of
from hartonomous_core.atomizers.sections import Partial, Section

WANTED, LONGEST = 400, 800
"""Characters of a passage: after the first it ends with the next sentence, at the latest after the second."""
LONGEST_SILENCE = 10.0
"""Seconds; what comes later is another passage."""
_LONGEST_LINE = 64 * 1024
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[,.](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s|$)")
_SPEAKER = re.compile(r"<v(?:\.[^\s<>]{1,100})?[ \t]+([^<>\n]{1,100})>")
_MARKUP = re.compile(r"<[^<>\n]{0,200}>|\{\\[^{}\n]{0,200}\}")
_ENDS_SENTENCE = re.compile(r"[.!?…。！？♪][\"'”’)\]]?$")
_NOT_SAID = ("WEBVTT", "NOTE", "STYLE", "REGION")


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield passages, {"time": [when the first line comes, when the last goes]}, such as "00:01:02.000"; in bounded memory.

    Raises Partial where times are broken: what is said there has the time before it.
    """
    passage, number, problem = _Passage(), 0, ""
    for block in _blocks(stream, content_type):
        for times_line, lines in _cues(block):
            if times_line is None:
                if not lines[0].startswith(_NOT_SAID):
                    passage.add(lines)  # a blank line within what is said
                if passage.length >= _LONGEST_LINE:
                    yield from passage.take()
                continue
            number += 1
            times = _times(times_line)
            if times is None:
                problem = (
                    problem
                    or f"its times are broken, first in line {number} of what is said: {times_line.strip()[:60]}"
                )
            elif passage.is_full(times[0]):
                yield from passage.take()
            passage.add(lines, times)
    yield from passage.take()
    if problem:
        raise Partial(problem)


def _cues(block: list[str]) -> Iterator[tuple[str | None, list[str]]]:
    """Yield each line of times with what is said then; first None with what stands before, unless that is the number or name of the line."""
    starts = [at for at, line in enumerate(block) if "-->" in line]
    if not starts or starts[0] > 1:
        yield None, block[: starts[0] - 1] if starts else block
    for at, end in pairwise([*starts, len(block)] if starts else []):
        lines = block[at + 1 : end]
        if end < len(block) and lines and lines[-1].strip().isdecimal():
            lines.pop()  # the number of the next, without a blank line before it
        yield block[at], lines


def _blocks(stream: BinaryIO, content_type: str) -> Iterator[list[str]]:
    """Yield the lines that stand between blank ones."""
    codec = codec_of(charset_parameter(content_type) or "") or "utf-8-sig"
    reader = io.TextIOWrapper(stream, codec, "replace")
    block: list[str] = []
    size = 0
    while line := reader.readline(_LONGEST_LINE):
        size += len(line)
        if has_text := bool(line.strip("\ufeff \t\r\n\0")):
            block.append(line.strip("\ufeff\r\n"))
        if has_text and size <= _LONGEST_LINE:
            continue
        if block:
            yield block
        block, size = [], 0
    if block:
        yield block
    reader.detach()


def _times(line: str) -> tuple[float, float] | None:
    """Return when a line begins and ends, in seconds."""
    found = _TIMES.match(line)
    if not found:
        return None
    begin, end = (_seconds(found.groups()[start : start + 4]) for start in (0, 4))
    return (begin, end) if begin <= end else None


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + float(f"0.{fraction}")


def _clock(seconds: float) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


@dataclass(slots=True)
class _Passage:
    """What was said since the last passage ended; `last_line` is that of the lines before, which captions that roll say again."""

    lines: list[str] = field(default_factory=list)
    length: int = 0
    begin: float | None = None
    end: float | None = None
    last_line: str = ""

    def is_full(self, next_begin: float) -> bool:
        """Whether what comes at this time is another passage."""
        if not self.lines:
            return False
        is_silent = self.end is not None and next_begin - self.end > LONGEST_SILENCE
        return (
            is_silent
            or self.length >= LONGEST
            or (self.length >= WANTED and bool(_ENDS_SENTENCE.search(self.lines[-1])))
        )

    def add(self, lines: list[str], times: tuple[float, float] | None = None) -> None:
        """Take lines, without marks."""
        is_next = times is not None and self.end is not None and times[0] <= self.end + 0.1
        for line in map(_plain, lines):
            if line and not (is_next and line == self.last_line):
                self.lines.append(line)
                self.length += len(line) + 1
                self.last_line = line
        if times is not None:
            self.begin = times[0] if self.begin is None else self.begin
            self.end = times[1]

    def take(self) -> Iterator[Section]:
        """Yield what was said, and begin anew."""
        if self.lines:
            is_timed = self.begin is not None and self.end is not None
            locator = {"time": [_clock(self.begin or 0), _clock(self.end or 0)]} if is_timed else None
            yield Section(" ".join(self.lines), locator)
        self.lines, self.length, self.begin = [], 0, None


def _plain(line: str) -> str:
    return " ".join(unescape(_MARKUP.sub("", _SPEAKER.sub(r"\1: ", line))).split())
