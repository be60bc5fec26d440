"""A server on this machine that speaks OpenAI's `/v1/embeddings`, and does what a test says in place of it."""

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import numpy as np

Say = Callable[["Conversation"], None]


class Asked(NamedTuple):
    """A request that came."""

    path: str
    headers: Message
    asked: dict[str, Any]


class Conversation(BaseHTTPRequestHandler):
    """A connection: `asked` holds its latest request, which a test answers."""

    protocol_version = "HTTP/1.1"
    server: "_Server"
    asked: dict[str, Any]

    def do_POST(self) -> None:
        self.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        of_ours = self.server.of_ours
        with of_ours.lock:
            of_ours.requests.append(Asked(self.path, self.headers, self.asked))
            say = of_ours.script.pop(0) if of_ours.script else of_ours.always
        with suppress(ConnectionError):
            say(self)

    @property
    def texts(self) -> list[str]:
        return list(self.asked["input"])

    def answer(self, body: bytes | object, status: int = 200, **headers: str) -> None:
        """Answer as JSON, but for bytes, which are sent as they are."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    of_ours: "EmbeddingServer"


def vector_of(text: str, dimension: int = 8) -> list[float]:
    """A vector of a text, not of unit length."""
    seed = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])
    return [round(float(x), 6) * 3 for x in np.random.default_rng(seed).normal(size=dimension)]


def unit(text: str, dimension: int = 8) -> Any:
    """The same of unit length."""
    vector = np.array(vector_of(text, dimension))
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def embedded(vectors: Sequence[object], tokens: object = 7) -> dict[str, Any]:
    """An answer as the protocol has it."""
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": "small", "usage": usage}


def behave(conversation: Conversation) -> None:
    """Answer as one should, a token for each text."""
    vectors = [vector_of(text) for text in conversation.texts]
    conversation.answer(embedded(vectors, tokens=len(vectors)))


def cut_in_the_body(it: Conversation) -> None:
    """Break off in the middle."""
    it.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"data": [')
    it.hang_up()


def says(raw: bytes) -> Say:
    """Answer with these bytes in place of HTTP, then hang up."""

    def say(it: Conversation) -> None:
        it.wfile.write(raw)
        it.hang_up()

    return say


class EmbeddingServer:
    """`script` has what is done with the next requests, one each; then `always`. `requests` are those that came."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.script: list[Say] = []
        self.always: Say = behave
        self.requests: list[Asked] = []
        self._server = _Server(("127.0.0.1", 0), Conversation)
        self._server.of_ours = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def batches(self) -> list[list[str]]:
        """The texts of each request, without those that ask whether anything is embedded."""
        return [each.asked["input"] for each in self.requests if each.asked["input"] != ["probe"]]

    def __enter__(self) -> "EmbeddingServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
