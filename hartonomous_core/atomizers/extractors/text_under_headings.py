"""Gathers paragraphs and rows of tables to sections, each under the path of its headings."""

from collections.abc import Iterator, Mapping

from hartonomous_core.atomizers.sections import Section

LONGEST_SECTION = 64 * 1024
"""Characters: what is longer becomes several sections, so that no more than that and a paragraph are in memory."""


class HeadedText:
    """Rows are lines, and everything else has a blank line around it."""

    def __init__(self) -> None:
        self.headings: list[str] = []
        self.size = 0
        self._path: list[tuple[int, str]] = []
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
        self._path = [*(above for above in self._path if above[0] < level), (level, " ".join(text.split()))]
        self.headings = [heading for _, heading in self._path]
        yield from self.add(text)

    def end(self, place: Mapping[str, object] | None = None) -> Iterator[Section]:
        """Yield what was added since the last time, if it says anything; its place is the path of headings, unless another is given."""
        text = "".join(self._parts).strip()
        self._parts.clear()
        self.size = 0
        if text:
            yield Section(text, place or self.place() or None)

    def place(self) -> dict[str, object]:
        """Return the locator of what is added now."""
        return {"heading": self.headings} if self.headings else {}
