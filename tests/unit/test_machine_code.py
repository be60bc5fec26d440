"""The code that is compiled, for this processor and for others; and what is kept of it on the disk."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import hartonomous_core
from hartonomous_core.embedders.native import machine_code
from hartonomous_core.embedders.native.machine_code import load_kernel, optimized
from hartonomous_core.embedders.native.processor import Processor, this_processor

pytestmark = pytest.mark.slow

# -- what is compiled, on the disk: each in a process of its own, as the first import decides


PROGRAM = """
import logging, sys, time
from pathlib import Path
from hartonomous_core.embedders.native.bert_files import MINILM
from hartonomous_core.embedders.text_native import NativeTextEmbedder
weights, tokenizer, *folders = map(Path, sys.argv[1:])
embedder = NativeTextEmbedder(weights, tokenizer, MINILM, compiled=folders, on_compile=print)
print(embedder.embed(["a text"]).vectors[0, :4].tolist())
"""


COMPILING = "compiling the text encoder for this processor, once: a second or two"
EVERY_TIME = (
    "compiling the text encoder for this processor, a second or two, as will every process: there is no folder "
    "to keep the result in that this user owns and no other can write to"
)


def start(text_model, *folders, program=PROGRAM, **environment):
    command = [sys.executable, "-c", program, text_model.model_path, text_model.tokenizer_path, *folders]
    return subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def output_of(process):
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert errors == ""
    return output.splitlines()


@pytest.fixture(scope="module")
def compiled(text_model, tmp_path_factory):
    """A folder that two processes have compiled into, started together, and what each of them printed."""
    folder = tmp_path_factory.mktemp("compiled")
    together = [start(text_model, folder) for _ in range(2)]
    return folder, [output_of(process) for process in together]


def test_processes_that_start_together_are_all_right(compiled):
    _, outputs = compiled
    assert outputs[0][-1] == outputs[1][-1]
    assert (outputs[0] + outputs[1]).count(COMPILING) == 1, "one compiles, the other waits for it"


def test_a_process_that_finds_the_code_does_not_compile(text_model, compiled):
    folder, outputs = compiled
    assert output_of(start(text_model, folder)) == outputs[0][-1:]


def test_a_process_whose_sources_lie_elsewhere_finds_the_code(text_model, compiled, tmp_path):
    folder, outputs = compiled
    shutil.copytree(Path(hartonomous_core.__file__).parent, tmp_path / "hartonomous_core")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROGRAM}"
    assert output_of(start(text_model, folder, program=program)) == outputs[0][-1:]


@pytest.fixture
def load(monkeypatch):
    """Load a kernel from folders, or compile it into them; returns what was said, and that it was compiled."""

    def load(*folders, processor=None):
        said = []
        monkeypatch.setattr(
            machine_code, "compiled", lambda *of: said.append("compiled") or COMPILE("plain", this_processor())
        )
        load_kernel("plain", processor or this_processor(), folders, said.append)
        return said

    return load


COMPILE = cache(machine_code.compiled)


def test_a_folder_that_cannot_be_locked_stops_nothing(load, tmp_path, monkeypatch):
    class Unlockable(machine_code.FileLock):
        def _acquire(self):
            raise NotImplementedError("the file system knows no locks")

    monkeypatch.setattr(machine_code, "FileLock", Unlockable)

    assert load(tmp_path) == [COMPILING, "compiled"]
    assert load(tmp_path) == []


def test_code_that_is_damaged_or_cut_off_is_compiled_again(load, tmp_path):
    assert load(tmp_path) == [COMPILING, "compiled"]
    [file] = tmp_path.iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole[:20], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(damaged)
        assert load(tmp_path) == [COMPILING, "compiled"]
        assert file.read_bytes() == whole
    assert load(tmp_path) == []
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_we_make_is_ours_whatever_the_umask(load, tmp_path):
    before = os.umask(0o002)
    try:
        assert load(tmp_path / "compiled") == [COMPILING, "compiled"]
    finally:
        os.umask(before)
    assert load(tmp_path / "compiled") == []


def test_a_folder_that_cannot_be_used_leaves_the_next_one(load, tmp_path):
    (tmp_path / "file").write_text("no folder")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)  # whoever writes there would have us run what they wrote
    own = tmp_path / "own"
    assert load(tmp_path / "file", tmp_path / "file" / "x", shared, own) == [COMPILING, "compiled"]
    assert load(own) == []
    assert list(shared.iterdir()) == []
    shutil.copy(next(own.iterdir()), shared)
    assert load(shared) == [EVERY_TIME, "compiled"]


def test_a_folder_that_is_not_needed_is_not_made(load, tmp_path):
    load(tmp_path / "first", tmp_path / "second")
    assert [each.name for each in tmp_path.iterdir()] == ["first"]


def test_no_folder_is_said(load):
    assert load() == [EVERY_TIME, "compiled"]


@pytest.mark.skipif(
    getattr(os, "geteuid", int)() != 0, reason="NOT TESTED: the files of another user, as only root makes them"
)
def test_what_another_user_owns_is_not_run(load, tmp_path):
    assert load(tmp_path / "theirs")[-1] == "compiled"
    os.chown(tmp_path / "theirs", 12345, 12345)
    assert load(tmp_path / "theirs") == [EVERY_TIME, "compiled"]


def test_beside_a_model_that_is_only_read_code_is_found_and_none_is_written(load, tmp_path, monkeypatch):
    def read_only(dir, **_):  # file modes do not stop root
        if dir == installed:
            raise OSError(30, "Read-only file system")
        return make_file(dir=dir, **_)

    installed, make_file = tmp_path / "installed", machine_code.tempfile.NamedTemporaryFile
    load(installed)
    monkeypatch.setattr(machine_code.tempfile, "TemporaryFile", read_only)
    monkeypatch.setattr(machine_code.tempfile, "NamedTemporaryFile", read_only)
    assert load(installed, tmp_path / "home") == []
    next(installed.iterdir()).unlink()
    assert load(installed, tmp_path / "home") == [COMPILING, "compiled"]
    assert load(installed, tmp_path / "home") == []


def test_a_disk_that_is_full_costs_no_more_than_a_compilation(load, tmp_path, monkeypatch):
    def no_room(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", no_room)
    assert load(tmp_path) == [COMPILING, "compiled"]
    assert list(tmp_path.iterdir()) == []


def test_code_of_another_llvm_other_sources_or_another_processor_is_not_taken(load, tmp_path, monkeypatch):
    here = this_processor()
    assert load(tmp_path)[-1] == "compiled"
    with monkeypatch.context() as patch:
        patch.setattr(machine_code, "version", lambda name: "0.99.9")
        assert load(tmp_path)[-1] == "compiled"
    sources = tmp_path / "sources"
    shutil.copytree(Path(machine_code.__file__).parent, sources)
    with monkeypatch.context() as patch:
        patch.setattr(machine_code, "__file__", str(sources / "machine_code.py"))
        assert load(tmp_path) == []
        (sources / "rows.py").write_text("changed")
        assert load(tmp_path)[-1] == "compiled"
    assert load(tmp_path, processor=here._replace(features="+sse2"))[-1] == "compiled"
    assert load(tmp_path) == []


@pytest.mark.parametrize(
    ("kernel", "triple", "features", "instructions"),
    [
        ("vnni512", "x86_64-unknown-linux-gnu", "+avx512f,+avx512vl,+avx512vnni", {"vpdpbusd", "vfmadd"}),
        ("vnni256", "x86_64-unknown-linux-gnu", "+avx2,+fma,+avxvnni", {"vpdpbusd", "vfmadd"}),
        ("arm", "aarch64-unknown-linux-gnu", "+dotprod", {"sdot", "fmla"}),
        ("avx2", "x86_64-unknown-linux-gnu", "+avx2,+fma", {"vpmaddwd", "vfmadd"}),
        ("plain", "x86_64-unknown-linux-gnu", "", {"pmaddwd"}),
        ("plain", "aarch64-unknown-linux-gnu", "", {"smull", "fmla"}),
    ],
)
def test_code_becomes_the_instructions_that_the_kernel_is_named_for(kernel, triple, features, instructions):
    """Compiled for, not run: on any processor. Nothing is called that other libraries would have to hold."""
    machine, module = optimized(kernel, Processor(triple, "", features))
    assembly = machine.emit_assembly(module)
    assert {instruction for instruction in instructions if instruction not in assembly} == set()
    own = {function.name for function in module.functions}
    assert set(re.findall(r"\t(?:callq?|bl)\t(\S+)", assembly)) <= own
    assert not [
        function.name for function in module.functions if function.is_declaration and "llvm." not in function.name
    ]
