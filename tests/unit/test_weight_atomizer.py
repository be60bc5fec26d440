"""Weights: the atoms are the bytes, tensors and blocks of their rows; what is equal in two models is the same atoms."""

import io
import json
import tracemalloc
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import Atom, Partial, atomizer_for
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.tensors.tensor_layout import BLOCK_BYTES
from hartonomous_core.atomizers.tensors.tensor_statistics import TensorStatistics
from hartonomous_core.atomizers.tensors.tensor_words import MOST_KINDS
from hartonomous_resources.compute.text_model import TextModelFiles
from tests.unit.weight_files import BROKEN_SAFETENSORS, Weights, a_safetensors, drawn, entry, layers, with_header

SAFETENSORS = "application/vnd.safetensors"
modest = settings(derandomize=True, deadline=None, max_examples=150)


def atoms_of(data: bytes, content_type: str = SAFETENSORS) -> tuple[list[Atom], str | None]:
    """Return the atoms and why there are not more; they must be the bytes."""
    atoms: list[Atom] = []
    note = None
    try:
        for atom in atomizer_for(content_type).atomize(io.BytesIO(data), content_type):
            atoms.append(atom)
    except Partial as problem:
        note = str(problem)
    assert b"".join(atom.content + atom.suffix for atom in atoms if atom.role == "content") == data
    assert all(atom.content for atom in atoms)
    return atoms, note


def weights_in(atoms: list[Atom]) -> list[Atom]:
    return [atom for atom in atoms if atom.subtype == "weights"]


def test_header_and_tensors_are_atoms_and_what_they_are_is_derived() -> None:
    tensors = layers(2)
    data = a_safetensors(tensors, {"format": "pt", "title": "a small model"})
    atoms, note = atoms_of(data)

    assert note is None
    assert atoms[0].subtype == "header"
    assert [atom.content for atom in weights_in(atoms)] == [each.data for each in tensors.values()]
    assert weights_in(atoms)[1].locator == {
        "tensor": "model.layers.0.attn.q_proj.weight",
        "dtype": "bf16",
        "shape": (64, 64),
    }
    assert {(atom.modality, atom.content_type) for atom in weights_in(atoms)} == {("tensor", "tensor/bf16")}
    texts = {atom.text: atom.locator for atom in atoms if atom.text is not None}
    assert texts == {
        "format: pt\ntitle: a small model": {"part": "metadata"},
        "tensor embed.weight, bf16, 100 x 64": {"tensors": "embed.weight", "count": 1},
        **{
            f"tensor model.layers.0.{part}.weight, bf16, 64 x 64\ntensor model.layers.1.{part}.weight, bf16, 64 x 64": {
                "tensors": f"model.layers.*.{part}.weight",
                "count": 2,
            }
            for part in ("attn.q_proj", "attn.k_proj", "mlp.up_proj")
        },
    }
    said = [(atom.locator, json.loads(atom.content)) for atom in atoms if atom.subtype == "statistics"]
    assert [locator for locator, _ in said] == [{"tensor": name} for name in tensors]
    assert 0.039 < said[0][1]["deviation"] < 0.041


def test_what_a_tensor_changes_changes_one_atom_and_an_added_layer_adds_its_own() -> None:
    before = layers(3)
    changed = {**before, "model.layers.1.mlp.up_proj.weight": drawn(99, 64, 64, dtype="BF16")}
    contents = {atom.content for atom in weights_in(atoms_of(a_safetensors(before))[0])}

    after = {atom.content for atom in weights_in(atoms_of(a_safetensors(changed))[0])}
    assert after - contents == {changed["model.layers.1.mlp.up_proj.weight"].data}
    longer = layers(4)
    added = {atom.content for atom in weights_in(atoms_of(a_safetensors(longer))[0])} - contents
    assert added == {each.data for name, each in longer.items() if name.startswith("model.layers.3.")}


