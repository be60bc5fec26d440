"""Each of our own rules finds what it is for. That the right forms pass, the files of sql/sqlserver show; syntax is Microsoft's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tools.tsql.calls import Definitions, call_findings
from tests.tools.tsql.checker import Script, checker
from tests.tools.tsql.definitions import read
from tests.tools.tsql.lint import lint
from tests.tools.tsql.model import units
from tests.tools.tsql.python_literals import readable, statements_in
from tests.tools.tsql.rules import file_rules, statement_rules
from tests.tools.tsql.shape import Shape

SCHEMA = """
CREATE TABLE dbo.Item (ItemId bigint NOT NULL CONSTRAINT PK_Item PRIMARY KEY, OwnerId int NULL, Name nvarchar(100) NOT NULL);
CREATE TYPE dbo.ItemRows AS TABLE (Ordinal int NOT NULL PRIMARY KEY, Name nvarchar(100) NOT NULL);
CREATE TYPE dbo.OtherRows AS TABLE (Ordinal int NOT NULL PRIMARY KEY);
CREATE SEQUENCE dbo.Numbers AS bigint START WITH 1;
CREATE QUEUE dbo.TheQueue WITH STATUS = ON;
GO
CREATE FUNCTION dbo.fn_twice (@n int) RETURNS int AS BEGIN RETURN 2 * @n; END;
GO
CREATE PROCEDURE dbo.usp_other @name nvarchar(100), @n int = 1 AS SELECT @name AS name, @n AS n;
GO
CREATE PROCEDURE dbo.usp_inserts AS
BEGIN
    DECLARE @t TABLE (name nvarchar(100), n int);
    INSERT INTO @t (name, n) EXEC dbo.usp_other @name = N'a';
    SELECT t.name, t.n FROM @t AS t;
END;
GO
CREATE PROCEDURE dbo.usp_take @items dbo.ItemRows READONLY AS SELECT r.Name FROM @items AS r;
"""
CREATES = ("CREATE", "ALTER", "DROP")


def parsed(text: str, place: str = "x.sql") -> Script:
    """A script; a statement that creates nothing is put into a procedure."""
    if not text.lstrip().startswith(CREATES):
        text = (
            "CREATE PROCEDURE dbo.usp_x @id bigint, @name nvarchar(100), @rows dbo.ItemRows READONLY\n"
            f"WITH EXECUTE AS OWNER AS\nBEGIN\nSET NOCOUNT ON;\n{text}\nEND;"
        )
    result = checker().parse(text, place)
    assert isinstance(result, Script), result
    return result


def against_the_schema(text: str) -> list[object]:
    """What calls, shape and Microsoft's model have against a text that follows the schema."""
    shape = Shape([parsed(SCHEMA, "schema.sql"), parsed(text)])
    scripts = shape.last_scripts()
    calls = [finding for script in scripts for finding in call_findings(script, Definitions.of(scripts))]
    return [*shape.findings, *calls, *checker().model_findings(units(scripts))]


def by_our_rules(text: str) -> list[object]:
    return [*statement_rules(parsed(text)), *file_rules(parsed(text))]


