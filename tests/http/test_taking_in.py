"""Sources come in over HTTP: raw, as a form, as a uri of a file that lies here; a key makes a request safe to repeat."""

import hashlib
import json
import resource

import pytest

from tests.http.test_problems import problem_of
from tests.stages import run_stages_of

TEXT = b"The sea rises with the moon. Nobody in the harbour looks up."
HASH = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture
def home(client):
    return client.app.state.resources


def files(home):
    return [path for path in home.settings.blob_dir.rglob("*") if path.is_file()]


def count(client):
    return len(client.get("/sources").json()["sources"])


def test_raw_bytes_are_landed_under_the_type_and_the_name_of_the_request(client, home):
    answer = client.post(
        "/sources",
        params={"sourceUri": "desk:1", "sourceId": "a7", "metadata": '{"from": "desk"}'},
        content=TEXT,
        headers={"Content-Type": "text/markdown"},
    )

    assert answer.status_code == 201
    source = answer.json()
    assert answer.headers["location"] == f"/sources/{source['sourceId']}"
    assert client.get(answer.headers["location"]).json() == source
    assert (source["status"], source["contentType"], source["sourceUri"]) == ("Landed", "text/markdown", "desk:1")
    assert source["metadata"] == {"from": "desk", "sourceId": "a7"}
    run_stages_of(home)
    assert client.get(f"/sources/{source['sourceId']}/content").content == TEXT
    assert files(home) == []


@pytest.mark.parametrize("header", [None, "application/x-www-form-urlencoded"])
def test_bytes_of_which_no_type_is_told_are_looked_at_and_called_by_their_hash(client, header):
    source = client.post("/sources", content=TEXT, headers={"Content-Type": header} if header else {}).json()
    assert (source["contentType"].partition(";")[0], source["sourceUri"]) == ("text/plain", f"sha256:{HASH}")


def test_the_same_bytes_under_the_same_name_are_there_already(client, home):
    first = client.post("/sources?sourceUri=a:1", content=TEXT)
    for _ in range(2):  # landed, then atomized
        again = client.post("/sources?sourceUri=a:1", content=TEXT)
        assert (again.status_code, again.headers["location"]) == (200, first.headers["location"])
        run_stages_of(home)
    assert client.post("/sources?sourceUri=a:1", content=b"Other.").status_code == 201
    assert client.post("/sources?sourceUri=a:2", content=TEXT).status_code == 201
    assert client.post("/sources?sourceUri=a:2", content=TEXT, headers={"Content-Type": "text/html"}).status_code == 201
    run_stages_of(home)
    assert [row["version"] for row in client.get("/sources").json()["sources"]] == [2, 1, 2, 1]


def test_a_form_gives_the_bytes_their_name_and_their_type(client, home):
    answer = client.post(
        "/sources",
        files={"file": ("C:\\fakepath\\Zürich notes.md", TEXT, "text/markdown")},
        data={"metadata": '{"a": 1}'},
    )
    assert answer.status_code == 201
    source = answer.json()
    assert (source["sourceUri"], source["contentType"]) == ("Zürich notes.md", "text/markdown")
    assert source["metadata"] == {"a": 1}
    named = client.post("/sources", files={"file": ("x.txt", TEXT)}, data={"sourceUri": "mine:1", "sourceId": "7"})
    assert (named.json()["sourceUri"], named.json()["metadata"]) == ("mine:1", {"sourceId": "7"})
    run_stages_of(home)
    assert client.get(f"/sources/{source['sourceId']}/content").content == TEXT


def test_of_a_file_whose_type_its_sender_does_not_know_the_bytes_are_looked_at(client):
    unknown = {"file": ("notes.md", TEXT, "application/octet-stream")}
    assert client.post("/sources", files=unknown).json()["contentType"] == "text/markdown"
    raw = client.post("/sources?sourceUri=raw:1", content=TEXT, headers={"Content-Type": "application/octet-stream"})
    assert raw.json()["contentType"] == "application/octet-stream"


BOUNDARY = "multipart/form-data; boundary=XX"


def part(name, body, file=None):
    named = f'; filename="{file}"' if file is not None else ""
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{body}\r\n'.encode()


