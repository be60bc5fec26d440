"""The server of the tests: real, kept over a kill, gone with its test run; where there is none, nobody thinks it was tested."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tools.neo4j.server import (
    VERSION,
    Address,
    Neo4jServer,
    Neo4jUnavailable,
    claim_for_tests,
    fetch_jars,
    required,
    run_cypher,
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jServer]:
    """A server of these tests' own."""
    server = Neo4jServer(tmp_path_factory.mktemp("neo4j"))
    required(server.start)
    yield server
    server.kill()


def test_it_is_the_community_edition_that_asks_for_the_password(server: Neo4jServer) -> None:
    from neo4j.exceptions import AuthError

    rows = run_cypher(Address(server.uri), "CALL dbms.components() YIELD versions, edition RETURN versions, edition")
    assert {"versions": [VERSION], "edition": "community"} in rows
    with pytest.raises(AuthError):
        run_cypher(Address(server.uri, user="somebody"), "RETURN 1 AS n")


def test_a_database_that_holds_something_is_never_taken_for_tests(server: Neo4jServer) -> None:
    address = Address(server.uri)
    run_cypher(address, "CREATE (:Precious)")

    with pytest.raises(Neo4jUnavailable, match="not empty"):
        claim_for_tests(address)

    run_cypher(address, "MATCH (p:Precious) DELETE p")
    claim_for_tests(address)
    run_cypher(address, "CREATE (:Atom)")
    claim_for_tests(address)


def test_a_server_that_cannot_start_says_why(server: Neo4jServer, tmp_path: Path) -> None:
    other = Neo4jServer(tmp_path / "other", port=server.port)

    with pytest.raises(Neo4jUnavailable, match="Address already in use"):
        other.start()


def test_what_was_committed_is_there_after_a_kill_and_it_ends_when_whoever_started_it_does(server: Neo4jServer) -> None:
    address = Address(server.uri)
    run_cypher(address, "CREATE (:Kept {n: 1})")

    server.kill()
    server.start()
    assert run_cypher(address, "MATCH (k:Kept) RETURN k.n AS n") == [{"n": 1}]

    assert server.process is not None
    assert server.process.stdin is not None
    server.process.stdin.close()  # as the system does it for a process that is killed
    server.process.wait(60)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=5)


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Java."""
    monkeypatch.setenv("PATH", "/nowhere")


def test_without_java_a_laptop_skips_and_says_what_was_not_tested(
    no_java: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="NOT TESTED: backend neo4j; java is not installed"):
        required(fetch_jars)


def test_without_java_ci_fails_and_says_why(no_java: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="CI must test Neo4j: java is not installed"):
        required(fetch_jars)
