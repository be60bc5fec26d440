"""What is done to one row of float32 at a time, between products: softmax, GELU, LayerNorm, rounding to int8.

Each emits code for addresses; a row stays in the fastest cache from its first pass to its last. All work in vectors of 16,
which LLVM splits where registers are narrower: sums are then of the same 16 parts in every kernel. That is more than neatness. A difference in
the last bit turns a few roundings to int8 the other way, those turn more in the next layer, and after six layers two kernels would agree no better
(mean cosine 0.9996, lowest 0.993) than int8 does with float32.

Those that round return the largest of the bits of the row's magnitudes, int32: 0x7F800000 or more where a number is infinite
or none. They compare bits, since what is no number is neither above nor below any.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from llvmlite import ir

from hartonomous_core.embedders.native.ir_values import F32, I32, Value, for_each, intrinsic, load, loop, store

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
_LOG2_E = 1.44269504
_ROUNDING = 12582912.0  # 1.5 * 2^23: a number added to it is rounded to an integer, which is then the lowest bits


@dataclass(frozen=True, slots=True)
class Rounded:
    """Where a row of integers goes. element: their IR type; zero: what stands for 0; scale: address of what 1 stands for."""

    element: Any
    zero: int
    activations: Value
    scale: Value


def copy_row(source: Value, target: Value, width: Value) -> None:
    for_each(width // LANES, lambda index: store(load(_at(source, index), _FLOATS), _at(target, index)))


def add_rows(first: Value, stride: Value, count: Value, target: Value, width: Value) -> None:
    """Write the sum of `count` rows, added from the first to the last."""

    def part(index: Value) -> None:
        def add(row: Value, now: list[Value]) -> list[Value]:
            return [now[0] + load(_at(first, index) + stride * (row + 1), _FLOATS)]

        store(loop(count - 1, [load(_at(first, index), _FLOATS)], add)[0], _at(target, index))

    for_each(width // LANES, part)


def softmax_rows(rows: int, scores: Value, stride: Value, count: Value, inverses: Value) -> None:
    """Replace the `count` scores of each of `rows` rows by e^(score - the row's largest) and write 1 / their sum, a float32 a row, to `inverses`.

    Whole vectors are written, so up to LANES - 1 numbers beyond the last. What is no number makes its sum none. Rows side by side hide how long
    each reduction takes.
    """
    starts = [scores + stride * row for row in range(rows)]
    whole = (count - 1) // LANES
    rest = count - whole * LANES

    def scores_at(index: Value) -> list[Value]:
        return [load(_at(start, index), _FLOATS) for start in starts]

    def maxima(index: Value, now: list[Value]) -> list[Value]:
        return [largest.at_least(score) for largest, score in zip(now, scores_at(index), strict=True)]

    last = [_only_first(score, rest) for score in scores_at(whole)]
    largest = loop(whole, last, maxima)
    shifts = [(row.reduce(Value.at_least) * -_LOG2_E).splat(LANES) for row in largest]

    def weights(index: Value, scores: list[Value]) -> list[Value]:
        powers = [_power_of_2(score * _LOG2_E + shift) for score, shift in zip(scores, shifts, strict=True)]
        for power, start in zip(powers, starts, strict=True):
            store(power, _at(start, index))
        return powers

    def add(index: Value, now: list[Value]) -> list[Value]:
        return [total + weight for total, weight in zip(now, weights(index, scores_at(index)), strict=True)]

    sums = loop(whole, weights(whole, last), add)
    for row, vector in enumerate(sums):
        total = vector.reduce(Value.__add__)
        store(total.like(1.0) / total, inverses, 4 * row)


def _power_of_2(x: Value) -> Value:
    """2^x for x <= 0, relative error below 2e-7; below 2^-126 it is that."""
    x = x.at_least(-126.0)
    rounded = x + _ROUNDING
    near = _polynomial(_POWER_OF_2, x - (rounded - _ROUNDING))
    return near * ((rounded.bits() << 23) + 0x3F800000).bits()


def _polynomial(coefficients: tuple[float, ...], x: Value) -> Value:
    """Horner's scheme; the constant comes first in `coefficients`."""
    return reduce(
        lambda value, coefficient: value * x + coefficient, reversed(coefficients[:-1]), x.like(coefficients[-1])
    )


def _only_first(scores: Value, count: Value) -> Value:
    """The first lanes; minus infinity in the others. In a register: a masked store would hold up the loads that follow it."""
    builder = scores.builder
    lane = ir.Constant(ir.VectorType(I32, LANES), list(range(LANES)))
    there = builder.icmp_signed("<", lane, count.narrowed(I32).splat(LANES).value)
    return Value(builder, builder.select(there, scores.value, scores.like(float("-inf")).value))


def quantize_row(row: Value, width: Value, rounded: Rounded) -> Value:
    """Round a row."""

    def step(index: Value, now: list[Value]) -> list[Value]:
        return [now[0].at_least(load(_at(row, index), _FLOATS).bits() & _MAGNITUDE)]

    largest = _scalar_maximum(loop(width // LANES, [row.constant(I32, LANES, 0)], step))
    _round(row, width, largest, rounded)
    return largest


def gelu_row(row: Value, width: Value, rounded: Rounded) -> Value:
    """Replace each x by x * Phi(x), and round the row.

    x * Phi(x) = max(x, 0) - a * Phi(-a) with a = |x|. The bits returned are of x as well: minus infinity would else become 0.
    """

    def step(index: Value, now: list[Value]) -> list[Value]:
        x = load(_at(row, index), _FLOATS)
        magnitude = x.bits() & _MAGNITUDE
        result = x.at_least(0.0) - _polynomial(_GELU_TAIL, magnitude.bits().at_most(5.0) * 0.4 - 1.0)
        store(result, _at(row, index))
        return [now[0].at_least(magnitude), now[1].at_least(result.bits() & _MAGNITUDE)]

    before, after = loop(width // LANES, [row.constant(I32, LANES, 0)] * 2, step)
    _round(row, width, _scalar_maximum([after]), rounded)
    return _scalar_maximum([before, after])


def norm_row(update: Value, hidden: Value, norm: Value, epsilon: Value, width: Value, rounded: Rounded) -> Value:
    """Make hidden = LayerNorm(hidden + update), and round it. norm: address of the gain, which the bias follows; epsilon: float32."""
    vectors, count = width // LANES, width.floats()
    gain, bias = norm, norm + width * 4

    def at(address: Value, index: Value) -> Value:
        return load(_at(address, index), _FLOATS)

    def add(index: Value, now: list[Value]) -> list[Value]:
        both = at(update, index) + at(hidden, index)
        store(both, _at(hidden, index))
        return [now[0] + both]

    nothing = hidden.constant(F32, LANES, 0.0)
    mean = (loop(vectors, [nothing], add)[0].reduce(Value.__add__) / count).splat(LANES)

    def square(index: Value, now: list[Value]) -> list[Value]:
        distance = at(hidden, index) - mean
        return [distance * distance + now[0]]

    variance = loop(vectors, [nothing], square)[0].reduce(Value.__add__) / count
    deviation = intrinsic("llvm.sqrt.f32", F32, [variance + epsilon])
    inverse = (deviation.like(1.0) / deviation).splat(LANES)

    def scale_and_shift(index: Value, now: list[Value]) -> list[Value]:
        result = (at(hidden, index) - mean) * inverse * at(gain, index) + at(bias, index)
        store(result, _at(hidden, index))
        return [now[0].at_least(result.bits() & _MAGNITUDE)]

    largest = _scalar_maximum(loop(vectors, [hidden.constant(I32, LANES, 0)], scale_and_shift))
    _round(hidden, width, largest, rounded)
    return largest


def _at(address: Value, index: Value) -> Value:
    """Address of the index-th vector."""
    return address + index * (4 * LANES)


def _scalar_maximum(vectors: list[Value]) -> Value:
    return reduce(Value.at_least, vectors).reduce(Value.at_least)


def _round(row: Value, width: Value, largest: Value, rounded: Rounded) -> None:
    """Write the row as integers in [-127, 127] + zero, halves rounded up, and what 1 stands for."""
    magnitude = largest.bits() + 1e-20
    store(magnitude / magnitude.like(127.0), rounded.scale)
    inverse = (magnitude.like(127.0) / magnitude).splat(LANES)

    def step(index: Value) -> None:
        values = load(_at(row, index), _FLOATS)
        integers = (values * inverse + 128.5).truncated() + (rounded.zero - 128)
        store(integers.narrowed(rounded.element), rounded.activations + index * (LANES * rounded.element.width // 8))

    for_each(width // LANES, step)
