"""What is done to one row of float32 at a time, between products: softmax, GELU, LayerNorm, rounding to int8.

Each is an intrinsic that takes addresses (int64); a row stays in the fastest cache from its first pass to its last. All work in vectors of 16,
which LLVM splits where registers are narrower: sums are then of the same 16 parts in every kernel. That is more than neatness. A difference in
the last bit turns a few roundings to int8 the other way, those turn more in the next layer, and after six layers two kernels would agree no better
(mean cosine 0.9996, lowest 0.993) than int8 does with float32.

Those that round return the largest of the bits of the row's magnitudes, int32: 0x7F800000 or more where a number is infinite
or none. They compare bits, since what is no number is neither above nor below any.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from hartonomous_core.embedders.native.vectors import F32, I32, Vector, call, constant, load, loop, moved, number, store

LANES = 16
_FLOATS = ir.VectorType(F32, LANES)
_MAGNITUDE = 0x7FFFFFFF
_POWER_OF_2 = (1.0000001, 0.693146944, 0.240221202, 0.0555071309, 0.00967554189, 0.00132764725)
"""2^f for |f| <= 0.5, relative error below 1e-7: minimax fit."""
_GELU_TAIL = (
    0.0155252535, -0.0940200537, 0.232680619, -0.257033765, -0.0175457932, 0.41955781, -0.490063012, 0.0751871392,
    0.343794495, -0.247765794, -0.0911652520, 0.128551662, 0.00677319057, -0.0244762786,
)  # fmt: skip
"""a * Phi(-a) for 0 <= a <= 5 as a polynomial of a / 2.5 - 1, absolute error below 1.4e-6: minimax fit. It is 1.4e-6 at 5, and falls."""


def softmax_rows(rows: int) -> Any:
    """Return the intrinsic that replaces the scores of `rows` rows by e^(score - the row's largest) and writes 1 / their sum.

    Its arguments: address and byte stride of the scores, how many there are in a row, address of the inverse sums. Whole vectors are written,
    so up to LANES - 1 numbers beyond the last. What is no number makes its sum none. Rows side by side hide how long each reduction takes.
    """

    @intrinsic
    def softmax(_typing, scores, stride, count, inverses):
        def generate(_context, builder, _signature, arguments):
            scores, stride, count, inverses = arguments
            starts = [moved(builder, scores, stride, number(row)) for row in range(rows)]
            whole = builder.sdiv(builder.sub(count, number(1)), number(LANES))
            rest = builder.sub(count, builder.mul(whole, number(LANES)))

            def scores_at(index: Any) -> list[Vector]:
                return [load(builder, _at(builder, start, index), _FLOATS) for start in starts]

            def maxima(index: Any, now: list[Vector]) -> list[Vector]:
                return [largest.at_least(score) for largest, score in zip(now, scores_at(index), strict=True)]

            last = [_only_first(score, rest) for score in scores_at(whole)]
            largest = loop(builder, whole, last, maxima)
            shifts = [(row.reduce(Vector.at_least) * -_LOG2_E).splat(LANES) for row in largest]

            def weights(index: Any, scores: list[Vector]) -> list[Vector]:
                powers = [_power_of_2(score * _LOG2_E + shift) for score, shift in zip(scores, shifts, strict=True)]
                for power, start in zip(powers, starts, strict=True):
                    store(builder, power, _at(builder, start, index))
                return powers

            def add(index: Any, now: list[Vector]) -> list[Vector]:
                return [total + weight for total, weight in zip(now, weights(index, scores_at(index)), strict=True)]

            sums = loop(builder, whole, weights(whole, last), add)
            for row, vector in enumerate(sums):
                total = vector.reduce(Vector.__add__)
                store(builder, total.like(1.0) / total, inverses, 4 * row)
            return _context.get_dummy_value()

        return types.void(*[types.int64] * 4), generate

    return softmax


_LOG2_E = 1.44269504
_ROUNDING = 12582912.0  # 1.5 * 2^23: a number added to it is rounded to an integer, which is then the lowest bits


def _power_of_2(x: Vector) -> Vector:
    """2^x for x <= 0, relative error below 2e-7; below 2^-126 it is that."""
    x = x.at_least(-126.0)
    rounded = x + _ROUNDING
    near = _polynomial(_POWER_OF_2, x - (rounded - _ROUNDING))
    return near * ((rounded.bits() << 23) + 0x3F800000).bits()


def _polynomial(coefficients: tuple[float, ...], x: Vector) -> Vector:
    """Horner's scheme; the constant comes first in `coefficients`."""
    return reduce(
        lambda value, coefficient: value * x + coefficient, reversed(coefficients[:-1]), x.like(coefficients[-1])
    )


def _only_first(scores: Vector, count: Any) -> Vector:
    """The first lanes; minus infinity in the others. In a register: a masked store would hold up the loads that follow it."""
    builder = scores.builder
    lane = ir.Constant(ir.VectorType(I32, LANES), list(range(LANES)))
    there = builder.icmp_signed("<", lane, Vector(builder, builder.trunc(count, I32)).splat(LANES).value)
    return Vector(builder, builder.select(there, scores.value, scores.like(float("-inf")).value))


def quantize_row(element: Any) -> Any:
    """Return the intrinsic that rounds a row: address, width, address of the activations, of the scale, what stands for 0."""

    @intrinsic
    def quantize(_typing, row, width, activations, scale, zero):
        def generate(_context, builder, _signature, arguments):
            row, width, activations, scale, zero = arguments
            vectors = builder.sdiv(width, number(LANES))

            def step(index: Any, now: list[Vector]) -> list[Vector]:
                return [now[0].at_least(load(builder, _at(builder, row, index), _FLOATS).bits() & _MAGNITUDE)]

            largest = _scalar_maximum(loop(builder, vectors, [constant(builder, I32, LANES, 0)], step))
            _round(builder, element, row, vectors, largest, activations, scale, zero)
            return largest.value

        return types.int32(types.int64, types.int64, types.int64, types.int64, types.int32), generate

    return quantize


def gelu_row(element: Any) -> Any:
    """Return the intrinsic that replaces each x by x * Phi(x), and rounds the row: arguments as quantize_row's.

    x * Phi(x) = max(x, 0) - a * Phi(-a) with a = |x|. The bits returned are of x as well: minus infinity would else become 0.
    """

    @intrinsic
    def gelu(_typing, row, width, activations, scale, zero):
        def generate(_context, builder, _signature, arguments):
            row, width, activations, scale, zero = arguments
            vectors = builder.sdiv(width, number(LANES))

            def step(index: Any, now: list[Vector]) -> list[Vector]:
                address = _at(builder, row, index)
                x = load(builder, address, _FLOATS)
                magnitude = x.bits() & _MAGNITUDE
                result = x.at_least(0.0) - _polynomial(_GELU_TAIL, magnitude.bits().at_most(5.0) * 0.4 - 1.0)
                store(builder, result, address)
                return [now[0].at_least(magnitude), now[1].at_least(result.bits() & _MAGNITUDE)]

            before, after = loop(builder, vectors, [constant(builder, I32, LANES, 0)] * 2, step)
            largest = _scalar_maximum([after])
            _round(builder, element, row, vectors, largest, activations, scale, zero)
            return _scalar_maximum([before, after]).value

        return types.int32(types.int64, types.int64, types.int64, types.int64, types.int32), generate

    return gelu


def norm_row(element: Any) -> Any:
    """Return the intrinsic that makes hidden = LayerNorm(hidden + update), and rounds it.

    Its arguments: addresses of update, hidden, gain and bias, epsilon, then as quantize_row's from the width on.
    """

    @intrinsic
    def norm(_typing, update, hidden, gain, bias, epsilon, width, activations, scale, zero):
        def generate(_context, builder, _signature, arguments):
            update, hidden, gain, bias, epsilon, width, activations, scale, zero = arguments
            vectors = builder.sdiv(width, number(LANES))
            count = Vector(builder, builder.sitofp(width, F32))
            nothing = constant(builder, F32, LANES, 0.0)

            def at(address: Any, index: Any) -> Vector:
                return load(builder, _at(builder, address, index), _FLOATS)

            def put(vector: Vector, index: Any) -> None:
                store(builder, vector, _at(builder, hidden, index))

            def add(index: Any, now: list[Vector]) -> list[Vector]:
                both = at(update, index) + at(hidden, index)
                put(both, index)
                return [now[0] + both]

            mean = (loop(builder, vectors, [nothing], add)[0].reduce(Vector.__add__) / count).splat(LANES)

            def square(index: Any, now: list[Vector]) -> list[Vector]:
                distance = at(hidden, index) - mean
                return [distance * distance + now[0]]

            variance = loop(builder, vectors, [nothing], square)[0].reduce(Vector.__add__) / count
            deviation = Vector(
                builder, call(builder, "llvm.sqrt.f32", F32, [(variance + Vector(builder, epsilon)).value])
            )
            inverse = (deviation.like(1.0) / deviation).splat(LANES)

            def scale_and_shift(index: Any, now: list[Vector]) -> list[Vector]:
                result = (at(hidden, index) - mean) * inverse * at(gain, index) + at(bias, index)
                put(result, index)
                return [now[0].at_least(result.bits() & _MAGNITUDE)]

            largest = _scalar_maximum(loop(builder, vectors, [constant(builder, I32, LANES, 0)], scale_and_shift))
            _round(builder, element, hidden, vectors, largest, activations, scale, zero)
            return largest.value

        addresses = [types.int64] * 4
        return types.int32(*addresses, types.float32, types.int64, types.int64, types.int64, types.int32), generate

    return norm


def _at(builder: Any, address: Any, index: Any) -> Any:
    """Address of the index-th vector."""
    return moved(builder, address, number(4 * LANES), index)


def _scalar_maximum(vectors: list[Vector]) -> Vector:
    return reduce(Vector.at_least, vectors).reduce(Vector.at_least)


def _round(
    builder: Any, element: Any, row: Any, vectors: Any, largest: Vector, activations: Any, scale: Any, zero: Any
) -> None:
    """Write the row as integers in [-127, 127] + zero, halves rounded up, and what 1 stands for."""
    magnitude = largest.bits() + 1e-20
    store(builder, magnitude / magnitude.like(127.0), scale)
    inverse = (magnitude.like(127.0) / magnitude).splat(LANES)
    shift = (Vector(builder, zero) - 128).splat(LANES)

    def step(index: Any, _now: list[Vector]) -> list[Vector]:
        values = load(builder, _at(builder, row, index), _FLOATS)
        rounded = (values * inverse + 128.5).truncated() + shift
        store(
            builder, rounded.narrowed(element), moved(builder, activations, number(LANES * element.width // 8), index)
        )
        return []

    loop(builder, vectors, [], step)
