"""Does search know when nothing answers? Questions with and without an answer, asked of three corpora, and which floor parts them.

The questions (`questions/`) were written by hand. Those that nothing answers are of other fields, some of them near: a snake bite where
there is first aid, a spreadsheet where there is Python. Corpora: the demo's; Python's language reference, as Python itself carries it;
CISI, whose own questions are answered.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, quantiles
from typing import NamedTuple

from common import Figure, arguments, finish
from searchable import searchable

QUESTIONS = Path(__file__).with_name("questions")
CALIBRATED_ON = ("language reference", "CISI")


class Asked(NamedTuple):
    """What a search said of a question."""

    question: str
    answerable: bool
    answered: bool
    best: float


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--cache", type=Path, help="folder that keeps the vectors of texts between runs")
    parser.add_argument("--mode", choices=["hybrid", "semantic"], default="hybrid")
    parser.add_argument(
        "--list", action="store_true", help="also list the questions that were taken for the other kind"
    )
    options = parser.parse_args()
    figures = []
    answers: dict[str, list[Asked]] = {}
    for corpus, (texts, questions) in corpora(options.data).items():
        answers[corpus] = ask(texts, questions, options.cache, options.mode)
        lost = share(not each.answered for each in answers[corpus] if each.answerable)
        refused = share(not each.answered for each in answers[corpus] if not each.answerable)
        chosen = "floor chosen on it" if corpus in CALIBRATED_ON else "checked on it"
        figures += [
            Figure(f"{corpus} ({chosen}): answerable questions refused", 100 * lost, "%", at_most=5),
            Figure(f"{corpus} ({chosen}): questions without an answer refused", 100 * refused, "%", at_least=80),
        ]
        if options.list:
            for each in sorted(answers[corpus], key=lambda each: each.best):
                if each.answerable != each.answered:
                    print(f"{each.best:6.3f} {'lost' if each.answerable else 'kept'} {corpus}: {each.question}")
    low, high = parting(each for corpus in CALIBRATED_ON for each in answers[corpus])
    figures += [
        Figure("floor that refuses 95% of those without an answer, where it was chosen", low),
        Figure("floor that loses 5% of the answerable, there", high),
    ]
    return finish(figures, options.json)


def corpora(data: Path) -> dict[str, tuple[dict[str, str], list[tuple[str, bool]]]]:
    """Texts by name and questions, each with whether it is answerable."""
    from importlib.resources import files
    from pydoc_data.topics import topics

    demo = Path(str(files("hartonomous_service") / "demo_corpus"))
    suffixes = {".md", ".txt", ".py", ".csv"}
    demo_texts = {str(path.relative_to(demo)): path for path in sorted(demo.rglob("*")) if path.suffix in suffixes}
    cisi = [json.loads(line) for line in (data / "cisi_docs.jsonl").read_text("utf-8").splitlines()]
    own = [json.loads(line) for line in (data / "cisi_queries.jsonl").read_text("utf-8").splitlines()]
    return {
        "demo corpus": ({name: path.read_text("utf-8") for name, path in demo_texts.items()}, read("demo")),
        "language reference": (dict(topics), read("python")),
        "CISI": (
            {str(each["id"]): f"{each['title']}\n\n{each['text']}".strip() for each in cisi},
            [*((each["text"], True) for each in own), *read("cisi")],
        ),
    }


def read(name: str) -> list[tuple[str, bool]]:
    """Read a file of questions."""
    lines = (QUESTIONS / f"{name}.jsonl").read_text("utf-8").splitlines()
    return [(each["text"], each["answerable"]) for each in map(json.loads, lines)]


def ask(texts: dict[str, str], questions: Sequence[tuple[str, bool]], cache: Path | None, mode: str) -> list[Asked]:
    from hartonomous_service.search import search

    with searchable(texts, cache) as resources:
        found = [search(resources, text, mode=mode, highlight=False) for text, _ in questions]
    return [
        Asked(text, answerable, each["answered"], each["best"])
        for (text, answerable), each in zip(questions, found, strict=True)
    ]


def share(values: Iterable[bool]) -> float:
    return fmean(values)


def parting(answers: Iterable[Asked]) -> tuple[float, float]:
    """Return the cosines above which 5% of the unanswerable and below which 5% of the answerable questions lie."""
    asked = list(answers)
    unanswerable, answerable = ([each.best for each in asked if each.answerable is kind] for kind in (False, True))
    return quantiles(unanswerable, n=20)[-1], quantiles(answerable, n=20)[0]


if __name__ == "__main__":
    sys.exit(main())
