"""The functions of sql/sqlserver, executed: what they compute is what Python computes."""

import hashlib
import math
import struct

import numpy as np
import pytest

from hartonomous_core.spatial.hilbert import encode
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from tests.tools.tsql_evaluator.server import Server
from tests.tools.tsql_evaluator.values import Point

pytestmark = pytest.mark.slow
SEED_VECTOR = bytes.fromhex("3F8000003F8000003F800000")


def packed(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


# ---- float32 and cosine


def test_every_float32_is_decoded_exactly(functions: Server) -> None:
    """The borders, and random bit patterns of which a tenth are subnormal; NaN and infinity are NULL."""
    patterns = np.random.default_rng(32).integers(0, 2**32, 1000, dtype=np.uint64)
    patterns[:100] &= 0x807FFFFF
    borders = [0, 1, 0x7FFFFF, 0x800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0xFFC00000, 0x80000001, 2**31]
    for number in [*borders, *patterns.tolist()]:
        pattern = number.to_bytes(4, "little")
        [expected] = struct.unpack("<f", pattern)
        assert functions.call("fn_Float32", pattern) == (expected if math.isfinite(expected) else None), pattern.hex()
    assert functions.call("fn_Float32", None) is None


@pytest.mark.parametrize("dimension", [1, 10, 999, 1998])
def test_components_are_numbered_from_zero_without_a_gap(functions: Server, dimension: int) -> None:
    vector = np.random.default_rng(dimension).normal(size=dimension).astype("<f4")
    rows = functions.select("fn_VectorComponents", vector.tobytes())
    assert {row["Component"]: row["Value"] for row in rows} == dict(enumerate(vector.tolist()))
    assert len(rows) == dimension


def test_what_is_no_vector_has_no_components(functions: Server) -> None:
    for no_vector in (None, b"", b"\0\0\x80", bytes(5), bytes(4 * 1999)):
        assert functions.select("fn_VectorComponents", no_vector) == []


def test_cosine_is_that_of_numpy(functions: Server) -> None:
    rng = np.random.default_rng(1)
    for dimension in (1, 2, 384, 1001, 1998):
        a, b = rng.normal(size=(2, dimension)).astype("<f4")
        x, y = a.astype(np.float64), b.astype(np.float64)
        expected = float(x @ y / np.sqrt((x @ x) * (y @ y)))
        assert abs(functions.call("clr_CosineSimilarity", a.tobytes(), b.tobytes()) - expected) < 1e-12


def test_a_vector_is_at_cosine_one_to_itself_whatever_its_size(functions: Server) -> None:
    assert functions.call("clr_CosineSimilarity", SEED_VECTOR, SEED_VECTOR) == 1.0  # its bytes are subnormal numbers
    for size in (1.4e-45, 1e-40, 1.0, 3e38):
        vector, opposite = packed(size, -size, size), packed(-size, size, -size)
        assert functions.call("clr_CosineSimilarity", vector, vector) == 1.0
        assert functions.call("clr_CosineSimilarity", vector, opposite) == -1.0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (packed(1, 2), packed(1, 2, 3)),
        (b"", b""),
        (packed(0, 0), packed(1, 2)),
        (packed(1, float("nan")), packed(1, 2)),
        (packed(1, 2), packed(float("inf"), 2)),
        (bytes(3), bytes(3)),
        (None, packed(1)),
    ],
)
def test_what_has_no_cosine_is_null(functions: Server, a: bytes | None, b: bytes | None) -> None:
    assert functions.call("clr_CosineSimilarity", a, b) is None
    assert functions.select("fn_CosineSimilarity", a, b) == [{"Similarity": None}]


# ---- Hilbert


