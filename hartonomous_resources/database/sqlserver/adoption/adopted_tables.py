"""How one table of the old system becomes one of ours: column by column, then its constraints."""

import re
from collections.abc import Collection

from hartonomous_resources.database.sqlserver.adoption.column_types import fitting_type, grows_in_place
from hartonomous_resources.database.sqlserver.adoption.constraints import add_constraint, report_the_rest
from hartonomous_resources.database.sqlserver.adoption.draft import Draft, blocking, quoted, rename_statement
from hartonomous_resources.database.sqlserver.adoption.old_schema import OldColumn, OldTable
from hartonomous_resources.database.sqlserver.adoption.target import Column, Index, Table

SET_ASIDE_PREFIX = "Adopted"

# Columns that mean something else here: kept under another name, so that ours can follow its own rule.
_SET_ASIDE = {
    "Atom": {"ReferenceCount": "it counts what no row of SourceAtom says"},
    "BackgroundJob": {"ModelId": "here it is a row of EmbeddingModel"},
    "AtomEmbedding": {
        "SpatialKey": "here it follows from X, Y, Z, which take its values",
        "SpatialBucketX": "here it is computed from X",
        "SpatialBucketY": "here it is computed from Y",
        "SpatialBucketZ": "here it is computed from Z",
    },
}

# Statements of rows.sql that fill a new column of rows that are there already.
_FILLED = {
    ("AtomEmbedding", "TenantId"): ("assign_embedding_tenants",),
    ("AtomEmbedding", "ModelId"): ("adopt_embedding_models", "assign_embedding_models"),
    ("AtomEmbedding", "Z"): ("assign_positions",),
    ("AtomEmbedding", "IngestHour"): ("assign_embedding_hours",),
    ("BackgroundJob", "AtomId"): ("assign_job_atoms",),
    ("BackgroundJob", "IngestHour"): ("assign_job_hours",),
}
_RENAMES_FREELY = {"index", "primary key", "foreign key"}
_GROWS_FREELY = {"index", "check"}


def adopt_table(draft: Draft, table: Table, indexes: list[Index], later: Collection[str]) -> None:
    """Plan what turns the old table of this name into ours. `later`: the columns that later migrations add to it."""
    old = draft.old.table(table.name)
    if old is None:
        raise ValueError(f"there is no table {table.name} to adopt")
    if old.versioned:
        draft.refusals.append(
            f"{table.name} is system-versioned, so its times cannot be written: ALTER TABLE {table.name} SET "
            f"(SYSTEM_VERSIONING = OFF), then ALTER TABLE {table.name} DROP PERIOD FOR SYSTEM_TIME; the history table stays"
        )
        return
    aside = _set_aside(draft, table, old, later)
    added = set()
    in_key = table.key_columns(indexes)
    for column in table.columns:
        there = None if column.name in aside else old.column(column.name)
        if there is None:
            _add_column(draft, table, column, aside)
            added.add(column.name)
        else:
            _keep_column(draft, table, old, column, there, column.name in in_key)
    made = {constraint for column in table.columns if column.name in added for constraint in column.constraints}
    for constraint in table.constraints:
        if constraint not in made:
            add_constraint(draft, table, old, constraint)
    report_the_rest(draft, table, old, aside)
    if table.name == "BackgroundJob" and "LeaseUntil" in added:
        draft.statements += draft.named("end_claims_of_old_workers")
    if table.name == "BackgroundJob" and "AtomId" in added:
        draft.statements += draft.named("refuse_jobs_without_atom")
    if table.name == "Atom" and "InsertedByHand" in added:
        draft.job_statements += draft.named("queue_atoms_without_job")


def _set_aside(draft: Draft, table: Table, old: OldTable, later: Collection[str]) -> set[str]:
    aside = set()
    for name, why in (
        dict.fromkeys(later, "a migration adds one with this name") | _SET_ASIDE.get(table.name, {})
    ).items():
        there = old.column(name)
        new_name = SET_ASIDE_PREFIX + name
        if there is None:
            continue
        if there.computed_as:
            if name in later:
                draft.refusals.append(
                    f"{table.name}.{name} is computed, so it cannot be renamed, and {why}: drop it, then adopt again"
                )
            continue
        if name in ("ReferenceCount", "ModelId") and draft.old.table("SourceAtom"):
            continue  # it is our own
        held_by = blocking(draft, old, name, _RENAMES_FREELY)
        if old.column(new_name):
            draft.refusals.append(
                f"{table.name} has a column {new_name} already, the name that {name} would get: rename it"
            )
        elif held_by:
            draft.refusals.append(
                f"{table.name}.{name} has to be renamed, but {held_by} depend on it: drop them, then adopt again"
            )
        elif not there.nullable and not there.default:
            draft.refusals.append(
                f"{table.name}.{name} must have a value, and new rows will have none: "
                "let it be NULL by ALTER COLUMN (an index on it has to go first), then adopt again"
            )
        else:
            draft.differences.append(
                f"{table.name}.{name} is a column of another meaning ({why}): it becomes {new_name}"
            )
            draft.statements.append(rename_statement(f"dbo.{table.name}.{name}", new_name, "COLUMN"))
        aside.add(name)
    return aside


