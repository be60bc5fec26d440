"""Which sentence of a text a search marks."""

import io
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import pytest

from hartonomous_core.atomizers.text import TextAtomizer
from hartonomous_core.embedders.protocol import TokenEmbeddings
from hartonomous_core.embedders.text_native import NativeTextEmbedder
from hartonomous_service.search import highlighting
from hartonomous_service.search.highlighting import Meaning, answering_sentences

Embed = Callable[[Sequence[str]], Sequence[TokenEmbeddings]]

HERE = Path(__file__).parent
QUESTIONS = [json.loads(line) for line in (HERE / "answering_sentences.jsonl").read_text(encoding="utf-8").splitlines()]
"""Written by hand, 40 of them by another than who wrote the code; `answers` are parts of the sentences that answer."""

LEAST_RIGHT = 0.84
"""42 of the 50: what fp32 comes to, too."""

X, Y = np.eye(2, dtype=np.float32)


def marked(question: str, *texts: str, embed: Embed | None = None) -> list[str | None]:
    spans = answering_sentences(question, texts, Meaning(embed([question])[0], embed) if embed else None)
    return [text[slice(*span)] if span else None for text, span in zip(texts, spans, strict=True)]


def near(part: str, asked: list[str] | None = None, *, near_word: str | None = None) -> Embed:
    """Of several texts those that hold `part` are near the question, others far from it; `asked` gets what is embedded beside the question.

    Where a `near_word` is given, each word is a token, and this is the only one near the question, which has one too.
    """

    def embed(texts: Sequence[str]) -> list[TokenEmbeddings]:
        is_question = len(texts) == 1
        if asked is not None and not is_question:
            asked.extend(texts)
        return [made(text, is_question or part in text, is_question) for text in texts]

    def made(text: str, is_near: bool, is_question: bool) -> TokenEmbeddings:
        words = list(re.finditer(r"\w+", text)) if near_word else []
        tokens = np.array([X if is_question or word.group() == near_word else Y for word in words], np.float32)
        offsets = np.array([word.span() for word in words], np.int64)
        return TokenEmbeddings(X if is_near else Y, tokens.reshape(-1, 2), offsets.reshape(-1, 2))

    return embed


def test_a_rare_word_that_one_sentence_holds_decides_and_nothing_is_embedded() -> None:
    asked: list[str] = []
    text = "The sea is deep. Tides follow the Moon. The shore is long."

    assert marked("the tides", text, embed=near("shore", asked)) == ["Tides follow the Moon."]
    assert asked == []


@pytest.mark.parametrize("word", ["erupts", "eruption", "ERUPTED"])
def test_forms_of_a_word_count_as_the_word(word: str) -> None:
    assert marked(word, "It is high. Ash fell when it erupted. It sleeps now.") == ["Ash fell when it erupted."]


def test_meaning_decides_where_words_do_not() -> None:
    text = "The sea is deep. The water follows the Moon. The shore is long."

    assert marked("tides", text, embed=near("Moon")) == ["The water follows the Moon."]


def test_a_token_that_comes_near_the_question_counts_more_than_the_sentence_does() -> None:
    text = "The sea is deep. The water follows the Moon. The shore is long."

    assert marked("tides", text, embed=near("sea", near_word="Moon")) == ["The water follows the Moon."]


def test_tokens_are_compared_in_the_context_of_their_text_as_far_as_time_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(highlighting, "EMBEDDED_BYTES", 80)
    asked: list[str] = []
    texts = ["One is here. Two is there.", "Three is far. Four."]

    marked("tide", *texts, embed=near("there", asked, near_word="Two"))
    assert asked == [texts[0], "One is here.", "Two is there.", "Three is far.", "Four."]


def test_a_part_of_a_sentence_without_spaces_is_found() -> None:
    assert marked("潮汐", "海很深。潮汐跟随月亮。海岸很长。") == ["潮汐跟随月亮。"]


def test_a_single_character_without_spaces_around_it_is_found() -> None:
    assert marked("猫", "海很深。猫喜欢睡觉。海岸很长。") == ["猫喜欢睡觉。"]


