"""The headers of the worker's messages, as msgspec reads and writes them: docs/worker.md says what each one means."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from hartonomous_resources.compute.protocol import ModelIdentity

Dtype = Literal["float16", "float32", "float64", "int8", "int32", "int64"]
Size = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Offset = Annotated[int, Meta(ge=0, le=2**53)]
"""JSON of any language holds it."""
Hex32 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
"""32 bytes."""
ErrorCode = Literal["version", "key", "malformed", "too_large", "refused", "unavailable", "failed", "busy"]


class Buffer(Struct, frozen=True, forbid_unknown_fields=True):
    """An array that follows the header: little-endian, row by row, without gaps."""

    dtype: Dtype
    shape: Annotated[tuple[Size, ...], Meta(min_length=1, max_length=2)]


class Message(Struct, kw_only=True, tag_field="kind", rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """What every header has: its kind, and the arrays that follow."""

    buffers: Annotated[tuple[Buffer, ...], Meta(max_length=4)] = ()


class Hello(Message):
    """The worker's first words."""

    version: Size
    challenge: Hex32


class Proof(Message):
    """The client has the key, and wants to see that the worker has."""

    version: Size
    challenge: Hex32
    proof: Hex32


class Welcome(Message):
    """The worker has the key, too: requests may follow."""

    proof: Hex32


class Failure(Message):
    """What was wrong, in words."""

    code: ErrorCode
    message: str


class DotProduct(Message):
    """Buffers: a and b, float32 (n, d). Answer: float32 (n,), a[i] · b[i]."""


class Embed(Message):
    """Buffers: token ids, int32 (t,), of windows laid end to end, and the lengths of the windows, int32 (w,).

    Answer: float64 (w, dimension), of unit length; with `states` also float32 (t, dimension), or (0, dimension) where the model has none.
    """

    model: str
    states: bool = False


class Project(Message):
    """Buffers: vectors, float32 (n, d); axes, float64 (3, d); mean, float64 (3,). Answer: float64 (n, 3)."""

    scale: Annotated[float, Meta(gt=0)]


class TopK(Message):
    """Buffer: queries, float32 (q, d). Answer: rows, int64 (q, k), and their dot products, float32 (q, k), the greatest first."""

    path: str
    offset: Offset
    rows: Size
    dtype: Literal["float16", "float32", "int8"]
    k: Annotated[int, Meta(ge=1, le=10_000)]


class Health(Message):
    """How the worker is."""


class Models(Message):
    """Which models it has."""


class Answer(Message):
    """The arrays that were asked for."""


class HealthAnswer(Message):
    """`seconds` since it started; counts since then."""

    device: str
    pid: int
    seconds: float
    connections: int
    requests: int
    batches: int
    loaded: bool


class WorkerModel(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A model: `id` is what Embed names; the other fields are those of a model's identity."""

    id: str
    modality: str
    name: str
    dimension: int
    artifact_hash: str
    precision: str
    settings: str

    @classmethod
    def of(cls, model: ModelIdentity) -> WorkerModel:
        """Describe a model; its id is the same wherever the vectors are."""
        identity = (model.modality, model.name, model.artifact_hash, model.precision, model.settings)
        digest = hashlib.sha256(msgspec.json.encode(identity)).hexdigest()[:16]
        return cls(digest, model.modality, model.name, model.dimension, *identity[2:])


class ModelsAnswer(Message):
    """The models, the first of a modality is the one that search takes."""

    models: tuple[WorkerModel, ...]


Request = DotProduct | Embed | Project | TopK | Health | Models
Reply = Answer | HealthAnswer | ModelsAnswer | Failure
