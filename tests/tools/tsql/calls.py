"""What the model does not see: calls against the definitions of what they call, and the types of table variables."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.tools.tsql.checker import Finding, Script
from tests.tools.tsql.definitions import (
    Procedure,
    functions_in,
    procedures_in,
    result_columns,
    table_types_in,
    type_name,
)
from tests.tools.tsql.tree import Node, last_name, object_name

# The server's own procedures that we call, with their parameters; the first ones must be given.
_SYSTEM = {
    "sp_getapplock": (("resource", "lockmode"), ("lockowner", "locktimeout", "dbprincipal")),
    "sp_rename": (("objname", "newname"), ("objtype",)),
    "sp_releaseapplock": (("resource",), ("lockowner", "dbprincipal")),
}


@dataclass(frozen=True)
class Definitions:
    """What may be called, by lower-case name."""

    procedures: Mapping[str, Procedure]
    functions: Mapping[str, Procedure]
    table_types: Mapping[str, list[tuple[str, str]]]

    @classmethod
    def of(cls, scripts: Iterable[Script]) -> "Definitions":
        scripts = list(scripts)
        return cls(
            {name.lower(): p for name, p in procedures_in(scripts).items()},
            {name.lower(): f for name, f in functions_in(scripts).items()},
            {name.lower(): t for name, t in table_types_in(scripts).items()},
        )


def call_findings(script: Script, definitions: Definitions) -> list[Finding]:
    """Calls of a script that do not fit what is defined."""
    found: list[Finding] = []
    for batch in script.tree.all("Batches"):
        variables = _table_typed_variables(batch)
        for execute in batch.walk("ExecuteSpecification"):
            found += _execute(script, execute, variables, definitions)
        for insert in batch.walk("InsertSpecification"):
            found += _insert_from_execute(script, insert, definitions)
        found += _function_calls(script, batch, definitions)
    return found


def _table_typed_variables(batch: Node) -> dict[str, str]:
    """Variables and parameters of a type of ours, and its lower-case name."""
    declared = batch.walk("ProcedureParameter", "DeclareVariableElement")
    return {
        node["VariableName"]["Value"].lower(): type_name(node["DataType"]).lower()
        for node in declared
        if node.get("DataType") and node["DataType"].kind == "UserDataTypeReference"
    }


def _called(execute: Node) -> Node | None:
    """The name of the procedure that is called; None for dynamic SQL."""
    reference = execute["ExecutableEntity"].get("ProcedureReference")
    procedure = reference.get("ProcedureReference") if reference else None
    return procedure["Name"] if procedure else None


def _execute(script: Script, execute: Node, variables: dict[str, str], definitions: Definitions) -> Iterator[Finding]:
    name_node = _called(execute)
    if name_node is None:
        return
    name, arguments = object_name(name_node), execute["ExecutableEntity"].all("Parameters")
    if system := _SYSTEM.get(name.lower().removeprefix("sys.")):
        needed, optional = system
        outputs: frozenset[str] = frozenset()
        order, table_types = [*needed, *optional], {}
    elif procedure := definitions.procedures.get(last_name(name_node).lower()):
        order = [p.name.lower() for p in procedure.parameters]
        needed = tuple(n for n in order if n not in {o.lower() for o in procedure.optional} | _tables(procedure))
        outputs = frozenset(o.lower() for o in procedure.outputs)
        table_types = {p.name.lower(): p.type.lower() for p in procedure.parameters if p.is_table_type}
    else:
        yield script.finding(execute, f"EXEC {name}: there is no such procedure")
        return
    given: set[str] = set()
    for position, argument in enumerate(arguments):
        variable = argument.get("Variable")
        if variable is None and position >= len(order):
            yield script.finding(argument, f"EXEC {name}: {len(arguments)} arguments for {len(order)} parameters")
            break
        parameter = variable["Name"].removeprefix("@").lower() if variable else order[position]
        if variable is None and any(before.get("Variable") for before in arguments[:position]):
            yield script.finding(argument, f"EXEC {name}: an argument without a name after one with a name")
        if parameter not in order:
            yield script.finding(argument, f"EXEC {name}: there is no parameter @{parameter}")
        if parameter in given:
            yield script.finding(argument, f"EXEC {name}: @{parameter} is given twice")
        if argument.get("IsOutput") and parameter not in outputs:
            yield script.finding(argument, f"EXEC {name}: @{parameter} is no OUTPUT parameter")
        given.add(parameter)
        passed = argument["ParameterValue"]
        type_ = variables.get(passed["Name"].lower()) if passed.kind == "VariableReference" else None
        if table_types.get(parameter) != type_:
            yield script.finding(
                argument,
                f"EXEC {name}: @{parameter} is a {table_types.get(parameter, 'scalar')}, not a {type_ or 'scalar'}",
            )
    if missing := [f"@{n}" for n in needed if n not in given]:
        yield script.finding(execute, f"EXEC {name}: {', '.join(missing)} not given")


def _tables(procedure: Procedure) -> set[str]:
    """Table-valued parameters may be left out: they are empty then."""
    return {p.name.lower() for p in procedure.parameters if p.is_table_type}


def _insert_from_execute(script: Script, insert: Node, definitions: Definitions) -> Iterator[Finding]:
    source, wanted = insert["InsertSource"], len(insert.all("Columns"))
    if source.kind != "ExecuteInsertSource" or not (name := _called(source["Execute"])):
        return
    procedure = definitions.procedures.get(last_name(name).lower())
    if procedure is None:
        return
    columns = result_columns(procedure, {p.name: p for p in definitions.procedures.values()}) or []
    if wanted and len(columns) != wanted:
        yield script.finding(insert, f"INSERT lists {wanted} columns but {object_name(name)} returns {len(columns)}")
    if inner := _with_insert_from_execute(procedure, definitions, set()):
        yield script.finding(insert, f"INSERT … EXEC cannot be nested, and {inner} has one too")


def _with_insert_from_execute(procedure: Procedure, definitions: Definitions, seen: set[str]) -> str | None:
    """The name of a procedure with an INSERT … EXEC: this one, or one that it calls."""
    seen.add(procedure.name)
    if any(
        insert["InsertSource"].kind == "ExecuteInsertSource" for insert in procedure.node.walk("InsertSpecification")
    ):
        return procedure.name
    for execute in procedure.node.walk("ExecuteSpecification"):
        called = definitions.procedures.get(last_name(name).lower()) if (name := _called(execute)) else None
        if called and called.name not in seen and (inner := _with_insert_from_execute(called, definitions, seen)):
            return inner
    return None


def _function_calls(script: Script, batch: Node, definitions: Definitions) -> Iterator[Finding]:
    for call in batch.walk("FunctionCall"):
        target = call.get("CallTarget")
        if (
            target
            and target.kind == "MultiPartIdentifierCallTarget"
            and object_name(target["MultiPartIdentifier"]) == "dbo"
        ):
            yield from _function_call(script, call, call["FunctionName"]["Value"], definitions)
    for call in batch.walk("SchemaObjectFunctionTableReference"):
        if object_name(call["SchemaObject"]).startswith("dbo."):
            yield from _function_call(script, call, last_name(call["SchemaObject"]), definitions)


def _function_call(script: Script, call: Node, name: str, definitions: Definitions) -> Iterator[Finding]:
    function, given = definitions.functions.get(name.lower()), len(call.all("Parameters"))
    if function is None:
        yield script.finding(call, f"there is no function dbo.{name}")
    elif given != len(function.parameters):
        yield script.finding(call, f"dbo.{name} takes {len(function.parameters)} arguments, not {given}")
