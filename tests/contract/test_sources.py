"""Sources through the real stages `sources` and `atoms`: versions, leases, bad input, and every byte back."""

import json
import os
import random
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, cast

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_assets.stage import Progress, Work
from hartonomous_core.atomizers.content_type import Scan
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE, parse_provenance_event
from hartonomous_core.vocabulary import TextUnit
from hartonomous_resources.blobs import LocalBlobs
from hartonomous_resources.database.protocol import Database, Row
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.pending import hours_with_work
from hartonomous_service.ingest import ingest as ingest_paths
from tests.backends import DATABASES, Store, rows
from tests.builders import (
    broken_invariants,
    claim_sources,
    dead_letters,
    enqueue,
    open_home,
    receive_all,
    request,
    without,
)
from tests.processes import start_and_kill
from tests.stages import (
    ALL_RULES,
    MakeHome,
    all_sources,
    content_of,
    ingest,
    put_file,
    run_stages_of,
    states,
)

RANDOM_BYTES = random.Random(3).randbytes(300_000)
# ---- every byte back


CONTENTS = {
    "CRLF, tabs and trailing spaces": ("a.txt", b"One line.  \r\n\r\n\tAnother one. And more.   \r\nNo end"),
    "byte order mark": ("a.txt", b"\xef\xbb\xbfIt begins with a mark. It goes on.\n"),
    "no final newline": ("a.md", b"# Title\n\nLast line has no end"),
    "NUL bytes": ("a.txt", b"A NUL\x00 inside. And \x00\x00 two more.\n"),
    "nothing": ("a.txt", b""),
    "a separator too long for a suffix": ("a.txt", b"Before." + b" " * 200 + b"After."),
    "white space alone": ("a.txt", b" \n\t\r\n "),
    "one byte": ("a.txt", b"x"),
    "many scripts": ("a.txt", "Grüße aus Köln. 日本語の文です。 Ещё одно. 🎉 Ende!\n".encode() * 50),
    "a line longer than an atom": ("a.json", b'"' + b"abcdefgh" * 5000 + b'"'),
    "random bytes": ("a.bin", RANDOM_BYTES),
    "the same chunk again and again": ("a.bin", bytes(400_000)),
    "bytes with a signature": ("a.png", b"\x89PNG\r\n\x1a\n" + RANDOM_BYTES[:5000]),
    "a name that needs quoting": ("ä %41 #?.txt", b"Its name needs quoting."),
}


@pytest.mark.parametrize(("name", "content"), CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "by uri"])
def test_a_source_is_rebuilt_byte_for_byte(home: Resources, name: str, content: bytes, inline: bool) -> None:
    path = put_file(home, name, content)

    ingest(home, request(rawData=content, sourceUri=path.as_uri()) if inline else request(uri=path.as_uri()))

    (source,) = all_sources(home)
    assert source["status"] == "Atomized"
    assert content_of(home, source) == content
    assert source["byteLength"] == len(content)
    assert not broken_invariants(home.database, *ALL_RULES)


@pytest.mark.skipif(sys.platform == "darwin", reason="NOT TESTED: this file system takes only names in UTF-8")
def test_a_file_whose_name_is_not_utf8_is_ingested(home: Resources) -> None:
    path = put_file(home, os.fsdecode(b"\xff.txt"), b"Its name is bytes.")

    ingest(home, request(uri=path.as_uri()))

    (source,) = all_sources(home)
    assert (source["sourceUri"], content_of(home, source)) == (path.as_uri(), b"Its name is bytes.")


def test_bytes_that_a_message_carried_are_kept_once_as_atoms(home: Resources) -> None:
    ingest(home, request(rawData=b"Only a moment in the blob store.", sourceUri="note:a.txt"))

    assert list(home.blobs.list_keys()) == []


def test_an_atomized_source_is_published_with_its_atoms_run_and_id(make_home: MakeHome) -> None:
    home = make_home(text_unit="sentence")
    ingest(home, request(rawData=b"One. Two. One.", sourceUri="note:a.txt"))

    events = [parse_provenance_event(m.body) for m in receive_all(home.database, PROVENANCE_QUEUE)]
    (source,) = all_sources(home)
    (event,) = events
    assert (event.event_type, event.tenant_id, event.source_id, event.run_id) == (
        "AtomsCreated",
        0,
        source["sourceId"],
        "run",
    )
    with home.database.read() as unit_of_work:
        named = unit_of_work.query("atoms_by_id", atom_ids=json.dumps(event.atom_ids))
    assert sorted(row["text"] for row in named) == ["One.", "Two."]


