"""The functions of SQL Server in `hartonomous sql` on the embedded store, and the quick checks as people wrote them."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hartonomous_assets.spatial.hilbert import encode
from hartonomous_assets.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import CommandError
from hartonomous_service.sql_console import run_sql

PROJECTION = """-- Call CLR function directly
DECLARE @vec VARBINARY(MAX) = REPLICATE(CAST(0x3F800000 AS VARBINARY(4)), 1998);
SELECT dbo.fn_ProjectTo3D(@vec).ToString() AS SpatialProjection;
"""
PROJECTION_AS_SQL_SERVER_NEEDS_IT = """
DECLARE @vec VARBINARY(MAX) = CONVERT(VARBINARY(MAX), REPLICATE(CONVERT(VARCHAR(MAX), 0x3F800000), 1998));
SELECT dbo.fn_ProjectTo3D(@vec).ToString() AS SpatialProjection;
"""
HILBERT = """-- Test Hilbert curve mapping
SELECT dbo.clr_ComputeHilbertValue(geometry::Point(0.5, 0.5, 0), 21) AS HilbertValue;
"""
COSINE = """-- Test cosine similarity
DECLARE @vec1 VARBINARY(MAX) = 0x3F8000003F8000003F800000;
DECLARE @vec2 VARBINARY(MAX) = 0x3F8000003F8000003F800000;
SELECT dbo.clr_CosineSimilarity(@vec1, @vec2) AS Similarity;
-- Expected: 1.0
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home that has an empty database."""
    monkeypatch.setenv("HARTONOMOUS_HOME", str(tmp_path))
    settings = Settings()
    database = SqliteDatabase(settings.database_path)
    database.migrate()
    database.close()
    return settings


def only(home: Settings, text: str, **options: Any) -> Any:
    """The one value that a text returns."""
    [[value]] = run_sql(home, text, **options)["rows"]
    return value


def literal(*numbers: float) -> str:
    return f"0x{struct.pack(f'<{len(numbers)}f', *numbers).hex()}"


# ---- the three quick checks


@pytest.mark.parametrize("text", [PROJECTION, PROJECTION_AS_SQL_SERVER_NEEDS_IT])
def test_the_projection_check_runs_as_written(home: Settings, text: str) -> None:
    result = run_sql(home, text)

    vector = np.frombuffer(bytes.fromhex("3F800000") * 1998, dtype="<f4")
    expected = project(vector[None, :], landmark_axes(1998), np.zeros(3), scale_for(1998))[0]
    assert result["columns"] == ["SpatialProjection"]
    [[shown]] = result["rows"]
    assert [float(part) for part in shown.removeprefix("POINT (").removesuffix(")").split()] == expected.tolist()


def test_the_hilbert_check_runs_as_written(home: Settings) -> None:
    assert only(home, HILBERT) == encode(np.array([[0.5, 0.5, 0.0]]))[0]


def test_the_cosine_check_runs_as_written(home: Settings) -> None:
    assert only(home, COSINE) == 1.0


# ---- the functions


def test_a_third_coordinate_counts_where_there_is_one(home: Settings) -> None:
    value = only(home, "SELECT dbo.clr_ComputeHilbertValue(geometry::STPointFromText('POINT(0.5 0.5 -0.75)', 0), 21)")
    assert value == encode(np.array([[0.5, 0.5, -0.75]]))[0]


def test_the_srid_does_not_count(home: Settings) -> None:
    assert only(home, HILBERT.replace("0.5, 0)", "0.5, 4326)")) == only(home, HILBERT)


def test_a_projected_vector_goes_straight_on_the_curve(home: Settings) -> None:
    vector = np.random.default_rng(0).normal(size=384).astype("<f4")
    value = only(home, f"SELECT dbo.clr_ComputeHilbertValue(dbo.fn_ProjectTo3D(0x{vector.tobytes().hex()}), 21)")
    point = project(vector[None, :], landmark_axes(384), np.zeros(3), scale_for(384))
    assert value == encode(point)[0]


def test_cosine_of_other_vectors(home: Settings) -> None:
    assert only(home, f"SELECT dbo.clr_CosineSimilarity({literal(1, 0)}, {literal(1, 1)})") == pytest.approx(0.5**0.5)
    assert only(home, f"SELECT dbo.clr_CosineSimilarity({literal(1, 2)}, {literal(-1, -2)})") == -1.0


@pytest.mark.parametrize(
    "call",
    [
        f"clr_CosineSimilarity({literal(1, 2)}, {literal(1, 2, 3)})",
        f"clr_CosineSimilarity({literal(0, 0)}, {literal(1, 2)})",
        f"clr_CosineSimilarity({literal(1, float('nan'))}, {literal(1, 2)})",
        f"clr_CosineSimilarity(NULL, {literal(1, 2)})",
        f"fn_ProjectTo3D({literal(1, 2)})",
        "fn_ProjectTo3D(0x0102)",
        f"fn_ProjectTo3D({literal(*[1.0] * 1999)})",
        f"fn_ProjectTo3D({literal(1, 2, float('inf'))})",
        "clr_ComputeHilbertValue(geometry::Point(0, 0, 0), 22)",
        "clr_ComputeHilbertValue(geometry::Point(0, NULL, 0), 21)",
    ],
)
def test_what_has_no_answer_is_null_as_on_sql_server(home: Settings, call: str) -> None:
    assert only(home, f"SELECT dbo.{call}") is None


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("SELECT dbo.fn_ProjectTo3D('text')", "a vector is binary"),
        ("SELECT dbo.clr_ComputeHilbertValue('LINESTRING(1 1, 2 2)', 21)", "is no point"),
        ("SELECT dbo.fn_ProjectTo3D(REPLICATE(0x00, 2000000000))", "longer than"),
        ("SELECT geometry::STLineFromText('LINESTRING(1 1, 2 2)', 0)", "geometry::STLineFromText is not known"),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_so(home: Settings, call: str, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        run_sql(home, call)


def test_the_functions_work_in_sqlites_own_dialect_too(home: Settings) -> None:
    assert only(home, "SELECT clr_CosineSimilarity(x'3F800000', x'3F800000')") == 1.0


# ---- variables


def test_variables_are_declared_set_and_read_whatever_their_case(home: Settings) -> None:
    text = "DECLARE @a INT = 20, @B NVARCHAR(10) = N'x'; SET @A = @a + 1; DECLARE @c INT = @a * 2; SELECT @a, @b, @C;"
    assert run_sql(home, text)["rows"] == [[21, "x", 42]]


def test_a_variable_without_a_value_is_null(home: Settings) -> None:
    assert only(home, "DECLARE @a INT; SELECT @a") is None


def test_a_variable_has_the_type_it_was_declared_with(home: Settings) -> None:
    assert run_sql(home, "DECLARE @a INT = '7', @b FLOAT = 1; SELECT @a + 1, @b")["rows"] == [[8, 1.0]]


def test_a_geometry_can_be_kept_in_a_variable(home: Settings) -> None:
    text = "DECLARE @p geometry = geometry::Point(0.5, -1, 0); SELECT @p.ToString()"
    assert only(home, text) == "POINT (0.5 -1)"


def test_a_variable_that_was_not_declared_is_named(home: Settings) -> None:
    with pytest.raises(CommandError, match="@b was not declared"):
        run_sql(home, "DECLARE @a INT = 1; SELECT @a + @b")


def test_what_only_sql_server_knows_is_named(home: Settings) -> None:
    with pytest.raises(CommandError, match="@@VERSION"):
        run_sql(home, "SELECT TOP 1 @@VERSION")
    with pytest.raises(CommandError, match="SET"):
        run_sql(home, "DECLARE @a INT; SET NOCOUNT ON; SELECT @a")


def test_variables_filter_tables(home: Settings) -> None:
    run_sql(
        home,
        "INSERT INTO dbo.Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (0, 'text', HASHBYTES('SHA2_256', 'a'), N'a')",
        write=True,
    )
    text = "DECLARE @h VARBINARY(32) = HASHBYTES('SHA2_256', 'a'); SELECT CanonicalText FROM dbo.Atom WHERE ContentHash = @h"
    assert only(home, text) == "a"