PROCEDURE = "CREATE PROCEDURE dbo.p WITH EXECUTE AS OWNER AS BEGIN SET NOCOUNT ON; SELECT 1 AS n; END;"
LINT = [
    "SET @id = 1 WITH c AS (SELECT 1 AS n) SELECT c.n FROM c;",
    "IF @id > 1 ROLLBACK TRANSACTION THROW;",
    "RECEIVE TOP (1) queueing_order FROM dbo.TheQueue;",
    "SELECT 1 AS n WHERE @name = N'https://schemas.microsoft.com/SQL/ServiceBroker/EndDialog';",
    "INSERT INTO dbo.Item (ItemId, Name) VALUES (@id);",
    "INSERT INTO dbo.Item (Name) SELECT r.Name, 1 FROM @rows AS r;",
    "INSERT INTO dbo.Item SELECT 1, 1, r.Name FROM @rows AS r;",
    "SELECT 1 AS a, 2 AS b UNION ALL SELECT 3;",
    "DECLARE @t TABLE (a bigint); DELETE FROM dbo.Item OUTPUT deleted.ItemId, deleted.Name INTO @t;",
    "CREATE TRIGGER dbo.T ON dbo.Item AFTER INSERT AS BEGIN SET NOCOUNT ON; DELETE FROM dbo.Item OUTPUT deleted.ItemId; END;",
    "SELECT (SELECT 1, 2) AS n;",
    "SELECT i.OwnerId FROM dbo.Item AS i WHERE COUNT(*) > 1 GROUP BY i.OwnerId;",
    "SELECT i.Name FROM dbo.Item AS i WHERE ROW_NUMBER() OVER (ORDER BY i.ItemId) = 1;",
    "SELECT i.OwnerId, i.Name, COUNT(*) AS n FROM dbo.Item AS i GROUP BY i.OwnerId;",
    "SELECT MAX(i.ItemId) AS n, i.Name FROM dbo.Item AS i;",
    "SELECT LENGTH(@name) AS n;",
    "SELECT SUBSTRING(@name, 1) AS n;",
    "SELECT TOP (CASE WHEN @id < 0 THEN 9223372036854775807 ELSE @id END) i.Name FROM dbo.Item AS i;",
    "DECLARE @v varbinary(9000);",
    "THROW 1205, N'again', 1;",
    "DECLARE c CURSOR FOR SELECT 1, 2; FETCH NEXT FROM c INTO @id;",
    "SELECT CASE WHEN @id = 1 THEN NEXT VALUE FOR dbo.Numbers END AS n;",
    "SELECT NEXT VALUE FOR dbo.Numbers AS n FROM @rows AS r ORDER BY r.Name;",
]
RULES = [
    "MERGE dbo.Item AS t USING @rows AS r ON t.Name = r.Name WHEN MATCHED THEN UPDATE SET t.OwnerId = 1;",
    "EXEC (N'DROP TABLE ' + @name);",
    "EXEC sys.sp_executesql @name;",
    "EXEC @name;",
    "SELECT i.Name FROM Item AS i;",
    "EXEC usp_other @name = @name;",
    "CREATE TABLE T (a int);",
    "DROP TABLE dbo.Item;",
    "ALTER TABLE dbo.Item ADD Place int NULL; UPDATE dbo.Item SET Place = 1;",
    "ALTER TABLE dbo.Item ADD Place int NOT NULL;",
    PROCEDURE.replace("SET NOCOUNT ON;", ""),
    PROCEDURE.replace("WITH EXECUTE AS OWNER", ""),
    PROCEDURE.replace("CREATE", "CREATE OR ALTER").replace("AS OWNER", "AS CALLER"),
    f"{PROCEDURE}\nCREATE TABLE dbo.T (a int);",
    "CREATE TRIGGER dbo.T ON dbo.Item AFTER INSERT AS BEGIN RETURN; END;",
]
REFERENCES = [
    "SELECT i.Title FROM dbo.Item AS i;",
    "SELECT r.Title FROM @rows AS r;",
    "DECLARE @t TABLE (a int); UPDATE t SET t.b = 1 FROM @t AS t;",
    "DECLARE @t dbo.ItemRows; SELECT t.Title FROM @t AS t;",
    "CREATE PROCEDURE dbo.p AS BEGIN CREATE TABLE #t (a int); SELECT t.b FROM #t AS t; END;",
    "SELECT dbo.fn_twice(1, 2) AS n;",
    "SELECT dbo.fn_thrice(1) AS n;",
    "EXEC dbo.usp_nobody;",
    "EXEC dbo.usp_other @title = @name, @name = @name;",
    "EXEC dbo.usp_other @n = 1;",
    "EXEC dbo.usp_other @name, @name = @name;",
    "EXEC dbo.usp_other @name, 1, 2;",
    "EXEC dbo.usp_take @items = @id;",
    "DECLARE @o dbo.OtherRows; EXEC dbo.usp_take @items = @o;",
    "DECLARE @t TABLE (a nvarchar(100)); INSERT INTO @t (a) EXEC dbo.usp_other @name = @name;",
    "DECLARE @t TABLE (a nvarchar(100), b int); INSERT INTO @t (a, b) EXEC dbo.usp_inserts;",
    "EXEC sys.sp_getapplock @Resource = @name;",
    "CREATE PROCEDURE dbo.usp_inserts AS SELECT 1 AS n;",
    "CREATE OR ALTER VIEW dbo.v AS SELECT i.Name FROM dbo.Item AS i;",
    "CREATE OR ALTER PROCEDURE dbo.usp_other @m int AS SELECT @m AS name, @m AS n;",
    "ALTER TABLE dbo.Item ADD Name nvarchar(9) NULL;",
    "ALTER TABLE dbo.Item DROP CONSTRAINT DF_Item_Nothing;",
    "DROP INDEX IX_Item ON dbo.Item;",
    "DROP TYPE dbo.ItemRows;",
]
RIGHT = "SELECT i.Name, dbo.fn_twice(1) AS n FROM dbo.Item AS i INNER JOIN @rows AS r ON r.Name = i.Name;"


