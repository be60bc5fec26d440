"""A plan in the making, and what its parts share."""

from dataclasses import dataclass, field

from hartonomous_resources.database.sqlserver.adoption.column_types import holders
from hartonomous_resources.database.sqlserver.adoption.old_schema import OldSchema, OldTable, adoption_statements

_CONSTRAINTS = {"C", "D", "F", "PK", "UQ"}


@dataclass(slots=True)
class Draft:
    """A plan in the making. Statements are written for dbo."""

    old: OldSchema
    differences: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    job_statements: list[str] = field(default_factory=list)

    def named(self, *names: str) -> list[str]:
        """Statements of rows.sql."""
        return [adoption_statements()[name] for name in names]

    def free_name(self, name: str) -> None:
        """See to it that a constraint of ours can have its name, which must be unique in the schema."""
        there = self.old.objects.get(name.lower())
        if there is None:
            return
        if there.kind not in _CONSTRAINTS:
            self.refusals.append(
                f"the name {name}, which a constraint needs, is taken: rename what has it, then adopt again"
            )
            return
        self.differences.append(f"constraint {name} is another one here: it becomes {name}_adopted")
        self.statements.append(rename_statement(f"dbo.{name}", f"{name}_adopted", "OBJECT"))


def quoted(name: str) -> str:
    """Quote a name from the database as an identifier: what it holds cannot end it. Unprintable characters are shown as ?."""
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return "[" + shown.replace("]", "]]") + "]"


def blocking(draft: Draft, old: OldTable, column: str, free: set[str]) -> str:
    """Name what keeps a column from being changed, except for the kinds in `free`."""
    foreign: dict[str, set[str]] = {}
    for key in draft.old.foreign_keys:
        for table, columns in ((key.table, key.columns), (key.references, key.referenced_columns)):
            if table.lower() == old.name.lower():
                foreign.setdefault(key.name, set()).update(name.lower() for name in columns)
    return ", ".join(quoted(name) for name, kind in holders(old, column, foreign).items() if kind not in free)


def rename_statement(what: str, new_name: str, kind: str) -> str:
    """Return the statement that gives something another name; `new_name` and `kind` are words that we know."""
    named = what.replace("'", "''")
    return f"EXEC sys.sp_rename @objname = N'{named}', @newname = N'{new_name}', @objtype = N'{kind}'"
