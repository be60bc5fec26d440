"""Atoms written per second to SQL Server, the client's side: the product's write_atoms against the driver's own fastest call.

The server is the tests' TDS server in a process of its own. It reads, counts and throws away what comes, and answers with the ids that
the procedure would give; so this says nothing of SQL Server, and all of what stands between a list of atoms and the network. The two
take turns, batch by batch, so that what else the machine does meets both, and each one's median batch is taken.
"""

import hashlib
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

import psutil
from common import REPOSITORY, Figure, arguments, finish, note
from pydantic import SecretStr

sys.path.insert(0, str(REPOSITORY))  # the TDS server belongs to the tests

from hartonomous_core.clock import current_hour
from hartonomous_resources.database.migrations import CORE, read_migrations
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.database.sqlserver.connection import connect
from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase
from hartonomous_resources.database.sqlserver.unit_of_work import ATOMS_PER_CALL
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings
from tests.tools.tds.responses import Rows, call_result
from tests.tools.tds.server import TdsServer
from tests.tools.tds.session import Reply
from tests.tools.tds.values import Table

MIB = 1024 * 1024
ROW_BYTES = 300
ROUNDS = 20
BARE = "{CALL dbo.usp_bare (?, ?, ?, ?)}"


def atoms(count: int, start: int = 0) -> list[AtomRow]:
    """Build sentences of 300 bytes, no two alike."""
    rows = []
    for ordinal in range(start, start + count):
        text = f"{ordinal:012d}".ljust(ROW_BYTES - 1, "abcdefghij"[ordinal % 10]) + "."
        content = text.encode()
        digest = hashlib.sha256(content).digest()
        rows.append(
            AtomRow(
                digest,
                content,
                len(content),
                None,
                "text",
                "sentence",
                "text/plain",
                text,
                ordinal,
                ordinal * 301,
                b"\n",
            )
        )
    return rows


def journal() -> Rows:
    migrations = read_migrations(project_file("sql") / "sqlserver" / "migrations", CORE)
    names = ["feature varchar(32)", "version int", "name nvarchar(100)", "sha256 char(64)", "appliedAt datetime2(3)"]
    columns = [(column.split()[0], column.split()[1]) for column in names]
    return Rows(columns, [[CORE, m.version, m.name, m.sha256, None] for m in migrations])


def written(rows: list[AtomRow]) -> bytes:
    """Encode the answer of the procedure when every atom is new."""
    columns = [("contentHash", "binary(32)"), ("atomId", "bigint"), ("isNew", "bit")]
    return call_result([Rows(columns, [[row.content_hash, row.ordinal, True] for row in rows])], handle=1)


def serve(pipe: Connection, batch: int) -> None:
    """Run the server; on any word from the pipe, send the figures since the last word."""
    with TdsServer(decode_up_to=4096) as server:
        server.answer("usp_schema_versions", journal())
        server.reply("usp_write_atoms", Reply(encoded=written(atoms(batch))))
        pipe.send(server.port)
        while pipe.recv() != "stop":
            calls = {name: len(server.calls(name)) for name in ("usp_write_atoms", "usp_bare")}
            pipe.send((calls, server.round_trips, server.bytes_received))
            server.clear()


@contextmanager
def server_process(batch: int) -> Iterator[tuple[int, Callable[[], tuple[dict[str, int], int, int]]]]:
    """Start the server; yields its port, and a function that returns calls, round trips and bytes since the last call of it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, batch), daemon=True)
    process.start()

    def figures() -> tuple[dict[str, int], int, int]:
        ours.send("figures")
        return ours.recv()  # type: ignore[no-any-return]

    try:
        yield ours.recv(), figures
    finally:
        ours.send("stop")
        process.join(10)


def settings(port: int) -> Settings:
    return Settings(sqlserver_dsn=SecretStr(f"SERVER=127.0.0.1,{port};DATABASE=atoms;UID=worker;PWD=x;Encrypt=no"))


def plain_rows(rows: list[AtomRow]) -> list[tuple[object, ...]]:
    """Convert rows to the driver's tuples beforehand: the least that any client must hand over."""
    return [
        (a.role, a.ordinal, a.content_hash, a.byte_offset, a.byte_length, a.modality, a.subtype, a.content_type, a.canonical_text,
         a.content, a.blob_key, a.suffix, a.locator)
        for a in rows
    ]  # fmt: skip


