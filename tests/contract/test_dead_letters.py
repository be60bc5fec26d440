"""What is given up on again is one dead letter with a count, and none of them quotes a password."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_core.atomizers.content_type import Scan
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.giving_up import count_failed_receive
from hartonomous_service import dead_letters as service
from hartonomous_service.background_jobs import create_job, update_job_status
from hartonomous_service.dead_letters import discard_dead_letter, replay_dead_letter
from hartonomous_service.errors import Conflict, NotFound
from hartonomous_service.ingest import ingest as ingest_paths
from tests.backends import rows
from tests.builders import dead_letters, enqueue, receive_all, receive_and_return, request
from tests.stages import MakeHome, all_sources, ingest, put_file, run_stages_of


@pytest.fixture
def home(make_home: MakeHome) -> Resources:
    """A home that takes in files of up to 100 bytes."""
    return make_home(max_source_bytes=100)


def seen(home: Resources) -> list[tuple[str, int]]:
    """Kind and count of every dead letter, the oldest first."""
    return [(letter["kind"], letter["seenCount"]) for letter in dead_letters(home.database)[::-1]]


def never_good(home: Resources) -> bytes:
    return request(uri=put_file(home, "large.txt", bytes(101)).as_uri())


def good_before(home: Resources) -> bytes:
    """A file that has a version, and then is too large."""
    path = put_file(home, "a.txt", b"It held this.")
    if not all_sources(home):
        ingest(home, request(uri=path.as_uri()))
    path.write_bytes(bytes(101))
    return request(uri=path.as_uri())


def forbidden(home: Resources) -> bytes:
    return request(uri="file:///etc/hostname")


def http(home: Resources) -> bytes:
    return request(uri="http://host/a.txt")


def broken(home: Resources) -> bytes:
    return b"{"


@pytest.mark.parametrize("make", [never_good, good_before, forbidden, http, broken])
def test_what_is_refused_again_for_the_same_reason_is_one_dead_letter(
    home: Resources, make: Callable[[Resources], bytes]
) -> None:
    for _ in range(3):
        ingest(home, make(home))

    assert [count for _, count in seen(home)] == [3]


def test_a_version_given_up_again_stands_for_the_one_before_it(home: Resources) -> None:
    for _ in range(3):
        ingest(home, good_before(home))

    (good, bad), (letter,) = all_sources(home), dead_letters(home.database)
    assert (good["supersededBy"], bad["status"]) == (bad["sourceId"], "DeadLettered")
    assert (letter["sourceId"], letter["messageId"]) == (bad["sourceId"], bad["messageId"])


def test_a_version_that_another_one_points_at_stays(home: Resources) -> None:
    ingest(home, good_before(home))
    good, given_up = all_sources(home)

    with home.database.unit_of_work() as unit_of_work:
        assert unit_of_work.execute("delete_source", source_id=given_up["sourceId"]) == 0

    assert all_sources(home) == [good, given_up]


def test_another_file_another_reason_and_another_tenant_are_dead_letters_of_their_own(home: Resources) -> None:
    path, other = (put_file(home, name, bytes(101)) for name in ("a.txt", "b.txt"))
    ingest(home, request(uri=path.as_uri()), request(uri=other.as_uri()), request(uri=path.as_uri(), tenantId=7))
    path.unlink()

    ingest(home, request(uri=path.as_uri()))

    assert seen(home) == [("message", 1)] * 4


def test_a_file_that_is_too_large_and_grows_is_one_dead_letter_with_its_latest_size(home: Resources) -> None:
    for size in (101, 102, 1030):
        ingest(home, request(uri=put_file(home, "log.txt", bytes(size)).as_uri()))

    [letter] = dead_letters(home.database)
    assert letter["seenCount"] == 3
    assert "has 1,030 bytes, more than" in letter["reason"]


def test_messages_that_say_different_things_of_one_missing_file_are_all_kept(home: Resources) -> None:
    missing = (home.settings.allowed_roots[0] / "missing.txt").as_uri()
    said = [
        {"sourceUri": "mail:1"},
        {"sourceUri": "mail:2"},
        {"sourceId": 1},
        {"contentType": "text/plain"},
        {"metadata": {"a": 1, "b": 2}},
        {"metadata": {"b": 2, "a": 1}, "unknown": "is not read"},
    ]

    ingest(home, *(request(uri=missing, **fields) for fields in said))

    assert seen(home) == [("message", 1)] * 4 + [("message", 2)]


def test_sources_of_one_file_that_say_different_things_of_it_are_all_kept(home: Resources) -> None:
    path = put_file(home, "a.txt", b"It held this.")
    said = [{"sourceUri": "mail:1"}, {"sourceUri": "mail:2"}, {"sourceUri": "mail:2", "metadata": {"a": 1}}]
    ingest(home, *(request(uri=path.as_uri(), **fields) for fields in said[:2]))
    path.write_bytes(bytes(101))

    ingest(home, *(request(uri=path.as_uri(), **fields) for fields in said))

    assert seen(home) == [("source", 1)] * 3


def test_messages_that_hold_other_bytes_are_all_kept(home: Resources) -> None:
    ingest(home, b'{"a"', b'{"b"', b'{"a"')

    assert sorted(seen(home)) == [("message", 1), ("message", 2)]


def test_inline_sources_of_other_bytes_are_all_kept(home: Resources, client: Any) -> None:
    for content in (b"One.", b"Two.", b"One."):
        enqueue(home.database, INGESTION_QUEUE, [request(rawData=content, sourceUri="note:a.txt")])
        run_stages_of(home, landing.STAGE)
        client.cursor().execute("UPDATE Source SET AttemptCount = 5 WHERE Status = 'Landed'")
        client.commit()
        run_stages_of(home)

    assert seen(home) == [("source", 2), ("source", 1)]
    assert [source["version"] for source in all_sources(home)] == [2, 3]


def test_the_same_bytes_on_the_other_queue_are_a_dead_letter_of_their_own(home: Resources) -> None:
    for queue in (INGESTION_QUEUE, PROVENANCE_QUEUE):
        enqueue(home.database, queue, [b"{"])
        (message,) = receive_and_return(home.database, queue)
        for _ in range(5):
            count_failed_receive(home.database, message, "no")

    assert seen(home) == [("message", 1)] * 2


def test_the_first_failure_stays_and_the_rest_is_as_of_the_last(home: Resources) -> None:
    ingest(home, forbidden(home))
    (first,) = dead_letters(home.database)

    ingest(home, forbidden(home))

    (again,) = dead_letters(home.database)
    assert (again["deadLetterId"], again["firstFailedAt"]) == (first["deadLetterId"], first["firstFailedAt"])
    assert again["lastFailedAt"] >= first["lastFailedAt"]
    assert again["messageId"] != first["messageId"]


def test_the_grant_of_an_earlier_message_goes(home: Resources, tmp_path: Path, client: Any) -> None:
    path = tmp_path / "given.txt"
    path.write_bytes(bytes(101))
    for _ in range(2):
        with home.database.unit_of_work() as unit_of_work:
            (message_id,) = unit_of_work.enqueue(INGESTION_QUEUE, [("key", request(uri=path.as_uri()))])
            unit_of_work.execute_many("insert_path_grant", [(message_id, path.as_uri())])
        run_stages_of(home)

    assert rows(client, "SELECT MessageId AS id FROM PathGrant") == [{"id": message_id}]


@pytest.mark.parametrize("make", [never_good, good_before])
def test_one_that_was_seen_again_is_replayed_once_and_done(home: Resources, make: Callable[[Resources], bytes]) -> None:
    for _ in range(2):
        ingest(home, make(home))
    for path in home.settings.allowed_roots[0].iterdir():
        path.write_bytes(b"It is good again.")

    replay_dead_letter(home, dead_letters(home.database)[0]["deadLetterId"])
    run_stages_of(home)

    assert dead_letters(home.database) == []
    assert all_sources(home)[-1]["status"] == "Atomized"


def test_of_two_replays_at_once_one_acts_and_the_other_is_told(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(home, forbidden(home))
    (letter,) = dead_letters(home.database)
    monkeypatch.setattr(service, "_find", lambda *_: letter)  # both have read it before one of them acts

    replay_dead_letter(home, letter["deadLetterId"])
    with pytest.raises(NotFound, match="is not found"):
        replay_dead_letter(home, letter["deadLetterId"])
    with pytest.raises(NotFound, match="is not found"):
        discard_dead_letter(home, letter["deadLetterId"])

    assert len(receive_all(home.database, INGESTION_QUEUE)) == 1


def test_a_job_that_was_done_meanwhile_is_not_replayed(home: Resources, client: Any) -> None:
    job_id = create_job(home, "Print", "{}", 0)
    update_job_status(home, job_id, "DeadLettered")
    (letter,) = dead_letters(home.database)
    client.cursor().execute("UPDATE BackgroundJob SET Status = 'Completed'")
    client.commit()

    with pytest.raises(Conflict, match="cannot be replayed: its job did not fail"):
        replay_dead_letter(home, letter["deadLetterId"])

    assert dead_letters(home.database) == [letter]


def test_a_source_whose_bytes_are_gone_is_not_replayed(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_stream: BinaryIO) -> Scan:
        raise OSError("the disk does not answer")

    monkeypatch.setattr(atoms, "scan", fail)
    ingest(home, request(rawData=b"Bytes.", sourceUri="note:a.txt"))
    (letter,) = dead_letters(home.database)
    home.blobs.delete(json.loads(letter["body"])["blobKey"])

    with pytest.raises(Conflict, match="cannot be replayed: its bytes are not there any more; discard it"):
        replay_dead_letter(home, letter["deadLetterId"])

    assert dead_letters(home.database) == [letter]


@pytest.mark.parametrize("column", ["Queue", "OrderingKey"])
def test_a_message_that_somebody_left_without_its_queue_is_not_replayed(
    home: Resources, client: Any, column: str
) -> None:
    ingest(home, broken(home))
    client.cursor().execute(f"UPDATE DeadLetter SET {column} = NULL")
    client.commit()
    [letter] = dead_letters(home.database)

    with pytest.raises(Conflict, match="cannot be replayed: it names no queue or key; discard it"):
        replay_dead_letter(home, letter["deadLetterId"], tenant=None)

    assert seen(home) == [("message", 1)]


def test_a_dead_letter_is_found_and_deleted_for_its_own_tenant_only(home: Resources) -> None:
    ingest(home, forbidden(home))
    (letter,) = dead_letters(home.database)
    ids = json.dumps([letter["messageId"]])

    with home.database.unit_of_work() as unit_of_work:
        found = {
            tenant: [
                len(unit_of_work.query("dead_letters_of_messages", message_ids=ids, tenant_id=tenant)),
                unit_of_work.execute("delete_dead_letter", dead_letter_id=letter["deadLetterId"], tenant_id=tenant),
            ]
            for tenant in (1, 0)
        }

    assert found == {1: [0, 0], 0: [1, 1]}


def test_a_dead_letter_of_no_tenant_is_deleted_for_all_tenants_only(home: Resources) -> None:
    ingest(home, broken(home))
    (letter,) = dead_letters(home.database)
    assert letter["tenantId"] is None

    with home.database.unit_of_work() as unit_of_work:
        deleted = [
            unit_of_work.execute("delete_dead_letter", dead_letter_id=letter["deadLetterId"], tenant_id=tenant)
            for tenant in (0, None)
        ]

    assert deleted == [0, 1]


@pytest.mark.parametrize(
    ("make", "known"), [(never_good, "it is not in the store, and no longer on its way"), (good_before, "more than")]
)
def test_a_file_whose_refusal_counts_for_another_message_is_still_named(
    home: Resources, monkeypatch: pytest.MonkeyPatch, make: Callable[[Resources], bytes], known: str
) -> None:
    message = make(home)
    path = next(home.settings.allowed_roots[0].iterdir())

    def complete_sources(*_: object) -> dict[str, str]:
        run_stages_of(home)
        ingest(home, message)
        return {}

    monkeypatch.setattr("hartonomous_service.ingest.complete_sources", complete_sources)

    found = ingest_paths(home, [path])

    assert [failed["sourceUri"] for failed in found["failed"]] == [path.as_uri()]
    assert known in found["failed"][0]["error"]
    assert found["sources"] == []


def test_one_that_was_discarded_and_comes_again_counts_from_one(home: Resources) -> None:
    ingest(home, good_before(home))
    discard_dead_letter(home, dead_letters(home.database)[0]["deadLetterId"])

    ingest(home, good_before(home))

    assert seen(home) == [("source", 1)]


@pytest.mark.parametrize("uri", ["http://user:pw@host/a.txt", "https://user:p/w@host/a.txt", "ftp://host/a?token=pw"])
def test_a_reason_quotes_no_password(home: Resources, uri: str) -> None:
    ingest(home, request(uri=uri))

    (letter,) = dead_letters(home.database)
    assert "pw" not in letter["reason"].replace("p/w", "pw")
    assert "only local files" in letter["reason"]


def test_an_error_message_of_a_source_quotes_no_password(home: Resources, client: Any) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"x", sourceUri="http://user:pw@host/a.txt")])
    run_stages_of(home, landing.STAGE)
    client.cursor().execute("UPDATE Source SET AttemptCount = 5")
    client.commit()

    run_stages_of(home)

    (source,), (letter,) = all_sources(home), dead_letters(home.database)
    assert source["errorMessage"] == letter["reason"]
    assert "given up" in letter["reason"] and "pw" not in letter["reason"]
