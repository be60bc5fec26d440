"""The SQL of the .NET system's own plan, character for character, on a home where the chain ran."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home, finish

INSERT_AND_SELECT = """USE Hartonomous;

-- Insert a test text atom
INSERT INTO dbo.Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, CreatedAt)
VALUES (
    0,
    'text',
    'test',
    HASHBYTES('SHA2_256', 'This is a test sentence'),
    'This is a test sentence',
    CAST('This is a test sentence' AS VARBINARY(64)),
    GETUTCDATE()
);

-- Get the AtomId
SELECT TOP 1 AtomId, CanonicalText FROM dbo.Atom ORDER BY AtomId DESC;
"""
VERIFY_SPATIAL = """-- Verify embedding was created with spatial data
SELECT TOP 1 
    AtomId,
    Dimension,
    SpatialKey.ToString() AS SpatialKey,
    HilbertValue,
    SpatialBucketX,
    SpatialBucketY,
    SpatialBucketZ,
    CreatedAt
FROM dbo.AtomEmbedding 
ORDER BY CreatedAt DESC;
"""  # noqa: W291 - as it was written
VERIFY_PRODUCTION = """
SELECT COUNT(*) AS TotalEmbeddings,
       SUM(CASE WHEN SpatialKey IS NOT NULL THEN 1 ELSE 0 END) AS WithSpatial
FROM dbo.AtomEmbedding
"""
SUCCESS_CRITERIA = """-- 3. Verify job was created
SELECT TOP 5 * FROM dbo.BackgroundJob 
WHERE JobType = 'GenerateEmbedding' 
ORDER BY CreatedAt DESC;

-- 4. Wait 30 seconds for worker to process

-- 5. Verify embedding was created
SELECT TOP 5 * FROM dbo.AtomEmbedding 
ORDER BY CreatedAt DESC;
"""  # noqa: W291
QUICK_WINS = """-- Call CLR function directly
   DECLARE @vec VARBINARY(MAX) = REPLICATE(CAST(0x3F800000 AS VARBINARY(4)), 1998);
   SELECT dbo.fn_ProjectTo3D(@vec).ToString() AS SpatialProjection;
GO
-- Test Hilbert curve mapping
   SELECT dbo.clr_ComputeHilbertValue(geometry::Point(0.5, 0.5, 0), 21) AS HilbertValue;
GO
-- Test cosine similarity
   DECLARE @vec1 VARBINARY(MAX) = 0x3F8000003F8000003F800000;
   DECLARE @vec2 VARBINARY(MAX) = 0x3F8000003F8000003F800000;
   SELECT dbo.clr_CosineSimilarity(@vec1, @vec2) AS Similarity;
   -- Expected: 1.0
"""
LONG = "A sentence of more than sixty-four bytes, which AtomicValue cannot hold, is all in CanonicalText."
INSERT_LONG = INSERT_AND_SELECT.replace("This is a test sentence", LONG)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Home:
    """The short and the long INSERT, then the chain, then a file that holds the long sentence, too."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "long.txt").write_text(f"{LONG} And another one.\n")
    made = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"text_unit": "sentence"})
    for script in (INSERT_AND_SELECT, INSERT_LONG):
        made.json("sql", "--write", script)
    made.json("ingest", folder)
    return made


def rows(home: Home, *words: str | Path) -> list[dict[str, Any]]:
    """What the last statement returned."""
    document = home.json("sql", *words)
    return [dict(zip(document["columns"], row, strict=True)) for row in document["rows"]]


def test_the_spatial_check_shows_a_real_place_of_the_right_dimension(home: Home) -> None:
    [row] = rows(home, VERIFY_SPATIAL)

    point = re.fullmatch(r"POINT\((\S+) (\S+) (\S+)\)", row["SpatialKey"])
    assert point is not None
    coordinates = [float(part) for part in point.groups()]
    assert list(row) == re.findall(r"\w+(?=,|\nFROM)", VERIFY_SPATIAL)
    assert row["Dimension"] == 384
    assert all(coordinates), "the plan's words: real spatial data (not 0,0,0)"
    assert [row[f"SpatialBucket{axis}"] for axis in "XYZ"] == [int(each / 0.1) for each in coordinates]
    assert 0 < row["HilbertValue"] < 2**63


