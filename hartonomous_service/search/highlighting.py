"""Says which sentence of a text answers a question: the one that alone holds its rare words, else the nearest one (docs/decisions/0040)."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.atomizers.sentences import sentence_spans
from hartonomous_core.embedders.protocol import TokenEmbeddings
from hartonomous_core.words import folded, indexed_text, question_terms, term_text

Span = tuple[int, int]
"""Where a sentence begins and ends in its text, in characters."""
Vectors = NDArray[np.float32]


class Meaning(NamedTuple):
    """What a question means, and what makes the vectors of other texts and of their tokens."""

    asked: TokenEmbeddings
    embed: Callable[[Sequence[str]], Sequence[TokenEmbeddings]]


EMBEDDED_BYTES = 1_200
"""Text that is embedded for one search, in passages and in sentences together: some 260 tokens of English, for which two cores take some 25 ms."""

_LOOKED_AT = 16_384
"""Characters of a text in which sentences are looked for: a passage is far shorter, an atom inserted by hand may be longer."""
_LOOKED_THROUGH = 1024 * 1024
"""Characters of a long text, from its beginning, of which those are chosen."""
_OVERLAP = 512

_WORDS_DECIDE = 0.3
"""By so much of the question, weighed by how rare its words are, one sentence must hold more than any other."""

# What counts beside a sentence's cosine: how near each token of the question comes to one of the sentence, on average; the cosine of the sentence
# before it, which may name what this one only calls "it", less how near the two are, for what says the same again is no answer; that it ends as a
# sentence does, as headings and code do not.
_TOKENS, _BEFORE, _SAME_AGAIN, _NO_END = 3.5, 0.9, -0.75, -0.3

# The same without vectors of tokens; then its share of the question's words counts, too, and that it says something at all, up to a length.
_SHARE, _LENGTH, _BEFORE_ALONE, _SAME_AGAIN_ALONE, _NO_END_ALONE = 0.4, 0.2, 0.55, -0.45, -0.2
_FULL_LENGTH = 200

_WORD = re.compile(r"\w+")
_BEGINNING = 4
"""Characters in which forms of a word agree at least."""
_ENDS = re.compile(r"[.!?:;\u2026\u3002\uff01\uff1f\uff0e\uff61\u0964\u06d4\u061f\u0589][\W_]*$")
"""A mark that ends a sentence or its part, in the scripts that have one, with whatever closes it."""


@dataclass(slots=True)
class _Passage:
    """A text from its first sentence to its last, the share of the question's words that each holds, and what is known of their meaning."""

    text: str
    spans: list[Span]
    sentences: list[str]
    shares: list[float]
    cosines: Vectors | None = None
    same_again: Vectors | None = None
    nearness: Vectors | None = None

    def decided_by_words(self) -> int | None:
        """Return which sentence the words choose alone, if any."""
        best, *others = sorted(self.shares, reverse=True)
        return None if others and best - others[0] < _WORDS_DECIDE else self.shares.index(best)

    def compare(
        self, question: TokenEmbeddings, sentences: Sequence[TokenEmbeddings], whole: TokenEmbeddings | None
    ) -> None:
        """Take in the meaning of the question, of the sentences and, where it is known, of the text with its tokens."""
        vectors = np.array([sentence.vector for sentence in sentences])
        self.cosines = vectors @ question.vector
        self.same_again = np.einsum("ij,ij->i", vectors[1:], vectors[:-1])
        if whole is not None:
            near = question.tokens @ whole.tokens.T
            starts = self.spans[0][0] + whole.offsets[:, 0]
            self.nearness = np.array(
                [
                    near[:, (start <= starts) & (starts < stop)].max(axis=1, initial=0.0).mean()
                    for start, stop in self.spans
                ]
            )

    def best(self) -> int:
        """Return which sentence is the best by all that is known."""
        no_end = np.array([not _ENDS.search(sentence) for sentence in self.sentences])
        if self.nearness is not None:
            scores = _TOKENS * self.nearness + _NO_END * no_end
            before, same_again = _BEFORE, _SAME_AGAIN
        else:
            fullness = np.array([min(1.0, log(1 + len(each)) / log(_FULL_LENGTH)) for each in self.sentences])
            scores = _SHARE * np.array(self.shares) + _LENGTH * fullness + _NO_END_ALONE * no_end
            before, same_again = _BEFORE_ALONE, _SAME_AGAIN_ALONE
        if self.cosines is not None and self.same_again is not None:
            scores += self.cosines
            scores[1:] += before * self.cosines[:-1] + same_again * self.same_again
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
    if meaning and undecided:
        _compare_affordable([passages[place] for place in undecided], meaning)
    for place in undecided:
        chosen[place] = passages[place].best()
    return [None if choice is None else passage.spans[choice] for passage, choice in zip(passages, chosen, strict=True)]


def _read_passage(text: str, question: str) -> _Passage:
    begin, part = (0, text) if len(text) <= _LOOKED_AT else _part_with_words(text, question)
    spans = [(begin + start, begin + stop) for start, stop in sentence_spans(part)]
    if begin:
        spans = spans[1:] or spans  # The first may have begun before.
    whole = text[spans[0][0] : spans[-1][1]] if spans else ""
    return _Passage(whole, spans, [text[start:stop] for start, stop in spans], [])


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
    vocabulary = _Vocabulary(set().union(*sentences))
    forms = [vocabulary.forms_of(*asked) for asked in sorted(_asked(question))]
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


class _Vocabulary:
    """Words, by how they begin: of two forms of a word the first four characters are the same."""

    def __init__(self, words: set[str]) -> None:
        self._words = words
        self._by_beginning: dict[str, list[str]] = defaultdict(list)
        for word in words:
            if len(word) >= _BEGINNING:
                self._by_beginning[word[:_BEGINNING]].append(word)

    def forms_of(self, asked: str, goes_on: bool) -> set[str]:
        """Return the words that begin as `asked` and differ by an ending at most: erupt, eruption."""
        found = {word for word in self._words if word.startswith(asked)} if goes_on else {asked} & self._words
        if len(asked) >= _BEGINNING:
            for word in self._by_beginning.get(asked[:_BEGINNING], ()):
                alike = max(_BEGINNING, max(len(asked), len(word)) - 3)
                if asked[:alike] == word[:alike]:
                    found.add(word)
        return found


def _compare_affordable(passages: Sequence[_Passage], meaning: Meaning) -> None:
    """Compare as many passages, the first ones first, as EMBEDDED_BYTES allow: in sentences and as a whole, else in sentences."""
    left, compared, whole = EMBEDDED_BYTES, [], []
    for passage in passages:
        cost = sum(len(sentence.encode()) for sentence in passage.sentences)
        if cost <= left:
            left -= cost
            compared.append(passage)
            if len(meaning.asked.tokens) and cost <= left:
                left -= cost
                whole.append(passage)
    texts = [passage.text for passage in whole]  # first, for they take the longest
    sentences = [sentence for passage in compared for sentence in passage.sentences]
    vectors = iter(meaning.embed([*texts, *sentences]))
    wholes = {id(passage): next(vectors) for passage in whole}
    for passage in compared:
        passage.compare(meaning.asked, [next(vectors) for _ in passage.sentences], wholes.get(id(passage)))
