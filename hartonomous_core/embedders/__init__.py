"""Embedding models: arrays in, unit vectors out. Nothing here knows Dagster or a database."""

import os
from typing import Literal

# ONNX Runtime 1.29 and later keeps an identity of the machine for its telemetry as soon as it is imported: no call comes early enough.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

TEXT_MODEL = "all-MiniLM-L6-v2"
"""The text model that is used where none is chosen; it comes from the Hugging Face hub or the package index."""

ANSWER_FLOOR = 0.37
"""The least cosine of a question and its answer by that model; measured with int8: docs/decisions/0036."""

LOOK_ALIKE_MODEL = "look-alike-1"
"""The embedder of pictures, which needs no weights; its number goes up whenever the same picture would get another vector."""
LOOK_ALIKE_DIMENSION = 347
LOOK_ALIKE_FLOOR = 0.9
"""The least cosine of two that are the same picture: docs/decisions/0061."""

Precision = Literal["int8", "fp16", "fp32"]
"""Precision of the text model's weights; it is part of a model's identity. A GPU computes all but int8."""

Engine = Literal["native", "onnxruntime"]
"""What computes the text model; native is our own kernels, for int8 alone."""
