"""The worker answers what it is asked, and what one client does wrong is that client's error alone."""

import os
import socket
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import WindowVectors
from hartonomous_core.embedders.text_native import NativeTextEmbedder
from hartonomous_core.embedders.text_windows import TextWindows
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.compute.worker import listening
from hartonomous_resources.compute.worker.listening import (
    CannotListen,
    address_of,
    dotnet_address,
    listening_at,
    only_worker_of,
    refuse_long_address,
)
from hartonomous_resources.compute.worker.window_batches import WindowBatches
from hartonomous_resources.compute.worker.worker_server import MOST_CLIENTS, _Sessions, accept_from
from hartonomous_resources.settings import Settings
from tests.builders import small_model
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


def test_a_stop_answers_what_was_accepted(tmp_path: Path, model_dir: Path, windows: TextWindows) -> None:
    home = tmp_path / "home"
    ids, lengths = tokens_of(windows, *["The lighthouse was lit at dusk. " * 30] * 20)
    chosen = Settings(home=home, model_dir=model_dir)
    with working(chosen, tmp_path, **LIMITS) as stop, RawClient(home) as client, RawClient(home) as idle:
        name = model_id(client)
        expected = client.ask("Embed", ids, lengths, model=name)[1][0]
        client.socket.sendall(raw_frame(ids, lengths, kind="Embed", model=name))
        time.sleep(0.02)
        stop.set()

        assert np.array_equal(client.answer()[1][0], expected)
        assert client.is_hung_up_on()
        assert idle.is_hung_up_on()
    assert sorted(path.name for path in home.glob("gpu-worker.*") if path.suffix != ".lock") == ["gpu-worker.key"]
    assert not list(tmp_path.glob("CoreFxPipe*"))


# ---- batches


