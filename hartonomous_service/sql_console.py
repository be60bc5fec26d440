"""`sql`: statements against the embedded database, in SQLite's dialect or SQL Server's.

What people wrote for SQL Server (TOP, dbo., HASHBYTES, CAST … AS VARBINARY, GETUTCDATE) is transpiled, so that the same quick
checks work on both stores. The file is opened read-only unless writing is asked for.
"""

import hashlib
import re
import sqlite3
import time
from typing import Any

from hartonomous_resources.clock import timestamp
from hartonomous_resources.database.sqlite import BUSY_SECONDS
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import CommandError


def run_sql(
    settings: Settings, text: str, *, write: bool = False, n: int = 1000, seconds: float = 60.0
) -> dict[str, Any]:
    """Run statements (separated by semicolons) in one transaction; the last one's first `n` rows are returned.

    A transaction that takes longer than `seconds` is given up. Sees every tenant: it is a tool of whoever owns the home.
    Returns {"columns", "rows", "rowsChanged", "truncated"}; bytes are shown in hex.

    Raises CommandError with the database's own words.
    """
    connection = sqlite3.connect(":memory:", timeout=BUSY_SECONDS, isolation_level=None, uri=True)
    try:
        connection.create_function("SHA2", 2, _sha2, deterministic=True)
        connection.create_function("GETUTCDATE", 0, timestamp)
        connection.create_function("SYSUTCDATETIME", 0, timestamp)
        mode = "rw" if write else "ro"
        # Attached under SQL Server's schema name, so that dbo.Atom and Atom are the same table.
        connection.execute("ATTACH DATABASE ? AS dbo", (f"{settings.database_path.absolute().as_uri()}?mode={mode}",))
        connection.execute("PRAGMA foreign_keys = ON")
        connection.set_authorizer(_refuse_other_files)
        deadline = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
        connection.execute("BEGIN")
        cursor = None
        changed = 0
        for statement in _to_sqlite(text):
            cursor = connection.execute(statement)
            changed += max(cursor.rowcount, 0)
        columns = [item[0] for item in cursor.description] if cursor and cursor.description else []
        fetched = cursor.fetchmany(n + 1) if cursor and columns else []
        connection.execute("COMMIT")
        return {
            "columns": columns,
            "rows": [[value.hex() if isinstance(value, bytes) else value for value in row] for row in fetched[:n]],
            "rowsChanged": changed,
            "truncated": len(fetched) > n,
        }
    except sqlite3.Error as error:
        hint = "; give --write to change data" if "readonly" in str(error) else ""
        hint = f"; it ran longer than {seconds:g} s, give --seconds for more" if "interrupted" in str(error) else hint
        raise CommandError(f"sql: {error}{hint}") from error
    finally:
        connection.close()


_TSQL = re.compile(
    r"\bTOP\b|\bdbo\.|\bUSE\b|HASHBYTES|GETUTCDATE|SYSUTCDATETIME|VARBINARY|NVARCHAR|\bN'|\b0x|\.ToString\(",
    re.IGNORECASE,
)
"""Words that only T-SQL has; without them a text is SQLite's own."""


def _refuse_other_files(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _sha2(value: str | bytes | None, bits: int) -> bytes | None:
    if value is None or bits != 256:
        return None
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).digest()


def _to_sqlite(text: str) -> list[str]:
    import sqlglot
    from sqlglot import exp

    if not _TSQL.search(text):
        dialect = "sqlite"
        if ";" not in text.rstrip().rstrip(";"):
            return [text]  # one statement of SQLite's own: nothing to translate
    else:
        dialect = "tsql"
    try:
        trees = [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
    except sqlglot.errors.SqlglotError:
        return [text]  # SQLite's own grammar, perhaps: it says what is wrong, if anything is
    if not trees:
        raise CommandError("sql: there is no statement in the text")
    statements = []
    for tree in trees:
        if isinstance(tree, exp.Use):
            continue  # one database: nothing to switch to
        for dot in list(tree.find_all(exp.Dot)):
            called = dot.expression
            if isinstance(called, exp.Func) and called.name.lower() == "tostring":
                dot.replace(dot.this)  # SpatialKey.ToString(): the column is text here
            elif isinstance(called, exp.Func):
                dot.replace(called)  # dbo.some_function(): functions have no schema here
        statements.append(tree.sql(dialect="sqlite"))
    return statements
