"""A BERT of random weights whose sizes are none of MiniLM's."""

from functools import cache

import numpy as np

from hartonomous_core.embedders.native.bert_files import BertConfig

SMALL = BertConfig(layers=2, width=128, heads=2, inner=192, epsilon=1e-6, pooling="cls", window_tokens=64)


@cache
def small_tensors():
    """By the names of Hugging Face's BertModel."""
    random = np.random.default_rng(11)
    shapes = {
        "embeddings.word_embeddings.weight": (30522, 128),
        "embeddings.position_embeddings.weight": (64, 128),
        "embeddings.token_type_embeddings.weight": (2, 128),
    }
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for part in ("query", "key", "value"):
            shapes[f"{layer}.attention.self.{part}.weight"] = (128, 128)
        shapes[f"{layer}.attention.output.dense.weight"] = (128, 128)
        shapes[f"{layer}.intermediate.dense.weight"] = (192, 128)
        shapes[f"{layer}.output.dense.weight"] = (128, 192)
    tensors = {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if "embeddings" not in name:
            tensors[name.replace("weight", "bias")] = random.normal(0, 0.1, shape[0]).astype(np.float32)
    for norm in (
        "embeddings",
        *(f"{n}.{o}output" for n in ("encoder.layer.0", "encoder.layer.1") for o in ("attention.", "")),
    ):
        tensors[f"{norm}.LayerNorm.weight"] = random.normal(1, 0.1, 128).astype(np.float32)
        tensors[f"{norm}.LayerNorm.bias"] = random.normal(0, 0.1, 128).astype(np.float32)
    return tensors