@pytest.mark.parametrize(
    ("find", "wrong"),
    [
        *((lambda text: lint(parsed(text)), text) for text in LINT),
        *((by_our_rules, text) for text in RULES),
        *((against_the_schema, text) for text in REFERENCES),
    ],
)
def test_what_is_wrong_is_found(find: Callable[[str], list[object]], wrong: str) -> None:
    assert find(wrong)


def test_what_is_right_is_not() -> None:
    assert [*lint(parsed(RIGHT)), *by_our_rules(RIGHT), *against_the_schema(RIGHT)] == []


def test_what_the_parser_refuses_is_found_with_its_place() -> None:
    [found, *_] = checker().parse("-- \N{GRINNING FACE}\nSELECT i.Name FORM dbo.Item AS i;", "x.sql")
    assert str(found).startswith("x.sql:2:")


def test_a_batch_newer_than_the_grammar_is_named_and_hides_no_other(tmp_path: Path) -> None:
    file = tmp_path / "new.sql"
    text = "CREATE TABLE dbo.T (v VECTOR(384));\nGO\nCREATE VECTOR INDEX IX ON dbo.T (v);\nGO\nCREATE VIEW dbo.W AS SELECT LEN() AS n;\n"
    file.write_text(f"-- tsqlcheck: newer-than-2019\n{text}")
    script, unread = read(file)

    assert isinstance(script, Script)
    assert [finding.line for finding in unread] == [4]
    assert [(finding.line, finding.message) for finding in lint(script)] == [(6, "LEN takes 1 arguments, not 0")]
    (other := tmp_path / "unmarked.sql").write_text(text)
    assert isinstance(read(other)[0], list)


def test_statements_in_python_are_found_and_made_readable(tmp_path: Path) -> None:
    file = tmp_path / "module.py"
    file.write_text(
        '"""SELECT is the first word of this documentation."""\nNAME = "dbo"\n'
        "cursor.execute(\"SELECT t.a FROM dbo.T AS t WHERE t.a = ? AND t.b = '?'\", 1)\n"
        'cursor.execute(f"{{CALL {NAME}.usp_a (?, ?)}}", 1, 2)\nprint("SELECTED")\n'
    )
    assert [(line, readable(text)) for line, text in statements_in(file)] == [
        (3, "SELECT t.a FROM dbo.T AS t WHERE t.a = @p AND t.b = '?'"),
        (4, "EXEC placeholder.usp_a @p, @p"),
    ]
