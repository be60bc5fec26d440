"""Runs the `hartonomous` command in this process with one stage made to die, by what a real process dies of.

`python -m tests.faults.hurt STAGE N SIGNAL ingest PATH…` sends itself SIGNAL right after the N-th step in which the stage did
something: at the boundary, what the step did is committed and nothing after it has begun.
"""

import dataclasses
import os
import signal
import sys
from collections.abc import Iterator

from hartonomous_assets import chain
from hartonomous_assets.stage import Progress, Stage, Work


def hurt_after(stage: Stage, n: int, number: signal.Signals) -> Stage:
    """The stage, sending its process a signal after its n-th step that did something."""

    def steps(work: Work) -> Iterator[Progress]:
        done = 0
        for progress in stage.steps(work):
            done += bool(progress.counts)
            if done == n and progress.counts:
                os.kill(os.getpid(), number)
            yield progress

    return dataclasses.replace(stage, steps=steps)


def main() -> None:
    """Patch the one stage, then be the command."""
    name, n, number, *arguments = sys.argv[1:]
    chain.STAGES = tuple(
        hurt_after(stage, int(n), signal.Signals[number]) if stage.name == name else stage for stage in chain.STAGES
    )
    sys.argv = ["hartonomous", *arguments]
    from hartonomous_service.cli import main as hartonomous

    hartonomous()


if __name__ == "__main__":
    main()
