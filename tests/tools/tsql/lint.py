"""What the parser accepts and the server would not: rules of T-SQL on one script, seen on its tree."""

import re
from collections.abc import Iterator
from itertools import pairwise

from tests.tools.tsql.checker import Finding, Script
from tests.tools.tsql.functions import AGGREGATES, BUILT_IN, VECTOR_FUNCTIONS
from tests.tools.tsql.newer import is_newer
from tests.tools.tsql.tree import Node, last_name, object_name

_QUEUE_COLUMNS = (
    "status priority queuing_order conversation_group_id conversation_handle message_sequence_number service_name service_id"
    " service_contract_name service_contract_id message_type_name message_type_id validation message_body message_id"
    " message_enqueue_time"
)
_LONGEST = {
    "VarBinary": 8000,
    "Binary": 8000,
    "VarChar": 8000,
    "Char": 8000,
    "NVarChar": 4000,
    "NChar": 4000,
    "DateTime2": 7,
}
_STARTS_A_STATEMENT = {"THROW", "SEND", "RECEIVE"}
_STATEMENTS_AFTER_SEMICOLON = {"ThrowStatement": "THROW", "SendStatement": "SEND", "ReceiveStatement": "RECEIVE"}
_SUBQUERIES = ("ScalarSubquery", "QueryDerivedTable", "CommonTableExpression", "ExistsPredicate", "InPredicate")


def lint(script: Script) -> list[Finding]:
    """Findings of all rules, in the order of the script."""
    found = [finding for rule in _RULES for finding in rule(script)]
    return sorted(found, key=lambda finding: (finding.line, finding.column))


def width(query: Node) -> int | None:
    """How many columns a query expression returns; None where a star hides it."""
    if query.kind == "BinaryQueryExpression":
        return width(query["FirstQueryExpression"])
    if query.kind == "QueryParenthesisExpression":
        return width(query["QueryExpression"])
    elements = query.all("SelectElements")
    if any(element.kind == "SelectStarExpression" for element in elements):
        return None
    return len(elements)


def table_variables(root: Node) -> dict[str, Node]:
    """Definitions of the table variables below, by their lower-case name."""
    bodies = root.walk("DeclareTableVariableBody")
    return {body["VariableName"]["Value"].lower(): body["Definition"] for body in bodies if body.get("VariableName")}


def _inserts(script: Script) -> Iterator[Finding]:
    for insert in script.tree.walk("InsertSpecification"):
        wanted, source = len(insert.all("Columns")), insert["InsertSource"]
        if not wanted:
            if insert["Target"].kind == "NamedTableReference":
                yield script.finding(insert, "INSERT into a table must list its columns")
        elif source.kind == "ValuesInsertSource":
            for row in source.all("RowValues"):
                if (values := len(row.all("ColumnValues"))) != wanted:
                    yield script.finding(row, f"INSERT lists {wanted} columns but VALUES has {values}")
        elif source.kind == "SelectInsertSource" and (given := width(source["Select"])) not in (None, wanted):
            yield script.finding(insert, f"INSERT lists {wanted} columns but SELECT has {given}")


def _outputs(script: Script) -> Iterator[Finding]:
    for batch in script.tree.all("Batches"):
        declared = table_variables(batch)
        for output in batch.walk("OutputIntoClause"):
            into, given = output["IntoTable"], len(output.all("SelectColumns"))
            known = declared.get(into["Variable"]["Name"].lower()) if into.kind == "VariableTableReference" else None
            wanted = len(output.all("IntoTableColumns")) or (len(known.all("ColumnDefinitions")) if known else given)
            if wanted != given:
                yield script.finding(output, f"OUTPUT gives {given} columns, INTO takes {wanted}")


def _queries(script: Script) -> Iterator[Finding]:
    for binary in script.tree.walk("BinaryQueryExpression"):
        first, second = width(binary["FirstQueryExpression"]), width(binary["SecondQueryExpression"])
        if first and second and first != second:
            yield script.finding(binary, f"{binary['BinaryQueryExpressionType']} of {first} and {second} columns")
    for subquery in script.tree.walk("ScalarSubquery"):
        if subquery["QueryExpression"].get("ForClause"):  # FOR JSON and FOR XML make one text of all
            continue
        if (columns := width(subquery["QueryExpression"])) not in (None, 1) and not _is_of_exists(script, subquery):
            yield script.finding(subquery, f"a subquery as an expression must have one column, not {columns}")
    for inner in script.tree.walk("QueryDerivedTable", "CommonTableExpression", "ScalarSubquery"):
        query = inner["QueryExpression"]
        if query.get("OrderByClause") and not any(query.get(n) for n in ("TopRowFilter", "OffsetClause", "ForClause")):
            yield script.finding(inner, "ORDER BY is not allowed in a subquery without TOP, OFFSET or FOR")
    for query in script.tree.walk("QuerySpecification"):
        for clause in filter(None, (query.get("WhereClause"), query.get("GroupByClause"))):
            for call in _at_this_level(clause):
                if call.kind == "FunctionCall" and (call.get("OverClause") or _is_aggregate(call)):
                    yield script.finding(call, f"{call['FunctionName']['Value']} is not allowed in WHERE or GROUP BY")


