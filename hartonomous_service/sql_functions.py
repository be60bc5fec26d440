"""SQL Server's functions for the embedded store, under the same names: fn_ProjectTo3D, clr_ComputeHilbertValue, clr_CosineSimilarity.

A geometry is its well-known text here, `POINT (x y z)`; the embedded column SpatialKey is one too. Arguments that have no answer
give NULL, as on SQL Server; arguments of the wrong kind are errors.
"""

import math
import re
import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.spatial import hilbert
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_service import sql_types

MAX_DIMENSION = 1998
"""What SQL Server's functions take, and what its VECTOR columns hold."""

_MAX_BYTES = 100 * 1024 * 1024
_POINT = re.compile(r"\s*POINT\s*\(\s*(\S+)\s+(\S+?)(?:\s+(\S+?))?\s*\)\s*", re.IGNORECASE)


def add_functions(connection: sqlite3.Connection, complaints: list[str]) -> None:
    """Register the functions on a connection.

    A function that refuses its arguments appends the reason to `complaints`: SQLite itself says only that a function failed.
    """
    for name, arguments, function in (
        ("fn_ProjectTo3D", 1, project_to_3d),
        ("clr_ComputeHilbertValue", 2, hilbert_value),
        ("clr_CosineSimilarity", 2, cosine_similarity),
        ("geometry_point", 3, point),
        ("REPLICATE", 2, replicate),
        ("REPEAT", 2, replicate),  # what REPLICATE is called once the text has been translated
        ("tsql_add", 2, sql_types.add),
        ("tsql_cast", 5, sql_types.cast),
    ):
        connection.create_function(name, arguments, _with_complaints(name, function, complaints), deterministic=True)


def project_to_3d(vector: bytes | None) -> str | None:
    """Return the landmark position of a vector; None for fewer than 3 or more than 1,998 dimensions, NaN and infinity."""
    components = _read_components(vector)
    if components is None or len(components) < 3:
        return None
    dimension = len(components)
    matrix = components.reshape(1, dimension)
    [position] = project(matrix, landmark_axes(dimension), np.zeros(3), scale_for(dimension)).tolist()
    return _point_text(*position)


def hilbert_value(geometry: str | None, bits: int | None) -> int | None:
    """Return the place of a point on the Hilbert curve; a missing z counts as 0."""
    if geometry is None or bits is None or not 1 <= bits <= hilbert.MAX_BITS:
        return None
    match = _POINT.fullmatch(geometry)
    if match is None:
        raise ValueError(f"{geometry!r} is no point")
    x, y, z = (float(part or 0.0) for part in match.groups())
    return int(hilbert.encode(np.array([[x, y, z]]), bits)[0])


def cosine_similarity(a: bytes | None, b: bytes | None) -> float | None:
    """Return the cosine of two vectors, in float64; None where it is not defined (different lengths, empty, zero, NaN)."""
    left, right = _read_components(a), _read_components(b)
    if left is None or right is None or len(left) != len(right):
        return None
    x, y = left.astype(np.float64), right.astype(np.float64)
    lengths = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / lengths if lengths else None


def point(x: float | None, y: float | None, srid: int | None) -> str | None:
    """Do what geometry::Point does: the third argument is the SRID, which well-known text does not hold; there is no z."""
    return None if x is None or y is None or srid is None else _point_text(x, y)


def replicate(value: bytes | str | float | None, times: int | None) -> bytes | str | None:
    """Do what REPLICATE does, but return bytes for bytes. (On SQL Server it makes text of them, which must be converted back.)"""
    if value is None or times is None or times < 0:
        return None
    repeated = value if isinstance(value, (bytes, str)) else str(value)
    if len(repeated) * times > _MAX_BYTES:
        raise ValueError(f"the result would be longer than {_MAX_BYTES} bytes")
    return repeated * times


def _read_components(vector: bytes | None) -> NDArray[np.float32] | None:
    """Return the float32 components of a vector; None for bytes that are not one."""
    if vector is None:
        return None
    if not isinstance(vector, bytes):
        raise ValueError("a vector is binary: float32, little-endian")
    if not vector or len(vector) % 4 or len(vector) > 4 * MAX_DIMENSION:
        return None
    components = np.frombuffer(vector, dtype="<f4")
    return components if np.isfinite(components).all() else None


def _point_text(*coordinates: float) -> str:
    return f"POINT ({' '.join(repr(float(c)).removesuffix('.0') for c in coordinates)})"


def _with_complaints(name: str, function: Callable[..., Any], complaints: list[str]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except (ValueError, TypeError) as error:
            complaints.append(f"{name}: {error}")
            raise

    return call