def test_a_source_of_white_space_alone_is_published_too(home: Resources) -> None:
    ingest(home, request(rawData=b"   \n", sourceUri="note:blank.txt"))

    events = [parse_provenance_event(m.body) for m in receive_all(home.database, PROVENANCE_QUEUE)]
    assert [event.source_id for event in events] == [all_sources(home)[0]["sourceId"]]


def test_what_the_message_said_of_the_source_is_kept(home: Resources) -> None:
    said = {"tenantId": 9, "contentType": "text/markdown", "metadata": {"author": "Ä"}, "sourceId": "their id"}
    ingest(home, request(rawData=b"Hello.", **said))

    (source,) = all_sources(home)
    assert (source["tenantId"], source["contentType"], source["sourceUri"]) == (9, "text/markdown", "source:their id")
    assert json.loads(source["metadata"]) == {"author": "Ä", "sourceId": "their id"}


# ---- versions


def test_the_same_bytes_again_change_only_when_the_source_was_last_seen(home: Resources, client: Any) -> None:
    path = put_file(home, "a.txt", b"One sentence. Another one.")
    tables = ("Atom", "SourceAtom", "BackgroundJob", "QueueMessage", "DeadLetter")

    def everything() -> list[Any]:
        return [rows(client, f"SELECT * FROM {table}") for table in tables]

    ingest(home, request(uri=path.as_uri()))
    (first,), before = all_sources(home), everything()
    time.sleep(0.01)

    report = ingest(home, request(uri=path.as_uri()))["atoms"]

    (again,) = all_sources(home)
    assert again["lastSeenAt"] > first["lastSeenAt"]
    assert without(again, "lastSeenAt") == without(first, "lastSeenAt")
    assert everything() == before
    assert report.counts == {"unchanged": 1}


@pytest.mark.parametrize("by_message", [True, False], ids=["by message", "by ingest"])
def test_the_same_bytes_are_a_new_version_where_text_has_another_unit(
    make_home: MakeHome, client: Any, by_message: bool
) -> None:
    units: tuple[TextUnit, ...] = ("passage", "sentence", "sentence", "passage")
    for unit in units:
        home = make_home(text_unit=unit)
        path = put_file(home, "a.txt", b"One sentence. Another one.")
        if by_message:
            ingest(home, request(uri=path.as_uri()))
        else:
            ingest_paths(home, [path], wait=False)
            run_stages_of(home)

    first, second, third = all_sources(home)
    assert [source["supersededBy"] for source in (first, second, third)] == [
        second["sourceId"],
        third["sourceId"],
        None,
    ]
    assert first["atomizerVersion"] == third["atomizerVersion"] != second["atomizerVersion"]
    atoms_of_sources = rows(
        client,
        "SELECT sa.SourceId AS source, a.Subtype AS subtype, a.CanonicalText AS text FROM SourceAtom AS sa "
        "INNER JOIN Atom AS a ON a.AtomId = sa.AtomId ORDER BY sa.SourceId, sa.Ordinal",
    )
    assert [(row["source"], row["subtype"], row["text"]) for row in atoms_of_sources] == [
        (first["sourceId"], "passage", "One sentence. Another one."),
        (second["sourceId"], "sentence", "One sentence."),
        (second["sourceId"], "sentence", "Another one."),
        (third["sourceId"], "passage", "One sentence. Another one."),
    ]


def test_changed_bytes_make_a_second_version_and_supersede_the_first(home: Resources) -> None:
    path = put_file(home, "a.txt", b"Old. Common.")
    ingest(home, request(uri=path.as_uri()))
    path.write_bytes(b"New. Common.")

    ingest(home, request(uri=path.as_uri()))

    old, new = all_sources(home)
    assert states(home) == [("Atomized", 1, new["sourceId"]), ("Atomized", 2, None)]
    assert (content_of(home, old), content_of(home, new)) == (b"Old. Common.", b"New. Common.")
    assert not broken_invariants(home.database, *ALL_RULES)


