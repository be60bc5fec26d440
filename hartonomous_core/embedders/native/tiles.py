"""The innermost loops of products: a tile of int8 activations and weights, one of float32, and a block turned on its diagonal.

A tile keeps a block of rows x columns of sums in registers and walks the common dimension once. Addresses and counts are int64; rows beyond
the last are read and written (their buffers are longer), columns fill whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from hartonomous_core.embedders.native.vectors import (
    F32,
    I8,
    I16,
    I32,
    Vector,
    call,
    constant,
    load,
    loop,
    moved,
    number,
    store,
)

ROWS = 6

_Dot = Callable[[Any, int, Any, Any, Any], Any]
"""(builder, lanes, sums, activations, weights) -> sums + their products; all three are vectors of `lanes` int32."""


@dataclass(frozen=True, slots=True)
class TileShape:
    """How one kernel lays out its vectors. A step is 4 bytes of a token's activations: 4 of int8, or 2 of int16."""

    lanes: int
    vectors: int
    dot: _Dot

    @property
    def columns(self) -> int:
        return self.lanes * self.vectors


def _bytes(builder: Any, lanes: int, vector: Any) -> Any:
    return builder.bitcast(vector, ir.VectorType(I8, 4 * lanes))


def dot_vnni(builder: Any, lanes: int, sums: Any, activations: Any, weights: Any) -> Any:
    """x86 VPDPBUSD: four products of uint8 and int8 added to each int32, exactly. LLVM picks the AVX512 or the AVX form."""
    name = f"llvm.x86.avx512.vpdpbusd.{lanes * 32}"
    return call(builder, name, sums.type, [sums, _bytes(builder, lanes, activations), _bytes(builder, lanes, weights)])


def dot_arm(builder: Any, lanes: int, sums: Any, activations: Any, weights: Any) -> Any:
    """ARM SDOT: four products of int8 and int8 added to each int32, exactly."""
    name = "llvm.aarch64.neon.sdot.v4i32.v16i8"
    return call(builder, name, sums.type, [sums, _bytes(builder, lanes, activations), _bytes(builder, lanes, weights)])


def dot_pairs(builder: Any, lanes: int, sums: Any, activations: Any, weights: Any) -> Any:
    """Two products of int16 and int16 added to each int32, in plain IR: LLVM makes VPMADDWD of it on x86, SMULL and ADDP on ARM."""
    halves = ir.VectorType(I16, 2 * lanes)
    wide = ir.VectorType(I32, 2 * lanes)
    left, right = (builder.sext(builder.bitcast(vector, halves), wide) for vector in (activations, weights))
    products = Vector(builder, builder.mul(left, right))
    even, odd = (products.shuffled(products, range(first, 2 * lanes, 2)) for first in (0, 1))
    return builder.add(sums, (even + odd).value)


def product_tile(shape: TileShape) -> Any:
    """Return the intrinsic that writes ROWS x shape.columns of (sums + correction) * row scale * column scale + bias, float32.

    Its arguments: address and byte stride of the activations, address of the weights (step by step, columns together), steps, addresses of
    correction (int32), row scales, column scales and bias (float32), address and byte stride of the result.
    """
    vector, floats = ir.VectorType(I32, shape.lanes), ir.VectorType(F32, shape.lanes)
    width = 4 * shape.lanes  # bytes of a vector

    @intrinsic
    def tile(_typing, a, a_stride, b, steps, correction, row_scale, column_scale, bias, c, c_stride):
        def generate(_context, builder, _signature, arguments):
            a, a_stride, b, steps, correction, row_scale, column_scale, bias, c, c_stride = arguments

            def columns_of(address: Any, of_type: Any) -> list[Vector]:
                return [load(builder, address, of_type, width * column) for column in range(shape.vectors)]

            rows = [moved(builder, a, a_stride, number(row)) for row in range(ROWS)]

            def step(index: Any, sums: list[Vector]) -> list[Vector]:
                weights = columns_of(moved(builder, b, number(width * shape.vectors), index), vector)
                after = []
                for row, address in enumerate(rows):
                    token = load(builder, moved(builder, address, number(4), index), I32).splat(shape.lanes)
                    for column, weight in enumerate(weights):
                        total = sums[row * shape.vectors + column]
                        after.append(
                            Vector(builder, shape.dot(builder, shape.lanes, total.value, token.value, weight.value))
                        )
                return after

            sums = loop(builder, steps, columns_of(correction, vector) * ROWS, step)
            scales, biases = columns_of(column_scale, floats), columns_of(bias, floats)
            for row in range(ROWS):
                scale = load(builder, row_scale, F32, 4 * row).splat(shape.lanes)
                row_at = moved(builder, c, c_stride, number(row))
                for column in range(shape.vectors):
                    result = sums[row * shape.vectors + column].floats() * scale * scales[column] + biases[column]
                    store(builder, result, row_at, width * column)
            return _context.get_dummy_value()

        return types.void(*[types.int64] * 10), generate

    return tile


