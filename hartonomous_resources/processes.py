"""Which process holds a claim, and whether it still lives.

A process killed with -9 releases nothing. On its own host that can be seen at once, so the next command need not wait for
a lease to run out: the owner names host, boot and process start, and a pid used again by another program is told apart.
"""

import os
import socket
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CLOCK_STEP_SECONDS = 5  # where the system derives either number from the wall clock, which may be stepped


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process of one boot of one host; `started` is in seconds since that boot."""

    host: str
    boot: int
    pid: int
    started: int

    def __str__(self) -> str:
        return f"{self.host}/{self.boot}/{self.pid}/{self.started}"

    @classmethod
    def parse(cls, text: str) -> "ProcessIdentity | None":
        """Return the identity that `str()` wrote, or None for anything else."""
        parts = text.rsplit("/", 3)
        if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts[1:]):
            return None
        return cls(parts[0], int(parts[1]), int(parts[2]), int(parts[3]))

    def is_gone(self) -> bool:
        """Return True only if the process certainly ended: False for a process of another host, of which nothing is known."""
        if self.host != socket.gethostname():
            return False
        if abs(self.boot - this_boot()) > _CLOCK_STEP_SECONDS:
            return True
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:  # it ended; its parent has not asked how yet
                return True
            return abs(_started(process) - self.started) > _CLOCK_STEP_SECONDS
        except psutil.NoSuchProcess:
            return True


def this_boot() -> int:
    """Return what tells this boot from others: the kernel's id of it, else its time by a clock that may have been set since."""
    if _BOOT_ID.exists():
        return uuid.UUID(_BOOT_ID.read_text().strip()).int >> 80
    return int(psutil.boot_time())


def _started(process: psutil.Process) -> int:
    # Both times move with the wall clock when that is set; what lies between them does not.
    return int(process.create_time() - psutil.boot_time())


@cache
def _identity_of(pid: int) -> ProcessIdentity:
    return ProcessIdentity(socket.gethostname(), this_boot(), pid, _started(psutil.Process(pid)))


def this_process() -> ProcessIdentity:
    """Return the identity of the calling process (asked anew after a fork)."""
    return _identity_of(os.getpid())
