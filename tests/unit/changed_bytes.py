"""Documents whose bytes were changed somewhere: what a damaged disk, or somebody who means harm, makes of a good one."""

import io

from hypothesis import strategies as st

from hartonomous_core.atomizers import Partial, atomizer_for

Cuts = list[tuple[int, int, bytes]]
"""Where bytes are taken away, how many, and what takes their place; one after the other."""


def cuts_of(data: bytes) -> st.SearchStrategy[Cuts]:
    return st.lists(st.tuples(st.integers(0, len(data)), st.integers(0, 40), st.binary(max_size=12)), max_size=6)


def cut(data: bytes, cuts: Cuts) -> bytes:
    for at, length, instead in cuts:
        data = data[:at] + instead + data[at + length :]
    return data


def rebuilt(data: bytes, content_type: str) -> bytes:
    """Return the bytes of the atoms that are the content; what else is found, and why not all is, does not matter."""
    atoms = []
    try:
        for atom in atomizer_for(content_type).atomize(io.BytesIO(data), content_type):
            atoms.append(atom)
    except Partial:
        pass
    return b"".join(atom.content + atom.suffix for atom in atoms if atom.role == "content")
