"""Gathers paragraphs and rows of tables to sections, each under the path of its headings."""

from collections.abc import Iterator, Mapping

from hartonomous_core.atomizers.sections import HeadingPath, Section, titles_of, under_heading

LONGEST_SECTION = 64 * 1024
"""Characters: what is longer becomes several sections, so that no more than that and a paragraph are in memory."""


class HeadedText:
    """Rows are lines, and everything else has a blank line around it."""

    def __init__(self) -> None:
        self.headings: list[str] = []
        self.size = 0
        self._path: HeadingPath = []
        self._beside: list[Section] = []
        self._parts: list[str] = []
        self._ends_with_row = False

    def add(self, text: str, *, is_row: bool = False) -> Iterator[Section]:
        """Add a paragraph or a row; yield what is before it, if that is long."""
        if self.size > LONGEST_SECTION:
            yield from self.end()
        if self._parts:
            self._parts.append("\n" if is_row and self._ends_with_row else "\n\n")
        self._parts.append(text)
        self._ends_with_row = is_row
        self.size += len(text) + 2

    def add_heading(self, text: str, level: int) -> Iterator[Section]:
        """Begin what stands under a heading of this level, the least of which is the highest; yield what is before it."""
        yield from self.end()
        self._path = under_heading(self._path, level, " ".join(text.split()))
        self.headings = titles_of(self._path)
        yield from self.add(text)

    def add_beside(self, text: str, part: str) -> None:
        """Add a note that is referred to here; it comes after the section that holds what is added now."""
        self._beside.append(Section(text, {"part": part, **self._place()}))
        self.size += len(text)  # what waits is in memory, too

    def end(self, place: Mapping[str, object] | None = None) -> Iterator[Section]:
        """Yield what was added since the last time, if it says anything, and the notes in it; its place is the path of headings, unless
        another is given.
        """
        text = "".join(self._parts).strip()
        self._parts.clear()
        self.size = 0
        if text:
            yield Section(text, place or self._place() or None)
            yield from self._notes()

    def finish(self) -> Iterator[Section]:
        """Yield what is left, also notes that stand under nothing."""
        yield from self.end()
        yield from self._notes()

    def _notes(self) -> Iterator[Section]:
        yield from self._beside
        self._beside.clear()

    def _place(self) -> dict[str, object]:
        return {"heading": self.headings} if self.headings else {}
