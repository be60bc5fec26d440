"""A Neo4j database: one pool of connections a process, managed transactions, and failures in one sentence."""

import logging
import re
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from hartonomous_core.credentials import without_credentials
from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.graph.neo4j_migrations import migrate
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.protocol import GraphUnavailable, belongs_to_another_database
from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    import neo4j

T = TypeVar("T")
Work = Callable[["neo4j.ManagedTransaction"], T]

_POOL = 10
_SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")

# Codes of the server (https://neo4j.com/docs/status-codes/current/) by their beginning, and what to do; the first that fits is said.
_ADVICE = {
    "Neo.ClientError.Security.Unauthorized": "refuses user {user}: wrong name or password, correct HARTONOMOUS_NEO4J_USER and "
    "HARTONOMOUS_NEO4J_PASSWORD",
    "Neo.ClientError.Security.AuthenticationRateLimit": "refuses user {user} after too many failed logins: correct "
    "HARTONOMOUS_NEO4J_PASSWORD and wait some seconds",
    "Neo.ClientError.Security.CredentialsExpired": "wants a new password for user {user} first: ALTER CURRENT USER SET PASSWORD",
    "Neo.ClientError.Security.": "does not allow this to user {user}: grant read, write and schema rights on database {database} "
    "({message})",
    "Neo.ClientError.Database.DatabaseNotFound": "has no database {database}: correct HARTONOMOUS_NEO4J_DATABASE",
    "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase": "{read_only}",
    "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase": "{read_only}",
    "Neo.ClientError.Schema.ConstraintValidationFailed": "has a constraint that the graph does not fit: drop it, as docs/cutover.md "
    "says ({message})",
    "Neo.ClientError.Cluster.NotALeader": "takes no writes at this member of the cluster: use neo4j:// in HARTONOMOUS_NEO4J_URI",
    "Neo.TransientError.General.MemoryPoolOutOfMemoryError": "has too little memory for one transaction: lower "
    "HARTONOMOUS_PROVENANCE_BATCH_SIZE, or raise dbms.memory.transaction.total.max there",
    "Neo.TransientError.": "was busy or just starting, time and again: it is tried again later ({message})",
    "Neo.DatabaseError.Statement.": "",
    "Neo.DatabaseError.": "cannot go on: look at its log and at its disk, which may be full, then restart it ({message})",
}
_READ_ONLY = "is read-only in database {database}: ALTER DATABASE, or server.databases.read_only in neo4j.conf"


