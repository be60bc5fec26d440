"""Embedding by an API: what it promises as every compute does, how it cuts batches, and its settings."""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest
from pydantic import ValidationError

from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_resources.compute.api.api_compute import ApiCompute
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.settings import Settings
from hartonomous_resources.settings_problems import usable_settings
from tests.embedding_server import Conversation, EmbeddingServer, behave, embedded, unit
from tests.unit.embedding_api.asking import KEY, QUICK, TEXTS, embed

# ---- the contract


def test_vectors_of_unit_length_in_the_order_of_the_texts(compute: ApiCompute, server: EmbeddingServer) -> None:
    [model] = compute.models()
    found = compute.embed(model, TEXTS)

    assert found.vectors.dtype == np.float32
    assert np.allclose(found.vectors, [unit(text) for text in TEXTS], atol=1e-6)
    assert found.window_counts.tolist() == [1, 1, 1, 1]
    assert (model.name, model.dimension, model.precision, model.takes) == ("small", 8, "api", "texts")
    assert compute.models() == [model]
    assert len(server.requests) == 2, "one asks for the dimension, once"
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert server.requests[1].asked == {"model": "small", "input": TEXTS, "encoding_format": "float"}


def test_whole_texts_have_vectors_and_tokens_none(compute: ApiCompute) -> None:
    made = compute.embed_tokens(compute.models()[0], TEXTS)

    assert np.array_equal([each.vector for each in made], embed(compute))
    assert {(each.tokens.shape, each.offsets.shape) for each in made} == {((0, 8), (0, 2))}


def test_nothing_to_embed_asks_nothing(compute: ApiCompute, server: EmbeddingServer) -> None:
    assert embed(compute, []).shape == (0, 8)
    assert server.batches == []


def test_what_is_no_text_and_a_model_that_is_not_there_are_refused(compute: ApiCompute) -> None:
    with pytest.raises(ValueError, match="takes texts: item 0 of 1"):
        compute.embed(compute.models()[0], [np.zeros((2, 2, 3), dtype=np.uint8)])
    with pytest.raises(ValueError, match="no model of another home"):
        compute.embed(ModelIdentity("text", "of another home", 3, "f" * 64, "api", "{}"), ["A text"])


def test_the_model_is_its_name_its_place_and_its_dimension(
    settings: Settings, compute: ApiCompute, server: EmbeddingServer
) -> None:
    def hash_of(more: dict[str, object]) -> str:
        with closing(ApiCompute(settings.model_copy(update=more), QUICK)) as other:
            return other.models()[0].artifact_hash

    same = {hash_of({}), hash_of({"api_key": None}), hash_of({"api_url": f"{server.url}/v1/"})}
    others = {hash_of({"api_model": "large"}), hash_of({"api_url": server.url.replace("127.0.0.1", "localhost")})}
    server.always = lambda it: it.answer(embedded([[1.0, 2.0]]))
    others.add(hash_of({}))

    assert same == {compute_hash(compute, server)}
    assert len(others - same) == 3


def compute_hash(compute: ApiCompute, server: EmbeddingServer) -> str:
    server.always = behave
    return compute.models()[0].artifact_hash


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "/v1/embeddings"),
        ("/", "/v1/embeddings"),
        ("/v1", "/v1/embeddings"),
        ("/openai/v1/", "/openai/v1/embeddings"),
        ("/v1/embeddings", "/v1/embeddings"),
    ],
)
def test_the_address_may_be_a_host_an_api_or_the_whole(
    settings: Settings, server: EmbeddingServer, path: str, asked: str
) -> None:
    with closing(ApiCompute(settings.model_copy(update={"api_url": server.url + path}), QUICK)) as compute:
        compute.models()

    assert server.requests[0].path == asked


def test_warming_asks_nothing_and_a_closed_one_can_be_used_again(compute: ApiCompute, server: EmbeddingServer) -> None:
    compute.warm()
    assert server.requests == []
    before = embed(compute)
    compute.close()
    compute.close()

    assert np.array_equal(embed(compute), before)


