"""Neo4j Community as a process of the tests: fetched once into the user's cache, started, stopped, killed, started again.

A server of the user's own is taken instead when HARTONOMOUS_TEST_NEO4J_URI (with _USER and _PASSWORD) names one: its database
must be empty the first time, and is emptied by the tests afterwards.
"""

import atexit
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from filelock import FileLock
from platformdirs import user_cache_path
from pydantic import SecretStr

from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.settings import Settings

VERSION = "5.26.16"
TEST_URI = "HARTONOMOUS_TEST_NEO4J_URI"
ONLY_FOR_TESTS = "only-for-tests"

QUICK_START = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of Java for tests: little memory, and no time spent on code that will not run for long."""

T = TypeVar("T")

_SOURCE = Path(__file__).with_name("Neo4jServer.java")
_START_SECONDS = 120
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>hartonomous</groupId><artifactId>neo4j-for-tests</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.neo4j</groupId><artifactId>neo4j</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""
_SETTINGS = {
    "dbms.security.auth_enabled": "true",
    "dbms.usage_report.enabled": "false",
    "db.tx_log.preallocate": "false",  # else each start takes 256 MiB of disk
    "server.memory.pagecache.size": "128m",
    "dbms.cypher.min_replan_interval": "1h",  # what tests write and delete would have every plan made anew
}


class Neo4jUnavailable(Exception):
    """There is no Java or Maven here, or the server could not be fetched or started; the message says which."""


# ---- the server


def fetch_jars() -> Path:
    """The folder of the server's jars, fetched by Maven if it is not there; processes that ask at once wait for one of them."""
    for program in ("java", "javac", "mvn"):
        if shutil.which(program) is None:
            raise Neo4jUnavailable(
                f"{program} is not installed (Java 17 and Maven are needed), and {TEST_URI} is not set"
            )
    folder = user_cache_path("hartonomous") / f"neo4j-{VERSION}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_suffix(".lock"), timeout=600):
            if not folder.exists():
                _fetch_into(folder)
    return folder


def _fetch_into(folder: Path) -> None:
    """Fetch beside the place and rename at the end: what is there is whole."""
    with tempfile.TemporaryDirectory(prefix="fetching-neo4j-", dir=folder.parent) as temporary:
        Path(temporary, "pom.xml").write_text(_POM)
        command = [
            "mvn",
            "-B",
            "-q",
            "dependency:copy-dependencies",
            "-DincludeScope=runtime",
            "-DoutputDirectory=jars",
        ]
        result = subprocess.run(command, cwd=temporary, capture_output=True, text=True, timeout=600)
        if result.returncode:
            raise Neo4jUnavailable(f"Maven could not fetch Neo4j {VERSION}: {(result.stdout + result.stderr)[-500:]}")
        Path(temporary, "jars").rename(folder)


