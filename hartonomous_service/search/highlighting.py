"""Says which sentence of a text answers a question: the one that alone holds its rare words, else the nearest one (docs/decisions/0040)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.atomizers.sentences import sentence_spans
from hartonomous_core.words import folded, indexed_text, question_terms, term_text

Span = tuple[int, int]
"""Where a sentence begins and ends in its text, in characters."""
Vectors = NDArray[np.float32]
Meaning = tuple[Vectors, Callable[[Sequence[str]], Vectors]]
"""The vector of the question, and what makes vectors of sentences, a row each, by the same model."""

EMBEDDED_BYTES = 1_400
"""Sentences that are embedded for one search, together: some 330 tokens of English, two or three passages, for which two cores take 25 ms."""

_LOOKED_AT = 16_384
"""Characters of a text in which sentences are looked for: a passage is far shorter, an atom inserted by hand may be longer."""
_LOOKED_THROUGH = 1024 * 1024
"""Characters of a long text, from its beginning, of which those are chosen."""
_OVERLAP = 512

_WORDS_DECIDE = 0.3
"""By so much of the question, weighed by how rare its words are, one sentence must hold more than any other."""

# What counts beside a sentence's cosine: its share of the question's words; the cosine of the sentence before it, which may name what this one only
# calls "it", less how near the two are, for what says the same again is no answer; that it says something at all, up to a length; that it ends as a
# sentence does, as headings and code do not.
_SHARE, _BEFORE, _SAME_AGAIN, _LENGTH, _NO_END = 0.4, 0.55, -0.45, 0.2, -0.2
_FULL_LENGTH = 200

_WORD = re.compile(r"\w+")
_ENDS = re.compile(r"[.!?:;\u2026\u3002\uff01\uff1f\uff0e\uff61\u0964\u06d4\u061f\u0589][\W_]*$")
"""A mark that ends a sentence or its part, in the scripts that have one, with whatever closes it."""


@dataclass(slots=True)
class _Passage:
    """A text with its sentences, and the share of the question's words that each holds."""

    spans: list[Span]
    sentences: list[str]
    shares: list[float]

    def decided_by_words(self) -> int | None:
        """Return which sentence the words choose alone, if any."""
        best, *others = sorted(self.shares, reverse=True)
        return None if others and best - others[0] < _WORDS_DECIDE else self.shares.index(best)

    def best(self, question: Vectors | None, vectors: Vectors | None) -> int:
        """Return which sentence is the best by all that is known: `vectors` are those of the sentences, a row each."""
        scores = _SHARE * np.array(self.shares) + np.array([_weigh_form(sentence) for sentence in self.sentences])
        if question is not None and vectors is not None:
            cosines = vectors @ question
            scores += cosines
            scores[1:] += _BEFORE * cosines[:-1] + _SAME_AGAIN * np.einsum("ij,ij->i", vectors[1:], vectors[:-1])
        return int(np.argmax(scores))


def answering_sentences(question: str, texts: Sequence[str], meaning: Meaning | None) -> list[Span | None]:
    """Return where in each text, the best hit first, the sentence stands that answers the question; None for a text without sentences.

    Where words do not decide, sentences are compared by meaning, as far as EMBEDDED_BYTES allow, those of better hits first. Beyond, or without
    `meaning`, words and form have to do.
    """
    passages = [_read_passage(text, question) for text in texts]
    _count_words(question, passages)
    chosen = [passage.decided_by_words() if passage.spans else None for passage in passages]
    undecided = [place for place, passage in enumerate(passages) if passage.spans and chosen[place] is None]
    vector, embed = meaning or (None, None)
    vectors = _embed_affordable({place: passages[place].sentences for place in undecided}, embed) if embed else {}
    for place in undecided:
        chosen[place] = passages[place].best(vector, vectors.get(place))
    return [None if choice is None else passage.spans[choice] for passage, choice in zip(passages, chosen, strict=True)]


def _read_passage(text: str, question: str) -> _Passage:
    begin, part = (0, text) if len(text) <= _LOOKED_AT else _part_with_words(text, question)
    spans = [(begin + start, begin + stop) for start, stop in sentence_spans(part)]
    if begin:
        spans = spans[1:] or spans  # The first may have begun before.
    return _Passage(spans, [text[start:stop] for start, stop in spans], [])


def _part_with_words(text: str, question: str) -> tuple[int, str]:
    """Return that part of a long text, and where it begins, which has most of the question, its words weighed by how few parts have them."""
    starts = range(0, min(len(text), _LOOKED_THROUGH), _LOOKED_AT)
    parts = [text[start : start + _LOOKED_AT].casefold() for start in starts]
    scores = np.zeros(len(parts))
    for word, _ in _asked(question):
        has = np.array([word in part for part in parts])
        scores += has / max(1, has.sum())
    start = starts[int(np.argmax(scores))]
    begin = max(0, start - _OVERLAP)
    return begin, text[begin : start + _LOOKED_AT + _OVERLAP]


def _count_words(question: str, passages: Sequence[_Passage]) -> None:
    """Fill in `shares`. A word is the rarer, the fewer of these sentences have it; forms of a word count as that word."""
    words_of = [[_words(sentence) for sentence in passage.sentences] for passage in passages]
    sentences = [words for passage in words_of for words in passage]
    vocabulary = set().union(*sentences)
    forms = [{word for word in vocabulary if _is_form(*asked, word)} for asked in sorted(_asked(question))]
    weights = [
        log((len(sentences) + 1) / (0.5 + sum(not words.isdisjoint(found) for words in sentences))) for found in forms
    ]
    total = sum(weights) or 1.0
    for passage, words_of_passage in zip(passages, words_of, strict=True):
        passage.shares = [
            sum(weight for weight, found in zip(weights, forms, strict=True) if not words.isdisjoint(found)) / total
            for words in words_of_passage
        ]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(folded(indexed_text(text))))


def _asked(question: str) -> set[tuple[str, bool]]:
    """The words of a question, and whether each may go on in a text as it likes: a single character without spaces around it."""
    asked = set()
    for words, goes_on in map(term_text, question_terms(question)):
        *before, last = _WORD.findall(folded(words)) or [""]
        asked |= {(word, False) for word in before} | ({(last, goes_on)} if last else set())
    return asked


def _is_form(word: str, goes_on: bool, other: str) -> bool:
    """Whether two words begin alike and differ by an ending at most: erupt, eruption."""
    if word == other or (goes_on and other.startswith(word)):
        return True
    longer = max(len(word), len(other))
    return min(len(word), len(other)) >= 4 and word[: max(4, longer - 3)] == other[: max(4, longer - 3)]


def _embed_affordable(
    sentences: Mapping[int, Sequence[str]], embed: Callable[[Sequence[str]], Vectors]
) -> dict[int, Vectors]:
    """Embed the sentences of as many passages, the first ones first, as EMBEDDED_BYTES allow."""
    left, taken = EMBEDDED_BYTES, []
    for place, of_passage in sentences.items():
        cost = sum(len(sentence.encode()) for sentence in of_passage)
        if cost <= left:
            left -= cost
            taken.append(place)
    if not taken:
        return {}
    vectors = embed([sentence for place in taken for sentence in sentences[place]])
    ends = np.cumsum([len(sentences[place]) for place in taken])
    return dict(zip(taken, np.split(vectors, ends[:-1]), strict=True))


def _weigh_form(sentence: str) -> float:
    fullness = min(1.0, log(1 + len(sentence)) / log(_FULL_LENGTH))
    return _LENGTH * fullness + (0.0 if _ENDS.search(sentence) else _NO_END)
