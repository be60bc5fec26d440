"""The checker finds what is wrong and nothing else: each snippet in its wrong and its right form."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.tools.tsql.calls import Definitions, call_findings
from tests.tools.tsql.checker import Finding, Script, _open, checker
from tests.tools.tsql.definitions import procedures_in, read, result_columns, table_types_in
from tests.tools.tsql.lint import lint
from tests.tools.tsql.model import units
from tests.tools.tsql.python_literals import readable, statements_in
from tests.tools.tsql.rules import file_rules, statement_rules
from tests.tools.tsql.shape import Shape
from tests.tools.tsql.snippets import REFERENCES, RULES, SCHEMA, SYNTAX, Pair, script
from tests.tools.tsql.toolchain import VARIABLE, Toolchain, ToolchainUnavailable, open_toolchain


def parsed(text: str) -> Script:
    result = checker().parse(text, "snippet.sql")
    assert isinstance(result, Script), result
    return result


def syntax_findings(text: str) -> list[Finding]:
    """What parser and lint find."""
    result = checker().parse(script(text), "snippet.sql")
    return lint(result) if isinstance(result, Script) else result


def rule_findings(text: str) -> list[Finding]:
    """What the project's rules find in T-SQL that is well formed."""
    well_formed = parsed(script(text))
    return [*statement_rules(well_formed), *file_rules(well_formed)]


def reference_findings(text: str) -> list[str]:
    """What model and calls find, against the schema of the snippets."""
    scripts = [checker().parse(SCHEMA, "schema.sql"), checker().parse(script(text), "snippet.sql")]
    well_formed = [one for one in scripts if isinstance(one, Script)]
    assert len(well_formed) == 2, scripts
    shape = Shape(well_formed)
    well_formed = shape.last_scripts()
    definitions = Definitions.of(well_formed)
    calls = [str(finding) for one in well_formed for finding in call_findings(one, definitions)]
    return [*map(str, shape.findings), *calls, *checker().model_findings(units(well_formed))]


def named(pairs: list[Pair]) -> list[object]:
    return [pytest.param(pair, id=pair.what.replace(" ", "-")) for pair in pairs]


@pytest.mark.parametrize("pair", named(SYNTAX))
def test_a_text_that_no_server_takes_is_found_and_its_right_form_passes(pair: Pair) -> None:
    assert syntax_findings(pair.wrong)
    assert syntax_findings(pair.right) == []


@pytest.mark.parametrize("pair", named(RULES))
def test_a_breach_of_our_rules_is_found_and_the_right_form_passes(pair: Pair) -> None:
    assert rule_findings(pair.wrong)
    assert rule_findings(pair.right) == []


@pytest.mark.parametrize("pair", named(REFERENCES))
def test_a_name_type_or_arity_that_does_not_fit_is_found_and_the_right_form_passes(pair: Pair) -> None:
    assert reference_findings(pair.wrong)
    assert reference_findings(pair.right) == []


def test_the_snippets_are_as_many_as_the_checker_was_measured_with() -> None:
    assert len(SYNTAX) >= 40
    assert len(REFERENCES) >= 19


def test_a_finding_says_where() -> None:
    assert str(syntax_findings("SELECT 1 AS n\n, FROM dbo.Item;")[0]).startswith("snippet.sql:7:")
    assert [str(found) for found in syntax_findings("SELECT 1 AS n;\nSELECT LEN() AS n;")] == [
        "snippet.sql:7:8: LEN takes 1 arguments, not 0"
    ]


def test_characters_beyond_the_basic_plane_shift_no_place() -> None:
    text = "-- \N{GRINNING FACE}\N{GRINNING FACE}\nSELECT LEN() AS n;"
    found = syntax_findings(f"CREATE VIEW dbo.v AS {text}")

    assert [(one.line, one.column) for one in found] == [(2, 8)]
    tree = parsed(f"CREATE VIEW dbo.v AS {text}")
    assert [call.text(tree.text) for call in tree.tree.walk("FunctionCall")] == ["LEN()"]


def test_a_unit_that_cannot_be_loaded_hides_no_other() -> None:
    found = checker().model_findings(
        [
            ("a", "CREATE PROCEDURE dbo.a AS SELECT @nowhere AS n;"),
            ("b", "CREATE PROCEDURE dbo.b AS SELECT t.n FROM dbo.nothing AS t;"),
        ]
    )

    assert [message for message in found if message.startswith("a: ") and "@nowhere" in message]
    assert [message for message in found if "[dbo].[b]" in message and "[dbo].[nothing]" in message]


def test_what_the_server_itself_brings_is_taken_as_given() -> None:
    view = "CREATE VIEW dbo.v AS SELECT d.name, d.is_broker_enabled FROM sys.databases AS d;"
    assert checker().model_findings([("v", view)]) == []


