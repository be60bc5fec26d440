"""What goes over the wire for each kind of call, as the real driver sends it."""

import re
import threading
import uuid
from datetime import datetime
from typing import Any

import pytest

from hartonomous_resources.database.database_errors import DatabaseError, DatabaseUnavailable, SchemaMismatch
from hartonomous_resources.database.graph_views import EDGE_VIEWS
from hartonomous_resources.database.protocol import WrittenAtoms
from hartonomous_resources.database.sqlserver.procedures import Parameter, load_procedures, load_table_types
from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase
from hartonomous_resources.project_files import project_file
from tests.builders import HOUR, atom, atoms_of
from tests.sqlserver.conftest import Open, journal
from tests.tools.tds.protocol import Attention, Batch, Call, Event, Login, Transaction
from tests.tools.tds.responses import Failure, Rows
from tests.tools.tds.server import TdsServer
from tests.tools.tds.session import Reply
from tests.tools.tds.values import Table

FOLDER = project_file("sql") / "sqlserver"
PROCEDURES = {name: found for name, found in load_procedures(FOLDER).items() if name.startswith("usp_")}
TABLE_TYPES = load_table_types(FOLDER)

MOMENT = "2026-11-23T09:30:15.678Z"
ID = "00112233-4455-6677-8899-aabbccddeeff"
CHANGED = Rows([("rowsChanged", "bigint")], [[3]])

# of each type a value as our rows have it, the type as which it is sent, the same in a table, and the value that arrives
SENT: dict[str, tuple[Any, str, str, Any]] = {
    "bigint": (2**62, "bigint", "bigint", 2**62),
    "int": (7, "int", "bigint", 7),
    "tinyint": (7, "tinyint", "bigint", 7),
    "bit": (True, "bit", "bit", True),
    "float": (0.1, "float", "float", 0.1),
    "datetime2": (MOMENT, "datetime2(3)", "datetime2(7)", datetime(2026, 11, 23, 9, 30, 15, 678000)),
    "uniqueidentifier": (ID, "uniqueidentifier", "uniqueidentifier", uuid.UUID(ID)),
    "varchar": ("abc'; --", "varchar(max)", "nvarchar(max)", "abc'; --"),
    "char": ("2026-11-23-09:00", "varchar(max)", "nvarchar(max)", "2026-11-23-09:00"),
    "nvarchar": ("zażółć 😀'; DROP", "nvarchar(max)", "nvarchar(max)", "zażółć 😀'; DROP"),
    "varbinary": (b"\x00\xff" * 5000, "varbinary(max)", "varbinary(max)", b"\x00\xff" * 5000),
    "binary": (bytes(range(32)), "varbinary(max)", "varbinary(max)", bytes(range(32))),
}


def base(kind: str) -> str:
    return kind.partition("(")[0]


def given(parameter: Parameter) -> Any:
    if parameter.is_table:
        return [tuple(SENT[base(kind)][0] for _, kind in TABLE_TYPES[parameter.type])] * 2
    return SENT[base(parameter.type)][0]


def arrives(parameter: Parameter) -> tuple[str, Any]:
    """Type and value on the wire."""
    if not parameter.is_table:
        return SENT[base(parameter.type)][1], SENT[base(parameter.type)][3]
    columns = [SENT[base(kind)] for _, kind in TABLE_TYPES[parameter.type]]
    row = tuple(value for _, _, _, value in columns)
    return parameter.type, Table(tuple(kind for _, _, kind, _ in columns), [row, row])


def requests(events: list[Event]) -> list[str]:
    return [event.request for event in events if isinstance(event, Transaction)]


# ---- every procedure


