"""The fixture `graph` is the contract tests' own."""

from tests.contract.conftest import graph

__all__ = ["graph"]