@pytest.mark.parametrize("bits", range(1, 22))
def test_hilbert_values_are_those_of_python(functions: Server, bits: int) -> None:
    """The same integer for random points, points half way between grid lines, and the corners and outsides of the cube."""
    count = 500 if bits == 21 else 50
    rng = np.random.default_rng(bits)
    points = rng.uniform(-1, 1, (count, 3))
    points[: count // 5] = (rng.integers(0, 2**bits, (count // 5, 3)) + 0.5) / (2**bits - 1) * 2.0 - 1.0
    points[-6:] = [[-1, -1, -1], [1, 1, 1], [0, 0, 0], [1, -1, 0], [5.0, -3.0, 1.0000001], [-0.0, 0.543, -0.217]]
    for point, wanted in zip(points.tolist(), encode(points, bits).tolist(), strict=True):
        assert functions.call("fn_HilbertValue", *point, bits) == wanted, (point, bits)


def test_a_missing_z_counts_as_zero_and_what_else_is_missing_or_does_not_fit_has_no_value(functions: Server) -> None:
    assert functions.call("fn_HilbertValue", 0.3, -0.2, None, 21) == encode(np.array([[0.3, -0.2, 0.0]]))[0]
    for arguments in (
        (None, 0.1, 0.2, 21),
        (0.1, None, 0.2, 21),
        *((0.1, 0.2, 0.3, bits) for bits in (None, 0, 22, -1)),
    ):
        assert functions.call("fn_HilbertValue", *arguments) is None


def test_the_function_on_geometry_reads_x_y_and_z_and_not_the_srid(functions: Server) -> None:
    flat, deep = encode(np.array([[0.5, 0.5, 0.0], [0.5, 0.5, -0.75]])).tolist()
    for point, wanted in (
        (Point(0.5, 0.5, None, 0), flat),
        (Point(0.5, 0.5, None, 4326), flat),
        (Point(0.5, 0.5, -0.75, 0), deep),
        (None, None),
    ):
        assert functions.call("clr_ComputeHilbertValue", point, 21) == wanted


# ---- landmarks and projection


def test_components_are_drawn_from_the_hash_to_the_bit(functions: Server) -> None:
    drawn = functions.tables["landmarkcomponent"].rows
    assert sorted(row["component"] for row in drawn) == list(range(1998))
    for row in drawn:
        for axis in range(3):
            digest = hashlib.sha256(f"hartonomous-landmark-v1|{axis}|{row['component']}".encode()).hexdigest()
            assert row[f"drawn{axis}"] == (int(digest[:14], 16) >> 3) / 2**53 * 2 - 1


@pytest.mark.parametrize("dimension", [3, 4, 5, 10, 384, 768, 1536, 1998])
def test_axes_are_those_of_python(functions: Server, dimension: int) -> None:
    rows = sorted(functions.select("fn_LandmarkAxes", dimension), key=lambda row: row["Component"])
    axes = np.array([[row[name] for row in rows] for name in ("Axis0", "Axis1", "Axis2")])
    assert axes.shape == (3, dimension)
    assert np.abs(axes - landmark_axes(dimension)).max() < 1e-12


def test_every_dimension_from_three_to_1998_has_its_axes(functions: Server) -> None:
    assert [row["dimension"] for row in functions.tables["landmarkdimension"].rows] == list(range(3, 1999))


@pytest.mark.parametrize("dimension", [3, 4, 12, 384, 1998])
def test_positions_are_those_of_python(functions: Server, dimension: int) -> None:
    """For a unit vector, and for vectors far out along each axis, which are clipped."""
    random = np.random.default_rng(dimension).normal(size=(1, dimension))
    far = 1.5 * scale_for(dimension) * landmark_axes(dimension)
    vectors = np.concatenate([random / np.linalg.norm(random), far, -far]).astype("<f4")
    expected = project(vectors, landmark_axes(dimension), np.zeros(3), scale_for(dimension))
    for vector, wanted in zip(vectors, expected, strict=True):
        [row] = functions.select("fn_Project", vector.tobytes())
        assert np.abs(np.array([row["X"], row["Y"], row["Z"]]) - wanted).max() < 1e-9


def test_what_is_no_vector_of_three_dimensions_has_no_position(functions: Server) -> None:
    for no_vector in (None, b"", packed(1, 2), bytes(13), packed(1, 2, float("nan")), bytes(4 * 1999)):
        assert functions.select("fn_Project", no_vector) == []
        assert functions.call("fn_ProjectTo3D", no_vector) is None


def test_the_function_that_returns_geometry_loses_no_bit(functions: Server) -> None:
    """Also of the seed's own vector of 1998 components."""
    random = np.random.default_rng(5).normal(size=384).astype("<f4").tobytes()
    for vector in (random, bytes.fromhex("3F800000") * 1998):
        [row] = functions.select("fn_Project", vector)
        assert functions.call("fn_ProjectTo3D", vector) == Point(row["X"], row["Y"], row["Z"], 0)