def float_tile(lanes: int, scaled: bool) -> Any:
    """Return the intrinsic that writes ROWS x 2 * lanes of a matrix product, float32; each row times a scale of its own where `scaled`.

    Its arguments: address and byte stride of the left rows, address and byte stride of the right rows, how many right rows, address and byte
    stride of the result, address of the rows' scales.
    """
    floats = ir.VectorType(F32, lanes)
    width = 4 * lanes

    @intrinsic
    def tile(_typing, a, a_stride, b, b_stride, steps, c, c_stride, row_scale):
        def generate(_context, builder, _signature, arguments):
            a, a_stride, b, b_stride, steps, c, c_stride, row_scale = arguments
            rows = [moved(builder, a, a_stride, number(row)) for row in range(ROWS)]

            def step(index: Any, sums: list[Vector]) -> list[Vector]:
                right_at = moved(builder, b, b_stride, index)
                right = [load(builder, right_at, floats, width * column) for column in range(2)]
                after = []
                for row, address in enumerate(rows):
                    left = load(builder, moved(builder, address, number(4), index), F32).splat(lanes)
                    after += [left * right[column] + sums[2 * row + column] for column in range(2)]
                return after

            sums = loop(builder, steps, [constant(builder, F32, lanes, 0.0)] * 2 * ROWS, step)
            for row in range(ROWS):
                row_at = moved(builder, c, c_stride, number(row))
                scale = load(builder, row_scale, F32, 4 * row).splat(lanes) if scaled else None
                for column in range(2):
                    total = sums[2 * row + column]
                    store(builder, total if scale is None else total * scale, row_at, width * column)
            return _context.get_dummy_value()

        return types.void(*[types.int64] * 8), generate

    return tile


def transposing_tile(lanes: int) -> Any:
    """Return the intrinsic that writes a block of lanes x lanes float32 with rows and columns exchanged.

    Its arguments: address and byte stride of the rows, how many there are (what is beyond the last is the last again: nothing beyond is read),
    address and byte stride of the result. It returns the largest of the bits of the magnitudes, int32: 0x7F800000 or more where one
    is infinite or not a number.
    """
    floats = ir.VectorType(F32, lanes)

    @intrinsic
    def transpose(_typing, a, a_stride, count, c, c_stride):
        def generate(_context, builder, _signature, arguments):
            a, a_stride, count, c, c_stride = arguments
            last = builder.sub(count, number(1))
            rows = []
            for row in range(lanes):
                there = builder.select(builder.icmp_signed("<", last, number(row)), last, number(row))
                rows.append(load(builder, moved(builder, a, a_stride, there), floats))
            largest = constant(builder, I32, lanes, 0)
            for vector in rows:
                largest = largest.at_least(vector.bits() & 0x7FFFFFFF)
            for row, vector in enumerate(_transposed(rows, lanes)):
                store(builder, vector, moved(builder, c, c_stride, number(row)))
            return largest.reduce(Vector.at_least).value

        return types.int32(*[types.int64] * 5), generate

    return transpose


def _transposed(rows: list[Vector], lanes: int) -> list[Vector]:
    """Exchange the off-diagonal halves, then those of each quarter, down to single numbers (Eklundh 1972)."""
    size = lanes // 2
    while size:
        upper = [lane if not lane & size else lanes + lane - size for lane in range(lanes)]
        lower = [lane + size if not lane & size else lanes + lane for lane in range(lanes)]
        for row in range(lanes):
            if not row & size:
                one, other = rows[row], rows[row + size]
                rows[row], rows[row + size] = one.shuffled(other, upper), one.shuffled(other, lower)
        size //= 2
    return rows
