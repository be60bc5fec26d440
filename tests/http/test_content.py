"""The bytes of a source come back: all, or a range, every atom checked; lists go by cursor."""

import base64
import hashlib

import pytest

from hartonomous_service import source_records
from tests.http.test_problems import problem_of
from tests.stages import run_stages_of

TEXT = "".join(f"Sentence {n} of the sea, ä€, says nothing new of the harbour. " for n in range(3000)).encode()
ETAG = f'"{hashlib.sha256(TEXT).hexdigest()}"'


@pytest.fixture
def home(client):
    return client.app.state.resources


@pytest.fixture
def content(client, home):
    """Where the bytes of a source are."""
    made = client.post(
        "/sources?sourceUri=desk:/a%20b/Z%C3%BCrich.txt", content=TEXT, headers={"Content-Type": "text/plain"}
    )
    run_stages_of(home)
    return f"{made.headers['location']}/content"


def test_all_bytes_are_given_as_a_download(client, content):
    answer = client.get(content)
    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Z%C3%BCrich.txt"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (answer.headers["etag"], answer.headers["accept-ranges"]) == (ETAG, "bytes")
    assert client.get(content, headers={"If-None-Match": f'"x", {ETAG}'}).status_code == 304


def test_head_says_what_get_would_send_and_reads_no_byte(client, content, home, monkeypatch):
    got = client.get(content)
    monkeypatch.setattr(source_records, "reconstruct", None)
    head = client.head(content, headers={"Range": "bytes=0-4"})
    assert (head.status_code, head.content) == (200, b"")
    told = [name for name in got.headers if name not in ("x-request-id", "date")]
    assert "content-length" in told and {name: head.headers.get(name) for name in told} == {
        name: got.headers[name] for name in told
    }
    known = client.head(content, headers={"If-None-Match": ETAG})
    assert (known.status_code, known.headers["etag"], known.content) == (304, ETAG, b"")
    assert client.head("/sources/999/content").status_code == 404
    client.post("/sources?sourceUri=desk:waits", content=b"Another one.")
    assert client.head("/sources/2/content").status_code == client.get("/sources/2/content").status_code == 409


END = len(TEXT)


@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, END),
        ("bytes=1-1000", 1, 1001),
        ("bytes=70000-150000", 70000, 150001),
        (f"bytes={END - 1}-", END - 1, END),
        (f"bytes=100-{END * 2}", 100, END),
        ("bytes=-5", END - 5, END),
        (f"bytes=-{END * 2}", 0, END),
        ("Bytes = 17-40", 17, 41),
    ],
)
def test_a_range_is_given(client, content, asked, first, stop):
    answer = client.get(content, headers={"Range": asked, "If-Range": ETAG})
    assert (answer.status_code, answer.content) == (206, TEXT[first:stop])
    assert answer.headers["content-range"] == f"bytes {first}-{stop - 1}/{END}"
    assert answer.headers["content-length"] == str(stop - first)


def test_every_place_may_be_a_border(client, content):
    for first in range(5000, 5200):
        assert client.get(content, headers={"Range": f"bytes={first}-{first + 66}"}).content == TEXT[first : first + 67]


@pytest.mark.parametrize("asked", [f"bytes={END}-", f"bytes={END + 5}-{END + 9}", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(client, content, asked):
    answer = client.get(content, headers={"Range": asked})
    problem_of(answer, 416)
    assert answer.headers["content-range"] == f"bytes */{END}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=5-1", "bytes=-", "bytes=a-b", "0-1"])
def test_what_is_no_single_range_is_ignored(client, content, asked):
    assert client.get(content, headers={"Range": asked}).status_code == 200


def test_a_range_of_other_bytes_is_all_of_these(client, content):
    answer = client.get(content, headers={"Range": "bytes=0-4", "If-Range": '"other"'})
    assert (answer.status_code, answer.content) == (200, TEXT)


def test_a_source_without_bytes_and_one_that_is_not_ready(client, home):
    made = client.post("/sources", content=b"").headers["location"]
    problem_of(client.get(f"{made}/content"), 409)
    problem_of(client.get(f"{made}/atoms"), 409)
    run_stages_of(home)
    assert (client.get(f"{made}/content").status_code, client.get(f"{made}/content").content) == (200, b"")
    problem_of(client.get(f"{made}/content", headers={"Range": "bytes=0-"}), 416)
    assert client.get(f"{made}/atoms").json() == {"atoms": [], "next": None}


@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", "text/plain; x=ä€", "x/y\tz"])
def test_a_type_that_no_header_can_hold_does_no_harm(client, home, kind):
    from hartonomous_service.ingest import submit

    submit(home, b"abc", source_uri="a:\r\nSet-Cookie: x=1", content_type=kind)
    run_stages_of(home)
    [source] = client.get("/sources").json()["sources"]
    answer = client.get(f"/sources/{source['sourceId']}/content")
    assert (answer.status_code, answer.content) == (200, b"abc")
    assert "set-cookie" not in answer.headers


def test_pages_of_sources_miss_none_and_repeat_none_while_more_come(client):
    for n in range(7):
        client.post(f"/sources?sourceUri=a:{n}", content=b"%d" % n)
    seen, page = [], client.get("/sources?limit=3").json()
    while True:
        seen += [row["sourceUri"] for row in page["sources"]]
        if page["next"] is None:
            break
        client.post(f"/sources?sourceUri=new:{len(seen)}", content=b"%d" % len(seen))
        page = client.get("/sources", params={"limit": 3, "cursor": page["next"]}).json()
    assert seen == [f"a:{n}" for n in range(6, -1, -1)]
    assert client.get("/sources?status=Atomized").json() == {"sources": [], "next": None}


def test_the_atoms_of_a_source_cover_its_bytes_page_by_page(client, content):
    path, atoms, cursor = content.replace("/content", "/atoms"), [], None
    while True:
        page = client.get(
            path, params={"limit": 7 if not atoms else 1000, **({"cursor": cursor} if cursor else {})}
        ).json()
        atoms += page["atoms"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [atom["ordinal"] for atom in atoms] == list(range(len(atoms))) and len(atoms) > 7
    for atom in atoms:
        piece = TEXT[atom["byteOffset"] : atom["byteOffset"] + atom["byteLength"]]
        assert (piece.decode(), hashlib.sha256(piece).hexdigest()) == (atom["text"], atom["hash"])


def cursor_of(text):
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "place", ["atoms:1", "sources", "sources:", "sources:-5", "sources:x", "sources:²", f"sources:{2**63}"]
)
def test_a_cursor_that_this_list_did_not_give_is_refused(client, place):
    for cursor in (cursor_of(place), "x", "ä", ""):
        said = problem_of(client.get("/sources", params={"cursor": cursor}), 422)["detail"]
        assert said.startswith("cursor: it is none of this list")
