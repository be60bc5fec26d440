"""What a search finds of the tensors of a file: a line each, those alike but for the numbers in their names together."""

import re
from collections.abc import Iterable, Iterator

from hartonomous_core.atomizers.sections import Section, shorten
from hartonomous_core.atomizers.tensors.tensor_layout import Tensor, TensorLayout

MOST_KINDS = 500
"""Of tensors of one file; a model of any size has some dozens."""
MOST_NAMED = 256
"""Tensors of a kind that have a line; of 15,000 experts nobody wants a text each."""
_MOST_SAID = 32
"""Of what a file says of itself."""
_NUMBER = re.compile(r"[0-9]+")
_LONGEST_NUMBER = 20
"""Digits."""


def tensor_sections(layout: TensorLayout) -> Iterator[Section]:
    """Yield what the file says of itself, and a text for each kind of tensor: name, dtype, shape."""
    said = [f"{shorten(key)}: {shorten(value)}" for key, value in layout.about.items() if value.strip()]
    if said:
        yield Section("\n".join(said[:_MOST_SAID]), {"part": "metadata"})
    yield from _kinds((tensor, "") for tensor in layout.tensors)
    yield from _kinds(layout.elsewhere)


def _kinds(tensors: Iterable[tuple[Tensor, str]]) -> Iterator[Section]:
    kinds: dict[tuple[str, str, tuple[int, ...], str], list[str]] = {}
    for tensor, where in tensors:
        kind = (_NUMBER.sub("*", tensor.name), tensor.dtype, tensor.shape, where)
        kinds.setdefault(kind, []).append(tensor.name)
    for number, ((pattern, dtype, shape, where), names) in enumerate(kinds.items()):
        if number == MOST_KINDS:
            yield Section(f"{len(kinds) - MOST_KINDS:,} further kinds of tensors", {"part": "tensors"})
            return
        names.sort(key=_by_numbers)
        what = f"{dtype}, {said_shape(shape)}{where}"
        lines = [f"tensor {shorten(name)}, {what}" for name in names[:MOST_NAMED]]
        if len(names) > MOST_NAMED:
            lines.append(f"and {len(names) - MOST_NAMED:,} more, to {shorten(names[-1])}, {what}")
        yield Section("\n".join(lines), {"tensors": pattern, "count": len(names)})


def _by_numbers(name: str) -> list[int]:
    """Order names that are alike but for their numbers."""
    return [int(digits) if len(digits) < _LONGEST_NUMBER else 0 for digits in _NUMBER.findall(name)]


def said_shape(shape: tuple[int, ...]) -> str:
    """Return such as "4096 x 1024"."""
    return " x ".join(map(str, shape)) if shape else "a single number"
