"""The peer of gpu.py: sentence-transformers with the same weights, in float16 on a GPU, run by the interpreter that has it.

Usage: PEER_PYTHON gpu_peer.py MODEL_FOLDER FOLDER DEVICE; reads what to embed from stdin, a JSON object a line, and answers with seconds.
"""

import json
import sys
import time
from pathlib import Path

from peer_sentence_transformers import load


def main() -> None:
    import numpy as np

    origin, folder, device = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    model = load(origin, device)
    if device != "cpu":
        model.half()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        texts = json.loads(Path(asked["texts"]).read_text("utf-8")) * asked["times"]
        started = time.perf_counter()
        vectors = model.encode(texts, batch_size=int(asked["way"]), show_progress_bar=False)
        seconds = time.perf_counter() - started
        vectors = vectors.astype("<f4")
        np.save(folder / "vectors.npy", vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
