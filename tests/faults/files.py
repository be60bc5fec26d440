"""Small generated files: some sentences shared, some copies, some bytes, one longer than the others."""

import random
from pathlib import Path

_NOUNS = ["ship", "harbour", "lantern", "rope", "gull", "keeper", "tide", "cargo", "mast", "anchor"]
_VERBS = ["leaves", "follows", "carries", "watches", "greets", "outlasts"]


def write_files(folder: Path, n: int, seed: int = 1) -> Path:
    """Write n files that depend on nothing but n and the seed."""
    generator = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)

    def sentence() -> str:
        first, second = generator.sample(_NOUNS, 2)
        return f"The {first} {generator.choice(_VERBS)} the {second} number {generator.randrange(400)}."

    for i in range(n):
        path = folder / f"file {i:04d}.txt"
        if i % 10 == 9:
            path.write_bytes((folder / f"file {i - 3:04d}.txt").read_bytes())  # a copy
        elif i % 10 == 8:
            path.with_suffix(".bin").write_bytes(generator.randbytes(generator.randrange(1, 90_000)))
        else:
            length = 30 if i % 10 == 7 else generator.randrange(1, 4)
            path.write_text("\n\n".join(" ".join(sentence() for _ in range(2)) for _ in range(length)) + "\n")
    return folder
