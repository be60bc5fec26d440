"""The whole chain with its graph in Neo4j: what it brings there, and what comes of it when the server is down, killed, or shared."""

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg
import pytest

from hartonomous_assets.chain import STAGES, run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.agreement import disagreements, hours_of, tenants_of
from hartonomous_service.errors import ServiceError
from hartonomous_service.inferences import InferenceRecord, record_inference
from hartonomous_service.ingest import ingest
from hartonomous_service.lineage.queries import LineageQuery, find_impact, find_lineage
from tests.builders import dead_letters, enqueue, request
from tests.cli import Home, finish, hour_with_room, wait_until
from tests.held_graph import content_of_server, content_of_views
from tests.processes import in_processes, wait_for_the_others
from tests.tools.neo4j.server import ONLY_FOR_TESTS, Address, Neo4jServer, empty, required, run_cypher

FOG = "The harbour lay quiet under the fog."
LANTERN = "A lantern swung above the customs house."
ANSWER = "There was fog over the harbour that night."

HOSTILE = [
    "'}) DETACH DELETE n //",
    '"}) DETACH DELETE n //',
    "`) DETACH DELETE n //",
    "\\'}) DETACH DELETE n //",
    "\\u0027}) DETACH DELETE n //",  # Cypher reads such escapes even outside of its strings
    "row[2]}) SET n = {} //",
    "$rows",
]

# What no event is, each wrong in a way of its own.
MALFORMED = [
    b"",
    b"{ this is no JSON",
    b"\xff\xfe",
    b"[]",
    b"{}",
    b'{"eventType": "AtomsVanished", "tenantId": 0, "atomIds": [1]}',
    b'{"eventType": "AtomsCreated`) DETACH DELETE n //", "tenantId": 0, "atomIds": [1]}',
    b'{"eventType": "AtomsCreated", "tenantId": "0", "atomIds": [1]}',
    b'{"eventType": "AtomsCreated", "tenantId": 0, "atomIds": [1.5]}',
    b'{"eventType": "AtomsEmbedded", "tenantId": 0, "atomIds": [NaN]}',
    b'{"eventType": "AtomsDeleted", "tenantId": 0, "atomHashes": "all"}',
    b'{"eventType": "InferenceCompleted", "tenantId": 0, "inferenceId": "i", "model": "m", "inputAtoms": ["nonsense"]}',
]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jServer]:
    server = Neo4jServer(tmp_path_factory.mktemp("neo4j"))
    required(server.start)
    yield server
    server.kill()


@pytest.fixture
def server(started: Neo4jServer) -> Neo4jServer:
    """A server that may be killed; its graph is empty."""
    if started.process is None or started.process.poll() is not None:
        started.start()
    empty(Address(started.uri))
    return started


