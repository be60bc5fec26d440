"""The soak: `python -m tests.faults.soak --rounds 20 --files 200`.

In every round, `hartonomous ingest` of the same files is killed (-9) at three seeded random times; the next command finishes the
work, and the home is compared with one that was never disturbed. Exit code 1 on any difference.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from tests.cli import Home, finish
from tests.faults.files import write_files
from tests.faults.state import differences, graph_of, half_shown, loose_ends, state_of

KILLS = 3


def run(folder: Path, model_dir: Path, *, rounds: int, files: int, seed: int, say: Callable[[str], None]) -> int:
    """Run the rounds; the number of those that ended with a difference."""
    given = write_files(folder.resolve() / "given", files, seed)
    untouched = Home(folder / "undisturbed", model_dir)
    started = time.monotonic()
    untouched.json("ingest", given)
    duration = time.monotonic() - started
    expected = state_of(untouched)
    problems = loose_ends(untouched)
    say(f"undisturbed: {files} files, {expected['atoms'].total():,} atoms, {duration:.1f} s {problems or ''}")
    failed = 0
    for number in range(1, rounds + 1):
        failed += bool(
            _round(Home(folder / f"round {number}", model_dir), given, duration, seed, number, expected, say)
        )
    return failed + bool(problems)


def _round(
    home: Home,
    given: Path,
    duration: float,
    seed: int,
    number: int,
    expected: dict[str, Counter[Any]],
    say: Callable[[str], None],
) -> list[str]:
    generator = random.Random(f"{seed}/{number}")
    moments = [generator.uniform(0.1, 0.9) * duration for _ in range(KILLS)]
    problems: list[str] = []
    done = [_ingest_and_kill(home, given, after, expected, problems) for after in moments]
    started = time.monotonic()
    last = home.run("ingest", given, "--json")
    seconds = time.monotonic() - started
    problems += [] if last.code == 0 else [f"the finishing command ended with {last.code}: {last.stderr[-2000:]}"]
    problems += [*loose_ends(home), *differences(expected, state_of(home))]
    kills = ", ".join(f"{after:.2f} s ({what})" for after, what in zip(moments, done, strict=True))
    say(f"round {number}: killed after {kills}; finished in {seconds:.1f} s: {'; '.join(problems) or 'the same'}")
    if not problems:
        shutil.rmtree(home.path)
    return problems


def _ingest_and_kill(
    home: Home, given: Path, after: float, expected: dict[str, Counter[Any]], problems: list[str]
) -> str:
    """Start an ingest, kill it after some seconds, and say how far it had come; `problems` gets what its graph shows amiss."""
    process = home.start("ingest", given, "--json")
    try:
        process.wait(after)
        return "had finished"
    except subprocess.TimeoutExpired:
        process.kill()
    finally:
        finish(process)
    if not (home.path / "hartonomous.db").exists():
        return "nothing yet"
    if not home.rows("SELECT 1 FROM sqlite_schema WHERE name = 'BackgroundJob'"):
        return "no schema yet"
    problems += half_shown(expected, graph_of(home))
    sources = home.value("SELECT COUNT(*) FROM Source WHERE Status = 'Atomized'")
    return f"{sources} sources, {home.value('SELECT COUNT(*) FROM AtomEmbedding')} embeddings"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    default = platformdirs.user_cache_path("hartonomous") / "models"
    model_dir = Path(os.environ.get("HARTONOMOUS_MODEL_DIR", default))
    with tempfile.TemporaryDirectory(prefix="hartonomous-soak-") as folder:
        failed = run(
            Path(folder),
            model_dir,
            rounds=given.rounds,
            files=given.files,
            seed=given.seed,
            say=lambda line: print(line, flush=True),  # noqa: T201
        )
    print(f"{given.rounds - failed} of {given.rounds} rounds ended the same")  # noqa: T201
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
