"""The functions of sql/sqlserver, executed: what they compute is what Python computes."""

import hashlib
import struct

import numpy as np
import pytest

from hartonomous_core.spatial.hilbert import encode
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from tests.sqlserver.functions import expectations
from tests.tools.tsql_evaluator.server import Server
from tests.tools.tsql_evaluator.values import Point

SEED_VECTOR = bytes.fromhex("3F8000003F8000003F800000")


def packed(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


# ---- float32 and cosine


def test_every_float32_is_decoded_exactly(functions: Server) -> None:
    expectations.float32_is_decoded(functions, 5000)


def test_a_missing_float32_is_null(functions: Server) -> None:
    assert functions.call("fn_Float32")(None) is None


@pytest.mark.parametrize("dimension", [1, 9, 10, 11, 999, 1000, 1001, 1998])
def test_components_are_numbered_from_zero_without_a_gap(functions: Server, dimension: int) -> None:
    vector = np.random.default_rng(dimension).normal(size=dimension).astype("<f4")
    rows = functions.rows("fn_VectorComponents", vector.tobytes())
    assert {row["Component"]: row["Value"] for row in rows} == dict(enumerate(vector.tolist()))
    assert len(rows) == dimension


@pytest.mark.parametrize("no_vector", [None, b"", b"\0\0\x80", bytes(5), bytes(4 * 1999)], ids=repr)
def test_what_is_no_vector_has_no_components(functions: Server, no_vector: bytes | None) -> None:
    assert functions.rows("fn_VectorComponents", no_vector) == []


def test_cosine_is_that_of_numpy(functions: Server) -> None:
    expectations.cosine_is_that_of_numpy(functions)


def test_the_seeds_own_call_gives_one(functions: Server) -> None:
    # Little-endian, its bytes are subnormal numbers.
    assert functions.call("clr_CosineSimilarity")(SEED_VECTOR, SEED_VECTOR) == 1.0


def test_a_vector_is_at_cosine_one_to_itself_whatever_its_size(functions: Server) -> None:
    cosine = functions.call("clr_CosineSimilarity")
    for size in (1.4e-45, 1e-40, 1.0, 3e38):
        assert cosine(packed(size, -size, size), packed(size, -size, size)) == 1.0
        assert cosine(packed(size, -size, size), packed(-size, size, -size)) == -1.0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (packed(1, 2), packed(1, 2, 3)),
        (b"", b""),
        (packed(0, 0), packed(1, 2)),
        (packed(0, 0), packed(0, 0)),
        (packed(1, float("nan")), packed(1, 2)),
        (packed(1, 2), packed(float("inf"), 2)),
        (bytes(3), bytes(3)),
        (None, packed(1)),
        (packed(1), None),
    ],
)
def test_what_has_no_cosine_is_null(functions: Server, a: bytes | None, b: bytes | None) -> None:
    assert functions.call("clr_CosineSimilarity")(a, b) is None
    assert functions.rows("fn_CosineSimilarity", a, b) == [{"Similarity": None}]


# ---- Hilbert


def test_hilbert_values_of_ten_thousand_points_are_those_of_python(functions: Server) -> None:
    expectations.hilbert_values_are_those_of_python(functions, bits=21, count=10_000)


@pytest.mark.parametrize("bits", range(1, 21))
def test_hilbert_values_are_those_of_python_for_every_number_of_bits(functions: Server, bits: int) -> None:
    expectations.hilbert_values_are_those_of_python(functions, bits=bits, count=200)


def test_a_missing_z_counts_as_zero_and_a_missing_x_or_y_has_no_value(functions: Server) -> None:
    value = functions.call("fn_HilbertValue")
    assert value(0.3, -0.2, None, 21) == value(0.3, -0.2, 0.0, 21) == encode(np.array([[0.3, -0.2, 0.0]]))[0]
    assert [value(None, 0.1, 0.2, 21), value(0.1, None, 0.2, 21), value(0.1, 0.2, 0.3, None)] == [None] * 3


@pytest.mark.parametrize("bits", [0, 22, -1])
def test_bits_that_do_not_fit_have_no_value(functions: Server, bits: int) -> None:
    assert functions.call("fn_HilbertValue")(0.1, 0.2, 0.3, bits) is None


def test_the_function_on_geometry_reads_x_y_and_z_and_not_the_srid(functions: Server) -> None:
    value = functions.call("clr_ComputeHilbertValue")
    points = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, -0.75]])
    flat, deep = encode(points).tolist()
    assert value(Point(0.5, 0.5, None, 0), 21) == value(Point(0.5, 0.5, None, 4326), 21) == flat
    assert value(Point(0.5, 0.5, -0.75, 0), 21) == deep
    assert value(None, 21) is None


# ---- landmarks and projection


def test_components_are_drawn_from_the_hash_to_the_bit(functions: Server) -> None:
    drawn = {
        row["component"]: (row["drawn0"], row["drawn1"], row["drawn2"])
        for row in functions.table("LandmarkComponent").rows
    }
    assert sorted(drawn) == list(range(1998))
    for component in (0, 1, 9, 10, 384, 1997):
        for axis in range(3):
            digest = hashlib.sha256(f"hartonomous-landmark-v1|{axis}|{component}".encode()).hexdigest()
            assert drawn[component][axis] == (int(digest[:14], 16) >> 3) / 2**53 * 2 - 1


@pytest.mark.parametrize("dimension", [3, 4, 5, 10, 384, 768, 1536, 1998])
def test_axes_are_those_of_python(functions: Server, dimension: int) -> None:
    expectations.axes_are_those_of_python(functions, dimension)


def test_every_dimension_from_three_to_1998_has_its_axes(functions: Server) -> None:
    assert [row["dimension"] for row in functions.table("LandmarkDimension").rows] == list(range(3, 1999))


@pytest.mark.parametrize("dimension", [3, 4, 384, 1536, 1998])
def test_positions_are_those_of_python(functions: Server, dimension: int) -> None:
    expectations.positions_are_those_of_python(functions, dimension)


@pytest.mark.parametrize(
    "no_vector", [None, b"", packed(1, 2), bytes(13), packed(1, 2, float("nan")), bytes(4 * 1999)], ids=repr
)
def test_what_is_no_vector_of_three_dimensions_has_no_position(functions: Server, no_vector: bytes | None) -> None:
    assert functions.rows("fn_Project", no_vector) == []
    assert functions.call("fn_ProjectTo3D")(no_vector) is None


def test_the_function_that_returns_geometry_loses_no_bit(functions: Server) -> None:
    vector = np.random.default_rng(5).normal(size=384).astype("<f4")
    [row] = functions.rows("fn_Project", vector.tobytes())
    assert functions.call("fn_ProjectTo3D")(vector.tobytes()) == Point(row["X"], row["Y"], row["Z"], 0)


def test_the_seeds_own_vector_of_1998_components_is_projected(functions: Server) -> None:
    vector = np.frombuffer(bytes.fromhex("3F800000") * 1998, dtype="<f4")
    point = functions.call("fn_ProjectTo3D")(vector.tobytes())
    expected = project(vector[None, :], landmark_axes(1998), np.zeros(3), scale_for(1998))[0]
    assert np.abs(np.array([point.x, point.y, point.z]) - expected).max() < 1e-9
