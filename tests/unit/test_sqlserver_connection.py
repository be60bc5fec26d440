"""Connection strings that no value can break out of, and what the server's errors say to a user."""

import re
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from hartonomous_resources.database.database_errors import (
    DatabaseError,
    DatabaseUnavailable,
    SchemaMismatch,
    TransactionConflict,
)
from hartonomous_resources.database.sqlserver import connection
from hartonomous_resources.database.sqlserver.connection import connection_string, translate_error
from hartonomous_resources.settings import Settings


@pytest.fixture(autouse=True)
def _driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "odbc_driver", lambda: "a driver")


def test_parts_become_a_connection_that_is_encrypted_and_verifies_the_certificate() -> None:
    text = connection_string(
        Settings(
            sqlserver_server="db,1433",
            sqlserver_database="Atoms",
            sqlserver_user="app",
            sqlserver_password=SecretStr("a;b}c"),
        )
    )

    assert text == (
        "DRIVER={a driver};SERVER={db,1433};DATABASE={Atoms};UID={app};PWD={a;b}}c};Encrypt=yes;LongAsMax=yes;APP=hartonomous"
    )


def test_a_value_adds_no_keyword_of_its_own() -> None:
    text = connection_string(Settings(sqlserver_server="db};TrustServerCertificate=yes;X={", sqlserver_user="u};PWD=x"))

    assert "SERVER={db}};TrustServerCertificate=yes;X={};" in text
    assert "UID={u}};PWD=x};PWD={}" in text


def test_without_a_login_the_operating_systems_is_used() -> None:
    assert "Trusted_Connection=yes" in connection_string(Settings(sqlserver_server="db"))
    assert "Trusted_Connection" not in connection_string(Settings(sqlserver_server="db", sqlserver_entra_token=True))


def test_a_whole_connection_string_keeps_what_it_says_and_gets_what_it_leaves_open() -> None:
    given = "Driver={Mine};Server=db;Encrypt=no;"

    text = connection_string(Settings(sqlserver_dsn=SecretStr(given), sqlserver_trust_certificate=True))

    assert text == "Driver={Mine};Server=db;Encrypt=no;TrustServerCertificate=yes;LongAsMax=yes;APP=hartonomous"


@pytest.mark.parametrize("schema", ["", "a b", "x;DROP TABLE Atom", "a.b", "[a]", "1a", "a" * 65, "ä"])
def test_a_schema_that_is_no_plain_name_is_refused(schema: str) -> None:
    with pytest.raises(ValidationError, match="sqlserver_schema"):
        Settings(sqlserver_schema=schema)


def error(state: str, number: int, words: str) -> Exception:
    function = "SQLDriverConnect" if "Login timeout" in words else "SQLExecDirectW"
    text = f"[{state}] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]{words} ({number}) ({function})"
    return Exception(state, text)


@pytest.mark.parametrize(
    ("state", "number", "words", "kind", "says"),
    [
        ("40001", 1205, "was deadlocked", TransactionConflict, "was deadlocked"),
        ("23000", 2627, "duplicate key", TransactionConflict, "duplicate key"),
        ("23000", 2601, "duplicate key", TransactionConflict, "duplicate key"),
        ("42000", 3960, "snapshot isolation", TransactionConflict, "snapshot"),
        ("08S01", 0, "Communication link failure", TransactionConflict, "the connection broke"),
        ("28000", 18456, "Login failed for user 'app'.", DatabaseUnavailable, "HARTONOMOUS_SQLSERVER_USER"),
        ("42000", 4060, "Cannot open database", DatabaseUnavailable, "HARTONOMOUS_SQLSERVER_DATABASE"),
        ("42000", 229, "EXECUTE permission was denied", DatabaseError, "hartonomous-worker-dbo"),
        ("42000", 2760, "The specified schema does not exist", DatabaseError, "HARTONOMOUS_SQLSERVER_SCHEMA"),
        ("42000", 2812, "Could not find stored procedure", SchemaMismatch, "hartonomous migrate"),
        ("42000", 9617, "The service queue is currently disabled", DatabaseError, "hartonomous health"),
        ("42000", 51003, "@RawData is limited to 1 MiB", DatabaseError, "@RawData is limited"),
        ("HYT00", 0, "Query timeout expired", DatabaseUnavailable, "HARTONOMOUS_SQLSERVER_QUERY_SECONDS"),
        ("HYT00", 0, "Login timeout expired", DatabaseUnavailable, "HARTONOMOUS_SQLSERVER_SERVER"),
        ("HYT00", 0, "Login timeout expired", DatabaseUnavailable, "HARTONOMOUS_SQLSERVER_LOGIN_SECONDS"),
        (
            "FA005",
            0,
            "Cannot use Access Token with any of the following options: User.",
            DatabaseUnavailable,
            "HARTONOMOUS_SQLSERVER_ENTRA_TOKEN",
        ),
        ("08001", 0, "SSL Provider: certificate verify failed", DatabaseUnavailable, "TRUST_CERTIFICATE"),
        ("08001", 0, "TCP Provider: Error code 0x274D", DatabaseUnavailable, "HARTONOMOUS_SQLSERVER_SERVER"),
        ("01000", 0, "Can't open lib 'x' : file not found", DatabaseUnavailable, "hartonomous[sqlserver]"),
    ],
)
def test_an_error_says_where_what_and_what_to_do(
    state: str, number: int, words: str, kind: type[DatabaseError], says: str
) -> None:
    meant = translate_error(error(state, number, words), Settings(sqlserver_server="db", sqlserver_database="Atoms"))

    assert type(meant) is kind
    assert says in str(meant)
    assert "db/Atoms" in str(meant) or number == 0
    assert "\n" not in str(meant)


