"""Embedding by an API: how long it waits, what it counts, where it stops, and that nobody sees the key."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from hartonomous_resources.compute.api.api_compute import ApiCompute
from hartonomous_resources.compute.api.patience import Patience, seconds_of
from hartonomous_resources.compute.model_source import ModelSource
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.settings import Settings
from tests.embedding_server import (
    Conversation,
    EmbeddingServer,
    Say,
    behave,
    cut_in_the_body,
    embedded,
    says,
    vector_of,
)
from tests.unit.embedding_api.asking import KEY, QUICK, embed

# ---- waiting


def busy_for(retry_after: str) -> Say:
    return lambda it: it.answer({}, 503, Retry_After=retry_after)


@pytest.mark.parametrize(
    "retry_after",
    [lambda: "1", lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)],
    ids=["seconds", "date"],
)
def test_it_waits_as_long_as_it_is_told_to(
    settings: Settings, server: EmbeddingServer, retry_after: Callable[[], str]
) -> None:
    patience = Patience(pause_seconds=0.001, longest_pause_seconds=5)
    with closing(ApiCompute(settings, patience)) as compute:
        compute.models()
        server.script = [busy_for(retry_after())]
        started = time.monotonic()
        embed(compute)

    assert 0.9 <= time.monotonic() - started < 5


def test_one_that_asks_for_long_is_left_alone_meanwhile(compute: ApiCompute, server: EmbeddingServer) -> None:
    compute.models()
    server.script = [busy_for("86400")]
    for _ in range(2):
        with pytest.raises(ComputeUnavailable, match="asks to be left alone for"):
            embed(compute)

    assert len(server.batches) == 1


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        ("-1", None),
        ("1e9", None),
        ("1.5", None),
        ("9" * 400, None),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00", 0),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(given: str | None, seconds: float | None) -> None:
    assert seconds_of(given) == seconds


def test_a_closed_one_waits_for_nothing(compute: ApiCompute, server: EmbeddingServer) -> None:
    compute.models()
    came, done = threading.Event(), threading.Event()

    def wait(it: Conversation) -> None:
        came.set()
        done.wait(10)
        it.hang_up()

    server.always = wait
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(embed, compute)
        assert came.wait(5)
        compute.close()
        error = asked.exception(timeout=0.5)
        done.set()

    assert isinstance(error, ComputeUnavailable)


def test_a_closed_one_does_not_sit_out_a_pause(settings: Settings, server: EmbeddingServer) -> None:
    with closing(ApiCompute(settings, Patience(pause_seconds=15))) as compute, ThreadPoolExecutor(1) as pool:
        compute.models()
        server.always = busy_for("15")
        asked = pool.submit(embed, compute)
        while not server.batches:
            time.sleep(0.01)
        compute.close()

        assert isinstance(asked.exception(timeout=5), ComputeUnavailable)


# ---- what it costs


def costing(settings: Settings, **more: object) -> Settings:
    return settings.model_copy(update={"api_price": 1_000_000.0, **more})  # a token costs 1


def test_tokens_are_counted_as_the_server_tells_across_processes(settings: Settings, server: EmbeddingServer) -> None:
    server.always = lambda it: it.answer(embedded([vector_of(text) for text in it.texts], tokens=50))
    for _ in range(2):
        with closing(ApiCompute(costing(settings, api_budget=1000.0), QUICK)) as compute:
            embed(compute)

    assert compute.device().endswith(": 200 tokens in 4 requests, 200.0000 spent of a budget of 1000")


@pytest.mark.parametrize("told", [-5, 1.5, "7", None, True, 10**30, [], float("nan")], ids=str)
def test_what_a_server_does_not_tell_is_estimated(settings: Settings, server: EmbeddingServer, told: object) -> None:
    server.always = lambda it: it.answer(embedded([vector_of(text) for text in it.texts], tokens=told))
    with closing(ApiCompute(settings, QUICK)) as compute:
        embed(compute, ["x" * 400])

    assert ": 102 tokens in 2 requests" in compute.device()


def test_what_was_cut_off_is_counted_and_what_was_refused_is_not(compute: ApiCompute, server: EmbeddingServer) -> None:
    compute.models()
    server.script = [cut_in_the_body, lambda it: it.answer({}, 503)]
    embed(compute, ["x" * 400])

    assert ": 102 tokens in 4 requests" in compute.device()  # 1 for the dimension, 100 estimated, 1 told


def test_a_budget_that_is_reached_stops_and_says_what_to_raise(settings: Settings, server: EmbeddingServer) -> None:
    server.always = lambda it: it.answer(embedded([vector_of(text) for text in it.texts], tokens=40))
    with closing(ApiCompute(costing(settings, api_budget=100.0), QUICK)) as compute:
        [model] = compute.models()
        compute.embed(model, ["x" * 100])
        with pytest.raises(
            ComputeUnavailable, match="HARTONOMOUS_API_BUDGET=100 leaves too little for another request: raise it"
        ):
            compute.embed(model, ["x" * 100])
        assert compute.budget_problem() is None, "20 are left"
        compute.embed(model, ["x" * 80])
        assert "raise it to go on" in str(compute.budget_problem())

    assert len(server.requests) == 3
    with closing(ApiCompute(costing(settings, api_budget=200.0), QUICK)) as compute:
        assert embed(compute).shape == (4, 8)


def test_threads_and_processes_spend_no_more_than_the_budget(settings: Settings, server: EmbeddingServer) -> None:
    chosen = costing(settings, api_budget=20.0)
    computes = [ApiCompute(chosen, QUICK) for _ in range(3)]
    models = [compute.models()[0] for compute in computes]

    def ask(number: int) -> bool:
        try:
            computes[number % 3].embed(models[0], ["abcd"])
        except ComputeUnavailable:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        done = sum(pool.map(ask, range(40)))
    for compute in computes:
        compute.close()

    assert done == 17
    assert ": 20 tokens in 20 requests, 20.0000 spent" in computes[0].device()


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"requests": 1, "tokens": "x", "spent": 0}'])
def test_a_count_that_is_damaged_asks_nothing(
    settings: Settings, compute: ApiCompute, server: EmbeddingServer, content: str
) -> None:
    settings.home.mkdir()
    (settings.home / "api-usage.json").write_text(content)

    with pytest.raises(ComputeUnavailable, match=r"api-usage\.json.* is damaged: correct it, or delete it"):
        compute.models()
    assert "is damaged" in compute.device()
    assert server.requests == []


def test_a_home_that_cannot_be_written_asks_nothing(
    settings: Settings, compute: ApiCompute, server: EmbeddingServer
) -> None:
    settings.home.write_text("a file")

    with pytest.raises(ComputeUnavailable, match="cannot be counted, so nothing is asked"):
        compute.models()
    assert server.requests == []


# ---- the key


def test_the_key_is_shown_nowhere(
    compute: ApiCompute, server: EmbeddingServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even what a server says of it."""
    echo = {"error": {"message": f"Bearer {KEY}", "code": KEY, "type": KEY}}
    said: list[Say] = [
        lambda it: it.answer(echo, 401, X_Echo=KEY, Location=f"/{KEY}"),
        lambda it: it.answer(echo, 400, X_Echo=KEY),
        lambda it: it.answer(echo, 302, Location=f"http://{KEY}@[/"),
        says(f"HTTP/1.1 200 {KEY}\r\n{KEY}\r\n\r\n".encode()),
        says(f"HTTP/1.1 500 {KEY}\r\nSet-Cookie: a={KEY}\r\nContent-Length: 0\r\n\r\n".encode()),
        lambda it: it.answer({"data": [{"index": KEY}]}),
    ]
    caplog.set_level(logging.DEBUG)
    shown = [repr(settings), repr(compute), repr(vars(compute))]
    for say in said:
        server.always = say
        with pytest.raises(ComputeUnavailable) as raised:
            compute.models()
        shown += [str(raised.value), repr(raised.value), str(raised.getrepr(chain=True))]
    server.always = behave
    shown += [repr(compute.models()), compute.device(), repr(vars(compute)), caplog.text]
    shown += [file.read_text() for file in settings.home.rglob("*") if file.is_file()]

    assert not [each for each in shown if KEY in each]


