"""A search that is narrowed finds all that is there to find, however deep it ranks, and shows it only where it was looked for."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.searchable_atoms import AtomFilter, few_wanted_ids, searchable_ids
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import Invalid
from hartonomous_service.search import search
from tests.builders import write

Make = Callable[..., int]


@pytest.fixture
def make_source(database: Database, client: Any) -> Make:
    """Makes a current source of these texts, as it was received; returns its SourceId."""

    def make(
        *texts: str,
        uri: str = "file:///a.txt",
        tenant: int = 0,
        content_type: str = "text/plain",
        received: str = "2026-11-23T09:44:16.123Z",
        metadata: dict[str, Any] | None = None,
    ) -> int:
        source_id = write(database, *texts, tenant_id=tenant, uri=uri)
        client.cursor().execute(
            "UPDATE Source SET Status = 'Atomized', ContentType = ?, ReceivedAt = ?, Metadata = ? WHERE SourceId = ?",
            (content_type, received, json.dumps(metadata or {}), source_id),
        )
        client.commit()
        return source_id

    return make


@pytest.fixture
def found(home: Resources, make_source: Make) -> Callable[..., list[str]]:
    """The texts that a search for "tide" finds under a filter."""

    def ask(tenant: int = 0, **narrowed: Any) -> list[str]:
        hits = search(home, "tide", mode="lexical", tenant=tenant, **narrowed)["results"]
        return sorted(hit["text"] for hit in hits)

    return ask


@pytest.mark.parametrize(
    ("narrowed", "texts"),
    [
        ({}, ["tide one", "tide three", "tide two"]),
        ({"uri_prefix": "file:///docs/"}, ["tide one", "tide two"]),
        ({"uri_prefix": "file:///docs/a_b%.txt"}, ["tide one"]),
        ({"uri_prefix": "file:///DOCS/"}, []),
        ({"uri_prefix": "file:///docs/ "}, []),
        ({"content_type": "text/markdown"}, ["tide two"]),
        ({"content_type": "TEXT/*"}, ["tide one", "tide two"]),
        ({"content_type": "text/mark*"}, None),
        ({"content_type": "text/plain"}, ["tide one"]),
        ({"received_since": "2026-11-24"}, ["tide three", "tide two"]),
        ({"received_since": "2026-11-24T01:00:00.001+01:00"}, ["tide three"]),
        ({"received_until": "2026-11-24T00:00Z"}, ["tide one"]),
        ({"received_since": "2026-11-24", "received_until": "2026-11-25"}, ["tide two"]),
        ({"metadata": {"from": "desk"}}, ["tide one", "tide two"]),
        ({"metadata": {"from": "desk", "page": "3"}}, ["tide one"]),
        ({"metadata": {"checked": "true"}}, ["tide two"]),
        ({"metadata": {"from": "desk "}}, []),
        ({"metadata": {"From": "desk"}}, []),
        ({"metadata": {"parts": "[1]"}}, []),
        ({"metadata": {"none": "null"}}, []),
        ({"metadata": {'it\'s "ours" %_[]': "' OR 1=1 --"}}, ["tide three"]),
        ({"metadata": {"von": "Schreibtisch 海"}}, ["tide three"]),
        ({"modality": "text", "uri_prefix": "mail:"}, ["tide three"]),
        ({"modality": "image"}, []),
    ],
    ids=repr,
)
def test_sources_are_chosen_by_what_they_are(
    make_source: Make, found: Callable[..., list[str]], narrowed: dict[str, Any], texts: list[str] | None
) -> None:
    make_source("tide one", uri="file:///docs/a_b%.txt", metadata={"from": "desk", "page": 3, "parts": [1]})
    make_source(
        "tide two",
        uri="file:///docs/aXbY.txt",
        content_type="text/markdown; charset=utf-8",
        received="2026-11-24T00:00:00.000Z",
        metadata={"from": "desk", "page": 4, "checked": True, "none": None},
    )
    make_source(
        "tide three",
        uri="mail:42",
        content_type="message/rfc822",
        received="2026-11-25T00:00:00.000Z",
        metadata={'it\'s "ours" %_[]': "' OR 1=1 --", "von": "Schreibtisch 海"},
    )
    make_source("tide of another tenant", uri="file:///docs/a_b%.txt", tenant=7, metadata={"from": "desk"})

    if texts is None:
        with pytest.raises(Invalid, match="content_type: "):
            found(**narrowed)
    else:
        assert found(**narrowed) == sorted(texts)


def test_files_within_a_source_are_chosen_by_its_uri(
    database: Database, make_source: Make, found: Callable[..., list[str]]
) -> None:
    make_source("tide one", uri="file:///docs/a.zip")
    make_source("tide two", uri="member:file:///docs/a.zip!/b_%.zip")
    make_source("tide three", uri="member:file:///docs/a.zip!/b_%.zip!/c.txt")
    make_source("tide four", uri="member:file:///other/a.zip!/c.txt")
    make_source("tide of another tenant", uri="member:file:///docs/a.zip!/c.txt", tenant=7)

    for prefix, texts in {
        "file:///docs/a.zip": ["tide one", "tide three", "tide two"],
        "file:///docs/a.zip!": ["tide three", "tide two"],
        "member:file:///docs/a.zip!/b_%.zip": ["tide three", "tide two"],
        "file:///docs/a.zip ": [],
        "FILE:///docs/a.zip": [],
        "file:///other/": ["tide four"],
        "mem": ["tide four", "tide three", "tide two"],
    }.items():
        assert found(uri_prefix=prefix) == texts
        with database.read() as unit_of_work:
            wanted = few_wanted_ids(unit_of_work, 0, AtomFilter(uri_prefix=prefix))
            assert wanted is not None and len(wanted) == len(texts)


def test_a_source_is_chosen_by_its_id_and_only_by_its_tenant(
    make_source: Make, found: Callable[..., list[str]]
) -> None:
    one = make_source("tide one")
    make_source("tide two", uri="file:///b.txt")

    assert found(source_id=one) == ["tide one"]
    assert found(source_id=one, tenant=7) == []
    assert found(source_id=one, uri_prefix="file:///b") == []


def test_all_that_is_there_is_found_behind_any_number_of_better_hits(
    make_source: Make, found: Callable[..., list[str]]
) -> None:
    make_source(*(f"tide tide tide {number}" for number in range(400)))
    make_source("a long text in which at last there comes the tide", "and another one, of a spring tide", uri="mail:1")

    assert len(found(uri_prefix="mail:", k=2)) == 2
    assert len(found(metadata={"from": "nobody"})) == 0


def test_a_hit_is_shown_only_where_it_was_looked_for(home: Resources, make_source: Make) -> None:
    for number in range(25):
        make_source("the tide", uri=f"file:///other/{number}")
    wanted = make_source("the tide", "something else", "the tide", uri="mail:1")

    (hit,) = search(home, "tide", mode="lexical", uri_prefix="mail:")["results"]
    assert (hit["placeCount"], hit["sourceCount"]) == (2, 1)
    assert [place["sourceId"] for place in hit["sources"]] == [wanted, wanted]


def test_what_was_inserted_by_hand_is_of_no_source(
    home: Resources, client: Any, make_source: Make, found: Callable[..., list[str]]
) -> None:
    make_source("tide one")
    add_by_hand(client, "tide by hand")

    assert found() == ["tide by hand", "tide one"]
    assert found(modality="text") == ["tide by hand", "tide one"]
    assert found(uri_prefix="file:") == ["tide one"]


def test_superseded_versions_are_not_wanted(client: Any, make_source: Make, found: Callable[..., list[str]]) -> None:
    old = make_source("tide one")
    new = make_source("tide two", uri="file:///b.txt")
    client.cursor().execute("UPDATE Source SET SupersededBy = ? WHERE SourceId = ?", (new, old))
    client.commit()

    assert found(uri_prefix="file:") == ["tide two"]


def test_few_wanted_atoms_are_named_and_many_are_not(
    database: Database, make_source: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make_source("tide one", "tide two")
    make_source("tide three", uri="mail:1")
    monkeypatch.setattr("hartonomous_resources.database.searchable_atoms.FEW_ATOMS", 2)

    with database.read() as unit_of_work:

        def few(**narrowed: Any) -> int | None:
            wanted = few_wanted_ids(unit_of_work, 0, AtomFilter(**narrowed))
            assert wanted is None or wanted == searchable_ids(unit_of_work, range(1, 100), 0, AtomFilter(**narrowed))
            return None if wanted is None else len(wanted)

        assert few() is None
        assert few(modality="text") is None
        assert few(received_since="2026-11-23T00:00:00.000Z") is None
        assert few(source_id=one) == 2
        assert few(source_id=one, uri_prefix="mail:") == 0
        assert few(uri_prefix="mail:") == 1
        assert few(uri_prefix="mail:1") == 1
        assert few(uri_prefix="mail:1\U0010ffff") == 0
        assert few_wanted_ids(unit_of_work, 7, AtomFilter(source_id=one)) == set()


def add_by_hand(client: Any, text: str) -> None:
    client.cursor().execute(
        "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, CreatedAt) VALUES (0, 'text', 'test', ?, ?, ?, ?)",
        (hashlib.sha256(text.encode()).digest(), text, text.encode()[:64], "2026-11-23T09:44:16.123Z"),
    )
    client.commit()
