"""The worker answers what it is asked, and what one client does wrong is that client's error alone."""

import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hartonomous_core.embedders.text_native import NativeTextEmbedder
from hartonomous_core.embedders.text_windows import TextWindows
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.compute.worker import listening
from hartonomous_resources.compute.worker.listening import (
    CannotListen,
    only_worker_of,
)
from hartonomous_resources.compute.worker.worker_server import MOST_CLIENTS
from hartonomous_resources.settings import Settings
from tests.running_worker import working
from tests.unit.raw_worker_client import RawClient, raw_frame
from tests.unit.test_worker_frames import VECTORS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: Unix sockets")

TEXTS = ["Tides follow the moon.", "A word", "The lighthouse was lit at dusk.", "def tide(moon): return moon", "日本語"]
FRAME_SECONDS = 1.0
IDLE_SECONDS = 4.0


LIMITS = {"frame_seconds": FRAME_SECONDS, "idle_seconds": IDLE_SECONDS}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Iterator[Path]:
    """The home of a running worker."""
    temporary = tmp_path_factory.mktemp("t")
    with working(Settings(home=temporary / "home", model_dir=model_dir), temporary, **LIMITS):
        yield temporary / "home"


@pytest.fixture
def client(home: Path) -> Iterator[RawClient]:
    with RawClient(home) as connected:
        yield connected


@pytest.fixture(scope="module")
def windows(text_model: TextModelFiles) -> TextWindows:
    return TextWindows(text_model.tokenizer_path, text_model.window_tokens)


def model_id(client: RawClient) -> str:
    return str(client.ask("Models")[0]["models"][0]["id"])


