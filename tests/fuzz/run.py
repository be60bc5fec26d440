"""Fuzzes one parser for so many seconds, with atheris: `python -m tests.fuzz.run NAME SECONDS [FOLDER]`.

The folder keeps what reaches new code, so that a further run goes on from there; what breaks a promise is written there as crash-….
"""

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

_OURS = ["hartonomous_core", "hartonomous_resources.compute.worker"]
with atheris.instrument_imports(include=_OURS):
    from tests.fuzz.targets import seeds_of, targets

_LONGEST_BYTES = 32 * 1024
_LONGEST_SECONDS = 10
"""Of one input."""


def main() -> None:
    """Fuzz until the time is over, or something breaks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(targets()))
    parser.add_argument("seconds", type=int)
    parser.add_argument("folder", type=Path, nargs="?")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="hartonomous-fuzz-"))
    folder.mkdir(parents=True, exist_ok=True)
    read = targets()[options.name]
    with atheris.instrument_imports(include=_OURS):  # parsers are imported with the first file they read
        for number, data in enumerate(seeds_of(options.name)):
            (folder / f"seed-{number}").write_bytes(data)
            read(data)
    limits = [f"-max_total_time={options.seconds}", f"-max_len={_LONGEST_BYTES}", f"-timeout={_LONGEST_SECONDS}"]
    arguments = [sys.argv[0], *limits, "-print_final_stats=1", f"-artifact_prefix={folder}/", str(folder)]
    atheris.Setup(arguments, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
