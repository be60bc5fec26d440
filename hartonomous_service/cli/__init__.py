"""The command line `hartonomous`."""

import sys

import hartonomous_service.garbage  # noqa: F401 - before all that it is for

try:
    from hartonomous_service.cli.main import app, main
except KeyboardInterrupt:  # while the modules are read, nothing has begun
    sys.exit("error: interrupted")

__all__ = ["app", "main"]
