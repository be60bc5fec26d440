"""A vector of how a picture looks, without weights: what was resized, cropped a little or packed anew stays near, what looks alike is nearest.

Five descriptions of the picture side by side, each of a fixed length: its coarse structure (low frequencies of a cosine transform, as perceptual
hashes have them), which edges run where (histograms of oriented gradients: Dalal and Triggs, CVPR 2005) and how many run in each direction
over all, which colours lie where (as MPEG-7's colour layout), and which colours there are at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders import LOOK_ALIKE_DIMENSION
from hartonomous_core.embedders.protocol import Embeddings, TokenEmbeddings, WindowVectors
from hartonomous_core.embedders.unit_vectors import unit_rows

_SIDE = 32
"""Every picture is made as large as this, whatever its shape."""
_CROPS = (0.0, 0.08, 0.16)
"""What is cut off on each side: the vector is the mean of what is seen without it, so that of a picture cut by a fifth lies beside it."""
_FREQUENCIES = 8
_CELLS = 4
_DIRECTIONS = 8
_LEVELS = (4, 5, 5)
"""Into so many the histogram divides lightness and the two opponent colours."""
_WEIGHTS = (1.0, 1.0, 0.5, 0.7, 0.8)
"""Of structure, edges, directions, colour layout and colours."""
_FAINT = 2.0
"""Grey levels: what differs by less is noise of packing, and is not scaled up."""
_LUMA = np.array([0.299, 0.587, 0.114])

_Array = NDArray[np.float64]


class LookAlikeEmbedder:
    """Takes pixels, uint8 (height, width, 1, 3 or 4): grey, RGB, or RGB with opacity, which is seen over white."""

    device = "cpu"

    def embed(self, items: Sequence[NDArray[np.uint8]], /) -> Embeddings:
        """Embed pictures, each by itself. Raises ValueError for an array of another shape, and for one without pixels."""
        vectors = np.stack([_describe(item) for item in items]) if items else np.empty((0, LOOK_ALIKE_DIMENSION))
        return Embeddings(unit_rows(vectors.astype(np.float32)), np.ones(len(items), np.int64))

    def embed_tokens(self, texts: Sequence[str], /) -> Sequence[TokenEmbeddings]:
        """Raises ValueError: it takes no texts."""
        raise ValueError("a picture has no tokens")

    def embed_windows(
        self, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool = False
    ) -> WindowVectors:
        """Raises ValueError: it takes no texts."""
        raise ValueError("a picture has no tokens")


def _describe(pixels: NDArray[np.uint8]) -> _Array:
    """Return the description of a picture, (dimension,), not of unit length, and never zero."""
    seen = _crops(_on_white(pixels))
    luma = seen @ _LUMA
    opponent = np.stack([luma - 127.5, seen[..., 0] - luma, seen[..., 2] - luma], axis=-1)
    blocks = (_structure(luma), *_edges(luma), _layout(opponent), _colours(opponent))
    return np.concatenate([weight * block.mean(0) for weight, block in zip(_WEIGHTS, blocks, strict=True)])


def _on_white(pixels: NDArray[np.uint8]) -> _Array:
    """Return a picture as float64 (height, width, 3)."""
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4) or not pixels.size:
        raise ValueError(f"pixels of shape {pixels.shape} are no picture: give (height, width, 1, 3 or 4)")
    if pixels.shape[2] == 4:
        opacity = pixels[..., 3:] / 255.0
        whitened: _Array = pixels[..., :3] * opacity + 255.0 * (1.0 - opacity)
        return whitened
    return np.broadcast_to(pixels.astype(np.float64), (*pixels.shape[:2], 3))


def _crops(rgb: _Array) -> _Array:
    """Return what is left of a picture without each of `_CROPS`, averaged by areas to (crops, `_SIDE`, `_SIDE`, 3)."""
    sums = np.zeros((rgb.shape[0] + 1, rgb.shape[1] + 1, 3))
    np.cumsum(rgb, 0, out=sums[1:, 1:])
    np.cumsum(sums[1:, 1:], 1, out=sums[1:, 1:])
    return np.stack([np.diff(np.diff(_between(_between(sums, 0, cut), 1, cut), axis=0), axis=1) for cut in _CROPS])


def _between(sums: _Array, axis: int, cut: float) -> _Array:
    """Return sums at the edges of `_SIDE` equal parts of what is left of an axis, by the size of a part, also within pixels."""
    length = sums.shape[axis] - 1
    edges, part = np.linspace(cut * length, (1.0 - cut) * length, _SIDE + 1, retstep=True)
    below = np.minimum(edges.astype(np.int64), length - 1)
    share = (edges - below).reshape(-1, *[1] * (2 - axis))
    low, high = sums.take(below, axis), sums.take(below + 1, axis)
    between: _Array = (low + (high - low) * share) / part
    return between


def _structure(luma: _Array) -> _Array:
    """Return low frequencies of lightness but its mean, (crops, 63), those that are higher less and less."""
    found = (_COSINES @ luma @ _COSINES.T / _SIDE)[:, _BELOW_DIAGONAL]
    return _scaled(found / np.sqrt(1.0 + _DISTANCE))


_COSINES = np.cos(np.outer(np.arange(_FREQUENCIES), (np.arange(_SIDE) + 0.5) * np.pi / _SIDE))
_GRID = np.add.outer(np.arange(_FREQUENCIES), np.arange(_FREQUENCIES))
_BELOW_DIAGONAL = _GRID > 0
_DISTANCE = _GRID[_BELOW_DIAGONAL]


def _edges(luma: _Array) -> tuple[_Array, _Array]:
    """Return how strong edges of each direction are in each cell, (crops, 128), and over all, (crops, 8)."""
    down, across = np.gradient(luma, axis=(1, 2))
    strength = np.sqrt(np.hypot(down, across))[:, None]
    angle = np.arctan2(down, across)[:, None] * (_DIRECTIONS / np.pi)
    apart = np.abs(np.where(angle < 0, angle + _DIRECTIONS, angle) - np.arange(_DIRECTIONS)[:, None, None])
    shares = np.maximum(0.0, 1.0 - np.minimum(apart, _DIRECTIONS - apart))
    cells = _SOFT_CELLS @ (strength * shares) @ _SOFT_CELLS.T
    over_all = cells.sum((2, 3))
    cells -= 0.5 * cells.mean(1, keepdims=True)
    return _scaled(cells.reshape(len(luma), -1)), _scaled(over_all - over_all.mean(1, keepdims=True))


def _soft_cells() -> _Array:
    """Return the matrix, (cells, `_SIDE`), of cells that fade into one another: what moves a little stays where it was."""
    centres = (np.arange(_CELLS) + 0.5) * _SIDE / _CELLS
    distance = np.abs(centres[:, None] - (np.arange(_SIDE) + 0.5)) * _CELLS / _SIDE
    shares = np.maximum(0.0, 1.0 - distance)
    cells: _Array = shares / shares.sum(1, keepdims=True)
    return cells


_SOFT_CELLS = _soft_cells()


def _layout(opponent: _Array) -> _Array:
    """Return the mean colours of soft cells, (crops, 48)."""
    means = _SOFT_CELLS @ np.moveaxis(opponent, 3, 1) @ _SOFT_CELLS.T
    means[:, 0] -= means[:, 0].mean((1, 2), keepdims=True)
    return _scaled(means.reshape(len(opponent), -1))


def _colours(opponent: _Array) -> _Array:
    """Return the square roots of how many pixels have each colour, (crops, 100); one counts for the two nearest levels of each of its parts.

    Faint colours are told apart more finely than strong ones.
    """
    pixels = opponent.reshape(len(opponent), -1, 3) / 127.5
    pixels[..., 1:] = np.sign(pixels[..., 1:]) * np.sqrt(np.abs(pixels[..., 1:]))
    at = np.clip(pixels * 0.5 + 0.5, 0.0, 1.0) * (np.array(_LEVELS) - 1)
    light, red, blue = (
        np.maximum(0.0, 1.0 - np.abs(at[..., part, None] - np.arange(levels))) for part, levels in enumerate(_LEVELS)
    )
    chroma = (red[..., :, None] * blue[..., None, :]).reshape(*red.shape[:2], -1)
    counted: _Array = np.sqrt(light.swapaxes(1, 2) @ chroma).reshape(len(opponent), -1)
    counted /= np.linalg.norm(counted, axis=1, keepdims=True)
    return counted


def _scaled(values: _Array) -> _Array:
    """Return rows at about length 1; faint ones stay short."""
    scaled: _Array = values / (np.linalg.norm(values, axis=1, keepdims=True) + _FAINT)
    return scaled