def test_going_back_to_earlier_bytes_is_a_third_version(home: Resources) -> None:
    ingest(home, *(request(rawData=content, sourceUri="note:a.txt") for content in (b"A.", b"B.", b"A.")))

    first, second, third = all_sources(home)
    assert states(home) == [
        ("Atomized", 1, second["sourceId"]),
        ("Atomized", 2, third["sourceId"]),
        ("Atomized", 3, None),
    ]
    assert [content_of(home, source) for source in (first, second, third)] == [b"A.", b"B.", b"A."]


def test_the_same_uri_of_two_tenants_is_two_sources(home: Resources) -> None:
    ingest(home, *(request(rawData=b"Same.", sourceUri="note:a.txt", tenantId=tenant) for tenant in (1, 2)))

    assert states(home) == [("Atomized", 1, None)] * 2
    assert not broken_invariants(home.database, *ALL_RULES)


def claim(home: Resources, owner: str) -> list[int]:
    """SourceId of the next source, claimed."""
    with home.database.unit_of_work() as unit_of_work:
        return [row["sourceId"] for row in claim_sources(unit_of_work, owner, current_hour())]


def test_a_version_is_claimed_only_when_the_one_before_it_is_finished(home: Resources) -> None:
    for uri, content in (("a", b"1"), ("a", b"2"), ("b", b"3")):
        enqueue(home.database, INGESTION_QUEUE, [request(rawData=content, sourceUri=uri)])
    run_stages_of(home, landing.STAGE)
    a1, a2, b1 = (source["sourceId"] for source in all_sources(home))

    assert [claim(home, "one"), claim(home, "two"), claim(home, "three")] == [[a1], [b1], []]
    with home.database.unit_of_work() as unit_of_work:
        unit_of_work.execute("dead_letter_source", source_id=a1, reason="finished, if not well")
    assert claim(home, "four") == [a2]


def land(home: Resources, *contents: bytes) -> None:
    """Land sources with these bytes and atomize none."""
    enqueue(
        home.database,
        INGESTION_QUEUE,
        [request(rawData=data, sourceUri=f"note:{n}") for n, data in enumerate(contents)],
    )
    run_stages_of(home, landing.STAGE)


def first_step(home: Resources) -> dict[str, int]:
    """What the stage does in one step."""
    return next(atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))).counts


def test_small_sources_are_atomized_together_in_one_step(home: Resources) -> None:
    land(home, b"One.", b"Two.", b"Three.")

    assert first_step(home)["sources"] == 3


def test_small_sources_together_are_no_more_than_a_mebibyte(home: Resources) -> None:
    land(home, *(bytes([n]) * 400_000 for n in range(3)))

    assert first_step(home)["sources"] == 2


def test_small_sources_are_written_a_batch_at_a_time(make_home: MakeHome) -> None:
    home = make_home(text_unit="sentence")
    land(home, *(b"".join(b"Line %d of file %d.\n\n" % (line, n) for line in range(300)) for n in range(3)))
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))

    assert [next(steps).counts.get("atoms") for _ in range(3)] == [600, 300, None]


def test_of_small_sources_written_together_one_that_another_run_has_taken_over_is_left_to_it(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(home, b"Mine.", b"Taken over.", b"Mine, too.")
    scan = atoms.scan

    def take_over(stream: Any) -> Any:
        client.cursor().execute("UPDATE Source SET LeaseOwner = 'other' WHERE SourceUri = 'note:1'")
        client.commit()
        return scan(stream)

    monkeypatch.setattr(atoms, "scan", take_over)

    counts = first_step(home)

    assert (counts["sources"], counts["taken over by another run"]) == (2, 1)
    assert [status for status, _, _ in states(home)] == ["Atomized", "Atomizing", "Atomized"]


def test_a_source_that_was_tried_before_comes_alone_and_after_the_others(home: Resources, client: Any) -> None:
    land(home, b"Tried.", b"Also tried.", b"Fresh.", b"Fresh, too.")
    client.cursor().execute("UPDATE Source SET AttemptCount = 1 WHERE SourceUri IN ('note:0', 'note:1')")
    client.commit()
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))

    assert [next(steps).counts.get("sources") for _ in range(4)] == [2, 1, 1, None]


