"""Rules of this project's T-SQL: what the language allows and we do not."""

from collections.abc import Iterator

from tests.tools.tsql.checker import Finding, Script
from tests.tools.tsql.tree import Node, object_name

# A migration makes objects, changes what an earlier one made, and moves rows along; everything else is a procedure's work.
_IN_MIGRATIONS = ("Create", "AlterTableAddTableElement", "AlterTableDropTableElement", "AlterRole", "Grant")
_IN_MIGRATIONS += ("DropIndex", "DropProcedure", "DropType")
_IN_MIGRATIONS += ("InsertStatement", "UpdateStatement", "DeleteStatement")
_OF_ROWS = ("InsertStatement", "UpdateStatement", "DeleteStatement")
_PROCEDURES = ("CreateProcedureStatement", "CreateOrAlterProcedureStatement")
_TRIGGERS = ("CreateTriggerStatement", "CreateOrAlterTriggerStatement")
_BODIES = (*_PROCEDURES, *_TRIGGERS, "CreateFunctionStatement", "CreateOrAlterFunctionStatement")
_WITHOUT_SCHEMA = {"inserted", "deleted"}


def statement_rules(script: Script) -> Iterator[Finding]:
    """Rules for any statement, also for those in Python."""
    for merge in script.tree.walk("MergeStatement"):
        yield script.finding(merge, "MERGE is not used: INSERT … WHERE NOT EXISTS and UPDATE say what they lock")
    for execute in script.tree.walk("ExecuteSpecification"):
        what = execute["ExecutableEntity"]
        if what.kind == "ExecutableStringList":
            yield script.finding(execute, "dynamic SQL is not used")
            continue
        procedure = what["ProcedureReference"].get("ProcedureReference")
        if procedure is None or object_name(procedure["Name"]).lower().split(".")[-1] in (
            "sp_executesql",
            "sp_execute",
        ):
            yield script.finding(execute, "dynamic SQL is not used")
    yield from _schemas(script)


def file_rules(script: Script) -> Iterator[Finding]:
    """Rules for the migrations of sql/sqlserver."""
    for batch in script.tree.all("Batches"):
        yield from _alteration_rules(script, batch)
        for statement in batch.all("Statements"):
            made = statement["ThenStatement"] if statement.kind == "IfStatement" else statement
            if not made.kind.startswith(_IN_MIGRATIONS):
                yield script.finding(statement, f"{statement.kind} does not belong in a migration")
            if statement.kind in _PROCEDURES:
                yield from _procedure_rules(script, statement)
            elif statement.kind in _TRIGGERS and not _sets_nocount(statement):
                yield script.finding(statement, "a trigger begins with SET NOCOUNT ON")
            body = (
                statement["StatementList"].all("Statements")
                if statement.kind in _BODIES and statement.get("StatementList")
                else []
            )
            if body and body[0].kind == "BeginEndBlockStatement" and len(body) > 1:
                yield script.finding(body[1], "GO is missing: this still belongs to the body above")


def _alteration_rules(script: Script, batch: Node) -> Iterator[Finding]:
    statements = batch.all("Statements")
    if any(one.kind.startswith("AlterTable") for one in statements):
        for statement in (one for one in statements if one.kind in _OF_ROWS):
            yield script.finding(statement, "GO is missing: a batch is compiled before its ALTER TABLE runs")
    for added in (one for one in statements if one.kind == "AlterTableAddTableElementStatement"):
        for column in added["Definition"].all("ColumnDefinitions"):
            if not column.get("DefaultConstraint") and not _may_be_empty(column):
                yield script.finding(column, "a column that is added is NULL or has a DEFAULT: there are rows already")


def _may_be_empty(column: Node) -> bool:
    """Whether rows that are there already need no value of it from us."""
    if column.get("ComputedColumnExpression") or column.get("IdentityOptions"):
        return True
    return not any(
        c.kind == "NullableConstraintDefinition" and not c.get("Nullable") for c in column.all("Constraints")
    )


def _procedure_rules(script: Script, procedure: Node) -> Iterator[Finding]:
    if not _sets_nocount(procedure):
        yield script.finding(procedure, "a procedure begins with SET NOCOUNT ON")
    owners = [clause["ExecuteAsOption"] for clause in procedure.walk("ExecuteAsClause")]
    if owners != ["Owner"]:
        yield script.finding(procedure, "a procedure is WITH EXECUTE AS OWNER: its callers have no right on the tables")


def _sets_nocount(body: Node) -> bool:
    return any(
        "NoCount" in options["Options"] and options.get("IsOn") for options in body.walk("PredicateSetStatement")
    )


def _schemas(script: Script) -> Iterator[Finding]:
    """Objects are named with their schema: without it, whose they are depends on who calls."""
    for batch in script.tree.all("Batches"):
        local = {
            cte["ExpressionName"]["Value"].lower() for cte in batch.walk("CommonTableExpression")
        } | _WITHOUT_SCHEMA
        local |= {node["Alias"]["Value"].lower() for node in batch.walk() if isinstance(node.get("Alias"), Node)}
        for table in batch.walk("NamedTableReference"):
            name = object_name(table["SchemaObject"])
            if "." not in name and name.lower() not in local and not name.startswith("#"):
                yield script.finding(table, f"{name} has no schema")
        for procedure in batch.walk("ProcedureReference"):
            if "." not in (name := object_name(procedure["Name"])):
                yield script.finding(procedure, f"{name} has no schema")
        for statement in batch.all("Statements"):
            name_node = statement.get("SchemaObjectName") or statement.get("Name")
            schema_less = (
                "CreateSchema",
                "CreateRole",
                "CreateUser",
                "CreateMessageType",
                "CreateContract",
                "CreateService",
                "CreateIndex",
            )
            if not statement.kind.startswith("Create") or statement.kind.startswith(schema_less):
                continue
            if name_node and name_node.kind == "SchemaObjectName" and "." not in (name := object_name(name_node)):
                yield script.finding(statement, f"{name} has no schema")
