"""Which kernels there are, what each needs of the processor, and which one a processor runs fastest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hartonomous_core.embedders.native.tiles import TileShape, dot_arm, dot_pairs, dot_vnni


@dataclass(frozen=True, slots=True)
class Kernel:
    """zero: the activation that stands for 0, of dtype `activation`. architecture and feature: what LLVM calls what it needs."""

    shape: TileShape
    zero: int
    activation: str
    weights_a_step: int
    architecture: str
    feature: str


KERNELS = {
    "vnni512": Kernel(TileShape(16, 4, dot_vnni), 128, "uint8", 4, "x86_64", "avx512vnni"),
    "vnni256": Kernel(TileShape(8, 2, dot_vnni), 128, "uint8", 4, "x86_64", "avxvnni"),
    "arm": Kernel(TileShape(4, 4, dot_arm), 0, "int8", 4, "aarch64", "dotprod"),
    "avx2": Kernel(TileShape(8, 2, dot_pairs), 0, "int16", 2, "x86_64", "avx2"),
    "plain": Kernel(TileShape(4, 2, dot_pairs), 0, "int16", 2, "", ""),
}
"""By name, the fastest first."""


class Processor(NamedTuple):
    """What LLVM compiles for. features: as in "+avx2,-avx512f"."""

    triple: str
    name: str
    features: str


def this_processor() -> Processor:
    import llvmlite.binding as llvm

    return Processor(llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


def supported_kernels(processor: Processor | None = None) -> list[str]:
    """Return the names of those that `processor`, by default this one, can run; the fastest first."""
    triple, _, features = processor or this_processor()
    architecture = {"arm64": "aarch64", "amd64": "x86_64"}.get(found := triple.partition("-")[0], found)
    there = features.split(",")
    return [
        name
        for name, kernel in KERNELS.items()
        if not kernel.feature or (kernel.architecture == architecture and f"+{kernel.feature}" in there)
    ]
