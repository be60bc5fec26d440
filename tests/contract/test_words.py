"""Search by words, on every store: which texts are found, and whose."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from hartonomous_core.words import question_terms
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from tests.backends import rows
from tests.builders import request
from tests.stages import ingest, put_file

TEXTS = {
    "sea": "The level of the sea rises because water expands and ice melts.",
    "coast": "Ships stay near the coast when the wind rises.",
    "bees": "Bees dance to tell where the flowers are.",
    "soft": "The soft\u00adware of the lighthouse keeper was old.",
    "colour": "\x1b[1;31merror\x1b[0m: the lan\x1b[4mtern\x1b[24m went out\x1b[K by midnight",
    "japanese": "海面の上昇が続いている。",
    "chinese": "蜜蜂跳舞告诉同伴花在哪里。",
    "thai": "ระดับน้ำทะเลสูงขึ้นทุกปี",
    "lao": "ລະດັບນ້ຳທະເລສູງຂຶ້ນ",
    "khmer": "កម្រិតទឹកសមុទ្រកើនឡើង",
    "korean": "해수면이 해마다 상승했다.",
    "accents": "Das Café am Strand öffnet früh.",
}


def insert(client: Any, text: str, tenant: int = 0) -> bytes:
    """Insert an atom by hand, as any client may."""
    digest = hashlib.sha256(text.encode()).digest()
    client.cursor().execute(
        "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText) VALUES (?, 'text', 'test', ?, ?)",
        (tenant, digest, text),
    )
    client.commit()
    return digest


def found(home: Resources, question: str, **more: Any) -> list[str]:
    return [hit["text"] for hit in search(home, question, mode="lexical", **more)["results"]]


@pytest.fixture
def filled(home: Resources, client: Any) -> Resources:
    """A home with TEXTS, inserted by a client that knows nothing of words."""
    for text in TEXTS.values():
        insert(client, text)
    return home


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("why does the level of the sea rise so", "sea"),
        ("BEES", "bees"),
        ("cafe OFFNET", "accents"),
        ('"wind rises"', "coast"),
        ('where "tell where"', "bees"),
        ("software", "soft"),
        ("soft\u00adware", "soft"),
        ("lantern", "colour"),
        ("error", "colour"),
        ("midnight", "colour"),
        ("上昇", "japanese"),
        ("海面の上昇", "japanese"),
        ("昇", "japanese"),
        ("蜜蜂", "chinese"),
        ('"跳舞告诉"', "chinese"),
        ("ทะเล", "thai"),
        ("ທະເລ", "lao"),
        ("សមុទ្រ", "khmer"),
        ("해수면", "korean"),
        ("상승", "korean"),
    ],
)
def test_a_text_is_found_by_its_words(filled: Resources, question: str, first: str) -> None:
    assert found(filled, question)[:1] == [TEXTS[first]]


@pytest.mark.parametrize("question", ['"rises wind"', '"sea coast"', "soft", '"昇上"', "zyzzyva"])
def test_what_no_text_holds_finds_nothing(filled: Resources, question: str) -> None:
    assert found(filled, question) == []


def test_a_text_with_more_of_the_words_comes_first(filled: Resources) -> None:
    hits = found(filled, "wind rises coast")
    assert hits == [TEXTS["coast"], TEXTS["sea"]]


def test_frequent_words_alone_find_something(filled: Resources) -> None:
    assert TEXTS["bees"] in found(filled, "where are the")


def test_the_answer_says_how_it_ranks(filled: Resources) -> None:
    assert search(filled, "sea", mode="lexical")["lexicalRanking"] in ("bm25", "fulltext", "matches")


def test_only_wanted_atoms_are_ranked_where_they_are_given(filled: Resources, client: Any) -> None:
    ids = {row["CanonicalText"]: row["AtomId"] for row in rows(client, "SELECT AtomId, CanonicalText FROM Atom")}
    wanted = {ids[TEXTS["coast"]], ids[TEXTS["bees"]]}
    filled.database.index_texts()
    with filled.database.read() as unit_of_work:
        matches = unit_of_work.match_words(0, ["rises", "sea"], 10, wanted)
        none = unit_of_work.match_words(0, ["rises"], 10, set())
    assert [atom_id for atom_id, _ in matches] == [ids[TEXTS["coast"]]]
    assert none == []


def test_tenants_find_their_own_texts(filled: Resources, client: Any) -> None:
    insert(client, "The sea of seven.", tenant=7)

    assert found(filled, "sea", tenant=7) == ["The sea of seven."]
    assert found(filled, "sea seven") == [TEXTS["sea"]]
    assert found(filled, "bees", tenant=7) == []


def test_a_small_tenant_among_many_rows_of_another_finds_its_text(home: Resources, client: Any) -> None:
    for number in range(60):
        insert(client, f"The harbour harbour harbour {number}.")
    insert(client, "Somewhere in a long text of another tenant stands the word harbour, once.", tenant=7)

    assert len(found(home, "harbour", tenant=7, k=1)) == 1


def test_a_text_that_was_changed_or_deleted_by_hand_is_found_no_more(filled: Resources, client: Any) -> None:
    assert found(filled, "bees") == [TEXTS["bees"]]
    changed = hashlib.sha256(TEXTS["bees"].encode()).digest()
    gone = hashlib.sha256(TEXTS["coast"].encode()).digest()
    cursor = client.cursor()
    cursor.execute("UPDATE Atom SET CanonicalText = 'Wasps dance alone.' WHERE ContentHash = ?", (changed,))
    cursor.execute("DELETE FROM BackgroundJob WHERE AtomId IN (SELECT AtomId FROM Atom WHERE ContentHash = ?)", (gone,))
    cursor.execute("DELETE FROM Atom WHERE ContentHash = ?", (gone,))
    client.commit()

    assert found(filled, "bees") == []
    assert found(filled, "wasps") == ["Wasps dance alone."]
    assert found(filled, "ships") == []


def test_changes_that_nobody_searched_between_leave_the_last_text(home: Resources, client: Any) -> None:
    digest = insert(client, "first draft")
    cursor = client.cursor()
    for text in ("second draft", None, "final version"):
        cursor.execute("UPDATE Atom SET CanonicalText = ? WHERE ContentHash = ?", (text, digest))
    client.commit()

    assert found(home, "draft") == []
    assert found(home, "final") == ["final version"]


def test_a_file_is_found_until_another_version_takes_its_place(make_home: Callable[..., Resources]) -> None:
    home = make_home()
    path = put_file(home, "a.txt", "Lanterns are lit.\n\n灯台に明かりがともる。".encode())
    ingest(home, request(uri=path.as_uri()))
    assert len(found(home, "lanterns")) == len(found(home, "灯台")) == 1

    put_file(home, "a.txt", b"The lamps are out.")
    ingest(home, request(uri=path.as_uri()))

    assert found(home, "lanterns") == found(home, "灯台") == []
    assert found(home, "lamps") == ["The lamps are out."]


def test_a_hit_beyond_many_superseded_ones_is_found(make_home: Callable[..., Resources]) -> None:
    home = make_home()
    for version in range(30):
        path = put_file(home, "a.txt", f"Lantern lantern {version}.".encode())
        ingest(home, request(uri=path.as_uri()))

    assert found(home, "lantern", k=1) == ["Lantern lantern 29."]


def test_a_store_that_is_asked_for_many_ranks_them_all(database: Database, client: Any) -> None:
    for number in range(50):
        insert(client, f"harbour {number}")
    database.index_texts()

    with database.read() as unit_of_work:
        assert len(unit_of_work.match_words(0, question_terms("harbour"), 100)) == 50
        assert len(unit_of_work.match_words(0, question_terms("harbour"), 7)) == 7
    assert len(rows(client, "SELECT AtomId FROM Atom")) == 50
