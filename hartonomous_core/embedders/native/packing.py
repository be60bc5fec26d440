"""Weights in int8, laid out as one kernel reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # llvmlite is imported where a model is loaded
    from hartonomous_core.embedders.native.processor import Kernel


class Matrix(NamedTuple):
    """Matrices of every layer. weights: int8 or int16 (layers, columns / tile, steps, tile * per step); the other three: (layers, columns)."""

    weights: NDArray[Any]
    correction: NDArray[np.int32]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]


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


def pack(matrices: Sequence[QuantizedMatrix], kernel: Kernel) -> Matrix:
    """Return matrices of one shape, a layer each, in tiles of the kernel's columns.

    The sum of a column of weights times what stands for an activation of 0 is what products with such activations have too much: it goes
    into `correction`.
    """
    columns, together = kernel.shape.columns, kernel.weights_a_step
    total, inputs = matrices[0].values.shape
    dtype = np.int8 if together == 4 else np.int16
    weights = aligned((len(matrices), total // columns, inputs // together, columns * together), dtype)
    for layer, matrix in enumerate(matrices):
        steps = matrix.values.astype(dtype).view(np.int32).reshape(total // columns, columns, -1)  # 4 bytes each
        weights[layer].view(np.int32)[:] = steps.transpose(0, 2, 1)
    return Matrix(
        weights,
        np.stack([-kernel.zero * matrix.values.sum(axis=1, dtype=np.int32) for matrix in matrices]),
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
