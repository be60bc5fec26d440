"""Keys as whoever runs the server makes, lists and revokes them."""

from contextlib import closing
from pathlib import Path

import pytest

from hartonomous_resources.resources import open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.keys import Caller, find_caller
from tests.cli import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", tmp_path / "models")


def caller(home: Home, key: str) -> Caller | None:
    with closing(open_resources(Settings(home=home.path))) as resources:
        return find_caller(resources, key)


def test_a_key_is_printed_once_listed_without_it_and_revoked(home: Home) -> None:
    scopes = ("--scope", "write", "--scope", "admin")
    made = home.json("keys", "create", "--tenant", "3", *scopes, "--expires", "90d", "--name", "the crawler")
    key, key_id = made.pop("key"), made["keyId"]
    assert caller(home, key) == Caller(key_id, 3, frozenset({"read", "write", "admin"}))

    listed = home.run("keys", "list")
    assert home.json("keys", "list") == {"keys": [made], "total": 1, "truncated": False}
    assert home.json("keys", "list", "--tenant", "4")["keys"] == []
    assert f"{key_id}\t3\twrite admin\tactive\tthe crawler\t" in listed.stdout.decode()
    assert key.split("_")[2] not in listed.stdout.decode()

    assert home.json("keys", "revoke", key_id)["status"] == "revoked"
    assert caller(home, key) is None
    assert key.split("_")[2].encode() not in b"".join(path.read_bytes() for path in home.path.glob("*.db*"))


def test_people_are_told_that_a_key_is_shown_this_once(home: Home) -> None:
    made = home.run("keys", "create")
    assert made.code == 0 and made.stdout.decode().split()[1].startswith("hk_")
    assert "it is not shown again" in made.stderr
    assert "scopes      read\n" in made.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["revoke", "0011223344556677"], 1, "key 0011223344556677 is not found; `hartonomous keys list` shows"),
        (["revoke", "hk_0011223344556677_00"], 2, "key_id: give the id alone"),
        (["create", "--expires", "2020-01-01"], 2, "--expires: '2020-01-01' is over"),
        (["create", "--expires", "soon"], 2, "--expires: 'soon' is no date or time"),
        (["create", "--name", "x" * 101], 2, "name: "),
        (["create", "--scope", "root"], 2, "--scope: it should be 'read', 'write' or 'admin'"),
        (["create", "--tenant", "-1"], 2, "--tenant"),
    ],
)
def test_what_is_wrong_is_said(home: Home, arguments: list[str], code: int, words: str) -> None:
    assert home.run("migrate").code == 0
    found = home.run("keys", *arguments)
    assert found.code == code
    assert words in " ".join(found.stderr.replace("│", " ").split())
