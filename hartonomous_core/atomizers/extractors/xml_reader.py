"""Expat within limits, fed block by block: of depth, of different names, and of what it keeps of a tag that does not end."""

from xml.parsers.expat import ExpatError, ParserCreate

from hartonomous_core.atomizers.sections import Partial

READ_BYTES = 16 * 1024
"""Of what is damaged at its end in a zip, so much is lost: it is checked as a block is read."""
MOST_DEPTH = 500
MOST_NAMES = 50_000
"""Of different elements and attributes: the parser remembers each."""
LONGEST_TAG = 1024 * 1024


class LocalNames(dict[str, str]):
    """Names without their prefixes, by the names."""

    def __missing__(self, name: str) -> str:
        self[name] = local = name.rpartition(":")[2]
        return local


class XmlReader:
    """A parser without handlers: those of a subclass take what is found, and may raise Partial.

    problem: why nothing can be read after it; None as long as all is well.
    depth: of elements that are open, which `enter` counts.
    """

    def __init__(self, encoding: str | None = None) -> None:
        self.problem: Partial | ExpatError | None = None
        self.depth = 0
        self.parser = ParserCreate(encoding, intern={})
        self.parser.buffer_text = True
        self.parser.buffer_size = READ_BYTES
        self.local_names = LocalNames()
        self._bytes = 0

    def feed(self, block: bytes, *, is_last: bool = False) -> None:
        """Parse the next bytes, and set `problem` where nothing can be read after them."""
        self._bytes += len(block)
        try:
            self.parser.Parse(block, is_last)
            if not is_last and self._bytes - self.parser.CurrentByteIndex > LONGEST_TAG:
                raise Partial(f"a tag is longer than {LONGEST_TAG:,} bytes")
            if len(self.local_names) > MOST_NAMES:
                raise Partial(f"it has more than {MOST_NAMES:,} kinds of elements and attributes")
        except (Partial, ExpatError) as problem:
            self.problem = problem
        except (
            LookupError,
            ValueError,
        ) as problem:  # what Expat raises of an encoding that Python does not know, or not byte by byte
            self.problem = Partial(f"it is in an encoding that is not read: {problem}")

    def enter(self) -> None:
        """Count an element that begins. Raises Partial."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise Partial(f"its elements are nested more than {MOST_DEPTH} deep")
