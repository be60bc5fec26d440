"""What sql/sqlserver defines, for tests that hold Python and T-SQL together: procedures, their columns, table types.

procedures()["usp_write_atoms"].parameters    -> [("tenant_id", "int", False), …, ("atoms", "dbo.AtomRows", True)]
result_columns(procedures()["usp_sources"])   -> ["sourceId", …], or None where no rows come back
table_types()["AtomRows"]                     -> [("Role", "varchar(8)"), …]
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hartonomous_resources.project_files import project_file
from tests.tools.tsql.checker import Finding, Script, checker
from tests.tools.tsql.newer import is_newer, without_batch, without_vectors
from tests.tools.tsql.shape import last_shape
from tests.tools.tsql.tree import Node, last_name, object_name

BROKERS = ("table_broker", "service_broker")
_RETURNS_ROWS = ("SelectStatement", "InsertStatement", "UpdateStatement", "DeleteStatement", "ExecuteStatement")


class Parameter(NamedTuple):
    """A parameter; its name is without the @."""

    name: str
    type: str
    is_table_type: bool


@dataclass(frozen=True, slots=True)
class Procedure:
    """A stored procedure or a function as it is defined; its name is without the schema."""

    name: str
    parameters: list[Parameter]
    optional: frozenset[str]
    """Parameters that have a default."""
    outputs: frozenset[str]
    script: Script
    node: Node


def folder() -> Path:
    """Where the T-SQL lies."""
    return project_file("sql") / "sqlserver"


def files() -> list[Path]:
    """Every script, in order: migrations, features and the journal. The others hold named statements."""
    return [file for file in sorted(folder().rglob("*.sql")) if not _has_names(file)]


def statement_files() -> list[Path]:
    """Every file of named statements, which the program runs by themselves."""
    return [file for file in sorted(folder().rglob("*.sql")) if _has_names(file)]


def _has_names(file: Path) -> bool:
    return "\n-- name: " in "\n" + file.read_text(encoding="utf-8")


@cache
def read(file: Path) -> tuple[Script | list[Finding], list[Finding]]:
    """A file's script, or what the parser has against it; and what stands in batches that its grammar is too old for.

    Only a file that is marked newer-than-2019 may have such batches: they are left out, and the rest is read.
    """
    text = file.read_text(encoding="utf-8-sig")
    place = str(file.relative_to(folder()) if file.is_relative_to(folder()) else file.name)
    if not is_newer(text):
        return checker().parse(text, place), []
    text, unread = without_vectors(text), []
    while isinstance(result := checker().parse(text, place), list):
        unread.append(result[0])
        shorter = without_batch(text, result[0].line)
        if shorter == text:
            return result, unread
        text = shorter
    return result, unread


def migrations(broker: str) -> list[Script]:
    """The scripts that make one installation: core, broker and features, in order. What the parser rejects is left out."""
    folders = ("", "migrations", broker, "spatial", "vector", "full_text")
    chosen = [file for name in folders for file in sorted((folder() / name).glob("*.sql")) if not _has_names(file)]
    return [script for script, _ in map(read, chosen) if isinstance(script, Script)]


@cache
def file_set(broker: str) -> list[Script]:
    """The scripts of one installation in their last shape: nothing in them is changed by a later one."""
    return last_shape(migrations(broker))


def parameter(node: Node) -> Parameter:
    """A parameter of a definition."""
    is_table = node.get("Modifier") == "ReadOnly"
    return Parameter(node["VariableName"]["Value"].removeprefix("@"), type_name(node["DataType"]), is_table)


def type_name(node: Node) -> str:
    """`nvarchar(max)`, `dbo.AtomRows`, of a data type."""
    name = object_name(node["Name"]) if node.get("Name") else node["kind"]
    lengths = [str(part.get("Value") or "max").lower() for part in node.all("Parameters")]
    return f"{name}({', '.join(lengths)})" if lengths else name


def _routines(scripts: Iterable[Script], *kinds: str) -> Iterator[Procedure]:
    for script in scripts:
        for node in script.tree.walk(*kinds):
            name = node["ProcedureReference"]["Name"] if node.get("ProcedureReference") else node["Name"]
            parameters = node.all("Parameters")
            named = {p["VariableName"]["Value"].removeprefix("@"): p for p in parameters}
            yield Procedure(
                last_name(name),
                [parameter(p) for p in parameters],
                frozenset(n for n, p in named.items() if p.get("Value")),
                frozenset(n for n, p in named.items() if p.get("Modifier") == "Output"),
                script,
                node,
            )


def procedures_in(scripts: Iterable[Script]) -> dict[str, Procedure]:
    """The procedures that scripts define."""
    return {procedure.name: procedure for procedure in _routines(scripts, "CreateProcedureStatement")}


def functions_in(scripts: Iterable[Script]) -> dict[str, Procedure]:
    """The functions that scripts define."""
    return {function.name: function for function in _routines(scripts, "CreateFunctionStatement")}


def table_types_in(scripts: Iterable[Script]) -> dict[str, list[tuple[str, str]]]:
    """The table types that scripts define, with the names and types of their columns in order."""
    return {
        last_name(node["Name"]): [
            (column["ColumnIdentifier"]["Value"], type_name(column["DataType"]))
            for column in node["Definition"].all("ColumnDefinitions")
        ]
        for script in scripts
        for node in script.tree.walk("CreateTypeTableStatement")
    }


@cache
def procedures(broker: str = "table_broker") -> dict[str, Procedure]:
    """The procedures of an installation, by name."""
    return procedures_in(file_set(broker))


@cache
def table_types(broker: str = "table_broker") -> dict[str, list[tuple[str, str]]]:
    """The table types of an installation, by name: (column, type) in order."""
    return table_types_in(file_set(broker))


@cache
def views() -> dict[str, Node]:
    """The queries of the views that both brokers have, by their names."""
    statements = [view for script in file_set(BROKERS[0]) for view in script.tree.walk("CreateViewStatement")]
    return {last_name(view["SchemaObjectName"]): view["SelectStatement"]["QueryExpression"] for view in statements}


def view_columns(name: str) -> list[str]:
    """The columns of a view, in order."""
    elements = views()[name].all("SelectElements")
    return [
        str(e["ColumnName"]["Value"]) if e.get("ColumnName") else last_name(e["Expression"]["MultiPartIdentifier"])
        for e in elements
    ]


def result_columns(procedure: Procedure, among: dict[str, Procedure] | None = None) -> list[str] | None:
    """The columns of a procedure's last result set, or None where it returns no rows.

    An EXEC whose rows pass through counts with what is called, if `among` holds it (default: the installation's procedures).
    A column without a name is "". A star stands for the columns of a view of ours; raises ValueError for any other, which no reader can
    rely on.
    """
    last: list[str] | None = None
    for statement in _statements(procedure.node["StatementList"]):
        found = _columns_of(statement, procedure, among)
        last = last if found is None else found
    return last


def _statements(node: Node) -> Iterator[Node]:
    """Statements that may send rows to the caller, wherever in the body they stand; not those inside other statements."""
    if node.kind in _RETURNS_ROWS:
        yield node
    elif node.kind != "DeclareCursorStatement":
        for child in node.children():
            yield from _statements(child)


def _columns_of(statement: Node, procedure: Procedure, among: dict[str, Procedure] | None) -> list[str] | None:
    if statement.kind == "ExecuteStatement":
        called = statement["ExecuteSpecification"]["ExecutableEntity"]
        if called.kind != "ExecutableProcedureReference" or not called["ProcedureReference"].get("ProcedureReference"):
            return None
        name = last_name(called["ProcedureReference"]["ProcedureReference"]["Name"])
        known = procedures() if among is None else among
        return result_columns(known[name], known) if name in known and name != procedure.name else None
    if statement.kind == "SelectStatement":
        return None if statement.get("Into") else _columns(statement["QueryExpression"], procedure)
    specification = statement[statement.kind.replace("Statement", "Specification")]
    output = specification.get("OutputClause")
    return _names(output.all("SelectColumns"), procedure) if output else None


def _columns(query: Node, procedure: Procedure) -> list[str] | None:
    if query.kind == "BinaryQueryExpression":
        return _columns(query["FirstQueryExpression"], procedure)
    if query.kind == "QueryParenthesisExpression":
        return _columns(query["QueryExpression"], procedure)
    if any(element.kind == "SelectSetVariable" for element in query.all("SelectElements")):
        return None
    return _names(query.all("SelectElements"), procedure, query.get("FromClause"))


def _names(elements: list[Node], procedure: Procedure, tables: Node | None = None) -> list[str]:
    names = []
    for element in elements:
        if element.kind == "SelectStarExpression":
            names += _columns_behind(element, procedure, tables)
            continue
        alias, expression = element.get("ColumnName"), element["Expression"]
        is_column = expression.kind == "ColumnReferenceExpression" and expression.get("MultiPartIdentifier")
        names.append(alias["Value"] if alias else last_name(expression["MultiPartIdentifier"]) if is_column else "")
    return names


def _columns_behind(star: Node, procedure: Procedure, tables: Node | None) -> list[str]:
    """The columns for which `a.*` stands, of a derived table or a view with that alias."""
    alias = last_name(star["Qualifier"]) if star.get("Qualifier") else None
    for table in tables.walk("QueryDerivedTable", "NamedTableReference") if tables and alias else ():
        if table.get("Alias") and table["Alias"]["Value"] == alias:
            query = table.get("QueryExpression") or views().get(last_name(table["SchemaObject"]))
            if query and (names := _columns(query, procedure)):
                return names
    raise ValueError(f"{procedure.name}: SELECT * returns whatever the table has; name the columns")
