"""The worker's messages and its handshake: as docs/worker.md has them, byte for byte, and whatever bytes come instead."""

import os
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from hartonomous_resources.compute.worker.frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    FrameError,
    FrameTooLarge,
    decode,
    encode,
    receive,
)
from hartonomous_resources.compute.worker.handshake import (
    HandshakeError,
    greet,
    introduce,
    make_key,
    proof_of,
    read_key,
)
from hartonomous_resources.compute.worker.worker_messages import (
    Answer,
    DotProduct,
    Embed,
    ErrorCode,
    Failure,
    Hello,
    Message,
    Proof,
    Request,
    TopK,
    Welcome,
)
from tests.unit.raw_worker_client import raw_frame, raw_message, raw_proof

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "worker.md").read_text("utf-8")
VECTORS = {
    name: bytes.fromhex(text) for name, text in re.findall(r"^```hex_(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
}
KEY = VECTORS["key"]
OF_WORKER, OF_CLIENT = "a1" * 32, "c1" * 32
ROWS = [np.array(rows, dtype=np.float32) for rows in ([[1, 2], [3, 4]], [[5, 6], [7, 8]])]
ON_THE_PAGE: dict[str, tuple[Message, list[Any]]] = {
    "hello": (Hello(version=1, challenge=OF_WORKER), []),
    "proof": (Proof(version=1, challenge=OF_CLIENT, proof=proof_of(KEY, "client", OF_WORKER, OF_CLIENT)), []),
    "welcome": (Welcome(proof=proof_of(KEY, "worker", OF_WORKER, OF_CLIENT)), []),
    "dot_product": (DotProduct(), ROWS),
    "embed": (
        Embed(model="0123456789abcdef"),
        [np.array([101, 2154, 102, 101, 102], dtype=np.int32), np.array([3, 2], dtype=np.int32)],
    ),
    "top_k": (
        TopK(path="vectors/matrix", offset=64, rows=1000, dtype="int8", k=10),
        [np.array([[1, -1]], dtype=np.float32)],
    ),
    "dot_product_answer": (Answer(), [np.array([17, 53], dtype=np.float32)]),
}


# ---- messages


def test_every_block_of_the_page_is_held_against_the_code() -> None:
    assert set(VECTORS) == {"key", "unknown", "unknown_answer", *ON_THE_PAGE}


def test_every_kind_and_every_error_is_on_the_page() -> None:
    kinds = {kind.__name__ for kind in Message.__subclasses__()}
    assert {name for name in (*kinds, *get_args(ErrorCode)) if f"`{name}`" not in PAGE} == set()


@pytest.mark.parametrize("name", ON_THE_PAGE)
def test_the_frames_of_the_page_are_written_and_read(name: str) -> None:
    header, arrays = ON_THE_PAGE[name]
    ours, theirs = socket.socketpair()
    with theirs, Connection(ours.detach()) as connection:
        connection.send_bytes(encode(header, arrays))
        assert theirs.recv(4096) == VECTORS[name]
        theirs.sendall(VECTORS[name])
        found, there = decode(receive(connection), type(header))

    assert [array.tolist() for array in there] == [array.tolist() for array in arrays]
    assert encode(found, there) == encode(header, arrays)


def test_a_kind_that_there_is_not_gets_the_words_of_the_page() -> None:
    with pytest.raises(FrameError) as caught:
        decode(VECTORS["unknown"][4:], Request)
    answer: Failure = decode(VECTORS["unknown_answer"][4:], Failure)[0]

    assert (answer.code, answer.message) == ("malformed", str(caught.value))


@given(
    st.lists(
        st.sampled_from(["float16", "float32", "float64", "int8", "int32", "int64"]).flatmap(
            lambda dtype: arrays_of.arrays(dtype, arrays_of.array_shapes(max_dims=2, min_side=0, max_side=5))
        ),
        max_size=4,
    ),
    st.text(max_size=200),
)
def test_arrays_and_words_come_back_as_they_went(arrays: list[Any], words: str) -> None:
    header, there = decode(encode(Embed(model=words), arrays), Request)

    assert header.model == words
    assert [(a.dtype, a.shape, a.tobytes()) for a in there] == [(a.dtype, a.shape, a.tobytes()) for a in arrays]
    assert all(array.flags.aligned for array in there)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_no_message(frame: bytes) -> None:
    refused(frame)


@given(st.data())
def test_a_message_of_which_bytes_changed_is_one_or_none(data: st.DataObject) -> None:
    top = TopK(path="a", offset=3, rows=2, dtype="int8", k=1)
    valid = bytearray(encode(top, ROWS[:1]))
    for place in data.draw(st.lists(st.integers(0, len(valid) - 1), min_size=1, max_size=4)):
        valid[place] = data.draw(st.integers(0, 255))
    refused(bytes(valid[: data.draw(st.integers(0, len(valid)))]))


def refused(frame: bytes) -> str:
    """What is said of bytes that are no request; nothing for those that are."""
    try:
        _, arrays = decode(frame, Request)
    except FrameError as error:
        return str(error)
    assert sum(array.nbytes for array in arrays) <= len(frame)
    return ""


def with_header(header: bytes, rest: bytes = b"") -> bytes:
    return len(header).to_bytes(4, "little") + header + rest


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (b"", "end before their header"),
        (b"\x00\x00\x00", "end before their header"),
        (b"\xff\xff\xff\xff{}", "end before their header"),
        (with_header(b""), "not understood"),
        (with_header(b"[" * HEADER_BYTES), "not understood"),
        (with_header(b'{"kind":"Health","buffers":' + b"[" * 60_000), "not understood"),
        (with_header(b" " * (HEADER_BYTES + 1)), "larger than"),
        (with_header(b'{"kind":"Health"}', b"more"), "0 bytes of arrays are announced, 4 are there"),
        (with_header(b'{"kind":"Health","word":1}'), "unknown field"),
        (with_header(b'{"kind":"Hello"}'), "Invalid value"),
        (with_header(b'{"kind":"Health","buffers":[{"dtype":"float32","shape":[2,2]}]}', b"few"), "16 bytes"),
        (with_header(b'{"kind":"Health","buffers":[{"dtype":"object","shape":[1]}]}', b"12345678"), "dtype"),
        (with_header(b'{"kind":"Health","buffers":[{"dtype":"int8","shape":[-1]}]}'), "shape"),
        (with_header(b'{"kind":"Health","buffers":[{"dtype":"int8","shape":[]}]}', b"1"), "shape"),
        (with_header(b'{"kind":"Health","buffers":[{"dtype":"int64","shape":[2147483647,2147483647]}]}'), "bytes"),
    ],
)
def test_what_is_no_message_is_refused_in_words(frame: bytes, words: str) -> None:
    assert words in refused(frame)


