"""The embedding spaces: which models the settings name, and how each is loaded. A new space is a line here."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from hartonomous_core.embedders import ANSWER_FLOOR
from hartonomous_core.embedders.protocol import Embedder
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.compute.text_model import TextModelError, TextModelFiles, ensure_text_model
from hartonomous_resources.settings import Settings


@dataclass(frozen=True, slots=True)
class Space:
    """A model whose files are there, and what loads it."""

    model: ModelIdentity
    load: Callable[[], Embedder]


def _text_spaces(settings: Settings) -> Iterator[Space]:
    for precision in settings.text_precisions:
        try:
            files = ensure_text_model(
                settings.model_dir,
                model=settings.text_model,
                precision=precision,
                source=settings.text_model_source,
            )
        except TextModelError as error:
            raise ComputeUnavailable(str(error)) from error
        model = ModelIdentity(
            "text",
            files.name,
            files.dimension,
            files.artifact_hash,
            files.precision,
            f'{{"windowTokens": {files.window_tokens}}}',
            answer_floor=_answer_floor(settings, files),
        )
        yield Space(model, partial(_load_text_model, files, settings.threads or None))


def _answer_floor(settings: Settings, files: TextModelFiles) -> float | None:
    if settings.answer_floor is not None:
        return settings.answer_floor
    return None if files.precision == "own" else ANSWER_FLOOR  # of another encoder nothing is known


def _load_text_model(files: TextModelFiles, threads: int | None) -> Embedder:
    from hartonomous_core.embedders.text_onnx import TextEmbedder

    return TextEmbedder(files.onnx_path, files.tokenizer_path, window_tokens=files.window_tokens, threads=threads)


SPACES: Sequence[Callable[[Settings], Iterator[Space]]] = (_text_spaces,)


def spaces_of(settings: Settings) -> dict[ModelIdentity, Space]:
    """Return the spaces that the settings name, their files fetched and verified. Raises ComputeUnavailable."""
    return {space.model: space for find in SPACES for space in find(settings)}
