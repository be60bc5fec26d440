"""Model weights: how fast they are atomized beside SHA-256 alone, and what variants of a real model take once they are stored.

The model is MiniLM's safetensors (HARTONOMOUS_MODEL_DIR); its variants are made here: bfloat16, a fine-tune that changed 5% of the tensors,
one more layer.
"""

import hashlib
import io
import json
import os
import statistics
import struct
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, arguments, finish, note, temporary_home
from safetensors.numpy import load_file, save

ROUNDS = 5
SEED = 7


def bfloat16(values: np.ndarray) -> np.ndarray:
    """Round to the nearest bfloat16, half to even; the bits."""
    bits = values.astype("<f4").view("<u4").astype("<u8")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")


def as_bfloat16(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Write all floats in bfloat16, which NumPy does not know."""
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    at = 0
    for name, values in tensors.items():
        is_float = values.dtype == np.float32
        data = (bfloat16(values) if is_float else values).tobytes()
        kind = "BF16" if is_float else "I64"
        header[name] = {"dtype": kind, "shape": values.shape, "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def fine_tuned(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], float]:
    """Return a model with noise on the tensors drawn until they hold 5% of the bytes, and their share."""
    draw = np.random.default_rng(SEED)
    total = sum(values.nbytes for values in tensors.values())
    changed, held = dict(tensors), 0
    for name in draw.permutation(list(tensors)):
        values = tensors[name]
        if values.dtype == np.float32 and held + values.nbytes <= 0.05 * total:
            changed[name] = values + draw.normal(0, 1e-3, values.shape).astype("<f4")
            held += values.nbytes
    return changed, held / total


def with_a_layer(tensors: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], int]:
    """Return a model with one more layer, of other numbers than the last one, and its bytes."""
    draw = np.random.default_rng(SEED)
    added = {
        name.replace("layer.5.", "layer.6."): values + draw.normal(0, 1e-2, values.shape).astype("<f4")
        for name, values in tensors.items()
        if "layer.5." in name
    }
    return {**tensors, **added}, sum(values.nbytes for values in added.values())


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def speeds(data: bytes, content_type: str) -> tuple[float, float]:
    """Return how fast the atomizer, and the hash of each atom, is beside SHA-256 of the bytes alone: median and worst of some rounds."""
    from hartonomous_core.atomizers import atomizer_for

    atomizer = atomizer_for(content_type)

    def atomize() -> None:
        for atom in atomizer.atomize(io.BytesIO(data), content_type):
            hashlib.sha256(atom.content).digest()

    rates = [seconds(lambda: hashlib.sha256(data).digest()) / seconds(atomize) for _ in range(ROUNDS)]
    return statistics.median(rates), min(rates)


def stored(files: Mapping[str, bytes]) -> tuple[list[int], float]:
    """Take files in, one after the other; returns what the home grew by with each, and the speed of the stage beside SHA-256 alone."""
    with temporary_home(max_source_bytes=2**34) as folder:
        from hartonomous_assets import atoms, chain, sources
        from hartonomous_assets.stage import Work
        from hartonomous_core.clock import current_hour
        from hartonomous_resources.resources import open_resources
        from hartonomous_service.ingest import ingest

        resources = open_resources()
        grown, sizes, spent, hashed = [], 0, 0.0, 0.0
        for name, data in files.items():
            path = folder / name
            path.write_bytes(data)
            hashed += seconds(lambda data=data: hashlib.sha256(data).digest())
            ingest(resources, [path], wait=False)
            work = Work(current_hour(), "benchmark", resources)
            started = time.process_time()
            reports = chain.run_stages(work, [sources.STAGE, atoms.STAGE], 0.0, lambda stage, done: None)
            spent += time.process_time() - started
            assert not any(done.error for done in reports.values()), reports
            resources.database.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            size = resources.blobs.stored_bytes() + resources.database.bytes_on_disk()
            grown.append(size - sizes)
            sizes = size
        resources.database.close()
    return grown, hashed / spent


def main() -> int:
    options = arguments(__doc__, data=False).parse_args()
    path = Path(os.environ["HARTONOMOUS_MODEL_DIR"]) / "all-MiniLM-L6-v2" / "model.safetensors"
    tensors = load_file(path)
    whole, bf16 = path.read_bytes(), as_bfloat16(tensors)
    tuned, share = fine_tuned(tensors)
    longer, layer_bytes = with_a_layer(tensors)
    figures = [Figure("the model, safetensors of float32", len(whole) / 1e6, "MB")]
    for what, data, content_type in (
        ("safetensors of float32", whole, "application/vnd.safetensors"),
        ("safetensors of bfloat16", bf16, "application/vnd.safetensors"),
        ("unknown binary", whole, "application/octet-stream"),
    ):
        note(what)
        median, worst = speeds(data, content_type)
        figures.append(Figure(f"{what}, atoms and their hashes, x SHA-256", median, at_least=0.2))
        figures.append(Figure("  worst of the rounds", worst))
    note("float32, its fine-tune, a layer more")
    (of_whole, of_tuned, of_longer), speed = stored(
        {"a.safetensors": save(tensors), "tuned.safetensors": save(tuned), "longer.safetensors": save(longer)}
    )
    note("bfloat16")
    (of_bf16,), bf16_speed = stored({"b.safetensors": bf16})
    figures += [
        Figure("stages sources and atoms of three float32 models, x SHA-256", speed),
        Figure("the same, of one bfloat16", bf16_speed),
        Figure("float32 stored, of its size", of_whole / len(whole)),
        Figure("bfloat16 stored, of its size", of_bf16 / len(bf16), at_most=0.75),
        Figure("bytes in tensors that the fine-tune changed", 100 * share, "%"),
        Figure("its fine-tune stores more", 100 * of_tuned / of_whole, "% of the model", at_most=6),
        Figure("bytes of the added layer", 100 * layer_bytes / len(whole), "% of the model's"),
        Figure(
            "with it, the model stores more than the layer",
            100 * (of_longer - layer_bytes) / len(whole),
            "% of the model's",
            at_most=1,
        ),
    ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
