"""The TDS server as Microsoft's driver sees it: what a test says of either is only worth what this is."""

import datetime
import struct
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from hartonomous_resources.database.database_errors import DatabaseUnavailable
from tests.sqlserver.driver import driver_or_skip
from tests.tools.tds.protocol import Attention, Batch, Call, Login, Transaction
from tests.tools.tds.responses import Failure, Rows
from tests.tools.tds.server import SELF_SIGNED, TdsServer
from tests.tools.tds.session import Reply
from tests.tools.tds.values import Table

if TYPE_CHECKING:
    import pyodbc

Connect = Callable[..., "pyodbc.Connection"]

MOMENT = datetime.datetime(2026, 11, 23, 9, 30, 15, 678000)
ID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")


@pytest.fixture
def server() -> Iterator[TdsServer]:
    with TdsServer() as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Opens connections and closes them at the end of the test."""
    driver = driver_or_skip()
    import pyodbc

    opened: list[pyodbc.Connection] = []

    def open_connection(server: TdsServer, options: str = "UID=me;PWD=secret;Encrypt=no", **more: Any) -> Any:
        text = f"DRIVER={{{driver}}};SERVER=127.0.0.1,{server.port};DATABASE=db;LongAsMax=yes;{options}"
        opened.append(pyodbc.connect(text, **({"autocommit": False, "timeout": 10} | more)))
        return opened[-1]

    yield open_connection
    for connection in opened:
        connection.close()


def call(
    connection: "pyodbc.Connection", name: str, *values: object, sizes: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """Rows of all result sets of a procedure."""
    cursor = connection.cursor()
    if sizes:
        cursor.setinputsizes(sizes)
    cursor.execute(f"{{CALL {name} ({', '.join('?' * len(values))})}}", values)
    rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
    while cursor.nextset():
        rows += [tuple(row) for row in cursor.fetchall()] if cursor.description else []
    return rows


# ---- logging in


def test_a_login_is_decoded(server: TdsServer, connect: Connect) -> None:
    connect(server, "UID=ünal;PWD={p;}}ß€};APP=a test;Encrypt=no")
    [login] = server.logged(Login)
    assert (login.user, login.password, login.application, login.database) == ("ünal", "p;}ß€", "a test", "db")
    assert login.token is None


def test_a_login_is_refused_with_the_error_that_a_test_wants(server: TdsServer, connect: Connect) -> None:
    import pyodbc

    server.answer_next("login", Failure(4060, 'Cannot open database "db".', severity=11))
    with pytest.raises(pyodbc.Error, match=r'Cannot open database "db"\. \(4060\)'):
        connect(server)
    connect(server)  # the next is let in


def test_an_encrypted_session_is_one(connect: Connect) -> None:
    with TdsServer(certificate=SELF_SIGNED) as server:
        server.answer("usp_big", Rows([("content", "varbinary(max)")], [[b"x" * 100_000]]))
        connection = connect(server, "UID=me;PWD=secret;Encrypt=yes;TrustServerCertificate=yes")
        assert call(connection, "dbo.usp_big") == [(b"x" * 100_000,)]
        assert call(connection, "dbo.usp_long", b"y" * 100_000) == []
        assert server.calls("usp_long")[0].values == [b"y" * 100_000]


def test_its_certificate_is_not_trusted(connect: Connect) -> None:
    import pyodbc

    with TdsServer(certificate=SELF_SIGNED) as server:
        with pytest.raises(pyodbc.Error, match="certificate verify failed"):
            connect(server, "UID=me;PWD=secret;Encrypt=yes")
        assert server.log == []


def test_an_access_token_is_decoded(connect: Connect) -> None:
    token = ".".join(["header", "päyload", "signature"])
    encoded = token.encode("utf-16-le")
    with TdsServer(certificate=SELF_SIGNED) as server:
        attributes = {1256: struct.pack("<I", len(encoded)) + encoded}
        connect(server, "Encrypt=yes;TrustServerCertificate=yes", attrs_before=attributes)
        [login] = server.logged(Login)
        assert (login.token, login.user, login.password) == (token, "", "")


# ---- calls


def scalars() -> list[tuple[str, Any, tuple[str, int, int]]]:
    """A type on the wire, a value of it, and what `setinputsizes` takes for it (the type by its name in pyodbc)."""
    return [
        ("tinyint", 200, ("SQL_TINYINT", 0, 0)),
        ("int", -5, ("SQL_INTEGER", 0, 0)),
        ("bigint", 2**62, ("SQL_BIGINT", 0, 0)),
        ("bit", True, ("SQL_BIT", 0, 0)),
        ("float", 0.1, ("SQL_DOUBLE", 0, 0)),
        ("varchar(max)", "é" * 9000, ("SQL_VARCHAR", 0, 0)),
        ("varchar(64)", "abc", ("SQL_VARCHAR", 64, 0)),
        ("char(16)", "2026-11-23-09:00", ("SQL_CHAR", 16, 0)),
        ("nvarchar(max)", "zażółć 😀" * 1000, ("SQL_WVARCHAR", 0, 0)),
        ("nvarchar(255)", "", ("SQL_WVARCHAR", 255, 0)),
        ("varbinary(max)", b"\x00\xff" * 5000, ("SQL_VARBINARY", 0, 0)),
        ("varbinary(64)", b"", ("SQL_VARBINARY", 64, 0)),
        ("binary(32)", bytes(range(32)), ("SQL_BINARY", 32, 0)),
        ("datetime2(3)", MOMENT, ("SQL_TYPE_TIMESTAMP", 23, 3)),
        ("uniqueidentifier", ID, ("SQL_GUID", 0, 0)),
    ]


@pytest.mark.parametrize(("name", "value", "size"), scalars(), ids=[name for name, _, _ in scalars()])
def test_a_scalar_is_decoded(
    server: TdsServer, connect: Connect, name: str, value: Any, size: tuple[str, int, int]
) -> None:
    import pyodbc

    sizes = [(getattr(pyodbc, size[0]), *size[1:])]
    connection = connect(server)
    for given in (value, pyodbc.BinaryNull):  # a None would make the driver ask the server for its type
        call(connection, "dbo.usp_x", given, sizes=sizes)
    first, second = server.calls("usp_x")
    assert (first.schema, first.types, first.values) == ("dbo", [name], [value])
    assert (second.types, second.values) == ([name], [None])
    assert first.via == "sp_prepexecrpc"
    assert not [c for c in server.logged(Call) if "describe" in c.procedure]


def test_a_table_is_decoded(server: TdsServer, connect: Connect) -> None:
    rows = [(1, None, 1.5, b"a" * 9000, MOMENT, ID, False), (2**40, "ż" * 70_000, None, None, None, None, True)]
    call(connect(server), "own.usp_x", 7, ["SomeRows", "own", *rows])
    [found] = server.calls("usp_x")
    number, table = found.parameters
    assert (found.schema, number.value) == ("own", 7)
    assert (table.schema, table.type) == ("own", "SomeRows")
    types = ("bigint", "nvarchar(max)", "float", "varbinary(max)", "datetime2(7)", "uniqueidentifier", "bit")
    assert table.value == Table(types, rows)


def test_a_column_of_nothing_but_none_is_a_varchar(server: TdsServer, connect: Connect) -> None:
    """The reason for sending empty bytes instead: SQL Server turns no varchar into a varbinary."""
    call(connect(server), "dbo.usp_x", ["SomeRows", "dbo", (None,), (None,)])
    assert server.calls("usp_x")[0].values == [Table(("varchar(max)",), [(None,), (None,)])]


def test_a_none_makes_the_driver_ask_for_its_type(server: TdsServer, connect: Connect) -> None:
    import pyodbc

    connection = connect(server)
    server.clear()
    call(connection, "dbo.usp_x", None, sizes=[(pyodbc.SQL_BIGINT, 0, 0)])
    assert [c.name for c in server.logged(Call)][:2] == ["sp_describe_undeclared_parameters", "usp_x"]
    assert server.round_trips >= 2


def test_of_a_long_call_only_the_name_is_read(connect: Connect) -> None:
    with TdsServer(decode_up_to=4096) as server:
        connection = connect(server)
        call(connection, "dbo.usp_x", ["SomeRows", "dbo", *[(b"x" * 300,)] * 1000])
        call(connection, "dbo.usp_x", 5)
        long, short = server.calls("usp_x")
        assert (long.procedure, long.values, short.values) == ("dbo.usp_x", [], [5])
        assert server.bytes_received > 300_000


# ---- answers


COLUMNS = [("a", "int"), ("b", "bigint"), ("c", "bit"), ("d", "float"), ("e", "nvarchar(100)"), ("f", "nvarchar(max)"),
           ("g", "varchar(64)"), ("h", "varbinary(64)"), ("i", "varbinary(max)"), ("j", "binary(2)"), ("k", "datetime2(3)"),
           ("l", "uniqueidentifier"), ("m", "char(3)"), ("n", "smallint"), ("o", "tinyint")]  # fmt: skip
VALUES = (
    -1,
    2**62,
    True,
    0.1,
    "ż",
    "ż" * 9000,
    "é",
    b"\0",
    b"\0" * 9000,
    b"ab",
    MOMENT,
    str(ID).upper(),
    "abc",
    -2,
    250,
)


def test_rows_arrive_as_they_are_given(server: TdsServer, connect: Connect) -> None:
    server.answer("usp_x", Rows(COLUMNS, [VALUES, [None] * len(VALUES)]))
    cursor = connect(server).cursor()
    cursor.execute("{CALL dbo.usp_x (?)}", [1])
    assert [column[0] for column in cursor.description] == [name for name, _ in COLUMNS]
    assert [tuple(row) for row in cursor.fetchall()] == [VALUES, (None,) * len(VALUES)]


def test_several_result_sets_and_then_an_error(server: TdsServer, connect: Connect) -> None:
    import pyodbc

    server.answer("usp_x", Rows([("a", "int")], [[1]]), Rows([("b", "int")], [[2], [3]]), Failure(51001, "too late"))
    cursor = connect(server).cursor()
    cursor.execute("{CALL dbo.usp_x (?)}", [1])
    assert [tuple(row) for row in cursor.fetchall()] == [(1,)]
    assert cursor.nextset()
    assert [tuple(row) for row in cursor.fetchall()] == [(2,), (3,)]
    with pytest.raises(pyodbc.Error, match="too late"):
        cursor.nextset()


def test_an_answer_for_the_next_call_comes_before_that_for_all(server: TdsServer, connect: Connect) -> None:
    server.answer("usp_x", Rows([("a", "int")], [[0]]))
    server.answer_next("usp_x", Rows([("a", "int")], [[1]]))
    server.answer_next("usp_x", Rows([("a", "int")], [[2]]))
    connection = connect(server)
    assert [call(connection, "dbo.usp_x") for _ in range(4)] == [[(1,)], [(2,)], [(0,)], [(0,)]]


def test_an_answer_made_of_what_was_asked(server: TdsServer, connect: Connect) -> None:
    def double(event: Any) -> Reply:
        return Reply([Rows([("a", "int")], [[2 * event.values[0]]])])

    server.reply("usp_x", double)
    assert call(connect(server), "dbo.usp_x", 21) == [(42,)]


def test_connections_are_told_apart(server: TdsServer, connect: Connect) -> None:
    first, second = connect(server), connect(server)
    server.clear()
    call(first, "dbo.usp_a")
    call(second, "dbo.usp_b")
    call(first, "dbo.usp_c")
    names = [[event.name for event in session if isinstance(event, Call)] for session in server.sessions]
    assert names == [["usp_a", "usp_c"], ["usp_b"]]


def test_a_statement_with_parameters(server: TdsServer, connect: Connect) -> None:
    server.answer("sp_prepexec", Rows([("a", "int")], [[1]]))
    assert connect(server).execute("SELECT a FROM t WHERE b = ?", "x").fetchall()[0][0] == 1
    assert server.calls("sp_prepexec")[0].values[1:] == ["@P1 nvarchar(2)", "SELECT a FROM t WHERE b = @P1", "x"]


def test_a_batch(server: TdsServer, connect: Connect) -> None:
    server.answer("batch", Rows([("a", "int")], [[1], [2]]))
    cursor = connect(server).execute("SELECT a FROM t")
    assert [tuple(row) for row in cursor.fetchall()] == [(1,), (2,)]
    assert [batch.text for batch in server.logged(Batch)] == ["SELECT a FROM t"]


# ---- transactions, time, and lost connections


def test_transactions_are_told_apart(server: TdsServer, connect: Connect) -> None:
    connection = connect(server)
    call(connection, "dbo.usp_a")
    connection.commit()
    call(connection, "dbo.usp_b")
    connection.rollback()
    requests = [(request.request, request.begins) for request in server.logged(Transaction)]
    assert requests == [("begin", False), ("commit", True), ("rollback", True)]
    [first], [second] = server.calls("usp_a"), server.calls("usp_b")
    assert 0 < first.transaction < second.transaction


def test_a_deadlock_ends_the_transaction_on_the_server(server: TdsServer, connect: Connect) -> None:
    import pyodbc

    server.answer_next("usp_x", Failure(1205, "deadlock victim", severity=13))
    connection = connect(server)
    with pytest.raises(pyodbc.Error) as caught:
        call(connection, "dbo.usp_x", 1)
    assert caught.value.args[0] == "40001"
    connection.rollback()
    call(connection, "dbo.usp_x", 1)
    assert [request.request for request in server.logged(Transaction)] == ["begin", "begin"]


def test_a_commit_that_fails(server: TdsServer, connect: Connect) -> None:
    import pyodbc

    connection = connect(server)
    call(connection, "dbo.usp_x", 1)
    server.answer_next("commit", Failure(3960, "update conflict"))
    with pytest.raises(pyodbc.Error, match="update conflict"):
        connection.commit()


def test_a_call_that_takes_too_long_is_cancelled(server: TdsServer, connect: Connect) -> None:
    import pyodbc

    connection = connect(server)
    connection.timeout = 1
    server.answer_next("usp_x", delay=30)
    with pytest.raises(pyodbc.OperationalError) as caught:
        call(connection, "dbo.usp_x", 1)
    assert caught.value.args[0] == "HYT00"
    server.wait_for(Attention)
    connection.rollback()
    assert call(connection, "dbo.usp_x", 1) == []  # the connection lives


@pytest.mark.parametrize("after", [0, 9, 5000, 50_000])
def test_a_connection_breaks_within_a_result(server: TdsServer, connect: Connect, after: int) -> None:
    import pyodbc

    server.answer_next("usp_x", Rows([("a", "varbinary(max)")], [[b"x" * 1000]] * 100), drop_after=after)
    with pytest.raises(pyodbc.OperationalError) as caught:
        call(connect(server), "dbo.usp_x", 1)
    assert caught.value.args[0] == "08S01"


def test_where_it_has_listened_nobody_listens(connect: Connect) -> None:
    import pyodbc

    with TdsServer() as server:
        pass
    with pytest.raises(pyodbc.OperationalError):
        connect(server, timeout=1)


def test_what_it_cannot_read_fails_the_test(monkeypatch: pytest.MonkeyPatch, connect: Connect) -> None:
    import pyodbc

    def unreadable(_kind: int, _message: bytes) -> list[Any]:
        raise ValueError("unreadable")

    server = TdsServer()
    with pytest.raises(ValueError, match="unreadable"), server:
        monkeypatch.setattr("tests.tools.tds.session.decode", unreadable)
        with pytest.raises(pyodbc.Error):
            connect(server)


# ---- where there is no driver


def missing() -> DatabaseUnavailable:
    return DatabaseUnavailable("there is no ODBC driver")


def test_without_a_driver_a_test_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.sqlserver.driver._driver", missing)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="there is no ODBC driver"):
        driver_or_skip()


def test_without_a_driver_a_test_is_skipped_loudly_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.sqlserver.driver._driver", missing)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"NOT TESTED: SQL Server's client; there is no ODBC driver"):
        driver_or_skip()
