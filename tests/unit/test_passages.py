"""Passages: runs of whole sentences that an edit elsewhere does not move, and that are the same in whatever text they stand."""

import random
import re
from collections import Counter
from hashlib import sha256

import pytest

from hartonomous_core.atomizers.cutting import weight
from hartonomous_core.atomizers.sentences import sentence_spans
from hartonomous_core.atomizers.text import pieces
from hartonomous_core.atomizers.text_stream import Text

WORDS = re.findall(
    r"\w+",
    "tide harbour sailor rope wind north morning letter bread window river mountain quiet light colour winter story "
    "garden stone bridge paper silver market evening village doctor engine summer forest candle",
)


def passages_of(text: str) -> list[str]:
    found = list(pieces(Text(text), "passage"))
    assert "".join(content + separator for content, separator in found) == text
    return [content for content, _ in found if content]


def sentence(rng: random.Random, least: int = 5, most: int = 25) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(least, most))).capitalize() + "."


def paragraph(rng: random.Random, size: int) -> str:
    """Sentences of so many bytes together, or a few more."""
    found = sentence(rng)
    while len(found) < size:
        found += " " + sentence(rng)
    return found


def text_of(rng: random.Random, size: int) -> str:
    text = ""
    while len(text) < size:
        text += paragraph(rng, rng.choice([60, 200, 500, 900, 2500])) + "\n\n"
    return text


def test_passages_are_runs_of_whole_sentences_within_the_limits() -> None:
    text = text_of(random.Random(1), 100_000)
    starts = {text[start:stop] for start, stop in sentence_spans(text)}
    for passage in passages_of(text):
        assert weight(passage) <= 1200
        assert {passage[start:stop] for start, stop in sentence_spans(passage)} <= starts


def test_short_paragraphs_are_one_passage_once_they_have_400_bytes() -> None:
    rng = random.Random(2)
    first, second, third = paragraph(rng, 150), paragraph(rng, 150), paragraph(rng, 150)
    assert len(first + second) < 400 <= len(first + second + third) + 4
    rest = paragraph(rng, 100)
    assert passages_of("\n\n".join([first, second, third, rest])) == ["\n\n".join([first, second, third]), rest]


def test_a_paragraph_of_400_bytes_starts_its_own_passage_and_shorter_text_before_it_is_one() -> None:
    rng = random.Random(3)
    short, long = paragraph(rng, 100), paragraph(rng, 420)
    assert passages_of(f"{short}\n\n{long}")[0] == short


def test_a_section_of_400_bytes_starts_its_own_passage() -> None:
    rng = random.Random(4)
    before, one, two = paragraph(rng, 200), paragraph(rng, 180), paragraph(rng, 220)
    assert passages_of(f"{before}\n\n# Tides\n\n{one}\n\n{two}\n") == [before, f"# Tides\n\n{one}\n\n{two}"]


def test_short_sections_are_one_passage() -> None:
    rng = random.Random(5)
    one, two = paragraph(rng, 60), paragraph(rng, 60)
    text = f"# Tides\n{one}\n\n# Waves\n{two}"
    assert passages_of(text) == [text]


@pytest.mark.parametrize(
    "heading", ["# Tides\n\n", "## Tides\n", "Tides\n=====\n\n", "# Sea\n\n## Tides\n\n", "The tides of the sea\n\n"]
)
def test_a_heading_belongs_to_the_paragraph_below_it(heading: str) -> None:
    long = " ".join(["It rises."] * 50)
    assert passages_of(f"{heading}{long}")[0].startswith(f"{heading}It rises.")


def test_a_line_that_only_looks_like_a_heading_is_none_but_at_the_start_of_a_text() -> None:
    rng = random.Random(10)
    before, long = paragraph(rng, 500), paragraph(rng, 700)
    assert passages_of(f"{before}\n\nWith kind regards\n\n{long}") == [before, "With kind regards", long]


