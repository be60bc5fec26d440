"""An upload that breaks off goes on where it stopped, by the hash of its bytes; no tenant learns what another has."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hartonomous_resources.partial_uploads import KEPT_SECONDS, MOST_OF_A_TENANT, PartialUploads, TooManyUploads
from hartonomous_service.http import access
from hartonomous_service.http.access import OPEN_CALLER
from hartonomous_service.keys import Caller
from tests.http.test_problems import problem_of
from tests.stages import run_stages_of

BYTES = bytes(range(256)) * 4000
HASH = hashlib.sha256(BYTES).hexdigest()
UPLOAD = f"/uploads/{HASH}"
HALF = 500_000


@pytest.fixture
def home(client):
    return client.app.state.resources


def files(home):
    return [path for path in home.settings.blob_dir.rglob("*") if path.is_file()]


def append(client, content, offset, *, upload=UPLOAD, last=False):
    headers = {"Upload-Offset": str(offset), "Upload-Complete": f"?{int(last)}"}
    return client.patch(upload, content=content, headers=headers)


def test_an_upload_is_continued_and_taken_in(client, home):
    assert client.head(UPLOAD).status_code == 404
    assert append(client, BYTES[:HALF], 0).headers["upload-offset"] == str(HALF)
    told = client.head(UPLOAD)
    assert (told.status_code, told.headers["upload-offset"], told.headers["upload-complete"]) == (200, str(HALF), "?0")
    problem_of(client.post(f"/sources?contentHash={HASH}"), 422)  # not all of it

    assert append(client, BYTES[HALF:], HALF, last=True).status_code == 204
    answer = client.post(f"/sources?contentHash={HASH.upper()}&sourceUri=u:1", headers={"Content-Type": "x/y"})

    assert answer.status_code == 201
    assert (answer.json()["contentType"], answer.json()["byteLength"]) == ("x/y", len(BYTES))
    run_stages_of(home)
    assert client.get(f"{answer.headers['location']}/content").content == BYTES
    assert [file for file in files(home) if "uploads" in file.parts] == []


@pytest.mark.parametrize("offset", [1, HALF - 1, HALF + 1, 2**63 - 1])
def test_it_goes_on_where_it_stopped_and_nowhere_else(client, offset):
    append(client, BYTES[:HALF], 0)
    refused = append(client, BYTES[HALF:], offset)
    problem_of(refused, 409)
    assert refused.headers["upload-offset"] == str(HALF)
    assert client.head(UPLOAD).headers["upload-offset"] == str(HALF)


@pytest.mark.parametrize("headers", [{}, {"Upload-Offset": "-1"}, {"Upload-Offset": "x"}])
def test_an_offset_is_needed(client, headers):
    problem_of(client.patch(UPLOAD, content=BYTES, headers=headers), 422)


@pytest.mark.parametrize("name", ["abc", "..%2f..%2fx", "g" * 64, HASH + "0"])
def test_only_a_hash_names_an_upload(client, home, name):
    assert append(client, b"x", 0, upload=f"/uploads/{name}").status_code in (404, 422)
    assert files(home) == []


def test_bytes_of_another_hash_are_refused_with_the_last_piece(client, home):
    problem_of(append(client, b"something else", 0, last=True), 422)
    assert client.head(UPLOAD).status_code == 404 and files(home) == []


def test_bytes_that_the_tenant_has_need_no_upload(client, home):
    problem_of(client.post(f"/sources?contentHash={HASH}"), 404)
    landed = client.post("/sources?sourceUri=a:1", content=BYTES).json()
    assert (landed["status"], landed["contentHash"]) == ("Landed", HASH)

    for work in (lambda: None, lambda: run_stages_of(home)):  # of a landed copy, and of atoms
        work()
        told = client.head(UPLOAD)
        assert (told.headers["upload-offset"], told.headers["upload-complete"]) == (str(len(BYTES)), "?1")
        assert client.post(f"/sources?contentHash={HASH}&sourceUri=a:1").status_code == 200
    assert client.post(f"/sources?contentHash={HASH}&sourceUri=a:2").status_code == 201
    run_stages_of(home)
    assert {row["contentHash"] for row in client.get("/sources").json()["sources"]} == {HASH}


def test_what_another_tenant_has_or_sends_is_nobodys_business(client, home, monkeypatch):
    stored = client.post("/sources?sourceUri=a:1", content=BYTES)
    run_stages_of(home)
    other = hashlib.sha256(b"half").hexdigest()
    append(client, b"ha", 0, upload=f"/uploads/{other}")
    monkeypatch.setattr(access, "OPEN_CALLER", Caller(key_id="k", tenant=7, scopes=OPEN_CALLER.scopes))

    assert client.head(UPLOAD).status_code == 404
    assert client.head(f"/uploads/{other}").status_code == 404
    problem_of(client.post(f"/sources?contentHash={HASH}"), 404)
    problem_of(append(client, b"lf", 2, upload=f"/uploads/{other}"), 409)
    for path in ("", "/content", "/atoms"):
        problem_of(client.get(stored.headers["location"] + path), 404)
    assert client.get("/sources").json() == {"sources": [], "next": None}


def test_a_tenant_has_so_many_unfinished_uploads_until_they_are_old(client, home):
    names = [f"/uploads/{hashlib.sha256(bytes([n])).hexdigest()}" for n in range(MOST_OF_A_TENANT + 1)]
    for name in names[:-1]:
        assert append(client, b"x", 0, upload=name).status_code == 204
    problem_of(append(client, b"x", 0, upload=names[-1]), 409)
    assert append(client, b"y", 1, upload=names[0]).status_code == 204

    for file in files(home)[1:]:
        os.utime(file, (0, file.stat().st_mtime - KEPT_SECONDS - 1))

    assert append(client, b"x", 0, upload=names[-1]).status_code == 204
    assert len(files(home)) == 2


def test_of_landed_bytes_a_source_of_another_name_is_made(client, home):
    client.post("/sources?sourceUri=a:1", content=BYTES)
    assert client.post(f"/sources?contentHash={HASH}&sourceUri=a:2").status_code == 201
    run_stages_of(home)
    assert client.get("/sources/2/content").content == BYTES


def test_uploads_that_begin_at_once_are_no_more_than_a_tenant_may_have(home):
    uploads = PartialUploads(home.settings.blob_dir)
    names = [hashlib.sha256(bytes([n])).hexdigest() for n in range(3 * MOST_OF_A_TENANT)]
    together = threading.Barrier(8)

    def begin(name):
        together.wait()
        try:
            uploads.append(0, name, 0, 10).close()
        except TooManyUploads:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        begun = sum(threads.map(begin, names))

    assert MOST_OF_A_TENANT - 8 < begun == len(files(home)) <= MOST_OF_A_TENANT


def test_one_that_is_refused_takes_no_upload_away_that_another_has_begun(home):
    uploads = PartialUploads(home.settings.blob_dir)
    for n in range(MOST_OF_A_TENANT):
        uploads.append(0, hashlib.sha256(bytes([n])).hexdigest(), 0, 10).close()
    together = threading.Barrier(8)

    def begin(_):
        together.wait()
        try:
            uploads.append(0, HASH, 0, 10).close()
        except TooManyUploads:
            return 0
        return 1

    with ThreadPoolExecutor(8) as threads:
        begun = sum(threads.map(begin, range(400)))

    assert begun == 0, "whoever is let in keeps what it writes; here there is no place"


def test_an_upload_that_is_too_old_begins_anew(client, home):
    append(client, BYTES[:HALF], 0)
    [file] = files(home)
    os.utime(file, (0, 0))

    assert client.head(UPLOAD).status_code == 404
    problem_of(append(client, BYTES[HALF:], HALF), 409)
    assert append(client, BYTES, 0, last=True).status_code == 204