def test_a_stop_gives_back_what_was_claimed_and_not_begun(make_home: MakeHome, client: Any) -> None:
    home = make_home(atom_batch_size=1, text_unit="sentence")
    land(home, b"It has two. And more.", b"Not begun.")

    stopped = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))
    assert "sources" not in next(stopped).counts
    stopped.close()

    claims = rows(client, "SELECT Status AS status, AttemptCount AS attempts, LeaseOwner AS owner FROM Source")
    assert claims == [{"status": "Landed", "attempts": 0, "owner": None}] * 2


def test_only_the_running_hour_receives_and_an_older_one_finishes_what_it_holds(home: Resources, client: Any) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"Landed.", sourceUri="landed")])
    run_stages_of(home, landing.STAGE)
    client.cursor().execute("UPDATE Source SET IngestHour = '2026-01-01-01:00'")
    client.commit()
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"Waiting.", sourceUri="waiting")])

    run_stages_of(home, hour="2026-01-01-01:00")

    assert [(source["sourceUri"], source["status"]) for source in all_sources(home)] == [("landed", "Atomized")]
    assert len(receive_all(home.database, INGESTION_QUEUE)) == 1


# ---- interruption and leases


@pytest.fixture
def large(make_home: MakeHome) -> Resources:
    """A home that writes two atoms a step, and in it one landed source of many steps."""
    home = make_home(atom_batch_size=2)
    path = put_file(home, "large.bin", RANDOM_BYTES)
    enqueue(home.database, INGESTION_QUEUE, [request(uri=path.as_uri())])
    run_stages_of(home, landing.STAGE)
    return home


def start(home: Resources, owner: str) -> Generator[Progress]:
    """The stage at work on the first source it claims, one step done."""
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, owner))
    assert "sources" not in next(steps).counts, "a source of one step tests nothing"
    return cast(Generator[Progress], steps)


def expire_leases(client: Any) -> None:
    client.cursor().execute("UPDATE Source SET LeaseUntil = ''")
    client.commit()


def test_a_source_whose_claim_says_no_end_asks_for_a_run(large: Resources, client: Any) -> None:
    steps = start(large, "gone")
    client.cursor().execute("UPDATE Source SET LeaseUntil = NULL")
    client.commit()
    others = dict.fromkeys(["embedding_enabled", "projection_enabled", "provenance_enabled"], False)

    assert hours_with_work(large.database, large.settings.model_copy(update=others), current_hour()) == [current_hour()]
    steps.close()


def assert_whole(home: Resources) -> None:
    assert states(home) == [("Atomized", 1, None)]
    assert content_of(home, all_sources(home)[0]) == RANDOM_BYTES
    assert not broken_invariants(home.database, *ALL_RULES)
    assert dead_letters(home.database) == []


def test_a_source_stopped_between_two_steps_is_finished_by_the_next_run(large: Resources) -> None:
    start(large, "stopped").close()
    assert states(large) == [("Landed", 1, None)]

    run_stages_of(large)

    assert_whole(large)


def test_a_source_whose_lease_ran_out_is_begun_anew_by_another_run(large: Resources, client: Any) -> None:
    slow = start(large, "slow")
    expire_leases(client)

    run_stages_of(large, atoms.STAGE, owner="fast")

    assert_whole(large)
    slow.close()


@pytest.mark.parametrize("steps_of_the_other", [1, 3, 100])
def test_a_run_that_lost_its_source_writes_nothing_more_and_does_not_fail(
    large: Resources, client: Any, steps_of_the_other: int
) -> None:
    slow = start(large, "slow")
    expire_leases(client)
    fast = start(large, "fast")
    for _ in range(steps_of_the_other - 1):
        next(fast)

    assert next(slow).counts == {"taken over by another run": 1}

    for _ in range(100):
        next(fast)
    assert_whole(large)


def atomize_and_hang(ready: Callable[[], None], store: Store, folder: Path) -> None:
    home = open_home(folder, store.open(), atom_batch_size=2)
    at_work = start(home, str(this_process()))
    ready()
    time.sleep(60)
    at_work.close()


