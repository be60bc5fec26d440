"""Imports the kernels with a folder for what numba makes of them, so that only the first process on a machine compiles."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

_KERNELS = "hartonomous_core.embedders.native.kernels"
_LOCK = threading.Lock()


def import_kernels(folders: Sequence[Path]) -> Any:
    """Return the module of kernels; what is compiled of them is kept in the first of `folders` that can be written and trusted.

    Where there is none, every process compiles anew. The first call of a process decides.
    """
    with _LOCK:
        if _KERNELS in sys.modules:
            return sys.modules[_KERNELS]
        from numba import config

        before = config.CACHE_DIR
        config.CACHE_DIR = str(compiled_folder(folders) or "")
        try:
            return importlib.import_module(_KERNELS)
        finally:
            config.CACHE_DIR = before


def compiled_folder(folders: Sequence[Path]) -> Path | None:
    """Return where code for this processor, this numba and these sources lies or will lie; None where no folder will do."""
    usable = (folder for folder in folders if _is_ours(folder))
    first = next(usable, None)
    return None if first is None else first / _fingerprint()


def cache_of(kernels: Any) -> Path | None:
    """Return where numba keeps what it compiles of the module: a folder in the compiled one, named for where the sources lie. None: nowhere."""
    path = kernels.hidden_states.stats.cache_path
    return None if path is None else Path(path)


def holds_compiled_code(cache: Path) -> bool:
    """Return whether a process has compiled into this folder before."""
    return any(cache.glob("*.nbc"))


def forget_compiled_code(cache: Path) -> None:
    """Delete what is in the folder, which stays: a process that has imported the kernels writes there again."""
    for file in cache.glob("*.nb?"):
        file.unlink(missing_ok=True)


def _is_ours(folder: Path) -> bool:
    """Whether we can write there and nobody else can: what numba finds there it runs."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # whatever the umask
        tempfile.TemporaryFile(dir=folder).close()
        status = folder.stat()
    except OSError:
        return False
    return not hasattr(os, "geteuid") or (status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022)


def _fingerprint() -> str:
    """Differs wherever the code would: numba itself looks at the file of a function alone, not at those that it uses."""
    import llvmlite.binding as llvm
    from numba import config

    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    features = config.CPU_FEATURES if config.CPU_FEATURES is not None else llvm.get_host_cpu_features().flatten()
    for part in (
        version("numba"),
        version("llvmlite"),
        sys.version,
        config.CPU_NAME or llvm.get_host_cpu_name(),
        features,
    ):
        digest.update(f"{part}\n".encode())
    return digest.hexdigest()[:16]