def check_rows(rows: list[AtomRow]) -> None:
    """Check with one decoded batch that both clients send the same table."""
    with TdsServer() as server:
        server.answer("usp_schema_versions", journal())
        server.reply("usp_write_atoms", Reply(encoded=written(rows)))
        database, bare = SqlServerDatabase(settings(server.port)), connect(settings(server.port))
        write_product(database, rows)
        write_bare(bare, plain_rows(rows))
        [product], [driver] = server.calls("usp_write_atoms"), server.calls("usp_bare")
        bare.close()
        database.close()
    assert isinstance(product.values[3], Table)
    assert product.values[3].rows == plain_rows(rows) == driver.values[3].rows  # type: ignore[attr-defined]


def write_product(database: SqlServerDatabase, rows: list[AtomRow]) -> None:
    with database.unit_of_work() as unit_of_work:
        assert unit_of_work.write_atoms(0, current_hour(), {1: rows}).new_atoms == len(rows)


def write_bare(connection: Any, rows: list[tuple[object, ...]]) -> None:
    cursor = connection.cursor()
    cursor.execute(BARE, (0, 1, current_hour(), ["AtomRows", "dbo", *rows]))
    connection.commit()


def peak_bytes() -> int:
    """Return the most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def measure_memory(database: SqlServerDatabase, batch: int, batches: int) -> list[Figure]:
    """Measure the memory of an ingest of so many batches, and whether it grows."""
    idle = psutil.Process().memory_info().rss
    for number in range(batches):
        write_product(database, atoms(batch))  # as an ingest has them: made for this batch, dropped after it
        if number == batches // 10:
            early = peak_bytes()
    late = peak_bytes()
    return [
        Figure(f"peak memory above idle, {batches * batch:,} atoms", (late - idle) / MIB, "MiB"),
        Figure("the same after a tenth of them", (early - idle) / MIB, "MiB"),
        Figure("growth since", (late - early) / MIB, "MiB", at_most=16),
    ]


def measure_speed(database: SqlServerDatabase, bare: Any, rows: list[AtomRow]) -> list[Figure]:
    tuples = plain_rows(rows)
    seconds: dict[str, list[float]] = {"product": [], "bare": []}
    for _ in range(ROUNDS):
        started = time.perf_counter()
        write_product(database, rows)
        seconds["product"].append(time.perf_counter() - started)
        started = time.perf_counter()
        write_bare(bare, tuples)
        seconds["bare"].append(time.perf_counter() - started)
    product, driver = (len(rows) / median(seconds[name]) for name in ("product", "bare"))
    return [
        Figure(f"write_atoms, {ROW_BYTES}-byte rows, batches of {len(rows):,}", product, "atoms/s", at_least=50_000),
        Figure("the driver's own call, rows ready made, nothing read back", driver, "atoms/s"),
        Figure("write_atoms / the driver's own", product / driver, at_least=0.8),
    ]


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument(
        "--batch", type=int, default=ATOMS_PER_CALL, help=f"atoms a transaction, one call ({ATOMS_PER_CALL:,})"
    )
    parser.add_argument(
        "--atoms", type=int, default=1_000_000, help="atoms of which the memory is measured (1,000,000)"
    )
    options = parser.parse_args()
    batch, batches = options.batch, max(options.atoms // options.batch, 10)

    with server_process(batch) as (port, figures):
        database, bare = SqlServerDatabase(settings(port)), connect(settings(port))
        with database.unit_of_work():
            pass  # connected, schema checked
        note(f"{batches * batch:,} atoms in batches of {batch:,}")
        memory = measure_memory(database, batch, batches)
        calls, _, received = figures()
        assert calls["usp_write_atoms"] == batches
        assert received > batches * batch * 3 * ROW_BYTES, "content, and text in UTF-16"

        note(f"{ROUNDS} rounds of speed")
        rows = atoms(batch)
        check_rows(rows[:1000])
        speed = measure_speed(database, bare, rows)
        calls, _, _ = figures()
        assert calls == {"usp_write_atoms": ROUNDS, "usp_bare": ROUNDS}
        write_product(database, rows)
        _, trips, _ = figures()
        bare.close()
        database.close()

    figure = Figure("round trips per 1,000 atoms", trips * 1000 / batch, at_most=3)
    return finish([*speed, Figure("round trips for a batch", trips), figure, *memory], options.json)


if __name__ == "__main__":
    sys.exit(main())
