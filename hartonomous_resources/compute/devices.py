"""Which GPU computes, if any: as a process of its own found out, as a broken driver may hang or end whoever uses it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings

PROBE = (sys.executable, "-P", "-m", "hartonomous_resources.compute.cuda_probe")
_PROBE_SECONDS = 60.0
_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CudaDevice:
    """A device that has computed something. `driver` is the version of CUDA that its driver speaks."""

    number: int
    name: str
    memory_bytes: int
    driver: str

    def __str__(self) -> str:
        return f"cuda:{self.number} ({self.name}, {self.memory_bytes / 2**30:.0f} GiB, CUDA {self.driver})"


_lock = threading.Lock()
_found: dict[int, CudaDevice | str] = {}
"""Of this process: a probe takes seconds."""


def cuda_device(settings: Settings) -> CudaDevice | None:
    """Return the GPU that is to compute; None for the processor. Raises ComputeUnavailable where the settings name a GPU that cannot."""
    if settings.device == "cpu":
        return None
    found = probe_device(settings)
    if isinstance(found, CudaDevice):
        return found
    if settings.device != "auto":
        raise ComputeUnavailable(f"HARTONOMOUS_DEVICE={settings.device}, but {found}")
    LOGGER.info("no GPU computes: %s", found)
    return None


def probe_device(settings: Settings) -> CudaDevice | str:
    """Return the GPU that the settings name, or the first one, or why it cannot be used."""
    return probe_cuda(int(settings.device.partition(":")[2] or 0))


def probe_cuda(number: int) -> CudaDevice | str:
    """Return a device, or why it cannot be used; tried once in a process, until `forget_devices`."""
    with _lock:
        if number not in _found:
            _found[number] = run_probe(number)
        return _found[number]


def forget_devices() -> None:
    """Have devices tried again: one has failed since."""
    with _lock:
        _found.clear()


def run_probe(number: int, command: Sequence[str] = PROBE, seconds: float = _PROBE_SECONDS) -> CudaDevice | str:
    """Try a device in a process that may take so many seconds; returns the device, or why it cannot be used."""
    try:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, str(number)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        return f"it could not be tried: {error}"
    try:
        out, complaints = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):  # within a driver that hangs it does not end even so
            process.communicate(timeout=_END_SECONDS)
        return f"trying it took more than {seconds:g} s: its driver may hang"
    try:
        found = json.loads(out.splitlines()[-1])
        if "problem" in found:
            return str(found["problem"])
        return CudaDevice(number, str(found["name"]), int(found["memoryBytes"]), str(found["driver"]))
    except (IndexError, ValueError, KeyError, TypeError):
        said = complaints.decode("utf-8", "replace").strip().splitlines()
        return f"trying it ended with {process.returncode}{f': {said[-1][:300]}' if said else ''}"