def test_the_key_may_be_a_file(
    server: EmbeddingServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hartonomous_api_key").write_text(f"{KEY}-of-a-file\n")
    monkeypatch.setenv("HARTONOMOUS_SECRETS_DIR", str(tmp_path))
    chosen = Settings(home=settings.home, api_url=server.url, api_model="small")
    with closing(ApiCompute(chosen, QUICK)) as compute:
        compute.models()

    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}-of-a-file"


@pytest.mark.parametrize(
    ("url", "keys", "sent"),
    [
        ("https://vendor.example", None, KEY),
        ("https://VENDOR.example:443/v1", None, KEY),
        ("https://vendor.example:8443", None, None),
        ("https://vendor.example.evil.example", None, None),
        ("https://other.example", '{"https://other.example/v1": "another"}', "another"),
        ("https://third.example", '{"https://other.example": "another"}', None),
    ],
)
def test_a_key_goes_to_its_own_server_alone(tmp_path: Path, url: str, keys: str | None, sent: str | None) -> None:
    settings = Settings(
        home=tmp_path,
        api_url="https://vendor.example/v1",
        api_key=SecretStr(KEY),
        api_keys=SecretStr(keys) if keys else None,
    )
    found = ModelSource("small", api_url=url).applied_to(settings).api_key
    assert (found and found.get_secret_value()) == sent


def test_a_server_that_was_added_gets_no_key_of_another_and_the_error_says_where_to_put_its_own(
    server: EmbeddingServer, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path, api_url="https://vendor.example", api_key=SecretStr(KEY))
    server.always = lambda it: it.answer({}, 401)
    with (
        closing(ApiCompute(ModelSource("small", api_url=server.url).applied_to(settings), QUICK)) as compute,
        pytest.raises(ComputeUnavailable, match=r"no key was sent: .*HARTONOMOUS_API_KEYS="),
    ):
        compute.models()
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "wrong", ["hunter2", '["hunter2"]', '{"https://a.example": 2}', '{"http://a.example": "hunter2"}']
)
def test_keys_that_are_wrong_are_refused_without_being_shown(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected is") as raised:
        Settings(home=tmp_path, api_keys=SecretStr(wrong))
    assert "hunter2" not in str(raised.value)


def test_without_a_key_none_is_sent(settings: Settings, server: EmbeddingServer) -> None:
    with closing(ApiCompute(settings.model_copy(update={"api_key": None}), QUICK)) as compute:
        compute.models()

    assert "Authorization" not in server.requests[0].headers


def test_no_proxy_sees_what_is_for_this_machine(
    compute: ApiCompute, server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    compute.models()

    assert len(server.requests) == 1
