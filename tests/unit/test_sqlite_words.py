"""The index of words in SQLite: which words lead, what frequent ones add, and that it follows whatever is written by whom."""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_core.words import indexed_text, question_terms
from hartonomous_resources.database import sqlite_words
from hartonomous_resources.database.sqlite import SqliteDatabase
from tests.builders import write


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteDatabase(tmp_path / "hartonomous.db")
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def client(database: SqliteDatabase) -> Iterator[sqlite3.Connection]:
    """A client that knows nothing of words; each of its statements commits."""
    connection = sqlite3.connect(database.path, isolation_level=None)
    yield connection
    connection.close()


def insert(client: sqlite3.Connection, *texts: str | bytes, verb: str = "INSERT") -> None:
    for text in texts:
        digest = hashlib.sha256(text if isinstance(text, bytes) else text.encode()).digest()
        client.execute(
            f"{verb} INTO Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (0, 'text', ?, CAST(? AS TEXT))",
            (digest, text),
        )


def found(database: SqliteDatabase, question: str, n: int = 10) -> list[str]:
    with database.read() as unit_of_work:
        ids = [atom_id for atom_id, _ in unit_of_work.match_words(0, question_terms(question), n)]
        texts = dict(unit_of_work.connection.execute("SELECT AtomId, CanonicalText FROM Atom").fetchall())
    return [texts[atom_id] for atom_id in ids]


def entries(connection: Any) -> list[tuple[str, int, int]]:
    """Each word of the index with the row and the place where it stands."""
    connection.execute("CREATE VIRTUAL TABLE temp.Found USING fts5vocab('main', 'AtomText', 'instance')")
    rows = connection.execute("SELECT term, doc, offset FROM temp.Found ORDER BY 1, 2, 3").fetchall()
    connection.execute("DROP TABLE temp.Found")
    return [tuple(row) for row in rows]


def is_as_new(database: SqliteDatabase) -> bool:
    """Whether the index holds what one made anew of all texts would, with nothing waiting."""
    texts = database.connection().execute("SELECT AtomId, CanonicalText FROM Atom").fetchall()
    other = sqlite3.connect(":memory:")
    for (sql,) in database.connection().execute("SELECT sql FROM sqlite_schema WHERE name = 'AtomText'").fetchall():
        other.execute(sql)
    for atom_id, text in texts:
        if text is not None:
            other.execute("INSERT INTO AtomText (rowid, Words) VALUES (?, ?)", (atom_id, indexed_text(text)))
    database.connection().execute("INSERT INTO AtomText (AtomText) VALUES ('integrity-check')")
    waiting = database.connection().execute("SELECT COUNT(*) FROM TextToIndex").fetchone()[0]
    sizes = [
        [tuple(row) for row in each.execute("SELECT id, sz FROM AtomText_docsize ORDER BY id")]
        for each in (other, database.connection())
    ]
    return not waiting and entries(database.connection()) == entries(other) and sizes[0] == sizes[1]


def limit(monkeypatch: pytest.MonkeyPatch, leading: int, counted: int) -> None:
    monkeypatch.setattr(sqlite_words, "LEADING_ROWS", leading)
    monkeypatch.setattr(sqlite_words, "COUNTED_ROWS", counted)


# ---- what is indexed


def test_the_index_follows_what_other_clients_write(database: SqliteDatabase, client: sqlite3.Connection) -> None:
    insert(client, "one fish", "two fish", "赤い魚", "soft\u00adware", "")
    database.index_texts()
    assert is_as_new(database)
    client.execute("UPDATE Atom SET CanonicalText = '青い魚' WHERE CanonicalText = '赤い魚'")
    client.execute("UPDATE Atom SET CanonicalText = NULL WHERE CanonicalText = 'one fish'")
    client.execute("DELETE FROM BackgroundJob")
    client.execute("DELETE FROM Atom WHERE CanonicalText = 'soft\u00adware'")
    client.execute("UPDATE Atom SET AtomId = 77 WHERE CanonicalText = 'two fish'")
    client.execute("UPDATE Atom SET CanonicalText = 'one bird' WHERE CanonicalText IS NULL")
    assert client.execute("SELECT COUNT(*) FROM TextToIndex").fetchone() == (5,)

    database.index_texts()

    assert is_as_new(database)
    assert found(database, "魚 bird") == ["one bird", "青い魚"]