@pytest.mark.parametrize(
    ("state", "number", "says"),
    [
        ("28000", 18456, "check the login in HARTONOMOUS_SQLSERVER_DSN"),
        ("28000", 18452, "the login in HARTONOMOUS_SQLSERVER_DSN"),
        ("42000", 4060, "check the database in HARTONOMOUS_SQLSERVER_DSN"),
        ("42000", 911, "check the database in HARTONOMOUS_SQLSERVER_DSN"),
        ("08001", 0, "check the server in HARTONOMOUS_SQLSERVER_DSN"),
    ],
)
def test_with_a_dsn_an_error_names_no_variable_that_does_not_count(state: str, number: int, says: str) -> None:
    meant = str(translate_error(error(state, number, "words"), Settings(sqlserver_dsn=SecretStr("SERVER=db"))))

    assert says in meant
    assert not re.search("HARTONOMOUS_SQLSERVER_(SERVER|DATABASE|USER)", meant)


def test_an_error_that_no_table_knows_is_one_line_with_its_state_its_number_and_the_procedure() -> None:
    unknown = error("42000", 8144, "Procedure or function usp_x has too many\narguments specified.")

    assert str(translate_error(unknown, Settings(sqlserver_server="db", sqlserver_database="Atoms"), "usp_x")) == (
        "SQL Server db/Atoms: Procedure or function usp_x has too many arguments specified. (SQLSTATE 42000, error 8144, in usp_x)"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[08001] [Microsoft][ODBC Driver 18 for SQL Server]SSL Provider: [error:0A000086:SSL routines::certificate verify failed"
         ":self-signed certificate] (-1) (SQLDriverConnect)", "[error:0A000086:SSL routines::certificate verify failed:self-signed certificate]"),
        ("[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Cannot find [dbo].[usp_x]. (7) (SQLExecDirectW)",
         "Cannot find [dbo].[usp_x]."),
        ("[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server][x] is wrong. (7) (SQLExecDirectW)", ": [x] is wrong. ("),
        ("[42000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]One. (7) (SQLExecDirectW); [42000] [Microsoft][ODBC Driver "
         "18 for SQL Server][SQL Server]Two. (8)", ": One.; Two. (SQLSTATE 42000, error 7)"),
        ("[IM004] [unixODBC][Driver Manager]Driver's SQLAllocHandle failed (0) (SQLDriverConnect)", ": Driver's SQLAllocHandle failed ("),
    ],
)  # fmt: skip
def test_only_what_stands_before_a_message_is_taken_off(text: str, words: str) -> None:
    meant = str(translate_error(Exception(text[1:6], text), Settings(sqlserver_server="db")))

    assert words in meant
    assert "Microsoft" not in meant and "unixODBC" not in meant and "ODBC Driver" not in meant


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (
            2628,
            "String or binary data would be truncated in table 'a.dbo.T', column 'C'. Truncated value: 'my secret (a'.",
        ),
        (2627, "Cannot insert duplicate key in object 'dbo.T'. The duplicate key value is (0, it's a secret, 1)."),
        (245, "Conversion failed when converting the nvarchar value 'it's a secret' to data type int."),
    ],
)
def test_a_value_that_the_server_quotes_is_left_out(number: int, words: str) -> None:
    meant = str(translate_error(error("22001", number, words), Settings(sqlserver_server="db")))

    assert "secret" not in meant
    assert words[:20] in meant and "…" in meant


@pytest.mark.parametrize("settings", [{"sqlserver_dsn": "SERVER=db;UID=a;PWD=hunter2"}, {"sqlserver_server": "db"}])
def test_no_password_is_in_a_message(settings: dict[str, Any]) -> None:
    given = Settings(**settings, sqlserver_password=SecretStr("hunter2"))

    assert "hunter2" not in str(translate_error(error("28000", 18456, "Login failed"), given)) + repr(given)


@pytest.mark.parametrize("name", ["database", "user", "password"])
def test_a_part_without_the_server_is_said_and_not_passed_over(name: str) -> None:
    with pytest.raises(ValidationError, match=rf"sqlserver_{name}\n.*of no use without HARTONOMOUS_SQLSERVER_SERVER"):
        Settings(**{f"sqlserver_{name}": "x"})


@pytest.mark.parametrize("name", ["user", "password"])
def test_a_token_and_a_login_exclude_each_other(name: str) -> None:
    with pytest.raises(ValidationError, match=r"sqlserver_entra_token\n.*is the login"):
        Settings(sqlserver_server="db", sqlserver_entra_token=True, **{f"sqlserver_{name}": "x"})


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARTONOMOUS_SQLSERVER_SERVER", "")
    monkeypatch.setenv("HARTONOMOUS_HOME", "")

    assert not Settings().uses_sqlserver
    assert Settings().home.name == "hartonomous"


@pytest.mark.parametrize("dsn", ["SERVER=db;PWD={x;Encrypt=no}", "SERVER=db;PWD={a;database=hunter2}"])
def test_what_lies_in_braces_is_no_keyword(dsn: str) -> None:
    given = Settings(sqlserver_dsn=SecretStr(dsn))

    assert "Encrypt=yes" in connection_string(given)
    assert "hunter2" not in str(translate_error(error("28000", 18456, "Login failed"), given))
