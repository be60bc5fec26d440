"""Tries a CUDA device, as a process of its own: prints what it found as JSON. Run by devices.py, with the number of the device.

It does what an embedder does, a session and a small graph; that the runtime lists CUDA says only that it was built with it.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

_NAME_BYTES = 256


def probe(number: int) -> dict[str, Any]:
    """Return the name, memory and driver of a device that computes. Raises OSError, RuntimeError and what onnxruntime raises."""
    found = _ask_driver(number)
    _compute(number)
    return found


def _ask_driver(number: int) -> dict[str, Any]:
    try:
        cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError as error:
        raise OSError("there is no NVIDIA driver here") from error
    count, device, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(_NAME_BYTES)
    version = ctypes.c_int()
    _require(cuda.cuInit(0))
    _require(cuda.cuDriverGetVersion(ctypes.byref(version)))
    _require(cuda.cuDeviceGetCount(ctypes.byref(count)))
    if number >= count.value:
        raise RuntimeError(f"there is no CUDA device {number}: the driver has {count.value}")
    _require(cuda.cuDeviceGet(ctypes.byref(device), number))
    _require(cuda.cuDeviceGetName(name, _NAME_BYTES, device))
    _require(cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device))
    cuda_version = f"{version.value // 1000}.{version.value % 1000 // 10}"
    return {"name": name.value.decode("utf-8", "replace"), "memoryBytes": memory.value, "driver": cuda_version}


def _require(result: int) -> None:
    if result:
        raise RuntimeError(f"the NVIDIA driver answers with error {result}")


def _compute(number: int) -> None:
    import numpy as np
    from onnx import TensorProto, helper

    from hartonomous_core.embedders.onnx_encoders import cuda_session

    shape = [8, 8]
    values = [helper.make_tensor_value_info(each, TensorProto.FLOAT16, shape) for each in ("a", "b")]
    graph = helper.make_graph([helper.make_node("MatMul", ["a", "a"], ["b"])], "probe", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    session = cuda_session(model.SerializeToString(), number)
    [product] = session.run(None, {"a": np.full(shape, 0.5, np.float16)})
    if not (product == 2).all():
        raise RuntimeError("the device computes something else")


if __name__ == "__main__":
    try:
        answer = probe(int(sys.argv[1]))
    except Exception as error:  # noqa: BLE001 - of the driver and of onnxruntime; whatever it is, it is the answer
        answer = {"problem": str(error)}
    print(json.dumps(answer))  # noqa: T201
