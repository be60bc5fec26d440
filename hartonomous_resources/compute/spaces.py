"""The embedding spaces: which models the settings name, and how each is loaded. A new space is a line here."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from hartonomous_core.embedders import ANSWER_FLOOR, TEXT_MODEL
from hartonomous_core.embedders.protocol import DeviceError, Embedder, EmbeddingError
from hartonomous_core.embedders.text_native import ARITHMETIC, NativeTextEmbedder
from hartonomous_core.embedders.text_windows import TextWindows
from hartonomous_resources.compute.devices import cuda_device
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.compute.text_model import TextModelError, TextModelFiles, ensure_text_model
from hartonomous_resources.compute.text_model_download import sha256
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings

_Loaded = TypeVar("_Loaded")


@dataclass(frozen=True, slots=True)
class Space:
    """A model whose files are there, what loads it, and what loads its tokenizer alone, where it has one."""

    model: ModelIdentity
    load: Callable[[], Embedder]
    load_windows: Callable[[], TextWindows] | None = None


def _text_spaces(settings: Settings) -> Iterator[Space]:
    for precision in settings.text_precisions:
        try:
            files = ensure_text_model(
                settings.model_dir,
                model=settings.text_model,
                precision=precision,
                engine=settings.text_engine,
                source=settings.text_model_source,
            )
            identity_settings = _identity_settings(files)
        except (TextModelError, OSError) as error:
            raise ComputeUnavailable(str(error)) from error
        stamps = {path: _stamp(path) for path in (files.model_path, files.tokenizer_path)}
        model = ModelIdentity(
            "text",
            files.name,
            files.dimension,
            files.artifact_hash,
            files.precision,
            identity_settings,
            answer_floor=_answer_floor(settings, files),
        )
        yield Space(
            model,
            partial(_load_unchanged, stamps, partial(_load_text_model, files, settings)),
            partial(_load_unchanged, stamps, partial(_load_windows, files)),
        )


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells that a file is another, or was written to, since."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _load_unchanged(stamps: Mapping[Path, tuple[int, ...]], load: Callable[[], _Loaded]) -> _Loaded:
    """Load from files that are those of which the identity tells. Raises ComputeUnavailable where one was replaced meanwhile."""
    loaded = load()
    for path, stamp in stamps.items():
        if not path.exists() or _stamp(path) != stamp:
            raise ComputeUnavailable(f"{path} has changed since this process read it: start it again")
    return loaded


def _answer_floor(settings: Settings, files: TextModelFiles) -> float | None:
    if settings.answer_floor is not None:
        return settings.answer_floor
    return ANSWER_FLOOR if files.name == TEXT_MODEL else None  # of another encoder nothing is known


def _identity_settings(files: TextModelFiles) -> str:
    """What makes vectors of the same file differ. SQL Server keeps 400 characters of it."""
    found: dict[str, object] = {"windowTokens": files.window_tokens}
    if files.precision == "fp16":
        found["engine"] = "onnxruntime"
    if files.bert is not None:
        sizes = asdict(files.bert)
        del sizes["window_tokens"]
        found |= {"arithmetic": ARITHMETIC, "tokenizer": sha256(files.tokenizer_path)} | sizes
    return json.dumps(found, sort_keys=True)


def _load_text_model(files: TextModelFiles, settings: Settings) -> Embedder:
    try:
        if files.bert is None:
            return _load_onnx(files, settings)
        return NativeTextEmbedder(
            files.model_path,
            files.tokenizer_path,
            files.bert,
            threads=settings.threads or None,
            compiled=[files.model_path.parent / "compiled", settings.home / "compiled"],
            on_compile=LOGGER.warning,
        )
    except ComputeUnavailable:
        raise
    except Exception as error:  # tokenizers and onnxruntime raise bare Exception
        raise ComputeUnavailable(f"the text model in {files.model_path.parent} does not load: {error}") from error


def _load_onnx(files: TextModelFiles, settings: Settings) -> Embedder:
    """Load it onto the GPU, where one is to compute. In batches a quantised model gives other vectors: that stays on the processor."""
    from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder
    from hartonomous_core.embedders.text_onnx_batches import OnnxBatchEmbedder

    paths, window = (files.model_path, files.tokenizer_path), files.window_tokens
    if files.precision != "int8" and (device := cuda_device(settings)):
        try:
            return OnnxBatchEmbedder(*paths, window_tokens=window, cuda=device.number, device=str(device))
        except (EmbeddingError, DeviceError) as error:
            if settings.device != "auto":
                raise
            LOGGER.warning("%s is computed by the processor, not by %s: %s", files.name, device, error)
    return OnnxTextEmbedder(*paths, window_tokens=window, threads=settings.threads or None)


def _load_windows(files: TextModelFiles) -> TextWindows:
    try:
        return TextWindows(files.tokenizer_path, files.window_tokens)
    except Exception as error:  # tokenizers raises bare Exception
        raise ComputeUnavailable(f"{files.tokenizer_path} does not load: {error}") from error


SPACES: Sequence[Callable[[Settings], Iterator[Space]]] = (_text_spaces,)


def spaces_of(settings: Settings) -> dict[ModelIdentity, Space]:
    """Return the spaces that the settings name, their files fetched and verified. Raises ComputeUnavailable."""
    return {space.model: space for find in SPACES for space in find(settings)}