END = b"--XX--\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("multipart/form-data", END, "needs a boundary"),
        ("multipart/form-data; boundary=" + "x" * 300, END, "oundary"),
        (BOUNDARY, b"", "breaks off"),
        (BOUNDARY, b"nothing of the kind", "not multipart/form-data"),
        (BOUNDARY, part("file", "abc", "a.txt"), "breaks off"),
        (BOUNDARY, part("sourceUri", "a:1") + END, "no part with a file name"),
        (BOUNDARY, part("file", "a", "a") + part("file", "b", "b") + END, "more than one file"),
        (BOUNDARY, part("file", "a", "a") + part("elsewhere", "b") + END, "the fields are"),
        (BOUNDARY, part("file", "a", "a") + part("metadata", "[]") + END, "not a JSON object"),
        (BOUNDARY, part("file", "a", "a") + part("metadata", "x" * 300_000) + END, "more than 262,144 bytes"),
        (BOUNDARY, part("file", "a", "a\x01b") + END, "printable"),
        (BOUNDARY, part("file", "a", "..%2f..%2fetc%2fpasswd") + END, "in disguise"),
        (BOUNDARY, part("file", "a", "\u202etxt.exe") + END, "printable"),
        (BOUNDARY, part("file", "a", "n" * 1001) + END, "printable"),
    ],
)
def test_a_form_that_is_wrong_leaves_nothing(client, home, kind, body, said):
    assert said in problem_of(client.post("/sources", content=body, headers={"Content-Type": kind}), 422)["detail"]
    assert (count(client), files(home)) == (0, [])


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\..\\passwd", "C:\\passwd"])
def test_of_a_name_with_a_path_only_the_last_part_counts(client, name):
    body = part("file", "abc", name) + END
    answer = client.post("/sources", content=body, headers={"Content-Type": BOUNDARY})
    assert answer.json()["sourceUri"] == "passwd"


def test_a_name_that_is_only_a_path_names_nothing(client):
    answer = client.post("/sources", content=part("file", "abc", "..") + END, headers={"Content-Type": BOUNDARY})
    assert answer.json()["sourceUri"].startswith("sha256:")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/sources?metadata=[]", {}, 422),
        ("/sources?metadata={", {}, 422),
        ('/sources?metadata={"a":1,"a":2}', {}, 422),
        ("/sources?sourceUri=", {}, 422),
        ("/sources?sourceUri=a%00b", {}, 422),
        ("/sources?contentHash=abc", {}, 422),
        (f"/sources?contentHash={HASH}", {}, 413),  # and a body
        ("/sources", {"Content-Type": "text"}, 422),
        ("/sources", {"Idempotency-Key": "ä".encode("latin-1")}, 422),
        ("/sources", {"Idempotency-Key": "k" * 256}, 422),
    ],
)
def test_what_no_source_can_be_is_refused(client, home, path, headers, status):
    problem_of(client.post(path, content=TEXT, headers=headers), status)
    assert (count(client), files(home)) == (0, [])


def test_more_than_a_source_may_have_is_refused_however_it_comes(client, home):
    object.__setattr__(home.settings, "max_source_bytes", 1000)
    many = bytes(1001)
    problem_of(client.post("/sources", content=many), 413)
    problem_of(client.post("/sources", content=iter([many[:500], many[500:]])), 413)  # of no length
    problem_of(client.post("/sources", files={"file": ("a", many)}), 413)
    digest = hashlib.sha256(many).hexdigest()
    problem_of(client.patch(f"/uploads/{digest}", content=many, headers={"Upload-Offset": "0"}), 413)
    assert count(client) == 0 and [file for file in files(home) if file.stat().st_size] == []
    assert client.post("/sources", content=bytes(1000)).status_code == 201


@pytest.fixture
def allowed(home, tmp_path):
    folder = tmp_path / "allowed"
    folder.mkdir()
    home.settings.allowed_roots.append(folder)
    return folder