@pytest.mark.parametrize(("rows", "width"), [(1000, 1024), (3, 400_000), (2_000_000, 1)])
def test_a_large_tensor_is_blocks_of_whole_rows_that_longer_ones_share(rows: int, width: int) -> None:
    tensor = drawn(5, rows, width)
    row = 4 * width
    blocks = weights_in(atoms_of(a_safetensors({"w": tensor}))[0])

    assert len(blocks) > 1 and all(len(block.content) <= BLOCK_BYTES for block in blocks)
    for block in blocks:
        first, behind = block.locator["slice"]  # type: ignore[index, misc]
        if row <= BLOCK_BYTES:
            assert block.content == tensor.data[first * row : behind * row]
        assert block.content in tensor.data[first * row : behind * row]
    longer = Weights("F32", (rows + 1, width), tensor.data + bytes(row))
    again = [block.content for block in weights_in(atoms_of(a_safetensors({"w": longer}))[0])]
    assert again[: len(blocks) - 1] == [block.content for block in blocks[:-1]]


def test_what_pads_tensors_follows_them_and_what_is_longer_is_an_atom() -> None:
    header = {"a": entry(0, 16), "b": entry(20, 36), "c": entry(136, 152), "empty": entry(160, 160, (0, 7))}
    data = bytes(range(1, 17)) + b"pad!" + bytes(range(20, 36)) + b"p" * 100 + bytes(range(40, 56)) + b"12345678"
    atoms, note = atoms_of(with_header(header, data))

    assert note is None
    content = [(atom.subtype, atom.suffix) for atom in atoms if atom.role == "content"]
    assert content == [
        ("header", b""),
        ("weights", b"pad!"),
        ("weights", b""),
        ("chunk", b""),
        ("weights", b"12345678"),
    ]


def test_packed_numbers_of_a_dtype_that_nobody_knows_are_kept_with_their_place() -> None:
    atoms, note = atoms_of(with_header({"a": entry(0, 10, (20,), "F4")}, bytes(10)))
    assert note is None
    assert [json.loads(atom.content) for atom in atoms if atom.subtype == "statistics"] == [
        {"dtype": "f4", "shape": [20]}
    ]


@pytest.mark.parametrize("name", BROKEN_SAFETENSORS)
def test_what_breaks_a_rule_is_chunks_and_says_which(name: str) -> None:
    data, expected = BROKEN_SAFETENSORS[name]
    atoms, note = atoms_of(data)
    assert note is not None and expected in note
    assert {atom.subtype for atom in atoms} == {"chunk"}


def test_every_file_that_is_cut_off_is_its_bytes() -> None:
    whole = a_safetensors({"a": drawn(1, 4), "b": drawn(2, 3, 3)}, {"format": "pt"})
    for length in range(1, len(whole)):
        assert atoms_of(whole[:length])[1] is not None


@modest
@given(st.data())
def test_a_file_that_is_changed_anywhere_is_its_bytes(data: st.DataObject) -> None:
    whole = bytearray(a_safetensors({"a": drawn(1, 4), "b": drawn(2, 3, 3, dtype="F16")}, {"format": "pt"}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    atoms_of(bytes(whole))


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        ("f32", np.array([0.5, -1.5, 0, np.nan, np.inf, 3], "<f4")),
        ("f64", np.array([1e300, -1e300, 0], "<f8")),
        ("f16", np.array([65504, -65504, 1], "<f2")),
        ("f32", np.array([3e38, -3e38], "<f4")),
        ("i64", np.array([-5, 0, 7], "<i8")),
        ("bool", np.array([1, 0, 1], "u1")),
        ("f32", np.random.default_rng(3).normal(1, 0.1, 200_000).astype("<f4")),
        ("f32", np.random.default_rng(3).normal(1, 2e-4, 200_000).astype("<f4")),
        ("f32", np.random.default_rng(3).normal(-100, 0.01, 200_000).astype("<f4")),
        ("f32", np.array([np.inf, 1e9, *np.random.default_rng(3).normal(1, 0.1, 100_000)], "<f4")),
        ("i64", np.arange(10**9, 10**9 + 100_000, dtype="<i8")),
        ("f32", np.array([np.nan], "<f4")),
    ],
)
def test_statistics_are_those_of_numpy(dtype: str, values: np.ndarray) -> None:
    statistics = TensorStatistics(dtype)
    data = values.tobytes()
    half = len(values) // 2 * values.itemsize
    statistics.add(data[:half])
    statistics.add(data[half:])
    finite = values[np.isfinite(values)].astype(np.longdouble)
    said = statistics.numbers()
    assert said["notFinite"] == len(values) - len(finite)
    if len(finite):
        assert said["zeros"] == np.count_nonzero(finite == 0)
        assert (said["least"], said["most"]) == pytest.approx((float(finite.min()), float(finite.max())), rel=1e-5)
    if "mean" in said:
        scale = float(np.abs(finite).max())
        assert said["mean"] == pytest.approx(float(finite.mean()), abs=1e-5 * scale)
        assert said["deviation"] == pytest.approx(float(finite.std()), rel=1e-3)


