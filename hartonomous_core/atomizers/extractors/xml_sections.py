"""Gathers the blocks of XML to sections: in prose under its titles, in a feed item by item, in data record by record."""

import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import groupby, pairwise
from typing import NamedTuple
from zlib import crc32

from hartonomous_core.atomizers.extractors import html
from hartonomous_core.atomizers.extractors.xml_blocks import XmlBlocks, one_line
from hartonomous_core.atomizers.extractors.xml_elements import Block, Element
from hartonomous_core.atomizers.sections import Partial, Section

MOST_TOGETHER = 8 * 1024
"""Characters of a record; a larger one is read part by part."""
MOST_WAITING = 2000
"""Blocks that wait for what comes after them."""
WANTED, LONGEST = 400, 1200
"""Characters of a section: after the first it ends where its last block says so itself, after the second at once."""
_ENDS_AFTER_ONE_IN = 4
LONGEST_NAMED = 100
"""Characters of a value that has its name before it; a longer one speaks for itself."""
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,4096}>")
_CODED = re.compile(r"(?:[A-Za-z0-9+/_-]{40,}+={0,2}\s*+)++(?:[A-Za-z0-9+/_-]++={0,2}\s*+)?+")
"""Bytes in base64, which nobody reads."""
_LEAST_CODED = 200


class _Said(NamedTuple):
    element: Element
    text: str
    first: int
    last: int


class XmlSections:
    """Takes the blocks that a reader found. `problems`: what of them could not be read, and why."""

    def __init__(self, reader: XmlBlocks) -> None:
        self.problems: list[str] = []
        self._reader = reader
        self._waiting: list[_Said] = []
        self._size = 0

    def add(self, blocks: Iterable[Block]) -> Iterator[Section]:
        """Yield the sections to which nothing more belongs."""
        for block in blocks:
            text = self._text(block)
            if text:
                self._waiting.append(_Said(block.element, text, block.first, block.last))
                self._size += len(text)
            if self._size > MOST_TOGETHER or len(self._waiting) > MOST_WAITING:
                yield from self._take()

    def finish(self) -> Iterator[Section]:
        """Yield the rest."""
        yield from self._take(is_last=True)

    def _text(self, block: Block) -> str:
        """Return what a block says as people read it; empty of what they do not."""
        text = block.text
        if len(text) >= _LEAST_CODED and _CODED.fullmatch(text.strip()):
            return ""
        vocabulary = self._reader.vocabulary
        if vocabulary and vocabulary.is_feed and _TAG.search(text):
            return self._text_of_page(text)
        if block.element.is_laid_out:
            return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")
        return one_line(text)

    def _text_of_page(self, text: str) -> str:
        """Return what HTML says that is written in a feed; where its links lead joins those of the feed."""
        parts = []
        try:
            for section in html.extract(BytesIO(text.encode()), "text/html"):
                if section.locator == {"part": "links"}:
                    for line in section.text.split("\n"):
                        self._reader.links.add_line(line)
                else:
                    parts.append(section.text)
        except Partial as problem:
            self.problems.append(f"of a page in it {problem}")
        return "\n\n".join(parts)

    def _take(self, *, is_last: bool = False) -> Iterator[Section]:
        """Yield the sections of what waits but for what may go on."""
        groups = [(key, list(said)) for key, said in groupby(self._waiting, self._holder)]
        self._waiting, self._size = [], 0
        for number, (holder, said) in enumerate(groups, 1):
            if number < len(groups) or is_last or not holder.is_open:
                runs = _runs(said)
            else:
                size = sum(len(each.text) for each in said)
                is_full = size > MOST_TOGETHER or len(said) > MOST_WAITING // 2
                if is_full and holder.kind.is_repeated and not holder.is_large:
                    holder.is_large = True
                    runs = [said]
                else:
                    runs = _runs(said) if is_full else [said]
                self._waiting = runs.pop()
                self._size = sum(len(each.text) for each in self._waiting)
            yield from map(self._section, runs)

    def _holder(self, said: _Said) -> Element:
        """Return the element whose parts are read together with this one."""
        elements = said.element.from_root()
        vocabulary = self._reader.vocabulary
        if vocabulary and vocabulary.is_prose:
            titled = (each for each in reversed(elements) if each.title is not None or each.kind.is_item)
            return next(titled, elements[0])
        records = (each for each in elements if each.has_parts and each.kind.is_repeated and not each.is_large)
        return next(records, said.element.parent or said.element)

    def _section(self, said: Sequence[_Said]) -> Section:
        holder = _around(said)
        vocabulary = self._reader.vocabulary
        lines = [min(each.first for each in said), max(each.last for each in said)]
        locator: dict[str, object] = {"element": holder.path(), "lines": lines}
        if vocabulary is None or not vocabulary.is_prose:
            return Section(_named(said, holder), locator)
        titles = [each.title for each in holder.from_root() if each.title is not None]
        if titles:
            locator["heading"] = titles
        text = said[0].text
        for above, each in pairwise(said):
            are_lines = vocabulary.is_picture or (above.element.kind.is_row and each.element.kind.is_row)
            text += ("\n" if are_lines else "\n\n") + each.text
        return Section(text, locator)


def _runs(said: list[_Said]) -> list[list[_Said]]:
    """Cut what is said together to pieces of some size: where, says what is said, so that one more moves only the cuts beside it."""
    if sum(len(each.text) for each in said) <= LONGEST:
        return [said]
    runs: list[list[_Said]] = [[]]
    size = 0
    for each in said:
        runs[-1].append(each)
        size += len(each.text)
        ends = size >= WANTED and crc32(each.text.encode(errors="replace")) % _ENDS_AFTER_ONE_IN == 0
        if ends or size >= LONGEST:
            runs.append([])
            size = 0
    last = runs.pop()
    if last and (size >= WANTED or not runs):
        runs.append(last)
    elif last:
        runs[-1] += last
    return runs


def _around(said: Sequence[_Said]) -> Element:
    """Return the innermost element that holds all of it."""
    common = said[0].element.from_root()
    for each in said[1:]:
        path = each.element.from_root()
        length = next(
            (at for at, (a, b) in enumerate(zip(common, path, strict=False)) if a is not b), min(len(common), len(path))
        )
        del common[length:]
    return common[-1]


def _named(said: Sequence[_Said], holder: Element) -> str:
    """Return the values of a record, a line each, with its name where that is another one than above."""
    lines = []
    above = ""
    depth = len(holder.from_root())
    for each in said:
        names = [one.kind.name.lstrip("@") for one in each.element.from_root()]
        name = ".".join(names[min(depth, len(names) - 1) :])
        is_named = name != above and len(each.text) <= LONGEST_NAMED
        lines.append(f"{name}: {each.text}" if is_named else each.text)
        above = name
    return "\n".join(lines)
