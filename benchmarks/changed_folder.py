"""A folder of which a few files were edited, added and deleted since, ingested again by the command line: the whole command.

Only what an edit changed is embedded. A file that is gone stays as it is in the store: `ingest` takes in what is there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from common import Figure, arguments, count, finish, note, sentences, temporary_home
from unchanged_folder import COMMAND, ingest, state

ATOMS_OF_FILES = """SELECT COUNT(DISTINCT sa.AtomId) FROM Source AS s JOIN SourceAtom AS sa USING (SourceId)
WHERE s.Status = 'Atomized' AND s.SupersededBy IS NULL AND s.SourceUri IN (SELECT value FROM json_each(?))"""


def change(files: list[Path], texts: Iterator[str], sentences_a_file: int, number: int) -> list[Path]:
    """Edit a sentence in the middle of the first files, delete the next ones, and add as many; returns the files that are new or other."""
    edited, gone = files[:number], files[number : 2 * number]
    for path in edited:
        said = path.read_text().split(". ")
        said[len(said) // 2] = next(texts).rstrip(".")
        path.write_text(". ".join(said))
    added = []
    for path in gone:
        path.unlink()
        files.remove(path)
        added.append(path.with_stem(f"{path.stem}-new"))
        added[-1].write_text(" ".join(islice(texts, sentences_a_file)) + "\n")
    files[:number] = []  # the next round takes others
    files += [*edited, *added]
    return [*edited, *added]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--files", type=int, default=1000, help="files (1,000)")
    parser.add_argument("--sentences", type=int, default=30, help="sentences a file (30: two or three passages)")
    parser.add_argument(
        "--changes", type=int, default=10, help="files edited, deleted and added a round, so many of each (10)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds (5)")
    options = parser.parse_args()
    with temporary_home() as folder:
        from hartonomous_resources.resources import open_resources

        texts = sentences(options.data, seed=1)
        files = [folder / "files" / f"{n // 100:02d}" / f"{n:05d}.txt" for n in range(options.files)]
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(" ".join(islice(texts, options.sentences)) + "\n")
        subprocess.run([*COMMAND[:-2], "migrate"], check=True, stdout=subprocess.DEVNULL, env=os.environ)
        note(f"ingesting {options.files:,} files")
        ingest(folder / "files")
        database = open_resources().database
        seconds, embedded, held = [], [], []
        for _ in range(options.rounds):
            before = state()
            changed = change(files, texts, options.sentences, options.changes)
            took, result = ingest(folder / "files")
            after = state()
            assert not result["failed"] and len(result["sources"]) == options.files
            assert sum(not source["unchanged"] for source in result["sources"]) == 2 * options.changes
            assert after["Source"] - before["Source"] == 2 * options.changes
            assert after["unfinished jobs"] == after["QueueMessage"] == after["DeadLetter"] == 0, after
            new = after["AtomEmbedding"] - before["AtomEmbedding"]
            assert new == after["Atom"] - before["Atom"], "something was embedded that was there before"
            seconds.append(took)
            embedded.append(new)
            held.append(count(database, ATOMS_OF_FILES, json.dumps([path.as_uri() for path in changed])))
            note(f"{took:.2f} s, {new} passages embedded")
    figures = [
        Figure(
            f"{options.changes} edited, added and deleted of {options.files:,}, median",
            float(np.median(seconds)),
            "s",
            at_most=3.0,
        ),
        Figure("  slowest", max(seconds), "s"),
        Figure("passages embedded a round, median", float(np.median(embedded))),
        Figure("passages of the files that are new or edited, median", float(np.median(held))),
    ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
