"""all-MiniLM-L6-v2 as an ONNX graph of fused operators, built from its published weights.

The graph is written by hand instead of exported, so that it needs no torch and so that ONNX Runtime finds
its fused BERT operators already in place. Architecture: Devlin et al. 2018 (BERT, post-norm, exact erf GELU)
with mean pooling and L2 normalisation after Reimers and Gurevych 2019; sizes from the model's config.json.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYERS = 6
HEADS = 12
DIMENSION = 384

GRAPH_VERSION = 2
"""Counts up with every change that alters the built files: a cached file of another version is rebuilt."""

_LAYER_NORM_EPSILON = 1e-12
_MICROSOFT = "com.microsoft"
_OPSET, _IR_VERSION = 18, 8

Weights = Mapping[str, NDArray[np.float32]]


class _Graph:
    """Collects nodes and weights, those in floating point as `floats`; every node has one output that names it."""

    def __init__(self, floats: type[np.float16 | np.float32]) -> None:
        self.floats = floats
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def weight(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        if values.dtype.kind == "f":
            values = values.astype(self.floats)
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes))
        return outputs[0]

    def fused(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> str:
        return self.node(operator, inputs, outputs, domain=_MICROSOFT, **attributes)


def build_fp32(safetensors_path: Path, onnx_path: Path) -> None:
    """Write the float32 graph of the weights in `safetensors_path` to `onnx_path`.

    The same weights give the same bytes.
    Raises KeyError where a tensor of BERT is missing and safetensors.SafetensorError on a damaged file.

    Inputs: input_ids and attention_mask, both int64 (batch, tokens); a mask pads on the right only.
    Outputs, float32: sentence_embedding (batch, 384), unit length, and token_embeddings (batch, tokens, 384), each token in its context.
    """
    _build(safetensors_path, onnx_path, np.float32)


def build_fp16(safetensors_path: Path, onnx_path: Path) -> None:
    """Write the graph with weights and encoder in float16; the mean over the tokens, and what comes out, stay float32.

    Else as `build_fp32`. Operators without a kernel for float16, as those of a CPU, are computed in float32.
    """
    _build(safetensors_path, onnx_path, np.float16)


def _build(safetensors_path: Path, onnx_path: Path, floats: type[np.float16 | np.float32]) -> None:
    import onnx
    from onnx import TensorProto, helper
    from safetensors.numpy import load_file

    weights = load_file(safetensors_path)
    graph = _Graph(floats)
    hidden = _embeddings(graph, weights)
    for layer in range(LAYERS):
        hidden = _encoder_layer(graph, weights, layer, hidden)
    if floats is np.float16:
        hidden = graph.node("Cast", [hidden], ["token_embeddings"], to=TensorProto.FLOAT)
    else:
        graph.node("Identity", [hidden], ["token_embeddings"])
    _mean_pool(graph, hidden)

    token_inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    outputs = [
        helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", DIMENSION]),
        helper.make_tensor_value_info("token_embeddings", TensorProto.FLOAT, ["batch", "tokens", DIMENSION]),
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "all-MiniLM-L6-v2", token_inputs, outputs, graph.initializers),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)],
        ir_version=_IR_VERSION,
    )
    onnx.save(model, onnx_path)


def build_int8(fp32_path: Path, int8_path: Path) -> None:
    """Write the dynamically quantised form of a graph from `build_fp32`: uint8 activations, int8 weights.

    Weights use 7 of their 8 bits (`reduce_range`), because x86 without VNNI adds pairs of u8*s8 products in
    16 bits, which saturates with the full range: vectors would depend on the processor. On the STS benchmark
    (dev) this costs nothing: Spearman 0.867 against 0.867 in float32. The activation scale is taken over the
    whole input, so only a batch of one gives a text a vector of its own.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet_root_logger():
        quantize_dynamic(
            fp32_path,
            int8_path,
            op_types_to_quantize=["EmbedLayerNormalization", "Attention", "MatMul"],
            nodes_to_exclude=["pooled"],  # a product with the mask, not with weights
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            # Shape inference does not reach through com.microsoft operators; all they give is float32.
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )
    model = onnx.load(int8_path)
    model.producer_name, model.producer_version = "", ""  # the same bytes whichever onnxruntime wrote them
    onnx.save(model, int8_path)


@contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """The quantiser logs each tensor, and advice that fused graphs do not need, through the root logger.

    Where that has no handler yet, such a call installs one for the rest of the process.
    """

    def not_the_quantiser(record: logging.LogRecord) -> bool:
        return "onnxruntime" not in record.pathname

    placeholder = logging.NullHandler()
    logging.root.addHandler(placeholder)
    logging.root.addFilter(not_the_quantiser)
    try:
        yield
    finally:
        logging.root.removeFilter(not_the_quantiser)
        logging.root.removeHandler(placeholder)


def _embeddings(graph: _Graph, weights: Weights) -> str:
    from onnx import TensorProto

    ids = graph.node("Cast", ["input_ids"], ["ids"], to=TensorProto.INT32)
    mask = graph.node("Cast", ["attention_mask"], ["mask"], to=TensorProto.INT32)
    segments = graph.node("Mul", [ids, graph.weight("zero", np.array(0, np.int32))], ["segments"])
    tables = [
        graph.weight(table, weights[f"embeddings.{table}.weight"])
        for table in ("word_embeddings", "position_embeddings", "token_type_embeddings")
    ]
    inputs = [ids, segments, *tables, *_norm(graph, weights, "embeddings.LayerNorm"), mask]
    return graph.fused("EmbedLayerNormalization", inputs, ["embedded", "mask_index"], epsilon=_LAYER_NORM_EPSILON)


def _encoder_layer(graph: _Graph, weights: Weights, layer: int, hidden: str) -> str:
    prefix = f"encoder.layer.{layer}"
    projections = [f"{prefix}.attention.self.{name}" for name in ("query", "key", "value")]
    qkv_weight = np.concatenate([weights[f"{name}.weight"].T for name in projections], axis=1)
    qkv_bias = np.concatenate([weights[f"{name}.bias"] for name in projections])
    packed = [graph.weight(f"{prefix}.qkv.weight", qkv_weight), graph.weight(f"{prefix}.qkv.bias", qkv_bias)]

    attended = graph.fused("Attention", [hidden, *packed, "mask_index"], [f"{prefix}.attention"], num_heads=HEADS)
    projected, bias = _dense(graph, weights, f"{prefix}.attention.output.dense", attended)
    hidden = _add_norm(graph, weights, f"{prefix}.attention.output.LayerNorm", projected, hidden, bias)

    widened, bias = _dense(graph, weights, f"{prefix}.intermediate.dense", hidden)
    activated = graph.fused("BiasGelu", [widened, bias], [f"{prefix}.gelu"])
    narrowed, bias = _dense(graph, weights, f"{prefix}.output.dense", activated)
    return _add_norm(graph, weights, f"{prefix}.output.LayerNorm", narrowed, hidden, bias)


def _mean_pool(graph: _Graph, hidden: str) -> None:
    """Sum over the tokens: the mean's divisor falls out in the normalisation that follows."""
    from onnx import TensorProto

    axis = graph.weight("token_axis", np.array([1], np.int64))
    mask = graph.node("Cast", ["attention_mask"], ["mask_weights"], to=TensorProto.FLOAT)
    row = graph.node("Unsqueeze", [mask, axis], ["mask_row"])
    pooled = graph.node("MatMul", [row, hidden], ["pooled"])
    pooled = graph.node("Squeeze", [pooled, axis], ["pooled_rows"])
    graph.node("LpNormalization", [pooled], ["sentence_embedding"], axis=-1, p=2)


def _dense(graph: _Graph, weights: Weights, name: str, hidden: str) -> tuple[str, str]:
    """Returns the product and the bias apart: the operator that follows adds the bias in its own pass."""
    kernel = graph.weight(f"{name}.weight", weights[f"{name}.weight"].T)
    product = graph.node("MatMul", [hidden, kernel], [name])
    return product, graph.weight(f"{name}.bias", weights[f"{name}.bias"])


def _add_norm(graph: _Graph, weights: Weights, name: str, update: str, hidden: str, bias: str) -> str:
    inputs = [update, hidden, *_norm(graph, weights, name), bias]
    return graph.fused("SkipLayerNormalization", inputs, [name], epsilon=_LAYER_NORM_EPSILON)


def _norm(graph: _Graph, weights: Weights, name: str) -> list[str]:
    return [graph.weight(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")]