def test_a_source_half_written_by_a_killed_process_is_finished_by_the_next_run(
    large: Resources, store: Store, tmp_path: Path
) -> None:
    start_and_kill(atomize_and_hang, store, tmp_path)
    assert states(large) == [("Atomizing", 1, None)]

    release_dead_claims(large.database)
    run_stages_of(large)

    assert_whole(large)


def test_a_source_that_kills_its_process_each_time_is_given_up_after_five_attempts(
    large: Resources, client: Any
) -> None:
    killed = []  # kept: a generator that nobody holds would be closed, and release its claim
    for _ in range(5):
        killed.append(start(large, "killed"))
        expire_leases(client)

    run_stages_of(large)

    (letter,) = dead_letters(large.database)
    assert "5 attempts" in letter["reason"]
    assert "died" in letter["reason"]
    assert [source["status"] for source in all_sources(large)] == ["DeadLettered"]
    assert rows(client, "SELECT * FROM Atom") == []


def change_while_read(home: Resources, content: bytes) -> list[dict[str, int]]:
    """Atomize the landed file, writing its end anew after the first step of each attempt; returns each step's counts."""
    path = home.settings.allowed_roots[0] / "large.bin"
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))
    seen = []
    for attempt in range(6):
        seen.append(next(steps).counts)
        if "atoms" in seen[-1]:
            path.write_bytes(RANDOM_BYTES[:-1] + content + bytes([attempt]))
            while "atoms" in seen[-1]:
                seen.append(next(steps).counts)
    return seen


def test_a_file_that_changes_while_it_is_read_is_tried_five_times_and_given_up(large: Resources, client: Any) -> None:
    seen = change_while_read(large, b"")

    assert [counts for counts in seen if "atoms" not in counts] == [{"failed attempts": 1}] * 5 + [{"dead-lettered": 1}]
    (letter,) = dead_letters(large.database)
    assert letter["reason"].startswith(all_sources(large)[0]["sourceUri"])
    assert "given up after 5 attempts" in letter["reason"]
    assert "written to while it was read" in letter["reason"]
    assert rows(client, "SELECT * FROM Atom") == []


def test_a_text_that_stops_being_utf8_while_it_is_read_fails_no_stage(make_home: MakeHome) -> None:
    home = make_home(atom_batch_size=200)
    text = b"".join(b"This is sentence number %d. " % n for n in range(40_000))
    path = put_file(home, "a.txt", text)
    enqueue(home.database, INGESTION_QUEUE, [request(uri=path.as_uri())])
    run_stages_of(home, landing.STAGE)
    steps = start(home, "test")

    path.write_bytes(text[:-10] + b"\xff" * 10)

    while "atoms" in (counts := next(steps).counts):
        pass
    assert counts == {"failed attempts": 1}


# ---- bad input: a dead letter that says why, and the others go on

GOOD = request(rawData=b"A good one.", sourceUri="note:good")


def assert_only_the_bad_one_died(home: Resources, *phrases: str) -> Row:
    """There is one dead letter whose reason holds the phrases; the good source is in."""
    (letter,) = dead_letters(home.database)
    for phrase in phrases:
        assert phrase in letter["reason"]
    good = [source for source in all_sources(home) if source["sourceUri"] == "note:good"]
    assert [source["status"] for source in good] == ["Atomized"]
    assert receive_all(home.database, INGESTION_QUEUE) == []
    assert not broken_invariants(home.database, *ALL_RULES)
    return letter


