"""Tables of the stand-in for SQL Server."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.tools.tsql.tree import Node
from tests.tools.tsql_evaluator.expressions import Run, Scope, expression
from tests.tools.tsql_evaluator.values import SqlError, Type, Value

if TYPE_CHECKING:
    from tests.tools.tsql_evaluator.server import Server

Row = dict[str, Value]


@dataclass
class Table:
    """A table, a table variable or a table-valued parameter. Names of columns are lower-case."""

    types: dict[str, Type] = field(default_factory=dict)
    computed: dict[str, Run] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    identity: str = ""
    rows: list[Row] = field(default_factory=list)
    changed: Callable[[], object] = lambda: None

    @classmethod
    def of(cls, definition: Node, server: "Server") -> "Table":
        table = cls()
        for node in definition.all("ColumnDefinitions"):
            name = node["ColumnIdentifier"]["Value"].lower()
            if formula := node.get("ComputedColumnExpression"):
                table.computed[name] = expression(formula, Scope(server))
                continue
            table.types[name] = Type.of(node["DataType"], node.get("Collation"))
            nullable = [c for c in node.all("Constraints") if c.kind == "NullableConstraintDefinition"]
            if nullable and not nullable[0].get("Nullable"):
                table.required.add(name)
            if node.get("IdentityOptions"):
                table.identity = name
        return table

    def empty(self) -> "Table":
        """Another table of the same kind."""
        return Table(self.types, self.computed, self.required, self.identity)

    def insert(self, values: dict[str, Value]) -> None:
        row: Row = dict.fromkeys(self.types)
        self.rows.append(row)
        number = {self.identity: len(self.rows)} if self.identity else {}
        self.change(row, {**number, **{name.lower(): value for name, value in values.items()}})

    def change(self, row: Row, values: dict[str, Value]) -> None:
        """Write values into a row of this table; computed columns follow."""
        for name, value in values.items():
            row[name] = self.types[name].convert(value)
            if row[name] is None and name in self.required:
                raise SqlError(515, f"{name} must not be NULL")
        for name, compute in self.computed.items():
            row[name] = compute(row)
        self.changed()

    def restore(self, rows: list[Row]) -> None:
        """Have these rows again, and no others."""
        self.rows[:] = rows
        self.changed()
