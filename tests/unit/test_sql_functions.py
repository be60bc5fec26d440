"""The functions of SQL Server in `hartonomous sql` on the embedded store, and the quick checks as people wrote them."""

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hartonomous_core.spatial.hilbert import encode
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import Invalid
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
    with pytest.raises(Invalid, match=complaint):
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
    with pytest.raises(Invalid, match="@b was not declared"):
        run_sql(home, "DECLARE @a INT = 1; SELECT @a + @b")


def test_what_only_sql_server_knows_is_named(home: Settings) -> None:
    with pytest.raises(Invalid, match="@@VERSION"):
        run_sql(home, "SELECT TOP 1 @@VERSION")
    with pytest.raises(Invalid, match="SET"):
        run_sql(home, "DECLARE @a INT; SET NOCOUNT ON; SELECT @a")


def test_variables_filter_tables(home: Settings) -> None:
    run_sql(
        home,
        "INSERT INTO dbo.Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (0, 'text', HASHBYTES('SHA2_256', 'a'), N'a')",
        write=True,
    )
    text = "DECLARE @h VARBINARY(32) = HASHBYTES('SHA2_256', 'a'); SELECT CanonicalText FROM dbo.Atom WHERE ContentHash = @h"
    assert only(home, text) == "a"


# ---- texts, types and what is not done here


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'a' + 'b'", "ab"),
        ("N'a' + 'b' + N'c'", "abc"),
        ("0x01 + 0x02", "0102"),
        ("'1' + '2'", "12"),
        ("'1' + 2", 3),
        ("1 + 2 + N''", 3),
        ("NULL + 'x'", None),
        ("CAST('abcdef' AS VARBINARY(3))", b"abc".hex()),
        ("CAST('abcdef' AS VARCHAR(3))", "abc"),
        ("CAST('abcdef' AS NVARCHAR(3))", "abc"),
        ("CAST(N'a😀b' AS NVARCHAR(3))", "a😀"),
        ("CAST(N'a😀b' AS NVARCHAR(2))", "a"),
        ("CONVERT(VARBINARY(2), 'abc')", b"ab".hex()),
        ("CAST('ab' AS CHAR(3)) + '|'", "ab |"),
        ("CAST(0x0102 AS BINARY(4))", "01020000"),
        ("CAST(258 AS VARBINARY(8))", "00000102"),
        ("CAST(258 AS VARBINARY(1))", "02"),
        (f"CAST('{'x' * 40}' AS VARCHAR)", "x" * 30),
        (f"CAST('{'x' * 40}' AS VARCHAR(MAX))", "x" * 40),
        ("CONVERT(VARCHAR(10), 0x12AB, 2)", "12AB"),
        ("CONVERT(VARBINARY(8), '0x12ab', 1)", "12ab"),
        ("TRY_CAST('x' AS INT)", None),
        ("TRY_CONVERT(INT, N'7')", 7),
        ("CAST(0x0102 AS INT)", 258),
        ("CAST(-1.7 AS INT)", -1),
    ],
)
def test_texts_and_types_are_as_on_sql_server(home: Settings, expression: str, value: object) -> None:
    assert only(home, f"SELECT {expression}") == value


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("'a' + 1", "'a' is no number"),
        ("0x01 + 'a'", "bytes can only be joined to bytes"),
        ("CAST('x' AS INT) + N''", "'x' is no number"),
        ("CAST(300 AS TINYINT) + N''", "out of the range of tinyint"),
        ("CAST(12345 AS VARCHAR(3))", "does not fit"),
    ],
)
def test_what_cannot_be_converted_is_an_error(home: Settings, expression: str, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        run_sql(home, f"SELECT {expression}")


def test_a_column_without_a_name_has_that_of_its_text(home: Settings) -> None:
    assert run_sql(home, "SELECT 'a' + 'b', CAST(1 AS VARCHAR(2)) AS x")["columns"] == ["'a' + 'b'", "x"]


def test_a_select_assigns_variables_as_the_types_that_they_have(home: Settings) -> None:
    text = "DECLARE @a NVARCHAR(3), @b INT = 1; SELECT @a = 'abcdef', @b = @b + 1; SELECT @a, @b"
    assert run_sql(home, text)["rows"] == [["abc", 2]]


def test_go_separates_batches_and_ends_variables(home: Settings) -> None:
    results = run_sql(home, "SELECT 1\nGO\nDECLARE @a INT = 2; SELECT @a\n go \nSELECT 'GO'")["results"]
    assert [result["rows"] for result in results] == [[[1]], [[2]], [["GO"]]]
    with pytest.raises(Invalid, match="@a was not declared"):
        run_sql(home, "DECLARE @a INT = 2\nGO\nSELECT @a")


def test_the_tables_of_the_file_can_be_asked_for(home: Settings) -> None:
    assert only(home, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'Atom'") == 1


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE x (a INT)",
        "CREATE TABLE dbo.x (a VARBINARY(4))",
        "CREATE TEMP TABLE x (a)",
        "CREATE TABLE #x (a NVARCHAR(4))",
        "CREATE VIEW v AS SELECT 1",
        "DROP TABLE Atom",
        "DROP TABLE dbo.Atom",
        "DROP TRIGGER Atom_NeedsEmbedding",
        "ALTER TABLE Atom ADD COLUMN x",
        "ALTER TABLE dbo.Atom ADD x INT",
        "TRUNCATE TABLE dbo.Atom",
        "SELECT * INTO dbo.x FROM dbo.Atom",
        "PRINT 'x'",
        "PRINT N'x'",
        "WAITFOR DELAY '0:0:1'",
        "WAITFOR DELAY N'0:0:1'",
        "IF 1 = 1 SELECT 1",
        "BEGIN TRAN",
        "BEGIN TRANSACTION; SELECT TOP 1 1; COMMIT",
        "GRANT SELECT ON dbo.Atom TO x",
        "SELECT TOP 5 PERCENT * FROM Atom",
        "SELECT N'a' AS b FOR JSON PATH",
        "DECLARE @t TABLE (a INT)",
        "EXEC ('SELECT 1')",
        "EXEC sp_executesql N'SELECT 1'",
        "EXEC @r = dbo.sp_IngestAtoms N'[]', 0",
        "GO 5",
        "ANALYZE",
        "REINDEX",
    ],
)
def test_what_is_not_done_here_is_an_error_and_never_passed_over(home: Settings, text: str) -> None:
    before = run_sql(home, "SELECT name FROM sqlite_master ORDER BY name")["rows"]

    with pytest.raises(Invalid):
        run_sql(home, text, write=True)

    assert run_sql(home, "SELECT name FROM sqlite_master ORDER BY name")["rows"] == before


