"""What the functions must do, as checks that can be run on the files as they are and on changed ones."""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.spatial.hilbert import encode
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from tests.tools.tsql_evaluator.server import Server


def float32_bytes(count: int) -> list[bytes]:
    """Random bit patterns, of which a tenth are subnormal, and those at the borders."""
    rng = np.random.default_rng(32)
    patterns = rng.integers(0, 2**32, count, dtype=np.uint64)
    patterns[: count // 10] &= 0x807FFFFF
    borders = [
        0,
        1,
        0x7FFFFF,
        0x800000,
        0x3F800000,
        0x7F7FFFFF,
        0x7F800000,
        0x7F800001,
        0xFFC00000,
        0x80000001,
        0x80000000,
    ]
    return [int(pattern).to_bytes(4, "little") for pattern in [*borders, *patterns]]


def float32_is_decoded(server: Server, count: int) -> None:
    """Every finite float32 to the float64 that it is; NaN and infinity to NULL."""
    decode = server.call("fn_Float32")
    for pattern in float32_bytes(count):
        [expected] = struct.unpack("<f", pattern)
        assert decode(pattern) == (expected if math.isfinite(expected) else None), pattern.hex()


def cosine_is_that_of_numpy(server: Server) -> None:
    """On random vectors of many lengths."""
    cosine = server.call("clr_CosineSimilarity")
    rng = np.random.default_rng(1)
    for dimension in (1, 2, 3, 10, 384, 999, 1000, 1001, 1998):
        a, b = rng.normal(size=(2, dimension)).astype("<f4")
        x, y = a.astype(np.float64), b.astype(np.float64)
        expected = float(x @ y / np.sqrt((x @ x) * (y @ y)))
        assert abs(cosine(a.tobytes(), b.tobytes()) - expected) < 1e-12


def hilbert_points(count: int, bits: int) -> NDArray[np.float64]:
    """Random points, a fifth of them half way between grid lines, and the corners and outsides of the cube."""
    rng = np.random.default_rng(bits)
    points = rng.uniform(-1, 1, (count, 3))
    half_way = (rng.integers(0, 2**bits, (count // 5, 3)) + 0.5) / (2**bits - 1) * 2.0 - 1.0
    points[: count // 5] = half_way
    points[-6:] = np.array(
        [[-1, -1, -1], [1, 1, 1], [0, 0, 0], [1, -1, 0], [5.0, -3.0, 1.0000001], [-0.0, 0.543, -0.217]]
    )
    return points


def hilbert_values_are_those_of_python(server: Server, bits: int, count: int) -> None:
    """The same integer for every point."""
    value = server.call("fn_HilbertValue")
    points = hilbert_points(count, bits)
    expected = encode(points, bits).tolist()
    for point, wanted in zip(points.tolist(), expected, strict=True):
        assert value(*point, bits) == wanted, (point, bits)


def axes_are_those_of_python(server: Server, dimension: int) -> None:
    """Component by component."""
    rows = sorted(server.rows("fn_LandmarkAxes", dimension), key=lambda row: row["Component"])
    axes = np.array([[row[name] for row in rows] for name in ("Axis0", "Axis1", "Axis2")])
    assert axes.shape == (3, dimension)
    assert np.abs(axes - landmark_axes(dimension)).max() < 1e-12


def positions_are_those_of_python(server: Server, dimension: int) -> None:
    """For unit vectors, and for vectors far out along each axis, which are clipped."""
    random = np.random.default_rng(dimension).normal(size=(3, dimension))
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    far = 1.5 * scale_for(dimension) * landmark_axes(dimension)
    vectors = np.concatenate([random, far, -far]).astype("<f4")
    expected = project(vectors, landmark_axes(dimension), np.zeros(3), scale_for(dimension))
    for vector, wanted in zip(vectors, expected, strict=True):
        [row] = server.rows("fn_Project", vector.tobytes())
        assert np.abs(np.array([row["X"], row["Y"], row["Z"]]) - wanted).max() < 1e-9
