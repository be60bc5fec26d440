"""What a pickle of PyTorch says of tensors, told from its opcodes. Nothing is imported, called or built: this is no unpickling.

Of what a pickle would call, the call of `torch._utils._rebuild_tensor_v2` and its like is known and its arguments are kept; any other is
a thing of which nothing is known.
"""

import pickletools
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO, NamedTuple

from hartonomous_core.atomizers.members import describe
from hartonomous_core.atomizers.sections import Partial
from hartonomous_core.atomizers.tensors.tensor_layout import LONGEST_NAME

MOST_OPCODES = 2_500_000
MOST_THINGS = 2_000_000
"""On the stack, in containers and remembered, together."""
_DEEPEST = 100
_CLIPPED = LONGEST_NAME + 1
"""Characters: enough to tell that a name is too long."""
_REBUILD = {
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_tensor_v3",
}
_WRAPPERS = {"torch._utils _rebuild_parameter", "torch._utils _rebuild_parameter_with_state"}


class Global(str):
    """What a pickle would import: module and name."""


class Storage(NamedTuple):
    """Numbers in a file of the archive: the name of their class, the name of the file."""

    kind: str
    key: str


class PickledTensor(NamedTuple):
    """A tensor in a storage: offset and strides are counted in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str | None


class _Unknown:
    """Anything else."""


_UNKNOWN = _Unknown()
_MARK = object()


def pickled_tensors(stream: BinaryIO) -> Iterator[tuple[str, PickledTensor]]:
    """Yield the tensors of a pickle with their names, joined by points. Raises Partial for what is no pickle, or too large.

    A name longer than LONGEST_NAME is cut to one character more, and no tensor may have it.
    """
    yield from _named(_Machine(stream).run(), "", 0, set())


def _named(thing: object, name: str, depth: int, seen: set[int]) -> Iterator[tuple[str, PickledTensor]]:
    """Yield the tensors in containers, each of which is looked into once: they may hold one another."""
    if isinstance(thing, PickledTensor):
        yield name, thing
    elif isinstance(thing, dict | list) and depth < _DEEPEST and id(thing) not in seen:
        seen.add(id(thing))
        for key, part in thing.items() if isinstance(thing, dict) else enumerate(thing):
            clipped = str(key)[:_CLIPPED]  # a pickle of some bytes may say one long key everywhere
            yield from _named(part, f"{name}.{clipped}"[:_CLIPPED] if name else clipped, depth + 1, seen)


class _Machine:
    """The stack of a pickle, and what it remembers."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self._things = 0

    def run(self) -> object:
        opcodes = pickletools.genops(self._stream)
        try:
            for number in count():
                if number > MOST_OPCODES or self._things > MOST_THINGS:
                    raise Partial("its pickle holds more than that of any model")
                opcode, argument, _ = next(opcodes)
                if opcode.name == "STOP":
                    break
                self._step(opcode.name, argument)
            return self._stack.pop()
        except (IndexError, KeyError, TypeError, ValueError, OverflowError) as problem:  # as genops raises them, too
            raise Partial(f"its pickle is damaged: {describe(problem)}") from problem

    def _push(self, thing: object) -> None:
        self._things += 1
        self._stack.append(thing)

    def _to_mark(self) -> list[object]:
        at = len(self._stack) - 1
        while self._stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise IndexError("a mark is missing")
        things = self._stack[at + 1 :]
        del self._stack[at:]
        return things

    def _step(self, name: str, argument: object) -> None:
        if name == "MARK":
            self._push(_MARK)
        elif name in ("PROTO", "FRAME"):
            pass
        elif name in _CONSTANTS:
            self._push(_CONSTANTS[name])
        elif name in _VALUES:
            self._push(argument)
        elif name == "GLOBAL":
            self._push(Global(argument))
        elif name == "STACK_GLOBAL":
            attribute, module = self._stack.pop(), self._stack.pop()
            self._push(Global(f"{module} {attribute}"))
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_SET"):
            self._push({"EMPTY_DICT": dict, "EMPTY_LIST": list}.get(name, tuple)())
        elif name in ("DICT", "LIST", "TUPLE", "FROZENSET"):
            things = self._to_mark()
            self._push(_dict(things) if name == "DICT" else things if name == "LIST" else tuple(things))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            if len(self._stack) < count:
                raise IndexError("a value is missing")
            things = self._stack[-count:]
            del self._stack[-count:]
            self._push(tuple(things))
        elif name in ("SETITEM", "SETITEMS"):
            things = self._to_mark() if name == "SETITEMS" else [self._stack.pop(-2), self._stack.pop()]
            if isinstance(target := self._stack[-1], dict):
                target.update(_dict(things))
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            things = self._to_mark() if name != "APPEND" else [self._stack.pop()]
            if isinstance(target := self._stack[-1], list):
                target.extend(things)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._things += 1
            self._memo[len(self._memo) if name == "MEMOIZE" else int(str(argument))] = self._stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self._push(self._memo[int(str(argument))])
        elif name == "DUP":
            self._push(self._stack[-1])
        elif name == "POP":
            self._stack.pop()
        elif name == "POP_MARK":
            self._to_mark()
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, function = self._stack.pop(), self._stack.pop()
            self._push(_called(function, arguments))
        elif name == "NEWOBJ_EX":
            del self._stack[-3:]
            self._push(_UNKNOWN)
        elif name == "BUILD":
            state = self._stack.pop()
            if self._stack[-1] is _UNKNOWN and isinstance(state, dict):
                self._stack[-1] = state  # of a module, its parameters
        elif name == "BINPERSID":
            self._push(_storage(self._stack.pop()))
        elif name in ("OBJ", "INST"):
            self._to_mark()
            self._push(_UNKNOWN)
        else:
            self._push(_UNKNOWN)  # PERSID, EXT1, buffers: nothing that a model of PyTorch has


_CONSTANTS: dict[str, object] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}


def _dict(things: list[object]) -> dict[object, object]:
    """Return keys with the values behind them; of keys that are no text and no small number nothing can be named."""
    pairs = zip(things[::2], things[1::2], strict=True)
    return {key: value for key, value in pairs if isinstance(key, str) or (type(key) is int and abs(key) < 2**31)}


def _called(function: object, arguments: object) -> object:
    """Return what a call of PyTorch's makes, as far as it is about tensors."""
    if not isinstance(function, Global) or not isinstance(arguments, tuple):
        return _UNKNOWN
    if function == "collections OrderedDict":
        return {}
    if function in _WRAPPERS and arguments:
        return arguments[0]
    if function in _REBUILD:
        match arguments:
            case (Storage() as storage, int(offset), tuple(shape), tuple(strides), *more) if all(
                type(number) is int for number in (*shape, *strides)
            ):
                dtype = more[2] if len(more) > 2 and isinstance(more[2], Global) else None
                return PickledTensor(storage, offset, shape, strides, dtype and dtype.removeprefix("torch "))
    return _UNKNOWN


def _storage(said: object) -> object:
    match said:
        case ("storage", Global() as kind, str(key), *_):
            return Storage(kind.rpartition(" ")[2], key)
    return _UNKNOWN