def test_threads_share_it(compute: ApiCompute) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: embed(compute, [f"Text {n}"])[0], range(40)))

    assert np.allclose(found, [unit(f"Text {n}") for n in range(40)], atol=1e-6)
    assert compute.device().startswith("small at http://127.0.0.1")


def test_coordinates_are_those_of_the_projection(compute: ApiCompute) -> None:
    points = np.array([unit(text) for text in TEXTS])
    axes, mean, scale = landmark_axes(8), np.zeros(3), scale_for(8)

    assert np.array_equal(compute.project(points, axes, mean, scale), project(points, axes, mean, scale))


# ---- batches


def test_a_batch_has_as_many_tokens_as_the_setting_says(settings: Settings, server: EmbeddingServer) -> None:
    texts = ["x" * 40, "ü" * 20, "x" * 41, "x" * 1000, "x"]  # of 10, 10, 11, 250 and 1 tokens
    with closing(ApiCompute(settings.model_copy(update={"api_batch_tokens": 20}), QUICK)) as compute:
        found = embed(compute, texts)

    assert server.batches == [texts[:2], texts[2:3], texts[3:4], texts[4:]]
    assert np.allclose(found, [unit(text) for text in texts], atol=1e-6)


def test_a_server_that_takes_fewer_texts_is_asked_for_fewer(compute: ApiCompute, server: EmbeddingServer) -> None:
    def takes_four(it: Conversation) -> None:
        it.answer({"error": "too many"}, 413) if len(it.texts) > 4 else behave(it)

    server.always = takes_four
    texts = [f"Text {number}" for number in range(32)]
    assert np.allclose(embed(compute, texts), [unit(text) for text in texts], atol=1e-6)
    server.requests.clear()
    embed(compute, texts)

    assert [len(batch) for batch in server.batches] == [4] * 8


# ---- settings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://api.example.com/v1"),
        ("url", "http://127.0.0.1.example.com"),
        ("url", "http://192.168.1.5:8080"),
        ("url", "https://user:hunter2@host/v1"),
        ("url", "https://host/v1?key=hunter2"),
        ("url", "https://"),
        ("url", "https://host:99999"),
        ("url", "ftp://localhost"),
        ("url", "https://[::1"),
        ("key", "hunter2\nX: y"),
        ("key", "hunter2 x"),
        ("key", "hunter2ü"),
        ("model", "x" * 201),
        ("price", "-1"),
        ("price", "inf"),
        ("budget", "5"),
        ("batch_tokens", "0"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, field: str, value: str
) -> None:
    monkeypatch.setenv(f"HARTONOMOUS_API_{field.upper()}", value)

    _, problems = usable_settings()

    assert list(problems) == [f"api_{field}"]
    assert "hunter2" not in str(problems)
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://host", "https://host:8443/v1", "http://localhost:11434", "http://[::1]:80/v1"]
)
def test_an_address_is_https_or_on_this_machine(url: str) -> None:
    assert Settings(api_url=url).api_url == url


@pytest.mark.parametrize("missing", ["api_url", "api_model"])
def test_what_is_not_set_is_named(settings: Settings, missing: str) -> None:
    compute = ApiCompute(settings.model_copy(update={missing: None}))
    with pytest.raises(ComputeUnavailable, match="needs HARTONOMOUS_API_URL and HARTONOMOUS_API_MODEL: set both"):
        compute.models()
    assert "0 tokens" in compute.device()


def test_without_httpx_it_says_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("embedding_requests", "posting"):
        monkeypatch.delitem(sys.modules, f"hartonomous_resources.compute.api.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "httpx", None)

    with pytest.raises(ComputeUnavailable, match=r"needs httpx: pip install 'hartonomous\[client\]'"):
        ApiCompute(settings).models()
