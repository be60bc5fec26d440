"""The constraints of an adopted table, and what only the old one has: added, kept or refused."""

from hartonomous_resources.database.sqlserver.adoption.draft import Draft, quoted, rename_statement
from hartonomous_resources.database.sqlserver.adoption.old_schema import OldTable
from hartonomous_resources.database.sqlserver.adoption.target import Constraint, Table

# Statements of rows.sql that make a check true of the rows that are there.
_MADE_TRUE = {"CK_BackgroundJob_MaxAttempts": ("give_jobs_an_attempt",)}


def add_constraint(draft: Draft, table: Table, old: OldTable, constraint: Constraint) -> None:
    """Add a constraint of ours that is not there; one that says otherwise is refused."""
    wanted = {name.lower() for name in constraint.columns}
    match constraint.kind:
        case "DEFAULT":
            return
        case "PRIMARY KEY":
            key = next((i for i in old.indexes if i.primary and {c.lower() for c in i.columns} == wanted), None)
            if key and key.name.lower() != constraint.name.lower():  # a full-text index names it
                draft.free_name(constraint.name)
                draft.differences.append(
                    f"the primary key of {table.name} is {quoted(key.name)}: it becomes {constraint.name}"
                )
                draft.statements.append(rename_statement(f"dbo.{quoted(key.name)}", constraint.name, "OBJECT"))
            elif not key:
                columns = ", ".join(constraint.columns)
                draft.refusals.append(
                    f"the primary key of {table.name} is not ({columns}): ALTER TABLE {table.name} ADD CONSTRAINT {constraint.name} "
                    f"PRIMARY KEY ({columns}) after dropping the one that is there, then adopt again"
                )
            return
        case "UNIQUE":
            if any(i.unique and not i.filter and {c.lower() for c in i.columns} == wanted for i in old.indexes):
                return
        case "CHECK":
            if constraint.name.lower() in {name.lower() for name in old.checks}:
                return
        case "REFERENCES":
            if _is_referenced(draft, table, constraint):
                return
    draft.free_name(constraint.name)
    draft.differences.append(f"{table.name} has no constraint {constraint.name}: it is added")
    draft.statements += draft.named(*_MADE_TRUE.get(constraint.name, ()))
    draft.statements.append(f"ALTER TABLE dbo.{table.name} ADD {constraint.definition}")


def _is_referenced(draft: Draft, table: Table, constraint: Constraint) -> bool:
    """Whether the foreign key is there; another one over its column is refused, and then nothing is to be added either."""
    other_table, other_column, cascades = constraint.reference
    for key in draft.old.foreign_keys:
        if key.table.lower() != table.name.lower() or [c.lower() for c in key.columns] != [
            constraint.columns[0].lower()
        ]:
            continue
        target = (key.references.lower(), [c.lower() for c in key.referenced_columns], key.cascades)
        if target != (other_table.lower(), [other_column.lower()], cascades):
            draft.refusals.append(
                f"{table.name}.{constraint.columns[0]} refers to {quoted(key.references)}, here it is "
                f"{constraint.definition.split(' ', 2)[2]}: ALTER TABLE {table.name} DROP CONSTRAINT {quoted(key.name)}, rename the "
                "column if it means something else, then adopt again"
            )
        return True
    return False


def report_the_rest(draft: Draft, table: Table, old: OldTable, aside: set[str]) -> None:
    """What only the old table has: kept if new rows can do without it, refused if it would reject them."""
    ours = {column.name.lower() for column in table.columns} | {name.lower() for name in aside}
    for lower, column in old.columns.items():
        if lower in ours:
            continue
        filled = column.nullable or column.default or column.computed_as or column.identity or column.generated
        if filled or column.type in ("timestamp", "rowversion"):
            draft.differences.append(
                f"{table.name}.{quoted(column.name)} is not known here: it stays, and new rows leave it to its default"
            )
        else:
            draft.refusals.append(
                f"{table.name}.{quoted(column.name)} must have a value and has no default, and new rows will have none: "
                f"ALTER TABLE {table.name} ADD DEFAULT … FOR {quoted(column.name)}, or let it be NULL, then adopt again"
            )
    keys = [{c.lower() for c in k.columns} for k in table.constraints if k.kind in ("PRIMARY KEY", "UNIQUE")]
    for index in old.indexes:
        if index.unique and not index.primary and not any(key <= {c.lower() for c in index.columns} for key in keys):
            drop = f"ALTER TABLE {table.name} DROP CONSTRAINT {quoted(index.name)}"
            if not index.constraint:
                drop = f"DROP INDEX {quoted(index.name)} ON {table.name}"
            draft.refusals.append(
                f"{table.name} allows one row for each ({', '.join(quoted(c) for c in index.columns)}), here several may be right: "
                f"{drop}, then adopt again"
            )
    known = {constraint.name.lower() for constraint in table.constraints}
    for name, definition in old.checks.items():
        if name.lower() not in known:
            shown = quoted(definition)[1:-1]
            draft.differences.append(
                f"{table.name} has a check of its own, {quoted(name)}: it stays, and rejects what breaks {shown}"
            )
    for there in draft.old.objects.values():
        if there.kind in ("TR", "TA") and (there.parent or "").lower() == table.name.lower():
            draft.differences.append(
                f"{table.name} has a trigger of its own, {quoted(there.name)}: it stays, and runs on our writes too"
            )
