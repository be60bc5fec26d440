"""A text encoder on a GPU against sentence-transformers in half precision, and a Text Embeddings Inference server where one is given.

The same weights and texts, in alternating rounds of processes that stay warm; then whether the vectors are those of a processor. A run takes
some minutes. It needs numpy, onnx, safetensors, tokenizers and onnxruntime-gpu, of our own hartonomous_core alone; the peer has an
interpreter of its own. `--device cpu --quick` tries all of it without a GPU, in float32, for no figure.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from common import REPOSITORY, Figure, arguments, finish, note
from encoder import text_sets
from numpy.typing import NDArray

PEER = Path(__file__).with_name("gpu_peer.py")
OURS = """
import json, sys, time
from pathlib import Path
import numpy as np
from hartonomous_core.embedders.minilm_graph import build_fp16, build_fp32
from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder
from hartonomous_core.embedders.text_onnx_batches import OnnxBatchEmbedder
weights, tokenizer, folder, device = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
model = folder / "model.onnx"
(build_fp32 if device == "cpu" else build_fp16)(weights, model)
cuda = None if device == "cpu" else int(device.partition(":")[2] or 0)
embedder = OnnxBatchEmbedder(model, tokenizer, cuda=cuda, threads=2)
def alone(texts):
    return np.concatenate([embedder.embed([text]).vectors for text in texts])
def on_a_processor(texts):
    return OnnxTextEmbedder(model, tokenizer).embed(texts).vectors
ways = {"batches": lambda texts: embedder.embed(texts).vectors, "alone": alone, "processor": on_a_processor}
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    texts = json.loads(Path(asked["texts"]).read_text("utf-8")) * asked["times"]
    started = time.perf_counter()
    vectors = ways[asked["way"]](texts)
    seconds = time.perf_counter() - started
    np.save(folder / "vectors.npy", vectors.astype("<f4"))
    print(json.dumps({"seconds": seconds}), flush=True)
"""
TEI_TEXTS, TEI_THREADS = 32, 16
"""Texts of a request, as many as the server takes by default, and requests at once."""


class Program:
    """A process that embeds what it is asked to, and stays warm."""

    def __init__(self, command: Sequence[object], folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [str(each) for each in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment,
        )
        self._answer()

    def embed(self, texts: Path, times: int, way: str) -> tuple[float, NDArray[np.float32]]:
        """Return the seconds that it took, and the vectors."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"texts": str(texts), "times": times, "way": way}) + "\n")
        self._process.stdin.flush()
        seconds = self._answer()["seconds"]
        return seconds, np.load(self._folder / "vectors.npy", allow_pickle=False)

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # libraries print, too
            if line.startswith("{"):
                found: dict[str, float] = json.loads(line)
                return found
        raise SystemExit(f"{self._process.args!r} ended with {self._process.wait()}")


