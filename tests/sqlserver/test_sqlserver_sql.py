"""Everything under sql/sqlserver, and every T-SQL text in Python: syntax, our rules, references, and what holds both sides together.

No server runs here: what these tests say is that the T-SQL is well formed, names what exists and has the shape Python expects.
"""

import ast
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hartonomous_core.words import _RUN
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.sqlserver.procedures import load_procedures, load_table_types
from hartonomous_resources.database.sqlserver.table_rows import message_row
from hartonomous_resources.database.statements import Statement, Write, load_statements
from hartonomous_resources.project_files import project_file
from tests.released import RELEASES, shipped
from tests.tools.tsql.calls import Definitions, call_findings
from tests.tools.tsql.checker import Finding, Script, checker
from tests.tools.tsql.definitions import (
    BROKERS,
    file_set,
    files,
    folder,
    migrations,
    procedures,
    procedures_in,
    read,
    result_columns,
    statement_files,
    table_types,
    table_types_in,
)
from tests.tools.tsql.lint import lint, triggered_outputs
from tests.tools.tsql.model import units
from tests.tools.tsql.python_literals import PLACEHOLDER, readable, statements_in
from tests.tools.tsql.rules import file_rules, statement_rules
from tests.tools.tsql.shape import Shape, last_shape
from tests.typed_statements import TYPED, bare, names_of, positional_columns, snake_case, sqlite_columns

STATEMENTS = load_statements(project_file("sql") / "sqlite" / "statements")

SQLITE_ONLY = {
    # usp_write_atoms is one call for all of these
    *("create_staged_hash", "clear_staged_hash", "stage_hash", "staged_atoms", "next_atom_id", "create_staged_atom"),
    *("clear_staged_atom", "stage_atom", "insert_staged_atoms", "insert_staged_contents", "add_references"),
    *("insert_jobs_of_new_atoms", "index_new_atoms", "turn_into_text", "insert_source_atom"),
    # a procedure takes all rows at once
    *(
        f"{step}_staged_{name}"
        for step in ("create", "write", "clear")
        for name in ("insert_embedding", "project_embedding")
    ),
    # usp_lexical_matches for these; what fills a full-text index there is the server
    *("count_indexed_texts", "count_matching_texts", "best_matching_texts", "newest_matching_texts"),
    *("last_text_to_index", "forget_texts", "index_texts", "delete_texts_to_index"),
    # no row of a table is read later there
    *("insert_unread_batch", "last_unread_batch", "index_unread_batches", "forget_words_of_batches"),
    *("delete_unread_batches", "unread_batches", "next_unread_batches", "unread_batches_of"),
    *("has_unread_batches", "count_unread_batches", "count_matching_batches"),
    *("best_matching_batches", "newest_matching_batches"),
    # and usp_enqueue for this
    "insert_message",
    "insert_batch",  # and sp_IngestAtoms for this
}

ASKED_OF_VIEWS = {
    "graph_ends": {"view", "way", "numbers"},
    "graph_edges": {"view", "way", "numbers"},
    "graph_nodes": {"label", "numbers"},
}
"""What is text in these statements on SQLite and a parameter of their procedures; what they return, test_views_of_the_graph.py compares."""

PYTHON = sorted((project_file("hartonomous_resources") / "database" / "sqlserver").rglob("*.py"))
PYTHON += sorted(project_file("hartonomous_service").rglob("*.py"))


def named(file: Path) -> str:
    return str(file.relative_to(folder()))


def script_of(file: Path) -> Script:
    """A file's tree. What its syntax is, another test says."""
    result, _ = read(file)
    if isinstance(result, list):
        pytest.skip(f"{named(file)} does not parse: see the test of its syntax")
    return result


# ---- each file


@pytest.mark.parametrize("file", files(), ids=named)
def test_a_file_is_t_sql(file: Path) -> None:
    result, unread = read(file)
    found = lint(last_shapes()[result.place]) if isinstance(result, Script) else result
    assert [str(finding) for finding in found] == []
    if unread:
        pytest.skip(f"NOT TESTED: newer than the 2019 grammar, the batches of {'; '.join(map(str, unread))}")


