"""Products of many vectors with three axes, compiled for this processor: the bits of the loop in `landmarks`, as fast as memory gives vectors.

Importing this takes as long as NumPy needs for half a million vectors. numba neither contracts a product and a sum into one
operation nor reorders sums unless told to (fastmath), on any processor. What it cannot be told in Python is to keep the three
sums of a vector in one register: its loops are made parallel along memory, and here each component is needed three times.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import float32, float64, njit, void
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

_LANES = 4
"""Of a register: three axes, and one of zeros."""
_FLOAT = ir.FloatType()
_SUMS = ir.VectorType(ir.DoubleType(), _LANES)
_UNKNOWN = ir.Constant(ir.VectorType(_FLOAT, _LANES), ir.Undefined)
_FIRST_EVERYWHERE = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)


def dots(vectors: NDArray[np.float32], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the products, (3, n) float64, of (3, d) axes with (n, d) vectors."""
    weights = np.zeros((axes.shape[1], _LANES))
    weights[:, : len(axes)] = axes.T
    sums = np.empty((len(vectors), _LANES))
    _all_dots(np.ascontiguousarray(vectors, dtype=np.float32), weights, sums)
    return np.ascontiguousarray(sums[:, : len(axes)].T)


@intrinsic
def _dot(_: Any, vector: Any, weights: Any, count: Any, sums: Any) -> Any:
    """Write `_LANES` sums. All but `count`, of components, are addresses: of float32, of a row of lanes for each component, of float64."""

    def build(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        vector, weights, count, sums = arguments
        zeros = ir.Constant(_SUMS, [0.0] * _LANES)
        total = cgutils.alloca_once_value(builder, zeros)
        builder.store(zeros, total)
        components = builder.inttoptr(vector, _FLOAT.as_pointer())
        rows = builder.inttoptr(weights, _SUMS.as_pointer())
        with cgutils.for_range(builder, count) as loop:
            component = builder.load(builder.gep(components, [loop.index]))
            first = builder.insert_element(_UNKNOWN, component, ir.IntType(32)(0))
            every = builder.fpext(builder.shuffle_vector(first, first, _FIRST_EVERYWHERE), _SUMS)
            product = builder.fmul(builder.load(builder.gep(rows, [loop.index]), align=8), every)
            builder.store(builder.fadd(builder.load(total), product), total)
        builder.store(builder.load(total), builder.inttoptr(sums, _SUMS.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 4), build


@njit(void(types.Array(float32, 2, "C", readonly=True), float64[:, ::1], float64[:, ::1]), nogil=True)
def _all_dots(vectors: Any, weights: Any, sums: Any) -> None:
    for row in range(len(vectors)):
        _dot(  # the first one is numba's own
            vectors[row].ctypes.data, weights.ctypes.data, vectors.shape[1], sums[row].ctypes.data
        )
