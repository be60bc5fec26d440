"""Shared code of the benchmarks: arguments, real words, a temporary home, and one table of figures at the end."""

import argparse
import csv
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, with its target if it has one."""

    what: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        if self.at_least is None and self.at_most is None:
            return None
        return not (
            (self.at_least is not None and self.value < self.at_least)
            or (self.at_most is not None and self.value > self.at_most)
        )


def arguments(description: str | None, *, data: bool = True) -> argparse.ArgumentParser:
    """Build a parser with --json and, where real text is needed, --data."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    if data:
        default = os.environ.get("HARTONOMOUS_TEST_DATA") or REPOSITORY.parent / "shared" / "data"
        parser.add_argument(
            "--data",
            type=Path,
            default=default,
            help="folder of ewt_dev.jsonl, stsb_en_dev.csv, cisi_docs.jsonl and cisi_queries.jsonl (HARTONOMOUS_TEST_DATA)",
        )
    return parser


def finish(figures: Sequence[Figure], as_json: bool) -> int:
    """Print the figures; the exit code is 1 when a target was missed."""
    if as_json:
        print(json.dumps({"figures": [{**asdict(figure), "met": figure.met} for figure in figures]}, indent=2))
    else:
        width = max(len(figure.what) for figure in figures)
        for figure in figures:
            limits = [("at least", figure.at_least), ("at most", figure.at_most)]
            target = ", ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
            verdict = {None: "", True: f"  ({target}: met)", False: f"  ({target}: MISSED)"}[figure.met]
            value = f"{figure.value:,.0f}" if abs(figure.value) >= 1000 else f"{figure.value:.4g}"
            print(f"{figure.what:<{width}}  {value:>12} {figure.unit}{verdict}")
    return int(any(figure.met is False for figure in figures))


def note(message: str) -> None:
    """Print progress on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


@contextmanager
def temporary_home(**settings: object) -> Iterator[Path]:
    """Make a temporary folder; HARTONOMOUS_HOME points into it, and further settings are set as HARTONOMOUS_*.

    The product must be imported inside: its partitions begin with the home.
    """
    with tempfile.TemporaryDirectory(prefix="hartonomous-benchmark-", ignore_cleanup_errors=True) as folder:
        os.environ["HARTONOMOUS_HOME"] = str(Path(folder, "home"))
        os.environ.update({f"HARTONOMOUS_{name.upper()}": str(value) for name, value in settings.items()})
        yield Path(folder)


def ewt_documents(data: Path) -> list[str]:
    """Read the texts of the EWT dev documents."""
    with (data / "ewt_dev.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def sts_pairs(data: Path) -> list[tuple[str, str, float]]:
    """Read the sentence pairs of STS dev, each with its human score."""
    with (data / "stsb_en_dev.csv").open(encoding="utf-8", newline="") as file:
        return [(first, second, float(score)) for first, second, score in csv.reader(file)]


def sentences(data: Path, seed: int, words: int = 14) -> Iterator[str]:
    """Yield endless sentences of `words` EWT words, the same ones for the same seed; hardly two are alike."""
    pool = [word.strip(".!?") for document in ewt_documents(data) for word in document.split()]
    pool = [word for word in pool if word.isalpha()]
    draw = random.Random(seed)
    while True:
        drawn = draw.choices(pool, k=words)
        yield f"{drawn[0].capitalize()} {' '.join(drawn[1:])}."


def count(database: Any, sql: str, *parameters: object) -> int:
    """Query one number from a SqliteDatabase."""
    return int(database.connection().execute(sql, parameters).fetchone()[0] or 0)
