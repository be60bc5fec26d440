"""An ingest tells now and then how far it is, and when it is interrupted."""

import io
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service import ingest as ingest_module
from hartonomous_service import progress
from hartonomous_service.cli import progress_line, run
from hartonomous_service.cli.ingested import show_ingested
from hartonomous_service.cli.output import err
from hartonomous_service.cli.pace import STEADY_SECONDS, Pace, describe_number
from hartonomous_service.cli.progress_line import ProgressLine
from hartonomous_service.cli.run import DescribedProgress
from hartonomous_service.errors import ServiceError
from hartonomous_service.ingest import ingest
from hartonomous_service.ingest_results import Ingestion, read_results
from hartonomous_service.progress import Progress, WatchedFiles, telling_progress
from tests.builders import HOUR, atom
from tests.builders import insert_source as insert_source_by_statement

DONE = Progress(2, 2, 20, 20, 0, 0)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_TELL_SECONDS", 0.01)


def test_progress_is_told_until_the_work_ends() -> None:
    told: list[Progress] = []
    twice = threading.Event()

    def tell(reached: Progress) -> None:
        told.append(reached)
        if len(told) == 2:
            twice.set()

    with telling_progress(lambda: Progress(1, 3, 10, 30, 2, 7), tell):
        assert twice.wait(30)

    assert set(told) == {(1, 3, 10, 30, 2, 7)}
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_an_outage_is_logged_and_the_next_look_is_told(caplog: pytest.LogCaptureFixture) -> None:
    looks = iter([DatabaseUnavailable("the server restarts"), DONE])
    told = threading.Event()

    def look() -> Progress:
        found = next(looks, DONE)
        if isinstance(found, Exception):
            raise found
        return found

    with telling_progress(look, lambda reached: told.set()):
        assert told.wait(30)

    assert "cannot be counted: the server restarts" in caplog.text


def test_what_waits_is_counted_and_an_interruption_says_how_many_files_are_done(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    seen = threading.Event()

    def tell(reached: Progress) -> None:
        told.append(reached)
        if reached.files:
            seen.set()

    def stop(*_: object) -> None:
        assert seen.wait(30)
        raise KeyboardInterrupt

    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"The text {name} waits.")
    monkeypatch.setattr(ingest_module, "complete_sources", stop)

    with pytest.raises(KeyboardInterrupt, match=r"^0 of 2 files are done$"):
        ingest(resources, [tmp_path / "a.txt", tmp_path / "b.txt"], progress=tell)

    assert told[-1] == (0, 2, 0, 34, 0, 0)