def test_a_file_in_an_allowed_folder_is_read_where_it_lies(client, home, allowed):
    file = allowed / "a.txt"
    file.write_bytes(TEXT)

    answer = client.post("/sources", json={"uri": file.as_uri(), "metadata": {"a": 1}})

    assert (answer.status_code, answer.json()["status"]) == (202, "Queued")
    assert "location" not in answer.headers
    run_stages_of(home)
    [source] = client.get("/sources").json()["sources"]
    assert (source["sourceUri"], source["status"]) == (answer.json()["sourceUri"], "Atomized")
    assert (source["metadata"], source["contentHash"]) == ({"a": 1}, HASH)


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://example.com/a.txt",
        "ftp://example.com/a",
        "gopher://localhost:25/x",
        "file://evil.example/etc/passwd",
        "file:///etc/passwd",
        "/etc/passwd",
        "etc/passwd",
        "file:etc/passwd",
        "FILE:///etc/passwd",
        "{allowed}/../../etc/passwd",
        "{allowed}/%2e%2e/%2e%2e/etc/passwd",
        "{allowed}/link/passwd",
        "{allowed}-not/a.txt",
        "{allowed}/a%00b",
        "jar:{allowed}/a.txt",
        "",
    ],
)
def test_no_uri_leads_out_of_the_allowed_folders_or_onto_the_network(client, home, allowed, uri):
    (allowed / "link").symlink_to("/etc")
    problem_of(client.post("/sources", json={"uri": uri.replace("{allowed}", allowed.as_uri())}), 422)
    run_stages_of(home)
    assert count(client) == 0
    assert home.database.await_messages("IngestionQueue") is False


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"uri": 5}', '{"uri": "a", "rawData": "YQ=="}', "[" * 100_000])
def test_json_that_names_no_file_is_refused(client, body):
    problem_of(client.post("/sources", content=body, headers={"Content-Type": "application/json"}), 422)
    big = json.dumps({"uri": "x" * 300_000})
    problem_of(client.post("/sources", content=big, headers={"Content-Type": "application/json"}), 413)


KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def test_a_key_makes_a_request_safe_to_repeat(client, home):
    first = client.post("/sources?sourceUri=a:1", content=TEXT, headers=KEY)
    run_stages_of(home)

    again = client.post("/sources?sourceUri=a:1", content=TEXT, headers=KEY)

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true" and "idempotent-replayed" not in first.headers
    for path, content in (("a:1", b"Other."), ("a:2", TEXT)):
        said = problem_of(client.post(f"/sources?sourceUri={path}", content=content, headers=KEY), 422)["detail"]
        assert "Idempotency-Key was used" in said
    assert count(client) == 1 and files(home) == []


def test_a_request_that_failed_may_use_its_key_again(client):
    problem_of(client.post("/sources?sourceUri=a%00b", content=TEXT, headers=KEY), 422)
    assert client.post("/sources?sourceUri=a:1", content=TEXT, headers=KEY).status_code == 201


def test_forms_uris_and_uploads_are_replayed_too(client, home, allowed):
    (allowed / "a.txt").write_bytes(TEXT)
    assert client.patch(f"/uploads/{HASH}", content=TEXT, headers={"Upload-Offset": "0"}).status_code == 204
    ways = {
        "form": {"files": {"file": ("a.txt", TEXT)}},
        "uri": {"json": {"uri": (allowed / "a.txt").as_uri()}},
        "upload": {"params": {"contentHash": HASH, "sourceUri": "u:1"}},
    }
    for key, how in ways.items():
        first, again = (client.post("/sources", headers={"Idempotency-Key": key}, **how) for _ in range(2))
        assert first.status_code in (201, 202) and again.json() == first.json()
        assert again.headers["idempotent-replayed"] == "true"
    problem_of(client.post("/sources", headers={"Idempotency-Key": "uri"}, **ways["form"]), 422)
    run_stages_of(home)
    assert count(client) == 3


@pytest.mark.parametrize("length", [5_000, 262_244, 700_000], ids=["at its end", "as it is closed", "as it comes"])
def test_a_disk_that_takes_no_more_is_said_whenever_that_shows(client, home, length):
    content = bytes(length)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(length, 262_200) - 1_000, before[1]))
    try:
        answers = [
            client.post("/sources", content=content),
            client.patch(
                f"/uploads/{hashlib.sha256(content).hexdigest()}", content=content, headers={"Upload-Offset": "0"}
            ),
        ]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for answer in answers:
        assert problem_of(answer, 503)["detail"] == "the server cannot store it: File too large"
    assert [file for file in files(home) if "incoming" in file.parts] == [] and count(client) == 0


@pytest.mark.parametrize("query", ["sourceUri=desk:1", "sourceId=a7", "metadata={}"])
def test_a_name_beside_a_body_that_names_a_file_is_refused_and_not_passed_over(client, query):
    answer = client.post(f"/sources?{query}", json={"uri": "file:///srv/in/report.txt"})
    assert "the body names a file" in problem_of(answer, 422)["detail"]
