"""T-SQL that stands in Python: string constants that are statements, made readable for the parser."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PLACEHOLDER = "placeholder"
"""What an f-string puts in. Only where it is a name can the statement be checked: ALTER with a placeholder is left out, because
there it stands for half a clause."""

_WORDS = "SELECT|EXEC|EXECUTE|CREATE|BEGIN|SET|INSERT|UPDATE|DELETE|DROP|DECLARE|GRANT|COMMIT|ROLLBACK|WAITFOR"
_STATEMENT = re.compile(rf"\s*(?:\{{\s*(?:\?\s*=\s*)?CALL|(?:{_WORDS}|ALTER\s+(?:DATABASE|SCHEMA|TABLE|QUEUE)))\s+\S")
_CALL = re.compile(r"^\s*\{\s*(?:\?\s*=\s*)?CALL\s+([^\s(]+)\s*(?:\((.*)\))?\s*\}\s*$", re.DOTALL)
_STRING_OR_MARK = re.compile(r"'(?:[^']|'')*'|\[[^\]]*\]|\?")


def statements_in(file: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each statement in a Python file, but for documentation and regular expressions."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    passed_over = {id(part) for node in ast.walk(tree) for part in _no_text_of_its_own(node)}
    for node in ast.walk(tree):
        text = None if id(node) in passed_over else _text(node)
        if text and _STATEMENT.match(text) and not (text.lstrip().startswith("ALTER") and PLACEHOLDER in text):
            yield node.lineno, text  # type: ignore[attr-defined]


def _no_text_of_its_own(node: ast.AST) -> Iterator[ast.AST]:
    """Constants that are no statement, whatever they begin with."""
    if isinstance(node, ast.Expr):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (part for value in node.values for part in ast.walk(value))
    elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
        yield from node.args


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(p.value) if isinstance(p, ast.Constant) else PLACEHOLDER for p in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def readable(text: str) -> str:
    """A statement of ODBC as T-SQL: {CALL p (?, ?)} as EXEC, and each ? as a variable."""
    if call := _CALL.match(text):
        arguments = f" {call[2]}" if call[2] else ""
        text = f"EXEC {call[1]}{arguments}"
    return _STRING_OR_MARK.sub(lambda found: "@p" if found[0] == "?" else found[0], text)
