"""Statistics of a tensor, block by block: the same on every machine, as no sum is left to a library that orders it by processor."""

import json

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 64 * 1024
"""Numbers: so many stay in the cache of a processor."""
_NUMPY = {
    "f16": "<f2", "f32": "<f4", "f64": "<f8", "i8": "i1", "u8": "u1", "bool": "u1",
    "i16": "<i2", "u16": "<u2", "i32": "<i4", "u32": "<u4", "i64": "<i8", "u64": "<u8", "bf16": "<u2",
}  # fmt: skip
_FIT_FLOAT32 = ("f16", "f32", "i8", "u8", "bool")


class TensorStatistics:
    """Least, most, mean and standard deviation of the finite numbers, how many are zero, and how many are not finite.

    Of dtypes that are packed or complex, and of eight bits, there are none. Numbers are said to six digits, which are not all exact.
    """

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype
        self._type = _NUMPY.get(dtype)
        self._count = self._zeros = self._not_finite = 0
        # Sums are of deviations from the first number: those of the numbers themselves leave nothing of a small deviation.
        self._origin = self._sum = self._squares = 0.0
        self._least, self._most = np.inf, -np.inf

    def add(self, block: bytes) -> None:
        """Add the next numbers, little-endian; bytes of a part of a number are left out."""
        if self._type is None:
            return
        values = np.frombuffer(block, self._type, len(block) // np.dtype(self._type).itemsize)
        widened, deviations = np.empty(_AT_ONCE, "<u4"), np.empty(_AT_ONCE, "<f8")
        for start in range(0, len(values), _AT_ONCE):
            some = values[start : start + _AT_ONCE]
            if self._dtype == "bf16":  # the upper half of a float32
                wide = widened[: len(some)]
                np.left_shift(some, 16, out=wide, dtype="<u4", casting="unsafe")
                self._add(wide.view("<f4"), deviations)
            else:
                self._add(some.astype("<f4" if self._dtype in _FIT_FLOAT32 else "<f8", copy=False), deviations)

    def _add(self, values: NDArray[np.floating], deviations: NDArray[np.float64]) -> None:
        total, squares = self._sums(values, deviations)
        if not (np.isfinite(total) and np.isfinite(squares)):
            finite = np.isfinite(values)
            self._not_finite += int(len(values) - np.count_nonzero(finite))
            values = values[finite]
            if not len(values):
                return
            total, squares = self._sums(values, deviations)
        self._count += len(values)
        self._zeros += int(np.count_nonzero(values == 0))
        self._sum += total
        self._squares += squares
        self._least = min(self._least, float(values.min()))
        self._most = max(self._most, float(values.max()))

    def _sums(self, values: NDArray[np.floating], deviations: NDArray[np.float64]) -> tuple[float, float]:
        """Return the sum of the deviations, and that of their squares. `deviations` is written over."""
        if self._count == 0:
            self._origin = float(values[0])
        there = deviations[: len(values)]
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(values, self._origin, out=there, dtype="<f8")
            return float(np.add.reduce(there)), float(np.add.reduce(np.square(there, out=there)))

    def numbers(self) -> dict[str, float]:
        """Return what there is to say, by name; empty where nothing is."""
        if not self._count:
            return {"notFinite": self._not_finite} if self._not_finite else {}
        said: dict[str, float] = {"least": _short(self._least), "most": _short(self._most)}
        if np.isfinite(self._squares):
            mean = self._sum / self._count
            variance = max(0.0, self._squares / self._count - mean * mean)
            said |= {"mean": _short(self._origin + mean), "deviation": _short(variance**0.5)}
        return said | {"zeros": self._zeros, "notFinite": self._not_finite}

    def document(self, shape: tuple[int, ...]) -> bytes:
        """Return them as JSON, with dtype and shape: equal tensors have equal ones."""
        return json.dumps({"dtype": self._dtype, "shape": shape, **self.numbers()}).encode()


def _short(number: float) -> float:
    return float(f"{number:.6g}")
