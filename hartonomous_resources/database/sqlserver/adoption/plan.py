"""Adopt the database of the .NET system: report what differs, add what is missing in one transaction, lose no row.

    old = read_old_schema(query, schema)
    plan = plan_adoption(old, schema)      # pure: a dry run prints plan.report() and plan.statements
    adopt(connection, plan)                # in the caller's transaction, which writes the journal, too

The plan makes everything that migration 0001_tables would have made, so the journal records that one as applied, and the other
migrations follow as usual. The old rows get the hour of the adoption as their IngestHour, whenever they were created: it is the
first hour of Dagster's grid, so what they still need is done in one run. The journal's line must not be of a later hour.

What cannot be mapped is refused in a sentence that says what to do, before anything is changed.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hartonomous_resources.database.database_errors import DatabaseError, SchemaMismatch
from hartonomous_resources.database.sqlserver.adoption.adopted_tables import adopt_table
from hartonomous_resources.database.sqlserver.adoption.draft import Draft, quoted, rename_statement
from hartonomous_resources.database.sqlserver.adoption.old_schema import (
    ADOPTED_TABLES,
    OldColumn,
    OldSchema,
    adoption_statements,
)
from hartonomous_resources.database.sqlserver.adoption.target import (
    FEATURES,
    TABLES_MIGRATION,
    Column,
    Constraint,
    Index,
    Sequence,
    Table,
    later_columns,
    later_names,
    target_definitions,
)
from hartonomous_resources.database.sqlserver.scripts import in_schema

SET_ASIDE_SCHEMA = "hartonomous_old"
_MOVED_KINDS = {"P", "PC", "FN", "FS", "FT", "IF", "TF", "V", "TYPE"}

# What the rows must not hold, by the statement of contents.sql that counts it.
_BROKEN_ROWS = {
    "journal_lines": "{n} migrations of ours ran in this schema already: there is nothing to adopt, use `hartonomous migrate` alone",
    "duplicate_atoms": "{n} pairs of TenantId and ContentHash occur more than once in Atom: point what refers to the later rows "
    "at the first, delete the later ones, then adopt again",
    "wrong_hashes": "Atom.ContentHash is not 32 bytes long in {n} rows: set it to HASHBYTES('SHA2_256', …) of their bytes, then adopt again",
    "vectors_of_wrong_length": "AtomEmbedding.EmbeddingVector is not 4 * Dimension bytes long in {n} rows: correct Dimension, or delete "
    "them to have them embedded anew, then adopt again",
    "embeddings_without_atom": "{n} rows of AtomEmbedding name an atom that is not there: delete them, then adopt again",
    "duplicate_embeddings": "{n} atoms have several embeddings of one dimension, and nothing says by which models: keep the latest of "
    "each, then adopt again",
    "duplicate_embeddings_of_a_type": "{n} atoms have several embeddings of one dimension and EmbeddingTypeId: keep the latest of each, "
    "then adopt again",
    "embeddings_of_another_tenant": "{n} rows of AtomEmbedding belong to another tenant than their atom: set their TenantId to the "
    "atom's, then adopt again",
    "jobs_without_json": "BackgroundJob.Parameters is not JSON in {n} rows: correct or delete them, then adopt again",
}
_LISTED_VALUES = {
    "atom_modalities": ("Atom", "Modality", "CK_Atom_Modality"),
    "job_statuses": ("BackgroundJob", "Status", "CK_BackgroundJob_Status"),
}


class Cursor(Protocol):
    """What adopting needs of a cursor of the driver."""

    def execute(self, sql: str) -> Any: ...
    def fetchone(self) -> Any: ...
    def nextset(self) -> Any: ...


class Connection(Protocol):
    """What adopting needs of a connection of the driver, whose transaction is open."""

    def cursor(self) -> Cursor: ...


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """What an adoption would do. Nothing is to be done where `refusals` says anything."""

    schema: str
    differences: tuple[str, ...]
    refusals: tuple[str, ...]
    changes: tuple[str, ...]
    new_jobs: tuple[str, ...]
    rows: Mapping[str, int]

    @property
    def statements(self) -> tuple[str, ...]:
        """The T-SQL in order, each to be sent by itself: a statement may need what the one before it made."""
        return (*self.changes, *self.new_jobs)

    def report(self) -> list[str]:
        """Sentences for people: what differs, what is kept, what is refused and what to do about it."""
        lines = list(self.differences) or ["nothing differs"]
        lines += [f"{table}: {count:,} rows are kept" for table, count in self.rows.items() if self.statements]
        lines += ["atoms that have no job get one: they are embedded by the new model" for _ in self.new_jobs]
        return lines + [f"refused: {sentence}" for sentence in self.refusals]


def plan_adoption(old: OldSchema, schema: str = "dbo", features: Collection[str] = FEATURES) -> AdoptionPlan:
    """Plan, statement by statement, how to turn `old` into what our first migration makes.

    `features` are the folders beside the migrations that will be installed afterwards: their names must be free, too.
    """
    draft = Draft(old)
    definitions = target_definitions()
    indexes = [definition for definition in definitions if isinstance(definition, Index)]
    if not any(old.table(name) for name in ADOPTED_TABLES):
        draft.refusals.append(
            f"schema {schema} has none of the tables {', '.join(ADOPTED_TABLES)}: nothing to adopt, use `hartonomous migrate` alone"
        )
    elif old.table("AtomEmbedding") and not old.table("Atom"):
        draft.refusals.append(
            "there is a table AtomEmbedding, but no Atom that its rows belong to: rename or restore it, then adopt again"
        )
    features = tuple(sorted(features))
    later = later_columns(features)
    _set_names_aside(draft, later_names(features))
    for definition in definitions:
        match definition:
            case Table() if old.table(definition.name) is None:
                _create_table(draft, definition)
            case Table() if definition.name in ADOPTED_TABLES:
                adopt_table(draft, definition, indexes, later.get(definition.name, ()))
            case Table():
                _accept_table(draft, definition, later.get(definition.name, ()))
            case Index():
                _create_index(draft, definition)
            case Sequence():
                _create_sequence(draft, definition)
    _refuse_rows(draft)
    return AdoptionPlan(
        schema=schema,
        differences=tuple(draft.differences),
        refusals=tuple(draft.refusals),
        changes=tuple(in_schema(text, schema) for text in draft.statements),
        new_jobs=tuple(in_schema(text, schema) for text in draft.job_statements),
        rows={name: there.rows for name in ADOPTED_TABLES if (there := old.table(name))},
    )


def adopt(connection: Connection, plan: AdoptionPlan) -> dict[str, int]:
    """Run a plan in the open transaction of `connection`; returns the rows of each old table, all of which are still there.

    The tables are locked until the caller commits. Raises SchemaMismatch for a plan with refusals, before anything runs, and
    DatabaseError when a table holds another number of rows afterwards: the caller then rolls back.
    """
    if plan.refusals:
        raise SchemaMismatch("; ".join(plan.refusals))
    cursor = connection.cursor()
    before = _count_rows(cursor, plan)
    for statement in plan.changes:
        _run(cursor, statement)
    after = _count_rows(cursor, plan)
    if after != before:
        changed = ", ".join(
            f"{name} had {before[name]} rows and has {after[name]}" for name in before if before[name] != after[name]
        )
        raise DatabaseError(
            f"adopting schema {plan.schema} would change what it holds ({changed}): nothing is changed; report this"
        )
    for statement in plan.new_jobs:
        _run(cursor, statement)
    return before


def _count_rows(cursor: Cursor, plan: AdoptionPlan) -> dict[str, int]:
    counts = {}
    for name in plan.rows:
        cursor.execute(in_schema(adoption_statements()[f"lock_{name.lower()}"], plan.schema))
        counts[name] = int(cursor.fetchone()[0])
    return counts


def _run(cursor: Cursor, statement: str) -> None:
    cursor.execute(statement)
    while cursor.nextset():  # an error may stand behind a result, such as the warning that sp_rename prints
        pass


def _set_names_aside(draft: Draft, names: Mapping[str, str]) -> None:
    """Make room for what later migrations create: old procedures, functions, views and types move into a schema of their own."""
    moves = []
    for name, kind in sorted(names.items()):
        there = draft.old.objects.get(name.lower())
        if there is None:
            continue
        if there.kind == "SQ":
            draft.refusals.append(
                f"queue {name} is there: let the old workers empty it, DROP its services and then the queue, or use "
                "HARTONOMOUS_BROKER=table, or another schema (HARTONOMOUS_SQLSERVER_SCHEMA)"
            )
        elif there.kind not in _MOVED_KINDS or there.bound:
            why = "something bound to it depends on it" if there.bound else f"it is no {kind.lower()}"
            draft.refusals.append(
                f"the name {name} is needed for a {kind.lower()}, and {why}: rename or drop what has it, then adopt again"
            )
        else:
            draft.differences.append(
                f"{kind.lower()} {name} is an old one: it moves to schema {SET_ASIDE_SCHEMA}, ours takes its name"
            )
            entity = "TYPE" if there.kind == "TYPE" else "OBJECT"
            moves.append(f"ALTER SCHEMA {SET_ASIDE_SCHEMA} TRANSFER {entity}::dbo.{name}")
    if moves and not draft.old.has_set_aside_schema:
        draft.statements.append(f"CREATE SCHEMA {SET_ASIDE_SCHEMA}")
    draft.statements += moves


def _create_table(draft: Draft, table: Table) -> None:
    if table.name.lower() in draft.old.objects:
        draft.refusals.append(
            f"the name {table.name}, which a table needs, is taken: rename what has it, then adopt again"
        )
        return
    for constraint in table.constraints:
        draft.free_name(constraint.name)
    draft.differences.append(f"there is no table {table.name}: it is made")
    draft.statements.append(table.statement)


def _accept_table(draft: Draft, table: Table, later: Collection[str]) -> None:
    """A table that the old system is not known to have: it must be ours, without the columns that `later` migrations add to it."""
    there = {column.name: draft.old.column(table.name, column.name) for column in table.columns}
    differing = [column.name for column in table.columns if not _is_ours(column, there[column.name])]
    differing += [name for name in later if draft.old.column(table.name, name)]
    if differing:
        draft.refusals.append(
            f"table {table.name} is there and is not ours ({differing[0]} differs): move it away with "
            f"CREATE SCHEMA {SET_ASIDE_SCHEMA} and ALTER SCHEMA {SET_ASIDE_SCHEMA} TRANSFER {table.name}, then adopt again"
        )


def _is_ours(column: Column, there: OldColumn | None) -> bool:
    if there is None:
        return False
    same_type = there.type_text == column.type_text or {there.type, column.type} == {"timestamp", "rowversion"}
    return same_type or column.computed_as is not None


def _create_index(draft: Draft, index: Index) -> None:
    old = draft.old.table(index.table)
    there = next((i for i in old.indexes if i.name.lower() == index.name.lower()), None) if old else None
    if there:
        same_columns = [c.lower() for c in there.columns] == [c.lower() for c in index.columns]
        if same_columns and there.unique == index.unique and bool(there.filter) == index.filtered:
            return
        draft.differences.append(
            f"index {index.name} of {index.table} is another one here: it becomes {index.name}_adopted"
        )
        draft.statements.append(rename_statement(f"dbo.{index.table}.{index.name}", f"{index.name}_adopted", "INDEX"))
    elif old:
        draft.differences.append(f"{index.table} has no index {index.name}: it is made")
    draft.statements.append(index.statement)


def _create_sequence(draft: Draft, sequence: Sequence) -> None:
    there = draft.old.objects.get(sequence.name.lower())
    if there is None:
        draft.differences.append(f"there is no sequence {sequence.name}: it is made")
        draft.statements.append(sequence.statement)
    elif there.kind != "SO":
        draft.refusals.append(
            f"the name {sequence.name}, which a sequence needs, is taken: rename what has it, then adopt again"
        )


def _refuse_rows(draft: Draft) -> None:
    contents = draft.old.contents
    for name, sentence in _BROKEN_ROWS.items():
        if name in contents and (count := int(contents[name][0]["n"])):
            draft.refusals.append(sentence.format(n=count))
    for name, (table, column, check) in _LISTED_VALUES.items():
        allowed = _allowed_values(table, check)
        for row in contents.get(name, ()):
            if row["value"] is not None and row["value"] not in allowed:
                draft.refusals.append(
                    f"{table}.{column} is {quoted(row['value'])} in {row['n']} rows, here it is one of {', '.join(sorted(allowed))}: "
                    f"UPDATE {table} to one of these, then adopt again"
                )


def _allowed_values(table: str, check: str) -> set[str]:
    """The values that a check of ours lists."""
    for definition in target_definitions():
        if isinstance(definition, Table) and definition.name == table:
            found: list[Constraint] = [c for c in definition.constraints if c.name == check]
            return set(re.findall(r"'([^']*)'", found[0].text))
    raise ValueError(f"{TABLES_MIGRATION} defines no {check}")
