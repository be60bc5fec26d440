"""Weights in int8, laid out as one kernel reads them.

A kernel's kind of matrix is a class: numba compiles the encoder anew for each, and `multiply` in kernels.py takes the tile of that class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Matrix(NamedTuple):
    """Matrices of every layer. weights: int8 or int16 (layers, columns / tile, steps, tile * per step); the other three: (layers, columns)."""

    weights: NDArray[Any]
    correction: NDArray[np.int32]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]


class Vnni512Matrix(Matrix):
    """int8, for registers of 64 bytes."""


class Vnni256Matrix(Matrix):
    """int8, for registers of 32 bytes."""


class ArmMatrix(Matrix):
    """int8, for ARM's dot product."""


class Avx2Matrix(Matrix):
    """Widened to int16, for registers of 32 bytes."""


class PlainMatrix(Matrix):
    """Widened to int16, for registers of 16 bytes."""


class QuantizedMatrix(NamedTuple):
    """values: int8 (columns, inputs); scale: float32 (columns,), what 1 in `values` stands for; bias: float32 (columns,)."""

    values: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]


def quantize(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> QuantizedMatrix:
    """Round each output column to [-127, 127] times a scale of its own. weight: (columns, inputs), bias: (columns,)."""
    largest = np.abs(weight).max(axis=1)
    scale = np.where(largest > 0, largest, 1).astype(np.float32) / np.float32(127)
    return QuantizedMatrix(np.rint(weight / scale[:, None]).astype(np.int8), scale, bias.astype(np.float32))


def pack(matrices: Sequence[QuantizedMatrix], kind: type[Any], columns: int, zero: int) -> Any:
    """Return matrices of one shape, a layer each, as `kind`. `columns` are of one tile; `zero` is what stands for an activation of 0.

    The sum of a column of weights times `zero` is what products with such activations have too much: it goes into `correction`.
    """
    width = np.int16 if kind in (Avx2Matrix, PlainMatrix) else np.int8
    inner = 4 // np.dtype(width).itemsize
    total, inputs = matrices[0].values.shape
    weights = aligned((len(matrices), total // columns, inputs // inner, columns * inner), width)
    for layer, matrix in enumerate(matrices):
        tiles = matrix.values.reshape(total // columns, columns, inputs // inner, inner)
        weights[layer] = tiles.transpose(0, 2, 1, 3).reshape(weights.shape[1:])
    return kind(
        weights,
        np.stack([-zero * matrix.values.sum(axis=1, dtype=np.int32) for matrix in matrices]),
        np.stack([matrix.scale for matrix in matrices]),
        np.stack([matrix.bias for matrix in matrices]),
    )


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an array of zeros that begins at a multiple of 64 bytes: a vector of weights then never straddles two cache lines."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    array: NDArray[Any] = memory[start : start + size].view(dtype).reshape(shape)
    return array
