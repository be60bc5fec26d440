"""Reads what a BERT-shaped sentence encoder is from the files that sentence-transformers writes.

config.json has its sizes, 1_Pooling/config.json how token vectors become one, sentence_bert_config.json the window, modules.json what else
there is. Tensors are those of Hugging Face's BertModel in model.safetensors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

_LARGEST = {"num_hidden_layers": 100, "hidden_size": 8192, "num_attention_heads": 256, "intermediate_size": 65536}
_KNOWN_MODULES = {"Transformer", "Pooling", "Normalize"}
_DEFAULT_WINDOW = 256
_MOST_POSITIONS = 1 << 20


class UnsupportedEncoder(ValueError):
    """The folder's encoder is not one that the kernels compute; the message says why."""


@dataclass(frozen=True, slots=True)
class BertConfig:
    """Sizes of an encoder; `window_tokens` counts special tokens."""

    layers: int
    width: int
    heads: int
    inner: int
    epsilon: float
    pooling: Literal["mean", "cls"]
    window_tokens: int

    def __post_init__(self) -> None:
        if self.width % 64 or self.inner % 64:
            raise UnsupportedEncoder(f"its widths ({self.width} and {self.inner}) are no multiples of 64")
        if self.width % self.heads or self.width // self.heads % 32:
            raise UnsupportedEncoder(f"its {self.heads} heads are not a multiple of 32 wide ({self.width} in all)")


MINILM = BertConfig(layers=6, width=384, heads=12, inner=1536, epsilon=1e-12, pooling="mean", window_tokens=256)
"""all-MiniLM-L6-v2, whose files are fetched without its config.json."""


def read_config(folder: Path) -> BertConfig:
    """Read the sizes of the encoder in `folder`. Raises UnsupportedEncoder, OSError, and ValueError for a file that is not JSON."""
    config = _read(folder / "config.json")
    for name, wanted in (("model_type", "bert"), ("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
        if (found := config.get(name, wanted)) != wanted:
            raise UnsupportedEncoder(f"its {name} is {found!r}, and only {wanted!r} is computed")
    _refuse_other_modules(folder)
    sizes = {name: _size(config, name, largest) for name, largest in _LARGEST.items()}
    positions = _size(config, "max_position_embeddings", _MOST_POSITIONS)
    window = {"max_seq_length": _DEFAULT_WINDOW} | _read(folder / "sentence_bert_config.json")
    return BertConfig(
        layers=sizes["num_hidden_layers"],
        width=sizes["hidden_size"],
        heads=sizes["num_attention_heads"],
        inner=sizes["intermediate_size"],
        epsilon=_epsilon(config),
        pooling=_pooling(folder),
        window_tokens=min(_size(window, "max_seq_length", _MOST_POSITIONS), positions),
    )


def _read(path: Path) -> dict[str, Any]:
    """The object in a file; an empty one where there is no file."""
    if not path.is_file():
        return {}
    found = _json(path)
    if not isinstance(found, dict):
        raise UnsupportedEncoder(f"its {path.name} holds no JSON object")
    return found


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except RecursionError as error:
        raise UnsupportedEncoder(f"its {path.name} is nested too deep") from error


def _size(config: dict[str, Any], name: str, largest: int) -> int:
    found = config.get(name)
    if type(found) is not int or not 0 < found <= largest:  # True is an int, too
        raise UnsupportedEncoder(f"its {name} is {found!r}, not a whole number from 1 to {largest}")
    return found


def _epsilon(config: dict[str, Any]) -> float:
    found = config.get("layer_norm_eps", 1e-12)
    if type(found) not in (int, float) or not 0 <= found < 1:
        raise UnsupportedEncoder(f"its layer_norm_eps is {found!r}, not a number from 0 to 1")
    return float(found)


def _refuse_other_modules(folder: Path) -> None:
    """A layer behind the pooling would be left out silently."""
    path = folder / "modules.json"
    modules = _json(path) if path.is_file() else []
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise UnsupportedEncoder("its modules.json holds no list of objects")
    kinds = {str(module.get("type")).rpartition(".")[2] for module in modules}
    if others := kinds - _KNOWN_MODULES:
        raise UnsupportedEncoder(f"it has a module {', '.join(sorted(others))}, which is not computed")


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    config = _read(folder / "1_Pooling" / "config.json")
    chosen = {name for name, is_on in config.items() if name.startswith("pooling_mode") and is_on is True}
    if chosen <= {"pooling_mode_mean_tokens"}:
        return "mean"
    if chosen == {"pooling_mode_cls_token"}:
        return "cls"
    raise UnsupportedEncoder(f"its pooling is {', '.join(sorted(chosen))}: mean and [CLS] are computed")
