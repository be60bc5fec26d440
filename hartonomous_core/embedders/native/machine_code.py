"""The kernels as machine code: compiled by LLVM, kept on the disk so that only the first process on a machine compiles, loaded."""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from hartonomous_core.embedders.native.processor import KERNELS, Processor

Encode = Callable[[int, int, int], int]
"""`encode` of forward.py: addresses of a model, of scratch and of a job; it lets other threads of Python run."""

_DIGEST_BYTES = 32

_PATIENCE_SECONDS = 30.0
"""Whoever waits longer for another process compiles itself."""


class MachineCode:
    """The loaded code of one kernel."""

    def __init__(self, code: bytes, processor: Processor) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine(processor))
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        address = self._engine.get_function_address("encode")
        self.encode: Encode = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * 3)(address)


def load_kernel(
    name: str, processor: Processor, folders: Sequence[Path], on_compile: Callable[[str], None]
) -> MachineCode:
    """Load the kernel from the first of `folders` that has its code; where none has, compile it and keep it in the first that will do.

    Only folders that nobody else can write to count: what lies there is run. Before a compilation `on_compile` is told why it is, and whether
    that will be so the next time. A file that is not as it was written is compiled again.
    """
    file_name = f"{name}-{_fingerprint(processor)}.code"
    for folder in folders:
        if _is_ours(folder) and (code := _read(folder / file_name)) is not None:
            return MachineCode(code, processor)
    place = next((folder / file_name for folder in folders if _can_be_written(folder)), None)
    with _alone(place):
        if place is not None and (code := _read(place)) is not None:
            return MachineCode(code, processor)  # another process compiled it meanwhile
        on_compile(
            "compiling the text encoder for this processor, a second or two, as will every process: there is no folder "
            "to keep the result in that this user owns and no other can write to"
            if place is None
            else "compiling the text encoder for this processor, once: a second or two"
        )
        code = compiled(name, processor)
        if place is not None:
            _write(place, code)
    return MachineCode(code, processor)


@contextmanager
def _alone(place: Path | None) -> Iterator[None]:
    """Let processes that would compile to one place do so in turn. Where nothing can be locked, they do it at once, which harms nothing."""
    if place is None:
        yield
        return
    file = place.with_suffix(".lock")
    lock = FileLock(file)
    with suppress(OSError, NotImplementedError):
        lock.acquire(timeout=_PATIENCE_SECONDS)
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):
                file.unlink(missing_ok=True)  # whoever waits for it finds the code
            lock.release()


def compiled(name: str, processor: Processor) -> bytes:
    """Return the object file of a kernel for any processor."""
    machine, module = optimized(name, processor)
    code: bytes = machine.emit_object(module)
    return code


def optimized(name: str, processor: Processor) -> tuple[Any, Any]:
    """Return LLVM's target machine for the processor, and the module of a kernel, ready to be emitted."""
    import llvmlite.binding as llvm

    from hartonomous_core.embedders.native.forward import encoder_module

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = _target_machine(processor)
    module = llvm.parse_assembly(str(encoder_module(KERNELS[name])))
    module.triple, module.data_layout = processor.triple, str(machine.target_data)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return machine, module


def _target_machine(processor: Processor) -> Any:
    import llvmlite.binding as llvm

    return llvm.Target.from_triple(processor.triple).create_target_machine(
        cpu=processor.name,
        features=processor.features,
        opt=3,
        reloc="static" if processor.triple.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


def _read(file: Path) -> bytes | None:
    """Return the code in a file; None where there is none, or not what was written."""
    try:
        content = file.read_bytes()
    except OSError:
        return None
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def _write(file: Path, code: bytes) -> None:
    """Write whole or not at all; processes that do so at once write the same. A disk that is full costs the next process a compilation."""
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as partial:
        try:
            partial.write(hashlib.sha256(code).digest() + code)
            partial.close()
            Path(partial.name).replace(file)
        except OSError:
            Path(partial.name).unlink(missing_ok=True)


def _is_ours(folder: Path) -> bool:
    """Whether it is there, and nobody else can write there."""
    try:
        status = folder.stat()
    except OSError:
        return False
    if not folder.is_dir():
        return False
    return not hasattr(os, "geteuid") or (status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022)


def _can_be_written(folder: Path) -> bool:
    """Whether it is ours, made now where it was not there, and takes a file."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # whatever the umask
        if not _is_ours(folder):
            return False
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _fingerprint(processor: Processor) -> str:
    """Differs wherever the code would."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    for part in (version("llvmlite"), *processor):
        digest.update(f"{part}\n".encode())
    return digest.hexdigest()[:16]