def tokens_of(windows: TextWindows, *texts: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    each = [window.tokens for window in windows.of(texts)]
    return np.concatenate(each).astype(np.int32), np.array([len(tokens) for tokens in each], np.int32)


NO_WIDTH = np.empty((1 << 20, 0), np.float32)
"""Rows that take no bytes."""


def rows(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(count).normal(size=(count, 8)).astype(np.float32)


def works(client: RawClient) -> bool:
    a = rows(3)
    return bool(np.allclose(client.ask("DotProduct", a, a)[1][0], (a * a).sum(axis=1)))


# ---- what it answers


def test_it_answers_the_page_byte_for_byte_on_both_addresses(home: Path) -> None:
    for path in (home / "gpu-worker.sock", home.parent / "CoreFxPipe_hartonomous-gpu-pipe"):
        assert path.stat().st_mode & 0o777 == 0o600
        with RawClient(home, path) as client:
            for asked in ("unknown", "dot_product"):
                client.socket.sendall(VECTORS[asked])
                answer = client.socket.recv(4096)

                assert answer == VECTORS[f"{asked}_answer"]


def test_vectors_are_those_of_the_engine_bit_for_bit(
    client: RawClient, windows: TextWindows, embedder: NativeTextEmbedder
) -> None:
    name = model_id(client)
    answer, [found] = client.ask("Embed", *tokens_of(windows, *TEXTS), model=name)
    alone = [client.ask("Embed", *tokens_of(windows, text), model=name)[1][0][0] for text in TEXTS]
    lengths = tokens_of(windows, *TEXTS)[1]
    of_texts = found * lengths[:, None]  # as the page says of a text with one window
    of_texts = (of_texts / np.linalg.norm(of_texts, axis=1, keepdims=True)).astype(np.float32)

    assert answer["kind"] == "Answer"
    assert np.array_equal(found, alone)
    assert np.array_equal(of_texts, embedder.embed(TEXTS).vectors)


def test_states_of_tokens_come_when_asked_for(
    client: RawClient, windows: TextWindows, embedder: NativeTextEmbedder
) -> None:
    ids, lengths = tokens_of(windows, *TEXTS)
    _, [vectors, states] = client.ask("Embed", ids, lengths, model=model_id(client), states=True)
    expected = embedder.embed_windows(ids, lengths, with_states=True)

    assert np.array_equal(vectors, expected.vectors)
    assert np.array_equal(states, expected.states)


def test_no_windows_give_no_vectors(client: RawClient) -> None:
    nothing = np.empty(0, np.int32)

    assert client.ask("Embed", nothing, nothing, model=model_id(client))[1][0].shape == (0, 384)


def test_many_clients_at_once_get_each_their_own(home: Path, windows: TextWindows) -> None:
    def ask(number: int) -> list[Any]:
        with RawClient(home) as client:
            name = model_id(client)
            return [client.ask("Embed", *tokens_of(windows, *some), model=name)[1][0] for some in shuffled(number)]

    def shuffled(number: int) -> list[list[str]]:
        random = np.random.default_rng(number)
        return [[TEXTS[at] for at in random.integers(0, len(TEXTS), random.integers(1, 6))] for _ in range(20)]

    with RawClient(home) as client:
        name = model_id(client)
        alone = {text: client.ask("Embed", *tokens_of(windows, text), model=name)[1][0][0] for text in TEXTS}
    with ThreadPoolExecutor(8) as pool:
        for number, found in enumerate(pool.map(ask, range(8))):
            for some, vectors in zip(shuffled(number), found, strict=True):
                assert np.array_equal(vectors, [alone[text] for text in some])


def test_coordinates_are_those_of_the_projection(client: RawClient) -> None:
    vectors, axes, mean = rows(20), landmark_axes(8), np.zeros(3)
    [found] = client.ask("Project", vectors, axes, mean, scale=scale_for(8))[1]

    assert np.array_equal(found, project(vectors, axes, mean, scale_for(8)))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_the_greatest_rows_of_a_file(client: RawClient, home: Path, dtype: str) -> None:
    random = np.random.default_rng(3)
    matrix = random.integers(-100, 100, (150_000, 8)).astype(dtype)
    matrix[90_000] = matrix[7]  # of equal ones the lower comes first
    (home / "vectors").mkdir(exist_ok=True)
    (home / "vectors" / dtype).write_bytes(b"header" + matrix.tobytes())
    queries = np.concatenate([matrix[7:8], random.integers(-9, 9, (2, 8))]).astype(np.float32)
    asked = {"path": f"vectors/{dtype}", "offset": 6, "rows": len(matrix), "dtype": dtype}
    _, [found, products] = client.ask("TopK", queries, **asked, k=5)
    every = queries @ matrix.astype(np.float32).T
    order = np.argsort(-every, axis=1, kind="stable")[:, :5]

    assert np.array_equal(found, order)
    assert np.array_equal(products, np.take_along_axis(every, order, 1))


def test_it_says_how_it_is_and_what_it_has(client: RawClient, text_model: TextModelFiles) -> None:
    health = client.ask("Health")[0]
    [model] = client.ask("Models")[0]["models"]

    assert health["device"] == "cpu"
    assert health["pid"] == os.getpid()
    assert health["connections"] >= 1
    assert (model["name"], model["artifactHash"], model["dimension"]) == (
        "all-MiniLM-L6-v2",
        text_model.artifact_hash,
        384,
    )


# ---- what it refuses, and goes on


@pytest.mark.parametrize(
    ("kind", "arrays", "header", "words"),
    [
        ("DotProduct", [rows(2), rows(3)], {}, "do not agree"),
        ("DotProduct", [rows(2)], {}, "arrays are to be"),
        ("DotProduct", [rows(2).astype(np.float64)] * 2, {}, "arrays are to be"),
        ("Project", [rows(2), np.zeros((2, 8)), np.zeros(3)], {"scale": 1.0}, "do not agree"),
        ("Project", [rows(2) * np.float32(np.nan), np.zeros((3, 8)), np.zeros(3)], {"scale": 1.0}, "NaN"),
        ("Embed", [np.zeros(2, np.int64), np.ones(2, np.int32)], {"model": "none"}, "arrays are to be"),
        ("DotProduct", [NO_WIDTH, NO_WIDTH], {}, "no width"),
        ("Project", [NO_WIDTH, np.zeros((3, 0)), np.zeros(3)], {"scale": 1.0}, "no width"),
        ("TopK", [NO_WIDTH], {"path": "a", "offset": 0, "rows": 1, "dtype": "int8", "k": 1}, "no width"),
        (
            "Project",
            [np.zeros((1_400_000, 1), np.float32), np.zeros((3, 1)), np.zeros(3)],
            {"scale": 1.0},
            "more than an answer holds",
        ),
        (
            "TopK",
            [rows(300)],
            {"path": "a", "offset": 0, "rows": 10_000, "dtype": "int8", "k": 10_000},
            "more than an answer holds",
        ),
    ],
)
def test_a_request_that_is_wrong_is_refused_and_the_next_one_answered(
    client: RawClient, kind: str, arrays: list[Any], header: dict[str, object], words: str
) -> None:
    answer, _ = client.ask(kind, *arrays, **header)

    assert (answer["kind"], answer["code"]) == ("Failure", "refused")
    assert words in answer["message"]
    assert works(client)


def test_a_model_that_the_worker_has_not_is_told_apart_from_a_wrong_request(client: RawClient) -> None:
    answer, _ = client.ask("Embed", np.zeros(2, np.int32), np.ones(2, np.int32), model="none")

    assert answer["code"] == "unavailable"
    assert "no model none" in answer["message"]


@pytest.mark.parametrize(
    ("ids", "lengths", "code"),
    [
        ([101, 102], [3], "refused"),
        ([101, 102], [2, 0], "refused"),
        ([101, 102], [3, -1], "refused"),
        ([101] * 257, [257], "refused"),
        ([101, 30_522, 102], [3], "failed"),
        ([101, -1, 102], [3], "failed"),
    ],
)
def test_windows_that_the_model_cannot_take_are_an_error_of_their_client_alone(
    home: Path, windows: TextWindows, ids: list[int], lengths: list[int], code: str
) -> None:
    with RawClient(home) as wrong, RawClient(home) as right:
        name = model_id(right)
        good = tokens_of(windows, TEXTS[0])
        expected = right.ask("Embed", *good, model=name)[1][0]
        for _ in range(5):
            wrong.socket.sendall(
                raw_frame(np.array(ids, np.int32), np.array(lengths, np.int32), kind="Embed", model=name)
            )
            assert np.array_equal(right.ask("Embed", *good, model=name)[1][0], expected)
            assert wrong.answer()[0]["code"] == code


def test_only_files_of_the_home_are_searched(client: RawClient, home: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(bytes(320))
    (home / "short").write_bytes(bytes(319))
    for name, target in (("link", tmp_path / "outside"), ("circle", home / "circle")):
        if not (home / name).is_symlink():
            (home / name).symlink_to(target)
    if not (home / "fifo").exists():
        os.mkfifo(home / "fifo")
    outside = [str(tmp_path / "outside"), "../outside", "link", "circle", "fifo", ".", "none", "short", "a\0b"]
    for path in outside:
        answer, _ = client.ask("TopK", rows(1), path=path, offset=0, rows=10, dtype="float32", k=1)

        assert answer["code"] == "refused", path
    assert works(client)


# ---- who does not keep to the protocol


def test_what_is_too_large_is_not_read(client: RawClient, home: Path) -> None:
    with RawClient(home) as large:
        large.socket.sendall(struct.pack(">i", (32 << 20) + 1))

        assert large.answer()[0]["code"] == "too_large"
        assert large.is_hung_up_on()
    assert works(client)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_bytes_come_are_answered_and_harm_no_other(client: RawClient, home: Path, data: st.DataObject) -> None:
    valid = VECTORS[data.draw(st.sampled_from(["dot_product", "embed", "top_k", "unknown"]))][4:]
    message = bytearray(data.draw(st.sampled_from([valid, b""])) or data.draw(st.binary(max_size=200)))
    for place in data.draw(st.lists(st.integers(0, max(0, len(message) - 1)), max_size=4)):
        message[place : place + 1] = data.draw(st.binary(max_size=2))
    with RawClient(home) as wrong:
        wrong.socket.sendall(struct.pack(">i", len(message)) + message)

        assert wrong.answer()[0]["kind"] in ("Answer", "Failure", "HealthAnswer", "ModelsAnswer")
        assert works(wrong)
    assert works(client)


def test_who_begins_and_does_not_go_on_is_hung_up_on(home: Path) -> None:
    with RawClient(home) as half, socket.socket(socket.AF_UNIX) as silent, RawClient(home) as other:
        half.socket.sendall(VECTORS["dot_product"][:-1])
        silent.settimeout(20)
        silent.connect(str(home / "gpu-worker.sock"))
        began = time.monotonic()
        while time.monotonic() < began + FRAME_SECONDS / 2:
            assert works(other)
        assert half.is_hung_up_on()
        while silent.recv(4096):
            pass
        assert time.monotonic() < began + 10 * FRAME_SECONDS


def test_who_sends_a_byte_now_and_then_is_hung_up_on(home: Path) -> None:
    with RawClient(home) as dripping:
        began = time.monotonic()
        dripping.socket.sendall(struct.pack(">i", 1000))
        with pytest.raises(OSError):
            while time.monotonic() < began + 10 * FRAME_SECONDS:
                dripping.socket.sendall(b"x")
                time.sleep(0.02)


def test_who_does_not_read_the_answer_is_hung_up_on(home: Path) -> None:
    many = np.zeros((2_000_000, 1), np.float32)
    with RawClient(home) as deaf, RawClient(home) as other:
        deaf.socket.sendall(raw_frame(many, many, kind="DotProduct"))
        time.sleep(2 * FRAME_SECONDS)

        assert works(other)
        with pytest.raises(AssertionError, match="hung up"):
            deaf.answer()


def test_who_says_nothing_more_makes_room(home: Path) -> None:
    with RawClient(home) as idle:
        assert idle.is_hung_up_on()


def test_too_many_are_told_so(home: Path) -> None:
    with ExitStack() as connected:
        clients = []
        for _ in range(MOST_CLIENTS + 1):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(20)
            connected.callback(client.close)
            client.connect(str(home / "gpu-worker.sock"))
            clients.append(client)

        assert b'"code":"busy"' in clients[-1].recv(4096)
    with RawClient(home) as client:
        assert works(client)


# ---- the end


def test_a_stop_answers_what_was_accepted(socket_folder: Path, model_dir: Path, windows: TextWindows) -> None:
    home = socket_folder / "home"
    ids, lengths = tokens_of(windows, *["The lighthouse was lit at dusk. " * 30] * 20)
    chosen = Settings(home=home, model_dir=model_dir)
    with working(chosen, socket_folder, **LIMITS) as stop, RawClient(home) as client, RawClient(home) as idle:
        name = model_id(client)
        expected = client.ask("Embed", ids, lengths, model=name)[1][0]
        client.socket.sendall(raw_frame(ids, lengths, kind="Embed", model=name))
        time.sleep(0.02)
        stop.set()

        assert np.array_equal(client.answer()[1][0], expected)
        assert client.is_hung_up_on()
        assert idle.is_hung_up_on()
    assert sorted(path.name for path in home.glob("gpu-worker.*") if path.suffix != ".lock") == ["gpu-worker.key"]
    assert not list(socket_folder.glob("CoreFxPipe*"))


# ---- one worker of a home


def test_a_home_has_one_worker(home: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotListen, match="runs already"), only_worker_of(home):
        pass
    with only_worker_of(tmp_path):
        pass
    with only_worker_of(tmp_path):
        pass


def test_a_worker_whose_pipe_is_taken_serves_its_home(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(home.parent))
        with listening.listening(tmp_path) as listeners:
            assert [each.getsockname() for each in listeners] == [str(tmp_path / "gpu-worker.sock")]
    assert "do not find this worker" in caplog.text
