"""Which type of an old column serves where our definition says another, and which can be widened without changing a value."""

from dataclasses import replace

from hartonomous_resources.database.sqlserver.adoption.old_schema import OldColumn, OldTable
from hartonomous_resources.database.sqlserver.adoption.target import Column, type_text

_MAX = 2**31
_VARIABLE = ("varchar", "nvarchar", "varbinary")
_WIDENED = {
    "bigint": ("int", "smallint", "tinyint"),
    "int": ("smallint", "tinyint"),
    "float": ("real",),
    "datetime2": ("datetime", "smalldatetime", "date"),
}
_LARGE = {"nvarchar": ("ntext", "text"), "varchar": ("text",), "varbinary": ("image",)}


def fitting_type(there: OldColumn, wanted: Column, in_key: bool) -> str | None:
    """The type that the column should have: its own where that serves, a wider one where the change loses nothing.

    None: there is no such type. `in_key`: an index of ours holds the column, so it may not be of unlimited length.
    """
    if wanted.type == "rowversion":
        return there.type_text if there.type in ("timestamp", "rowversion") else None
    if _holds_utf8(wanted.type, wanted.collation) and not _holds_utf8(there.type, there.collation):
        wanted = replace(wanted, type="nvarchar")  # holds the same texts, and is what the old system has
    if wanted.type in _VARIABLE:
        return _variable(there, wanted, in_key)
    if wanted.type == "binary":
        serves = there.type == "binary" and there.length == wanted.length
        # Of variable length: that each value has the right one is counted apart.
        return there.type_text if serves or (there.type == "varbinary" and there.length >= wanted.length) else None
    if wanted.type == "datetime2" and there.type == "datetime2":
        return there.type_text if there.length >= wanted.length else wanted.type_text
    if there.type in _WIDENED.get(wanted.type, ()):
        return wanted.type_text
    same = there.type == wanted.type and (there.length == wanted.length or not wanted.length)
    return there.type_text if same else None


def _holds_utf8(type_name: str, collation: str | None) -> bool:
    return type_name == "varchar" and (collation or "").endswith("_UTF8")


def _variable(there: OldColumn, wanted: Column, in_key: bool) -> str | None:
    if there.type in _LARGE[wanted.type] and wanted.length < 0:
        return wanted.type_text
    if there.type == wanted.type or (there.type, wanted.type) == ("nvarchar", "varchar"):
        name = there.type
    elif (there.type, wanted.type) == ("varchar", "nvarchar"):
        name = wanted.type
    else:
        return None
    length = max(_unlimited(there.length), _unlimited(wanted.length))
    if in_key and length == _MAX:
        return None
    return type_text(name, -1 if length == _MAX else length)


def _unlimited(length: int) -> int:
    return _MAX if length < 0 else length


def grows_in_place(there: OldColumn, new_type: str) -> bool:
    """Whether only the length grows, and not without limit: SQL Server allows that to a column that an index holds."""
    return there.type in _VARIABLE and new_type.startswith(f"{there.type}(") and not new_type.endswith("(max)")


def holders(table: OldTable, name: str, foreign: dict[str, set[str]]) -> dict[str, str]:
    """What holds a column fast, by name, with its kind: primary key, index, filter, check, computed column, view, foreign key.

    `foreign` holds the columns of each foreign key that begins or ends in this table.
    """
    lower = name.lower()
    quoted = f"[{lower}]"
    found: dict[str, str] = {}
    for index in table.indexes:
        if index.filter and quoted in index.filter.lower():
            found[index.name] = "filter"
        elif lower in {part.lower() for part in (*index.columns, *index.included)}:
            found[index.name] = "primary key" if index.primary else "index"
    for check, definition in table.checks.items():
        if quoted in definition.lower():
            found[check] = "check"
    for column in table.columns.values():
        if column.computed_as and quoted in column.computed_as.lower():
            found[column.name] = "computed column"
    for key, columns in foreign.items():
        if lower in columns:
            found[key] = "foreign key"
    for view in table.bound.get(lower, ()):
        found.setdefault(view, "view")
    return found
