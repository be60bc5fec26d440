"""A small stand-in for SQL Server that executes this project's own T-SQL files: their functions, procedures and inserts.

Microsoft's parser reads the files, so that precedence and grammar are the server's. Types, overflow, NULL and conversions follow
the documentation of T-SQL. It executes; it says nothing of locks, plans, rights or speed.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from tests.tools.tsql.checker import Script, checker
from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.expressions import Frame, Run, Scope, Typed, converted, data_type, expression
from tests.tools.tsql_evaluator.queries import Query, compile_query
from tests.tools.tsql_evaluator.statements import RESULTS, Step, block, statement
from tests.tools.tsql_evaluator.tables import Row, Table
from tests.tools.tsql_evaluator.values import SqlError, SqlType, Unsupported, Value

_T = TypeVar("_T")
_IGNORED = ("CreateIndexStatement", "CreateSpatialIndexStatement", "CreateTriggerStatement", "CreateSequenceStatement")
_IGNORED += ("CreateRoleStatement", "AlterRoleStatement", "GrantStatement")


class Function:
    """A function; compiled when it is first called, so that it may be defined before what it calls."""

    def __init__(self, server: "Server", node: Node) -> None:
        self._server, self._node = server, node
        self._parameters = [
            (p["VariableName"]["Value"].lower(), data_type(p["DataType"])) for p in node.all("Parameters")
        ]
        self._query: Query | None = None
        self._body: Step | None = None

    def arguments(self, given: Sequence[Typed]) -> Callable[[Frame], Frame]:
        """The frame of a call: its parameters, and nothing of the caller's."""
        if len(given) != len(self._parameters):
            raise SqlError(313, f"{self.name} takes {len(self._parameters)} arguments, not {len(given)}")
        runs: list[tuple[str, Run]] = [
            (name, converted(typed, type_)) for (name, type_), typed in zip(self._parameters, given, strict=True)
        ]
        return lambda frame: {name: run(frame) for name, run in runs}

    @property
    def name(self) -> str:
        return last_name(self._node["Name"])

    @property
    def query(self) -> Query:
        """What a table-valued function returns."""
        if self._query is None:
            scope = Scope(self._server, dict(self._parameters))
            self._query = self._server.query(self._node["ReturnType"]["SelectStatement"]["QueryExpression"], scope)
        return self._query

    def call(self, given: Sequence[Typed]) -> Typed:
        """A call of a scalar function."""
        arguments = self.arguments(given)
        returns = data_type(self._node["ReturnType"]["DataType"])
        if self._body is None:
            scope = Scope(self._server, {**dict(self._parameters), "#returns": returns})
            self._body = block(self._node["StatementList"].all("Statements"), scope)
        body = self._body

        def run(frame: Frame) -> Value:
            returned = body(arguments(frame))
            if returned is None:
                raise SqlError(455, f"{self.name}: the last statement must be RETURN")
            return returned.value

        return Typed(returns, run)


