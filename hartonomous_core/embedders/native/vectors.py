"""Vectors of LLVM IR that are written as numbers are: `x * y + 1.0` emits the instructions for every lane.

Loops over such vectors take the kernel's own width, which LLVM's vectoriser does not (it prefers 256 bits on processors with 512), and have no
scalar remainder. Addresses, offsets and counts are int64, in bytes but for counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

I8, I16, I32, I64, F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


@dataclass(frozen=True, slots=True)
class Vector:
    """An IR value, a vector or a scalar. Products and sums of floats may be fused into one instruction; nothing else is reordered."""

    builder: Any
    value: Any

    def __add__(self, other: Vector | float) -> Vector:
        return self._fused("fadd", "add", other)

    def __sub__(self, other: Vector | float) -> Vector:
        return self._fused("fsub", "sub", other)

    def __mul__(self, other: Vector | float) -> Vector:
        return self._fused("fmul", "mul", other)

    def __and__(self, bits: int) -> Vector:
        return self._of(self.builder.and_(self.value, self.like(bits).value))

    def __lshift__(self, places: int) -> Vector:
        return self._of(self.builder.shl(self.value, self.like(places).value))

    def __truediv__(self, other: Vector) -> Vector:
        return self._of(self.builder.fdiv(self.value, other.value))

    def at_most(self, limit: Vector | float) -> Vector:
        """The lesser of each pair; what is no number stays none."""
        return self._unless(">", limit)

    def at_least(self, limit: Vector | float) -> Vector:
        """The greater of each pair; what is no number stays none."""
        return self._unless("<", limit)

    def bits(self) -> Vector:
        """Floats as int32, or the other way round."""
        element = I32 if self.is_float else F32
        return self._of(self.builder.bitcast(self.value, self.typed(element)))

    def truncated(self) -> Vector:
        """Floats rounded towards zero, int32."""
        return self._of(self.builder.fptosi(self.value, self.typed(I32)))

    def floats(self) -> Vector:
        """int32 as floats."""
        return self._of(self.builder.sitofp(self.value, self.typed(F32)))

    def narrowed(self, element: Any) -> Vector:
        """The lowest bits of each int32."""
        return self._of(self.builder.trunc(self.value, self.typed(element)))

    def reduce(self, operation: Callable[[Vector, Vector], Vector]) -> Vector:
        """Fold upper half on lower half until one lane is left; returns it as a scalar."""
        folded = self
        while folded.value.type.count > 1:
            half = folded.value.type.count // 2
            folded = operation(folded.shuffled(folded, range(half)), folded.shuffled(folded, range(half, 2 * half)))
        return self._of(self.builder.extract_element(folded.value, ir.Constant(I32, 0)))

    def shuffled(self, other: Vector, picks: Sequence[int]) -> Vector:
        """The lanes of both, one after the other, that `picks` names."""
        mask = ir.Constant(ir.VectorType(I32, len(picks)), list(picks))
        return self._of(self.builder.shuffle_vector(self.value, other.value, mask))

    def splat(self, lanes: int) -> Vector:
        """A vector of `lanes` times this scalar."""
        vector = ir.VectorType(self.value.type, lanes)
        first = self.builder.insert_element(ir.Constant(vector, ir.Undefined), self.value, ir.Constant(I32, 0))
        return self._of(first).shuffled(self._of(ir.Constant(vector, ir.Undefined)), [0] * lanes)

    def like(self, other: Vector | float) -> Vector:
        """A constant as a value of this one's type."""
        if isinstance(other, Vector):
            return other
        lanes = getattr(self.value.type, "count", None)
        number = float(other) if self.is_float else int(other)
        return self._of(ir.Constant(self.value.type, number if lanes is None else [number] * lanes))

    def typed(self, element: Any) -> Any:
        """The IR type of as many lanes of another element."""
        return ir.VectorType(element, self.value.type.count) if isinstance(self.value.type, ir.VectorType) else element

    @property
    def is_float(self) -> bool:
        return bool(getattr(self.value.type, "element", self.value.type) == F32)

    def _of(self, value: Any) -> Vector:
        return Vector(self.builder, value)

    def _fused(self, for_floats: str, for_integers: str, other: Vector | float) -> Vector:
        right = self.like(other).value
        if self.is_float:
            return self._of(getattr(self.builder, for_floats)(self.value, right, flags=("contract",)))
        return self._of(getattr(self.builder, for_integers)(self.value, right))

    def _unless(self, sign: str, limit: Vector | float) -> Vector:
        compare = self.builder.fcmp_ordered if self.is_float else self.builder.icmp_signed
        right = self.like(limit).value
        return self._of(self.builder.select(compare(sign, self.value, right), right, self.value))


def constant(builder: Any, element: Any, lanes: int, number: float) -> Vector:
    """`lanes` times a number."""
    return Vector(builder, ir.Constant(ir.VectorType(element, lanes), [number] * lanes))


def load(builder: Any, address: Any, of_type: Any, offset: int = 0) -> Vector:
    pointer = builder.inttoptr(builder.add(address, number(offset)), of_type.as_pointer())
    return Vector(builder, builder.load(pointer, align=_bytes_of_element(of_type)))


def store(builder: Any, vector: Vector, address: Any, offset: int = 0) -> None:
    of_type = vector.value.type
    pointer = builder.inttoptr(builder.add(address, number(offset)), of_type.as_pointer())
    builder.store(vector.value, pointer, align=_bytes_of_element(of_type))


def call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """Call an intrinsic of LLVM, declaring it where this module has not yet."""
    declared = builder.module.globals.get(name)
    if declared is None:
        declared = ir.Function(builder.module, ir.FunctionType(result, [argument.type for argument in arguments]), name)
    return builder.call(declared, arguments)


def _bytes_of_element(of_type: Any) -> int:
    element = getattr(of_type, "element", of_type)
    return 4 if element == F32 else element.width // 8


def number(value: int) -> Any:
    """An int64."""
    return ir.Constant(I64, value)


def moved(builder: Any, address: Any, stride: Any, times: Any) -> Any:
    """address + stride * times."""
    return builder.add(address, builder.mul(stride, times))


def loop(
    builder: Any, steps: Any, starts: Sequence[Vector], step: Callable[[Any, list[Vector]], Sequence[Vector]]
) -> list[Vector]:
    """Emit a loop over vectors that stay in registers; `step` takes the index and what they are, and returns what they become."""
    before = builder.block
    body, after = builder.append_basic_block("step"), builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", number(0), steps), body, after)
    builder.position_at_end(body)
    index = builder.phi(I64)
    index.add_incoming(number(0), before)
    current = [_either(builder, start, before) for start in starts]
    results = step(index, [Vector(builder, phi) for phi in current])
    following, end = builder.add(index, number(1)), builder.block
    index.add_incoming(following, end)
    builder.cbranch(builder.icmp_signed("<", following, steps), body, after)
    builder.position_at_end(after)
    final = [_either(builder, start, before) for start in starts]
    for in_body, at_end, result in zip(current, final, results, strict=True):
        in_body.add_incoming(result.value, end)
        at_end.add_incoming(result.value, end)
    return [Vector(builder, phi) for phi in final]


def _either(builder: Any, start: Vector, before: Any) -> Any:
    phi = builder.phi(start.value.type)
    phi.add_incoming(start.value, before)
    return phi