@pytest.mark.parametrize("name", sorted(PROCEDURES))
def test_a_procedure_is_called_with_its_own_types(server: TdsServer, database: SqlServerDatabase, name: str) -> None:
    parameters = PROCEDURES[name].parameters
    server.answer(name, CHANGED)
    with database.unit_of_work() as unit_of_work:
        rows = unit_of_work.query(name.removeprefix("usp_"), **{p.name: given(p) for p in parameters})
    assert rows == [{"rowsChanged": 3}]
    [sent] = server.calls(name)
    assert (sent.schema, sent.name) == ("dbo", name)
    assert list(zip(sent.types, sent.values, strict=True)) == [arrives(p) for p in parameters]
    assert [p.schema for p in sent.parameters] == ["dbo" if p.is_table else "" for p in parameters]
    assert sent.transaction > 0


@pytest.mark.parametrize("name", sorted(n for n, p in PROCEDURES.items() if any(not q.is_table for q in p.parameters)))
def test_none_is_sent_as_a_null_of_the_type(server: TdsServer, database: SqlServerDatabase, name: str) -> None:
    parameters = PROCEDURES[name].parameters
    with database.unit_of_work() as unit_of_work:
        unit_of_work.query(name.removeprefix("usp_"), **{p.name: given(p) if p.is_table else None for p in parameters})
    [sent] = server.calls(name)
    expected = [arrives(p) if p.is_table else (arrives(p)[0], None) for p in parameters]
    assert list(zip(sent.types, sent.values, strict=True)) == expected


def test_another_schema_is_named_in_every_call(server: TdsServer, open_database: Open) -> None:
    database = open_database(sqlserver_schema="user")
    for name, procedure in PROCEDURES.items():
        with database.unit_of_work() as unit_of_work:
            unit_of_work.query(name.removeprefix("usp_"), **{p.name: given(p) for p in procedure.parameters})
    with database.read() as unit_of_work:
        unit_of_work.query("pending_work", **{p.name: None for p in PROCEDURES["usp_pending_work"].parameters})
    ours = [call for call in server.logged(Call) if not call.name.startswith("sp_")]
    assert {call.name for call in ours} == set(PROCEDURES)
    assert {call.procedure.partition(".")[0] for call in ours} == {"[user]"}, (
        "in brackets, for it may be a reserved word"
    )
    tables = [p for call in ours for p in call.parameters if isinstance(p.value, Table)]
    assert {table.type for table in tables} <= set(TABLE_TYPES)
    assert {table.schema for table in tables} == {"user"}
    assert "dbo" not in repr(server.log)


# ---- rows and tables


def test_the_graph_is_asked_by_the_name_of_a_view_and_numbers_as_json(
    server: TdsServer, database: SqlServerDatabase
) -> None:
    [view] = [view for view in EDGE_VIEWS if view.name == "Source_DERIVED_FROM_Source"]
    edge = Rows(
        [("FromNumber", "bigint"), ("Since", "datetime2(3)")],
        [[3, datetime.fromisoformat(MOMENT).replace(tzinfo=None)]],
    )
    server.answer("usp_graph_ends", Rows([("number", "bigint")], [[2], [5]]))
    server.answer("usp_graph_edges", edge)
    server.answer("usp_graph_nodes", Rows([("Number", "bigint")], []))
    with database.read() as unit_of_work:
        assert unit_of_work.graph_ends(7, view, "upstream", [3, 1, 3], after=4, limit=2) == [2, 5]
        assert unit_of_work.graph_edges(7, view, "downstream", {3}, until=2**40) == [{"FromNumber": 3, "Since": MOMENT}]
        assert unit_of_work.graph_nodes(7, "Tenant", [7, 7]) == []
    sent = [call.values for call in server.logged(Call) if call.name.startswith("usp_graph")]
    assert sent == [
        [7, "Source_DERIVED_FROM_Source", "upstream", "[1, 3]", None, 4, None, 2],
        [7, "Source_DERIVED_FROM_Source", "downstream", "[3]", None, None, 2**40],
        [7, "Tenant", "[7]"],
    ]