class Neo4jConnection:
    """One database of a server, connected at first use. Safe between threads; every process has its own.

    `owner` says what tells the Hartonomous database that reads this graph from others; without it, whose graph it is is not looked at.
    """

    def __init__(self, settings: Settings, owner: Callable[[], str] | None = None) -> None:
        self._settings = settings
        self._owner: Callable[[], str | None] = cache(owner) if owner else lambda: None
        self._owner_is_known = owner is None
        self._lock = threading.Lock()
        self._driver: neo4j.Driver | None = None
        self._ready = False
        self._release: Callable[[], object] = lambda: None

    @property
    def name(self) -> str:
        """The server, without what a mistaken uri says of a password."""
        return "Neo4j at " + without_credentials(self._settings.neo4j_uri or "")

    def read(self, work: "Work[T]") -> T:
        """Run `work` in a read transaction and return what it returns. It may run more than once.

        Raises GraphUnavailable, also for a graph of another database, and what asking our database who we are raises.
        """
        owner = self._owner()
        with self._translating_errors(), self._session(owner) as session:
            return session.execute_read(work)

    def write(self, work: "Work[T]") -> T:
        """Run `work` in a write transaction and return what it returns. It may run more than once.

        Raises what `read` raises.
        """
        owner = self._owner()
        with self._translating_errors(), self._session(owner) as session:
            return session.execute_write(work)

    def close(self) -> None:
        """Give back the connections; the next use opens new ones."""
        with self._lock:
            self._driver, self._ready = None, False
            self._release()

    def _session(self, owner: str | None) -> "neo4j.Session":
        """Open a session. The first one, and the first after a failure, checks that the server answers and its schema is ours.

        So a server that is down already is found to be so at once, and not after all the pauses between attempts. A graph of another
        database is refused before its schema is touched; one that nobody has claimed is looked at again the next time.
        """
        with self._lock:
            if self._driver is None:
                self._driver = self._open_driver()
            driver = self._driver
            if not self._ready:
                driver.verify_connectivity()
                with driver.session(database=self._settings.neo4j_database) as session:
                    self._look_at_owner(session, owner)
                    migrate(session, self.name)
                self._ready = True
            elif not self._owner_is_known:
                with driver.session(database=self._settings.neo4j_database) as session:
                    self._look_at_owner(session, owner)
        return driver.session(database=self._settings.neo4j_database)

    def _look_at_owner(self, session: "neo4j.Session", owner: str | None) -> None:
        if owner is None:
            return
        found = session.execute_read(partial(single_value, text=statement("owner")))
        if found not in (None, owner):
            raise belongs_to_another_database(self.name, found)
        self._owner_is_known = found is not None

    def _open_driver(self) -> "neo4j.Driver":
        import neo4j

        settings = self._settings
        address = urlsplit(settings.neo4j_uri or "")
        if address.scheme not in _SCHEMES or not address.hostname or "@" in address.netloc:
            raise GraphUnavailable(
                f"{self.name} is no address of a server: give HARTONOMOUS_NEO4J_URI as bolt://host:7687, neo4j://host or "
                "neo4j+s://host, and user and password beside it"
            )
        logging.getLogger("neo4j").setLevel(logging.CRITICAL)  # it tells of attempts; how they end, we say
        password = settings.neo4j_password.get_secret_value() if settings.neo4j_password else ""
        driver = neo4j.GraphDatabase.driver(
            settings.neo4j_uri or "",
            auth=(settings.neo4j_user, password),
            user_agent="hartonomous",
            max_connection_pool_size=_POOL,
            connection_timeout=settings.neo4j_connection_seconds,
            connection_acquisition_timeout=settings.neo4j_connection_seconds,
            max_transaction_retry_time=settings.neo4j_connection_seconds,
            initial_retry_delay=settings.retry_delay_seconds,
            notifications_min_severity="OFF",  # it would warn of every label that the graph does not hold yet
            telemetry_disabled=True,
        )
        self._release = weakref.finalize(self, driver.close)
        return driver

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        """Raise failures of the server as GraphUnavailable. An error in a statement of ours is raised as it is."""
        from neo4j.exceptions import DriverError, Neo4jError

        try:
            yield
        except DatabaseError as error:
            self._ready = False
            raise GraphUnavailable(str(error)) from error
        except Neo4jError as error:
            self._ready = False
            if advice := self._advice(error):
                raise GraphUnavailable(f"{self.name} {advice}") from error
            raise
        except (DriverError, OSError) as error:
            self._ready = False
            raise GraphUnavailable(
                f"{self.name} does not answer ({_reason(error)}): start it, or correct HARTONOMOUS_NEO4J_URI"
            ) from error

    def _advice(self, error: "neo4j.exceptions.Neo4jError") -> str | None:
        known = {"user": self._settings.neo4j_user, "database": self._settings.neo4j_database}
        for beginning, advice in _ADVICE.items():
            if (error.code or "").startswith(beginning):
                message = f"{error.code}: {error.message}".partition("\n")[0]
                return advice.format(**known, message=message, read_only=_READ_ONLY.format(**known))
        return None


def _reason(error: Exception) -> str:
    """Return the innermost reason of the driver's several lines, else the first line."""
    text = str(error)
    found = re.findall(r"\(reason (.+?)\)+$", text, re.MULTILINE)
    return str(found[-1] if found else text.partition("\n")[0].rstrip(": "))


def single_value(transaction: "neo4j.ManagedTransaction", text: str, **parameters: Any) -> Any:
    """Return the one value that a statement returns; None where it returns no row."""
    row = transaction.run(text, parameters).single()
    return None if row is None else row.value()
