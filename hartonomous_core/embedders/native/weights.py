"""Reads the weights of an encoder and quantises them for one kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.native.bert_files import BertConfig, UnsupportedEncoder
from hartonomous_core.embedders.native.packing import Matrix, QuantizedMatrix, pack, quantize
from hartonomous_core.embedders.native.processor import Kernel
from hartonomous_core.embedders.native.records import MODEL


class BertWeights:
    """The tensors of a BertModel in a safetensors file, float32, each checked when it is asked for."""

    def __init__(self, path: Path) -> None:
        """Raises safetensors.SafetensorError for a damaged file, OSError where there is none."""
        from safetensors import safe_open

        self._path = path
        opened: Any = safe_open
        self._file = opened(path, framework="numpy")
        self._names = set(self._file.keys())
        self._prefix = "bert." if "bert.embeddings.word_embeddings.weight" in self._names else ""

    def refuse_layers_beyond(self, layers: int) -> None:
        """Raises UnsupportedEncoder where there are more than `layers`: fewer of them give vectors of another model."""
        beyond = f"{self._prefix}encoder.layer.{layers}."
        if any(name.startswith(beyond) for name in self._names):
            raise UnsupportedEncoder(f"{self._path} has more layers than the {layers} of its config.json")

    def tensor(self, name: str, *shape: int | None) -> NDArray[np.float32]:
        """Return one of the given shape; None stands for any length.

        Raises UnsupportedEncoder where it is missing, of another shape or type, or holds what is no finite number.
        """
        full = self._prefix + name
        if full not in self._names:
            raise UnsupportedEncoder(f"{self._path} has no tensor {full}")
        if (kind := self._file.get_slice(full).get_dtype()) not in ("F32", "F16"):  # NumPy has no bfloat16
            raise UnsupportedEncoder(f"tensor {full} in {self._path} is of type {kind}: F32 and F16 are computed")
        found = self._file.get_tensor(full)
        if len(found.shape) != len(shape) or any(w not in (None, f) for f, w in zip(found.shape, shape, strict=True)):
            raise UnsupportedEncoder(f"tensor {full} in {self._path} has shape {found.shape}, not {shape}")
        values: NDArray[np.float32] = np.ascontiguousarray(found, np.float32)
        if not np.isfinite(values).all():
            raise UnsupportedEncoder(f"tensor {full} in {self._path} holds numbers that are not finite")
        return values

    def norm(self, name: str, width: int) -> NDArray[np.float32]:
        """Return gain and bias, (2, width)."""
        return np.stack([self.tensor(f"{name}.{part}", width) for part in ("weight", "bias")])

    def matrix(self, names: list[str], columns: int, inputs: int) -> QuantizedMatrix:
        """Return the matrices `names` (each with its bias) side by side, quantised."""
        weight = np.concatenate([self.tensor(f"{name}.weight", columns, inputs) for name in names])
        return quantize(weight, np.concatenate([self.tensor(f"{name}.bias", columns) for name in names]))


class Encoder:
    """A model as one kernel reads it. `record` has addresses of what is kept alive here; `words` is how many tokens it knows."""

    def __init__(self, path: Path, config: BertConfig, kernel: Kernel) -> None:
        """Raises as BertWeights does."""
        weights, width, layers = BertWeights(path), config.width, range(config.layers)
        weights.refuse_layers_beyond(config.layers)
        positions = weights.tensor("embeddings.position_embeddings.weight", None, width)
        if len(positions) < config.window_tokens:
            raise UnsupportedEncoder(
                f"{path} has {len(positions)} positions: too few for {config.window_tokens} tokens"
            )

        def norms(name: str) -> NDArray[np.float32]:
            return np.stack([weights.norm(f"encoder.layer.{layer}.{name}", width) for layer in layers])

        def packed(names: list[str], columns: int, inputs: int) -> Matrix:
            of_layers = [
                weights.matrix([f"encoder.layer.{layer}.{name}" for name in names], columns, inputs) for layer in layers
            ]
            if "attention.self.query" in names:
                for matrix in of_layers:
                    _scale_queries(matrix, width, config.heads)
            return pack(of_layers, kernel)

        words = weights.tensor("embeddings.word_embeddings.weight", None, width)
        segment = weights.tensor("embeddings.token_type_embeddings.weight", None, width)[0]
        matrices = {
            "query_key_value": packed([f"attention.self.{part}" for part in ("query", "key", "value")], width, width),
            "attended": packed(["attention.output.dense"], width, width),
            "widened": packed(["intermediate.dense"], config.inner, width),
            "narrowed": packed(["output.dense"], width, config.inner),
        }
        arrays: dict[str, NDArray[Any]] = {
            "words": words,
            "positions": positions + segment,
            "embedding_norm": weights.norm("embeddings.LayerNorm", width),
            "attention_norms": norms("attention.output.LayerNorm"),
            "output_norms": norms("output.LayerNorm"),
            "epsilon": np.array(config.epsilon, np.float32),
        }
        for name, matrix in matrices.items():
            arrays |= {f"{name}_{part}": array for part, array in matrix._asdict().items()}
        self.words = len(words)
        self._arrays = arrays
        self.record = MODEL.array(
            **{name: array.ctypes.data for name, array in arrays.items()},
            layers=config.layers,
            width=width,
            inner=config.inner,
            heads=config.heads,
        )


def _scale_queries(matrix: QuantizedMatrix, width: int, heads: int) -> None:
    """Softmax is taken of q · k / sqrt(head width): the queries, the first third of the columns, come out divided."""
    scale = np.float32((width // heads) ** -0.5)
    matrix.scale[:width] *= scale
    matrix.bias[:width] *= scale
