"""Words as the full-text index has them: what is put into FTS5, and what a question looks up there."""

import sqlite3
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hartonomous_core.words import _RUN, indexed_text, question_terms, term_text
from hartonomous_resources.project_files import project_file


def index() -> sqlite3.Connection:
    """An empty index, with the tokenizer of the product."""
    connection = sqlite3.connect(":memory:")
    migration = (project_file("sql") / "sqlite" / "migrations" / "0003_full_text.sql").read_text("utf-8")
    connection.execute(migration[migration.index("CREATE VIRTUAL TABLE") :].partition(";")[0])
    return connection


def add(connection: sqlite3.Connection, number: int, text: str) -> None:
    connection.execute("INSERT INTO AtomText (rowid, Words) VALUES (?, ?)", (number, indexed_text(text)))


def found(connection: sqlite3.Connection, term: str) -> list[int]:
    words, goes_on = term_text(term)
    quoted = '"' + words.replace('"', '""') + '"' + "*" * goes_on
    return [row[0] for row in connection.execute("SELECT rowid FROM AtomText WHERE AtomText MATCH ?", (quoted,))]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Plain text, two words.",
        "naïve café — “quotes” … no",
        "Привет мир",
        "हिन्दी में",
        "line\nbreaks\tand \x00 nulls",
    ],
)
def test_most_texts_are_indexed_as_they_are(text: str) -> None:
    assert indexed_text(text) in (text, unicodedata.normalize("NFKC", text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soft\u00adware", "software"),
        ("\ufeffStart", "Start"),
        ("\x1b[1;31merr\x1b[0mor", "error"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("one\x1b[2Ktwo", "one two"),
        ("ｆｕｌｌ ﬁre", "full fire"),
        ("日本語", "日本 本語 語"),
        ("山", "山"),
        ("iPhone用ケース", "iPhone 用ケ ケー ース ス"),
        ("학교에서 공부", "학교 교에 에서 서 공부 부"),
        ("ﾃｽﾄ", "テス スト ト"),
    ],
)
def test_the_words_of_an_indexed_text(text: str, words: str) -> None:
    assert indexed_text(text).split() == words.split()


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("what makes the sea rise?", ["what", "makes", "the", "sea", "rise"]),
        ("Sea sea SEA", ["Sea", "Sea", "Sea"]),
        ('the "rising  sea" and “two words” or „drei“', ["the", "rising sea", "and", "two words", "or", "drei"]),
        ('an "unfinished phrase', ["an", "unfinished", "phrase"]),
        ('- _ ... "" "," !', []),
        ("C++ can't foo_bar हिन्दी?", ["C", "can't", "foo_bar", "हिन्दी"]),
        ("soft\u00adware \x1b[31mred\x1b[0m", ["software", "red"]),
        ("機械学習とは", ["機械", "械学", "学習", "習と", "とは"]),
        ('山 "機械学習" iPhone用', ["山", "機械学習", "iPhone", "用"]),
        ("\x00", []),
        ("a\x00b", ["a", "b"]),
    ],
)
def test_the_terms_of_a_question(question: str, terms: list[str]) -> None:
    assert question_terms(question) == terms


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("海面の上昇が続く。", "上昇"),
        ("海面の上昇が続く。", "海面の上昇が"),
        ("海面の上昇が続く。", "昇"),
        ("น้ำทะเลสูงขึ้นทุกปี", "ทะเล"),
        ("ນ້ຳທະເລສູງຂຶ້ນ", "ທະເລ"),
        ("ទឹកសមុទ្រឡើង", "សមុទ្រ"),
        ("해수면이 상승했다", "해수면"),
        ("해수면이 상승했다", "상승"),
        ("iPhone用ケース", "iphone用"),
        ("用ケースiPhone", "ケースiPhone"),
        ("the soft\u00adware rises", "software rises"),
        ("\x1b[31mer\x1b[1mror\x1b[0m: lost", "error lost"),
        ("Ｆｕｌｌ　width", "full width"),
        ("cafe\u0301 noir", "café"),
        ("हिन्दी में लिखा", "हिन्दी"),
        ("the ﬁre", "fire"),
    ],
)
def test_a_part_of_a_text_is_found(text: str, part: str) -> None:
    connection = index()
    add(connection, 1, text)
    add(connection, 2, "something else, その他, อื่นๆ, 그 밖에")
    assert found(connection, part) == [1]


@pytest.mark.parametrize("term", ["上面", "海昇", "Phone用", "昇上"])
def test_what_stands_nowhere_is_not_found(term: str) -> None:
    connection = index()
    add(connection, 1, "海面の上昇が続く。iPhone用ケース")
    assert found(connection, term) == []


def test_every_character_of_these_scripts_is_one_of_a_word_to_the_index() -> None:
    """SQLite has tables of its own, older than Python's: a character that it took for a space would cut a bigram in two."""
    unspaced = "".join(_RUN.findall("".join(map(chr, range(sys.maxunicode + 1)))))
    assigned = [character for character in unspaced if unicodedata.category(character)[0] in "LMN"]
    assert len(assigned) > 80_000
    connection = index()
    connection.execute("CREATE VIRTUAL TABLE temp.Found USING fts5vocab('main', 'AtomText', 'row')")
    connection.execute("INSERT INTO AtomText (rowid, Words) VALUES (1, ?)", (" ".join(assigned),))
    kept = {row[0] for row in connection.execute("SELECT term FROM Found")}
    missed = [character for character in assigned if character not in kept]
    assert [f"{ord(character):x}" for character in missed] == []


@given(
    st.lists(st.sampled_from(["日本語", "テスト", "한국어", "ภาษา", " ", "abc ", "、", "\u00ad"]), min_size=1).map(
        "".join
    ),
    st.data(),
)
def test_any_part_of_a_run_is_found(text: str, data: st.DataObject) -> None:
    runs = _RUN.findall(text.replace("\u00ad", ""))
    if not runs:
        return
    run = data.draw(st.sampled_from(runs))
    start = data.draw(st.integers(0, len(run) - 1))
    part = run[start : data.draw(st.integers(start + 1, len(run)))]
    connection = index()
    add(connection, 1, text)
    assert found(connection, part) == [1]


@given(st.text(), st.text())
def test_any_text_can_be_indexed_and_any_question_asked(text: str, question: str) -> None:
    connection = index()
    add(connection, 1, text)
    for term in question_terms(question):
        assert found(connection, term) in ([], [1])
    connection.execute("INSERT INTO AtomText (AtomText, rowid, Words) VALUES ('delete', 1, ?)", (indexed_text(text),))
    connection.execute("INSERT INTO AtomText (AtomText) VALUES ('integrity-check')")
