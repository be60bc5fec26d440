"""What tests read of tables: the texts of their rows with their places, and that no byte is lost."""

import io
from typing import Any

from hartonomous_core.atomizers import Partial, atomizer_for


def read_rows(data: bytes, content_type: str) -> tuple[list[tuple[str, Any]], str | None]:
    """The texts that are derived with their places, and why they are not all; the bytes are all there."""
    found: list[tuple[str, Any]] = []
    content, problem = [], None
    try:
        for atom in atomizer_for(content_type).atomize(io.BytesIO(data), content_type):
            if atom.role == "derived":
                assert atom.text is not None and atom.content.decode() == atom.text
                found.append((atom.text, atom.locator))
            else:
                content.append(atom.content + atom.suffix)
    except Partial as partial:
        problem = str(partial)
    assert b"".join(content) == data
    return found, problem