def test_a_longer_atomic_value_than_there_can_be_says_what_to_write(home: Settings) -> None:
    text = "INSERT INTO Atom (TenantId, Modality, ContentHash, AtomicValue) VALUES (0, 'binary', zeroblob(32), zeroblob(65))"
    with pytest.raises(Invalid, match="first 64 bytes"):
        run_sql(home, text, write=True)


# ---- procedures


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        ("sp_IngestAtoms N'[]', 0", "there are no atoms"),
        ("sp_IngestAtoms N'{}', 0", "not a JSON array"),
        ("sp_IngestAtoms N'[', 0", "not JSON"),
        ("sp_IngestAtoms NULL, 0", "not JSON"),
        ("sp_IngestAtoms N'[1]', 0", "neither CanonicalText nor Content"),
        ("""sp_IngestAtoms N'[{"Content": "%"}]', 0""", "not base64"),
        ("""sp_IngestAtoms N'[{"CanonicalText": "a", "AtomHash": "00"}]', 0""", "not the SHA-256"),
        ("""sp_IngestAtoms N'[{"CanonicalText": "a", "Modality": "smell"}]', 0""", "modality is none of"),
        ("""sp_IngestAtoms N'[{"CanonicalText": "a"}]', -1""", "@TenantId is a number"),
        ("sp_IngestAtoms N'[]'", "needs @TenantId"),
        ("sp_IngestAtoms N'[]', 0, 1", "has no parameter 3"),
        ("sp_IngestAtoms @Nothing = 1", "has no parameter @Nothing"),
        ("sp_EnqueueIngestion 0", "exactly one of rawData and uri"),
        ("sp_EnqueueIngestion @TenantId = 0, @RawData = 'text'", "@RawData is not bytes"),
        ("sp_ProjectEmbeddingsToGeometry @BatchSize = 0", "@BatchSize is a number"),
    ],
)
def test_arguments_that_do_not_fit_are_an_error(home: Settings, call: str, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        run_sql(home, f"EXEC dbo.{call}", write=True)


def test_atoms_of_a_procedure_are_one_source_in_their_order(home: Settings) -> None:
    atoms = """N'[{"CanonicalText": "one"}, {"content": "AAE=", "modality": "binary"}, {"CANONICALTEXT": "one"}]'"""
    text = f"DECLARE @atoms NVARCHAR(MAX) = {atoms}; EXEC dbo.sp_IngestAtoms @atoms, @TenantId = 2"
    run_sql(home, text, write=True)

    [[length, digest, status]] = run_sql(home, "SELECT ByteLength, ContentHash, Status FROM Source WHERE TenantId = 2")[
        "rows"
    ]
    assert (length, digest, status) == (8, hashlib.sha256(b"one\0\1one").hexdigest(), "Atomized")
    assert run_sql(home, "SELECT ReferenceCount FROM Atom ORDER BY AtomId DESC")["rows"] in ([[2], [1]], [[1], [2]])
    assert only(home, "SELECT COUNT(*) FROM QueueMessage WHERE Queue = 'ProvenanceQueue'") == 1


def test_a_procedure_changes_nothing_unless_write_is_given(home: Settings) -> None:
    with pytest.raises(Invalid, match="readonly"):
        run_sql(home, """EXEC dbo.sp_IngestAtoms N'[{"CanonicalText": "one"}]', 0""")
