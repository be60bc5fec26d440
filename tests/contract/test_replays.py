"""A request with a key is done once, whoever repeats it and whenever: one works on it, its answer is kept for a day, per tenant."""

import hashlib
import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hartonomous_assets import housekeeping
from hartonomous_core.clock import timestamp
from hartonomous_core.limits import KEPT_ANSWER_SECONDS
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.resources import Resources
from hartonomous_service import replays
from hartonomous_service.errors import Conflict, Invalid
from hartonomous_service.replays import Answer, Claim, InProgress, claim_key, fingerprint_of
from hartonomous_service.submitting import Submission, build_request
from hartonomous_service.uploads import continue_upload, land, submit_upload
from tests.backends import Store, rows
from tests.builders import open_home
from tests.processes import in_processes
from tests.stages import all_sources

ANSWER = Answer("created", {"sourceId": 5, "sourceUri": "Zürich"})
ASKED = fingerprint_of({"uri": "a:1"})


def answer(home: Resources, claim: Claim) -> None:
    transact(home.database, lambda unit_of_work: claim.answer(unit_of_work, ASKED, ANSWER))


def set_times(client: Any, column: str, seconds: float) -> None:
    client.cursor().execute(f"UPDATE HttpRequest SET {column} = ?", (timestamp(seconds),))
    client.commit()


def test_one_works_on_a_key_at_a_time_and_then_its_answer_is_kept(home: Resources) -> None:
    claim = claim_key(home, 0, "k")
    with pytest.raises(InProgress):
        claim_key(home, 0, "k")
    assert claim_key(home, 1, "k").first is None, "another tenant's key is another key"

    answer(home, claim)

    again = claim_key(home, 0, "k")
    assert again.replay(ASKED) == ANSWER
    with pytest.raises(Invalid, match="other bytes"):
        again.replay(fingerprint_of({"uri": "a:2"}))
    again.release()
    assert claim_key(home, 0, "k").replay(ASKED) == ANSWER


def test_what_failed_may_be_tried_again(home: Resources) -> None:
    claim_key(home, 0, "k").release()
    assert claim_key(home, 0, "k").first is None


def test_a_claim_of_one_who_was_killed_is_taken_over_and_he_cannot_answer_any_more(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = claim_key(home, 0, "k")
    set_times(client, "ClaimedUntil", -1)

    claim = claim_key(home, 0, "k")

    assert claim.first is None
    monkeypatch.setattr(replays, "_RENEW_SECONDS", 0)
    for late in (killed.renew, lambda: answer(home, killed)):
        with pytest.raises(Conflict, match="taken over"):
            late()
    killed.release()
    with pytest.raises(InProgress):
        claim_key(home, 0, "k")
    answer(home, claim)


def test_who_works_long_says_so(home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = claim_key(home, 0, "k")
    set_times(client, "ClaimedUntil", 5)
    claim.renew()  # not due yet
    assert rows(client, "SELECT ClaimedUntil AS until FROM HttpRequest")[0]["until"] < timestamp(10)
    monkeypatch.setattr(replays, "_RENEW_SECONDS", 0)
    claim.renew()
    assert rows(client, "SELECT ClaimedUntil AS until FROM HttpRequest")[0]["until"] > timestamp(60)


def test_who_takes_in_a_large_upload_says_so(home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = hashlib.sha256(b"abc").hexdigest()
    with continue_upload(home, sha256, 0, tenant=0) as upload:
        upload.write(b"abc")
    claim = claim_key(home, 0, "k")
    set_times(client, "ClaimedUntil", 5)
    monkeypatch.setattr(replays, "_RENEW_SECONDS", 0)

    assert submit_upload(home, sha256, tenant=0, claim=claim).outcome == "created"

    assert rows(client, "SELECT ClaimedUntil AS until FROM HttpRequest")[0]["until"] > timestamp(60)


def test_an_answer_is_kept_for_a_day(home: Resources, client: Any) -> None:
    for key in ("old", "busy"):
        answer(home, claim_key(home, 0, key))
    set_times(client, "CreatedAt", -KEPT_ANSWER_SECONDS - 1)
    assert claim_key(home, 0, "busy").first is None
    answer(home, claim_key(home, 0, "young"))

    deleted = housekeeping.prune_http_requests(dg.build_op_context(), database=home.database)

    assert deleted == 1
    assert len(rows(client, "SELECT KeyHash AS k FROM HttpRequest")) == 2
    assert claim_key(home, 0, "young").replay(ASKED) == ANSWER


def test_a_source_and_its_answer_come_in_one_transaction(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = claim_key(home, 0, "k")

    def fail(*_: object) -> None:
        raise RuntimeError("the power went")

    with monkeypatch.context() as broken, Submission(home, 0) as submission, pytest.raises(RuntimeError):
        broken.setattr(Claim, "answer", fail)
        submission.write(b"abc")
        land(submission, build_request(0, "a:1"), home, claim)
    assert all_sources(home) == [] and list(home.blobs.list_keys()) == []

    with Submission(home, 0) as submission:
        submission.write(b"abc")
        given = land(submission, build_request(0, "a:1"), home, claim)
    assert given.outcome == "created" and claim_key(home, 0, "k").first is not None
    with Submission(home, 0) as submission:
        submission.write(b"abc")
        assert land(submission, build_request(0, "a:1"), home, None).outcome == "same"


def take_in(_index: int, store: Store, folder: Path) -> str:
    home = open_home(folder, store.open())
    try:
        claim = claim_key(home, 0, "k")
        with Submission(home, 0) as submission:
            submission.write(b"abc")
            return json.dumps(land(submission, build_request(0, "a:1"), home, claim).document)
    except InProgress:
        return "in progress"
    finally:
        home.close()


@pytest.mark.slow
def test_of_several_servers_one_does_it(store: Store, tmp_path: Path, home: Resources) -> None:
    told = set(in_processes(4, take_in, store, tmp_path)) - {"in progress"}

    assert len(told) == 1
    assert len(all_sources(home)) == 1
