"""Models that need no files: they are computed in the process that embeds, whatever the settings choose for texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from hartonomous_core.embedders import LOOK_ALIKE_DIMENSION, LOOK_ALIKE_FLOOR, LOOK_ALIKE_MODEL
from hartonomous_resources.compute.protocol import ModelIdentity

if TYPE_CHECKING:
    from hartonomous_core.embedders.protocol import Embedder


def _load_look_alike() -> Embedder:
    from hartonomous_core.embedders.look_alike import LookAlikeEmbedder

    return LookAlikeEmbedder()


LOOK_ALIKE = ModelIdentity(
    "image",
    LOOK_ALIKE_MODEL,
    LOOK_ALIKE_DIMENSION,
    sha256(f"hartonomous {LOOK_ALIKE_MODEL}".encode()).hexdigest(),  # its code is the model: no file has another hash
    "fp32",
    json.dumps({"arithmetic": "float64"}),
    "pixels",
    LOOK_ALIKE_FLOOR,
)
OWN_MODELS: Mapping[ModelIdentity, Callable[[], Embedder]] = {LOOK_ALIKE: _load_look_alike}
"""Each with what loads it, one of a modality. One is made active with the first atom of its modality: a home without pictures has none."""


def own_model(modality: str) -> ModelIdentity | None:
    """Return the model that embeds a modality without any files."""
    return next((model for model in OWN_MODELS if model.modality == modality), None)
