"""The command line `hartonomous`."""

from hartonomous_service.cli.main import app, main

__all__ = ["app", "main"]
