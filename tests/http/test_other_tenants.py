"""Random calls with another tenant's key, over every route there is: nothing of tenant 1 is found, nor whether it is there.

HARTONOMOUS_TEST_CALLS says how many; 100,000 take some minutes.
"""

import json
import os
import random
import re
import uuid
from dataclasses import dataclass, field

import pytest
from starlette.testclient import TestClient

from hartonomous_service.background_jobs import create_job, update_job_status
from hartonomous_service.http.app import create_app
from hartonomous_service.inferences import InferenceRecord, record_inference
from hartonomous_service.ingest import ingest, submit
from hartonomous_service.keys import SCOPES, create_key
from tests.backends import rows
from tests.builders import request
from tests.stages import ingest as ingest_messages

pytestmark = pytest.mark.slow

CALLS = int(os.environ.get("HARTONOMOUS_TEST_CALLS", "2000"))
MARK = "Quokkaquillwort"
TELLS_OF_THE_SERVER = {"/health/live", "/health/ready", "/health", "/stats", "/models", "/metrics"}
"""What says how the server is, in numbers; no row of anybody."""
MAKES_SOMETHING = {"post /sources", "post /jobs", "post /inferences", "patch /uploads/{sha256}"}
"""What answers with what it was given, for it makes that: a thing of the tenant who asks."""


@dataclass
class Held:
    """What tenant 1 holds, by what it is named with, and what it would be if it were not there."""

    there: dict[str, list[str]] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def draw(self, chance, kind):
        """A name that is there and one that is not, alike."""
        real = chance.choice(self.there[kind])
        return real, self.made_up(chance, kind, real)

    def made_up(self, chance, kind, real):
        while True:
            made = {
                "hash": lambda: f"{chance.getrandbits(256):064x}",
                "uuid": lambda: str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                "id": lambda: str(chance.randrange(10 ** (len(real) - 1), 10 ** len(real))),
            }[kind]()
            if made not in self.there[kind]:
                return made


@pytest.fixture
def held(settings, tmp_path):
    """A server on whose home tenant 1 has one of everything, and the key of tenant 4242, who has nothing."""
    app = create_app(settings.model_copy(update={"http_rate": 1e9, "http_burst": 10**9}))
    with TestClient(app, raise_server_exceptions=False) as client:
        home = app.state.resources
        database = home.database.connection()
        for table in ("Source", "Atom", "DeadLetter"):  # ids that no other number in an answer is
            database.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            database.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, 770000)", (table,))
        (tmp_path / f"{MARK}.txt").write_text(f"The {MARK} sleeps upright. It is awake at night.\n")
        ingest(home, [tmp_path / f"{MARK}.txt"], tenant=1)
        submit(home, f"{MARK} waits.".encode(), source_uri=f"note:{MARK}", tenant=1, metadata={"by": MARK})
        ingest_messages(home, request(uri=f"file:///nowhere/{MARK}", tenantId=1))
        update_job_status(home, create_job(home, MARK, "{}", 1), "DeadLettered", MARK, tenant=1)
        record_inference(home, InferenceRecord(tenant_id=1, model=MARK, task=MARK, output_texts=[f"{MARK}!"]))
        values = {
            "id": "SELECT SourceId FROM Source UNION SELECT AtomId FROM Atom UNION SELECT DeadLetterId FROM DeadLetter",
            "hash": "SELECT lower(hex(ContentHash)) FROM Atom UNION SELECT lower(hex(ContentHash)) FROM Source"
            " WHERE ContentHash IS NOT NULL",
            "uuid": "SELECT InferenceId FROM Inference UNION SELECT JobId FROM BackgroundJob",
        }
        found = Held({kind: [str(*row.values()) for row in rows(database, text)] for kind, text in values.items()})
        assert all(len(names) > 1 for names in found.there.values()) and min(map(int, found.there["id"])) > 770_000
        assert rows(database, "SELECT COUNT(*) AS n FROM Source WHERE TenantId <> 1")[0]["n"] == 0
        found.secrets = {MARK, *found.there["hash"], *found.there["uuid"]}
        key = create_key(home, tenant=4242, scopes=SCOPES)["key"]
        client.headers["Authorization"] = f"Bearer {key}"
        yield client, found


def kind_of(name):
    return "hash" if re.search("hash|sha256", name) else "uuid" if name in ("job_id", "inference_id") else "id"


NAME = "<name>"
"""Stands in a call for what is there, and for what is not."""
LABELS = ["", *(f"{label}:" for label in ("Atom", "Source", "Run", "Model", "Inference", "Tenant"))]


def value_for(chance, schema):
    """Draw a value for a parameter by its schema."""
    schema = chance.choice(schema["anyOf"]) if "anyOf" in schema else schema
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if schema.get("type") == "integer":
        return str(chance.choice([1, 2, 10, 100]))
    if schema.get("type") == "boolean":
        return chance.choice(["true", "false"])
    if schema.get("type") == "array":
        return f"by={MARK}"
    if schema.get("type") == "null":
        return None
    if chance.random() < 0.5:
        return chance.choice(LABELS) + NAME
    return chance.choice([MARK, f"note:{MARK}", "file://", "2020-01-01", "Tenant:1", f"Model:{MARK}"])


def without_name(answer, name):
    """What an answer says beside the name that was asked for and the id of the request."""
    text = re.sub(r'"requestId":\s*"[^"]*"', "", answer.text)
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "NAME", text, flags=re.IGNORECASE)


def lists_of(document):
    """Every list in an answer."""
    if isinstance(document, dict):
        for value in document.values():
            yield from lists_of(value)
    elif isinstance(document, list):
        yield document


