"""An ingest tells now and then how far it is, and when it is interrupted."""

import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service import ingest as ingest_module
from hartonomous_service import progress
from hartonomous_service.cli import run
from hartonomous_service.cli.ingested import show_ingested
from hartonomous_service.errors import ServiceError
from hartonomous_service.ingest import ingest
from hartonomous_service.progress import Progress, look_at_progress, telling_progress


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

    with telling_progress(lambda: Progress(1, 3, 7), tell):
        assert twice.wait(30)

    assert set(told) == {(1, 3, 7)}
    assert "progress" not in {thread.name for thread in threading.enumerate()}


def test_an_outage_is_logged_and_the_next_look_is_told(caplog: pytest.LogCaptureFixture) -> None:
    looks = iter([DatabaseUnavailable("the server restarts"), Progress(2, 2, 0)])
    told = threading.Event()

    def look() -> Progress:
        found = next(looks, Progress(2, 2, 0))
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

    assert told[-1] == (0, 2, 0)


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
    def stop(*_: object, progress: object, **__: object) -> None:
        assert progress is run._print_progress, "stderr is no terminal here"
        raise interruption

    monkeypatch.setattr(ingest_module, "ingest", stop)

    with pytest.raises(ServiceError, match=f"^{said}"):
        run.ingest([])


def test_an_embedding_that_is_computed_waits_too(resources: Resources) -> None:
    client = resources.database.connection()  # type: ignore[attr-defined]
    for status in ("Pending", "InProgress", "Failed"):
        client.execute("INSERT INTO StoredJob (TenantId, AtomId, Status) VALUES (0, NULL, ?)", (status,))
    client.commit()

    assert look_at_progress(resources, 3, []) == (3, 3, 2)


def test_without_files_none_are_said_to_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    run._print_progress(Progress(0, 0, 0))
    run._print_progress(Progress(0, 0, 7))

    assert capsys.readouterr().err == "7 embeddings wait\n"


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

    assert result["gone"] == 2
    assert "2 files that were here are no longer there: they stay searchable" in capsys.readouterr().out
    assert ingest(resources, [], wait=False)["gone"] == 0, "no folder was given"


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
        ingestion = ingest_module._Ingestion(["file:///f"], {"file:///f": message})
        [found], _ = ask(resources.database, partial(ingest_module._read_results, ingestion=ingestion, tenant=0))
        return str(found["status"])

    assert [status_of("ours"), status_of("theirs")] == ["Atomized", "Landed"]


def test_a_line_of_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert not sys.stderr.isatty()

    run._print_progress(Progress(1, 1265, 3400))

    assert capsys.readouterr() == ("", "1 of 1,265 files done, 3,400 embeddings wait\n")
