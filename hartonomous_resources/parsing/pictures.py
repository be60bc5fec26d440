"""Pixels of pictures that may be anybody's: a child decodes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from hartonomous_core.atomizers.document_atomizer import Format
from hartonomous_core.atomizers.sections import Picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hartonomous_resources.parsing.parser_processes import ParserProcesses

_PIXELS = Format("pixels", "", (), "hartonomous_core.atomizers.extractors.image_pixels:extract_pixels", in_child=True)


def read_pixels(parsers: ParserProcesses, content: bytes) -> NDArray[np.uint8]:
    """Return the pixels, uint8 (height, width, 3), of a picture in a file's bytes, upright and of 64 pixels a side at most.

    Raises Partial for what is no picture, a damaged one, and one of more pixels than are read.
    """
    import numpy as np

    [item] = parsers(_PIXELS, io.BytesIO(content), "application/octet-stream")
    assert isinstance(item, Picture) and item.locator is not None  # noqa: S101 - it yields nothing else
    width = item.locator["width"]
    assert isinstance(width, int)  # noqa: S101 - the same
    return np.frombuffer(item.content, np.uint8).reshape(-1, width, 3)
