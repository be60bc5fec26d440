"""Values of LLVM IR that are written as numbers are: `x * y + 1.0` emits the instructions, for a vector those of every lane.

Loops over such vectors take the kernel's own width, which LLVM's vectoriser does not (it prefers 256 bits on processors with 512), and have no
scalar remainder. Addresses, offsets, counts and strides are int64, in bytes but for counts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from hartonomous_core.embedders.native.records import Record

I8, I16, I32, I64, F32 = ir.IntType(8), ir.IntType(16), ir.IntType(32), ir.IntType(64), ir.FloatType()


@dataclass(frozen=True, slots=True)
class Value:
    """A vector or a scalar. Products and sums of floats may be fused into one instruction; nothing else is reordered."""

    builder: Any
    value: Any

    def __add__(self, other: Value | float) -> Value:
        return self._fused("fadd", "add", other)

    def __sub__(self, other: Value | float) -> Value:
        return self._fused("fsub", "sub", other)

    def __mul__(self, other: Value | float) -> Value:
        return self._fused("fmul", "mul", other)

    def __and__(self, bits: int) -> Value:
        return self._of(self.builder.and_(self.value, self.like(bits).value))

    def __lshift__(self, places: int) -> Value:
        return self._of(self.builder.shl(self.value, self.like(places).value))

    def __truediv__(self, other: Value) -> Value:
        return self._of(self.builder.fdiv(self.value, other.value))

    def __floordiv__(self, other: Value | int) -> Value:
        """Of integers, rounded towards zero."""
        return self._of(self.builder.sdiv(self.value, self.like(other).value))

    def at_most(self, limit: Value | float) -> Value:
        """The lesser of each pair; what is no number stays none."""
        return self._unless(">", limit)

    def at_least(self, limit: Value | float) -> Value:
        """The greater of each pair; what is no number stays none."""
        return self._unless("<", limit)

    def if_not_zero(self, condition: Value) -> Value:
        """This integer where the scalar `condition` is not 0; 0 where it is."""
        there = self.builder.icmp_signed("!=", condition.value, condition.like(0).value)
        return self._of(self.builder.select(there, self.value, self.like(0).value))

    def bits(self) -> Value:
        """Floats as int32, or the other way round."""
        element = I32 if self.is_float else F32
        return self._of(self.builder.bitcast(self.value, self.typed(element)))

    def truncated(self) -> Value:
        """Floats rounded towards zero, int32."""
        return self._of(self.builder.fptosi(self.value, self.typed(I32)))

    def floats(self) -> Value:
        """Integers as floats."""
        return self._of(self.builder.sitofp(self.value, self.typed(F32)))

    def narrowed(self, element: Any) -> Value:
        """The lowest bits of each integer."""
        return self._of(self.builder.trunc(self.value, self.typed(element)))

    def widened(self, element: Any) -> Value:
        """Integers with their signs."""
        return self._of(self.builder.sext(self.value, self.typed(element)))

    def reduce(self, operation: Callable[[Value, Value], Value]) -> Value:
        """Fold upper half on lower half until one lane is left; returns it as a scalar."""
        folded = self
        while folded.value.type.count > 1:
            half = folded.value.type.count // 2
            folded = operation(folded.shuffled(folded, range(half)), folded.shuffled(folded, range(half, 2 * half)))
        return self._of(self.builder.extract_element(folded.value, ir.Constant(I32, 0)))

    def shuffled(self, other: Value, picks: Sequence[int]) -> Value:
        """The lanes of both, one after the other, that `picks` names."""
        mask = ir.Constant(ir.VectorType(I32, len(picks)), list(picks))
        return self._of(self.builder.shuffle_vector(self.value, other.value, mask))

    def splat(self, lanes: int) -> Value:
        """A vector of `lanes` times this scalar."""
        vector = ir.VectorType(self.value.type, lanes)
        first = self.builder.insert_element(ir.Constant(vector, ir.Undefined), self.value, ir.Constant(I32, 0))
        return self._of(first).shuffled(self._of(ir.Constant(vector, ir.Undefined)), [0] * lanes)

    def like(self, other: Value | float) -> Value:
        """A constant as a value of this one's type."""
        if isinstance(other, Value):
            return other
        lanes = getattr(self.value.type, "count", None)
        number = float(other) if self.is_float else int(other)
        return self._of(ir.Constant(self.value.type, number if lanes is None else [number] * lanes))

    def constant(self, element: Any, lanes: int, number: float) -> Value:
        """`lanes` times a number, emitted where this value is."""
        return self._of(ir.Constant(ir.VectorType(element, lanes), [number] * lanes))

    def typed(self, element: Any) -> Any:
        """The IR type of as many lanes of another element."""
        return ir.VectorType(element, self.value.type.count) if isinstance(self.value.type, ir.VectorType) else element

    @property
    def is_float(self) -> bool:
        return bool(getattr(self.value.type, "element", self.value.type) == F32)

    def _of(self, value: Any) -> Value:
        return Value(self.builder, value)

    def _fused(self, for_floats: str, for_integers: str, other: Value | float) -> Value:
        right = self.like(other).value
        if self.is_float:
            return self._of(getattr(self.builder, for_floats)(self.value, right, flags=("contract",)))
        return self._of(getattr(self.builder, for_integers)(self.value, right))

    def _unless(self, sign: str, limit: Value | float) -> Value:
        compare = self.builder.fcmp_ordered if self.is_float else self.builder.icmp_signed
        right = self.like(limit).value
        return self._of(self.builder.select(compare(sign, self.value, right), right, self.value))


