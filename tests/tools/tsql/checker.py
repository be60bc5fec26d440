"""Microsoft's parser and model in a process of their own, asked by tests."""

import atexit
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.tools.tsql.toolchain import Toolchain, ToolchainUnavailable, open_toolchain
from tests.tools.tsql.tree import Node, node_from

# References to what SQL Server itself brings: the model knows only what is loaded into it.
_SYSTEM = ("[sys].", "[INFORMATION_SCHEMA].")
_BEYOND_BASIC_PLANE = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, and where."""

    place: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Script:
    """A text of T-SQL that the parser accepts, with its tree."""

    place: str
    text: str
    tree: Node

    def finding(self, node: Node, message: str) -> Finding:
        return Finding(self.place, node.line, node.column, message)


class Checker:
    """The process that has .NET loaded; one for all tests of a session."""

    def __init__(self, toolchain: Toolchain) -> None:
        script = Path(__file__).with_name("dotnet.py")
        self._answers = toolchain.folder / "answers" / hashlib.sha256(script.read_bytes()).hexdigest()[:16]
        self._process = subprocess.Popen(
            [toolchain.python, script, toolchain.assemblies],
            env=toolchain.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        atexit.register(self._process.kill)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the T-SQL checker ended with code {process.wait()}; its own words are on stderr")
        result: dict[str, Any] = json.loads(answer)
        return result

    def parse(self, text: str, place: str = "") -> Script | list[Finding]:
        """The script with its tree, or what the parser has against it."""
        text = _BEYOND_BASIC_PLANE.sub(
            "\ufffd\ufffd", text
        )  # .NET counts in UTF-16: what takes two units there takes two here
        answer = self._parsed(text)
        if answer["errors"]:
            return [Finding(place, *error) for error in answer["errors"]]
        return Script(place, text, node_from(answer["tree"]))

    def _parsed(self, text: str) -> dict[str, Any]:
        """The parser's answer, kept beside the toolchain: to parse every migration takes it half a minute, in each process of tests."""
        file = self._answers / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
        if file.exists():
            kept: dict[str, Any] = json.loads(file.read_text("utf-8"))
            return kept
        answer = self._ask({"parse": text})
        file.parent.mkdir(parents=True, exist_ok=True)
        half = file.with_suffix(f".{os.getpid()}")
        half.write_text(json.dumps(answer), "utf-8")
        half.replace(file)  # whole or not there: other processes read it
        return answer

    def model_findings(self, units: Iterable[tuple[str, str]]) -> list[str]:
        """What DacFx has against these objects together: references and types that do not resolve. Names must differ."""
        answer = self._ask({"model": list(units)})
        messages = [f"{name}: {message}" if name else message for name, message in answer["messages"]]
        return [message for message in messages if not any(schema in message for schema in _SYSTEM)]


@cache
def _open() -> Checker | str:
    try:
        return Checker(open_toolchain())
    except ToolchainUnavailable as error:
        return f"Microsoft's T-SQL parser: {error}"


def checker() -> Checker:
    """The session's checker. Where it cannot be had, the test that asks fails in CI and is skipped, loudly, elsewhere."""
    opened = _open()
    if isinstance(opened, Checker):
        return opened
    if os.environ.get("CI"):
        pytest.fail(opened)
    pytest.skip(f"NOT TESTED: T-SQL; {opened}")