BAD_MESSAGES = {
    "invalid JSON": (b'{"tenantId": 0, "uri": ', None, "not JSON"),
    "invalid UTF-8 in the message": (b'{"tenantId": 0, "uri": "/\xff"}', None, "not JSON"),
    "no object": (b"[1]", None, "not a JSON object"),
    "tenant in two spellings": (
        b'{"uri": "file:///a", "tenantId": 1, "TenantId": 2}',
        None,
        "tenantId: it is given more than once",
    ),
    "no tenant, and a relative uri": (b'{"Uri": "a.txt"}', 0, "not an absolute path"),
    "nested too deeply": (
        b'{"tenantId": 3, "rawData": "YQ==", "metadata": %s0%s}' % (b'{"a":' * 200, b"}" * 200),
        3,
        "nested",
    ),
    "neither rawData nor uri": (b'{"tenantId": 3}', 3, "exactly one of rawData and uri"),
    "both rawData and uri": (request(tenantId=3, rawData=b"x", uri="file:///a"), 3, "exactly one of rawData and uri"),
    "bad base64": (request(tenantId=3, rawData="not base64!"), 3, "rawData: not base64"),
    "inline above 1 MiB": (request(tenantId=3, rawData=bytes(1024 * 1024 + 1)), 3, "limited to 1048576 bytes"),
    "NUL in the uri": (request(tenantId=3, uri="file:///a\0b"), 3, "NUL"),
    "http uri": (request(tenantId=3, uri="http://host/a.txt"), 3, "only local files"),
    "relative uri": (request(tenantId=3, uri="a.txt"), 3, "not an absolute path"),
    "file of another host": (request(tenantId=3, uri="file://host/a.txt"), 3, "names the host 'host'"),
    "metadata with NaN": (b'{"tenantId": 3, "rawData": "YQ==", "metadata": {"a": NaN}}', 3, "metadata"),
    "metadata beyond any number": (b'{"tenantId": 3, "rawData": "YQ==", "metadata": {"a": 1e999}}', 3, "metadata"),
    "sourceId with half a character": (b'{"tenantId": 3, "rawData": "YQ==", "sourceId": "\\ud800"}', 3, "sourceId"),
}


