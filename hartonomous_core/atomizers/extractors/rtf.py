r"""What people read in Rich Text (.rtf): its text under the path of its headings, with notes, comments, headers and footers beside it.

Left out is what tracked changes deleted, what is hidden, pictures, and whatever a writer marked as not for every reader (`\*`).
"""

from collections.abc import Iterator
from typing import BinaryIO

from hartonomous_core.atomizers.extractors.rtf_blocks import BODY_TEXT, RtfReader
from hartonomous_core.atomizers.extractors.text_under_headings import HeadedText
from hartonomous_core.atomizers.sections import Partial, Section


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield the title, what stands under each heading, and the notes in it after it.

    The locators: {"part": "title"}, {"heading": [the path of headings]} or none above the first heading, and with it {"part": "footnote"} or
    "comment"; {"part": "header"} or "footer" once. Raises Partial.
    """
    reader = RtfReader()
    text = HeadedText()
    margins: set[tuple[str, str]] = set()
    for block in reader.blocks(stream):
        if not block.into and block.level < BODY_TEXT:
            yield from text.add_heading(block.text, block.level)
        elif not block.into:
            yield from text.add(block.text, is_row=block.is_row)
        elif block.into in ("header", "footer", "title"):
            if (block.into, block.text) not in margins and len(margins) < 100:
                margins.add((block.into, block.text))
                yield Section(block.text, {"part": block.into})
        else:
            text.add_beside(block.text, block.into)
    yield from text.finish()
    if reader.problems:
        raise Partial("; ".join(reader.problems))
