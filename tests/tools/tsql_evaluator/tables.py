"""Tables: columns with types, rows as dictionaries, identities, computed columns."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.tools.tsql.tree import Node
from tests.tools.tsql_evaluator.expressions import Column, Scope, data_type, expression
from tests.tools.tsql_evaluator.values import SqlError, SqlType, Value, converter

Row = dict[str, Value]


@dataclass
class Table:
    """A table, a table variable or a table-valued parameter. Names of columns are lower-case in rows."""

    name: str
    columns: list[tuple[str, SqlType]]
    required: set[str]
    identity: str | None = None
    computed: dict[str, Callable[[Row], Value]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, definition: Node, scope: Scope) -> "Table":
        table = cls(name, [], set())
        for node in definition.all("ColumnDefinitions"):
            table.add_column(node, scope)
        return table

    def empty(self) -> "Table":
        """Another table of the same kind."""
        return Table(self.name, self.columns, self.required, self.identity, self.computed)

    def add_column(self, node: Node, scope: Scope) -> None:
        name = node["ColumnIdentifier"]["Value"]
        if formula := node.get("ComputedColumnExpression"):
            type_, compute = self._computation(formula, scope)
            self.columns.append((name, type_))
            self.computed[name.lower()] = compute
            return
        self.columns.append((name, data_type(node["DataType"])))
        nullable = [c for c in node.all("Constraints") if c.kind == "NullableConstraintDefinition"]
        if nullable and not nullable[0].get("Nullable"):
            self.required.add(name.lower())
        if node.get("IdentityOptions"):
            self.identity = name.lower()

    def _computation(self, formula: Node, scope: Scope) -> tuple[SqlType, Callable[[Row], Value]]:
        inner = scope.inside()
        inner.tables["this"] = [Column(name, type_, name.lower()) for name, type_ in self.columns]
        typed = expression(formula, inner)
        return typed.type, typed.run

    def insert(self, values: Row, types: dict[str, SqlType] | None = None) -> None:
        """A row of these values, converted from these types (default: they are of the columns' own)."""
        given = {name.lower(): value for name, value in values.items()}
        if unknown := given.keys() - {name.lower() for name, _ in self.columns}:
            raise SqlError(207, f"{self.name} has no column {', '.join(sorted(unknown))}")
        row: Row = {name.lower(): given.get(name.lower()) for name, _ in self.columns}
        if self.identity and self.identity not in given:
            row[self.identity] = 1 + max((other[self.identity] for other in self.rows), default=0)
        self.rows.append(row)
        self.change(row, {name: row[name] for name in given}, types)

    def change(self, row: Row, values: Row, types: dict[str, SqlType] | None = None) -> None:
        """Write values into a row of this table; computed columns follow."""
        own = {name.lower(): type_ for name, type_ in self.columns}
        for name, value in values.items():
            row[name] = value if types is None else converter(types[name], own[name])(value)
        for name in self.required:
            if row[name] is None and own[name].name != "timestamp" and values.get(name, 0) is None:
                raise SqlError(515, f"{self.name}.{name} must not be NULL")
        for name, compute in self.computed.items():
            row[name] = compute(row)
