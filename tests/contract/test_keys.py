"""Keys of the HTTP server: only what was made, is not revoked and has not run out is somebody's; and what is stored opens nothing."""

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any

import pytest

from hartonomous_core.clock import timestamp
from hartonomous_resources.database.database_errors import DatabaseUnavailable, ReadOnlyDatabase
from hartonomous_resources.resources import Resources
from hartonomous_service import keys as service
from hartonomous_service.errors import Invalid, NotFound
from hartonomous_service.keys import (
    REMEMBERED_SECONDS,
    USE_SECONDS,
    Caller,
    create_key,
    find_caller,
    list_keys,
    note_use,
    recall_caller,
    revoke_key,
    use_is_due,
)
from tests.backends import Store, rows
from tests.builders import open_home


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Turns the clock of this module's calls forward, by seconds."""
    passed = [0.0]
    real_timestamp, real_monotonic = service.timestamp, service.time.monotonic

    class Time:
        @staticmethod
        def monotonic() -> float:
            return real_monotonic() + passed[0]

    monkeypatch.setattr(service, "timestamp", lambda seconds=0.0: real_timestamp(seconds + passed[0]))
    monkeypatch.setattr(service, "time", Time)

    def forward(seconds: float) -> None:
        passed[0] += seconds

    return forward


def test_a_key_is_its_tenants_with_its_scopes(home: Resources) -> None:
    made = create_key(home, tenant=7, scopes=["write", "read", "read"], name="the crawler")

    assert re.fullmatch(r"hk_[0-9a-f]{16}_[0-9a-f]{64}", made["key"])
    assert made["key"].split("_")[1] == made["keyId"]
    assert find_caller(home, made["key"]) == Caller(made["keyId"], 7, frozenset({"read", "write"}))
    assert made["scopes"] == ["read", "write"] and made["name"] == "the crawler" and made["status"] == "active"


def test_a_key_may_only_read_where_nothing_else_is_said(home: Resources) -> None:
    found = find_caller(home, create_key(home)["key"])
    assert found is not None and (found.tenant, found.scopes) == (0, {"read"})


def test_no_two_keys_are_alike_and_nothing_that_is_stored_is_one(home: Resources, client: Any) -> None:
    made = [create_key(home)["key"] for _ in range(50)]
    stored = rows(client, "SELECT * FROM ApiKey")

    assert len({key.split("_")[1] for key in made}) == len({key.split("_")[2] for key in made}) == 50
    assert {bytes(row["SecretHash"]) for row in stored} == {hashlib.sha256(key.encode()).digest() for key in made}
    held = {value for row in stored for value in row.values()}
    assert not any(secret in str(value) for value in held for secret in (key.split("_")[2] for key in made))


@pytest.mark.parametrize(
    "change",
    [
        lambda key: "",
        lambda key: key[:-1] + ("0" if key[-1] != "0" else "1"),
        lambda key: key.upper(),
        lambda key: f" {key}",
        lambda key: f"{key}\n",
        lambda key: key[:-1],
        lambda key: f"hk_{'0' * 16}_{key.split('_')[2]}",
        lambda key: key.split("_")[1],
        lambda key: "hk_%_" + "0" * 64,
        lambda key: "hk_' OR 1=1 --_" + "0" * 64,
        lambda key: "é" * 100_000,
    ],
)
def test_what_is_not_quite_a_key_is_nobodys(home: Resources, change: Callable[[str], str]) -> None:
    made = create_key(home)["key"]
    assert find_caller(home, change(made)) is None
    assert find_caller(home, made) is not None
    assert find_caller(home, change(made)) is None  # nor from what is remembered


def test_a_key_of_one_id_does_not_open_another(home: Resources) -> None:
    one, other = (create_key(home)["key"] for _ in range(2))
    mixed = "_".join(["hk", one.split("_")[1], other.split("_")[2]])
    assert find_caller(home, mixed) is None


def test_an_unknown_id_costs_the_work_of_a_known_one(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    made = create_key(home)["key"]
    compared: list[int] = []
    asked: list[str] = []
    real_compare, real_query = hmac.compare_digest, service.query

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(len(other))
        return real_compare(one, other)

    def ask_and_count(*given: Any, **parameters: Any) -> Any:
        asked.append(parameters["key_id"])
        return real_query(*given, **parameters)

    monkeypatch.setattr(service.hmac, "compare_digest", compare)
    monkeypatch.setattr(service, "query", ask_and_count)
    wrong = made[:-4] + "beef"
    for key in (f"hk_{'0' * 16}_{'0' * 64}", wrong):
        assert find_caller(home, key) is None

    assert compared == [32, 32] and len(asked) == 2


def test_a_revoked_key_is_nobodys_once_it_is_looked_up_again(home: Resources, clock: Callable[[float], None]) -> None:
    made = create_key(home)
    assert find_caller(home, made["key"]) is not None

    revoked = revoke_key(home, made["keyId"])
    clock(REMEMBERED_SECONDS)

    assert revoked["status"] == "revoked" and revoked["revokedAt"] >= made["createdAt"]
    assert REMEMBERED_SECONDS <= 5
    assert find_caller(home, made["key"]) is None


def test_a_key_that_is_revoked_again_stays_so_since_the_first_time(
    home: Resources, clock: Callable[[float], None]
) -> None:
    key_id = create_key(home)["keyId"]
    first = revoke_key(home, key_id)
    clock(60)

    assert revoke_key(home, key_id) == first


def test_a_key_that_is_not_there_is_not_revoked(home: Resources) -> None:
    made = create_key(home)
    with pytest.raises(NotFound, match="key 0000 is not found"):
        revoke_key(home, "0000")
    with pytest.raises(Invalid, match="key_id: give the id alone"):
        revoke_key(home, made["key"])
    assert find_caller(home, made["key"]) is not None


@pytest.mark.parametrize("remembered", [True, False])
def test_a_key_that_has_run_out_is_nobodys_at_once(
    home: Resources, clock: Callable[[float], None], remembered: bool
) -> None:
    made = create_key(home, expires=timestamp(2))
    assert not remembered or find_caller(home, made["key"]) is not None

    clock(2)

    assert find_caller(home, made["key"]) is None
    assert list_keys(home)["keys"][0]["status"] == "expired"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("2999-01-01", "2999-01-01T00:00:00.000Z"),
        ("2999-01-01T01:00+01:00", "2999-01-01T00:00:00.000Z"),
        (None, None),
    ],
)
def test_until_when_a_key_holds_is_kept(home: Resources, given: str | None, kept: str | None) -> None:
    assert create_key(home, expires=given)["expiresAt"] == kept
    assert list_keys(home)["keys"][0]["expiresAt"] == kept


