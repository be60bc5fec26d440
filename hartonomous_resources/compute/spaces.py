"""The embedding spaces: which models the settings name, and how each is loaded. A new space is a line here."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from hartonomous_core.embedders import ANSWER_FLOOR, TEXT_MODEL
from hartonomous_core.embedders.protocol import Embedder
from hartonomous_core.embedders.text_native import ARITHMETIC, NativeTextEmbedder
from hartonomous_core.embedders.text_windows import TextWindows
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.compute.text_model import TextModelError, TextModelFiles, ensure_text_model
from hartonomous_resources.compute.text_model_download import sha256
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings


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
        model = ModelIdentity(
            "text",
            files.name,
            files.dimension,
            files.artifact_hash,
            files.precision,
            identity_settings,
            answer_floor=_answer_floor(settings, files),
        )
        yield Space(model, partial(_load_text_model, files, settings), partial(_load_windows, files))


def _answer_floor(settings: Settings, files: TextModelFiles) -> float | None:
    if settings.answer_floor is not None:
        return settings.answer_floor
    return ANSWER_FLOOR if files.name == TEXT_MODEL else None  # of another encoder nothing is known


def _identity_settings(files: TextModelFiles) -> str:
    """What makes vectors of the same file differ. SQL Server keeps 400 characters of it."""
    found: dict[str, object] = {"windowTokens": files.window_tokens}
    if files.bert is not None:
        sizes = asdict(files.bert)
        del sizes["window_tokens"]
        found |= {"arithmetic": ARITHMETIC, "tokenizer": sha256(files.tokenizer_path)} | sizes
    return json.dumps(found, sort_keys=True)


def _load_text_model(files: TextModelFiles, settings: Settings) -> Embedder:
    threads = settings.threads or None
    try:
        if files.bert is None:
            from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder

            return OnnxTextEmbedder(
                files.model_path, files.tokenizer_path, window_tokens=files.window_tokens, threads=threads
            )
        return NativeTextEmbedder(
            files.model_path,
            files.tokenizer_path,
            files.bert,
            threads=threads,
            compiled=[files.model_path.parent / "compiled", settings.home / "compiled"],
            on_compile=LOGGER.warning,
        )
    except Exception as error:  # tokenizers and onnxruntime raise bare Exception
        raise ComputeUnavailable(f"the text model in {files.model_path.parent} does not load: {error}") from error


def _load_windows(files: TextModelFiles) -> TextWindows:
    try:
        return TextWindows(files.tokenizer_path, files.window_tokens)
    except Exception as error:  # tokenizers raises bare Exception
        raise ComputeUnavailable(f"{files.tokenizer_path} does not load: {error}") from error


SPACES: Sequence[Callable[[Settings], Iterator[Space]]] = (_text_spaces,)


def spaces_of(settings: Settings) -> dict[ModelIdentity, Space]:
    """Return the spaces that the settings name, their files fetched and verified. Raises ComputeUnavailable."""
    return {space.model: space for find in SPACES for space in find(settings)}
