"""Sentence encoders as ONNX files: what goes in and comes out, and the session of ONNX Runtime that computes one, on a processor or a GPU."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hartonomous_core.embedders.protocol import DeviceError

_KNOWN_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_CUDA = "CUDAExecutionProvider"
_CUDA_OPTIONS = {
    "use_tf32": "0",  # float32 is to be float32
    "enable_skip_layer_norm_strict_mode": "1",  # sums in float32 where the rest is float16
    "arena_extend_strategy": "kSameAsRequested",
}
_NO_MEMORY = re.compile(r"(?i)out of memory|bad.?alloc|failed to allocate|alloc_failed|smaller than requested bytes")


class OutOfMemory(DeviceError):
    """There is no room for so much at once."""


@dataclass(frozen=True, slots=True)
class OnnxEncoder:
    """A session. inputs: name and dtype of each. outputs: that of the sentence vectors first, then that of token vectors where it is another."""

    session: Any
    inputs: list[tuple[str, type[np.int32 | np.int64]]]
    outputs: list[str]


def open_encoder(onnx_path: Path, *, threads: int = 1, cuda: int | None = None) -> OnnxEncoder:
    """Load a file for so many threads, or onto the CUDA device of this number.

    The model takes any of input_ids, attention_mask and token_type_ids (int32 or int64). An output named `sentence_embedding` is
    preferred, else the first one counts; token vectors are those of `token_embeddings`, or of that output where it has them.
    Raises ValueError for a model with other inputs, DeviceError where there is no such device, and what onnxruntime raises for an
    unreadable file.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    if cuda is None:
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])
    else:
        session = cuda_session(str(onnx_path), cuda, options)
    inputs = session.get_inputs()
    if unknown := {tensor.name for tensor in inputs} - _KNOWN_INPUTS:
        raise ValueError(f"{onnx_path} needs inputs that a text does not give: {', '.join(sorted(unknown))}")
    names = [tensor.name for tensor in session.get_outputs()]
    output = "sentence_embedding" if "sentence_embedding" in names else names[0]
    return OnnxEncoder(
        session,
        [(tensor.name, np.int32 if tensor.type == "tensor(int32)" else np.int64) for tensor in inputs],
        [output, *({"token_embeddings"} & set(names) - {output})],
    )


def cuda_session(model: str | bytes, number: int, options: Any = None) -> Any:
    """Load a model, from a path or as bytes, onto the CUDA device of this number. Raises as `open_encoder` does."""
    import onnxruntime

    with redirect_stdout(sys.stderr):  # onnxruntime prints what it does not find
        if hasattr(onnxruntime, "preload_dlls"):
            onnxruntime.preload_dlls()  # those of the wheels of NVIDIA
        providers = [(_CUDA, {"device_id": str(number), **_CUDA_OPTIONS}), "CPUExecutionProvider"]
        with device_errors():
            session = onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)
    if _CUDA not in session.get_providers():  # it says so in its log, and takes the processor
        raise DeviceError(
            "ONNX Runtime cannot use CUDA here: its libraries are missing (extra `gpu`) or of other versions"
        )
    return session


@contextmanager
def device_errors() -> Iterator[None]:
    """Raises OutOfMemory and DeviceError for what onnxruntime raises while it computes."""
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    try:
        yield
    except (RuntimeError, errors.Fail, errors.RuntimeException, errors.EPFail, MemoryError) as error:
        if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
            raise OutOfMemory("the device has no memory left") from error
        raise DeviceError(f"the device failed: {str(error)[:500]}") from error