def last_shapes() -> dict[str, Script]:
    """What each file leaves behind: what a later one mends is no fault any more."""
    return {script.place: script for broker in BROKERS for script in file_set(broker)}


@pytest.mark.parametrize("file", files(), ids=named)
def test_a_file_keeps_our_rules(file: Path) -> None:
    script = script_of(file)
    found = [*statement_rules(script), *file_rules(script)]
    assert [str(finding) for finding in found] == []


@pytest.mark.parametrize("name", sorted({file.parent.name for file in files() if file.parent != folder()}))
def test_files_are_numbered_without_a_gap(name: str) -> None:
    numbers = [file.name[:5] for file in files() if file.parent.name == name]
    assert numbers == [f"{n:04d}_" for n in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("file", statement_files(), ids=named)
def test_named_statements_are_t_sql_and_fit_what_they_call(file: Path) -> None:
    texts = {name: text for name, text in load_statements(file.parent).items() if text in file.read_text("utf-8")}
    assert texts
    found = [str(one) for name, text in texts.items() for one in statement_findings(f"{named(file)} {name}", text)]
    assert found == []


def statement_findings(place: str, text: str) -> list[Finding]:
    """What is wrong with a statement that the program sends as it is."""
    result = checker().parse(readable(text), place)
    if isinstance(result, list):
        return result
    found = [*lint(result), *statement_rules(result)]
    if f"[{PLACEHOLDER}].{PLACEHOLDER}" in text:  # which procedure is called, only the run says
        return found
    return found + call_findings(result, definitions())


@cache
def definitions() -> Definitions:
    return Definitions.of(file_set(BROKERS[0]))


# ---- each installation


def installed(broker: str) -> list[Script]:
    """The scripts of an installation with this broker, once it has one."""
    if not list((folder() / broker).glob("*.sql")):
        pytest.skip(f"NOT TESTED: there is no {broker} yet")
    return file_set(broker)


@pytest.mark.parametrize("broker", BROKERS)
def test_every_name_and_type_resolves(broker: str) -> None:
    found = checker().model_findings(units(installed(broker)))
    assert found == []


@pytest.mark.parametrize("broker", BROKERS)
def test_every_call_fits_what_it_calls(broker: str) -> None:
    scripts = installed(broker)
    all_of_them = Definitions.of(scripts)
    found = [str(finding) for script in scripts for finding in call_findings(script, all_of_them)]
    assert found == []


@pytest.mark.parametrize("broker", BROKERS)
def test_no_change_of_a_table_that_has_a_trigger_returns_rows(broker: str) -> None:
    assert [str(finding) for finding in triggered_outputs(*installed(broker))] == []


@pytest.mark.parametrize("broker", BROKERS)
def test_every_migration_makes_what_is_new_and_changes_what_is_there(broker: str) -> None:
    assert [str(finding) for finding in Shape(migrations(broker)).findings] == []


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("broker", BROKERS)
def test_an_upgraded_database_has_what_a_new_one_has(broker: str, release: str) -> None:
    """A new one runs the core first and then the features; in an upgraded one the newer core comes after the older features."""
    fresh, names = migrations(broker), shipped(release)

    upgraded = Shape(sorted(fresh, key=lambda script: f"sqlserver/{script.place}" not in names))

    assert [str(finding) for finding in upgraded.findings] == []
    assert upgraded.texts() == Shape(fresh).texts()


def test_both_brokers_define_the_same_procedures() -> None:
    for broker in BROKERS:
        installed(broker)
    shapes = [
        {name: (procedure.parameters, result_columns(procedure, procedures(broker))) for name, procedure in own.items()}
        for broker in BROKERS
        if (own := procedures_in(s for s in file_set(broker) if s.place.startswith(broker)))
    ]
    table, service = shapes
    # what only Service Broker has (dialogs, its health) may come on top
    assert {name: service.get(name) for name in table} == table


# ---- T-SQL in Python


@pytest.mark.parametrize("file", PYTHON, ids=lambda file: file.name)
def test_every_statement_in_python_is_t_sql_and_fits_what_it_calls(file: Path) -> None:
    found = [str(one) for line, text in statements_in(file) for one in statement_findings(f"{file.name}:{line}", text)]
    assert found == []


def test_python_reads_the_definitions_as_the_parser_does() -> None:
    """The program takes parameters and columns from the same files by regular expressions: it must miss none."""
    scripts = last_shape([script for script, _ in map(read, files()) if isinstance(script, Script)])

    for name, procedure in procedures_in(scripts).items():
        ours = load_procedures(folder())[name].parameters
        assert [(p.name, p.type, p.is_table) for p in ours] == [
            (p.name, p.type.removeprefix("dbo."), p.is_table_type) for p in procedure.parameters
        ], name
    assert load_table_types(folder()) == {name: tuple(columns) for name, columns in table_types_in(scripts).items()}


# ---- named statements of SQLite and procedures of SQL Server


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A migrated embedded database."""
    database = SqliteDatabase(tmp_path_factory.mktemp("embedded") / "hartonomous.db")
    database.migrate()
    yield database.connection()
    database.close()


def named_parameters(statement: str) -> set[str]:
    return set(re.findall(r":(\w+)", bare(statement)))


@pytest.mark.parametrize("name", ASKED_OF_VIEWS)
def test_a_statement_about_views_has_its_procedure(name: str) -> None:
    asked = named_parameters(STATEMENTS[name]) | ASKED_OF_VIEWS[name]
    # The server reads from the first to the last of those that are wanted; SqlServerUnitOfWork leaves out what lies between.
    assert {parameter.name for parameter in procedures()[f"usp_{name}"].parameters} == asked - {"among"}


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - SQLITE_ONLY - ASKED_OF_VIEWS.keys()))
def test_a_named_statement_has_its_procedure(name: str, embedded: sqlite3.Connection) -> None:
    statement, procedure = STATEMENTS[name], procedures().get(f"usp_{name}")
    assert procedure, f"there is no dbo.usp_{name}"

    if "?" in bare(statement):
        assert [parameter.is_table_type for parameter in procedure.parameters] == [True]
        columns = table_types()[procedure.parameters[0].type.removeprefix("dbo.")]
        assert [column for column, _ in columns] == positional_columns(statement)
        return  # execute_many reads nothing back

    assert {parameter.name for parameter in procedure.parameters} == named_parameters(statement)

    returned, wanted = result_columns(procedure), sqlite_columns(embedded, statement)
    if wanted is None:
        assert returned == ["rowsChanged"]  # how the number of changed rows comes back
    elif wanted == ["1"]:
        assert returned is not None and len(returned) == 1  # asked only whether there is a row
    else:
        assert sorted(returned or []) == sorted(wanted)


@pytest.mark.parametrize("statement", [typed for typed in TYPED.values() if typed.name not in SQLITE_ONLY], ids=str)
def test_a_typed_row_has_the_columns_of_its_procedure(statement: Statement[Any]) -> None:
    assert sorted(statement.row.__annotations__) == sorted(result_columns(procedures()[f"usp_{statement.name}"]) or [])


CALLERS = [
    *(project_file("hartonomous_resources") / "work").rglob("*.py"),
    *project_file("hartonomous_assets").rglob("*.py"),
    *PYTHON,
    *Path(__file__).parent.parent.rglob("*.py"),
]


def test_a_statement_that_returns_rows_is_queried_and_one_that_changes_some_is_executed() -> None:
    """SQLite takes either for either; on SQL Server `execute` asks for rowsChanged."""
    counts = {name for name, procedure in procedures().items() if result_columns(procedure) == ["rowsChanged"]}
    wrong = [
        f"{file.name}:{call.lineno} {name}"
        for file in CALLERS
        for call, name in statement_calls(file)
        if f"usp_{name}" in procedures() and (f"usp_{name}" in counts) != (ast.unparse(call.func).endswith(".execute"))
    ]
    assert wrong == []


def statement_calls(file: Path) -> Iterator[tuple[ast.Call, str]]:
    """Calls of `query` and `execute` with the name of a statement."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".query", ".execute")) and node.args:
            first = node.args[0]
            name = ast.literal_eval(first) if isinstance(first, ast.Constant) else TYPED.get(ast.unparse(first))
            if str(name) in STATEMENTS:
                yield node, str(name)


CONTRACTS = sorted((Path(__file__).parent.parent / "contract").glob("test_*.py"))


@pytest.mark.parametrize("file", [f for f in CONTRACTS if "sqlite3" not in f.read_text("utf-8")], ids=lambda f: f.name)
def test_what_a_contract_test_asks_as_a_client_is_t_sql_too(file: Path) -> None:
    results = [(line, checker().parse(readable(text), file.name)) for line, text in statements_in(file)]
    found = [f"{line}: {result[0]}" for line, result in results if isinstance(result, list)]
    assert found == []


def test_a_message_row_names_the_columns_of_its_table_type_in_their_order() -> None:
    row: Write = message_row
    names = names_of(row)
    assert names == [snake_case(column) for column, _ in table_types()["MessageRows"]]
    assert row(**{name: name for name in names}) == tuple(names)


def test_an_atom_as_it_is_written_has_a_field_for_each_column_of_its_table_type() -> None:
    [table] = [each.type for each in load_procedures(folder())["usp_write_atoms"].parameters if each.is_table]
    assert {field.name for field in fields(AtomRow)} == {snake_case(column) for column, _ in table_types()[table]}


# ---- what is said once


@pytest.mark.parametrize("broker", BROKERS)
def test_health_learns_of_the_options_of_the_database_whatever_the_broker(broker: str) -> None:
    texts = [file.read_text("utf-8") for file in sorted((folder() / broker).glob("*.sql"))]
    assert "dbo.fn_OptionFaults()" in "".join(texts).partition("usp_database_faults")[2]
    questions = (folder() / "migrations" / "0012_questions.sql").read_text("utf-8")
    told = questions.partition("CREATE FUNCTION dbo.fn_OptionFaults ()")[2].partition("\nGO\n")[0]
    for fact, remedy in (
        ("is_read_committed_snapshot_on = 1", "READ_COMMITTED_SNAPSHOT ON WITH"),
        ("snapshot_isolation_state = 1", "ALLOW_SNAPSHOT_ISOLATION ON'"),
        ("N'Updateability')) = N'READ_ONLY'", "READ_WRITE,"),
    ):
        assert fact in told
        assert remedy in told.partition(fact)[2]


def test_the_running_hour_is_left_to_the_tables_where_they_have_it() -> None:
    """The expression of a partition key stands in the defaults of columns; procedures leave the column out."""
    found = [named(file) for file in files() if "CONVERT(char(13), SYSUTCDATETIME(), 126)" in file.read_text("utf-8")]
    assert found == ["migrations/0001_tables.sql"]


def test_what_is_indexed_as_bigrams_elsewhere_is_not_asked_of_the_full_text_index() -> None:
    text = (folder() / "migrations" / "0017_search.sql").read_text("utf-8")
    ranges = re.search(r"LIKE N'%(\[.*?\])%'", text.partition("FUNCTION dbo.fn_LexicalRanking")[2])
    assert ranges
    basic_plane = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x10000)]))
    runs = "".join(run[0] for run in _RUN.finditer(basic_plane))
    assert len(runs) > 30_000
    assert re.sub(ranges[1], "", runs) == ""


def test_texts_that_name_things_are_compared_byte_by_byte() -> None:
    tables = (folder() / "migrations" / "0001_tables.sql").read_text("utf-8")
    found = re.findall(r"^    (InferenceId|LeaseOwner|Model|SourceUri) nvarchar(.*)$", tables, re.MULTILINE)
    assert len(found) == 7
    assert [name for name, rest in found if "COLLATE Latin1_General_100_BIN2" not in rest] == []


def test_a_text_in_utf_8_is_returned_as_nvarchar() -> None:
    """Drivers turn varchar into the code page of the client, which need not be UTF-8."""
    tables = (folder() / "migrations" / "0001_tables.sql").read_text("utf-8")
    assert set(re.findall(r"^ +(\w+) varchar\(max\) COLLATE \w+_UTF8", tables, re.MULTILINE)) == {
        "CanonicalText",
        "Parameters",
    }
    returned = re.compile(r"(?:SELECT|,)\s+(?:a\.CanonicalText|j\.Parameters) AS\b")
    assert [named(file) for file in files() if returned.search(file.read_text("utf-8"))] == []


def test_what_only_sqlite_needs_is_still_there() -> None:
    assert STATEMENTS.keys() >= SQLITE_ONLY