def test_a_paragraph_that_is_not_too_long_is_one_passage() -> None:
    text = paragraph(random.Random(6), 1000)
    assert 1000 <= len(text) <= 1200
    assert passages_of(f"{text}\n\n{text_of(random.Random(1), 3000)}")[0] == text


def test_a_paragraph_that_is_too_long_ends_its_passages_at_the_sentences_of_the_least_hash() -> None:
    text = paragraph(random.Random(6), 30_000)
    *whole, last, _rest = passages_of(text)
    assert len(last) >= 400
    at = 0
    for passage in whole:
        assert len(passage) >= 400
        ends = {}
        for start, stop in sentence_spans(text[at : at + 1500]):
            if 400 <= stop <= 1200:
                ends[sha256(text[at + start : at + stop].encode()).digest()] = stop
        assert ends[min(ends)] == len(passage)
        at += len(passage) + 1


def test_a_sentence_put_into_150_kb_changes_two_passages_at_the_most_on_average() -> None:
    rng = random.Random(7)
    text = text_of(rng, 150_000)
    before = Counter(passages_of(text))
    spans = sentence_spans(text)
    changed = []
    for _ in range(25):
        at = rng.choice(spans)[0]
        after = Counter(passages_of(f"{text[:at]}{sentence(rng)} {text[at:]}"))
        changed.append((after - before).total())
    assert sum(changed) / len(changed) <= 2


ROWS = {
    "log": lambda rng, n: f"2026-11-30 09:{n // 60 % 60:02}:{n % 60:02} INFO {sentence(rng, 3, 14)}",
    "csv": lambda rng, n: f"{n},{rng.choice(WORDS)},{rng.random():.4f},{rng.choice(WORDS)} {rng.choice(WORDS)}",
    "csv of two columns": lambda rng, n: f"{rng.choice(WORDS)},{rng.random():.4f}",
    "csv of sentences": lambda rng, n: f'{n},"{sentence(rng)}","{sentence(rng)}"',
    "json lines": lambda rng, n: f'{{"id": {n}, "text": "{sentence(rng)}"}}',
    "no known form": lambda rng, n: f"{' '.join(rng.choices(WORDS, k=rng.randint(5, 20)))}",
    "base64": lambda rng, n: "".join(
        rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=76)
    ),
    "rows that are nearly alike": lambda rng, n: f"{n},x,1",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ROWS)
def test_a_row_put_first_shares_all_else(kind: str) -> None:
    rng = random.Random(8)
    rows: list[str] = []
    while sum(map(len, rows)) < 100_000:
        rows.append(ROWS[kind](rng, len(rows)))
    text = "\n".join(rows)
    known = set(passages_of(text))
    after = passages_of(f"{ROWS[kind](rng, 10**6)}\n{text}")
    assert sum(len(passage) for passage in after if passage in known) >= 0.95 * len(text)


@pytest.mark.parametrize("size", [400, 700, 3000])
def test_a_block_that_stands_in_many_files_gives_the_same_passages_in_each(size: int) -> None:
    rng = random.Random(9)
    block = paragraph(rng, size)
    alone = passages_of(block)
    for _ in range(20):
        text = f"{text_of(rng, rng.choice([50, 3000]))}{block}\n\n{text_of(rng, 1000)}"
        found = passages_of(text)
        at = found.index(alone[0])
        assert found[at : at + len(alone) - 1] == alone[:-1]
        assert len(alone[-1]) < 400 or alone[-1] in found


def test_in_scripts_of_few_bytes_a_token_a_passage_ends_before_the_window_of_the_model() -> None:
    found = passages_of("".join(f"今天天气很好{chr(0x4E00 + n)}。" for n in range(1000)))
    assert all(len(passage) <= 240 for passage in found)
    assert all(len(passage.encode()) >= 400 for passage in found[:-1])


def test_a_separator_that_no_suffix_can_hold_ends_a_passage() -> None:
    assert passages_of("One." + "\n" * 70 + "Two.") == ["One.", "Two."]
