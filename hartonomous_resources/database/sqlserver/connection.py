"""Connecting to SQL Server: the driver, the connection string, and what the server's errors mean to a user."""

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hartonomous_resources.database.database_errors import (
    DatabaseError,
    DatabaseUnavailable,
    SchemaMismatch,
    TransactionConflict,
)
from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    import pyodbc

_ENTRA_SCOPE = "https://database.windows.net/.default"
_SQL_COPT_SS_ACCESS_TOKEN = 1256
_NUMBER = re.compile(r" ?\((-?\d+)\)(?: \(SQL\w+\)| *(?=;|$))")
_PREFIXES = re.compile(r"(^|; )\[\w{5}\] ?(?:\[(?:Microsoft|unixODBC|Driver Manager|ODBC [^\]]*|SQL Server)\])*")
"""What stands before each message: its SQLSTATE and who passed it on. Brackets within a message are the message's own."""
_VALUES = re.compile(r"(Truncated value:|duplicate key value is|n?(?:var)?char value) (?:'.*'|\(.*\))", re.DOTALL)
"""What the server quotes of a row: a tenant's own, which has no place in a message."""


def connect(settings: Settings) -> "pyodbc.Connection":
    """Open a connection with autocommit off, encrypted and with the server's certificate verified unless the settings say otherwise.

    Raises DatabaseUnavailable with one sentence that says what to do; no password is in it.
    """
    pyodbc = load_pyodbc()
    attributes = {_SQL_COPT_SS_ACCESS_TOKEN: _entra_token()} if settings.sqlserver_entra_token else {}
    try:
        connection = pyodbc.connect(
            connection_string(settings),
            timeout=settings.sqlserver_login_seconds,
            autocommit=False,
            attrs_before=attributes,
        )
    except pyodbc.Error as error:
        meant = translate_error(error, settings)
        raise (DatabaseUnavailable(str(meant)) if isinstance(meant, TransactionConflict) else meant) from error
    connection.timeout = settings.sqlserver_query_seconds
    return connection


def connection_string(settings: Settings) -> str:
    """Make the ODBC connection string of the settings; a value can hold any character and adds no keyword of its own."""
    if settings.sqlserver_dsn is not None:
        text = settings.sqlserver_dsn.get_secret_value().rstrip("; ")
        given = {key.strip().lower() for key in re.findall(r"(?:^|;)([^=;{}]+)=", _without_braced(text))}
        parts = [text]
        if not given & {"driver", "dsn", "filedsn"}:
            parts.insert(0, f"DRIVER={_braced(odbc_driver())}")
    else:
        given = set()
        parts = [f"DRIVER={_braced(odbc_driver())}", f"SERVER={_braced(settings.sqlserver_server or '')}"]
        if settings.sqlserver_database:
            parts.append(f"DATABASE={_braced(settings.sqlserver_database)}")
        if settings.sqlserver_user:
            password = settings.sqlserver_password.get_secret_value() if settings.sqlserver_password else ""
            parts += [f"UID={_braced(settings.sqlserver_user)}", f"PWD={_braced(password)}"]
        elif not settings.sqlserver_entra_token:
            parts.append("Trusted_Connection=yes")
    if "encrypt" not in given:
        parts.append(f"Encrypt={settings.sqlserver_encrypt}")
    if settings.sqlserver_trust_certificate and "trustservercertificate" not in given:
        parts.append("TrustServerCertificate=yes")
    return ";".join([*parts, "LongAsMax=yes", "APP=hartonomous"])


def _without_braced(text: str) -> str:
    """A connection string without its {braced values}, which may hold anything, also what looks like a keyword."""
    return re.sub(r"\{(?:[^}]|\}\})*\}", "{}", text)