def test_what_the_program_writes_is_indexed_beside_what_waits_of_others(
    database: SqliteDatabase, client: sqlite3.Connection
) -> None:
    """Also above an id that is higher than those of the new atoms, and texts that are not indexed as they stand."""
    insert(client, "by hand")
    client.execute(
        "INSERT INTO Atom (AtomId, TenantId, Modality, ContentHash, CanonicalText) VALUES (?, 0, 'text', ?, 'far above')",
        (2**53 - 1, hashlib.sha256(b"far above").digest()),
    )
    client.execute("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'Atom'")

    write(database, "written", "\u6f6e\u6c50", "\x1b[31mred\x1b[0m", "gr\u00fcn")

    assert is_as_new(database)
    jobs = database.connection().execute("SELECT AtomId FROM StoredJob ORDER BY AtomId").fetchall()
    assert [tuple(job) for job in jobs] == [(1,), (2,), (3,), (4,), (5,), (2**53 - 1,)]


def test_what_came_and_went_between_two_looks_was_never_indexed(
    database: SqliteDatabase, client: sqlite3.Connection
) -> None:
    insert(client, "here")
    database.index_texts()
    insert(client, "gone again")
    client.execute("DELETE FROM BackgroundJob")
    client.execute("DELETE FROM Atom WHERE CanonicalText = 'gone again'")
    client.execute("DELETE FROM Atom WHERE CanonicalText = 'here'")
    client.execute(
        "INSERT INTO Atom (AtomId, TenantId, Modality, ContentHash, CanonicalText) VALUES (1, 0, 'text', ?, 'another')",
        (bytes(32),),
    )

    database.index_texts()

    assert is_as_new(database)
    assert found(database, "another") == ["another"]


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE"])
def test_a_row_that_an_insert_replaces_or_meets_is_indexed_once(
    database: SqliteDatabase, client: sqlite3.Connection, verb: str
) -> None:
    insert(client, "the same", "another")
    database.index_texts()

    insert(client, "the same", verb=verb)
    insert(client, "the same", verb=verb)

    database.index_texts()
    assert is_as_new(database)


def test_any_transaction_of_the_program_indexes_what_waits(
    database: SqliteDatabase, client: sqlite3.Connection
) -> None:
    insert(client, "one fish")
    with database.unit_of_work():
        pass
    assert is_as_new(database)


def test_a_transaction_that_fails_leaves_what_waits(database: SqliteDatabase, client: sqlite3.Connection) -> None:
    insert(client, "one fish")
    with pytest.raises(ZeroDivisionError), database.unit_of_work():
        raise ZeroDivisionError
    assert not is_as_new(database)
    database.index_texts()
    assert is_as_new(database)


def test_very_much_is_indexed_in_several_transactions_and_all_of_it_before_a_search(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_words, "_INDEXED_AT_ONCE", 3)
    insert(client, *(f"fish {number}" for number in range(10)))
    left = []
    for _ in range(2):
        with database.unit_of_work():
            pass
        left.append(client.execute("SELECT COUNT(*) FROM TextToIndex").fetchone()[0])
    assert left == [7, 4]

    database.index_texts()

    assert is_as_new(database)


def test_a_text_that_is_no_utf8_is_indexed_as_it_can_be_read(
    database: SqliteDatabase, client: sqlite3.Connection
) -> None:
    insert(client, b"caf\xe9 au lait", b"nul \x00 here")
    database.index_texts()
    assert is_as_new(database)
    assert len(found(database, "lait")) == len(found(database, "here")) == 1

    client.execute("UPDATE Atom SET CanonicalText = 'gone'")
    database.index_texts()
    assert is_as_new(database)