class Server:
    """Tables, types, functions and procedures of the files that were loaded, by their lower-case names without schema."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._types: dict[str, Table] = {}
        self._functions: dict[str, Function] = {}
        self._procedures: dict[str, Node] = {}

    def load(self, text: str, place: str = "") -> None:
        """Run a migration that changes nothing of an earlier one: what `last_shape` makes of them."""
        scope = Scope(self, {})
        for batch in _parsed(text, place).tree.all("Batches"):
            for node in batch.all("Statements"):
                self._run_definition(node, scope)

    def _run_definition(self, node: Node, scope: Scope) -> None:
        match node.kind:
            case "CreateFunctionStatement":
                self._functions[last_name(node["Name"]).lower()] = Function(self, node)
            case "CreateProcedureStatement":
                self._procedures[last_name(node["ProcedureReference"]["Name"]).lower()] = node
            case "CreateTableStatement":
                name = last_name(node["SchemaObjectName"])
                self._tables[name.lower()] = Table.of(name, node["Definition"], scope)
            case "CreateTypeTableStatement":
                name = last_name(node["Name"])
                self._types[name.lower()] = Table.of(name, node["Definition"], scope)
            case "InsertStatement":
                statement(node, scope)({RESULTS: []})
            case "UpdateStatement" | "DeleteStatement" if not self._target(node).rows:
                pass  # it moves along the rows that are there: a new database has none
            case kind if kind not in _IGNORED:
                raise Unsupported(f"{kind} in a migration")

    def _target(self, node: Node) -> Table:
        change = node[node.kind.replace("Statement", "Specification")]
        return self.table(last_name(change["Target"]["SchemaObject"]))

    # ---- what a program may ask

    def call(self, function: str) -> Callable[..., Value]:
        """A scalar function, to be called with values of its parameters' types; NULL is None."""
        found = self.scalar_function(function)
        parameters = found._parameters
        names = [name for name, _ in parameters]
        typed = found.call([Typed(type_, lambda frame, name=name: frame[name]) for name, type_ in parameters])  # type: ignore[misc]
        return lambda *values: typed.run(dict(zip(names, values, strict=True)))

    def rows(self, function: str, *values: Value) -> list[Row]:
        """The rows of a table-valued function."""
        found = self.table_function(function)
        names = [name for name, _ in found._parameters]
        rows = found.query.run(dict(zip(names, values, strict=True)))
        return [dict(zip((name for name, _ in found.query.columns), row, strict=True)) for row in rows]

    def execute(self, procedure: str, **parameters: Any) -> list[list[Row]]:
        """The result sets of a procedure; a table-valued parameter is given as a list of dictionaries."""
        return self.run_procedure(procedure, {f"@{name.lower()}": value for name, value in parameters.items()})

    # ---- what compiled code asks

    def query(self, node: Node, scope: Scope) -> Query:
        return compile_query(node, scope)

    def table(self, name: str) -> Table:
        return _found(self._tables, name, "table")

    def table_type(self, name: str) -> Table:
        return _found(self._types, name, "table type")

    def scalar_function(self, name: str) -> Function:
        return _found(self._functions, name, "function")

    def table_function(self, name: str) -> Function:
        return _found(self._functions, name, "function")

    def run_procedure(self, name: str, given: dict[str, Any]) -> list[list[Row]]:
        node = _found(self._procedures, name, "procedure")
        scope, frame = Scope(self, {}), Frame()
        for parameter in node.all("Parameters"):
            self._bind(parameter, given, scope, frame)
        if unknown := given.keys() - frame.keys():
            raise SqlError(8145, f"{name} has no parameter {', '.join(sorted(unknown))}")
        frame |= {RESULTS: [], "@@rowcount": 0}
        block(node["StatementList"].all("Statements"), scope)(frame)
        results: list[list[Row]] = frame[RESULTS]
        return results

    def _bind(self, parameter: Node, given: dict[str, Any], scope: Scope, frame: Frame) -> None:
        variable = parameter["VariableName"]["Value"].lower()
        if parameter.get("Modifier") == "ReadOnly":
            kind = self.table_type(last_name(parameter["DataType"]["Name"]))
            scope.variables[variable] = kind
            value = given.get(variable, [])
            frame[variable] = value if isinstance(value, Table) else kind.empty()
            for row in value if isinstance(value, list) else []:
                frame[variable].insert(row)
            return
        type_: SqlType = data_type(parameter["DataType"])
        scope.variables[variable] = type_
        if variable in given:
            frame[variable] = given[variable]
        elif default := parameter.get("Value"):
            frame[variable] = converted(expression(default, scope), type_)({})
        else:
            raise SqlError(201, f"parameter {variable} was not supplied")


def _found(named: dict[str, _T], name: str, kind: str) -> _T:
    key = name.lower().rsplit(".", 1)[-1]
    if key not in named:
        raise SqlError(208, f"there is no {kind} {name}")
    return named[key]


@cache
def _parsed(text: str, place: str) -> Script:
    parsed = checker().parse(text, place)
    if not isinstance(parsed, Script):
        raise SqlError(102, str(parsed[0]))
    return parsed