def _is_of_exists(script: Script, subquery: Node) -> bool:
    return any(exists["Subquery"] is subquery for exists in script.tree.walk("ExistsPredicate"))


def _at_this_level(node: Node) -> Iterator[Node]:
    """The nodes below that belong to the same query, not to a subquery."""
    yield node
    for child in node.children():
        if child.kind not in _SUBQUERIES and child.kind != "QuerySpecification":
            yield from _at_this_level(child)


def _is_aggregate(node: Node) -> bool:
    if node.kind != "FunctionCall" or node.get("CallTarget"):
        return False
    return node["FunctionName"]["Value"].upper() in AGGREGATES and not node.get("OverClause")


def _grouping(script: Script) -> Iterator[Finding]:
    for query in script.tree.walk("QuerySpecification"):
        selected = [e for e in query.all("SelectElements") if e.kind != "SelectStarExpression"]
        group = query.get("GroupByClause")
        if not group and not any(_is_aggregate(node) for element in selected for node in _at_this_level(element)):
            continue
        if group and any(s.kind != "ExpressionGroupingSpecification" for s in group.all("GroupingSpecifications")):
            continue  # ROLLUP, CUBE, GROUPING SETS
        grouped = {_plain(s.text(script.text)) for s in (group.all("GroupingSpecifications") if group else [])}
        clauses = [clause for clause in (query.get("HavingClause"),) if clause]
        for part in [element["Expression"] for element in selected] + clauses:
            for column in _ungrouped(script, part, grouped):
                yield script.finding(column, f"{column.text(script.text)} is neither aggregated nor in GROUP BY")


def _plain(expression: str) -> str:
    return re.sub(r"\s+", "", expression).lower()


def _ungrouped(script: Script, node: Node, grouped: set[str]) -> Iterator[Node]:
    text = _plain(node.text(script.text))
    if text in grouped or _is_aggregate(node) or node.kind in (*_SUBQUERIES, "QuerySpecification"):
        return
    if node.kind == "ColumnReferenceExpression":
        name = text.rsplit(".", 1)[-1]
        same = {name} if "." in text else {g for g in grouped if g.rsplit(".", 1)[-1] == name}
        if node.get("MultiPartIdentifier") and not same & grouped:
            yield node
        return
    for child in node.children():
        yield from _ungrouped(script, child, grouped)


def _receives(script: Script) -> Iterator[Finding]:
    for receive in script.tree.walk("ReceiveStatement"):
        for element in receive.all("SelectElements"):
            for column in element.walk("ColumnReferenceExpression"):
                name = last_name(column["MultiPartIdentifier"]) if column.get("MultiPartIdentifier") else "*"
                if name.lower() not in _QUEUE_COLUMNS.split():
                    yield script.finding(column, f"RECEIVE: a queue has no column {name}")
    for text in script.tree.walk("StringLiteral", "Identifier"):
        if "https://schemas.microsoft.com/SQL/ServiceBroker" in text["Value"]:
            yield script.finding(text, "Service Broker's own message types begin with http://, not https://")


def _types(script: Script) -> Iterator[Finding]:
    for type_ in script.tree.walk("SqlDataTypeReference"):
        name, parameters = type_["SqlDataTypeOption"], type_.all("Parameters")
        value = str(parameters[0].get("Value")) if parameters else ""
        if name in _LONGEST and value.isdigit() and int(value) > _LONGEST[name]:
            yield script.finding(type_, f"{name}({value}): the most is {_LONGEST[name]}")


def _words_read_as_names(script: Script) -> Iterator[Finding]:
    for node in script.tree.walk():
        if node.kind == "Permission":  # GRANT SEND ON, GRANT RECEIVE ON
            continue
        for name in node.children():
            word = name["Value"].upper() if name.kind == "Identifier" else ""
            if word in _STARTS_A_STATEMENT and name.get("QuoteType") == "NotQuoted":
                yield script.finding(name, f"{word} is read as a name: end the statement before it with a semicolon")


def _unended_statements(script: Script) -> Iterator[Finding]:
    """The parser forgives these; the server does not."""
    for parent in script.tree.walk():
        for before, statement in pairwise(parent.all("Statements")):
            word = _STATEMENTS_AFTER_SEMICOLON.get(statement.kind)
            if statement.get("WithCtesAndXmlNamespaces"):
                word = "WITH"
            if word and not before.text(script.text).rstrip().endswith(";"):
                yield script.finding(statement, f"{word}: the statement before it must end with a semicolon")