@pytest.fixture
def home(home: Home, server: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A fresh home whose graph is in Neo4j: for commands, and by the environment for this process and those that it starts."""
    home = home.with_settings(
        text_unit="sentence",
        neo4j_uri=server.uri,
        neo4j_user="neo4j",
        neo4j_password=ONLY_FOR_TESTS,
        neo4j_connection_seconds=1,
        retry_delay_seconds=0.1,
    )
    for name, value in home.environment.items():
        if name.startswith("HARTONOMOUS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
    return home


@pytest.fixture
def settings(home: Home) -> Settings:
    return Settings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that have one sentence in common."""
    folder = tmp_path.resolve() / "files"
    folder.mkdir()
    (folder / "harbour.txt").write_text(f"{FOG} {LANTERN}")
    (folder / "town.txt").write_text(f"The town slept. {LANTERN} Nobody was about.")
    return folder


@pytest.fixture
def busy_folder(folder: Path) -> Path:
    """The same with a third file, so that there are more than a hundred atoms."""
    (folder / "boats.txt").write_text(" ".join(f"Boat number {n} came in late." for n in range(150)))
    return folder


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def ids(document: Any) -> set[str]:
    return {node["id"] for node in document["nodes"]}


def ask(server: Neo4jServer, cypher: str, **parameters: Any) -> list[dict[str, Any]]:
    return run_cypher(Address(server.uri), cypher, **parameters)


def depth(home: Home) -> int:
    """How many events wait."""
    return int(home.value("SELECT COUNT(*) FROM QueueMessage WHERE Queue = ?", PROVENANCE_QUEUE))


def assert_in_sync(server: Neo4jServer, home: Home, resources: Resources, *tenants: int) -> None:
    """Nothing waits, copy and views agree in every hour of these tenants, and Neo4j holds what the views have, property by property."""
    assert depth(home) == 0
    database, copy = resources.database, resources.graph_copy
    assert copy is not None
    found = {
        tenant: disagreements(database, copy, tenant, [None, *hours_of(database, tenant)])
        for tenant in tenants_of(database)
    }
    assert found == {tenant: [] for tenant in tenants}
    assert content_of_server(Address(server.uri)) == content_of_views(database.connection())  # type: ignore[attr-defined]


def events(home: Home, n: int) -> list[bytes]:
    """Events about the atoms of a home: most point at some of them, every fortieth is an inference that nothing else knows."""
    random = Random(n)
    atoms = home.rows("SELECT AtomId, lower(hex(ContentHash)) FROM Atom WHERE TenantId = 0 AND Subtype IS NOT 'gap'")
    bodies = []
    for number in range(n):
        chosen = random.sample(atoms, random.randint(1, 3))
        event: dict[str, Any] = {"tenantId": 0}
        if number % 40:
            event |= {"eventType": random.choice(("AtomsCreated", "AtomsEmbedded"))}
            event |= {"atomIds": [atom_id for atom_id, _ in chosen]}
        else:
            event |= {"eventType": "InferenceCompleted", "inferenceId": f"{n}-{number}", "model": f"m{number % 7}"}
            event |= {"inputAtoms": [digest for _, digest in chosen], "outputAtoms": [random.choice(atoms)[1]]}
        bodies.append(json.dumps(event).encode())
    return bodies


# ---- the chain


def test_the_chain_brings_to_neo4j_what_plain_cypher_and_every_command_then_find(
    home: Home, server: Neo4jServer, resources: Resources, folder: Path, tmp_path: Path
) -> None:
    hour_with_room(60)
    inference = {"inferenceId": "early", "model": "writer-7b", "inputAtoms": [hash_of(FOG)], "outputTexts": [ANSWER]}
    (tmp_path / "inference.json").write_text(json.dumps(inference))
    recorded = home.json("inferences", "record", "--file", tmp_path / "inference.json")["recorded"]
    ingest(resources, [folder / "town.txt"])  # the inference is synced before there is what it was given
    joined = "MATCH (:Inference {inferenceId: 'early'})-[:USED_ATOM]->(a) RETURN a.atomHash AS hash"
    before = ask(server, joined)

    ingested = home.json("ingest", folder)

    assert ([item["unknownAtoms"] for item in recorded], before) == ([[hash_of(FOG)]], [])
    assert ask(server, joined) == [{"hash": hash_of(FOG)}]
    source_of = {Path(source["sourceUri"]).name: source for source in ingested["sources"]}
    harbour = source_of["harbour.txt"]["sourceId"]
    assert ask(
        server,
        "MATCH (a:Atom {atomHash: $h})-[:INGESTED_FROM]->(s:Source {sourceId: $id}) RETURN s.sourceUri AS uri",
        h=hash_of(FOG),
        id=harbour,
    ) == [{"uri": (folder / "harbour.txt").as_uri()}]
    with home.dagster() as instance:
        run_id = instance.get_runs(limit=1)[0].run_id
        evaluated = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    assert ask(
        server,
        "MATCH (a:Atom {atomHash: $h})-[:GENERATED_BY]->(r:Run), (a)-[:EMBEDDED_BY]->(m:Model),"
        " (a)-[:INGESTED_FROM]->(:Source)-[:BELONGS_TO]->(t:Tenant) RETURN r.runId AS run, m.name AS model, t.tenantId AS tenant",
        h=hash_of(FOG),
    ) == [{"run": run_id, "model": "all-MiniLM-L6-v2", "tenant": 0}]
    checks = [entry.get_dagster_event().asset_check_evaluation_data for entry in evaluated]
    [agreement] = [check for check in checks if check.check_name == "graph_agrees"]
    assert agreement.passed
    assert {name: value.value for name, value in agreement.metadata.items()} == {
        "differences": 0,
        "which": "nothing",
        "events waiting": False,
    }
    assert_in_sync(server, home, resources, 0)

    answers = home.run_all(
        ["lineage", hash_of(ANSWER), "--upstream", "--json"],
        ["verify", "--graph", "--json"],
        ["stats", "--json"],
        ["health", "--json"],
    )
    upstream, verified, stats, health = [answer.document for answer in answers]
    assert [answer.code for answer in answers] == [0] * 4
    assert ids(upstream) >= {"Inference:early", "Model:writer-7b", f"Atom:{hash_of(FOG)}", f"Source:{harbour}"}
    assert f"Source:{source_of['town.txt']['sourceId']}" not in ids(upstream)
    assert verified["failed"] == [] and verified["checked"] > 0
    [held] = ask(server, "MATCH (n) WHERE NOT n:SchemaVersion RETURN count(n) AS n")
    assert stats["graph"]["nodes"] == held["n"]
    assert health["status"] == "healthy"
    assert f"Neo4j at {server.uri}: {held['n']} nodes" in [check["detail"] for check in health["checks"]]


# ---- the server goes


def test_while_the_server_is_down_all_else_is_done_and_afterwards_the_next_run_catches_up(
    home: Home, server: Neo4jServer, resources: Resources, busy_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(resources, [busy_folder / "town.txt"])
    server.kill()

    ingested = home.run("ingest", busy_folder, "--json")

    assert ingested.code == 1
    assert f"error: stage provenance_graph: Neo4j at {server.uri}" in ingested.stderr
    assert list(ingested.document["stages"]) == ["provenance_graph"]
    assert {source["status"] for source in ingested.document["sources"]} == {"Atomized"}
    waiting = depth(home)
    assert waiting > 0
    same = (
        b'{"eventType": "InferenceCompleted", "tenantId": 0, "inferenceId": "same", "model": "m", "inputAtoms": ["%s"]}'
    )
    bodies = events(home, 10_000 - len(MALFORMED) - 5) + [same % hash_of(FOG).encode()] * 5 + MALFORMED
    Random(0).shuffle(bodies)
    enqueue(resources.database, PROVENANCE_QUEUE, bodies)
    stats, health, search = home.run_all(
        ["stats", "--json"], ["health", "--json"], ["search", "mist at the port", "-k", "1", "--json"]
    )
    assert [result.code for result in (stats, health, search)] == [0, 0, 0]
    assert (stats.document["queues"][PROVENANCE_QUEUE], stats.document["graph"]) == (waiting + 10_000, None)
    assert stats.document["atoms"] == stats.document["embeddings"] == stats.document["projections"] > 150
    assert health.document["status"] == "degraded"
    assert [check["name"] for check in health.document["checks"] if check["status"] != "healthy"] == ["graph"]
    assert [hit["text"] for hit in search.document["results"]] == [FOG]

    server.start()
    monkeypatch.setenv("HARTONOMOUS_PROVENANCE_BATCH_SIZE", "500")  # the sooner we know
    stages = ingest(resources, [])["stages"]

    assert stages == {}
    letters = dead_letters(resources.database)
    assert sorted(letter["body"] for letter in letters) == sorted(MALFORMED)
    assert all(letter["reason"] for letter in letters)
    assert_in_sync(server, home, resources, 0)


def test_a_server_and_then_a_run_that_are_killed_in_the_middle_of_catching_up_leave_nothing_out_and_nothing_twice(
    home: Home, server: Neo4jServer, resources: Resources, folder: Path
) -> None:
    ingest(resources, [folder])
    enqueue(resources.database, PROVENANCE_QUEUE, events(home, 1_000))

    run = home.start("ingest", folder, "--json")
    wait_until("the run is at work", lambda: depth(home) < 1_000)
    server.kill()
    stopped = finish(run)
    left = depth(home)
    server.start()
    run = home.start("ingest", folder, "--json")
    wait_until("the next run is at work", lambda: depth(home) < left)
    run.kill()
    finish(run)
    still_left = depth(home)
    stages = ingest(resources, [])["stages"]

    assert 0 < still_left < left < 1_000
    assert (stopped.code, list(stopped.document["stages"])) == (1, ["provenance_graph"])
    assert stages == {}
    assert_in_sync(server, home, resources, 0)


# ---- others at work


def run_chain_beside_others(_index: int) -> tuple[list[str], int]:
    """One run of all stages: their errors, and how many events it synced.

    SQLite has one writer at a time and no queue for who comes next: a pause between two steps lets the other one in.
    """
    resources = open_resources(Settings())
    wait_for_the_others()
    reports = run_stages(Work(current_hour(), "run", resources), STAGES, 0, lambda *_: time.sleep(0.05))
    errors = [f"{name}: {report.error!r}" for name, report in reports.items() if report.error]
    return errors, reports["provenance_graph"].counts.get("received", 0)


def test_two_processes_that_sync_the_same_queue_at_once_share_it_and_both_end_well(
    home: Home, server: Neo4jServer, resources: Resources, folder: Path
) -> None:
    ingest(resources, [folder])
    enqueue(resources.database, PROVENANCE_QUEUE, events(home, 1_000))

    results = in_processes(2, run_chain_beside_others)

    assert [errors for errors, _ in results] == [[], []]
    assert all(received for _, received in results)
    assert sum(received for _, received in results) == 1_000
    assert_in_sync(server, home, resources, 0)


def test_no_path_joins_two_tenants_that_have_the_same_file(
    home: Home, server: Neo4jServer, resources: Resources, folder: Path
) -> None:
    for tenant in (0, 1):
        ingest(resources, [folder], tenant=tenant)
        record_inference(
            resources,
            InferenceRecord(model="m", task=None, input_atoms=[hash_of(FOG)], tenant_id=tenant, inference_id="same"),
        )
    ingest(resources, [])

    joined = (
        "MATCH (a:Atom {tenantId: $a}), (b:Atom {tenantId: $b}) WHERE a <> b "
        "MATCH p = shortestPath((a)-[*..10]-(b)) RETURN count(p) AS n"
    )
    assert ask(server, joined, a=0, b=1) == [{"n": 0}]
    assert ask(server, joined, a=0, b=0) == ask(server, joined, a=1, b=1) == [{"n": 4 * 3}]
    assert_in_sync(server, home, resources, 0, 1)


def test_what_looks_like_cypher_comes_out_as_the_text_that_it_is(
    home: Home, server: Neo4jServer, resources: Resources
) -> None:
    bodies = [request(rawData=text.encode(), sourceUri=text, contentType="text/plain") for text in HOSTILE]
    enqueue(resources.database, INGESTION_QUEUE, bodies)
    for text in HOSTILE:
        record_inference(
            resources, InferenceRecord(model=text, task=text, input_atoms=[hash_of(text)], inference_id=text)
        )

    assert ingest(resources, [])["stages"] == {}

    found = ask(
        server,
        "MATCH (s:Source)<-[:INGESTED_FROM]-(a:Atom)<-[:USED_ATOM]-(i:Inference)-[:USED_MODEL]->(m:Model) "
        "RETURN a.atomHash AS hash, [s.sourceUri, i.inferenceId, i.task, m.name] AS texts",
    )
    assert {row["hash"]: row["texts"] for row in found} == {hash_of(text): [text] * 4 for text in HOSTILE}
    for text in HOSTILE:
        assert {f"Inference:{text}", f"Model:{text}"} <= ids(find_lineage(resources, LineageQuery(f"Inference:{text}")))
        assert ids(find_impact(resources, f"Model:{text}")) == {f"Inference:{text}"}
        with pytest.raises(ServiceError):
            find_lineage(resources, LineageQuery(f"Run:{text}"))
    assert_in_sync(server, home, resources, 0)