def test_an_array_of_no_rows_may_have_any_width() -> None:
    empty = np.empty((0, 2**31 - 1), dtype=np.float32)

    assert decode(encode(DotProduct(), [empty]), Request)[1][0].shape == empty.shape


def test_a_message_that_is_too_large_is_neither_written_nor_read() -> None:
    with pytest.raises(FrameTooLarge):
        encode(Answer(), [np.empty(FRAME_BYTES, dtype=np.int8)])
    with pytest.raises(FrameTooLarge):
        encode(Failure(code="failed", message="x" * HEADER_BYTES))
    for length in (struct.pack("!i", FRAME_BYTES + 1), struct.pack("!iQ", -1, 2**63)):
        ours, theirs = socket.socketpair()
        with theirs, Connection(ours.detach()) as connection:
            theirs.sendall(length)
            with pytest.raises(FrameTooLarge):
                receive(connection)


def test_an_array_that_does_not_begin_at_a_multiple_of_8_bytes_is_read() -> None:
    frame = with_header(b'{"kind":"DotProduct","buffers":[{"dtype":"float64","shape":[1]}]} ', struct.pack("<d", 0.5))
    [array] = decode(frame, Request)[1]

    assert array.tolist() == [0.5]
    assert array.flags.aligned


# ---- handshake