def test_a_store_that_can_only_be_read_is_searched_as_far_as_it_is_indexed(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert(client, "one fish")
    database.index_texts()
    insert(client, "two fish")
    database.close()
    monkeypatch.setattr("hartonomous_resources.database.sqlite_connection.can_only_be_read", lambda _: True)
    reader = SqliteDatabase(database.path)
    reader.index_texts()
    assert found(reader, "fish") == ["one fish"]
    reader.close()


# ---- which words lead


def test_a_small_store_is_ranked_by_every_word(database: SqliteDatabase, client: sqlite3.Connection) -> None:
    insert(client, *(f"the fish {number}" for number in range(20)), "the bird")
    database.index_texts()
    assert found(database, "the bird", n=50)[0] == "the bird"
    assert len(found(database, "the bird", n=50)) == 21


def test_a_word_counts_as_often_as_the_question_holds_it(database: SqliteDatabase, client: sqlite3.Connection) -> None:
    insert(client, "one bird", "one fish", *(f"two {number}" for number in range(9)))
    database.index_texts()
    assert found(database, "fish bird bird")[0] == "one bird"
    assert found(database, "Fish bird fish")[0] == "one fish"


def test_rare_words_lead_and_others_only_add(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, leading=4, counted=1000)
    insert(client, *(f"common {number}" for number in range(30)), *(f"other {number}" for number in range(70)))
    insert(client, "rare alone", "rare common", "rare rather")
    database.index_texts()
    assert found(database, "rare common", n=3) == ["rare common", "rare alone", "rare rather"]
    assert len(found(database, "rare common", n=100)) == 33


def test_words_lead_one_by_one_until_there_are_as_many_as_asked_for(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, leading=2, counted=1000)
    insert(
        client, "one rare", *(f"some {number}" for number in range(5)), *(f"common {number}" for number in range(30))
    )
    database.index_texts()
    sizes = [len(found(database, "rare some common", n)) for n in (1, 5, 6, 7, 36, 99)]
    assert sizes == [1, 5, 6, 7, 36, 36]
    assert {text.split()[0] for text in found(database, "rare some common", 6)} == {"one", "some"}


def test_a_word_that_is_nearly_everywhere_adds_nothing(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, leading=4, counted=10)
    insert(client, *(f"the {number}" for number in range(30)), "rare fish", "the rare but longer fish")
    database.index_texts()
    assert found(database, "the rare", n=100) == ["rare fish", "the rare but longer fish"]


def test_frequent_words_alone_find_them_side_by_side_first_and_the_newest_first(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, leading=4, counted=25)
    insert(client, "to be or not", "to 1 be", *(f"be {number} to" for number in range(20)))
    insert(client, *(f"to {number}" for number in range(10)), *(f"be {number}" for number in range(10)))
    database.index_texts()
    assert found(database, "to be", n=3) == ["to be or not", "be 19 to", "be 18 to"]
    assert len(found(database, "to be", n=22)) == 22
    assert len(found(database, "to be", n=50)) == 32
    assert len(found(database, "to zyzzyva", n=50)) == 32


def test_words_that_stand_together_nearly_everywhere_are_not_looked_for_side_by_side(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, leading=4, counted=10)
    insert(client, "to be or not", *(f"be {number} to" for number in range(20)))
    database.index_texts()
    assert found(database, "to be", n=3) == ["be 19 to", "be 18 to", "be 17 to"]


def test_no_word_that_any_text_holds_finds_nothing(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, leading=1, counted=2)
    insert(client, "one fish", "two fish")
    database.index_texts()
    assert found(database, "zyzzyva _ 鳥") == []


def test_a_long_question_is_answered(database: SqliteDatabase, client: sqlite3.Connection) -> None:
    insert(client, "one fish", "two birds")
    database.index_texts()
    question = " ".join(f"word{number}" for number in range(5000))
    assert found(database, f"{question} fish") == ["one fish"]


def test_where_few_atoms_are_wanted_every_word_leads_to_them(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, leading=2, counted=1000)
    insert(client, *(f"common {number}" for number in range(30)), "rare one", "rare two")
    database.index_texts()
    with database.read() as unit_of_work:
        wanted = [atom_id for atom_id, _ in unit_of_work.match_words(0, ["rare", "common"], 9, {3, 5, 31, 1000})]
        newest = unit_of_work.match_words(0, ["common"], 9, {3, 5, 31, 1000})
    assert wanted == [31, 3, 5]
    assert [atom_id for atom_id, _ in newest] in ([3, 5], [5, 3])


def test_frequent_words_are_counted_once_for_a_while(
    database: SqliteDatabase, client: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(monkeypatch, leading=2, counted=10)
    insert(client, *(f"the fish {number}" for number in range(20)), "one bird")
    database.index_texts()
    asked: list[str] = []
    database.connection()  # opened before the trace
    with database.read() as unit_of_work:
        unit_of_work.connection.set_trace_callback(asked.append)
        for _ in range(2):
            unit_of_work.match_words(0, ["the", "fish", "bird"], 5)
        unit_of_work.connection.set_trace_callback(None)
    counts = [text for text in asked if "LIMIT" in text and "COUNT(*)" in text]
    assert [sum(f'"{word}"' in text for text in counts) for word in ("the", "fish", "bird")] == [1, 1, 2]
