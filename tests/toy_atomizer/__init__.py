"""Atomizers of their own package, as somebody adds them: what a file says is not in its bytes as such, like the text of a picture."""

import os
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import BinaryIO

from hartonomous_core.atomizers import (
    ALONE,
    Atom,
    ChunkAtomizer,
    Context,
    Custom,
    Format,
    Member,
    Section,
)
from hartonomous_core.atomizers.members import MemberItem

CONTENT_TYPE = "application/x-squeezed-text"
CHUNK_BYTES = 16


def squeezed(*lines: str) -> bytes:
    """A file of these lines."""
    return zlib.compress("\n".join(lines).encode())


class SqueezedTextAtomizer:
    """Text compressed by zlib: its bytes as chunks of 16, and beside them each line, derived, with its number."""

    name = "squeezed-text"
    version = "1"
    reads_text = False
    gives_text = True
    has_members = False

    def handles(self, content_type: str) -> bool:
        return content_type == CONTENT_TYPE

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Chunks and lines alternate. Raises ValueError at the end for a file that is cut off."""
        data = stream.read()
        chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
        opened = zlib.decompressobj()
        lines = opened.decompress(data).decode().splitlines()
        for number, (chunk, line) in enumerate(zip_longest(chunks, lines), 1):
            if chunk:
                yield Atom(chunk, b"", "binary", "chunk", CONTENT_TYPE, None)
            if line:
                yield Atom(line.encode(), b"", "text", "line", "text/plain", line, "derived", {"line": number})
        if not opened.eof:
            raise ValueError("is cut off")


ENTRY = Custom(0, lambda unit: SqueezedTextAtomizer())
"""What the entry point of such a package names."""

BUNDLE = "application/x-bundle"
_READER = Format("bundle", "1", (BUNDLE,), "tests.toy_atomizer:read_bundle", in_child=True)


def read_bundle(stream: BinaryIO, content_type: str) -> Iterator[Section | MemberItem]:
    """Lines: what is behind `name=` is a file of this name, other lines are what the bundle says; a line `stop` ends the process."""
    for number, line in enumerate(stream.read().decode().splitlines(), 1):
        name, is_file, content = line.partition("=")
        if line == "stop":
            os.abort()
        if is_file:
            yield Member(name, locator={"line": number})
            yield content.encode()
        else:
            yield Section(line, {"line": number, "process": os.getpid()})


class BundleAtomizer:
    """An atomizer that has a parser run apart, and hands on the files that it finds."""

    name = "bundle"
    version = "1"
    reads_text = False
    gives_text = True
    has_members = True

    def handles(self, content_type: str) -> bool:
        return content_type == BUNDLE

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        context = context or ALONE
        yield from ChunkAtomizer().atomize(stream)
        stream.seek(0)
        for item in context.extract(_READER, stream, content_type):
            if isinstance(item, Section):
                yield Atom(item.text.encode(), b"", "text", "line", "text/plain", item.text, "derived", item.locator)
            else:
                context.members.take(item)
        context.members.finish()


BUNDLES = Custom(0, lambda unit: BundleAtomizer())
