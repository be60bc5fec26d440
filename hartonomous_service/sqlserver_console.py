"""Runs SQL on SQL Server: the text as it is, with the rights of the login."""

from typing import Any

from hartonomous_resources.database.database_errors import DatabaseUnavailable, TransactionConflict
from hartonomous_resources.database.sqlserver.connection import connect, load_pyodbc, translate_error
from hartonomous_resources.database.sqlserver.scripts import split_batches
from hartonomous_resources.settings import Settings
from hartonomous_service.arguments import PageLength, Seconds, TypedText, checked
from hartonomous_service.errors import Invalid, Unavailable
from hartonomous_service.sql_values import to_json_value


@checked
def run_sql_on_server(
    settings: Settings, text: TypedText, *, write: bool = False, limit: PageLength = 1000, seconds: Seconds = 60.0
) -> dict[str, Any]:
    """Run the batches of a text (separated by GO) in one transaction.

    Without `write`, only statements that read are allowed, and the transaction is rolled back. Returns what `sql_console.run_sql` returns.

    Raises Invalid with the server's own message, Unavailable when it cannot be used.
    """
    pyodbc = load_pyodbc()

    if not write:
        _refuse_changes(text)
    connection = connect(settings)
    connection.timeout = max(1, round(seconds))
    results: list[dict[str, Any]] = []
    last: dict[str, Any] = {"columns": [], "rows": [], "truncated": False}
    changed = 0
    try:
        for batch in split_batches(text):
            cursor = connection.execute(batch)
            while True:
                if cursor.description:
                    fetched = cursor.fetchmany(limit + 1)
                    rows = [[to_json_value(value) for value in row] for row in fetched[:limit]]
                    names = [column[0] for column in cursor.description]
                    last = {"columns": names, "rows": rows, "truncated": len(fetched) > limit}
                    results.append(last)
                else:
                    changed += max(cursor.rowcount, 0)
                if not cursor.nextset():
                    break
        if write:
            connection.commit()
        else:
            connection.rollback()
    except pyodbc.Error as error:
        hint = "; the atom exists: this tenant has one with the same ContentHash" if _ATOM_KEY in str(error) else ""
        meant = translate_error(error, settings)
        kind = Unavailable if isinstance(meant, DatabaseUnavailable | TransactionConflict) else Invalid
        raise kind(f"sql: {meant}{hint}") from error
    finally:
        connection.close()
    return {**last, "rowsChanged": changed, "results": results}


_ATOM_KEY = "UQ_Atom_ContentHash"
_CHANGES = frozenset({
    "ALTER", "BACKUP", "BEGIN", "BULK", "COMMIT", "CREATE", "DBCC", "DELETE", "DENY", "DISABLE", "DROP", "ENABLE", "EXEC", "EXECUTE",
    "GRANT", "INSERT", "INTO", "KILL", "MERGE", "MOVE", "NEXT", "OPENDATASOURCE", "OPENQUERY", "OPENROWSET", "RECEIVE", "RECONFIGURE",
    "RESTORE", "REVERT", "REVOKE", "ROLLBACK", "SAVE", "SEND", "SET", "SHUTDOWN", "TRUNCATE", "UPDATE", "UPDATETEXT", "WAITFOR",
    "WRITETEXT",
})  # fmt: skip
"""Words that begin or make a change. T-SQL needs no semicolon between statements, so they are looked for everywhere outside of
strings, comments and quoted names."""


def _refuse_changes(text: str) -> None:
    from sqlglot import TokenType, errors, tokenize

    try:
        tokens = [token for batch in split_batches(text) for token in tokenize(batch, read="tsql")]
    except errors.TokenError as error:
        raise Invalid("sql: cannot tell that this only reads", remedy="write") from error
    quoted = (TokenType.STRING, TokenType.NATIONAL_STRING, TokenType.IDENTIFIER)
    for token in tokens:
        if token.token_type not in quoted and token.text.upper() in _CHANGES:
            raise Invalid(
                f"sql: {token.text} is more than SELECT (a name is written as [{token.text}])", remedy="write"
            )
