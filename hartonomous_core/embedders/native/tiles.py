"""The innermost loops of products: a tile of int8 activations and weights, one of float32, and a block turned on its diagonal.

A tile keeps a block of rows x columns of sums in registers and walks the common dimension once. Rows beyond the last are read and written (their
buffers are longer), columns fill whole vectors. `a`, `b` and `c` are addresses of the left rows, the right ones and the result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from hartonomous_core.embedders.native.ir_values import F32, I8, I16, I32, Value, intrinsic, load, loop, store
from hartonomous_core.embedders.native.records import ROWS

_Dot = Callable[[int, Value, Value, Value], Value]
"""(lanes, sums, activations, weights) -> sums + their products; all three are vectors of `lanes` int32."""


@dataclass(frozen=True, slots=True)
class TileShape:
    """How one kernel lays out its vectors. A step is 4 bytes of a token's activations: 4 of int8, or 2 of int16."""

    lanes: int
    vectors: int
    dot: _Dot

    @property
    def columns(self) -> int:
        return self.lanes * self.vectors


def _cast(vector: Value, element: Any, lanes: int) -> Value:
    return Value(vector.builder, vector.builder.bitcast(vector.value, ir.VectorType(element, lanes)))


def dot_vnni(lanes: int, sums: Value, activations: Value, weights: Value) -> Value:
    """x86 VPDPBUSD: four products of uint8 and int8 added to each int32, exactly. LLVM picks the AVX512 or the AVX form."""
    bytes_of = [_cast(vector, I8, 4 * lanes) for vector in (activations, weights)]
    return intrinsic(f"llvm.x86.avx512.vpdpbusd.{lanes * 32}", sums.value.type, [sums, *bytes_of])


def dot_arm(lanes: int, sums: Value, activations: Value, weights: Value) -> Value:
    """ARM SDOT: four products of int8 and int8 added to each int32, exactly."""
    bytes_of = [_cast(vector, I8, 4 * lanes) for vector in (activations, weights)]
    return intrinsic("llvm.aarch64.neon.sdot.v4i32.v16i8", sums.value.type, [sums, *bytes_of])


def dot_pairs(lanes: int, sums: Value, activations: Value, weights: Value) -> Value:
    """Two products of int16 and int16 added to each int32, in plain IR: LLVM makes VPMADDWD of it on x86, SMULL and ADDP on ARM."""
    left, right = (_cast(vector, I16, 2 * lanes).widened(I32) for vector in (activations, weights))
    products = left * right
    even, odd = (products.shuffled(products, range(first, 2 * lanes, 2)) for first in (0, 1))
    return sums + (even + odd)


def product_tile(
    shape: TileShape,
    a: Value,
    a_stride: Value,
    b: Value,
    steps: Value,
    correction: Value,
    row_scale: Value,
    column_scale: Value,
    bias: Value,
    c: Value,
    c_stride: Value,
) -> None:
    """Write ROWS x shape.columns of (sums + correction) * row scale * column scale + bias, float32.

    a: activations; b: weights, step by step, columns together; the four in between are addresses, of int32 and float32.
    """
    vector, floats = ir.VectorType(I32, shape.lanes), ir.VectorType(F32, shape.lanes)
    width = 4 * shape.lanes  # bytes of a vector

    def columns_of(address: Value, of_type: Any) -> list[Value]:
        return [load(address, of_type, width * column) for column in range(shape.vectors)]

    rows = [a + a_stride * row for row in range(ROWS)]

    def step(index: Value, sums: list[Value]) -> list[Value]:
        weights = columns_of(b + index * (width * shape.vectors), vector)
        after = []
        for row, address in enumerate(rows):
            token = load(address + index * 4, I32).splat(shape.lanes)
            for column, weight in enumerate(weights):
                after.append(shape.dot(shape.lanes, sums[row * shape.vectors + column], token, weight))
        return after

    sums = loop(steps, columns_of(correction, vector) * ROWS, step)
    scales, biases = columns_of(column_scale, floats), columns_of(bias, floats)
    for row in range(ROWS):
        scale = load(row_scale, F32, 4 * row).splat(shape.lanes)
        for column in range(shape.vectors):
            result = sums[row * shape.vectors + column].floats() * scale * scales[column] + biases[column]
            store(result, c + c_stride * row, width * column)


def float_tile(
    lanes: int,
    a: Value,
    a_stride: Value,
    b: Value,
    b_stride: Value,
    steps: Value,
    c: Value,
    c_stride: Value,
    row_scale: Value | None = None,
) -> None:
    """Write ROWS x 2 * lanes of a matrix product, float32, of `steps` right rows; each row times a scale of its own where there are any."""
    floats = ir.VectorType(F32, lanes)
    width = 4 * lanes
    rows = [a + a_stride * row for row in range(ROWS)]

    def step(index: Value, sums: list[Value]) -> list[Value]:
        right = [load(b + b_stride * index, floats, width * column) for column in range(2)]
        after = []
        for row, address in enumerate(rows):
            left = load(address + index * 4, F32).splat(lanes)
            after += [left * right[column] + sums[2 * row + column] for column in range(2)]
        return after

    sums = loop(steps, [a.constant(F32, lanes, 0.0)] * 2 * ROWS, step)
    for row in range(ROWS):
        scale = None if row_scale is None else load(row_scale, F32, 4 * row).splat(lanes)
        for column in range(2):
            total = sums[2 * row + column]
            store(total if scale is None else total * scale, c + c_stride * row, width * column)


def transposing_tile(lanes: int, a: Value, a_stride: Value, count: Value, c: Value, c_stride: Value) -> Value:
    """Write a block of lanes x lanes float32 with rows and columns exchanged.

    What is beyond the last of `count` rows is the last again: nothing beyond is read. Returns the largest of the bits of the magnitudes, a vector of
    int32: 0x7F800000 or more where one is infinite or not a number.
    """
    floats = ir.VectorType(F32, lanes)
    last = count - 1
    rows = [load(a + a_stride * last.at_most(row), floats) for row in range(lanes)]
    largest = a.constant(I32, lanes, 0)
    for vector in rows:
        largest = largest.at_least(vector.bits() & 0x7FFFFFFF)
    for row, vector in enumerate(_transposed(rows, lanes)):
        store(vector, c + c_stride * row)
    return largest


def _transposed(rows: list[Value], lanes: int) -> list[Value]:
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
