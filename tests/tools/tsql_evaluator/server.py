"""A small stand-in for SQL Server that executes this project's own T-SQL: what it computes must be what Python computes.

Microsoft's parser reads the files, so that precedence and grammar are the server's. It knows the statements and functions that
landmarks, Hilbert values, cosines, the search and the graph use, refuses every other, and says nothing of locks, plans, rights or speed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

from tests.tools.tsql.checker import Script
from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.expressions import Frame, Scope, expression
from tests.tools.tsql_evaluator.queries import Query, compile_query
from tests.tools.tsql_evaluator.statements import RESULTS, RETURNED, Step, block, insert
from tests.tools.tsql_evaluator.tables import Row, Table
from tests.tools.tsql_evaluator.values import Type, Value


@dataclass
class Function:
    """A function; compiled when it is first called, so that it may be defined before what it calls."""

    server: "Server"
    node: Node

    @cached_property
    def types(self) -> dict[str, Type]:
        return {p["VariableName"]["Value"].lower(): Type.of(p["DataType"]) for p in self.node.all("Parameters")}

    def frame(self, values: Iterable[Value]) -> Frame:
        """The frame of a call: its parameters, and nothing of the caller's."""
        return {name: type_.convert(value) for (name, type_), value in zip(self.types.items(), values, strict=True)}

    @cached_property
    def query(self) -> Query:
        """What a table-valued function returns."""
        query = compile_query(self.node["ReturnType"]["SelectStatement"]["QueryExpression"], Scope(self.server))
        if self.types:
            return query
        rows = query.run({})  # without parameters it is a list of numbers here: computed once
        return Query(query.names, lambda frame: rows)

    @cached_property
    def _body(self) -> Step:
        return block(self.node["StatementList"].all("Statements"), Scope(self.server, dict(self.types)))

    def value(self, values: Iterable[Value]) -> Value:
        """What a scalar function returns."""
        frame = self.frame(values)
        assert self._body(frame), "455: the last statement of a function must be RETURN"
        return Type.of(self.node["ReturnType"]["DataType"]).convert(frame[RETURNED])


