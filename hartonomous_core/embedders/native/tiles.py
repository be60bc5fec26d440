"""The innermost loops as LLVM IR with explicit vectors: a tile of products of int8 activations and weights, and one of float32.

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

ROWS = 6
_I8, _I16, _I32, _I64, _F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()

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
    return builder.bitcast(vector, ir.VectorType(_I8, 4 * lanes))


def _call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    signature = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(_declared(builder.module, name, signature), arguments)


def _declared(module: Any, name: str, signature: Any) -> Any:
    found = module.globals.get(name)
    return found if found is not None else ir.Function(module, signature, name)


def dot_vnni(builder: Any, lanes: int, sums: Any, activations: Any, weights: Any) -> Any:
    """x86 VPDPBUSD: four products of uint8 and int8 added to each int32, exactly. LLVM picks the AVX512 or the AVX form."""
    name = f"llvm.x86.avx512.vpdpbusd.{lanes * 32}"
    operands = [_bytes(builder, lanes, activations), _bytes(builder, lanes, weights)]
    return _call(builder, name, sums.type, [sums, *operands])


def dot_arm(builder: Any, lanes: int, sums: Any, activations: Any, weights: Any) -> Any:
    """ARM SDOT: four products of int8 and int8 added to each int32, exactly."""
    operands = [_bytes(builder, lanes, activations), _bytes(builder, lanes, weights)]
    return _call(builder, "llvm.aarch64.neon.sdot.v4i32.v16i8", sums.type, [sums, *operands])


def dot_pairs(builder: Any, lanes: int, sums: Any, activations: Any, weights: Any) -> Any:
    """Two products of int16 and int16 added to each int32, in plain IR: LLVM makes VPMADDWD of it on x86, SMULL and ADDP on ARM."""
    halves = ir.VectorType(_I16, 2 * lanes)
    wide = ir.VectorType(_I32, 2 * lanes)
    left, right = (builder.sext(builder.bitcast(vector, halves), wide) for vector in (activations, weights))
    products = builder.mul(left, right)
    even, odd = (
        builder.shuffle_vector(
            products, products, ir.Constant(ir.VectorType(_I32, lanes), list(range(first, 2 * lanes, 2)))
        )
        for first in (0, 1)
    )
    return builder.add(sums, builder.add(even, odd))


def product_tile(shape: TileShape) -> Any:
    """Return the intrinsic that writes ROWS x shape.columns of (sums + correction) * row scale * column scale + bias, float32.

    Its arguments: address and byte stride of the activations, address of the weights (step by step, columns together), steps, addresses of
    correction (int32), row scales, column scales and bias (float32), address and byte stride of the result.
    """
    vector, floats = ir.VectorType(_I32, shape.lanes), ir.VectorType(_F32, shape.lanes)
    width = 4 * shape.lanes  # bytes of a vector

    @intrinsic
    def tile(_typing, a, a_stride, b, steps, correction, row_scale, column_scale, bias, c, c_stride):
        def generate(_context, builder, _signature, arguments):
            a, a_stride, b, steps, correction, row_scale, column_scale, bias, c, c_stride = arguments
            rows = [builder.add(a, builder.mul(a_stride, _number(row))) for row in range(ROWS)]
            starts = [_load(builder, correction, vector, width * column) for column in range(shape.vectors)]

            def step(index: Any, sums: list[list[Any]]) -> list[list[Any]]:
                weights_at = builder.add(b, builder.mul(index, _number(width * shape.vectors)))
                weights = [_load(builder, weights_at, vector, width * column) for column in range(shape.vectors)]
                offset = builder.mul(index, _number(4))
                after = []
                for row in range(ROWS):
                    word = _load(builder, builder.add(rows[row], offset), _I32)
                    token = _splat(builder, word, shape.lanes)
                    after.append(
                        [shape.dot(builder, shape.lanes, s, token, w) for s, w in zip(sums[row], weights, strict=True)]
                    )
                return after

            sums = _accumulate(builder, steps, [list(starts) for _ in range(ROWS)], step)
            scales = [_load(builder, column_scale, floats, width * column) for column in range(shape.vectors)]
            biases = [_load(builder, bias, floats, width * column) for column in range(shape.vectors)]
            for row in range(ROWS):
                scale = _splat(builder, _load(builder, row_scale, _F32, 4 * row), shape.lanes)
                row_at = builder.add(c, builder.mul(c_stride, _number(row)))
                for column in range(shape.vectors):
                    scaled = builder.fmul(
                        builder.fmul(builder.sitofp(sums[row][column], floats), scale), scales[column]
                    )
                    _store(builder, builder.fadd(scaled, biases[column]), row_at, width * column)
            return _context.get_dummy_value()

        return types.void(*[types.int64] * 10), generate

    return tile


def float_tile(lanes: int) -> Any:
    """Return the intrinsic that writes ROWS x 2 * lanes of a matrix product, float32.

    Its arguments: address and byte stride of the left rows, address and byte stride of the right rows, how many right rows, address and byte
    stride of the result.
    """
    floats = ir.VectorType(_F32, lanes)
    width = 4 * lanes

    @intrinsic
    def tile(_typing, a, a_stride, b, b_stride, steps, c, c_stride):
        def generate(_context, builder, _signature, arguments):
            a, a_stride, b, b_stride, steps, c, c_stride = arguments
            rows = [builder.add(a, builder.mul(a_stride, _number(row))) for row in range(ROWS)]
            zero = ir.Constant(floats, [0.0] * lanes)

            def step(index: Any, sums: list[list[Any]]) -> list[list[Any]]:
                right_at = builder.add(b, builder.mul(index, b_stride))
                right = [_load(builder, right_at, floats, width * column) for column in range(2)]
                offset = builder.mul(index, _number(4))
                after = []
                for row in range(ROWS):
                    left = _splat(builder, _load(builder, builder.add(rows[row], offset), _F32), lanes)
                    after.append([_multiply_add(builder, left, r, s) for s, r in zip(sums[row], right, strict=True)])
                return after

            sums = _accumulate(builder, steps, [[zero, zero] for _ in range(ROWS)], step)
            for row in range(ROWS):
                row_at = builder.add(c, builder.mul(c_stride, _number(row)))
                for column in range(2):
                    _store(builder, sums[row][column], row_at, width * column)
            return _context.get_dummy_value()

        return types.void(*[types.int64] * 7), generate

    return tile


def _accumulate(
    builder: Any, steps: Any, starts: list[list[Any]], step: Callable[..., list[list[Any]]]
) -> list[list[Any]]:
    """Emit a loop of at least one step over sums that stay in registers; returns them after the last."""
    before = builder.block
    loop, after = builder.append_basic_block("step"), builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    index = builder.phi(_I64)
    index.add_incoming(_number(0), before)
    sums = [[builder.phi(start.type) for start in row] for row in starts]
    for phis, row in zip(sums, starts, strict=True):
        for phi, start in zip(phis, row, strict=True):
            phi.add_incoming(start, before)
    results = step(index, sums)
    following = builder.add(index, _number(1))
    index.add_incoming(following, loop)
    for phis, row in zip(sums, results, strict=True):
        for phi, result in zip(phis, row, strict=True):
            phi.add_incoming(result, loop)
    builder.cbranch(builder.icmp_signed("<", following, steps), loop, after)
    builder.position_at_end(after)
    return results


def _multiply_add(builder: Any, left: Any, right: Any, total: Any) -> Any:
    """One instruction where the processor has it, two where not."""
    return builder.fadd(builder.fmul(left, right, flags=("contract",)), total, flags=("contract",))


def _number(value: int) -> Any:
    return ir.Constant(_I64, value)


def _load(builder: Any, address: Any, of_type: Any, offset: int = 0) -> Any:
    pointer = builder.inttoptr(builder.add(address, _number(offset)), of_type.as_pointer())
    return builder.load(pointer, align=4)


def _store(builder: Any, value: Any, address: Any, offset: int) -> None:
    builder.store(value, builder.inttoptr(builder.add(address, _number(offset)), value.type.as_pointer()), align=4)


def _splat(builder: Any, value: Any, lanes: int) -> Any:
    vector = ir.VectorType(value.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(
        first, ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(_I32, lanes), [0] * lanes)
    )
