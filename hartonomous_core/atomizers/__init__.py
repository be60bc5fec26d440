"""Atomizers turn a seekable byte stream into an iterator of atoms, in bounded memory. They know no Dagster, database or network.

A new kind of file is one module and one entry of `registry.py`.
"""

from hartonomous_core.atomizers.chunks import ChunkAtomizer
from hartonomous_core.atomizers.code_atomizer import CodeAtomizer
from hartonomous_core.atomizers.document_atomizer import ALONE, DocumentAtomizer, Format
from hartonomous_core.atomizers.encoded_text import EncodedTextAtomizer
from hartonomous_core.atomizers.members import Member
from hartonomous_core.atomizers.protocol import Atom, Atomizer, Context
from hartonomous_core.atomizers.registry import Custom, atomizer_for, atomizer_version, atomizers
from hartonomous_core.atomizers.sections import Partial, Section
from hartonomous_core.atomizers.text import TextAtomizer
from hartonomous_core.atomizers.text_stream import NotUtf8Error

__all__ = [
    "ALONE",
    "Atom",
    "Atomizer",
    "ChunkAtomizer",
    "CodeAtomizer",
    "Context",
    "Custom",
    "DocumentAtomizer",
    "EncodedTextAtomizer",
    "Format",
    "Member",
    "NotUtf8Error",
    "Partial",
    "Section",
    "TextAtomizer",
    "atomizer_for",
    "atomizer_version",
    "atomizers",
]
