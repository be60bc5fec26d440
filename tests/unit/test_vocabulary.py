"""The words that SQL, Cypher, pictures and pages repeat are those of the vocabulary.

Migrations are frozen, so what counts is the schema that they leave behind: SQLite says it itself, and of SQL Server's objects
the last definition counts.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from math import sqrt
from pathlib import Path

import pytest

from hartonomous_core.limits import MAX_ATTEMPTS
from hartonomous_core.spatial.landmarks import LANDMARK_METHOD, LANDMARK_SEED, landmark_parameters
from hartonomous_core.vocabulary import (
    DEAD_LETTER_KINDS,
    EDGE_KINDS,
    EDGE_TYPES,
    EMBEDDED_AS,
    EMBEDDED_MODALITIES,
    GAP,
    INFERENCE_ROLES,
    JOB_STATUSES,
    LABELS,
    MODALITIES,
    OPEN_JOB_STATUSES,
    ROLES,
    SOURCE_STATUSES,
    UNFINISHED_SOURCE_STATUSES,
)
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file
from hartonomous_service.lineage.colours import EDGE_COLOURS, FILL, STROKE

SQL = project_file("sql")
ARCHITECTURE = (Path(__file__).resolve().parents[2] / "docs" / "architecture.md").read_text("utf-8")
SQLITE_STATEMENTS = load_statements(SQL / "sqlite" / "statements")
CYPHER = load_statements(SQL / "neo4j" / "statements")

WORDS = {
    "Status": {*SOURCE_STATUSES, *JOB_STATUSES},
    "Role": {*ROLES, *INFERENCE_ROLES},
    "Modality": set(MODALITIES),
    "Kind": set(DEAD_LETTER_KINDS),
    "Label": set(LABELS),
    "Type": set(EDGE_TYPES),
}
"""Columns with fixed words."""

_COMPARED = re.compile(rf"\b({'|'.join(WORDS)})\s*(?:=|<>|(?:NOT )?IN|IS(?: NOT)?)\s*(\([^()]*\)|N?'[^']*')")
_OBJECT = re.compile(r"^CREATE (?:OR ALTER )?(?:PROCEDURE|TRIGGER|VIEW|FUNCTION|TABLE)\s+(?:dbo\.)?(\w+)", re.MULTILINE)


def _listed(text: str) -> frozenset[str]:
    return frozenset(re.findall("'([^']*)'", text))


def _compared(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each column with fixed words that a text compares with words, and these."""
    for column, words in _COMPARED.findall(text):
        if listed := _listed(words):
            yield column, listed


def _sqlserver_objects() -> dict[str, str]:
    """The last definition of each object that the migrations make."""
    batches = [
        batch
        for file in sorted((SQL / "sqlserver" / "migrations").glob("*.sql"))
        for batch in re.split(r"^GO\s*$", file.read_text("utf-8"), flags=re.MULTILINE)
    ]
    return {name: batch for batch in batches for name in _OBJECT.findall(batch)}


SQLSERVER = _sqlserver_objects()