def test_atoms_go_as_one_table(server: TdsServer, database: SqlServerDatabase) -> None:
    known, new, long = atoms_of("known", "ż😀", b"x" * 70_000)
    plain = atom("last", 3, byte_offset=2**40, suffix=b"\r\n", role="derived", locator='{"page": 1}')
    columns = [("contentHash", "binary(32)"), ("atomId", "bigint"), ("isNew", "bit")]
    answer = [[known.content_hash, 1, False], [new.content_hash, 2, True], [long.content_hash, 3, True], [plain.content_hash, 4, False]]  # fmt: skip
    server.answer("usp_write_atoms", Rows(columns, answer))
    with database.unit_of_work() as unit_of_work:
        written = unit_of_work.write_atoms(5, HOUR, {2**40: [known, new, long, plain]})
    assert written == WrittenAtoms(2, new.byte_length + long.byte_length)
    [sent] = server.calls("usp_write_atoms")
    assert sent.values[:3] == [5, 2**40, HOUR]
    table = sent.values[3]
    assert isinstance(table, Table)
    names = ["nvarchar(max)", "bigint", "varbinary(max)", "bigint", "bigint", "nvarchar(max)", "nvarchar(max)", "nvarchar(max)",
             "nvarchar(max)", "varbinary(max)", "varchar(max)", "varbinary(max)", "nvarchar(max)"]  # fmt: skip
    assert list(table.types) == names  # of the blob keys none was given: the driver sends such a column as varchar
    assert [row[9] for row in table.rows] == [b"", b"", long.content, b""]  # of a text no other copy
    assert [row[8] for row in table.rows] == ["known", "ż😀", None, "last"]
    last = (
        "derived",
        3,
        plain.content_hash,
        2**40,
        4,
        "text",
        "sentence",
        "text/plain",
        "last",
        b"",
        None,
        b"\r\n",
    )
    assert table.rows[3] == (*last, '{"page": 1}')


def test_bytes_that_nobody_gives_are_still_bytes(server: TdsServer, database: SqlServerDatabase) -> None:
    """SQL Server refuses a varchar column where the table type says varbinary, even if all of it is NULL."""
    with database.unit_of_work() as unit_of_work:
        blob = atom(b"x" * 70_000, blob_key="ab/cd")
        rows = [("content", 0, blob.content_hash, 0, 1, "binary", "chunk", None, None, None, "ab/cd", None, None)]
        unit_of_work.query("write_atoms", tenant_id=0, source_id=1, ingest_hour=HOUR, atoms=rows)
    table = server.calls("usp_write_atoms")[0].values[3]
    assert isinstance(table, Table)
    assert (table.types[9], table.types[11]) == ("varbinary(max)", "varbinary(max)")
    assert (table.rows[0][9], table.rows[0][11]) == (b"", b"")


def test_messages_go_as_one_table(server: TdsServer, database: SqlServerDatabase) -> None:
    with database.unit_of_work() as unit_of_work:
        ids = unit_of_work.enqueue("IngestionQueue", [("key;'", b"{}"), ("klucz ż", b"\xff" * 9000)])
    [sent] = server.calls("usp_enqueue")
    table = sent.values[1]
    assert sent.values[0] == "IngestionQueue"
    assert sent.parameters[1].type == "MessageRows"
    assert isinstance(table, Table)
    assert table.rows == [(0, ids[0], "key;'", b"{}"), (1, ids[1], "klucz ż", b"\xff" * 9000)]


def test_nothing_to_write_is_not_sent(server: TdsServer, database: SqlServerDatabase) -> None:
    with database.unit_of_work() as unit_of_work:
        assert unit_of_work.write_atoms(0, HOUR, {1: []}) == WrittenAtoms(0, 0)
        assert unit_of_work.enqueue("IngestionQueue", []) == []
        unit_of_work.execute_many("insert_embeddings", [])
    assert server.log == []


def test_rows_come_back_as_texts_and_numbers(server: TdsServer, database: SqlServerDatabase) -> None:
    columns = [("at", "datetime2(3)"), ("none", "datetime2(3)"), ("body", "varbinary(max)"), ("text", "nvarchar(max)")]
    server.answer("usp_sources", Rows(columns, [[datetime(2026, 11, 23, 9, 30, 15, 5000), None, b"\0", "ż😀"]]))
    with database.read() as unit_of_work:
        parameters = {p.name: None for p in PROCEDURES["usp_sources"].parameters}
        [row] = unit_of_work.query("sources", **parameters)
    assert row == {"at": "2026-11-23T09:30:15.005Z", "none": None, "body": b"\0", "text": "ż😀"}


