"""A small stand-in for SQL Server that executes this project's own T-SQL: what it computes must be what Python computes.

Microsoft's parser reads the files, so that precedence and grammar are the server's. It knows the statements and functions that
landmarks, Hilbert values, cosines, the search and the graph use, refuses every other, and says nothing of locks, plans, rights or speed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

from tests.tools.tsql.checker import Script
from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.expressions import Frame, Run, Scope, condition, expression
from tests.tools.tsql_evaluator.queries import Query, alias_of, compile_query, filtered, source, with_ctes
from tests.tools.tsql_evaluator.values import SqlError, Type, Unsupported, Value

Row = dict[str, Value]
Step = Callable[[Frame], bool | None]
"""Runs a statement in a frame; True ends the body, whose value is then in the frame."""
RETURNED, RESULTS = "#returned", "#results"


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
        return _block(self.node["StatementList"].all("Statements"), Scope(self.server, dict(self.types)))

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
        self._triggers: dict[str, list[Node]] = {}
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
            case "CreateTriggerStatement" if [a["TriggerActionType"] for a in node.all("TriggerActions")] == ["Insert"]:
                self._triggers.setdefault(last_name(node["TriggerObject"]["Name"]).lower(), []).append(node)
            case "CreateTableStatement":
                table = Table.of(node["Definition"], self)
                table.changed = self._view_rows.clear
                self.tables[last_name(node["SchemaObjectName"]).lower()] = table
            case "CreateTypeTableStatement":
                self._types[last_name(node["Name"]).lower()] = Table.of(node["Definition"], self)
            case "InsertStatement":
                _insert(node, Scope(self))({})

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
        names = [*table.types, *table.computed]
        inserted = [tuple(row[column] for column in names) for row in table.rows[before:]]
        for trigger in self._triggers.get(name.lower(), []):
            scope = Scope(self, ctes={"inserted": Query(names, lambda frame: inserted)})
            _block(trigger["StatementList"].all("Statements"), scope)(Frame({RESULTS: []}))

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
            body = _block(node["StatementList"].all("Statements"), scope)
            self._compiled[name.lower()] = scope, body
        body(frame)
        results: list[list[Row]] = frame[RESULTS]
        return results

    def _filled(self, parameter: Node, rows: list[dict[str, Value]]) -> Table:
        table = self.table_type(last_name(parameter["DataType"]["Name"])).empty()
        for row in rows:
            table.insert(row)
        return table


# ---- statements


def _block(statements: list[Node], scope: Scope) -> Step:
    """Statements one after the other, until one returns."""
    steps = [_statement(node, scope) for node in statements]
    return lambda frame: any(step(frame) for step in steps)


def _statement(node: Node, scope: Scope) -> Step:
    if node.kind not in _STATEMENTS:
        raise Unsupported(f"{node.kind} at {node.line}:{node.column}")
    return _STATEMENTS[node.kind](node, scope)


def _declare(node: Node, scope: Scope) -> Step:
    steps = []
    for element in node.all("Declarations"):
        name = element["VariableName"]["Value"].lower()
        if element["DataType"].kind == "UserDataTypeReference":
            table = scope.server.table_type(last_name(element["DataType"]["Name"]))
            steps.append(_assignment(name, lambda frame, table=table: table.empty()))  # type: ignore[misc]
            continue
        scope.types[name] = Type.of(element["DataType"])
        steps.append(_set_to(name, element.get("Value"), scope))
    return lambda frame: any(step(frame) for step in steps)


def _assignment(name: str, run: Run) -> Step:
    def assign(frame: Frame) -> None:
        frame[name] = run(frame)

    return assign


def _set_to(name: str, value: Node | None, scope: Scope) -> Step:
    convert, run = scope.types[name].convert, expression(value, scope) if value else lambda frame: None
    return _assignment(name, lambda frame: convert(run(frame)))


def _declare_table(node: Node, scope: Scope) -> Step:
    table = Table.of(node["Body"]["Definition"], scope.server)
    return _assignment(node["Body"]["VariableName"]["Value"].lower(), lambda frame: table.empty())


def _if(node: Node, scope: Scope) -> Step:
    holds, then = condition(node["Predicate"], scope), _statement(node["ThenStatement"], scope)
    otherwise = _statement(node["ElseStatement"], scope) if node.get("ElseStatement") else lambda frame: None
    return lambda frame: then(frame) if holds(frame) else otherwise(frame)


def _while(node: Node, scope: Scope) -> Step:
    holds, body = condition(node["Predicate"], scope), _statement(node["Statement"], scope)

    def run(frame: Frame) -> bool:
        while holds(frame):
            if body(frame):
                return True
        return False

    return run


def _return(node: Node, scope: Scope) -> Step:
    value = expression(node["Expression"], scope) if node.get("Expression") else lambda frame: None

    def run(frame: Frame) -> bool:
        frame[RETURNED] = value(frame)
        return True

    return run


def _throw(node: Node, scope: Scope) -> Step:
    def run(frame: Frame) -> None:
        raise SqlError(int(node["ErrorNumber"]["Value"]), node["Message"]["Value"])

    return run


def _select(node: Node, scope: Scope) -> Step:
    query = compile_query(node["QueryExpression"], with_ctes(node, scope))

    def run(frame: Frame) -> None:
        frame[RESULTS].append([dict(zip(query.names, row, strict=True)) for row in query.run(frame)])

    return run


def _insert(node: Node, scope: Scope) -> Step:
    insert = node["InsertSpecification"]
    columns = [last_name(column["MultiPartIdentifier"]) for column in insert.all("Columns")]
    rows, target = _rows_to_insert(insert["InsertSource"], with_ctes(node, scope)), insert["Target"]

    def run(frame: Frame) -> None:
        new = [dict(zip(columns, row, strict=True)) for row in rows(frame)]
        if target.kind == "VariableTableReference":
            scope.server.insert_rows(frame[target["Variable"]["Name"].lower()], new)
        else:
            scope.server.insert_rows(scope.server.table(_name(target)), new, _name(target))

    return run


def _rows_to_insert(node: Node, scope: Scope) -> Callable[[Frame], Iterable[Sequence[Value]]]:
    if node.kind != "ValuesInsertSource":
        return compile_query(node["Select"], scope).run
    listed = [[expression(value, scope) for value in row.all("ColumnValues")] for row in node.all("RowValues")]
    return lambda frame: [[value(frame) for value in row] for row in listed]


def _name(reference: Node) -> str:
    return last_name(reference["SchemaObject"])


def _update(node: Node, scope: Scope) -> Step:
    """UPDATE alias SET … FROM …"""
    update = node["UpdateSpecification"]
    [table_reference] = update["FromClause"].all("TableReferences")
    rows, alias = source(table_reference, scope), _name(update["Target"]).lower()
    if update.get("WhereClause"):
        rows = filtered(rows, condition(update["WhereClause"]["SearchCondition"], scope))
    [table] = [_name(t) for t in table_reference.walk("NamedTableReference") if alias_of(t) == alias]
    changes = {
        last_name(clause["Column"]["MultiPartIdentifier"]).lower(): expression(clause["NewValue"], scope)
        for clause in update.all("SetClauses")
    }

    def run(frame: Frame) -> None:
        met = [{**frame, **row} for row in rows(frame)]
        for row in met:
            values = {name: value(row) for name, value in changes.items()}
            scope.server.table(table).change(row[f"{alias}.#row"], values)
        frame["@@rowcount"] = np.int32(len(met))

    return run


def _execute(node: Node, scope: Scope) -> Step:
    called = node["ExecuteSpecification"]["ExecutableEntity"]
    name = last_name(called["ProcedureReference"]["ProcedureReference"]["Name"])
    arguments = {
        p["Variable"]["Name"].lower(): expression(p["ParameterValue"], scope) for p in called.all("Parameters")
    }

    def run(frame: Frame) -> None:
        given = {variable: value(frame) for variable, value in arguments.items()}
        frame[RESULTS] += scope.server.run_procedure(name, given)

    return run


_STATEMENTS: dict[str, Callable[[Node, Scope], Step]] = {
    "BeginEndBlockStatement": lambda node, scope: _block(node["StatementList"].all("Statements"), scope),
    "DeclareVariableStatement": _declare,
    "DeclareTableVariableStatement": _declare_table,
    "SetVariableStatement": lambda node, scope: _set_to(node["Variable"]["Name"].lower(), node["Expression"], scope),
    "IfStatement": _if,
    "WhileStatement": _while,
    "ReturnStatement": _return,
    "ThrowStatement": _throw,
    "SelectStatement": _select,
    "InsertStatement": _insert,
    "UpdateStatement": _update,
    "ExecuteStatement": _execute,
    "PredicateSetStatement": lambda node, scope: lambda frame: None,
    "BeginTransactionStatement": lambda node, scope: lambda frame: None,
    "CommitTransactionStatement": lambda node, scope: lambda frame: None,
}
