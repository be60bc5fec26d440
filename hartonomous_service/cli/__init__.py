"""The command line `hartonomous`."""

import hartonomous_service.garbage  # noqa: F401 - before all that it is for
from hartonomous_service.cli.main import app, main

__all__ = ["app", "main"]