def odbc_driver() -> str:
    """Return name or path of Microsoft's ODBC driver: the system's newest, else the one that the extra `sqlserver` brings.

    Raises DatabaseUnavailable when there is none.
    """
    installed: list[str] = [
        name for name in load_pyodbc().drivers() if re.fullmatch(r"ODBC Driver \d+ for SQL Server", name)
    ]
    if installed:
        return max(installed, key=lambda name: int(name.split()[2]))
    try:
        import mssql_python_odbc
    except ImportError as error:
        raise DatabaseUnavailable(
            "there is no ODBC driver for SQL Server: pip install 'hartonomous[sqlserver]', or install msodbcsql18"
        ) from error
    libraries = Path(mssql_python_odbc.__file__).parent / "libs"
    found = [path for path in sorted(libraries.rglob("libmsodbcsql*")) if _is_for_this_machine(path)]
    if not found:
        raise DatabaseUnavailable(f"{libraries} holds no ODBC driver for this system: install msodbcsql18")
    return str(found[0])


def _is_for_this_machine(path: Path) -> bool:
    import platform

    machine = {"aarch64": "arm64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    family = "alpine" if Path("/etc/alpine-release").exists() else "debian_ubuntu"
    if Path("/etc/redhat-release").exists():
        family = "rhel"
    if platform.system() == "Darwin":
        family = "macos"
    return machine in path.parts and family in path.parts


def load_pyodbc() -> Any:
    """The module `pyodbc`, for whoever has no connection yet.

    Raises DatabaseUnavailable where unixODBC is missing: then it cannot be imported.
    """
    try:
        import pyodbc
    except ImportError as error:
        raise DatabaseUnavailable(
            "SQL Server needs unixODBC, which no Python package brings: apt-get install libodbc2 (Debian, Ubuntu), "
            f"dnf install unixODBC (Red Hat) or brew install unixodbc (macOS) [{error}]"
        ) from error
    pyodbc.pooling = False
    return pyodbc


def _braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}"


def _entra_token() -> bytes:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError as error:
        raise DatabaseUnavailable(
            "HARTONOMOUS_SQLSERVER_ENTRA_TOKEN needs azure-identity: pip install 'hartonomous[entra]'"
        ) from error
    token = DefaultAzureCredential().get_token(_ENTRA_SCOPE).token.encode("utf-16-le")
    return struct.pack(f"<I{len(token)}s", len(token), token)


_CONFLICTS = {1205, 1222, 547, 2601, 2627, 3960, 3961} | {4221, 10928, 10929, 40197, 40501, 40613, 49918, 49919, 49920}
"""Deadlock, lock timeout, a key that another writer was first to delete or to make, snapshot conflicts; and what Azure calls transient."""

_REMEDIES: dict[int, tuple[type[DatabaseError], str]] = {
    18456: (
        DatabaseUnavailable,
        "check HARTONOMOUS_SQLSERVER_USER and _PASSWORD, and that the login exists on the server",
    ),
    18452: (DatabaseUnavailable, "the server does not know this login: give HARTONOMOUS_SQLSERVER_USER and _PASSWORD"),
    4060: (DatabaseUnavailable, "check HARTONOMOUS_SQLSERVER_DATABASE, and that the login may use it"),
    911: (DatabaseUnavailable, "check HARTONOMOUS_SQLSERVER_DATABASE"),
    229: (
        DatabaseError,
        "ALTER ROLE [hartonomous-worker-SCHEMA] ADD MEMBER [the login's user]; to migrate, own the schema",
    ),
    262: (DatabaseError, "migrate with a login that owns the schema"),
    2760: (DatabaseError, "migrate with a login that may create in the schema, or check HARTONOMOUS_SQLSERVER_SCHEMA"),
    2812: (SchemaMismatch, "the schema is missing or older than the program: run `hartonomous migrate`"),
    2715: (SchemaMismatch, "the schema is missing or older than the program: run `hartonomous migrate`"),
    9617: (DatabaseError, "a queue is disabled: `hartonomous health` gives the statement that enables it"),
    9616: (DatabaseError, "Service Broker is disabled: `hartonomous health` gives the statement that enables it"),
    15517: (
        DatabaseUnavailable,
        "the database's owner has no login here, as after a restore: ALTER AUTHORIZATION ON DATABASE::… TO sa",
    ),
    1105: (DatabaseUnavailable, "the database is full: give it room"),
    9002: (DatabaseUnavailable, "the transaction log is full: back it up or give it room"),
    3906: (DatabaseUnavailable, "the database is read-only"),
    3952: (SchemaMismatch, "ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON"),
}


