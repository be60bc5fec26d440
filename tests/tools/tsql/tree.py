"""The syntax tree of a script, as Microsoft's parser sees it, and how to walk it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """One fragment: its type in ScriptDom, where it stands, and its properties by their names there."""

    kind: str
    line: int
    column: int
    offset: int
    length: int
    properties: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """A property that is set."""
        return self.properties[name]

    def get(self, name: str) -> Any:
        """A property, or None where it is not set."""
        return self.properties.get(name)

    def all(self, name: str) -> list["Node"]:
        """The nodes of a list, which may be empty."""
        found: list[Node] = self.properties.get(name, [])
        return found

    @property
    def end(self) -> int:
        return self.offset + self.length

    def text(self, script: str) -> str:
        """What stands there in the script."""
        return script[self.offset : self.end]

    def children(self) -> Iterator["Node"]:
        """The nodes directly below, in the order of the script."""
        below = []
        for value in self.properties.values():
            if isinstance(value, Node):
                below.append(value)
            elif isinstance(value, list):
                below += value
        below.sort(key=lambda node: node.offset)
        yield from below

    def walk(self, *kinds: str) -> Iterator["Node"]:
        """This node and all below it, those before that come first in the script; only of these kinds, if any are given."""
        if not kinds or self.kind in kinds:
            yield self
        for child in self.children():
            yield from child.walk(*kinds)


def node_from(data: dict[str, Any]) -> Node:
    """A tree from the plain data of dotnet.py."""
    properties: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            properties[name] = node_from(value)
        elif name == "at" or name == "kind":
            continue
        else:
            properties[name] = [node_from(part) for part in value] if isinstance(value, list) else value
    line, column, offset, length = data["at"]
    return Node(data["kind"], line, column, offset, length, properties)


def object_name(name: Node) -> str:
    """`dbo.usp_x`, of a SchemaObjectName, without brackets and quotes."""
    return ".".join(part["Value"] for part in name.all("Identifiers"))


def last_name(name: Node) -> str:
    """`usp_x`, of a SchemaObjectName or MultiPartIdentifier."""
    identifiers = name.all("Identifiers")
    return str(identifiers[-1]["Value"]) if identifiers else ""