@contextmanager
def greeted(key: bytes = KEY) -> Iterator[tuple[socket.socket, list[BaseException]]]:
    """A socket at whose other end the worker does its part, and what that raised."""
    ours, theirs = socket.socketpair()
    raised: list[BaseException] = []

    def work() -> None:
        with Connection(ours.detach()) as connection:
            try:
                greet(connection, key)
            except (HandshakeError, OSError, EOFError) as error:
                raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    theirs.settimeout(20)
    with theirs:
        yield theirs, raised
    thread.join(20)
    assert not thread.is_alive()


def test_the_page_is_enough_for_the_handshake() -> None:
    with greeted() as (there, raised):
        hello = raw_message(there)[0]
        mine = os.urandom(32).hex()
        proof = raw_proof(KEY, "client", hello["challenge"], mine)
        there.sendall(raw_frame(kind="Proof", version=1, challenge=mine, proof=proof))
        welcome = raw_message(there)[0]

    assert (hello["kind"], hello["version"]) == ("Hello", 1)
    assert welcome == {"kind": "Welcome", "proof": raw_proof(KEY, "worker", hello["challenge"], mine)}
    assert raised == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"version": 2}, "version"),
        ({"proof": "0" * 64}, "key"),
        ({"proof": "é" * 64}, "malformed"),
        ({"kind": "Health"}, "malformed"),
        ({"challenge": "c1"}, "malformed"),
    ],
)
def test_a_wrong_proof_is_told_why_and_hung_up_on(changed: dict[str, object], code: str) -> None:
    with greeted() as (there, raised):
        proof = raw_proof(KEY, "client", raw_message(there)[0]["challenge"], OF_CLIENT)
        header = {"kind": "Proof", "version": 1, "challenge": OF_CLIENT, "proof": proof}
        there.sendall(raw_frame(**(header | changed)))
        answer = raw_message(there)[0]
        assert there.recv(1) == b""

    assert (answer["kind"], answer["code"]) == ("Failure", code)
    assert isinstance(raised[0], HandshakeError)


def test_the_proof_of_another_greeting_is_of_no_use() -> None:
    with greeted() as (there, _):
        raw_message(there)
        there.sendall(VECTORS["proof"])

        assert raw_message(there)[0]["code"] == "key"


def test_what_is_large_is_not_read_before_the_proof() -> None:
    with greeted() as (there, _):
        raw_message(there)
        there.sendall(struct.pack(">i", 4097))

        assert raw_message(there)[0]["code"] == "malformed"


def test_both_sides_know_each_other_by_the_key_alone() -> None:
    with greeted() as (there, raised):
        introduce_from(there)
    with greeted(bytes(32)) as (there, _), pytest.raises(HandshakeError, match="key: this is not the key"):
        introduce_from(there)

    assert raised == []


def introduce_from(there: socket.socket) -> None:
    there.settimeout(None)
    with Connection(os.dup(there.fileno())) as connection:
        introduce(connection, KEY)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([raw_frame(kind="Hello", version=2, challenge=OF_WORKER)], "version 2, not 1"),
        ([raw_frame(kind="Failure", code="busy", message="full")], "busy: full"),
        ([raw_frame(kind="Hello", version=1, challenge=OF_WORKER), raw_frame(kind="Welcome", proof="0" * 64)], "has not the key"),
        ([struct.pack(">i", 5) + b"HTTP/"], "no worker"),
    ],
)  # fmt: skip
def test_a_client_knows_what_is_no_worker_of_its_home(answers: list[bytes], words: str) -> None:
    ours, theirs = socket.socketpair()
    with theirs, Connection(ours.detach()) as connection:
        theirs.sendall(b"".join(answers))
        with pytest.raises(HandshakeError, match=words):
            introduce(connection, KEY)


# ---- the key's file


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "gpu-worker.key"
    key = make_key(path)

    assert len(key) == 32
    assert make_key(path) == read_key(path) == key
    assert os.name != "posix" or path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name != "posix", reason="NOT TESTED: modes of files")
def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)

    with pytest.raises(HandshakeError, match="not this user's alone"):
        read_key(tmp_path / "key")


@pytest.mark.parametrize("text", ["", "00" * 31, "zz" * 32, "ü" * 64])
def test_a_file_without_a_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text, "utf-8")
    path.chmod(0o600)

    with pytest.raises(HandshakeError, match="holds no key"):
        read_key(path)