class SlowCompute:
    """Counts calls; its vectors are the lengths. It holds the first call until the others have asked."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.go_on = threading.Event()

    def embed_windows(
        self, _model: object, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool
    ) -> WindowVectors:
        self.calls.append(len(ids))
        assert self.go_on.wait(20)
        if (ids == 13).any():
            raise RuntimeError("unlucky")
        return WindowVectors(
            lengths[:, None].astype(np.float64), ids[:, None].astype(np.float32) if with_states else None
        )


def test_who_asks_meanwhile_shares_a_call_and_an_error_stays_with_who_caused_it() -> None:
    compute = SlowCompute()
    batches = WindowBatches(compute, lambda: 1)  # type: ignore[arg-type]
    model = small_model("small")

    def ask(number: int) -> float | str:
        length = np.array([number], np.int32)
        try:
            return float(
                batches.embed(model, np.full(number, number, np.int32), length, with_states=False).vectors[0, 0]
            )
        except RuntimeError as error:
            return str(error)

    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(ask, 1)
        while not compute.calls:
            time.sleep(0.001)
        others = [pool.submit(ask, number) for number in range(2, 16)]
        while len(batches._waiting) < 14:
            time.sleep(0.001)
        compute.go_on.set()
        found = [first.result(), *(each.result() for each in others)]
    batches.close()

    assert found == [float(n) if n != 13 else "unlucky" for n in range(1, 16)]
    assert compute.calls[:2] == [1, sum(range(2, 16))]


class Failing:
    """Each window has the vector (1,). It raises what it is told to, once, where its clients are counted or as it embeds."""

    def __init__(self, **met: BaseException) -> None:
        self.met = met

    def count(self) -> int:
        self._fail_at("counting")
        return 1

    def embed_windows(self, _model: object, _ids: object, lengths: NDArray[np.int32], **_: object) -> WindowVectors:
        self._fail_at("embedding")
        return WindowVectors(np.ones((len(lengths), 1)), None)

    def _fail_at(self, place: str) -> None:
        if place in self.met:
            raise self.met.pop(place)


ONE = np.ones(1, np.int32)
A_NUMBER = np.array(1, np.int32)
"""Which is no array that can be put together with others."""


def asked_meanwhile(batches: WindowBatches, lengths: NDArray[np.int32]) -> "Future[WindowVectors]":
    """Ask in a thread that a test that fails does not wait for."""
    found: Future[WindowVectors] = Future()

    def ask() -> None:
        try:
            found.set_result(batches.embed(small_model("small"), ONE, lengths, with_states=False))
        except BaseException as error:  # noqa: BLE001 - raised where it is looked at
            found.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return found


@pytest.mark.parametrize(
    ("met", "lengths", "raised"),
    [
        ({}, A_NUMBER, ValueError),
        ({"counting": MemoryError()}, ONE, MemoryError),
        ({"embedding": SystemExit("the library gives up")}, ONE, SystemExit),
    ],
)
def test_nothing_ends_the_thread_that_embeds(
    met: dict[str, BaseException], lengths: NDArray[np.int32], raised: type[BaseException]
) -> None:
    compute = Failing(**met)
    batches = WindowBatches(compute, compute.count)  # type: ignore[arg-type]
    with pytest.raises(raised):
        asked_meanwhile(batches, lengths).result(20)

    assert asked_meanwhile(batches, ONE).result(20).vectors.tolist() == [[1.0]]
    batches.close()


def test_who_waits_is_told_where_that_thread_is_gone() -> None:
    compute = Failing()
    batches = WindowBatches(compute, compute.count)  # type: ignore[arg-type]
    batches.close()

    with pytest.raises(ComputeUnavailable, match="start the worker again"):
        asked_meanwhile(batches, ONE).result(20)


# ---- accepting in a thread, as on Windows


class Faulty(Listener):
    """Its first `accept` fails as it is told."""

    def __init__(self, path: Path, met: Exception) -> None:
        super().__init__(str(path), "AF_UNIX")
        self.met: Exception | None = met

    def accept(self) -> "Connection[Any, Any]":
        met, self.met = self.met, None
        if met is not None:
            raise met
        return super().accept()


def test_a_client_that_could_not_be_accepted_keeps_no_other_away(tmp_path: Path) -> None:
    stop, sessions = threading.Event(), _Sessions(bytes(32), 20, 20)
    with Faulty(tmp_path / "socket", OSError("no more handles")) as listener, ThreadPoolExecutor(1) as pool:
        running = pool.submit(accept_from, listener, sessions, SimpleNamespace(answer=bytes), stop)  # type: ignore[arg-type]
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(str(tmp_path / "socket"))

                assert b"Hello" in client.recv(4096)
        finally:
            stop.set()
            running.result(20)
            sessions.finish()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_nobody_can_reach_any_more_ends_and_says_so(tmp_path: Path) -> None:
    stop, sessions = threading.Event(), _Sessions(bytes(32), 20, 20)
    with Faulty(tmp_path / "socket", RuntimeError("no more threads")) as listener:
        threading.Timer(20, stop.set).start()
        with pytest.raises(CannotListen, match="any more: start the worker again"):
            accept_from(listener, sessions, None, stop)  # type: ignore[arg-type]


# ---- addresses


def test_the_names_of_addresses() -> None:
    assert address_of(Path("/home/h"), "linux") == str(Path("/home/h/gpu-worker.sock"))
    assert address_of(Path("h"), "win32") == r"\\.\pipe\hartonomous-gpu-pipe"


@pytest.mark.parametrize(("tmpdir", "folder"), [("/var/tmp", "/var/tmp"), ("", "/tmp"), (None, "/tmp")])
def test_the_pipe_of_dotnet_lies_in_tmpdir_and_nowhere_else(
    tmpdir: str | None, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    if tmpdir is None:
        monkeypatch.delenv("TMPDIR", raising=False)
    else:
        monkeypatch.setenv("TMPDIR", tmpdir)
    monkeypatch.setattr(tempfile, "tempdir", None)  # what it remembers

    assert dotnet_address() == Path(folder, "CoreFxPipe_hartonomous-gpu-pipe")


def test_a_path_that_is_too_long_says_what_to_do(tmp_path: Path) -> None:
    refuse_long_address(Path("/" + "x" * 106), "linux")
    with pytest.raises(CannotListen, match=r"107 bytes .* HARTONOMOUS_HOME"):
        refuse_long_address(Path("/" + "x" * 107), "linux")
    with pytest.raises(CannotListen), listening_at(tmp_path / ("ü" * 60)):
        pass


def test_what_a_killed_worker_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with listening_at(path) as listener, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert listener.accept()
        with pytest.raises(CannotListen, match="another worker listens"), listening_at(path):
            pass
    assert not path.exists()


def test_what_is_no_socket_or_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "socket"
    path.write_text("a file")
    with pytest.raises(CannotListen, match="is no socket"), listening_at(path):
        pass
    path.unlink()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    monkeypatch.setattr(listening.os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(CannotListen, match="belongs to another user"), listening_at(path):
        pass
    assert path.exists()


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