def test_accents_count_for_as_little_as_in_the_index() -> None:
    text = "The hotel was closed. We ate at the crêperie. The strike went on for a long time."

    assert marked("creperie", text) == ["We ate at the crêperie."]
    assert marked("CRE\u0302PERIE", text) == ["We ate at the crêperie."]


def test_a_heading_is_no_answer_by_itself() -> None:
    assert marked("tide", "The tide\n\nA tide follows the Moon.", embed=near("tide")) == ["A tide follows the Moon."]


def test_texts_of_one_sentence_or_none_need_nothing() -> None:
    asked: list[str] = []

    assert marked("tide", "No word of it.", " \n ", "", embed=near("x", asked)) == ["No word of it.", None, None]
    assert asked == []


def test_no_more_is_embedded_than_time_allows_and_better_hits_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlighting, "EMBEDDED_BYTES", 40)
    asked: list[str] = []
    texts = ["One is here. Two is there.", "Three is far from here. Four.", "Six. Seven."]

    assert marked("tide", *texts, embed=near("there", asked))[0] == "Two is there."
    assert asked == ["One is here.", "Two is there.", "Six.", "Seven."]


@pytest.mark.parametrize("before", [3_000, 80_000])
def test_of_a_long_text_the_part_that_has_the_words_is_looked_at(before: int) -> None:
    text = "Of the sea. " * before + "At the end the tide comes in with the moon. " + "A word. " * 10_000

    assert marked("the tide of the moon", text) == ["At the end the tide comes in with the moon."]


def test_of_a_very_long_text_the_beginning_is_looked_at() -> None:
    assert marked("tide", "A word. " * 200_000 + "The tide.") == ["A word."]


@pytest.mark.slow
def test_the_sentence_is_right_for_questions_that_people_ask(
    embedder: NativeTextEmbedder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The passages of all documents are ranked by meaning; counted is the first that holds an answer, if it is among the best ten."""
    passages = {name: passages_of(text_of(name)) for name in sorted({each["document"] for each in QUESTIONS})}
    everything = [passage for of_one in passages.values() for passage in of_one]
    vectors = embedder.embed(everything).vectors
    wrong = []
    for each in QUESTIONS:
        question = embedder.embed([each["question"]]).vectors[0]
        order = np.argsort(-(vectors @ question), kind="stable")[:10]
        hits = [everything[place] for place in order]
        marks = marked(each["question"], *hits, embed=embedder.embed_tokens)
        with_answer = [mark for hit, mark in zip(hits, marks, strict=True) if holds(hit, each)]
        if not with_answer or not holds(with_answer[0] or "", each):
            wrong.append((each["question"], with_answer[:1]))
    right = len(QUESTIONS) - len(wrong)
    with capsys.disabled():
        sys.stdout.write(f"\nthe sentence that answers is right for {right} of {len(QUESTIONS)} questions\n")
    assert len(QUESTIONS) == 50
    assert right >= LEAST_RIGHT * len(QUESTIONS), wrong


def holds(text: str, question: dict[str, Any]) -> bool:
    """Whether a text holds a sentence that answers, wherever its lines end."""
    return any(answer in " ".join(text.split()) for answer in question["answers"])


def passages_of(text: str) -> list[str]:
    """The texts of a document, as they are embedded."""
    return [atom.text for atom in TextAtomizer().atomize(io.BytesIO(text.encode())) if atom.text]


def text_of(document: str) -> str:
    """A text of the demo's corpus, of Python's documentation, or of UD English EWT."""
    kind, _, name = document.partition(":")
    if kind == "demo":
        return (files("hartonomous_service") / "demo_corpus" / name).read_text(encoding="utf-8")
    if kind == "python":
        return topics[name]
    folder = Path(os.environ.get("HARTONOMOUS_TEST_DATA", HERE.parents[2] / "shared" / "data"))
    if not (folder / "ewt_dev.jsonl").is_file():
        pytest.skip(f"NOT TESTED: {folder / 'ewt_dev.jsonl'} is missing; set HARTONOMOUS_TEST_DATA to its folder")
    lines = (folder / "ewt_dev.jsonl").read_text(encoding="utf-8").splitlines()
    return next(read["text"] for read in map(json.loads, lines) if read["id"] == name)
