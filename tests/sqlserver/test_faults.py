"""What the product makes of a server that refuses, breaks off or is slow: try again, or one sentence that says what to do."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from hartonomous_assets.chain import run_stages
from hartonomous_assets.receiving import in_batches, lease_batch, receive_batch
from hartonomous_assets.stage import Progress, Work
from hartonomous_resources.database import transactions
from hartonomous_resources.database.database_errors import (
    DatabaseError,
    DatabaseUnavailable,
    SchemaMismatch,
    TransactionConflict,
)
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.sqlserver import connection
from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase
from hartonomous_resources.database.transactions import ATTEMPTS, ask, query, transact
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.pending import hours_with_work
from hartonomous_service.health import check_health
from tests.builders import HOUR, atoms_of, open_home, receive_all
from tests.sqlserver.conftest import PASSWORD, Open, journal, settings_for
from tests.tools.tds.protocol import Call, Login, Transaction
from tests.tools.tds.responses import Failure, Rows
from tests.tools.tds.server import SELF_SIGNED, TdsServer

NOW = "2026-11-23T09:30:15.678Z"
CHANGED = Rows([("rowsChanged", "bigint")], [[3]])
LARGE = Rows([("rowsChanged", "bigint"), ("body", "varbinary(max)")], [[3, b"x" * 1000]] * 100)
DEADLOCK = Failure(
    1205, "Transaction (Process ID 5) was deadlocked on lock resources with another process.", severity=13
)
CONFLICTS = {
    "deadlock": DEADLOCK,
    "duplicate key": Failure(
        2627, "Violation of UNIQUE KEY constraint 'UQ_Atom'. Cannot insert duplicate key.", severity=14
    ),
    "duplicate row": Failure(2601, "Cannot insert duplicate key row in object 'dbo.Atom'.", severity=14),
    "snapshot": Failure(3960, "Snapshot isolation transaction aborted due to update conflict."),
    "lock timeout": Failure(1222, "Lock request time out period exceeded."),
}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "_FIRST_PAUSE_SECONDS", 0.001)


def touch(unit_of_work: UnitOfWork) -> int:
    """A unit of work of two calls."""
    unit_of_work.execute("renew_source_lease", source_id=1, owner="host/1/2/3", lease_until=NOW)
    return unit_of_work.execute("touch_source", source_id=1, now=NOW)


def sentence(error: BaseException) -> str:
    """The message, which must be one line without the password."""
    text = str(error)
    assert "\n" not in text
    for secret in (PASSWORD, PASSWORD.replace("}", "}}"), "battery", "PWD"):
        assert secret not in text
    assert "[Microsoft]" not in text and "SQLExecDirect" not in text and "SQLDriverConnect" not in text
    return text


@pytest.fixture
def answering(server: TdsServer) -> TdsServer:
    server.answer("usp_touch_source", CHANGED)
    server.answer("usp_renew_source_lease", CHANGED)
    return server


# ---- conflicts: the whole unit of work once more


@pytest.mark.parametrize("kind", CONFLICTS)
def test_after_a_conflict_the_unit_of_work_is_done_again(
    answering: TdsServer, database: SqlServerDatabase, kind: str
) -> None:
    answering.answer_next("usp_touch_source", CONFLICTS[kind])
    assert transact(database, touch) == 3
    names = [call.name for call in answering.logged(Call) if call.name.startswith("usp_")]
    assert names == ["usp_renew_source_lease", "usp_touch_source"] * 2, "from its start, not from the call that failed"
    assert [request.request for request in answering.logged(Transaction)][-1] == "commit"
    first, again = answering.calls("usp_renew_source_lease")
    assert first.transaction < again.transaction, "what the first attempt wrote went with its transaction"
    assert answering.logged(Login) == [], "a conflict costs no connection"


@pytest.mark.parametrize("kind", CONFLICTS)
def test_a_conflict_that_never_ends_is_told(answering: TdsServer, database: SqlServerDatabase, kind: str) -> None:
    answering.answer("usp_touch_source", CONFLICTS[kind])
    with pytest.raises(TransactionConflict) as caught:
        transact(database, touch)
    assert len(answering.calls("usp_touch_source")) == ATTEMPTS
    assert CONFLICTS[kind].message in sentence(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_conflict_at_the_commit_is_one_too(answering: TdsServer, database: SqlServerDatabase) -> None:
    answering.answer_next("commit", CONFLICTS["snapshot"])
    assert transact(database, touch) == 3
    assert len(answering.calls("usp_touch_source")) == 2


def test_a_conflict_after_the_first_rows(answering: TdsServer, database: SqlServerDatabase) -> None:
    answering.answer_next("usp_touch_source", CHANGED, DEADLOCK)
    assert transact(database, touch) == 3
    assert len(answering.calls("usp_touch_source")) == 2


def test_what_is_no_conflict_is_not_tried_again(answering: TdsServer, database: SqlServerDatabase) -> None:
    answering.answer("usp_touch_source", Failure(51001, "source 1 is not ours"))
    with pytest.raises(DatabaseError, match="source 1 is not ours"):
        transact(database, touch)
    assert len(answering.calls("usp_touch_source")) == 1


# ---- connections that break


@pytest.mark.parametrize("after", [0, 5000, 50_000])
def test_a_connection_that_breaks_within_a_result_is_replaced(
    answering: TdsServer, database: SqlServerDatabase, after: int
) -> None:
    answering.answer_next("usp_touch_source", LARGE, drop_after=after)
    assert transact(database, touch) == 3
    assert len(answering.calls("usp_touch_source")) == 2
    assert len(answering.logged(Login)) == 1


def test_a_connection_that_always_breaks_is_told(answering: TdsServer, database: SqlServerDatabase) -> None:
    for _ in range(ATTEMPTS):
        answering.answer_next("usp_touch_source", LARGE, drop_after=5000)
    with pytest.raises(DatabaseError, match="the connection broke") as caught:
        transact(database, touch)
    sentence(caught.value)
    assert transact(database, touch) == 3, "and once the network is back, work goes on"


QUEUED = [
    ("sequence", "bigint"),
    ("messageId", "nvarchar(100)"),
    ("orderingKey", "nvarchar(100)"),
    ("body", "varbinary(max)"),
    ("attemptCount", "int"),
]
MOMENT = datetime(2026, 11, 23, 9)
TOKEN = Rows([("lastChange", "bigint"), ("oldestOpen", "bigint")], [[7, 8]])
ANSWERS = {
    "usp_change_token": TOKEN,
    "usp_wait_for_change": TOKEN,
    "usp_bytes_on_disk": Rows([("bytesOnDisk", "bigint")], [[4096]]),
    "usp_pending_work": Rows([("hour", "char(16)")], [[HOUR]]),
    "usp_queue_depths": Rows([("queue", "nvarchar(100)"), ("depth", "bigint")], []),
    "usp_queue_has_message": Rows([("waiting", "int")], []),
    "usp_schema": Rows(
        [("createdAt", "datetime2(3)"), ("migrations", "int"), ("hasPeriod", "bit")], [[MOMENT, 21, True]]
    ),
    "usp_period": Rows([("period", "varchar(4)")], [["hour"]]),
    "usp_source_lease_owners": Rows([("owner", "nvarchar(300)")], []),
    "usp_job_lease_owners": Rows([("owner", "nvarchar(300)")], []),
    "usp_await_messages": Rows([("waiting", "bit")], [[False]]),
}
READS: dict[str, tuple[tuple[str, ...], Callable[[SqlServerDatabase], object], object]] = {
    "change token": (("usp_change_token",), lambda database: database.change_token(), 7 << 64 | 8),
    "wait for a change": (("usp_wait_for_change",), lambda database: database.wait_for_change(1, 0.1), True),
    "bytes on disk": (("usp_bytes_on_disk",), lambda database: database.bytes_on_disk(), 4096),
    "hours with work": (
        ("usp_pending_work", "usp_queue_has_message", "usp_schema", "usp_period"),
        lambda database: hours_with_work(database, Settings(), HOUR),
        [HOUR],
    ),
    "dead claims": (("usp_source_lease_owners", "usp_job_lease_owners"), release_dead_claims, 0),
    "empty queue": (("usp_await_messages",), lambda database: receive_all(database, "IngestionQueue"), []),
}


@pytest.mark.parametrize("what", READS)
def test_a_read_whose_connection_breaks_is_asked_again(
    server: TdsServer, database: SqlServerDatabase, what: str
) -> None:
    procedures, read, wanted = READS[what]
    for procedure in ANSWERS:
        server.answer(procedure, ANSWERS[procedure])
    for procedure in procedures:
        server.answer_next(procedure, drop_after=0)

    assert read(database) == wanted


def test_a_look_for_work_counts_no_queue(server: TdsServer, database: SqlServerDatabase) -> None:
    """It is asked once a second, and a queue may be long."""
    for procedure in ANSWERS:
        server.answer(procedure, ANSWERS[procedure])

    hours_with_work(database, Settings(), HOUR)

    assert len(server.calls("usp_queue_has_message")) == 2
    assert server.calls("usp_queue_depths") == []


def test_a_read_whose_connection_breaks_within_a_snapshot_begins_anew(
    server: TdsServer, database: SqlServerDatabase
) -> None:
    """Half of the answers from one snapshot and half from another would be a state that never was."""
    server.answer("usp_queue_depths", ANSWERS["usp_queue_depths"])
    server.answer("usp_schema", ANSWERS["usp_schema"])
    server.answer_next("usp_schema", drop_after=0)

    ask(database, lambda unit_of_work: [unit_of_work.query(name) for name in ("queue_depths", "schema")])

    names = [call.name for call in server.logged(Call) if call.name in ANSWERS]
    assert names == ["usp_queue_depths", "usp_schema"] * 2


def test_a_run_whose_connection_breaks_between_two_steps_goes_on(
    server: TdsServer, database: SqlServerDatabase, tmp_path: Path
) -> None:
    server.answer("usp_change_token", TOKEN)
    server.answer_next("usp_change_token", drop_after=0)
    resources = open_home(tmp_path, database)

    assert run_stages(Work(HOUR, "run", resources), [], 0, lambda *_: None) == {}
    assert len(server.calls("usp_change_token")) == 2


@pytest.mark.parametrize(
    ("batch", "procedure"),
    [
        (partial(receive_batch, queue="IngestionQueue"), "usp_lock_queue"),
        (partial(receive_batch, queue="IngestionQueue"), "usp_queued_messages"),
        (partial(lease_batch, queue="ProvenanceQueue", carry_out=lambda _handled: {}), "usp_claim_queue"),
        (partial(lease_batch, queue="ProvenanceQueue", carry_out=lambda _handled: {}), "usp_queued_messages"),
    ],
)
def test_a_connection_that_breaks_before_a_message_was_received_ends_no_run(
    server: TdsServer, database: SqlServerDatabase, tmp_path: Path, batch: Callable[..., Progress], procedure: str
) -> None:
    server.answer("usp_await_messages", Rows([("waiting", "bit")], [[True]]))
    server.answer("usp_lock_queue", Rows([("locked", "int")], [[0]]))
    for name in ("usp_claim_queue", "usp_release_queue", "usp_delete_messages"):
        server.answer(name, CHANGED)
    server.answer("usp_queued_messages", Rows(QUEUED, []))
    server.answer_next(procedure, drop_after=0)
    work = Work(HOUR, "run", open_home(tmp_path, database))

    next(in_batches(10, lambda size: batch(work, handle=lambda _unit_of_work, _message: None, batch_size=size)))

    assert len(server.calls(procedure)) == 2


def test_a_read_whose_connection_always_breaks_is_told(server: TdsServer, database: SqlServerDatabase) -> None:
    for _ in range(ATTEMPTS):
        server.answer_next("usp_schema", drop_after=0)
    with pytest.raises(DatabaseError, match="the connection broke") as caught:
        query(database, "schema")
    sentence(caught.value)


def test_after_a_break_at_the_commit_the_next_unit_of_work_has_another_connection(
    answering: TdsServer, database: SqlServerDatabase
) -> None:
    answering.answer_next("commit", drop_after=0)
    with pytest.raises(DatabaseError), database.unit_of_work() as unit_of_work:
        touch(unit_of_work)
    with database.unit_of_work() as unit_of_work:
        assert touch(unit_of_work) == 3


def test_a_break_at_the_commit_is_not_done_again(answering: TdsServer, database: SqlServerDatabase) -> None:
    """Nobody knows whether the server committed before the connection broke: done again, the work might be done twice."""
    answering.answer_next("commit", drop_after=0)
    with pytest.raises(DatabaseError) as caught:
        transact(database, touch)
    assert not isinstance(caught.value, TransactionConflict)
    assert len(answering.calls("usp_touch_source")) == 1


def test_an_idle_connection_that_the_server_closed_is_replaced(
    answering: TdsServer, database: SqlServerDatabase
) -> None:
    answering.break_connections()
    assert transact(database, touch) == 3
    assert len(answering.logged(Login)) == 1


def test_of_many_idle_connections_that_the_server_closed_none_is_tried_after_the_first(
    answering: TdsServer, database: SqlServerDatabase
) -> None:
    """Each would cost an attempt, and after a failover there may be more of them than attempts."""
    with ExitStack() as taken:
        for _ in range(ATTEMPTS + 1):  # a thread that holds one gets another
            taken.enter_context(database.unit_of_work())
    answering.break_connections()
    answering.clear()

    assert transact(database, touch) == 3
    assert len(answering.logged(Login)) == 1


def test_many_threads_log_in_no_more_often_than_the_bound(answering: TdsServer, open_database: Open) -> None:
    database = open_database(connections=3)

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(lambda _: transact(database, touch), range(36))) == [3] * 36
    assert len(answering.logged(Login)) <= 3


def test_atoms_are_written_again_after_a_break(answering: TdsServer, database: SqlServerDatabase) -> None:
    atoms = atoms_of("a", "b")
    columns = [("contentHash", "binary(32)"), ("atomId", "bigint"), ("isNew", "bit")]
    answering.answer("usp_write_atoms", Rows(columns, [[atom.content_hash, 1, True] for atom in atoms]))
    answering.answer_next("usp_write_atoms", drop_after=5)
    assert transact(database, lambda unit_of_work: unit_of_work.write_atoms(0, HOUR, {1: atoms})).new_atoms == 2
    first, again = answering.calls("usp_write_atoms")
    assert first.values == again.values


# ---- what the user must set right


@pytest.mark.parametrize(
    ("failure", "kind", "remedy"),
    [
        (Failure(18456, "Login failed for user 'worker'.", severity=14), DatabaseUnavailable, "check the login in HARTONOMOUS_SQLSERVER_DSN"),
        (Failure(18452, "Login failed. The login is from an untrusted domain.", severity=14), DatabaseUnavailable, "login in HARTONOMOUS_SQLSERVER"),
        (Failure(4060, 'Cannot open database "atoms" requested by the login.', severity=11), DatabaseUnavailable, "the database in HARTONOMOUS"),
    ],
)  # fmt: skip
def test_a_login_that_is_refused(
    server: TdsServer, open_database: Open, failure: Failure, kind: type[DatabaseError], remedy: str
) -> None:
    server.answer("login", failure)
    with pytest.raises(kind, match=re.escape(remedy)) as caught:
        query(open_database(), "queue_depths")
    text = sentence(caught.value)
    assert failure.message in text
    assert f"127.0.0.1,{server.port}/atoms" in text
    assert len(server.log) == 1, "a refused login is not tried again: servers lock accounts"


@pytest.mark.parametrize(
    ("failure", "kind", "remedy"),
    [
        (Failure(229, "The EXECUTE permission was denied.", severity=14), DatabaseError, "ALTER ROLE [hartonomous-worker-dbo] ADD MEMBER"),
        (Failure(2812, "Could not find stored procedure 'dbo.usp_queue_depths'."), SchemaMismatch, "hartonomous migrate"),
        (Failure(9617, "The service queue is currently disabled."), DatabaseError, "hartonomous health"),
        (Failure(9002, "The transaction log for database 'atoms' is full.", severity=17), DatabaseUnavailable, "back it up"),
        (Failure(3952, "Snapshot isolation transaction failed: it is not allowed."), SchemaMismatch, "ALLOW_SNAPSHOT_ISOLATION ON"),
    ],
)  # fmt: skip
def test_a_call_that_is_refused(
    server: TdsServer, database: SqlServerDatabase, failure: Failure, kind: type[DatabaseError], remedy: str
) -> None:
    server.answer_next("usp_queue_depths", failure)
    with pytest.raises(kind, match=re.escape(remedy)) as caught:
        query(database, "queue_depths")
    assert failure.message in sentence(caught.value)
    query(database, "queue_depths")  # set right, it works on the same connection
    assert server.logged(Login) == []


def test_a_schema_that_nobody_made(server: TdsServer, open_database: Open) -> None:
    server.answer_next(
        "usp_schema_versions", Failure(2812, "Could not find stored procedure 'dbo.usp_schema_versions'.")
    )
    database = open_database()
    with pytest.raises(SchemaMismatch, match="hartonomous migrate") as caught:
        query(database, "queue_depths")
    sentence(caught.value)
    query(database, "queue_depths")  # once somebody has migrated


def test_a_schema_that_is_half_migrated(server: TdsServer, open_database: Open) -> None:
    whole = journal()
    server.answer("usp_schema_versions", Rows(whole.columns, whole.rows[:3]))
    with pytest.raises(SchemaMismatch, match="hartonomous migrate") as caught:
        query(open_database(), "queue_depths")
    sentence(caught.value)
    assert server.calls("usp_queue_depths") == []


def test_a_schema_newer_than_the_program(server: TdsServer, open_database: Open) -> None:
    whole = journal()
    server.answer("usp_schema_versions", Rows(whole.columns, [*whole.rows, ["core", 9999, "later", "0" * 64, None]]))
    with pytest.raises(SchemaMismatch, match="upgrade hartonomous") as caught:
        query(open_database(), "queue_depths")
    sentence(caught.value)


@pytest.mark.parametrize(("asked", "is_refused"), [("auto", False), ("hour", False), ("day", True)])
def test_a_schema_of_hours_where_days_are_asked_for(
    server: TdsServer, open_database: Open, asked: str, is_refused: bool
) -> None:
    server.answer("usp_period", ANSWERS["usp_period"])
    server.answer("usp_queue_depths", ANSWERS["usp_queue_depths"])
    refused = pytest.raises(
        SchemaMismatch, match=r"was made with HARTONOMOUS_PARTITION=hour, .* unset HARTONOMOUS_PARTITION=day"
    )
    with refused if is_refused else nullcontext():
        query(open_database(partition=asked), "queue_depths")
    assert len(server.calls("usp_queue_depths")) == (not is_refused)
    assert len(server.calls("usp_period")) == (asked != "auto")


def test_nobody_listens(open_database: Open) -> None:
    with TdsServer() as gone:
        pass
    database = SqlServerDatabase(settings_for(gone, sqlserver_login_seconds=1))
    with pytest.raises(
        DatabaseUnavailable, match=r"cannot be reached.* check the server in HARTONOMOUS_SQLSERVER_DSN"
    ) as caught:
        query(database, "queue_depths")
    assert f"127.0.0.1,{gone.port}/atoms" in sentence(caught.value)


def test_a_token_beside_a_login_in_the_dsn(open_database: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_entra_token", lambda: b"\2\0\0\0t\0")
    with pytest.raises(DatabaseUnavailable, match="HARTONOMOUS_SQLSERVER_ENTRA_TOKEN is the login") as caught:
        query(open_database(sqlserver_entra_token=True), "queue_depths")
    sentence(caught.value)


def test_a_server_that_does_not_answer_a_login(server: TdsServer, open_database: Open) -> None:
    server.answer("login", Failure(1, ""))
    server.answer_next("login", delay=30)
    with pytest.raises(DatabaseUnavailable, match="HARTONOMOUS_SQLSERVER_LOGIN_SECONDS") as caught:
        query(open_database(sqlserver_login_seconds=1), "queue_depths")
    sentence(caught.value)


def test_a_driver_that_is_not_there() -> None:
    database = SqlServerDatabase(settings_for_driver("/nowhere/driver.so"))
    with pytest.raises(DatabaseUnavailable, match=r"hartonomous\[sqlserver\]") as caught:
        query(database, "queue_depths")
    sentence(caught.value)


def settings_for_driver(driver: str) -> Settings:
    return Settings(sqlserver_dsn=SecretStr(f"DRIVER={{{driver}}};SERVER=localhost;UID=worker;PWD={{battery}}"))


def test_an_error_that_no_table_knows(server: TdsServer, database: SqlServerDatabase) -> None:
    server.answer("usp_queue_depths", Failure(8144, "Procedure or function usp_queue_depths has too many arguments."))
    with pytest.raises(DatabaseError) as caught:
        query(database, "queue_depths")
    assert "too many arguments. (SQLSTATE 42000, error 8144, in usp_queue_depths)" in sentence(caught.value)


# ---- health


def checks_of(server: TdsServer, home: Path, **changes: Any) -> dict[str, dict[str, Any]]:
    report = check_health(settings_for(server, home=home, **changes))
    return {check["name"]: check for check in report["checks"]}


def answer_health(server: TdsServer, *faults: tuple[str, str], dead_letters: int = 0) -> None:
    server.answer("usp_queue_depths", Rows([("queue", "varchar(64)"), ("depth", "bigint")], [["IngestionQueue", 3]]))
    columns = [("fault", "nvarchar(max)"), ("remedy", "nvarchar(max)")]
    server.answer("usp_database_faults", Rows(columns, [list(fault) for fault in faults]))
    server.answer("usp_schema", ANSWERS["usp_schema"])
    server.answer("usp_period", ANSWERS["usp_period"])
    server.answer("usp_dead_letter_count", Rows([("n", "bigint")], [[dead_letters]]))
    server.answer("usp_failed_job_count", Rows([("n", "bigint")], [[0]]))
    server.answer("usp_waiting_job_types", Rows([("jobType", "nvarchar(100)"), ("n", "bigint")], []))
    server.answer("usp_failed_receives", Rows([("queue", "varchar(64)"), ("lastError", "nvarchar(max)")], []))
    server.answer("usp_pending_work", Rows([("hour", "char(16)")], []))
    server.answer("usp_latest_lease", Rows([("leaseUntil", "datetime2(3)")], [[None]]))


def test_health_opens_a_connection_that_writes_and_one_that_reads_and_no_more(
    server: TdsServer, tmp_path: Path
) -> None:
    answer_health(server, dead_letters=2)
    checks = checks_of(server, tmp_path)
    assert (checks["database"]["status"], checks["dead_letters"]["status"]) == ("healthy", "degraded")
    assert "writable, schema version 21, IngestionQueue 3" in checks["database"]["detail"]
    assert "2 dead letters" in checks["dead_letters"]["detail"]
    assert len(server.logged(Login)) == 2


def test_health_tells_what_is_wrong_with_the_database_and_what_to_do(server: TdsServer, tmp_path: Path) -> None:
    answer_health(server, ("database atoms is read-only", "ALTER DATABASE [atoms] SET READ_WRITE"))
    checks = checks_of(server, tmp_path)
    assert checks["database"]["status"] == "unhealthy"
    assert "database atoms is read-only: ALTER DATABASE [atoms] SET READ_WRITE" in checks["database"]["detail"]
    assert "writable" not in checks["database"]["detail"]
    assert checks["dead_letters"]["status"] == "healthy", "it answered all the same"


def test_health_waits_once_for_a_server_that_does_not_answer(server: TdsServer, tmp_path: Path) -> None:
    server.answer("login", Failure(1, ""))
    server.answer_next("login", delay=30)
    checks = checks_of(server, tmp_path, sqlserver_login_seconds=1)
    assert [checks[name]["status"] for name in ("database", "dead_letters")] == ["unhealthy", "unhealthy"]
    assert checks["dead_letters"]["detail"] == "not known: the database does not answer"
    assert checks["dead_letters"]["durationMs"] < 500
    assert len(server.logged(Login)) == 1


# ---- encryption


@pytest.fixture
def encrypting() -> Iterator[TdsServer]:
    with TdsServer(certificate=SELF_SIGNED) as running:
        running.answer("usp_schema_versions", journal())
        yield running


def test_a_certificate_that_is_not_trusted(server: TdsServer, encrypting: TdsServer) -> None:
    database = SqlServerDatabase(settings_for(encrypting, encrypt="yes"))
    with pytest.raises(DatabaseUnavailable, match="HARTONOMOUS_SQLSERVER_TRUST_CERTIFICATE") as caught:
        query(database, "queue_depths")
    assert "certificate is not trusted" in sentence(caught.value)
    assert "self-signed certificate" in str(caught.value), "why not"
    assert encrypting.log == [], "the login and its password were not sent"


def test_unless_the_settings_say_so(server: TdsServer, encrypting: TdsServer) -> None:
    database = SqlServerDatabase(settings_for(encrypting, encrypt="yes", sqlserver_trust_certificate=True))
    query(database, "queue_depths")
    database.close()
    assert [login.password for login in encrypting.logged(Login)] == [PASSWORD]


def test_encryption_is_what_is_asked_for_when_nothing_is_said(server: TdsServer, open_database: Open) -> None:
    """The server here refuses to encrypt: a client that does not insist would log in with its password in the clear."""
    database = SqlServerDatabase(settings_for_parts(server))
    with pytest.raises(DatabaseUnavailable, match="Encryption not supported") as caught:
        query(database, "queue_depths")
    sentence(caught.value)
    assert server.log == []


def settings_for_parts(server: TdsServer) -> Settings:
    return Settings(
        sqlserver_server=f"127.0.0.1,{server.port}",
        sqlserver_database="atoms",
        sqlserver_user="worker",
        sqlserver_password=SecretStr(PASSWORD),
        sqlserver_login_seconds=5,
    )


def test_the_password_of_the_parts_arrives_whatever_is_in_it(server: TdsServer, encrypting: TdsServer) -> None:
    parts = settings_for_parts(encrypting).model_copy(update={"sqlserver_trust_certificate": True})
    database = SqlServerDatabase(parts)
    query(database, "queue_depths")
    database.close()
    [login] = encrypting.logged(Login)
    assert (login.user, login.password, login.database, login.application) == (
        "worker",
        PASSWORD,
        "atoms",
        "hartonomous",
    )
