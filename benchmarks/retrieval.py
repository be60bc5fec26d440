"""How good search is: nDCG@10 by document on a set of questions, in each mode, against what thirty lines of code reach with the same model.

A set is two files of JSON Lines: documents {id, title, text}, and questions {text, relevant: [id, …]}. The product takes the documents
in by its own stages. The rivals, in the same run: BM25 of whole documents, pieces of 512 characters by cosine, and both fused by
reciprocal rank.
"""

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from common import Figure, arguments, finish, note
from searchable import name_of, searchable

DEPTH = 10
HITS = 50
"""Passages that are asked for: their first ten documents count."""
RRF_K = 60
CISI_TARGET = 0.42

Ranking = Callable[[str], Sequence[str]]
"""The names of documents for a question, the best first."""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--docs", type=Path, help="documents; without them, CISI in the folder of --data")
    parser.add_argument("--queries", type=Path, help="their questions")
    parser.add_argument("--cache", type=Path, help="folder that keeps the vectors of texts between runs")
    options = parser.parse_args()
    given = options.docs is not None
    if given != (options.queries is not None):
        parser.error("--docs and --queries belong together")
    docs = options.docs or options.data / "cisi_docs.jsonl"
    questions = read(options.queries or options.data / "cisi_queries.jsonl")
    texts = {str(document["id"]): f"{document['title']}\n\n{document['text']}".strip() for document in read(docs)}
    return finish(measure(texts, questions, options.cache, None if given else CISI_TARGET), options.json)


def read(file: Path) -> list[dict[str, Any]]:
    """Read JSON Lines."""
    with file.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def measure(
    texts: dict[str, str], questions: list[dict[str, Any]], cache: Path | None, target: float | None
) -> list[Figure]:
    """Measure the product and its rivals on one set."""
    from hartonomous_service.search import search

    with searchable(texts, cache) as resources:
        words = bm25(texts)
        pieces = by_pieces(texts, resources.compute)
        rivals = {
            "BM25 of documents": quality(words, questions),
            "pieces of 512 characters": quality(pieces, questions),
            "both by reciprocal rank": quality(fused(words, pieces), questions),
        }
        note("rivals measured")

        def product(mode: str) -> Ranking:
            return lambda question: unique(
                name_of(hit) for hit in search(resources, question, k=HITS, mode=mode, highlight=False)["results"]
            )

        modes = {mode: quality(product(mode), questions) for mode in ("hybrid", "semantic", "lexical")}
    figures = [Figure(f"nDCG@10, {name}", value) for name, value in rivals.items()]
    figures += [
        Figure(f"nDCG@10, --mode {mode}", value, at_least=target if mode == "hybrid" else None)
        for mode, value in modes.items()
    ]
    best = max(rivals.values())
    return [*figures, Figure("hybrid against the best rival", modes["hybrid"] / best, "x", at_least=1.0)]


def quality(ranking: Ranking, questions: list[dict[str, Any]]) -> float:
    """Return the mean nDCG@10 of a ranking; a document is relevant or not."""
    return fmean(ndcg(ranking(question["text"]), set(map(str, question["relevant"]))) for question in questions)


def ndcg(found: Sequence[str], relevant: set[str]) -> float:
    gain = sum(1 / math.log2(rank + 1) for rank, name in enumerate(found[:DEPTH], start=1) if name in relevant)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(DEPTH, len(relevant)) + 1))


def unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def bm25(texts: dict[str, str], k1: float = 1.5, b: float = 0.75) -> Ranking:
    """BM25 of whole documents; a word that a question repeats counts as often."""
    counts = {name: Counter(words_of(text)) for name, text in texts.items()}
    lengths = {name: sum(found.values()) for name, found in counts.items()}
    mean = fmean(lengths.values())
    holders = Counter(word for found in counts.values() for word in found)
    idf = {word: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for word, n in holders.items()}

    def rank(question: str) -> list[str]:
        scores: Counter[str] = Counter()
        for name, found in counts.items():
            for word in words_of(question):
                if word in found:
                    often = found[word]
                    scores[name] += idf[word] * often * (k1 + 1) / (often + k1 * (1 - b + b * lengths[name] / mean))
        return [name for name, _ in scores.most_common()]

    return rank


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def by_pieces(texts: dict[str, str], compute: Any, size: int = 512) -> Ranking:
    """Documents by their nearest piece of so many characters."""
    pieces = [
        (name, piece)
        for name, text in texts.items()
        for start in range(0, len(text), size)
        if (piece := text[start : start + size]).strip()
    ]
    [model, *_] = compute.models()
    vectors = compute.embed(model, [piece for _, piece in pieces]).vectors

    def rank(question: str) -> list[str]:
        near = vectors @ compute.embed(model, [question]).vectors[0]
        return unique(pieces[position][0] for position in np.argsort(-near, kind="stable"))

    return rank


def fused(*rankings: Ranking, depth: int = 100) -> Ranking:
    """Reciprocal rank fusion of the first hundred of each."""

    def rank(question: str) -> list[str]:
        scores: Counter[str] = Counter()
        for ranking in rankings:
            for position, name in enumerate(ranking(question)[:depth], start=1):
                scores[name] += 1 / (RRF_K + position)
        return [name for name, _ in scores.most_common()]

    return rank


if __name__ == "__main__":
    sys.exit(main())
