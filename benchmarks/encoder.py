"""The text encoder alone against sentence-transformers' encode(): the same weights, texts and threads, in alternating rounds.

Each round is a fresh process of each, the model loaded and warm; the ratio is taken within the round. Peers are sensitive to whatever else runs
(a busy core beside it takes nine tenths of torch's speed): let nothing. Texts: sentences of 17 tokens and passages of 120, of EWT and STS.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, arguments, finish, note, sts_pairs

PEER = Path(__file__).with_name("peer_sentence_transformers.py")
PROGRAM = """
import json, resource, sys, time
began = time.perf_counter()
from pathlib import Path
import numpy as np
texts = json.loads(Path(sys.argv[1]).read_text("utf-8"))
kernel, threads, compiled = sys.argv[3], int(sys.argv[4]), Path(sys.argv[5])
from hartonomous_resources.settings import Settings
from hartonomous_resources.compute.text_model import ensure_text_model
if kernel in ("fp32", "onnxruntime"):
    from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder
    files = ensure_text_model(Settings().model_dir, precision="fp32" if kernel == "fp32" else "int8", engine="onnxruntime")
    embedder = OnnxTextEmbedder(files.model_path, files.tokenizer_path, threads=threads)
else:
    from hartonomous_core.embedders.text_native import NativeTextEmbedder
    files = ensure_text_model(Settings().model_dir)
    embedder = NativeTextEmbedder(files.model_path, files.tokenizer_path, files.bert, threads=threads,
                                  kernel=kernel or None, compiled=[compiled])
embedder.embed(texts[:1])
first = time.perf_counter() - began
embedder.embed(texts[:32])
started = time.perf_counter()
vectors = embedder.embed(texts).vectors
seconds = time.perf_counter() - started
started = time.perf_counter()
for at in range(0, len(texts), 12):
    embedder.embed(texts[at : at + 12])
twelves = time.perf_counter() - started
np.save(sys.argv[2], vectors)
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "twelves": twelves, "first": first, "memory": memory}))
"""


def text_sets(data: Path, every: int) -> dict[str, list[str]]:
    """Return sentences and passages; of each every `every`-th."""
    with (data / "ewt_dev.jsonl").open(encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    sentences = [each["text"][start:stop].strip() for each in documents for start, stop in each["sentences"]]
    sentences += [text for pair in sts_pairs(data) for text in pair[:2]]
    sentences = list(dict.fromkeys(filter(None, sentences)))
    joined = " ".join(sentences)
    passages = [joined[at : at + 512].strip() for at in range(0, len(joined) - 512, 512)][:500]
    return {"sentences": sentences[::every], "passages": passages[::every]}


def run(command: list[Any], threads: int) -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--peer-python", type=Path, help="interpreter of an environment with sentence-transformers")
    parser.add_argument("--threads", type=int, default=2, help="threads of both (2)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each of both (5)")
    parser.add_argument("--every", type=int, default=1, help="take every so manieth text (1)")
    parser.add_argument(
        "--kernel",
        default="",
        help="a kernel by name, or onnxruntime, or fp32; the processor's fastest where it is left out",
    )
    options = parser.parse_args()
    from hartonomous_resources.settings import Settings

    model = Settings().model_dir.expanduser() / "all-MiniLM-L6-v2"
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        texts_path, ours_path, peer_path = (Path(folder, each) for each in ("texts.json", "ours.npy", "peer.npy"))
        command = [sys.executable, "-c", PROGRAM, texts_path, ours_path, options.kernel, options.threads]
        command = [*map(str, command), str(Path(folder, "compiled"))]
        texts_path.write_text(json.dumps(["a text"]), "utf-8")
        first = run(command, options.threads)["first"]
        if options.kernel not in ("fp32", "onnxruntime"):
            figures.append(Figure("process start to the first vector, nothing compiled", first, "s", at_most=15))
        for name, texts in text_sets(options.data, options.every).items():
            texts_path.write_text(json.dumps(texts), "utf-8")
            ours: list[dict[str, float]] = []
            peers: list[dict[str, float]] = []
            for number in range(options.rounds):
                note(f"round {number + 1} of {options.rounds}: {len(texts):,} {name}")
                ours.append(run(command, options.threads))
                if options.peer_python:
                    peers.append(
                        run(
                            [options.peer_python, PEER, model, texts_path, peer_path, str(options.threads)],
                            options.threads,
                        )
                    )
            rates = [len(texts) / each["seconds"] for each in ours]
            figures += [
                Figure(f"{name}, median", statistics.median(rates), "texts/s"),
                Figure(
                    f"{name}, in calls of 12",
                    statistics.median(len(texts) / each["twelves"] for each in ours),
                    "texts/s",
                ),
                Figure(
                    f"{name}: process start to the first vector",
                    statistics.median(each["first"] for each in ours),
                    "s",
                    at_most=1,
                ),
                Figure(f"{name}: peak memory", max(each["memory"] for each in ours), "MiB"),
            ]
            if peers:
                ratios = [peer["seconds"] / each["seconds"] for each, peer in zip(ours, peers, strict=True)]
                target = None if options.kernel else {"sentences": 6.0, "passages": 5.5}[name]
                cosines = (np.load(ours_path) * np.load(peer_path, allow_pickle=False)).sum(axis=1)
                figures += [
                    Figure(
                        f"{name}, sentence-transformers, median",
                        statistics.median(len(texts) / each["seconds"] for each in peers),
                        "texts/s",
                    ),
                    Figure(f"{name}: ratio, median", statistics.median(ratios), "times", at_least=target),
                    Figure(f"{name}: ratio, worst", min(ratios), "times"),
                    Figure(f"{name}: mean cosine of the vectors of both", float(cosines.mean())),
                ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