# ---- round trips


def test_a_thousand_atoms_take_at_most_three_round_trips(server: TdsServer, database: SqlServerDatabase) -> None:
    rows = [atom(f"{i} {'x' * 300}", i) for i in range(1000)]
    with database.unit_of_work() as unit_of_work:
        unit_of_work.write_atoms(0, HOUR, {1: rows})
    table = server.calls("usp_write_atoms")[0].values[3]
    assert isinstance(table, Table)
    assert len(table.rows) == 1000
    assert requests(server.log) == ["commit"]
    assert server.round_trips <= 3


def test_a_none_costs_no_question(server: TdsServer, database: SqlServerDatabase) -> None:
    """pyodbc asks the server for the type of a None, also of one that `setinputsizes` has told it."""
    with database.unit_of_work() as unit_of_work:
        unit_of_work.query("sources", tenant_id=None, source_id=None, source_uri=None, status=None, n=1)
    assert [call.name for call in server.logged(Call) if "describe" in call.name] == []


def test_each_call_is_one_round_trip(server: TdsServer, database: SqlServerDatabase) -> None:
    server.answer("usp_touch_source", CHANGED)
    with database.unit_of_work() as unit_of_work:
        for _ in range(10):
            unit_of_work.execute("touch_source", source_id=1, now=MOMENT)
    assert server.round_trips <= 12, "ten calls, the commit, and the end of a cursor"


# ---- transactions


def test_a_unit_of_work_is_one_transaction(server: TdsServer, database: SqlServerDatabase) -> None:
    server.answer("usp_touch_source", CHANGED)
    with database.unit_of_work() as unit_of_work:
        for _ in range(2):
            assert unit_of_work.execute("touch_source", source_id=1, now=MOMENT) == 3
    with database.unit_of_work() as unit_of_work:
        unit_of_work.execute("touch_source", source_id=2, now=MOMENT)
    first, second, third = [call.transaction for call in server.calls("usp_touch_source")]
    assert 0 < first == second < third
    assert requests(server.log) == ["commit", "commit"]
    assert isinstance(server.log[-1], Transaction)


def test_what_fails_is_rolled_back(server: TdsServer, database: SqlServerDatabase) -> None:
    with pytest.raises(KeyError), database.unit_of_work() as unit_of_work:
        unit_of_work.query("queue_depths")
        raise KeyError
    assert requests(server.log) == ["rollback"]


def test_reading_has_a_snapshot_and_a_connection_of_its_own(server: TdsServer, open_database: Open) -> None:
    database = open_database()
    with database.read() as reading, database.unit_of_work() as writing:
        reading.query("queue_depths")
        writing.query("queue_depths")
    reader, writer = server.sessions
    [batch] = [event for event in reader if isinstance(event, Batch)]
    assert batch.text == "SET TRANSACTION ISOLATION LEVEL SNAPSHOT"
    [read] = [event for event in reader if isinstance(event, Call) and event.name == "usp_queue_depths"]
    between = requests(reader[reader.index(batch) : reader.index(read)])
    assert between == ["commit"], "a transaction that began before the SET is none of a snapshot"
    assert requests(reader)[-1] == "rollback"
    assert not [event for event in writer if isinstance(event, Batch)]
    assert requests(writer)[-1] == "commit"


def test_a_connection_is_opened_once(server: TdsServer, open_database: Open) -> None:
    database = open_database()
    for _ in range(3):
        with database.unit_of_work() as unit_of_work:
            unit_of_work.query("queue_depths")
    assert len(server.logged(Login)) == 1
    assert len(server.calls("usp_schema_versions")) == 1
    [login] = server.logged(Login)
    assert (login.application, login.user, login.database) == ("hartonomous", "worker", "atoms")
    database.close()
    with database.unit_of_work() as unit_of_work:
        unit_of_work.query("queue_depths")
    assert len(server.logged(Login)) == 2