def compile_program(jars: Path) -> Path:
    """The folder of our program for these jars, compiled once: a start that compiles it takes a third longer."""
    folder = jars.with_name(f"{jars.name}-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:12]}")
    if not folder.exists():
        with (
            FileLock(folder.with_suffix(".lock"), timeout=600),
            tempfile.TemporaryDirectory(dir=folder.parent) as temporary,
        ):
            if not folder.exists():
                made = Path(temporary, "classes")
                command = ["javac", "-cp", f"{jars}/*", "-d", str(made), str(_SOURCE)]
                result = subprocess.run(command, capture_output=True, text=True, timeout=600)
                if result.returncode:
                    raise Neo4jUnavailable(
                        f"javac could not compile {_SOURCE.name}: {(result.stdout + result.stderr)[-500:]}"
                    )
                made.rename(folder)
    return folder


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Neo4jServer:
    """One server with a folder and a port of its own, which stay when it is started again."""

    folder: Path
    java: Sequence[str] = QUICK_START
    port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of neo4j.conf, beside ours, whenever it is started."""
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def uri(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start it, this time with these settings as well, and wait until it answers."""
        jars = fetch_jars()
        self.folder.mkdir(parents=True, exist_ok=True)
        bolt = {"server.bolt.enabled": "true", "server.bolt.listen_address": f"127.0.0.1:{self.port}"}
        chosen = _SETTINGS | bolt | dict(self.settings) | dict(settings or {})
        configuration = self.folder / "neo4j.conf"
        configuration.write_text("".join(f"{name}={value}\n" for name, value in chosen.items()))
        class_path = os.pathsep.join([str(compile_program(jars)), f"{jars}/*"])
        command = ["java", *self.java, "-cp", class_path, _SOURCE.stem, str(self.folder), str(configuration)]
        if not (self.folder / "data").exists():
            command.append(ONLY_FOR_TESTS)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + _START_SECONDS
        while "ready\n" not in self.log.read_text(errors="replace") or not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise Neo4jUnavailable(f"Neo4j did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def stop(self) -> None:
        """A clean stop: the end of its input, and all it does then."""
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            self.process.wait(60)

    def kill(self) -> None:
        """kill -9: what was not committed is gone."""
        if self.process is not None and self.process.stdin is not None:
            self.process.kill()
            self.process.wait()
            with suppress(BrokenPipeError):
                self.process.stdin.close()


# ---- what tests use


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is and who we are there."""

    uri: str
    user: str = "neo4j"
    password: str = ONLY_FOR_TESTS

    def settings(self, **changes: Any) -> Settings:
        """Settings of the product for this server, with quick retries."""
        ours: dict[str, Any] = {
            "neo4j_uri": self.uri,
            "neo4j_user": self.user,
            "neo4j_password": SecretStr(self.password),
            "retry_delay_seconds": 0.1,
        }
        return Settings(**ours | changes)


def shared_address() -> Address:
    """The one server of this process and its tests: the user's own, or one that is started now and ends with the process.

    Raises Neo4jUnavailable, for each who asks.
    """
    found = _find_shared_address()
    if isinstance(found, Neo4jUnavailable):
        raise found
    return found


@cache
def _find_shared_address() -> Address | Neo4jUnavailable:
    """Also the failure is kept: a build machine without a network is not asked again for every test."""
    try:
        if not (uri := os.environ.get(TEST_URI)):
            return Address(start_server().uri)
        user = os.environ.get("HARTONOMOUS_TEST_NEO4J_USER", "neo4j")
        address = Address(uri, user, os.environ.get("HARTONOMOUS_TEST_NEO4J_PASSWORD", ""))
        claim_for_tests(address)
        return address
    except Neo4jUnavailable as error:
        return error


def start_server(java: Sequence[str] = QUICK_START, settings: Mapping[str, str] | None = None) -> Neo4jServer:
    """A fresh server that goes, with its folder, when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="hartonomous-neo4j-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    server = Neo4jServer(folder, java)
    server.start(settings)
    atexit.register(server.kill)  # its data goes as well: nothing is gained by a clean stop
    return server


def claim_for_tests(address: Address) -> None:
    """Mark an empty database as one that tests may empty; one that holds anything else is never touched."""
    rows = run_cypher(
        address, "MATCH (n) WITH count(n) AS n OPTIONAL MATCH (t:HartonomousTest) RETURN n, count(t) AS marked"
    )
    if rows[0]["n"] and not rows[0]["marked"]:
        raise Neo4jUnavailable(f"{TEST_URI}: the database there is not empty; the tests would delete what it holds")
    run_cypher(address, "MERGE (:HartonomousTest)")


def run_cypher(address: Address, cypher: str, **parameters: Any) -> list[dict[str, Any]]:
    """Rows of a Cypher text, as any client runs it."""
    import neo4j

    with (
        neo4j.GraphDatabase.driver(
            address.uri, auth=(address.user, address.password), notifications_min_severity="OFF"
        ) as driver,
        driver.session() as session,
    ):
        return session.run(cypher, parameters).data()


def required(start: Callable[[], T]) -> T:
    """What `start` returns; where there can be no server the test is skipped, loudly, and in CI it fails."""
    try:
        return start()
    except Neo4jUnavailable as error:
        if os.environ.get("CI", "").lower() in ("true", "1"):
            pytest.fail(f"CI must test Neo4j: {error}")
        pytest.skip(f"NOT TESTED: backend neo4j; {error}")


def empty(address: Address) -> None:
    """Delete all that the graph holds but its schema."""
    run_cypher(
        address,
        "MATCH (n) WHERE NOT n:HartonomousTest AND (NOT n:SchemaVersion OR n.version = 0) "
        "CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS",
    )


def open_empty_graph() -> Neo4jGraph:
    """A graph on the shared server that holds nothing but its schema."""
    address = required(shared_address)
    empty(address)
    return Neo4jGraph(address.settings())