def test_every_embedding_has_its_place(home: Home) -> None:
    assert rows(home, VERIFY_PRODUCTION) == [{"TotalEmbeddings": 3, "WithSpatial": 3}]


def test_jobs_and_embeddings_are_shown_by_one_text_of_two_statements(home: Home) -> None:
    jobs, made = home.json("sql", SUCCESS_CRITERIA)["results"]

    assert {row[jobs["columns"].index("Status")] for row in jobs["rows"]} == {"Completed"}
    assert (len(jobs["rows"]), len(made["rows"])) == (3, 3)


def test_the_three_functions_answer(home: Home) -> None:
    projection, hilbert, cosine = (result["rows"][0][0] for result in home.json("sql", QUICK_WINS)["results"])

    assert projection.startswith("POINT (")
    assert (hilbert, cosine) == (5805783291055907986, 1.0)


def test_the_same_insert_again_says_in_a_line_that_the_atom_exists(home: Home) -> None:
    result = home.run("sql", "--write", INSERT_AND_SELECT)

    assert result.code == 1
    assert "the atom exists: this tenant has one with the same ContentHash" in result.error


def test_a_long_text_inserted_by_hand_is_kept_whole_and_the_source_that_holds_it_is_rebuilt(
    home: Home, tmp_path: Path
) -> None:
    [(source_id,)] = home.rows("SELECT SourceId FROM Source")
    [(digest, value, references)] = home.rows(
        "SELECT ContentHash, AtomicValue, ReferenceCount FROM Atom WHERE CanonicalText = ?", LONG
    )

    assert (digest, value, references) == (hashlib.sha256(LONG.encode()).digest(), LONG.encode()[:64], 1)
    assert home.json("verify") == {"checked": 1, "failed": [], "truncated": False}
    home.json("reconstruct", str(source_id), "-o", tmp_path / "rebuilt")
    assert (tmp_path / "rebuilt").read_text() == f"{LONG} And another one.\n"
    assert home.json("search", LONG)["results"][0]["text"] == LONG


@pytest.mark.parametrize("words", [["--file", "script.sql"], ["-"]])
def test_a_script_is_read_from_a_file_or_from_stdin(home: Home, tmp_path: Path, words: Sequence[str]) -> None:
    script = tmp_path / "script.sql"
    script.write_text(VERIFY_PRODUCTION, encoding="utf-16")
    process = home.start("sql", "--json", *(str(script) if word == script.name else word for word in words))
    if "-" in words:
        assert process.stdin is not None
        process.stdin.write(VERIFY_PRODUCTION.encode("utf-8-sig"))

    assert finish(process).document["rows"] == [[3, 3]]


def test_neither_or_both_texts_are_wrong_usage(home: Home, tmp_path: Path) -> None:
    assert home.run("sql").code == 2
    assert home.run("sql", "SELECT 1", "--file", tmp_path / "x").code == 2


def test_exec_runs_a_procedure_and_the_chain_goes_on_from_there(home: Home) -> None:
    spoken = 'EXEC dbo.sp_IngestAtoms @AtomsJson = N\'[{"CanonicalText": "Said by a procedure."}]\', @TenantId = 4'
    [batch] = rows(home, "--write", spoken)
    home.json(
        "sql",
        "--write",
        "EXEC dbo.sp_EnqueueIngestion @TenantId = 4, @RawData = 0x48656C6C6F2E, @SourceUri = N'mail:42'",
    )
    home.json("ingest")

    assert home.json("search", "procedure", "--tenant", "4")["results"][0]["text"] == "Said by a procedure."
    assert home.json("verify", "--tenant", "4") == {"checked": 2, "failed": [], "truncated": False}
    assert (
        home.json("sources", "show", str(batch["sourceId"]), "--tenant", "4")["sourceUri"]
        == f"batch:{batch['batchId']}"
    )


def test_exec_of_what_is_not_here_is_an_error(home: Home) -> None:
    for name in ("sp_who", "dbo.sp_AtomizeAndInsert"):
        result = home.run("sql", "--write", f"EXEC {name}")
        assert result.code == 1
        assert name.removeprefix("dbo.") in result.error
