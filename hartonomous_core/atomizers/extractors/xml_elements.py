"""The elements of an XML document that are open, and what kinds of them there are in it."""

from collections.abc import Iterator
from typing import NamedTuple, Union

from hartonomous_core.atomizers.sections import LONGEST_WORDS, Partial

MOST_KINDS = 50_000
"""Of places in a document at which elements stand, each told by the names from the root on."""
_LONGEST_NAME = 100
_TITLES = {"title", "head", "article-title"}
_HOLD_TITLES = {"front", "article-meta", "title-group", "prolog"}
_ROWS = {"row", "tr"}
_ITEMS = {"item", "entry"}
_NOT_READ = {"style", "script"}
_LAID_OUT = {"pre", "programlisting", "screen", "literallayout", "synopsis", "codeblock", "msgblock"}


class Vocabulary(NamedTuple):
    """What the names of elements mean, told by the root: in prose titles are headings, in a feed each item is one thing, and in data, which is
    everything else, names are worth to be read.
    """

    is_prose: bool
    is_feed: bool
    is_picture: bool

    @classmethod
    def of(cls, root: str, attributes: dict[str, str], document_type: str) -> "Vocabulary":
        """Return that of a document whose root has this name, without prefix; of its type the identifiers."""
        is_feed = root in ("rss", "feed") or (root == "RDF" and "http://purl.org/rss/1.0/" in attributes.values())
        is_picture = root == "svg"
        is_prose = root in _ROOTS_OF_PROSE or any(each in document_type for each in _TYPES_OF_PROSE)
        return cls(
            is_feed or is_picture or is_prose or _DOCBOOK in attributes.values(),
            is_feed,
            is_picture,
        )


_ROOTS_OF_PROSE = {"article", "book", "chapter", "dita", "FictionBook", "refentry", "TEI", "TEI.2"}
_TYPES_OF_PROSE = ("DITA", "DocBook", "JATS", "NLM")
_DOCBOOK = "http://docbook.org/ns/docbook"


class Kind:
    """All elements of one name whose parents are of one kind.

    is_repeated: whether any of them has a sibling of its kind.
    """

    __slots__ = (
        "children",
        "holds_title",
        "is_item",
        "is_laid_out",
        "is_repeated",
        "is_row",
        "is_skipped",
        "is_title",
        "name",
    )

    def __init__(self, name: str, local: str, vocabulary: Vocabulary) -> None:
        self.name = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        self.children: dict[str, Kind] = {}
        self.is_repeated = False
        is_prose = vocabulary.is_prose
        self.is_title = is_prose and local in _TITLES
        self.holds_title = is_prose and (local in _HOLD_TITLES or local.endswith("info"))
        self.is_row = is_prose and not vocabulary.is_feed and local in _ROWS
        self.is_item = vocabulary.is_feed and local in _ITEMS
        self.is_laid_out = is_prose and local in _LAID_OUT
        self.is_skipped = is_prose and (local in _NOT_READ or (vocabulary.is_picture and local == "metadata"))


class Kinds:
    """Those of one document."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._count = 0

    def below(self, kind: Kind | None, name: str, local: str) -> Kind:
        """Return the kind of what has this name in an element of this kind, None for the root. Raises Partial."""
        found = kind.children.get(name) if kind else None
        if found is None:
            self._count += 1
            if self._count > MOST_KINDS:
                raise Partial(f"its elements stand in more than {MOST_KINDS:,} different places")
            found = Kind(name, local, self.vocabulary)
            if kind:
                kind.children[name] = found
        return found


class Block(NamedTuple):
    """What an element, or an attribute, says by itself: raw text, and its first and last line."""

    element: "Element"
    text: str
    first: int
    last: int
    is_attribute: bool = False


class Element:
    """An element, or an attribute with what is its value.

    number: among its siblings of the same kind, from 1.
    line: where begins what it says and was not taken yet.
    content: what was read in it, in order: its own text, and what elements in it say until it is known whether that is a part of a sentence.
    size: characters of the content. says_itself: whether any of these are words of its own.
    title: of prose, if it has one. target: where it leads.
    has_parts: whether an element or an attribute in it may be read by itself.
    is_large: whether what it says is too much to be read together.
    """

    __slots__ = (
        "content", "counts", "has_parts", "is_laid_out", "is_large", "is_open", "kind", "line", "number", "parent", "says_itself", "size",
        "target", "title",
    )  # fmt: skip

    def __init__(self, kind: Kind, parent: Union["Element", None], number: int, line: int) -> None:
        self.kind = kind
        self.parent = parent
        self.number = number
        self.line = line
        self.content: list[str | Block] = []
        self.counts: dict[Kind, int] | None = None
        self.size = 0
        self.title: str | None = None
        self.target = ""
        self.says_itself = self.has_parts = self.is_large = False
        self.is_laid_out: bool = kind.is_laid_out or (parent is not None and parent.is_laid_out)
        self.is_open = True

    def child(self, kind: Kind, line: int) -> "Element":
        """Return an element that begins in this one."""
        counts = self.counts
        if counts is None:
            counts = self.counts = {}
        counts[kind] = number = counts.get(kind, 0) + 1
        if number > 1:
            kind.is_repeated = True
        self.has_parts = True
        return Element(kind, self, number, line)

    def add(self, text: str) -> None:
        """Add words of its own."""
        self.content.append(text)
        self.size += len(text)
        self.says_itself = True

    def upwards(self) -> "Iterator[Element]":
        """Yield it, and the elements that it is in, the root last."""
        element: Element | None = self
        while element is not None:
            yield element
            element = element.parent

    def from_root(self) -> "list[Element]":
        """Return the elements that it is in, the root first, and it."""
        return [*self.upwards()][::-1]

    def path(self) -> str:
        """Return where it stands, as XPath says it: /rss/channel/item[3]; of a long path the end."""
        path = "".join(f"/{each._step()}" for each in self.from_root())
        return path if len(path) <= LONGEST_WORDS else f"…{path[1 - LONGEST_WORDS :]}"

    def _step(self) -> str:
        return f"{self.kind.name}[{self.number}]" if self.kind.is_repeated else self.kind.name
