"""Statements of T-SQL: from their tree to closures that change a frame."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.expressions import Frame, Scope, condition, converted, data_type, expression
from tests.tools.tsql_evaluator.queries import with_ctes
from tests.tools.tsql_evaluator.sources import from_clause
from tests.tools.tsql_evaluator.tables import Table
from tests.tools.tsql_evaluator.values import INT, SqlError, Unsupported, Value

RESULTS = "#results"
"""Where a frame holds the result sets that go to the caller."""


@dataclass(frozen=True, slots=True)
class Return:
    """How a body ended: with this value."""

    value: Value


Step = Callable[[Frame], Return | None]


def block(statements: list[Node], scope: Scope) -> Step:
    """Statements one after the other, until one returns."""
    steps = [statement(node, scope) for node in statements]

    def run(frame: Frame) -> Return | None:
        for step in steps:
            if (returned := step(frame)) is not None:
                return returned
        return None

    return run


def statement(node: Node, scope: Scope) -> Step:
    """The closure of one statement."""
    compile_ = _STATEMENTS.get(node.kind)
    if compile_ is None:
        raise Unsupported(f"{node.kind} at {node.line}:{node.column}")
    return compile_(node, scope)


def _declare(node: Node, scope: Scope) -> Step:
    steps = []
    for element in node.all("Declarations"):
        name = element["VariableName"]["Value"].lower()
        if (
            element["DataType"].kind == "UserDataTypeReference"
            and last_name(element["DataType"]["Name"]).lower() != "geometry"
        ):
            steps.append(_declare_table(name, scope.server.table_type(last_name(element["DataType"]["Name"])), scope))
            continue
        scope.variables[name] = data_type(element["DataType"])
        steps.append(_assignment(name, element.get("Value"), scope))
    return _sequence(steps)


def _declare_table(name: str, table: Table, scope: Scope) -> Step:
    scope.variables[name] = table

    def run(frame: Frame) -> None:
        frame[name] = table.empty()

    return run


def _declare_table_variable(node: Node, scope: Scope) -> Step:
    name = node["Body"]["VariableName"]["Value"].lower()
    return _declare_table(name, Table.of(name, node["Body"]["Definition"], scope), scope)


def _assignment(name: str, value: Node | None, scope: Scope) -> Step:
    run_value = converted(expression(value, scope), scope.variables[name]) if value else lambda frame: None

    def run(frame: Frame) -> None:
        frame[name] = run_value(frame)

    return run


def _set(node: Node, scope: Scope) -> Step:
    if node["AssignmentKind"] != "Equals":
        raise Unsupported(node["AssignmentKind"])
    return _assignment(node["Variable"]["Name"].lower(), node["Expression"], scope)


def _sequence(steps: list[Step]) -> Step:
    def run(frame: Frame) -> None:
        for step in steps:
            step(frame)

    return steps[0] if len(steps) == 1 else run


def _if(node: Node, scope: Scope) -> Step:
    holds = condition(node["Predicate"], scope)
    then = statement(node["ThenStatement"], scope)
    otherwise = statement(node["ElseStatement"], scope) if node.get("ElseStatement") else lambda frame: None
    return lambda frame: then(frame) if holds(frame) else otherwise(frame)


def _while(node: Node, scope: Scope) -> Step:
    holds, body = condition(node["Predicate"], scope), statement(node["Statement"], scope)

    def run(frame: Frame) -> Return | None:
        while holds(frame):
            if (returned := body(frame)) is not None:
                return returned
        return None

    return run


def _return(node: Node, scope: Scope) -> Step:
    if not node.get("Expression"):
        return lambda frame: Return(None)
    type_ = scope.variables.get("#returns", INT)
    value = converted(expression(node["Expression"], scope), type_)
    return lambda frame: Return(value(frame))


def _throw(node: Node, scope: Scope) -> Step:
    number, message = int(node["ErrorNumber"]["Value"]), node["Message"]["Value"]

    def run(frame: Frame) -> None:
        raise SqlError(number, message)

    return run


def _select(node: Node, scope: Scope) -> Step:
    query = scope.server.query(node["QueryExpression"], with_ctes(node, scope))
    names = [name for name, _ in query.columns]

    def run(frame: Frame) -> None:
        rows = query.run(frame)
        frame[RESULTS].append([dict(zip(names, row, strict=True)) for row in rows])
        frame["@@rowcount"] = len(rows)

    return run


def _insert(node: Node, scope: Scope) -> Step:
    insert = node["InsertSpecification"]
    find = _target(insert["Target"], scope)
    columns = [last_name(column["MultiPartIdentifier"]).lower() for column in insert.all("Columns")]
    if insert["InsertSource"].kind != "SelectInsertSource":
        raise Unsupported(insert["InsertSource"].kind)
    query = scope.server.query(insert["InsertSource"]["Select"], with_ctes(node, scope))
    types = dict(zip(columns, (type_ for _, type_ in query.columns), strict=True))

    def run(frame: Frame) -> None:
        table, rows = find(frame), query.run(frame)
        for row in rows:
            table.insert(dict(zip(columns, row, strict=True)), types)
        frame["@@rowcount"] = len(rows)

    return run


def _update(node: Node, scope: Scope) -> Step:
    """UPDATE alias SET … FROM …: of several rows that meet one, the last counts here; which one on a server is not said."""
    update, inner = node["UpdateSpecification"], scope.inside()
    rows = from_clause(update["FromClause"], inner)
    holds = (
        condition(update["WhereClause"]["SearchCondition"], inner) if update.get("WhereClause") else lambda frame: True
    )
    alias = last_name(update["Target"]["SchemaObject"]).lower()
    table = scope.server.table(_table_behind(alias, update["FromClause"]))
    changes = []
    for clause in update.all("SetClauses"):
        typed = expression(clause["NewValue"], inner)
        changes.append((last_name(clause["Column"]["MultiPartIdentifier"]).lower(), typed))
    types = {name: typed.type for name, typed in changes}

    def run(frame: Frame) -> None:
        met = {}
        for row in rows(frame):
            full = {**frame, **row}
            if holds(full):
                target = row[(alias, "#row")]
                met[id(target)] = (target, {name: typed.run(full) for name, typed in changes})
        for target, values in met.values():
            table.change(target, values, types)
        frame["@@rowcount"] = len(met)

    return run


def _table_behind(alias: str, clause: Node) -> str:
    for table in clause.walk("NamedTableReference"):
        if table.get("Alias") and table["Alias"]["Value"].lower() == alias:
            return last_name(table["SchemaObject"])
    raise SqlError(208, f"FROM names no {alias}")


def _target(node: Node, scope: Scope) -> Callable[[Frame], Table]:
    if node.kind == "VariableTableReference":
        name = node["Variable"]["Name"].lower()
        return lambda frame: frame[name]
    table = scope.server.table(last_name(node["SchemaObject"]))
    return lambda frame: table


def _execute(node: Node, scope: Scope) -> Step:
    called = node["ExecuteSpecification"]["ExecutableEntity"]
    name = last_name(called["ProcedureReference"]["ProcedureReference"]["Name"])
    parameters: list[tuple[str, Any]] = []
    for parameter in called.all("Parameters"):
        value = parameter["ParameterValue"]
        variable = parameter["Variable"]["Name"].lower()
        parameters.append(
            (variable, expression(value, scope).run if value.kind != "VariableReference" else value["Name"].lower())
        )

    def run(frame: Frame) -> None:
        given = {variable: frame[value] if isinstance(value, str) else value(frame) for variable, value in parameters}
        frame[RESULTS] += scope.server.run_procedure(name, given)

    return run


def _nothing(node: Node, scope: Scope) -> Step:
    return lambda frame: None


_STATEMENTS: dict[str, Callable[[Node, Scope], Step]] = {
    "BeginEndBlockStatement": lambda node, scope: block(node["StatementList"].all("Statements"), scope),
    "DeclareVariableStatement": _declare,
    "DeclareTableVariableStatement": _declare_table_variable,
    "SetVariableStatement": _set,
    "IfStatement": _if,
    "WhileStatement": _while,
    "ReturnStatement": _return,
    "ThrowStatement": _throw,
    "SelectStatement": _select,
    "InsertStatement": _insert,
    "UpdateStatement": _update,
    "ExecuteStatement": _execute,
    "PredicateSetStatement": _nothing,
    "BeginTransactionStatement": _nothing,
    "CommitTransactionStatement": _nothing,
}