class Server:
    """Tables, types, functions and procedures of the scripts that were loaded, by their lower-case names without schema."""

    def __init__(self, scripts: Iterable[Script]) -> None:
        self.tables: dict[str, Table] = {}
        self._types: dict[str, Table] = {}
        self._functions: dict[str, Function] = {}
        self._procedures: dict[str, Node] = {}
        self._views: dict[str, Node] = {}
        self._compiled_views: dict[str, Query] = {}
        self._view_rows: dict[str, list[tuple[Value, ...]]] = {}
        """Rows of views, until a row of a table changes: to compute them anew for each row that they are joined to takes for ever."""
        self._triggers: dict[tuple[str, str], list[Node]] = {}
        self.sequence = map(np.int64, count(1))
        self._compiled: dict[str, tuple[Scope, Step]] = {}
        with np.errstate(all="raise", under="ignore"):
            for script in scripts:
                for batch in script.tree.all("Batches"):
                    for node in batch.all("Statements"):
                        self._define(node)

    def _define(self, node: Node) -> None:
        """Run a statement of the last shape of the migrations. What has nothing to do with values is passed over."""
        match node.kind:
            case "CreateFunctionStatement":
                self._functions[last_name(node["Name"]).lower()] = Function(self, node)
            case "CreateProcedureStatement":
                self._procedures[last_name(node["ProcedureReference"]["Name"]).lower()] = node
            case "CreateViewStatement":
                self._views[last_name(node["SchemaObjectName"]).lower()] = node["SelectStatement"]["QueryExpression"]
            case "CreateTriggerStatement":
                for action in node.all("TriggerActions"):
                    on = last_name(node["TriggerObject"]["Name"]).lower(), action["TriggerActionType"]
                    self._triggers.setdefault(on, []).append(node)
            case "CreateTableStatement":
                table = Table.of(node["Definition"], self)
                table.changed = self._view_rows.clear
                self.tables[last_name(node["SchemaObjectName"]).lower()] = table
            case "CreateTypeTableStatement":
                self._types[last_name(node["Name"]).lower()] = Table.of(node["Definition"], self)
            case "InsertStatement":
                insert(node, Scope(self))({})

    # ---- what a test may ask

    def call(self, name: str, *values: Value) -> Value:
        """The value of a scalar function; NULL is None."""
        with np.errstate(all="raise", under="ignore"):
            return self.function(name).value(values)

    def select(self, name: str, *values: Value) -> list[Row]:
        """The rows of a table-valued function."""
        function = self.function(name)
        with np.errstate(all="raise", under="ignore"):
            rows = function.query.run(function.frame(values))
        return [dict(zip(function.query.names, row, strict=True)) for row in rows]

    def execute(self, procedure: str, **parameters: Any) -> list[list[Row]]:
        """The result sets of a procedure; a table-valued parameter is given as a list of dictionaries."""
        with np.errstate(all="raise", under="ignore"):
            return self.run_procedure(procedure, {f"@{name.lower()}": value for name, value in parameters.items()})

    def rows(self, view: str) -> list[Row]:
        """The rows of a view."""
        query = self.view(view)
        assert query, f"there is no view {view}"
        with np.errstate(all="raise", under="ignore"):
            return [dict(zip(query.names, row, strict=True)) for row in query.run({})]

    def insert(self, table: str, rows: Iterable[Row]) -> None:
        """Insert rows in one statement, as a client does: triggers fire."""
        with np.errstate(all="raise", under="ignore"):
            self.insert_rows(self.tables[table.lower()], rows, table)

    def delete(self, table: str, going: Callable[[Row], bool]) -> None:
        """Delete rows in one statement, as a client does: triggers fire. Names of columns are lower-case."""
        of_table = self.tables[table.lower()]
        gone = [row for row in of_table.rows if going(row)]
        with np.errstate(all="raise", under="ignore"):
            of_table.restore([row for row in of_table.rows if not going(row)])
            self._fire(table, "Delete", of_table, deleted=gone)

    # ---- what compiled code asks

    def query(self, node: Node, scope: Scope) -> Query:
        return compile_query(node, scope)

    def table(self, name: str) -> Table:
        return self.tables[name.lower()]

    def view(self, name: str) -> Query | None:
        """A view; compiled when it is first asked for, so that it may be defined before what it reads."""
        name = name.lower()
        if name in self._views and name not in self._compiled_views:
            query = compile_query(self._views[name], Scope(self))
            self._compiled_views[name] = Query(query.names, lambda frame: self._rows_of_view(name, query))
        return self._compiled_views.get(name)

    def _rows_of_view(self, name: str, query: Query) -> list[tuple[Value, ...]]:
        if name not in self._view_rows:
            self._view_rows[name] = query.run({})
        return self._view_rows[name]

    def insert_rows(self, table: Table, rows: Iterable[Row], name: str = "") -> None:
        """Insert rows into a table; where it is one that has a name, its triggers fire once for all of them."""
        before = len(table.rows)
        for row in rows:
            table.insert(row)
        self._fire(name, "Insert", table, inserted=table.rows[before:])

    def _fire(
        self, name: str, action: str, table: Table, *, inserted: Sequence[Row] = (), deleted: Sequence[Row] = ()
    ) -> None:
        names = [*table.types, *table.computed]
        new, old = ([tuple(row[column] for column in names) for row in rows] for rows in (inserted, deleted))
        for trigger in self._triggers.get((name.lower(), action), []):
            scope = Scope(self, ctes={"inserted": Query(names, lambda _: new), "deleted": Query(names, lambda _: old)})
            block(trigger["StatementList"].all("Statements"), scope)(Frame({RESULTS: []}))

    def table_type(self, name: str) -> Table:
        return self._types[name.lower()]

    def function(self, name: str) -> Function:
        return self._functions[name.lower()]

    def run_procedure(self, name: str, given: dict[str, Any]) -> list[list[Row]]:
        node, frame = self._procedures[name.lower()], Frame({RESULTS: []})
        scope, body = self._compiled.get(name.lower()) or (Scope(self), None)
        for parameter in node.all("Parameters"):
            variable = parameter["VariableName"]["Value"].lower()
            if parameter.get("Modifier") == "ReadOnly":
                value = given.pop(variable, [])
                frame[variable] = value if isinstance(value, Table) else self._filled(parameter, value)
                continue
            type_ = scope.types[variable] = Type.of(parameter["DataType"])
            default = [expression(parameter["Value"], scope)(frame)] if parameter.get("Value") else []
            frame[variable] = type_.convert(given.pop(variable, *default))
        assert not given, f"8145: {name} has no parameter {', '.join(given)}"
        if body is None:
            body = block(node["StatementList"].all("Statements"), scope)
            self._compiled[name.lower()] = scope, body
        body(frame)
        results: list[list[Row]] = frame[RESULTS]
        return results

    def _filled(self, parameter: Node, rows: list[dict[str, Value]]) -> Table:
        table = self.table_type(last_name(parameter["DataType"]["Name"])).empty()
        for row in rows:
            table.insert(row)
        return table