def test_threads_that_write_at_once_share_no_connection(server: TdsServer, database: SqlServerDatabase) -> None:
    all_write = threading.Barrier(3, timeout=30)

    def work() -> None:
        with database.unit_of_work() as unit_of_work:
            all_write.wait()
            unit_of_work.query("queue_depths")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(server.logged(Login)) == 2  # the third takes the one that was open
    assert len(server.calls("usp_queue_depths")) == 3


# ---- time


def test_a_call_that_takes_too_long_is_cancelled(server: TdsServer, open_database: Open) -> None:
    database = open_database(sqlserver_query_seconds=1)
    server.answer_next("usp_queue_depths", delay=30)
    with (
        pytest.raises(DatabaseUnavailable, match="HARTONOMOUS_SQLSERVER_QUERY_SECONDS"),
        database.unit_of_work() as unit_of_work,
    ):
        unit_of_work.query("queue_depths")
    server.wait_for(Attention)
    server.answer("usp_queue_depths", CHANGED)
    with database.unit_of_work() as unit_of_work:
        assert unit_of_work.query("queue_depths") == [{"rowsChanged": 3}]
    assert len(server.logged(Login)) == 1, "a cancelled call leaves the connection as it was"
    assert requests(server.log)[-2:] == ["rollback", "commit"]


def test_waiting_for_a_message_is_one_call_on_the_server(server: TdsServer, database: SqlServerDatabase) -> None:
    server.answer_next("usp_await_messages", Rows([("waiting", "bit")], [[False]]), delay=0.3)
    with database.receive("IngestionQueue", 10, timeout=0.25) as delivery:
        assert list(delivery.messages) == []
    [[queue, milliseconds]] = [call.values for call in server.calls("usp_await_messages")]
    assert queue == "IngestionQueue"
    assert 200 < milliseconds <= 250
    assert server.calls("usp_receive_messages") == []


# ---- migrations

FACTS = Rows([("edition", "int"), ("major", "int"), ("database", "nvarchar(128)"), ("broker_enabled", "int"),
              ("read_committed_snapshot", "int"), ("snapshot_isolation", "int"), ("full_text", "int")],
             [[3, 16, "atoms", 1, 1, 1, 0]])  # fmt: skip


def with_an_empty_database(server: TdsServer, *, has_full_text: bool = False, period: str = "hour") -> None:
    facts = Rows(FACTS.columns, [[*FACTS.rows[0][:-1], int(has_full_text)]])

    def batch(event: Event) -> Reply:
        assert isinstance(event, Batch)
        if event.text.startswith("EXEC [dbo].usp_choose_days"):
            return Reply([CHANGED])
        if event.text.startswith("SELECT g.Period"):
            return Reply([Rows([("period", "varchar(4)")], [[period]])])
        return Reply([facts] if "AS edition" in event.text else [])

    def prepared(event: Event) -> Reply:
        assert isinstance(event, Call)
        statement = str(event.values[2])
        if "locked" in statement:
            return Reply([Rows([("locked", "int")], [[0]])])
        return Reply([] if statement.startswith("INSERT") else [Rows([("object_id", "int")], [])])

    server.reply("batch", batch)
    server.reply("sp_prepexec", prepared)


def test_migrations_name_the_schema_of_the_settings_only(server: TdsServer, open_database: Open) -> None:
    with_an_empty_database(server)
    ran = open_database(sqlserver_schema="own").migrate()
    texts = [batch.text for batch in server.logged(Batch)]
    statements = [str(call.values[2]) for call in server.calls("sp_prepexec")]
    assert "CREATE SCHEMA [own]" in texts
    assert len(ran) == len([statement for statement in statements if statement.startswith("INSERT INTO [own].")]) > 17
    code = "\n".join(re.sub(r"--[^\n]*", "", text) for text in [*texts, *statements])
    assert "CREATE TABLE [own].Atom\n" in code
    assert not re.search(r"\bdbo\b", code)
    assert requests(server.log).count("commit") >= len(ran)


