"""Which kernels there are, what each needs of the processor, and which one this processor runs fastest."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Any

from hartonomous_core.embedders.native import packing
from hartonomous_core.embedders.native.tiles import TileShape, dot_arm, dot_pairs, dot_vnni


@dataclass(frozen=True, slots=True)
class Kernel:
    """kind: the class of its matrices. zero: the activation that stands for 0. machine and feature: what LLVM calls what it needs."""

    kind: type[Any]
    shape: TileShape
    zero: int
    activation: str
    machine: str
    feature: str


KERNELS = {
    "vnni512": Kernel(packing.Vnni512Matrix, TileShape(16, 4, dot_vnni), 128, "uint8", "x86", "avx512vnni"),
    "vnni256": Kernel(packing.Vnni256Matrix, TileShape(8, 2, dot_vnni), 128, "uint8", "x86", "avxvnni"),
    "arm": Kernel(packing.ArmMatrix, TileShape(4, 4, dot_arm), 0, "int8", "arm", "dotprod"),
    "avx2": Kernel(packing.Avx2Matrix, TileShape(8, 2, dot_pairs), 0, "int16", "x86", "avx2"),
    "plain": Kernel(packing.PlainMatrix, TileShape(4, 2, dot_pairs), 0, "int16", "", ""),
}
"""By name, the fastest first."""


def supported_kernels() -> list[str]:
    """Return the names of those that the processor, or the one that NUMBA_CPU_FEATURES describes, can run; the fastest first."""
    machine = "arm" if platform.machine().lower() in ("arm64", "aarch64") else "x86"
    features = _features()
    return [
        name
        for name, kernel in KERNELS.items()
        if not kernel.feature or (kernel.machine == machine and kernel.feature in features)
    ]


def _features() -> set[str]:
    import llvmlite.binding as llvm
    from numba import config

    if config.CPU_FEATURES is not None:  # numba compiles for these, whatever the processor has
        return {feature[1:] for feature in config.CPU_FEATURES.split(",") if feature.startswith("+")}
    return {feature for feature, is_there in llvm.get_host_cpu_features().items() if is_there}
