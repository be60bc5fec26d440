"""What it takes to mark the sentence that answers in ten hits, the text model warm: passages of the demo's corpus, its questions."""

import io
import json
import os
import sys
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from common import Figure, arguments, finish

QUESTIONS = Path(__file__).parent / "questions" / "demo.jsonl"


def main() -> int:
    options = arguments(__doc__).parse_args()
    return finish(measure(), options.json)


def measure() -> list[Figure]:
    from hartonomous_core.atomizers.text import TextAtomizer
    from hartonomous_core.embedders.protocol import TokenEmbeddings
    from hartonomous_resources.compute.in_process import InProcessCompute
    from hartonomous_resources.settings import Settings
    from hartonomous_service.search.highlighting import Meaning, answering_sentences

    model_dir = os.environ.get("HARTONOMOUS_MODEL_DIR")
    compute = InProcessCompute(Settings(**({"model_dir": Path(model_dir)} if model_dir else {})))
    [model, *_] = compute.models()
    documents = [
        file
        for folder in (files("hartonomous_service") / "demo_corpus").iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
    ]
    texts = [file.read_bytes() for file in documents if file.name.endswith((".md", ".txt"))]
    passages = [atom.text for text in texts for atom in TextAtomizer().atomize(io.BytesIO(text)) if atom.text]
    vectors = compute.embed(model, passages).vectors
    embedded: list[int] = []

    def embed(texts: list[str]) -> Sequence[TokenEmbeddings]:
        made = compute.embed_tokens(model, texts)
        embedded[-1] += sum(len(each.tokens) for each in made)
        return made

    times, processor = [], []
    for line in QUESTIONS.read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"]
        [asked] = compute.embed_tokens(model, [text])
        question = asked.vector
        hits = [passages[place] for place in np.argsort(-(vectors @ question))[:10]]
        embedded.append(0)
        started, used = time.perf_counter(), time.process_time()
        spans = answering_sentences(text, hits, Meaning(asked, embed))
        times.append(1000 * (time.perf_counter() - started))
        processor.append(1000 * (time.process_time() - used))
        assert len(spans) == 10 and all(spans), text
    return [
        Figure("marking ten hits, p50", float(np.percentile(times, 50)), "ms"),
        Figure("marking ten hits, p95", float(np.percentile(times, 95)), "ms"),
        Figure("marking ten hits, of the processors, p50", float(np.percentile(processor, 50)), "ms"),
        Figure("marking ten hits, of the processors, p95", float(np.percentile(processor, 95)), "ms"),
        Figure("tokens embedded, mean", float(np.mean(embedded)), ""),
    ]


if __name__ == "__main__":
    sys.exit(main())