def load(address: Value, of_type: Any, offset: int = 0) -> Value:
    pointer = address.builder.inttoptr((address + offset).value, of_type.as_pointer())
    return Value(address.builder, address.builder.load(pointer, align=_bytes_of_element(of_type)))


def store(value: Value, address: Value, offset: int = 0) -> None:
    of_type = value.value.type
    pointer = address.builder.inttoptr((address + offset).value, of_type.as_pointer())
    address.builder.store(value.value, pointer, align=_bytes_of_element(of_type))


def _bytes_of_element(of_type: Any) -> int:
    element = getattr(of_type, "element", of_type)
    return 4 if element == F32 else element.width // 8


def intrinsic(name: str, result: Any, arguments: Sequence[Value]) -> Value:
    """Call one of LLVM's, declaring it where this module has not yet."""
    builder, values = arguments[0].builder, [argument.value for argument in arguments]
    declared = builder.module.globals.get(name)
    if declared is None:
        declared = ir.Function(builder.module, ir.FunctionType(result, [value.type for value in values]), name)
    return Value(builder, builder.call(declared, values))


def define(module: Any, emit: Callable[..., Value], *, exported: bool = False) -> Callable[..., Value]:
    """Add a function named as `emit` is, with its parameters, int64 each, and its result, int32; returns what emits a call of it."""
    parameters = len(inspect.signature(emit).parameters)
    function = ir.Function(module, ir.FunctionType(I32, [I64] * parameters), emit.__name__)
    function.linkage = "" if exported else "internal"
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(emit(*(Value(builder, argument) for argument in function.args)).value)

    def call(*arguments: Value) -> Value:
        emitting = arguments[0].builder
        return Value(emitting, emitting.call(function, [argument.value for argument in arguments]))

    return call


def loop(
    steps: Value, starts: Sequence[Value], step: Callable[[Value, list[Value]], Sequence[Value]], *, by: int = 1
) -> list[Value]:
    """Emit a loop over values that stay in registers.

    `step` takes the index, 0 and every `by`-th below `steps`, and what they are; it returns what they become.
    """
    builder = steps.builder
    before = builder.block
    body, after = builder.append_basic_block("step"), builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", ir.Constant(I64, 0), steps.value), body, after)
    builder.position_at_end(body)
    index = builder.phi(I64)
    index.add_incoming(ir.Constant(I64, 0), before)
    current = [_either(builder, start, before) for start in starts]
    results = step(Value(builder, index), [Value(builder, phi) for phi in current])
    following, end = builder.add(index, ir.Constant(I64, by)), builder.block
    index.add_incoming(following, end)
    builder.cbranch(builder.icmp_signed("<", following, steps.value), body, after)
    builder.position_at_end(after)
    final = [_either(builder, start, before) for start in starts]
    for in_body, at_end, result in zip(current, final, results, strict=True):
        in_body.add_incoming(result.value, end)
        at_end.add_incoming(result.value, end)
    return [Value(builder, phi) for phi in final]


def for_each(steps: Value, body: Callable[[Value], None], *, by: int = 1) -> None:
    """Emit a loop that keeps no values."""

    def step(index: Value, _: list[Value]) -> list[Value]:
        body(index)
        return []

    loop(steps, [], step, by=by)


def claiming_loop(counter: Value, count: Value, start: Value, step: Callable[[Value, Value], Value]) -> Value:
    """Emit a loop over the numbers below `count` that no other thread has taken from the int64 at address `counter`.

    `step` takes the number and what a value is, and returns what it becomes.
    """
    builder = counter.builder
    before = builder.block
    head, body, after = (builder.append_basic_block(name) for name in ("claim", "claimed", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    current = _either(builder, start, before)
    pointer = builder.inttoptr(counter.value, I64.as_pointer())
    taken = builder.atomic_rmw("add", pointer, ir.Constant(I64, 1), "monotonic")
    builder.cbranch(builder.icmp_signed("<", taken, count.value), body, after)
    builder.position_at_end(body)
    result = step(Value(builder, taken), Value(builder, current))
    current.add_incoming(result.value, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return Value(builder, current)


def _either(builder: Any, start: Value, before: Any) -> Any:
    phi = builder.phi(start.value.type)
    phi.add_incoming(start.value, before)
    return phi


def read(record: Record, address: Value) -> dict[str, Value]:
    """Emit the loading of all fields of a record."""
    return {name: load(address, I64, 8 * at) for at, name in enumerate(record.names)}
