"""Groups sentences into passages: runs of whole sentences, long enough to say something and short enough for the model's window.

Where a passage ends depends on its own sentences, so an edit changes the passages around it and no others, and a
paragraph that is long enough by itself gives the same passages in whatever text it stands:

* A passage ends with its paragraph, once it has 400 bytes.
* A paragraph that weighs more than 1,200 (`cutting.weight`) is several. Each ends after that sentence, of all at which it
  has 400 bytes and does not weigh more than 1,200, whose SHA-256 is the least.
* A paragraph of 400 bytes or more starts its own passage, and so does a section: a heading and what follows up to the
  next. Shorter text before it is a passage as it is. A heading belongs to the paragraph below it.
"""

from collections.abc import Iterator
from hashlib import sha256

from hartonomous_core.atomizers.cutting import PASSAGE_LIMITS, Limits, weight
from hartonomous_core.atomizers.paragraphs import Part, ends_paragraph, paragraphs
from hartonomous_core.atomizers.protocol import MAX_SUFFIX_BYTES
from hartonomous_core.atomizers.sentences import sentences_of_window
from hartonomous_core.atomizers.text_stream import Piece, Text


def passages(text: Text, limits: Limits = PASSAGE_LIMITS) -> Iterator[Piece]:
    """Yield the passages of a text; all contents and separators, in order, are the text.

    A separator that is longer than a suffix ends a passage, too.
    """
    grouping = _Grouping(limits)
    for part in paragraphs(text, limits):
        grouping.take(part)
        if len(part.separator) > MAX_SUFFIX_BYTES // 3 and _bytes(part.separator) > MAX_SUFFIX_BYTES:
            grouping.end()
        yield from grouping.done
        grouping.done.clear()
    grouping.end()
    yield from grouping.done


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class _Run:
    """Texts in a row, each with what separates it from the next; bytes and weight are without the last separator."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self.bytes = self.weight = self.separator_bytes = 0

    def add(self, content: str, separator: str) -> None:
        self.texts.append((content, separator))
        self.bytes += self.separator_bytes + _bytes(content)
        self.weight += self.separator_bytes + weight(content)
        self.separator_bytes = _bytes(separator)

    def bytes_with(self, content: str) -> int:
        return self.bytes + self.separator_bytes + _bytes(content)

    def weight_with(self, content: str) -> int:
        return self.weight + self.separator_bytes + weight(content)

    def count_to_least_hash(self, least: int) -> int:
        """Return how many texts there are up to that, of all at which there are so many bytes, whose SHA-256 is the least."""
        length = 0
        ends = []
        for count, (content, separator) in enumerate(self.texts, start=1):
            length += _bytes(content)
            if length >= least:
                ends.append((sha256(content.encode()).digest(), count))
            length += _bytes(separator)
        return min(ends)[1] if ends else len(self.texts)


class _Grouping:
    """What is open: short text; after it a section, while that is short, too; a heading; the end of a long paragraph.

    Short text waits, because only a section or a paragraph that turns out to be long enough starts a passage.
    """

    def __init__(self, limits: Limits) -> None:
        self.done: list[Piece] = []
        self._least, self._most = limits
        self._limits = limits
        self._before = _Run()
        self._section = _Run()
        self._heading = _Run()
        self._long = _Run()

    def take(self, part: Part) -> None:
        """Take the next part of the text."""
        content, separator, kind = part
        if kind == "sentence":
            self._take_sentence_of_long(content, separator)
            return
        self._end_long()
        if kind == "space":
            self.end()
            self.done.append(Piece("", separator))
            return
        if kind == "heading" or self._heading.texts:
            self._heading.add(content, separator)
            if kind == "heading" and self._heading.bytes < self._least:
                return
            content, separator = _joined(self._heading.texts)
            self._heading = _Run()
            kind = "section"
        if kind == "section":
            self._end_section()
        self._take_paragraph(content, separator)

    def end(self) -> None:
        """Close all that is open."""
        self._end_long()
        if self._heading.texts:
            self._end_section()
            self._take_paragraph(*_joined(self._heading.texts))
            self._heading = _Run()
        self._end_section()
        self._before = self._close(self._before)

    def _take_paragraph(self, content: str, separator: str) -> None:
        if self._section.bytes_with(content) >= self._least:
            self._before = self._close(self._before)
        if _bytes(content) < self._least:
            if self._section.weight_with(content) > self._most:
                self._section = self._close(self._section)
            self._section.add(content, separator)
            if self._section.bytes >= self._least:
                self._section = self._close(self._section)
            return
        self._section = self._close(self._section)
        if weight(content) <= self._most:
            self.done.append(Piece(content, separator))
            return
        text = Text(content + separator)
        while not text.at_end():
            for sentence in sentences_of_window(text, self._limits):
                self._add_to_long(*sentence)
        self._end_long()

    def _take_sentence_of_long(self, content: str, separator: str) -> None:
        if not self._long.texts:
            self._before = self._close(self._before)
            self._section = self._close(self._section)
            self._long, self._heading = self._heading, _Run()
        self._add_to_long(content, separator)
        if ends_paragraph(separator):
            self._end_long()

    def _add_to_long(self, content: str, separator: str) -> None:
        if not content:  # more white space than is taken at once
            self.end()
            self.done.append(Piece("", separator))
            return
        while self._long.texts and self._long.weight_with(content) > self._most:
            count = self._long.count_to_least_hash(self._least)
            texts, self._long = self._long.texts, _Run()
            self.done.append(_joined(texts[:count]))
            for text in texts[count:]:
                self._long.add(*text)
        self._long.add(content, separator)

    def _end_long(self) -> None:
        """The end of a long paragraph is a passage, or where it is short the beginning of one."""
        if self._long.bytes >= self._least:
            self._long = self._close(self._long)
        elif self._long.texts:
            self._section, self._long = self._long, _Run()

    def _end_section(self) -> None:
        """Add a section that is short to the short text before it."""
        before, section = self._before, self._section
        if before.weight + before.separator_bytes + section.weight > self._most:
            before = self._close(before)
        for text in section.texts:
            before.add(*text)
        self._section = _Run()
        self._before = self._close(before) if before.bytes >= self._least else before

    def _close(self, run: _Run) -> _Run:
        """Add the passage of a run, if there is any; return an empty one."""
        if not run.texts:
            return run
        self.done.append(_joined(run.texts))
        return _Run()


def _joined(texts: list[tuple[str, str]]) -> Piece:
    parts = [part for text in texts for part in text]
    separator = parts.pop()
    return Piece("".join(parts), separator)
