"""Errors of the service: which there are, that they speak of no command line, and how the command line says them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import hartonomous_service
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.database.database_errors import DatabaseUnavailable, SchemaMismatch, TransactionConflict
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_service.cli.remedies import REMEDIES, describe_error
from hartonomous_service.errors import Conflict, Invalid, NotFound, Remedy, ServiceError, Unavailable, to_service_error
from tests.unit.test_docs import LEAVES, options

PACKAGE = Path(hartonomous_service.__file__).parent
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if PACKAGE / "cli" not in path.parents]


def texts(tree: ast.AST) -> Iterator[str]:
    """The string literals of a module that are no docstrings, pieces of f-strings among them."""
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_service_speaks_of_no_option_of_the_command_line(module: Path) -> None:
    tree = ast.parse(module.read_text("utf-8"))
    raises = any(isinstance(node, ast.Raise) for node in ast.walk(tree))
    spoken = [text for text in texts(tree) if not re.fullmatch(r"--?[a-z-]+", text)]  # an argument that we pass on

    assert not raises or [text for text in spoken if re.search(r"(?<![\w-])--?[a-zA-Z]", text)] == []


@pytest.mark.parametrize("remedy", get_args(Remedy))
def test_the_command_line_has_words_for_every_remedy(remedy: Remedy) -> None:
    words = REMEDIES[remedy]

    assert describe_error(NotFound("job 5 is not found", remedy=remedy)) == f"job 5 is not found; {words}"
    for command in re.findall("`(hartonomous [^`]+)`", words):
        name = " ".join(word for word in command.split() if word.islower() and not word.startswith("-"))
        assert name in LEAVES
        assert set(re.findall(r"--[\w-]+", command)) <= options(name)


def test_an_option_is_named_as_people_write_it() -> None:
    error = Invalid("'x' is not a content type", argument="content_type")

    assert str(error) == "content_type: 'x' is not a content type"
    assert describe_error(error) == "--content-type: 'x' is not a content type"
    assert describe_error(Invalid("-1: choose 0 or more", argument="skip")) == "skip: -1: choose 0 or more"


@pytest.mark.parametrize(
    "outage", [DatabaseUnavailable, SchemaMismatch, TransactionConflict, GraphUnavailable, ComputeUnavailable]
)
def test_an_outage_of_any_resource_is_one_kind_of_error(outage: type[Exception]) -> None:
    error = to_service_error(outage("it cannot be reached"))

    assert (type(error), str(error)) == (Unavailable, "it cannot be reached")


def test_an_error_of_the_service_stays_and_any_other_is_raised() -> None:
    conflict = Conflict("it is there")

    assert to_service_error(conflict) is conflict
    with pytest.raises(ZeroDivisionError):
        to_service_error(ZeroDivisionError())


@pytest.mark.parametrize("kind", [NotFound, Invalid, Conflict, Unavailable])
def test_every_kind_is_caught_as_one(kind: type[ServiceError]) -> None:
    with pytest.raises(ServiceError, match="what is wrong"):
        raise kind("what is wrong")
