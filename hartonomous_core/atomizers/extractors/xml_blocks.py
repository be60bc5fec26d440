"""Reads XML as it comes into blocks: what an element says, unless it only holds others that say something each."""

import re
from html import unescape

from hartonomous_core.atomizers.extractors.links import MOST_LINKS, Links
from hartonomous_core.atomizers.extractors.xml_elements import Block, Element, Kinds, Vocabulary
from hartonomous_core.atomizers.extractors.xml_reader import XmlReader
from hartonomous_core.atomizers.sections import Partial, shorten

LONGEST_HELD = 64 * 1024
MOST_HELD = 256
"""Characters and parts that an element may hold before it is known whether they are one sentence: after that each is by itself."""
LONGEST_ENTITY = 1000
"""Characters that an entity may stand for: nothing grows to more than 300 times its size."""
MOST_ENTITIES = 10_000
_REFERENCE = re.compile("&([^;#&]+);")
_OF_XML = dict.fromkeys(("amp", "lt", "gt", "apos", "quot"), 1)
_NO_VALUES = ("xmlns", "xml:", "xsi:")
_SHOWN = ("alt", "title")


def one_line(text: str) -> str:
    """Return a text with one space where there is any."""
    return " ".join(text.split())


class XmlBlocks(XmlReader):
    """The parser is fed UTF-8, whatever the document says of itself. `take` returns what was read since.

    vocabulary: that of the root, once that has come. links: where elements lead, with what they say. outside: what is a part of the document
    and lies elsewhere, by its address.
    """

    def __init__(self) -> None:
        super().__init__("utf-8")
        self.vocabulary: Vocabulary | None = None
        self.root = ""
        self.links = Links()
        self.outside: list[str] = []
        parser = self.parser
        parser.UseForeignDTD(True)  # entities that nobody declared are then passed over
        parser.specified_attributes = True  # one that is declared once may be in a million elements
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._take_document_type
        parser.EntityDeclHandler = self._declare
        parser.ExternalEntityRefHandler = self._leave_outside
        parser.SkippedEntityHandler = self._skip
        self._document_type = ""
        self._kinds: Kinds | None = None
        self._open: Element | None = None
        self._entities = dict(_OF_XML)
        self._done: list[Block] = []
        self._skipped_depth = 0

    @property
    def line(self) -> int:
        """The number of the line at hand, from 1."""
        return self.parser.CurrentLineNumber

    def take(self, *, is_last: bool = False) -> list[Block]:
        """Return the blocks since the last time, at the last time also those of elements that were not ended."""
        if is_last:
            self.parser.buffer_text = False  # has it hand over the text before what it cannot read
            self._settle(self._open)
        done, self._done = self._done, []
        return done

    def _take_document_type(self, name: str, system: str | None, public: str | None, has_subset: bool) -> None:
        self._document_type = f"{system} {public}"

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.enter()
        if self._skipped_depth:
            return
        above, local = self._open, self.local_names[name]
        if self._kinds is None:
            self.root = local
            self.vocabulary = Vocabulary.of(local, attributes, self._document_type)
            self._kinds = Kinds(self.vocabulary)
        kind = self._kinds.below(above.kind if above else None, name, local)
        if kind.is_skipped:
            self._skipped_depth = self.depth
            return
        line = self.line
        self._open = element = above.child(kind, line) if above else Element(kind, None, 1, line)
        if attributes:
            if self._kinds.vocabulary.is_prose:
                self._take_shown(element, attributes)
            else:
                self._take_values(element, attributes, self._kinds)

    def _take_shown(self, element: Element, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            local = self.local_names[name]
            if local == "href":
                element.target = value.strip()
            elif local in _SHOWN and value.strip():
                element.add(f" {value} ")
            elif name == "xml:space" and value == "preserve" and not self._is_picture():
                element.is_laid_out = True

    def _is_picture(self) -> bool:
        return self.vocabulary is not None and self.vocabulary.is_picture

    def _take_values(self, element: Element, attributes: dict[str, str], kinds: Kinds) -> None:
        for name, value in attributes.items():
            if not name.startswith(_NO_VALUES) and value.strip():
                kind = kinds.below(element.kind, f"@{name}", self.local_names[name])
                of_value = Element(kind, element, 1, element.line)
                of_value.is_open = False
                element.content.append(Block(of_value, value, element.line, element.line, is_attribute=True))
                element.size += len(value)
                element.has_parts = True

    def _text(self, text: str) -> None:
        element = self._open
        if self._skipped_depth or element is None:
            return
        if not text.isspace():
            element.add(text)
            if element.size > LONGEST_HELD:
                self._settle(element)
        elif element.content:  # not what stands before everything, as it mostly is there for the eye
            element.content.append(text)
            element.size += len(text)

    def _end(self, name: str) -> None:
        self.depth -= 1
        if self._skipped_depth:
            if self._skipped_depth > self.depth:
                self._skipped_depth = 0
            return
        element = self._open
        assert element is not None  # noqa: S101 - an end without a start is an error of Expat's
        self._open = above = element.parent
        element.is_open = False
        blocks = self._blocks_of(element)
        if element.target:
            self.links.add(one_line(" ".join(block.text for block in blocks)), element.target)
        if element.kind.is_title and above and not (self._is_picture() and above.parent):
            self._give_title(above, blocks)
        if above is None:
            self._done += blocks
        elif blocks:
            above.content += blocks
            above.size += sum(len(block.text) for block in blocks)
            if above.size > LONGEST_HELD or len(above.content) > MOST_HELD:
                self._settle(above)

    def _blocks_of(self, element: Element) -> list[Block]:
        """Return what an element that has ended says, if it may be a part of a sentence in the one around it; else it is done."""
        if not element.content:
            return []
        last = self.line
        if element.says_itself:
            return [*_values_of(element), Block(element, _sentence(element), element.line, last)]
        blocks = [part for part in element.content if isinstance(part, Block)]
        texts = [block for block in blocks if not block.is_attribute]
        if len(texts) <= 1:
            return blocks
        if by := _joined_by(element):
            return [Block(element, by.join(one_line(block.text) for block in texts), element.line, last)]
        self._settle(element.parent)
        self._done += blocks
        return []

    def _settle(self, element: Element | None) -> None:
        """Have an element and those around it say what they hold: something comes that is no part of a sentence there."""
        line = self.line
        for each in element.from_root() if element else ():
            if not each.content:
                continue
            if each.says_itself:
                self._done += [*_values_of(each), Block(each, _sentence(each), each.line, line)]
            else:
                self._done += [part for part in each.content if isinstance(part, Block)]
            each.content, each.size, each.says_itself, each.line = [], 0, False, line

    def _give_title(self, above: Element, blocks: list[Block]) -> None:
        owner = next((each for each in above.upwards() if not each.kind.holds_title), None)
        title = one_line(" ".join(block.text for block in blocks))
        if owner and title and owner.title is None:
            owner.title = shorten(title)

    def _declare(
        self, name: str, is_parameter: bool, value: str | None, base: str | None, *outside: str | None
    ) -> None:
        if is_parameter or value is None:  # which Expat does not put in
            return
        length = len(value)
        for other in _REFERENCE.findall(value):
            length += self._entities.get(other, LONGEST_ENTITY)
        if length > LONGEST_ENTITY or len(self._entities) > MOST_ENTITIES:
            raise Partial(
                f"its entity {shorten(name)} stands for more than {LONGEST_ENTITY:,} characters, or for others that come after it, "
                "as in files that mean to grow without end"
            )
        self._entities.setdefault(name, length)

    def _leave_outside(self, context: str | None, base: str | None, system: str | None, public: str | None) -> int:
        if system and len(self.outside) < MOST_LINKS:
            self.outside.append(shorten(system))
        return 1

    def _skip(self, name: str, is_parameter: bool) -> None:
        if not is_parameter:
            self._text(unescape(f"&{name};"))


def _values_of(element: Element) -> list[Block]:
    """Return the attributes of an element that says something; those of elements in its sentence are not read."""
    blocks = (part for part in element.content if isinstance(part, Block) and part.is_attribute)
    return [block for block in blocks if block.element.parent is element]


def _sentence(element: Element) -> str:
    parts = (part if isinstance(part, str) else "" if part.is_attribute else part.text for part in element.content)
    return "".join(parts)


def _joined_by(element: Element) -> str:
    """Return what stands between the parts of an element that is a line of its own: a title, or a row with what is in it; else ""."""
    if element.kind.is_row:
        return " | "
    return " " if any(each.kind.is_row or each.kind.is_title for each in element.upwards()) else ""