def _add_column(draft: Draft, table: Table, column: Column, aside: set[str]) -> None:
    fills = _FILLED.get((table.name, column.name), ())
    if column.name == "Z":
        there = draft.old.column(table.name, "SpatialKey")
        fills = fills if "SpatialKey" in aside and there and there.type == "geometry" else ()
    if column.name == "ModelId" and draft.old.column(table.name, "EmbeddingTypeId"):
        fills = tuple(f"{name}_of_types" for name in fills)
    can_be_added = column.nullable or column.default or column.computed_as or column.type == "rowversion" or fills
    if column.identity or not can_be_added:
        draft.refusals.append(
            f"{table.name} has no column {column.name} {column.type_text}, and nothing says its values: add and fill it"
        )
        return
    for constraint in column.constraints:
        draft.free_name(constraint.name)
    draft.differences.append(f"{table.name} has no column {column.name}: it is added")
    if column.nullable or not fills:
        draft.statements.append(f"ALTER TABLE dbo.{table.name} ADD {column.definition}")
        draft.statements += draft.named(*fills)
        return
    draft.statements.append(f"ALTER TABLE dbo.{table.name} ADD {column.name} {column.type_text} NULL")
    draft.statements += draft.named(*fills)
    draft.statements.append(f"ALTER TABLE dbo.{table.name} ALTER COLUMN {column.name} {column.type_text} NOT NULL")
    draft.statements += [
        f"ALTER TABLE dbo.{table.name} ADD {constraint.definition}" for constraint in column.constraints
    ]


def _keep_column(draft: Draft, table: Table, old: OldTable, column: Column, there: OldColumn, in_key: bool) -> None:
    name = f"{table.name}.{column.name}"
    if column.computed_as:
        inputs = [c.name for c in table.columns if re.search(rf"\b{c.name}\b", column.computed_as)]
        if not there.computed_as or not all(f"[{part.lower()}]" in there.computed_as.lower() for part in inputs):
            draft.refusals.append(
                f"{name} is not computed from {', '.join(inputs)} as here: rename or drop it, then adopt again"
            )
        return
    if there.computed_as or there.generated:
        draft.refusals.append(
            f"{name} is written by the server, here the program writes it: make it a plain column, then adopt again"
        )
        return
    if column.identity != there.identity:
        is_missing = "is not numbered by the server (IDENTITY), which cannot be added to a column"
        draft.refusals.append(
            f"{name} {is_missing if column.identity else 'is an IDENTITY column, here it is not'}: copy the table into one that fits"
        )
        return
    empty = draft.old.empty_values.get((table.name, column.name), 0)
    if empty:
        draft.refusals.append(
            f"{name} is NULL in {empty} rows, here it must have a value: fill it there, then adopt again"
        )
        return
    new_type = fitting_type(there, column, in_key)
    if new_type is None:
        draft.refusals.append(
            f"{name} is {there.type_text}, here it is {column.type_text}, and one cannot become the other without looking at the values: "
            f"convert the column, then adopt again"
        )
        return
    _alter_column(draft, table, old, column, there, new_type)
    if column.default and not there.default:
        draft.free_name(column.default.name)
        draft.differences.append(f"{name} has no default: it gets {column.default.text}")
        draft.statements.append(f"ALTER TABLE dbo.{table.name} ADD {column.default.definition}")


def _alter_column(draft: Draft, table: Table, old: OldTable, column: Column, there: OldColumn, new_type: str) -> None:
    """Widen the type and bring NULL or NOT NULL in line, where they differ."""
    name = f"{table.name}.{column.name}"
    free = {"index"}
    if new_type != there.type_text:
        draft.differences.append(f"{name} is {there.type_text}, here it is {column.type_text}: it becomes {new_type}")
        free = _GROWS_FREELY if grows_in_place(there, new_type) else set()
    nullable = there.nullable
    if column.nullable and not there.nullable:
        draft.differences.append(f"{name} must have a value, here it may have none: it becomes NULL")
        nullable = True
    elif there.nullable and not column.nullable:
        held = blocking(draft, old, column.name, set())
        nullable = bool(held)  # no row is NULL, and our own writes leave none so
        left = f"it stays so, because {held} depend on it, and no row lacks one" if held else "it becomes NOT NULL"
        draft.differences.append(f"{name} may have no value, here it must: {left}")
    if new_type == there.type_text and nullable == there.nullable:
        return
    held_by = blocking(draft, old, column.name, free)
    if there.default and new_type != there.type_text and not grows_in_place(there, new_type):
        held_by = ", ".join(part for part in (held_by, quoted(there.default)) if part)
    if held_by:
        draft.refusals.append(
            f"{name} has to become {new_type} {'NULL' if nullable else 'NOT NULL'}, but {held_by} depend on it: "
            "drop them, adopt again, and make them anew"
        )
        return
    collation = f" COLLATE {there.collation}" if _is_plain(there.collation) else ""
    draft.statements.append(
        f"ALTER TABLE dbo.{table.name} ALTER COLUMN {column.name} {new_type}{collation} {'NULL' if nullable else 'NOT NULL'}"
    )


def _is_plain(collation: str | None) -> bool:
    """Whether it looks like the name of a collation: it goes into a statement without quotes."""
    return bool(collation and re.fullmatch(r"[A-Za-z0-9_]+", collation))