PROCEDURES = """
CREATE PROCEDURE dbo.usp_rows @n int, @t dbo.Rows READONLY, @m nvarchar(max) = NULL AS
BEGIN
    DECLARE @x int;
    SELECT @x = 1;
    DECLARE c CURSOR LOCAL FOR SELECT 1 AS hidden;
    IF @n = 1 BEGIN SELECT 1 AS first; RETURN; END;
    SELECT t.a, t.b AS other, 1 + 1, n = 2 INTO #t FROM @t AS t;
    SELECT t.a, t.b AS other, 1 + 1, n = 2 FROM @t AS t WHERE EXISTS (SELECT 1 AS inner_one);
END;
GO
CREATE PROCEDURE dbo.usp_output AS DELETE FROM dbo.Item OUTPUT deleted.ItemId AS itemId, deleted.Name WHERE Name = N'a';
GO
CREATE PROCEDURE dbo.usp_passes AS EXEC dbo.usp_output;
GO
CREATE PROCEDURE dbo.usp_silent AS DELETE FROM dbo.Item OUTPUT deleted.ItemId INTO dbo.Log (ItemId);
GO
CREATE PROCEDURE dbo.usp_star AS SELECT * FROM dbo.Item;
GO
CREATE TYPE dbo.Rows AS TABLE (a int NOT NULL, b datetime2(3) NULL, c varbinary(max));
"""


def test_procedures_are_read_with_their_parameters() -> None:
    found = procedures_in([parsed(PROCEDURES)])

    assert list(found) == ["usp_rows", "usp_output", "usp_passes", "usp_silent", "usp_star"]
    rows = found["usp_rows"]
    assert rows.parameters == [("n", "int", False), ("t", "dbo.Rows", True), ("m", "nvarchar(max)", False)]
    assert (set(rows.optional), set(rows.outputs)) == ({"m"}, set())


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("usp_rows", ["a", "other", "", "n"]),
        ("usp_output", ["itemId", "Name"]),
        ("usp_passes", ["itemId", "Name"]),
        ("usp_silent", None),
    ],
)
def test_the_columns_of_a_procedure_are_those_of_its_last_rows(name: str, columns: list[str] | None) -> None:
    found = procedures_in([parsed(PROCEDURES)])

    assert result_columns(found[name], found) == columns


def test_a_star_is_refused_as_a_result() -> None:
    found = procedures_in([parsed(PROCEDURES)])

    with pytest.raises(ValueError, match="usp_star: SELECT \\*"):
        result_columns(found["usp_star"], found)


def test_table_types_are_read_with_their_columns() -> None:
    assert table_types_in([parsed(PROCEDURES)]) == {
        "Rows": [("a", "int"), ("b", "datetime2(3)"), ("c", "varbinary(max)")]
    }


def test_a_batch_newer_than_the_grammar_is_named_and_hides_no_other(tmp_path: Path) -> None:
    file = tmp_path / "new.sql"
    file.write_text(
        "-- tsqlcheck: newer-than-2019\nCREATE TABLE dbo.T (v VECTOR(384));\nGO\n"
        "CREATE VECTOR INDEX IX ON dbo.T (v);\nGO\nCREATE VIEW dbo.W AS SELECT LEN() AS n;\n"
    )
    script, unread = read(file)

    assert isinstance(script, Script)
    assert [finding.line for finding in unread] == [4]
    assert [(finding.line, finding.message) for finding in lint(script)] == [(6, "LEN takes 1 arguments, not 0")]


def test_without_the_mark_such_a_batch_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "new.sql"
    file.write_text("CREATE TABLE dbo.T (n int);\nGO\nCREATE VECTOR INDEX IX ON dbo.T (v);\n")

    assert isinstance(read(file)[0], list)


PYTHON = '''
"""SELECT is the first word of this documentation."""
NAME = "dbo"
def f(cursor):
    cursor.execute("SELECT t.a FROM dbo.T AS t WHERE t.a = ? AND t.b = '?'", 1)
    cursor.execute(f"{{CALL {NAME}.usp_a (?, ?)}}", 1, 2)
    cursor.execute("BEGIN TRANSACTION;"
                   " COMMIT")
    print("Select a file", "SELECTED", "SETTINGS are")
    re.compile(r"CREATE TABLE \\w+")
'''


def test_statements_in_python_are_found_and_made_readable(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(PYTHON)

    assert [(line, readable(text)) for line, text in statements_in(file)] == [
        (5, "SELECT t.a FROM dbo.T AS t WHERE t.a = @p AND t.b = '?'"),
        (6, "EXEC placeholder.usp_a @p, @p"),
        (7, "BEGIN TRANSACTION; COMMIT"),
    ]


# ---- where the toolchain cannot be had


@pytest.fixture
def no_toolchain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing can be fetched, and nothing was."""

    def unavailable() -> Toolchain:
        raise ToolchainUnavailable("pip install failed: no network")

    monkeypatch.setattr("tests.tools.tsql.checker.open_toolchain", unavailable)
    monkeypatch.setattr("tests.tools.tsql.checker._open", cache(_open.__wrapped__))
    yield


@pytest.mark.usefixtures("no_toolchain")
def test_without_the_toolchain_a_test_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="Microsoft's T-SQL parser: pip install failed: no network"):
        checker()


@pytest.mark.usefixtures("no_toolchain")
def test_without_the_toolchain_a_test_is_skipped_loudly_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"NOT TESTED: T-SQL; .* no network"):
        checker()


def test_a_fetch_that_fails_says_why_and_leaves_nothing_that_looks_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")

    with pytest.raises(ToolchainUnavailable, match=r"pip install failed: .*No matching distribution"):
        open_toolchain()

    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