def _throws(script: Script) -> Iterator[Finding]:
    for throw in script.tree.walk("ThrowStatement"):
        number = throw.get("ErrorNumber")
        if number and number.kind == "IntegerLiteral" and int(number["Value"]) < 50000:
            yield script.finding(throw, f"THROW {number['Value']}: the number must be at least 50000")


def _built_in_functions(script: Script) -> Iterator[Finding]:
    known = BUILT_IN | (VECTOR_FUNCTIONS if is_newer(script.text) else {})
    for call in script.tree.walk("FunctionCall"):
        if call.get("CallTarget"):
            continue
        name, given = call["FunctionName"]["Value"].upper(), len(call.all("Parameters"))
        if name not in known:
            yield script.finding(call, f"{name} is no built-in function that SQL Server 2019 is known to have")
        elif not known[name][0] <= given <= known[name][1]:
            low, high = known[name]
            yield script.finding(
                call, f"{name} takes {low if low == high else f'{low} to {high}'} arguments, not {given}"
            )


def _large_numbers(script: Script) -> Iterator[Finding]:
    """9223372036854775807 is numeric(19, 0): TOP and & refuse it, and sums with it are no bigint any more."""
    converted = {id(call["Parameter"]) for call in script.tree.walk("ConvertCall", "CastCall")}
    for number in script.tree.walk("IntegerLiteral", "NumericLiteral"):
        if id(number) not in converted and number["Value"].isdigit() and int(number["Value"]) >= 2**31:
            yield script.finding(number, f"{number['Value']} is numeric: CONVERT(bigint, {number['Value']})")


def _sequences(script: Script) -> Iterator[Finding]:
    forbidden = (
        *_SUBQUERIES,
        "SearchedCaseExpression",
        "SimpleCaseExpression",
        "CoalesceExpression",
        "IIfCall",
        "NullIfExpression",
    )
    seen = set()
    for outer in script.tree.walk(*forbidden, "WhereClause", "OrderByClause", "OutputClause", "OutputIntoClause"):
        for value in outer.walk("NextValueForExpression"):
            if value.offset not in seen:
                seen.add(value.offset)
                yield script.finding(
                    value, "NEXT VALUE FOR is not allowed in a subquery, a condition, CASE, ORDER BY or OUTPUT"
                )
    for query in script.tree.walk("QuerySpecification"):
        for value in (v for element in query.all("SelectElements") for v in element.walk("NextValueForExpression")):
            if query.get("UniqueRowFilter") == "Distinct" or query.get("TopRowFilter") or query.get("GroupByClause"):
                yield script.finding(value, "NEXT VALUE FOR is not allowed with DISTINCT, TOP or GROUP BY")
            if query.get("OrderByClause") and not value.get("OverClause"):
                yield script.finding(value, "NEXT VALUE FOR in a SELECT with ORDER BY needs OVER (ORDER BY …)")


def _cursors(script: Script) -> Iterator[Finding]:
    for batch in script.tree.all("Batches"):
        widths = {c["Name"]["Value"].lower(): width(c["CursorDefinition"]["Select"]["QueryExpression"])
                  for c in batch.walk("DeclareCursorStatement")}  # fmt: skip
        for fetch in batch.walk("FetchCursorStatement"):
            name = fetch["Cursor"]["Name"]["Value"] if fetch["Cursor"].get("Name") else ""
            wanted, given = widths.get(name.lower()), len(fetch.all("IntoVariables"))
            if name.lower() not in widths:
                yield script.finding(fetch, f"FETCH: there is no cursor {name} in this batch")
            elif wanted is not None and given and wanted != given:
                yield script.finding(fetch, f"FETCH: cursor {name} has {wanted} columns, INTO takes {given}")


def triggered_outputs(*scripts: Script) -> Iterator[Finding]:
    """Changes that return rows by OUTPUT, of tables that have a trigger in any of the scripts: the server refuses them when they run."""
    triggers = [trigger for script in scripts for trigger in script.tree.walk("CreateTriggerStatement")]
    triggered = {object_name(trigger["TriggerObject"]["Name"]).lower() for trigger in triggers}
    for script in scripts:
        for change in script.tree.walk("InsertSpecification", "UpdateSpecification", "DeleteSpecification"):
            target = change["Target"]
            name = object_name(target["SchemaObject"]).lower() if target.kind == "NamedTableReference" else ""
            if change.get("OutputClause") and name in triggered:
                yield script.finding(change, f"{name} has a trigger: OUTPUT needs INTO")


_RULES = (
    *(_inserts, _outputs, _queries, _grouping, _receives, _types, _words_read_as_names, _throws),
    _unended_statements,
    *(_built_in_functions, _large_numbers, _sequences, _cursors, triggered_outputs),
)
