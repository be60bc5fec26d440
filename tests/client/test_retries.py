"""What is tried again, when, and how often; the server here is a function."""

import asyncio
import socket
import subprocess
import sys
import time

import httpx
import pytest

from hartonomous_client import ConnectionFailed, HartonomousError

BUSY = httpx.Response(503, headers={"Retry-After": "7"}, json={"detail": "the database is down", "requestId": "r"})


@pytest.fixture
def waited(monkeypatch):
    """The seconds that were waited, without waiting them."""
    seconds = []

    async def sleep(length):
        seconds.append(length)

    monkeypatch.setattr(time, "sleep", seconds.append)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return seconds


@pytest.fixture
def answering(make_client):
    """Makes a client of a server that gives these answers in turn, and the list of what it was sent."""

    def make(*answers, **options):
        sent, rest = [], list(answers)

        def handle(request):
            sent.append(request)
            answer = rest.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

        return make_client(transport=httpx.MockTransport(handle), key="secret", **options), sent

    return make


def test_a_call_that_may_be_repeated_is_after_what_the_server_says(answering, waited):
    client, sent = answering(BUSY, httpx.ConnectError("refused"), httpx.Response(429), httpx.Response(200, json={}))
    assert client.get_stats() == {}
    assert len(sent) == 4 and waited == [7.0, 1.0, 2.0]
    assert sent[0].headers["authorization"] == "Bearer secret"


def test_after_the_last_retry_the_error_is_raised(answering, waited):
    client, sent = answering(BUSY, BUSY, retries=1)
    with pytest.raises(HartonomousError, match="503: the database is down"):
        client.get_stats()
    assert len(sent) == 2 and waited == [7.0]


def test_a_call_that_the_server_still_works_on_is_repeated_until_it_is_answered(answering, waited):
    at_work = httpx.Response(409, headers={"Retry-After": "1"}, json={})
    client, _ = answering(httpx.ReadTimeout("slow"), at_work, httpx.Response(201, json={"sourceId": 5}))
    assert client.create_source(b"x", idempotency_key="k") == {"sourceId": 5}
    assert waited == [0.5, 1.0]


def test_another_conflict_is_an_error_at_once(answering, waited):
    client, sent = answering(httpx.Response(409, json={"detail": "it is Landed"}))
    with pytest.raises(HartonomousError, match="409: it is Landed"):
        client.get_source(5)
    assert len(sent) == 1


@pytest.mark.parametrize(("first", "stop"), [(5, 5), (5, 4), (0, 0), (-1, None)])
def test_a_range_without_a_byte_is_refused_and_not_all_of_the_source_sent(answering, first, stop):
    client, sent = answering(httpx.Response(200, content=b"all"))
    with pytest.raises(ValueError, match="no byte"), client.stream_content(5, first, stop):
        pass
    assert sent == []


@pytest.mark.parametrize(
    ("ask", "times"),
    [
        (lambda client: client.create_job("SendReport"), 1),
        (lambda client: client.replay_dead_letter(1), 1),
        (lambda client: client.record_inference({"model": "a"}), 1),
        (lambda client: client.record_inference({"model": "a", "inferenceId": "b"}), 2),
        (lambda client: client.create_source(b"x"), 1),
        (lambda client: client.create_source(b"x", idempotency_key="k"), 2),
        (lambda client: client.create_source(iter([b"x"]), idempotency_key="k"), 1),
    ],
)
def test_what_would_be_done_twice_is_sent_once(answering, waited, ask, times):
    client, sent = answering(BUSY, BUSY, retries=1)
    with pytest.raises(HartonomousError, match="503"):
        ask(client)
    assert len(sent) == times


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectError("refused"), "http://127.0.0.1:8350 cannot be reached: refused"),
        (httpx.ConnectTimeout(""), "http://127.0.0.1:8350 did not answer in time"),
        (httpx.ReadTimeout("slow"), "http://127.0.0.1:8350 did not answer in time: slow"),
        (httpx.ReadError("reset"), "http://127.0.0.1:8350 broke the connection off: reset"),
    ],
)
def test_a_connection_that_fails_is_an_error_of_the_clients_own(answering, waited, error, said):
    client, _ = answering(error)
    with pytest.raises(HartonomousError) as caught:
        client.create_job("SendReport")
    assert isinstance(caught.value, ConnectionFailed) and str(caught.value) == said
    assert (caught.value.status, caught.value.request_id) == (0, None) and caught.value.__cause__ is error


class Breaking(httpx.SyncByteStream, httpx.AsyncByteStream):
    """An answer that breaks off after its first block."""

    def __iter__(self):
        yield b"all "
        raise httpx.ReadError("reset")

    async def __aiter__(self):
        for block in self:
            yield block


def test_an_answer_that_breaks_off_is_such_an_error_too(make_client):
    def handle(request):
        return httpx.Response(200, stream=Breaking())

    client = make_client(transport=httpx.MockTransport(handle))
    with pytest.raises(ConnectionFailed, match="reset"), client.stream_content(5) as blocks:
        list(blocks)


def test_a_server_that_is_not_there_is_named(make_client):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConnectionFailed, match=f"{url} cannot be reached"):
            make_client(url, retries=0).get_stats()


def test_without_httpx_the_extra_is_named():
    program = "import sys; sys.modules['httpx'] = None; import hartonomous_client"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (
        ended.stderr.splitlines()[-1]
        == "ModuleNotFoundError: hartonomous_client needs httpx: pip install 'hartonomous[client]'"
    )


def test_an_error_of_a_proxy_has_its_text(answering, waited):
    client, _ = answering(httpx.Response(502, text="<html>bad gateway</html>"))
    with pytest.raises(HartonomousError, match="502: <html>bad gateway") as caught:
        client.get_stats()
    assert caught.value.request_id is None


def test_a_server_that_is_unhealthy_says_so_at_once(answering, waited):
    client, _ = answering(httpx.Response(503, json={"status": "unhealthy", "checks": []}))
    assert client.get_health()["status"] == "unhealthy"
    assert waited == []


def test_blocks_are_sent_as_they_come(answering, waited, tmp_path):
    (tmp_path / "file").write_bytes(b"ab" * 100_000)
    client, sent = answering(*[httpx.Response(201, json={})] * 2)
    client.create_source(iter([b"a", b"b"]), source_uri="mail:1", metadata={"a": 1}, content_type="text/plain")
    with (tmp_path / "file").open("rb") as file:
        client.create_source(file)
    assert [len(request.content) for request in sent] == [2, 200_000]
    assert sent[0].headers["transfer-encoding"] == "chunked"
    assert dict(sent[0].url.params) == {"sourceUri": "mail:1", "metadata": '{"a": 1}'}
