"""Makes texts searchable with the product's own stages, in a home of their own; vectors are kept between runs, so that only the first one embeds."""

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import note, temporary_home
from numpy.typing import NDArray


class CachedCompute:
    """The compute of a home; the vectors of texts that it has embedded before come from a folder."""

    def __init__(self, compute: Any, folder: Path | None) -> None:
        self._compute = compute
        self._folder = folder
        self._vectors: dict[str, dict[bytes, NDArray[np.float32]]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._compute, name)

    def embed(self, model: Any, texts: Sequence[str]) -> Any:
        """Embed texts; of those that are new, keep the vectors."""
        from hartonomous_core.embedders.protocol import Embeddings

        space = hashlib.sha256(f"{model.artifact_hash} {model.settings}".encode()).hexdigest()
        known = self._load(space)
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if new:
            made = self._compute.embed(model, list(new.values())).vectors
            known.update(zip(new, made, strict=True))
            self._save(space, new, made)
        vectors = np.stack([known[key] for key in keys]) if keys else np.empty((0, model.dimension), np.float32)
        return Embeddings(vectors, np.ones(len(keys), dtype=np.int64))

    def _load(self, space: str) -> dict[bytes, NDArray[np.float32]]:
        if space not in self._vectors:
            known = self._vectors[space] = {}
            for file in sorted(self._folder.glob(f"{space[:16]}-*.npz")) if self._folder else ():
                with np.load(file) as saved:
                    known.update(zip(map(bytes, saved["keys"]), saved["vectors"], strict=True))
        return self._vectors[space]

    def _save(self, space: str, new: Mapping[bytes, str], vectors: NDArray[np.float32]) -> None:
        if self._folder:
            self._folder.mkdir(parents=True, exist_ok=True)
            keys = np.frombuffer(b"".join(new), dtype=np.uint8).reshape(-1, 32)
            name = f"{space[:16]}-{hashlib.sha256(keys.tobytes()).hexdigest()[:16]}.npz"
            np.savez(self._folder / name, keys=keys, vectors=vectors)


@contextmanager
def searchable(texts: Mapping[str, str], cache: Path | None) -> Iterator[Any]:
    """Open a home in which these texts, by their names, are searchable: the sources are called `text:` and the name."""
    model_dir = os.environ.get("HARTONOMOUS_MODEL_DIR")
    with temporary_home(**({"model_dir": model_dir} if model_dir else {})):
        from hartonomous_assets import atoms, embeddings, sources
        from hartonomous_assets.chain import run_stages
        from hartonomous_assets.stage import Work
        from hartonomous_core.clock import current_hour
        from hartonomous_core.messages import INGESTION_QUEUE
        from hartonomous_resources.resources import open_resources

        with closing(open_resources()) as opened:
            resources = replace(opened, compute=CachedCompute(opened.compute, cache))
            messages = [(name, _message(name, text)) for name, text in texts.items()]
            with resources.database.unit_of_work() as unit_of_work:
                unit_of_work.enqueue(INGESTION_QUEUE, messages)
            note(f"{len(texts):,} texts are queued")
            work = Work(current_hour(), "benchmark", resources)
            stages = (sources.STAGE, atoms.STAGE, embeddings.STAGE)
            reports = run_stages(work, stages, 0, lambda _stage, _report: None)
            for report in reports.values():
                if report.error:
                    raise report.error
            note(", ".join(f"{count:,} {name}" for report in reports.values() for name, count in report.counts.items()))
            yield resources


def name_of(hit: Mapping[str, Any]) -> str:
    """The name of the text in which a hit stands."""
    return str(hit["sources"][0]["sourceUri"]).removeprefix("text:")


def _message(name: str, text: str) -> bytes:
    fields = {
        "tenantId": 0,
        "contentType": "text/plain",
        "rawData": base64.b64encode(text.encode()).decode(),
        "sourceUri": f"text:{name}",
    }
    return json.dumps(fields).encode()
