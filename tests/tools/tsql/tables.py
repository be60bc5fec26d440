"""A table as CREATE TABLE and every later ALTER TABLE leave it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.tools.tsql.checker import Script
from tests.tools.tsql.tree import Node


@dataclass
class Column:
    """A column: its name, type and the like, and its constraints that have names."""

    text: str
    constraints: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, script: Script, node: Node) -> "Column":
        column, at, text = cls(""), node.offset, ""
        for constraint in node.children():
            if name := _constraint_name(constraint):
                column.constraints[name] = constraint.text(script.text)
                text += script.text[at : constraint.offset]
                at = constraint.end
        column.text = text + script.text[at : node.end]
        return column


@dataclass
class Table:
    """Columns, and constraints and indexes beside them, by their names in lower case."""

    columns: dict[str, Column] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    is_altered: bool = False

    @classmethod
    def of(cls, script: Script, definition: Node) -> "Table":
        table = cls()
        for _ in table._add(script, definition):
            raise ValueError(f"{script.place}:{definition.line}: a column or constraint stands there twice")
        return table

    def definitions(self) -> list[str]:
        """What stands between the parentheses of CREATE TABLE."""
        return [*(" ".join([c.text, *c.constraints.values()]) for c in self.columns.values()), *self.beside.values()]

    def text(self) -> str:
        return ", ".join(self.definitions())

    def alter(self, script: Script, statement: Node) -> Iterator[str]:
        """Do what an ALTER TABLE says; what the server would have against it comes back."""
        self.is_altered = True
        if statement.kind == "AlterTableAddTableElementStatement":
            yield from self._add(script, statement["Definition"])
        elif statement.kind == "AlterTableDropTableElementStatement":
            for element in statement.all("AlterTableDropTableElements"):
                yield from self._drop_constraint(element["Name"]["Value"])
        else:
            yield f"{statement.kind} is not known here"

    def _add(self, script: Script, definition: Node) -> Iterator[str]:
        for node in definition.children():
            if node.kind == "ColumnDefinition":
                name = node["ColumnIdentifier"]["Value"]
                if name.lower() in self.columns:
                    yield f"column {name} is there already"
                self.columns[name.lower()] = Column.of(script, node)
            elif node.kind == "DefaultConstraintDefinition":
                yield from self._add_default(script, node)
            else:
                name = _constraint_name(node) or (node["Name"]["Value"] if node.get("Name") else node.text(script.text))
                if name.lower() in self.beside:
                    yield f"{name} is there already"
                self.beside[name.lower()] = node.text(script.text)

    def _drop_constraint(self, name: str) -> Iterator[str]:
        """Leave out a constraint of a column or of the table; columns stay, for what holds them is not looked for."""
        places = [column.constraints for column in self.columns.values()] + [self.beside]
        if not any(place.pop(name.lower(), None) for place in places):
            yield f"there is no constraint {name}"

    def _add_default(self, script: Script, node: Node) -> Iterator[str]:
        """DEFAULT … FOR a column stands in its definition."""
        column, name = self.columns.get(node["Column"]["Value"].lower()), _constraint_name(node)
        if column is None:
            yield f"there is no column {node['Column']['Value']}"
        elif name is None:
            yield f"the default of {node['Column']['Value']} has no name"
        else:
            column.constraints[name] = script.text[node.offset : node["Expression"].end]


def _constraint_name(node: Node) -> str | None:
    """The name of a constraint in lower case; None for anything else."""
    identifier = node.get("ConstraintIdentifier")
    return identifier["Value"].lower() if identifier else None
