"""Text with headings: the atoms that the text has anyway, each with the headings that it stands under."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import BinaryIO

from hartonomous_core.atomizers.charset_names import media_type
from hartonomous_core.atomizers.headings import Headings
from hartonomous_core.atomizers.protocol import Atom, Atomizer, Context
from hartonomous_core.vocabulary import GAP


class HeadedTextAtomizer:
    """What `text` makes of UTF-8 text of these types; the locator of an atom is {"heading": [the path of headings]}, or none above the first."""

    reads_text = True
    gives_text = True
    has_members = False

    def __init__(
        self, name: str, content_types: tuple[str, ...], headings: Callable[[], Headings], text: Atomizer
    ) -> None:
        self.name = name
        self._content_types = content_types
        self._headings = headings
        self._text = text

    @cached_property
    def version(self) -> str:
        """Own version and that of the atomizer of text."""
        return f"1 of {self._text.name} {self._text.version}"

    def handles(self, content_type: str) -> bool:
        """True for these types, in UTF-8."""
        return media_type(content_type) in self._content_types and self._text.handles(content_type)

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Yield the atoms of the text. Raises NotUtf8Error, as it does."""
        headings = self._headings()
        for atom in self._text.atomize(stream, content_type):
            path = headings.pass_over((atom.content + atom.suffix).decode())
            yield replace(atom, locator={"heading": path}) if path and atom.subtype != GAP else atom