def translate_error(error: Exception, settings: Settings, procedure: str | None = None) -> DatabaseError:
    """Turn a driver's error into ours, in one line: with what to do, or with all that the server and the driver said.

    `error.args` is (SQLSTATE, text) as pyodbc raises it; `procedure` is what was called.
    """
    state = str(error.args[0]) if error.args else ""
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    found = _NUMBER.search(text)
    number = int(found[1]) if found else 0
    words = _VALUES.sub(r"\1 …", _PREFIXES.sub(r"\1", _NUMBER.sub("", text)))
    words = " ".join(words.split()).strip(" ;")
    place = f"SQL Server {_place(settings)}"
    if number in _CONFLICTS or state == "40001":
        return TransactionConflict(f"{place}: {words}")
    if number in _REMEDIES:
        kind, remedy = _REMEDIES[number]
        return kind(f"{place}: {words}; {_in_settings(remedy, settings)}")
    if 51000 <= number < 52000:  # raised by our own procedures
        return DatabaseError(f"{place}: {words}")
    if "certificate" in text.lower() or "SSL" in text:
        return DatabaseUnavailable(
            f"{place}: its certificate is not trusted ({words}); install its authority on this machine, or for development set "
            "HARTONOMOUS_SQLSERVER_TRUST_CERTIFICATE=true"
        )
    if state in ("08S01", "08003", "08007"):
        return TransactionConflict(f"{place}: the connection broke: {words}")
    # The driver tries until its time is over: a port that nobody listens on and an unknown host are timeouts, too.
    if state in ("08001", "08004", "HYT01") or (state == "HYT00" and "SQLDriverConnect" in text):
        remedy = "check HARTONOMOUS_SQLSERVER_SERVER and the network, or raise HARTONOMOUS_SQLSERVER_LOGIN_SECONDS"
        return DatabaseUnavailable(f"{place} cannot be reached: {words}; {_in_settings(remedy, settings)}")
    if state == "HYT00" and number == 0:
        return DatabaseUnavailable(
            f"{place}: no answer in time ({words}); look who holds locks, or raise HARTONOMOUS_SQLSERVER_QUERY_SECONDS"
        )
    if state == "FA005":
        return DatabaseUnavailable(
            f"{place}: HARTONOMOUS_SQLSERVER_ENTRA_TOKEN is the login: take user, password, Authentication and "
            "Trusted_Connection out of HARTONOMOUS_SQLSERVER_DSN"
        )
    if state == "01000" and "file not found" in text:
        return DatabaseUnavailable(f"the ODBC driver cannot be loaded: {words}; pip install 'hartonomous[sqlserver]'")
    if state == "IM002":
        return DatabaseUnavailable(f"the ODBC driver of HARTONOMOUS_SQLSERVER_DSN is not installed: {words}")
    called = f", in {procedure}" if procedure else ""
    return DatabaseError(f"{place}: {words} (SQLSTATE {state}, error {number}{called})")


_PARTS = {
    "HARTONOMOUS_SQLSERVER_USER and _PASSWORD": "login",
    "HARTONOMOUS_SQLSERVER_DATABASE": "database",
    "HARTONOMOUS_SQLSERVER_SERVER": "server",
}


def _in_settings(remedy: str, settings: Settings) -> str:
    """A remedy with our schema, and where a DSN is given, with its parts instead of variables that do not count then."""
    remedy = remedy.replace("worker-SCHEMA", f"worker-{settings.sqlserver_schema}")
    for variable, part in _PARTS.items() if settings.sqlserver_dsn is not None else ():
        remedy = remedy.replace(variable, f"the {part} in HARTONOMOUS_SQLSERVER_DSN")
    return remedy


def _place(settings: Settings) -> str:
    """Server and database, without login and password."""
    if settings.sqlserver_dsn is None:
        return f"{settings.sqlserver_server}/{settings.sqlserver_database or '(default database)'}"
    text = _without_braced(settings.sqlserver_dsn.get_secret_value())
    given = re.findall(r"(?i)(?:^|;)\s*(?:server|dsn|database)\s*=\s*([^;{}]+)", text)
    return "/".join(given) or "(HARTONOMOUS_SQLSERVER_DSN)"
