"""Statements of T-SQL: from their trees to steps in a frame."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.expressions import Frame, Run, Scope, condition, expression
from tests.tools.tsql_evaluator.queries import alias_of, compile_query, filtered, source, with_ctes
from tests.tools.tsql_evaluator.tables import Table
from tests.tools.tsql_evaluator.values import SqlError, Type, Unsupported, Value

Step = Callable[[Frame], bool | None]
"""Runs a statement in a frame; True ends the body, whose value is then in the frame."""
RETURNED, RESULTS = "#returned", "#results"


def block(statements: list[Node], scope: Scope) -> Step:
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


def insert(node: Node, scope: Scope) -> Step:
    insert = node["InsertSpecification"]
    columns = [last_name(column["MultiPartIdentifier"]) for column in insert.all("Columns")]
    rows, target = _rows_toinsert(insert["InsertSource"], with_ctes(node, scope)), insert["Target"]

    def run(frame: Frame) -> None:
        new = [dict(zip(columns, row, strict=True)) for row in rows(frame)]
        if target.kind == "VariableTableReference":
            scope.server.insert_rows(frame[target["Variable"]["Name"].lower()], new)
        else:
            scope.server.insert_rows(scope.server.table(_name(target)), new, _name(target))

    return run


def _rows_toinsert(node: Node, scope: Scope) -> Callable[[Frame], Iterable[Sequence[Value]]]:
    if node.kind != "ValuesInsertSource":
        return compile_query(node["Select"], scope).run
    listed = [[expression(value, scope) for value in row.all("ColumnValues")] for row in node.all("RowValues")]
    return lambda frame: [[value(frame) for value in row] for row in listed]


def _name(reference: Node) -> str:
    return last_name(reference["SchemaObject"])


def _update(node: Node, scope: Scope) -> Step:
    """UPDATE alias SET … FROM …, or UPDATE table SET …"""
    update = node["UpdateSpecification"]
    [table_reference] = update["FromClause"].all("TableReferences") if update.get("FromClause") else [update["Target"]]
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
    "BeginEndBlockStatement": lambda node, scope: block(node["StatementList"].all("Statements"), scope),
    "DeclareVariableStatement": _declare,
    "DeclareTableVariableStatement": _declare_table,
    "SetVariableStatement": lambda node, scope: _set_to(node["Variable"]["Name"].lower(), node["Expression"], scope),
    "IfStatement": _if,
    "WhileStatement": _while,
    "ReturnStatement": _return,
    "ThrowStatement": _throw,
    "SelectStatement": _select,
    "InsertStatement": insert,
    "UpdateStatement": _update,
    "ExecuteStatement": _execute,
    "PredicateSetStatement": lambda node, scope: lambda frame: None,
    "BeginTransactionStatement": lambda node, scope: lambda frame: None,
    "CommitTransactionStatement": lambda node, scope: lambda frame: None,
}