@pytest.mark.parametrize(("body", "tenant", "reason"), BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_a_bad_message_becomes_a_dead_letter_and_the_others_go_on(
    home: Resources, body: bytes, tenant: int | None, reason: str
) -> None:
    ingest(home, body, GOOD)

    letter = assert_only_the_bad_one_died(home, reason)
    assert (letter["kind"], letter["queue"], letter["tenantId"]) == ("message", INGESTION_QUEUE, tenant)
    assert bytes(letter["body"]) == body


def test_metadata_nested_too_deeply_becomes_a_dead_letter_and_the_others_go_on(home: Resources) -> None:
    deep = b'{"a":' * 1500 + b"1" + b"}" * 1500

    ingest(home, b'{"tenantId": 3, "rawData": "YQ==", "metadata": %s}' % deep, GOOD)

    assert_only_the_bad_one_died(home)


def inside(path: Path) -> Path:
    return path


def make_fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def make_directory(path: Path) -> Path:
    path.mkdir()
    return path


def make_file(content: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def make_outside(path: Path) -> Path:
    return make_file(b"secret")(path.parent.parent / "outside.txt")


def make_link_out(path: Path) -> Path:
    path.symlink_to(make_outside(path))
    return path


def make_path_out(path: Path) -> Path:
    return path.parent / ".." / make_outside(path).name


def make_link_to_itself(path: Path) -> Path:
    path.symlink_to(path)
    return path


BAD_FILES = {
    "missing": (inside, "the file is not there"),
    "directory": (make_directory, "not a regular file"),
    "named pipe": (make_fifo, "not a regular file"),
    "outside the allowed roots": (make_outside, "outside the allowed roots"),
    "dots that lead out": (make_path_out, "outside the allowed roots"),
    "symlink that leads out": (make_link_out, "outside the allowed roots"),
    "symlink to itself": (make_link_to_itself, "cannot be opened"),
    "too large": (make_file(bytes(1001)), "1,001 bytes, more than HARTONOMOUS_MAX_SOURCE_BYTES (1,000)"),
    "name too long": (lambda path: path.with_name("x" * 300), "cannot be opened"),
}


@pytest.mark.parametrize(("make", "reason"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_becomes_a_dead_letter_and_the_others_go_on(
    make_home: MakeHome, make: Callable[[Path], Path], reason: str
) -> None:
    home = make_home(max_source_bytes=1000)
    uri = "file://" + str(make(home.settings.allowed_roots[0] / "bad.txt"))

    ingest(home, request(tenantId=3, uri=uri), GOOD)

    letter = assert_only_the_bad_one_died(home, uri, reason)
    assert (letter["kind"], letter["tenantId"]) == ("message", 3)
    assert json.loads(letter["body"])["uri"] == uri


def test_a_file_deleted_after_it_was_landed_becomes_a_dead_letter_and_the_others_go_on(home: Resources) -> None:
    path = put_file(home, "gone.txt", b"Soon gone.")
    enqueue(home.database, INGESTION_QUEUE, [request(uri=path.as_uri(), metadata={"a": 1}), GOOD])
    run_stages_of(home, landing.STAGE)
    path.unlink()

    run_stages_of(home)

    letter = assert_only_the_bad_one_died(home, path.as_uri(), "not there (any more)")
    source = all_sources(home)[0]
    assert (letter["kind"], letter["sourceId"], letter["messageId"]) == (
        "source",
        source["sourceId"],
        source["messageId"],
    )
    assert (source["status"], source["errorMessage"]) == ("DeadLettered", letter["reason"])
    assert json.loads(letter["body"])["metadata"] == {"a": 1}


def test_bytes_that_a_given_up_message_carried_are_kept_for_its_replay(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stream: BinaryIO) -> Scan:
        raise OSError("the disk does not answer")

    monkeypatch.setattr(atoms, "scan", fail)
    ingest(home, request(rawData=b"Bytes.", sourceUri="note:a.txt"))

    (letter,) = dead_letters(home.database)
    assert "the disk does not answer" in letter["reason"]
    assert home.blobs.get(json.loads(letter["body"])["blobKey"]) == b"Bytes."


def test_a_message_for_whose_bytes_there_is_no_room_is_tried_five_times_and_the_others_go_on(home: Resources) -> None:
    home.settings.blob_dir.mkdir()
    (home.settings.blob_dir / "3").write_bytes(b"a file where tenant 3's folder should be")

    ingest(home, request(tenantId=3, rawData=b"x", sourceUri="note:bad"), GOOD)

    assert assert_only_the_bad_one_died(home)["attemptCount"] == 5


def test_a_path_given_on_the_command_line_may_lie_outside_the_allowed_roots(home: Resources, tmp_path: Path) -> None:
    path = make_file(b"Given by name.")(tmp_path / "elsewhere.txt")
    with home.database.unit_of_work() as unit_of_work:
        (message_id,) = unit_of_work.enqueue(INGESTION_QUEUE, [("key", request(uri=path.as_uri()))])
        unit_of_work.execute_many("insert_path_grant", [(message_id, path.resolve().as_uri())])

    run_stages_of(home)

    assert states(home) == [("Atomized", 1, None)]
    with home.database.read() as unit_of_work:
        assert unit_of_work.query("path_grant", message_id=message_id) == [], "a grant is for one message"


class BlobsWithALateSender(LocalBlobs):
    """A blob store in which, in the moment before a landed copy is deleted, another run begins to land the same bytes."""

    def __init__(self, root: Path, land_again: Callable[[], None]) -> None:
        super().__init__(root)
        self._land_again = land_again
        self.late_sender: Thread | None = None

    def delete(self, key: str) -> None:
        if self.late_sender is None:
            self.late_sender = Thread(target=self._land_again)
            self.late_sender.start()
            self.late_sender.join(0.5)  # long enough to land, unless it has to wait for this run's transaction
        super().delete(key)


def test_forgetting_a_landed_copy_leaves_the_same_bytes_of_a_message_landed_meanwhile(
    home: Resources, store: Store, database: Database
) -> None:
    def land_again() -> None:
        other = DATABASES[store.backend].open(store.location)
        enqueue(other, INGESTION_QUEUE, [request(rawData=b"Same bytes.", sourceUri="note:second.txt")])
        run_stages_of(Resources(home.settings, other, home.graph, home.compute, home.blobs), landing.STAGE)
        other.close()

    blobs = BlobsWithALateSender(home.settings.blob_dir, land_again)
    racing = Resources(home.settings, database, home.graph, home.compute, blobs)

    ingest(racing, request(rawData=b"Same bytes.", sourceUri="note:first.txt"))
    assert blobs.late_sender is not None
    blobs.late_sender.join()
    run_stages_of(home)

    assert [source["status"] for source in all_sources(home)] == ["Atomized", "Atomized"]
