"""What the worker computes without a model: dot products, and the rows of a file with the greatest ones."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.compute.worker.frames import FRAME_BYTES, HEADER_BYTES
from hartonomous_resources.compute.worker.worker_messages import TopK

ANSWER_BYTES = FRAME_BYTES - HEADER_BYTES
"""What the arrays of an answer may come to."""
_BLOCK_NUMBERS = 1 << 20
"""Of a matrix, and of its products with the queries, at once."""
_MOST_QUERIES = 4096


def require_arrays(arrays: Sequence[NDArray[Any]], *wanted: tuple[str, int], row_bytes: int) -> None:
    """Raises ValueError unless the arrays are of these dtypes and numbers of dimensions, and an answer to them fits a message.

    It has `row_bytes` for each row of the first array. Rows without numbers are refused: they are as many as somebody says, and take no bytes.
    """
    there = [(array.dtype.name, array.ndim) for array in arrays]
    if there != list(wanted):
        told = [", ".join(f"{dtype} of {ndim} dimensions" for dtype, ndim in each) for each in (wanted, there)]
        raise ValueError(f"the arrays are to be {told[0]}, not {told[1] or 'none'}")
    if any(0 in array.shape[1:] for array in arrays):
        raise ValueError("there are rows of no width")
    if len(arrays[0]) * row_bytes > ANSWER_BYTES:
        raise ValueError(f"{len(arrays[0])} rows are more than an answer holds: at most {ANSWER_BYTES // row_bytes}")


def dot_product(arrays: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Return the dot product of each row of one array with that of the other, summed in float64. Raises ValueError for other arrays."""
    require_arrays(arrays, ("float32", 2), ("float32", 2), row_bytes=4)
    a, b = arrays
    if a.shape != b.shape:
        raise ValueError(f"shapes do not agree: {a.shape} and {b.shape}")
    sums: NDArray[np.float64] = np.einsum("ij,ij->i", a, b, dtype=np.float64)
    with np.errstate(over="ignore"):  # infinity says so
        return sums.astype(np.float32)


def top_k(home: Path, asked: TopK, arrays: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return rows and dot products, (queries, k) each, the greatest first, of equal ones the lower row.

    The file is read, not mapped: one that is cut short under a mapping ends the process. Raises ValueError for a file outside the home
    or too short, for no finite queries, and for what would be a larger answer than a message may be; OSError for a file that cannot be read.
    """
    require_arrays(arrays, ("float32", 2), row_bytes=12 * asked.k)
    [queries] = arrays
    if not np.isfinite(queries).all() or not 0 < len(queries) <= _MOST_QUERIES:
        raise ValueError(f"the queries are 1 to {_MOST_QUERIES} rows of finite numbers")
    if asked.k > asked.rows or len(queries) * asked.k * 12 > FRAME_BYTES // 2:
        raise ValueError(f"{asked.k} of {asked.rows} rows for {len(queries)} queries are too many")
    dimension, dtype = queries.shape[1], np.dtype(asked.dtype).newbyteorder("<")
    best_rows = np.empty((len(queries), 0), np.int64)
    best = np.empty((len(queries), 0), np.float32)
    at_once = max(1, _BLOCK_NUMBERS // max(dimension, len(queries)))
    with _open_inside(home, asked.path) as file:
        if os.fstat(file.fileno()).st_size < asked.offset + asked.rows * dimension * dtype.itemsize:
            raise ValueError(f"{asked.path} ends before {asked.rows} rows of {dimension} from {asked.offset} on do")
        file.seek(asked.offset)
        for first in range(0, asked.rows, at_once):
            count = min(at_once, asked.rows - first)
            block = np.frombuffer(file.read(count * dimension * dtype.itemsize), dtype)
            if len(block) != count * dimension:
                raise ValueError(f"{asked.path} was cut short while it was read")
            products = queries @ block.astype(np.float32).reshape(count, dimension).T
            rows = np.broadcast_to(np.arange(first, first + count), products.shape)
            best_rows, best = _greatest(
                np.concatenate([best_rows, rows], 1), np.concatenate([best, products], 1), asked.k
            )
    return best_rows, best


def _greatest(
    rows: NDArray[np.int64], products: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Rows come in ascending order among equals, so that a stable sort leaves the lower one first."""
    order = np.argsort(-products, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, order, 1), np.take_along_axis(products, order, 1)


def _open_inside(home: Path, path: str) -> IO[bytes]:
    """Open a file of the home, whatever links lead there. Raises ValueError for one outside, and for what is no file."""
    home = home.resolve()
    try:
        found = (home / path).resolve(strict=True)
    except RuntimeError as error:  # links in a circle
        raise ValueError(str(error)) from error
    if not found.is_relative_to(home):
        raise ValueError(f"{path} is not in the home")
    handle = os.open(found, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = os.fdopen(handle, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        file.close()
        raise ValueError(f"{path} is no file")
    return file
