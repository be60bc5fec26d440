"""The command line `hartonomous`."""

import gc

# What a start imports stays: to look through it for garbage after every 700 objects, as Python does, took a sixth of Dagster's start.
gc.set_threshold(50_000)

from hartonomous_service.cli.main import app, main  # noqa: E402 - after that

__all__ = ["app", "main"]