def test_until_when_a_key_holds_may_be_said_in_days(home: Resources) -> None:
    made = create_key(home, expires="90d")
    assert timestamp(89.9 * 86_400) < made["expiresAt"] < timestamp(90.1 * 86_400)


def test_keys_are_listed_the_latest_first_and_by_tenant(home: Resources, clock: Callable[[float], None]) -> None:
    made = []
    for tenant in (0, 7, 0):
        made.append(create_key(home, tenant=tenant))
        clock(1)

    listed = list_keys(home, limit=2)
    assert [key["keyId"] for key in listed["keys"]] == [made[2]["keyId"], made[1]["keyId"]]
    assert (listed["total"], listed["truncated"]) == (3, True)
    assert [key["keyId"] for key in list_keys(home, skip=2)["keys"]] == [made[0]["keyId"]]
    assert [key["keyId"] for key in list_keys(home, tenant=7)["keys"]] == [made[1]["keyId"]]
    assert list_keys(home, tenant=8) == {"keys": [], "total": 0, "truncated": False}
    assert listed["keys"][0] == {name: value for name, value in made[2].items() if name != "key"}


def test_what_was_found_is_recalled_for_seconds_without_the_database(
    home: Resources, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = create_key(home)["key"]
    assert recall_caller(home, made) is None
    found = find_caller(home, made)

    def fail(*_: object, **__: object) -> Any:
        raise DatabaseUnavailable("it is down")

    monkeypatch.setattr(service, "query", fail)
    clock(REMEMBERED_SECONDS - 0.5)
    assert recall_caller(home, made) == find_caller(home, made) == found
    clock(0.5)
    assert recall_caller(home, made) is None
    with pytest.raises(DatabaseUnavailable):
        find_caller(home, made)


def test_another_database_recalls_nothing(home: Resources, store: Store, tmp_path: Any) -> None:
    made = create_key(home)["key"]
    find_caller(home, made)
    other = open_home(tmp_path, store.open())

    assert recall_caller(home, made) is not None
    assert recall_caller(other, made) is None
    other.database.close()


def test_the_last_use_is_noted_once_a_minute(home: Resources, clock: Callable[[float], None]) -> None:
    key_id = create_key(home)["keyId"]

    def last_used() -> str | None:
        used: str | None = list_keys(home)["keys"][0]["lastUsedAt"]
        return used

    assert last_used() is None
    assert use_is_due(home, key_id) and not use_is_due(home, key_id)
    note_use(home, key_id)
    first = last_used()
    clock(USE_SECONDS / 2)
    assert not use_is_due(home, key_id)
    note_use(home, key_id)  # another process, that does not know of the first one
    assert last_used() == first and first is not None
    clock(USE_SECONDS / 2 + 1)
    assert use_is_due(home, key_id)
    note_use(home, key_id)
    assert (last_used() or "") > first


def test_a_use_that_cannot_be_noted_fails_nothing(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    made = create_key(home)

    def refuse(*_: object) -> Any:
        raise ReadOnlyDatabase("it can only be read here")

    monkeypatch.setattr(service, "transact", refuse)
    note_use(home, made["keyId"])

    assert find_caller(home, made["key"]) is not None
    assert list_keys(home)["keys"][0]["lastUsedAt"] is None


def test_a_use_that_is_broken_off_by_a_fault_of_ours_is_not_passed_over(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(service, "transact", fail)
    with pytest.raises(ZeroDivisionError):
        note_use(home, "0" * 16)


def test_a_database_that_answers_late_keeps_no_revoked_key_alive(
    home: Resources, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    key, ask = create_key(home)["key"], service.query

    def ask_late(*given: Any, **named: Any) -> Any:
        found = ask(*given, **named)
        clock(REMEMBERED_SECONDS - 1)
        return found

    monkeypatch.setattr(service, "query", ask_late)
    assert find_caller(home, key) is not None
    assert recall_caller(home, key) is not None
    clock(1)
    assert recall_caller(home, key) is None, "it may have been revoked right after it was read"