@pytest.fixture(scope="module")
def sqlite_schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The SQL of each table, index, view and trigger."""
    database = SqliteDatabase(tmp_path_factory.mktemp("schema") / "hartonomous.db")
    database.migrate()
    rows = database.connection().execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    found = {row["name"]: row["sql"] for row in rows}
    database.close()
    return found


def _checked(table: str, column: str) -> frozenset[str]:
    """The words that a CHECK of a column lists."""
    return _listed(re.search(rf"CHECK \({column} IN \(([^)]*)\)\)", table)[1])  # type: ignore[index]


@pytest.mark.parametrize("file", sorted(SQL.rglob("*.sql")), ids=lambda file: str(Path(file).relative_to(SQL)))
def test_words_that_sql_compares_with_are_known(file: Path) -> None:
    unknown = {(column, word) for column, words in _compared(file.read_text("utf-8")) for word in words - WORDS[column]}

    assert unknown == set()


@pytest.mark.parametrize(
    ("table", "column", "words"),
    [
        ("Source", "Status", SOURCE_STATUSES),
        ("BackgroundJob", "Status", JOB_STATUSES),
        ("SourceAtom", "Role", ROLES),
        ("InferenceAtom", "Role", INFERENCE_ROLES),
        ("DeadLetter", "Kind", DEAD_LETTER_KINDS),
    ],
)
def test_tables_take_these_words_and_no_others(
    sqlite_schema: Mapping[str, str], table: str, column: str, words: Collection[str]
) -> None:
    here = "StoredJob" if table == "BackgroundJob" else table  # which is a view there
    assert _checked(sqlite_schema[here], column) == set(words)
    assert _checked(SQLSERVER[table], column) == set(words)


def test_modalities_are_those_that_sql_server_takes() -> None:
    assert _checked(SQLSERVER["Atom"], "Modality") == set(MODALITIES)
    assert set(EMBEDDED_MODALITIES) < set(MODALITIES)


def test_who_needs_an_embedding_is_the_same_wherever_sql_says_it(sqlite_schema: Mapping[str, str]) -> None:
    texts = {**sqlite_schema, **SQLITE_STATEMENTS, **SQLSERVER}
    texts["adoption"] = (SQL / "sqlserver" / "adoption" / "rows.sql").read_text("utf-8")
    saying = {
        name: words
        for name, text in texts.items()
        for column, words in _compared(text)
        if column == "Modality" and len(words) > 1 and name != "Atom"
    }

    assert set(saying.values()) == {frozenset(EMBEDDED_MODALITIES)}
    assert [
        name
        for name in saying
        if f"Subtype IS NOT '{GAP}'" not in texts[name] and f"Subtype <> '{GAP}'" not in texts[name]
    ] == []


def test_both_databases_name_the_same_models_for_what_has_none_of_its_own(sqlite_schema: Mapping[str, str]) -> None:
    for view in (sqlite_schema["AtomToEmbed"], SQLSERVER["AtomToEmbed"]):
        assert re.findall(r"a\.Modality = '(\w+)' THEN '(\w+)'", view) == list(EMBEDDED_AS.items())
    statements = {f"usp_{name}": text for name, text in SQLITE_STATEMENTS.items()}
    for database in (SQLSERVER, statements):
        asked = {
            name: text
            for name, text in database.items()
            if re.search(r"Modality = m\.Modality|m\.Modality = \w+\.Modality", text)
        }
        assert set(asked) == {
            "usp_embedding_model_counts",
            "usp_next_atoms_to_queue",
            "usp_queue_atoms_for_model",
            "usp_unexplained_missing_embeddings",
        }
        assert all("AtomToEmbed" in text for text in asked.values())


def test_unfinished_work_is_the_same_wherever_sql_says_it(sqlite_schema: Mapping[str, str]) -> None:
    indexes = [sqlite_schema["Source_Open"], sqlite_schema["Source_Unfinished"], sqlite_schema["StoredJob_Open"]]

    assert [words for index in indexes for _, words in _compared(index)] == [
        frozenset(UNFINISHED_SOURCE_STATUSES),
        frozenset(UNFINISHED_SOURCE_STATUSES),
        frozenset(OPEN_JOB_STATUSES),
    ]


def test_jobs_have_as_many_attempts_as_everything_else(sqlite_schema: Mapping[str, str]) -> None:
    [here] = re.findall(r"MaxAttempts\s+INTEGER NOT NULL DEFAULT (\d+)", sqlite_schema["StoredJob"])
    [there] = re.findall(r"DF_BackgroundJob_MaxAttempts DEFAULT \((\d+)\)", SQLSERVER["BackgroundJob"])

    assert int(here) == int(there) == MAX_ATTEMPTS


def test_landmarks_of_sql_server_have_the_seed_and_scale() -> None:
    assert re.findall("'(hartonomous-landmark-[^|']*)", SQLSERVER["fn_LandmarkDraw"]) == [LANDMARK_SEED]
    [method] = re.findall(r"Method <> '(\w+)'", SQLSERVER["sp_ProjectEmbeddingsToGeometry"])
    assert method == LANDMARK_METHOD
    [scale] = re.findall(r"SELECT (\S+) / SQRT\(CONVERT\(float, s\.Dimension\)\) AS Scale", SQLSERVER["fn_Project"])
    assert landmark_parameters(384)["scale"] == float(scale.removesuffix("E0")) / sqrt(384)


# ---- the graph


def test_each_edge_type_says_what_it_joins() -> None:
    assert tuple(EDGE_KINDS) == EDGE_TYPES
    assert {label for kind in EDGE_KINDS.values() for ends in kind.joins for label in ends} == set(LABELS)


@pytest.mark.parametrize(
    "text", [*CYPHER.values(), *(f.read_text("utf-8") for f in sorted((SQL / "neo4j" / "migrations").glob("*")))]
)
def test_cypher_names_labels_and_types_that_there_are(text: str) -> None:
    code = re.sub(r"//.*", "", text)
    named = {name for names in re.findall(r"\[\w*:([A-Z_|]+)", code) for name in names.split("|")} - {""}
    labels = {name for names in re.findall(r"\(\w*:(\w+(?:\|\w+)*)", code) for name in names.split("|")}

    assert {name for name in named if not name.startswith("__")} <= set(EDGE_TYPES)
    assert {name for name in labels if not name.startswith("__")} <= {*LABELS, "SchemaVersion"}


# ---- pictures and pages


def test_every_label_and_edge_type_has_its_colours() -> None:
    assert tuple(sorted(FILL)) == tuple(sorted(STROKE)) == tuple(sorted(LABELS))
    assert set(EDGE_COLOURS) == set(EDGE_TYPES)


def _table(first_column: str) -> list[list[str]]:
    """The cells of the table of docs/architecture.md that begins with this column."""
    _, _, rest = ARCHITECTURE.partition(f"| {first_column} |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_page_has_the_labels_and_edges() -> None:
    assert [label for label, *_ in _table("Label")] == list(LABELS)
    ways = {(True, True): "both ways", (True, False): "upstream", (False, False): "no"}
    assert [row[:3] for row in _table("Edge")] == [
        [
            name,
            ", ".join(f"{start} to {end}" for start, end in kind.joins),
            ways[kind.is_followed_upstream, kind.is_followed_downstream],
        ]
        for name, kind in EDGE_KINDS.items()
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("Source", f"`Status`: {', '.join(SOURCE_STATUSES[:-1])} ({SOURCE_STATUSES[-1]} is reserved)"),
        (
            "Atom",
            f"`Modality`: {', '.join(MODALITIES[:-1])} or {MODALITIES[-1]}; all but tensor and binary need an embedding",
        ),
        ("SourceAtom", f"`Role` {ROLES[0]} or {ROLES[1]}"),
        (
            "BackgroundJob",
            f"`Status`: {', '.join(JOB_STATUSES[:3])}, {JOB_STATUSES[3]} (can never succeed), {JOB_STATUSES[4]} (given up)",
        ),
        ("DeadLetter", f"`Kind`: {', '.join(DEAD_LETTER_KINDS)}."),
    ],
)
def test_the_page_has_the_words_of_the_tables(table: str, words: str) -> None:
    assert words in dict(_table("Table"))[f"`{table}`"]
    assert set(MODALITIES) - set(EMBEDDED_MODALITIES) == {"tensor", "binary"}