def test_days_are_chosen_in_the_transaction_that_makes_their_table(server: TdsServer, open_database: Open) -> None:
    with_an_empty_database(server, period="day")
    assert "0031_grid" in open_database(partition="day").migrate()
    asked = [event for event in server.log if isinstance(event, Batch | Transaction)]

    def place(words: str) -> int:
        [found] = [place for place, event in enumerate(asked) if isinstance(event, Batch) and words in event.text]
        return found

    made, chosen = place("CREATE TABLE [dbo].Grid\n"), place("EXEC [dbo].usp_choose_days")
    assert made < chosen and not [event for event in asked[made:chosen] if isinstance(event, Transaction)]
    assert (
        open_database().migrate()
        and len([text for text in server.logged(Batch) if "EXEC [dbo].usp_choose" in text.text]) == 1
    )


@pytest.mark.parametrize(("asked", "found"), [("day", "hour"), ("hour", "day")])
def test_who_migrates_with_the_other_period_is_told(
    server: TdsServer, open_database: Open, asked: str, found: str
) -> None:
    with_an_empty_database(server, period=found)
    with pytest.raises(SchemaMismatch, match=f"HARTONOMOUS_PARTITION={found}, .* unset HARTONOMOUS_PARTITION={asked}"):
        open_database(partition=asked).migrate()


def test_what_the_server_takes_in_no_transaction_runs_outside_one(server: TdsServer, open_database: Open) -> None:
    with_an_empty_database(server, has_full_text=True)
    assert "full_text/0001_index" in open_database().migrate()
    asked = [event for event in server.log if isinstance(event, Batch | Transaction)]
    made = [place for place, event in enumerate(asked) if isinstance(event, Batch) and "CREATE FULLTEXT" in event.text]
    before, after = asked[made[0] - 1], asked[made[-1] + 1]
    assert made == [made[0], made[0] + 1]
    assert before == Transaction("rollback", 0, begins=False)
    assert after == Transaction("begin", 0, begins=False)


def test_a_migration_that_fails_is_told_even_if_it_cannot_be_rolled_back(
    server: TdsServer, open_database: Open
) -> None:
    def batch(event: Event) -> Reply:
        assert isinstance(event, Batch)
        if "CREATE TABLE" in event.text and "SchemaVersion" not in event.text:
            return Reply([Failure(1750, "Could not create constraint or index.")])
        return Reply([FACTS] if "AS edition" in event.text else [])

    def prepared(event: Event) -> Reply:
        assert isinstance(event, Call)
        is_lock = "locked" in str(event.values[2])
        return Reply([Rows([("locked", "int")], [[0]]) if is_lock else Rows([("object_id", "int")], [])])

    server.reply("batch", batch)
    server.reply("sp_prepexec", prepared)
    server.answer_next("rollback", drop_after=0)
    with pytest.raises(DatabaseError, match=r"0001_tables failed and was rolled back: .*Could not create constraint"):
        open_database().migrate()


def test_where_nothing_is_new_a_migration_asks_a_few_questions_and_changes_nothing(
    server: TdsServer, open_database: Open
) -> None:
    def batch(event: Event) -> Reply:
        assert isinstance(event, Batch)
        return Reply([FACTS if "AS edition" in event.text else journal()])

    def prepared(event: Event) -> Reply:
        assert isinstance(event, Call)
        return Reply([Rows([("locked" if "locked" in str(event.values[2]) else "object_id", "int")], [[1]])])

    server.reply("batch", batch)
    server.reply("sp_prepexec", prepared)
    database = open_database()
    assert database.migrate() == []
    texts = [batch.text for batch in server.logged(Batch)]
    texts += [str(call.values[2]) for call in server.calls("sp_prepexec")]
    words = {word for text in texts for word in re.findall(r"\b[A-Z]+\b", re.sub(r"--.*", "", text))}
    assert not words & {"CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "GRANT"}
    assert server.round_trips <= 21, "a login, six questions, and what the driver does around them"