@pytest.mark.parametrize(
    ("interruption", "said"),
    [
        (KeyboardInterrupt("1 of 2 files are done"), "interrupted; 1 of 2 files are done; what was enqueued waits"),
        (KeyboardInterrupt(), "interrupted; what was enqueued waits"),
    ],
)
def test_an_interrupted_command_says_what_is_known(
    settings: Settings, interruption: KeyboardInterrupt, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise interruption

    monkeypatch.setattr(ingest_module, "ingest", stop)

    with pytest.raises(ServiceError, match=f"^{said}"):
        run.ingest([])


def test_an_embedding_that_is_computed_waits_too(resources: Resources) -> None:
    client = resources.database.connection()  # type: ignore[attr-defined]
    for status in ("Pending", "InProgress", "Failed"):
        client.execute("INSERT INTO StoredJob (TenantId, AtomId, Status) VALUES (0, NULL, ?)", (status,))
    client.commit()

    watched = WatchedFiles(resources, 0)
    watched.add(3, {}, {})

    assert watched.look() == (3, 3, 0, 0, 0, 2)


def test_files_are_done_once_nothing_of_their_message_is_left(resources: Resources) -> None:
    client = resources.database.connection()  # type: ignore[attr-defined]
    watched = WatchedFiles(resources, 0)
    uris = [f"file:///{n}" for n in range(1200)]
    watched.add(1201, {uri: f"m{n}" for n, uri in enumerate(uris)}, dict.fromkeys(uris, 10))
    insert_source(client, uris[700], "m700", "Landed")
    insert_source(client, uris[701], "m701", "DeadLettered")
    insert_source(client, uris[1100], "m1100", "Atomizing")
    client.commit()

    assert watched.look() == (
        1201 - 201,
        1201,
        9990,
        12_000,
        2,
        0,
    )  # those behind the first that waits are not asked for

    client.execute("UPDATE Source SET Status = 'Atomized'")
    client.commit()
    assert watched.look() == watched.look() == (1201, 1201, 12_000, 12_000, 0, 0)


def test_of_a_large_file_what_was_read_counts(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LARGE_BYTES", 30)
    atoms = [atom(f"Sentence {n:02}.", n, byte_offset=12 * n) for n in range(45)]
    with resources.database.unit_of_work() as unit_of_work:
        source_id = insert_source_by_statement(unit_of_work, uri="file:///large")
        unit_of_work.write_atoms(0, HOUR, {source_id: atoms})
    client = resources.database.connection()  # type: ignore[attr-defined]
    client.execute("UPDATE Source SET Status = 'Atomizing', ByteLength = 1000")
    client.commit()
    watched = WatchedFiles(resources, 0)
    watched.add(1, {"file:///large": "message"}, {"file:///large": 1000})

    assert watched.look()[:4] == (0, 1, 12 * 44, 1000)


def test_of_a_large_file_that_an_earlier_command_began_what_was_read_counts(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_LARGE_BYTES", 30)
    atoms = [atom(f"Sentence {n:02}.", n, byte_offset=12 * n) for n in range(45)]
    with resources.database.unit_of_work() as unit_of_work:
        source_id = insert_source_by_statement(unit_of_work, uri="file:///large")
        unit_of_work.write_atoms(0, HOUR, {source_id: atoms})
    client = resources.database.connection()  # type: ignore[attr-defined]
    client.execute("UPDATE Source SET Status = 'Atomizing', ByteLength = 1000")
    insert_source(client, "file:///large", "of this command", "Landed", version=2)
    client.commit()
    watched = WatchedFiles(resources, 0)
    watched.add(1, {"file:///large": "of this command"}, {"file:///large": 1000})

    assert watched.look()[:4] == (0, 1, 12 * 44, 1000)


def test_no_time_is_said_before_the_pace_is_known_for_some_seconds() -> None:
    clock = Clock()
    described = DescribedProgress(clock)
    said = []
    for done in (0, 0, 0, 0, 0, 1_000_000, 1_000_000, 2_000_000, 30_000_000, 50_000_000):
        clock.now += 2
        said.append(described.describe(Progress(0, 1, done, 100_000_000, 0, 0)).partition("; ")[2])

    assert said[8] == "30.0 MB of 100.0 MB", "it has gone on for eight seconds"
    assert said[9] == "50.0 MB of 100.0 MB, 5.0 MB/s, 10 s left", "the seconds before it began do not count"


def test_one_step_says_nothing_of_the_pace() -> None:
    clock = Clock()
    described = DescribedProgress(clock)
    for seconds, done in [(2, 0), (2, 465), *[(2, 465)] * 20]:
        clock.now += seconds
        said = described.describe(Progress(0, 1, done, 2_200_000, 0, 0))
        assert said == f"0 of 1 files done; {done} bytes of 2.2 MB"


@pytest.mark.parametrize("seconds", [0.5, 3, 7, 23])
def test_the_pace_of_work_that_goes_in_steps_does_not_swing(seconds: float) -> None:
    """256 embeddings at a time, each lot in so many seconds; looked at every two seconds, at no multiple of them."""
    clock, began = Clock(), 100.0
    pace = Pace(clock, least_seconds=STEADY_SECONDS)
    rates = []
    for _ in range(200):
        clock.now += 2.0
        rates.append(pace.look(256 * int((clock.now - began) / seconds)))
    true = 256 / seconds

    known = [rate for rate in rates[int(6 * seconds / 2) :] if rate]
    assert len(known) > 100
    assert 0.85 * true < min(known) <= max(known) < 1.15 * true


def test_what_stands_still_loses_its_pace() -> None:
    clock = Clock()
    pace = Pace(clock)
    for done in range(0, 600, 10):
        clock.now += 1
        rate = pace.look(done)
    clock.now += 60
    assert (round(rate, 1), round(pace.look(done), 1)) == (10.0, 5.0)


def test_files_that_wait_where_none_is_given_are_not_said_to_be_of_others() -> None:
    assert DescribedProgress(Clock()).describe(Progress(0, 0, 0, 0, 79, 0)) == "79 files wait"


def test_what_is_said_of_the_files_beside_how_many_are_done_is_no_number_of_them(
    resources: Resources, tmp_path: Path
) -> None:
    said: list[str] = []
    (tmp_path / "a.txt").write_text("One text.")

    ingest(resources, [tmp_path], wait=False, report=said.append)

    assert said == ["ingesting"]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_of_an_ingest_is_said_with_its_rate_and_time() -> None:
    clock = Clock()
    described = DescribedProgress(clock)
    said = []
    for seconds, reached in (
        (0, Progress(0, 0, 0, 0, 0, 7)),
        (2, Progress(0, 3, 0, 300_000_000, 3, 7)),
        (10, Progress(1, 3, 100_000_000, 300_000_000, 2, 900)),
        (20, Progress(3, 3, 300_000_000, 300_000_000, 5000, 3000)),
        (10, Progress(3, 3, 300_000_000, 300_000_000, 0, 1000)),
        (10, DONE),
    ):
        clock.now += seconds
        said.append(described.describe(reached))

    assert said == [
        "7 embeddings wait",
        "0 of 3 files done; 0 bytes of 300.0 MB; 7 embeddings wait",
        "1 of 3 files done; 100.0 MB of 300.0 MB, 10.0 MB/s, 20 s left; 900 embeddings wait",
        "3 of 3 files done; 5,000 files found in archives, or of others, wait; 3,000 embeddings wait",
        "3 of 3 files done; 1,000 embeddings wait, 200/s, 5 s left",
        "2 of 2 files done",
    ]


def test_files_that_are_no_longer_in_the_folder_are_counted(
    resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path.resolve() / "given &"
    folder.mkdir()
    (folder / "hidden").symlink_to("/dev/null")
    client = resources.database.connection()  # type: ignore[attr-defined]
    for tenant, path in (
        (0, folder / "deleted.txt"),
        (0, folder / "sub" / "deleted too.txt"),
        (0, folder / "hidden"),
        (0, tmp_path / "given & beside.txt"),
        (1, folder / "another tenant's.txt"),
    ):
        insert_source(client, path.as_uri(), "m", "Atomized", tenant=tenant)
    client.commit()

    result = ingest(resources, [folder], wait=False)
    show_ingested(result, folder)

    gone = [(folder / name).as_uri() for name in ("deleted.txt", "sub/deleted too.txt")]
    assert result["gone"] == {"sources": 2, "sourceUris": gone}
    assert (
        "2 files that were here are no longer there: they stay searchable\n  deleted.txt\n  sub/deleted too.txt\n"
        in capsys.readouterr().out
    )
    assert ingest(resources, [], wait=False)["gone"] == {"sources": 0, "sourceUris": []}, "no folder was given"


def test_of_many_files_that_are_no_longer_there_ten_are_named(
    resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path.resolve() / "given"
    folder.mkdir()
    client = resources.database.connection()  # type: ignore[attr-defined]
    for n in range(12):
        insert_source(client, (folder / f"{n:02}.txt").as_uri(), "m", "Atomized")
    client.commit()
    result = ingest(resources, [folder], wait=False)
    show_ingested(result, folder)
    assert result["gone"]["sources"] == 12 and len(result["gone"]["sourceUris"]) == 10
    assert "\n  09.txt\n  … and 2 more\n" in capsys.readouterr().out


def insert_source(client: Any, uri: str, message: str, status: str, *, tenant: int = 0, version: int = 1) -> None:
    client.execute(
        "INSERT INTO Source (TenantId, SourceUri, Version, ContentType, ByteLength, MessageId, IngestHour, Status, ReceivedAt, LastSeenAt)"
        " VALUES (?, ?, ?, 'text/plain', 1, ?, '2026-11-23-09:00', ?, '2026-11-23T09:00:00.000Z', '2026-11-23T09:00:00.000Z')",
        (tenant, uri, version, message, status),
    )


def test_a_row_of_another_command_is_not_taken_for_the_finished_source(resources: Resources) -> None:
    client = resources.database.connection()  # type: ignore[attr-defined]
    for version, message, status in ((1, "ours", "Atomized"), (2, "theirs", "Landed")):
        insert_source(client, "file:///f", message, status, version=version)
    client.commit()

    def status_of(message: str) -> str:
        ingestion = Ingestion(["file:///f"], {"file:///f": message})
        [found], *_ = ask(resources.database, partial(read_results, ingestion=ingestion, tenant=0))
        return str(found["status"])

    assert [status_of("ours"), status_of("theirs")] == ["Atomized", "Landed"]


def test_without_a_terminal_there_is_a_line_after_two_seconds_and_then_every_ten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    with err.status("") as status:
        line = ProgressLine("verifying", status, clock)
        for _ in range(100):
            done = (clock.now - 100) * 1_000_000
            line.show_bytes(round(done), 60_000_000)
            clock.now += 0.25

    out, said = capsys.readouterr()
    assert out == ""
    assert said.splitlines() == [
        f"verifying: {done} of 60.0 MB, 1.0 MB/s, {left} s left"
        for done, left in (("2.0 MB", 58), ("12.0 MB", 48), ("22.0 MB", 38))
    ]


def test_what_takes_less_than_two_seconds_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with err.status("") as status:
        line = ProgressLine("rebuilding", status, clock)
        for _ in range(19):
            line.show_bytes(1, 2)
            line.show("some")
            clock.now += 0.1

    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_one_line_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(progress_line, "err", console)
    with progress_line.show_progress("verifying") as line:
        line = ProgressLine("verifying", line._status, clock)
        for done in (0, 5, 10):
            clock.now += 5
            line.show_hours(done, 20)
            console.file.write("|")
            line._status._live.refresh()

    assert "verifying: 5 of 20 hours, 1.0/s, 15 s left" in screen.getvalue()
    assert "verifying: 10 of 20 hours, 1.0/s, 10 s left" in screen.getvalue()
    assert screen.getvalue().count("\n") <= 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (99.4, "99 s"), (100, "2 min"), (3599, "60 min"), (5970, "2 h"), (360_000, "100 h")],
)
def test_time_that_is_left_has_the_unit_that_fits(seconds: float, said: str) -> None:
    assert describe_number("some", seconds, 1.0) == f"some, 1.0/s, {said} left"