def test_bfloat16_is_widened() -> None:
    statistics = TensorStatistics("bf16")
    statistics.add(drawn(3, 1000, dtype="BF16").data)
    assert 0.035 < statistics.numbers()["deviation"] < 0.045


def test_thousands_of_names_make_some_hundreds_of_texts() -> None:
    names = [f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}" for n in range(3000)]
    header = {name: entry(4 * n, 4 * n + 4, (1,)) for n, name in enumerate(names)}
    atoms, _ = atoms_of(with_header(header, bytes(12_000)))
    texts = [atom.text for atom in atoms if atom.text is not None]
    assert len(texts) == MOST_KINDS + 1
    assert texts[-1] == "2,500 further kinds of tensors"


def test_of_a_kind_of_which_there_are_thousands_some_are_named() -> None:
    header = {f"experts.{n}.up": entry(4 * n, 4 * n + 4, (1,)) for n in range(3000)}
    texts = [atom.text for atom in atoms_of(with_header(header, bytes(12_000)))[0] if atom.text is not None]
    assert 5 < len(texts) < 20
    assert "tensor experts.255.up, f32, 1\nand 2,744 more, to experts.2999.up, f32, 1" in texts[-1]


class Endless(io.RawIOBase):
    """A safetensors of one tensor, whose bytes are made as they are read."""

    def __init__(self, rows: int) -> None:
        self._head = with_header({"w": entry(0, rows * 4096, (rows, 1024))})
        self._size = len(self._head) + rows * 4096
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = {0: 0, 1: self._at, 2: self._size}[whence] + offset
        return self._at

    def readinto(self, target: object) -> int:
        view = memoryview(cast(bytearray, target))
        count = min(len(view), self._size - self._at)
        head = self._head[self._at : self._at + count]
        view[:count] = head + bytes(count - len(head))
        self._at += count
        return count


def test_a_large_file_needs_little_memory() -> None:
    stream = cast(BinaryIO, io.BufferedReader(Endless(100_000)))
    tracemalloc.start()
    try:
        length = sum(len(atom.content) for atom in atomizer_for(SAFETENSORS).atomize(stream, SAFETENSORS))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length > 409_600_000
    assert peak < 8_000_000


def test_the_library_s_own_file_is_read_as_it_reads_it(model_dir: Path, text_model: TextModelFiles) -> None:
    from safetensors import safe_open

    path = model_dir / "all-MiniLM-L6-v2" / "model.safetensors"
    assert sniff(path.read_bytes()[:8192], path.name) == SAFETENSORS
    found: dict[str, bytes] = {}
    with path.open("rb") as stream:
        for atom in atomizer_for(SAFETENSORS).atomize(stream, SAFETENSORS):
            if atom.subtype == "weights" and atom.locator is not None:
                name = str(atom.locator["tensor"])
                found[name] = found.get(name, b"") + atom.content
    with safe_open(path, "numpy") as file:
        assert set(found) == set(file.keys())
        for name, data in found.items():
            assert file.get_tensor(name).tobytes() == data


def test_a_name_says_what_a_broken_file_should_be() -> None:
    assert sniff(BROKEN_SAFETENSORS["absurd header"][0], "a.safetensors") == SAFETENSORS
    assert sniff(b"notes\n", "a.safetensors") == "text/plain"