def drawn_call(chance, documented, held):
    """A route with everything that it is asked by: twice, with a name that is there and with one that is not."""
    path = chance.choice(sorted(documented))
    method = chance.choice(sorted(documented[path]))
    kinds = [kind_of(name) for name in re.findall(r"\{(\w+)", path)] or [chance.choice(["hash", "uuid", "id"])]
    there, missing = held.draw(chance, kinds[0])
    about = documented[path][method]
    query, headers = {}, {}
    for parameter in about.get("parameters", []):
        if parameter["in"] == "path" or not (parameter.get("required") or chance.random() < 0.3):
            continue
        value = value_for(chance, parameter["schema"])
        if value is not None and parameter["in"] == "query":
            query[parameter["name"]] = value
        elif value is not None:
            headers[parameter["name"]] = {"integer": "0"}.get(parameter["schema"].get("type", ""), "?1")
    content, kind = None, chance.choice(sorted(about.get("requestBody", {}).get("content", {"": None})))
    if kind == "application/json":
        content = json.dumps({"model": "m", "inputAtoms": [NAME]})
    elif kind:
        content = "Some bytes."
    if kind:
        headers["Content-Type"] = kind
    calls = []
    for name in (there, missing):
        asked = {key: value.replace(NAME, name) for key, value in query.items()}
        sent = content and content.replace(NAME, name).encode()
        calls.append((method, re.sub(r"\{[^}]*\}", name, path), asked, headers, sent))
    return f"{method} {path}", path, (there, missing), calls


def test_another_tenants_key_finds_nothing_and_cannot_tell_whether_it_is_there(held):
    client, found = held
    chance = random.Random(7)
    documented = {
        path: {method: about for method, about in methods.items() if f"{method} {path}" not in MAKES_SOMETHING}
        for path, methods in client.app.openapi()["paths"].items()
    }
    documented = {path: methods for path, methods in documented.items() if methods}
    made = seen = 0
    statuses = {}
    while made < CALLS:
        name, path, names, calls = drawn_call(chance, documented, found)
        answers = [
            client.request(method, url, params=query, headers=headers, content=content)
            for method, url, query, headers, content in calls
        ]
        made += len(answers)
        there, missing = answers
        told = f"{name} {calls}: {there.status_code} {there.text[:500]} | {missing.status_code} {missing.text[:500]}"
        statuses.setdefault(name, set()).update(answer.status_code for answer in answers)
        given = json.dumps([str(part) for call in calls for part in call])
        said = names if calls[0] != calls[1] else (NAME, NAME)  # it may be asked without its name
        bodies = [without_name(answer, name) for answer, name in zip(answers, said, strict=True)]
        for answer, body in zip(answers, bodies, strict=True):
            assert not [secret for secret in found.secrets if secret in body and secret not in given], told
            assert answer.status_code < 500, told
        if path in TELLS_OF_THE_SERVER:
            continue
        assert there.status_code == missing.status_code, told
        assert bodies[0] == bodies[1], told
        if "{" in path:
            assert there.status_code in (404, 422), told
        elif there.status_code == 200 and there.headers["content-type"] == "application/json":
            assert not any(lists_of(there.json())), told
            seen += 1
        else:
            assert there.status_code in (404, 422), told
    assert seen > 0
    assert statuses.keys() == {f"{method} {path}" for path, methods in documented.items() for method in methods}
    for name, said in statuses.items():
        if "{" in name:
            assert 404 in said, f"{name} was never asked rightly: {said}"


def test_a_key_that_only_reads_is_told_no_count_of_other_tenants(held):
    client, _ = held
    home = client.app.state.resources
    admin = dict(client.headers)
    reader = {"Authorization": f"Bearer {create_key(home, tenant=4242, scopes=['read'])['key']}"}

    said = {path: client.get(path, headers=reader) for path in ("/health", "/stats")}

    checks = {check["name"]: (check["status"], check["detail"]) for check in said["/health"].json()["checks"]}
    assert (checks["dead_letters"], checks["jobs"]) == (("healthy", "none"), ("healthy", "none failed"))
    assert not re.search(r"Queue|\d", "".join(checks[name][1] for name in ("queues", "jobs", "dead_letters")))
    assert checks["oldest_work"] == ("healthy", "no work has waited for more than 15 minutes")
    assert re.fullmatch(r".*: writable, schema version \d+", checks["database"][1])
    stats = said["/stats"].json()
    assert (stats["bytesOnDisk"], stats["queues"], stats["deadLetters"], stats["atoms"]) == (None, None, 0, 0)
    assert client.get("/stats", params={"allTenants": True}, headers=reader).status_code == 403

    told = client.get("/health", headers=admin).json()["checks"]
    assert [check["detail"][:14] for check in told if check["name"] == "dead_letters"] == ["2 dead letters"]
    everything = client.get("/stats", params={"allTenants": True}, headers=admin).json()
    assert everything["deadLetters"] > 0 and everything["bytesOnDisk"] > 0 and everything["queues"]
    assert client.get("/stats", headers=admin).json()["deadLetters"] == 0


def test_what_is_made_with_another_tenants_names_does_not_tell_whether_they_are_there(held):
    client, found = held
    chance = random.Random(7)
    for _ in range(20):
        names = found.draw(chance, "hash")
        recorded = [client.post("/inferences", json={"model": "m", "inputAtoms": [name]}) for name in names]
        sent = [client.patch(f"/uploads/{name}", content=b"Some bytes.") for name in names]
        sources = [client.post("/sources", params={"contentHash": name}) for name in names]
        for answers in (recorded, sent, sources):
            bodies = [without_name(answer, name) for answer, name in zip(answers, names, strict=True)]
            bodies = [re.sub(r'"inferenceId":\s*"[^"]*"', "", body) for body in bodies]
            assert answers[0].status_code == answers[1].status_code and bodies[0] == bodies[1], answers[0].text