def ask_tei(url: str, texts: Sequence[str]) -> float:
    """Embed texts by a server, many requests at once; returns the seconds."""

    def post(some: Sequence[str]) -> None:
        body = json.dumps({"inputs": some, "truncate": True}).encode()
        asked = urllib.request.Request(f"{url}/embed", body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            assert len(json.load(answer)) == len(some)

    started = time.perf_counter()
    with ThreadPoolExecutor(TEI_THREADS) as pool:
        list(pool.map(post, (texts[at : at + TEI_TEXTS] for at in range(0, len(texts), TEI_TEXTS))))
    return time.perf_counter() - started


def main() -> int:
    parser = arguments(__doc__)
    models = Path(os.environ.get("HARTONOMOUS_MODEL_DIR", "~/.cache/hartonomous/models")).expanduser()
    parser.add_argument("--device", default="cuda:0", help="cuda:N or cpu (cuda:0)")
    parser.add_argument(
        "--model", type=Path, default=models / "all-MiniLM-L6-v2", help="folder of model.safetensors and tokenizer.json"
    )
    parser.add_argument("--peer-python", type=Path, help="interpreter of an environment with sentence-transformers")
    parser.add_argument(
        "--tei", help="address of a server of Text Embeddings Inference with this model, such as http://127.0.0.1:8080"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each of all (5)")
    parser.add_argument("--quick", action="store_true", help="one round of few texts: to see that it runs")
    options = parser.parse_args()
    rounds, every, times = (
        (1, 40, {"sentences": 1, "passages": 1})
        if options.quick
        else (options.rounds, 1, {"sentences": 8, "passages": 20})
    )
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as opened:
        folder = Path(temporary)
        for name in ("ours", "peer"):
            (folder / name).mkdir()
        weights, tokenizer = options.model / "model.safetensors", options.model / "tokenizer.json"
        ours = Program(
            [sys.executable, "-c", OURS, weights, tokenizer, folder / "ours", options.device],
            folder / "ours",
            {"PYTHONPATH": str(REPOSITORY)},
        )
        opened.callback(ours.close)
        peer = None
        if options.peer_python:
            peer = Program(
                [options.peer_python, PEER, options.model, folder / "peer", options.device], folder / "peer", {}
            )
            opened.callback(peer.close)
        for name, texts in text_sets(options.data, every).items():
            path = folder / f"{name}.json"
            path.write_text(json.dumps(texts), "utf-8")
            count = len(texts) * times[name]
            runs: dict[str, Callable[[], float]] = {
                "ours": lambda p=path, t=times[name]: ours.embed(p, t, "batches")[0]
            }
            if peer:
                for batch in ("32", "512"):
                    runs[f"sentence-transformers, batches of {batch}"] = lambda p=path, t=times[name], b=batch: (
                        peer.embed(p, t, b)[0]
                    )
            if options.tei:
                runs["Text Embeddings Inference"] = lambda all_=texts * times[name]: ask_tei(
                    options.tei.rstrip("/"), all_
                )
            seconds: dict[str, list[float]] = {who: [] for who in runs}
            for number in range(-1, rounds):
                note(f"{name}, {count:,} texts: {'warming' if number < 0 else f'round {number + 1} of {rounds}'}")
                for who, run in runs.items():
                    took = run()
                    if number >= 0:
                        seconds[who].append(took)
            figures += compare(name, count, seconds, target=None if options.device == "cpu" else 7.0)
            figures += agree(name, folder, texts[:200], ours, peer)
    return finish(figures, options.json)


def compare(name: str, count: int, seconds: dict[str, list[float]], target: float | None) -> list[Figure]:
    """Return rates, and how many times each other's is ours, within a round; `target` is that to the peer as it is by default."""
    figures = [
        Figure(f"{name}, {who}: median", count / statistics.median(took), "texts/s") for who, took in seconds.items()
    ]
    for who, took in seconds.items():
        if who == "ours":
            continue
        ratios = [theirs / mine for theirs, mine in zip(took, seconds["ours"], strict=True)]
        wanted = target if who == "sentence-transformers, batches of 32" else None  # the default of encode()
        figures.append(Figure(f"{name}: ratio to {who}, median", statistics.median(ratios), "times", at_least=wanted))
        figures.append(Figure(f"{name}: ratio to {who}, worst", min(ratios), "times"))
    return figures


def agree(name: str, folder: Path, texts: list[str], ours: Program, peer: Program | None) -> list[Figure]:
    """Return the worst cosines between the vectors of batches and others of the same texts."""
    path = folder / f"some-{name}.json"
    path.write_text(json.dumps(texts), "utf-8")
    batches = ours.embed(path, 1, "batches")[1]
    others = {"alone": ours.embed(path, 1, "alone")[1], "on a processor": ours.embed(path, 1, "processor")[1]}
    least = {"alone": 0.9999, "on a processor": 0.999}
    if peer:
        others["of sentence-transformers"] = peer.embed(path, 1, "32")[1]
    return [
        Figure(
            f"{name}: least cosine to the vectors {which}",
            float((batches * vectors).sum(axis=1).min()),
            at_least=least.get(which),
        )
        for which, vectors in others.items()
    ]


if __name__ == "__main__":
    sys.exit(main())
