"""Our own kernels: each against the arithmetic in NumPy, on encoders of several shapes; broken models; compiled code on the disk."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir
from safetensors.numpy import load_file, save_file
from scipy.stats import spearmanr
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

import hartonomous_core
from hartonomous_core.embedders import text_native
from hartonomous_core.embedders.native import compiling
from hartonomous_core.embedders.native.bert_files import MINILM, BertConfig, UnsupportedEncoder
from hartonomous_core.embedders.native.compiling import compiled_folder
from hartonomous_core.embedders.native.processor import KERNELS, supported_kernels
from hartonomous_core.embedders.native.tiles import product_tile
from hartonomous_core.embedders.protocol import EmbeddingError
from hartonomous_core.embedders.text_native import NativeTextEmbedder
from hartonomous_core.embedders.unit_vectors import unit_rows
from tests.unit.int8_reference import Int8Bert

pytestmark = pytest.mark.slow

TEXTS = [
    "Hello",
    "President Bush on Tuesday nominated two individuals to replace retiring jurists.",
    "SELECT AtomId FROM dbo.Atom WHERE TenantId = 0 AND Modality = 'text';",
    "東京は日本の首都です。 Überraschung: naïve café 🙂",
    "\x00\x01",  # nothing is left of it
    *("word " * (tokens - 2) for tokens in (16, 17, 33, 48)),  # full vectors, and one more
    "every word of this sentence " * 50 + "is one token long",
]
"""Of 2 to 256 tokens, special ones included."""
SMALL = BertConfig(layers=2, width=128, heads=2, inner=192, epsilon=1e-6, pooling="cls", window_tokens=64)


@pytest.fixture(scope="module", params=KERNELS)
def kernel(request):
    if request.param not in supported_kernels():
        pytest.skip(f"NOT TESTED: kernel {request.param}; this processor runs {', '.join(supported_kernels())}")
    return request.param


@pytest.fixture(scope="module")
def of_kernel(kernel, text_model):
    """MiniLM, computed by one kernel."""
    compiled = [text_model.model_path.parent / "compiled"]
    return NativeTextEmbedder(
        text_model.model_path, text_model.tokenizer_path, MINILM, kernel=kernel, compiled=compiled
    )


@pytest.fixture(scope="module")
def ids_of(text_model):
    tokenizer = Tokenizer.from_file(str(text_model.tokenizer_path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return lambda text: tokenizer.encode(text).ids


@pytest.fixture(scope="module")
def reference(text_model):
    return Int8Bert(load_file(text_model.model_path), MINILM)


@pytest.fixture(scope="module")
def expected(reference, ids_of):
    """States of the tokens of TEXTS."""
    return [reference.token_states(ids_of(text)) for text in TEXTS]


@cache
def small_tensors():
    """Random weights of an encoder whose sizes are none of MiniLM's."""
    random = np.random.default_rng(11)
    shapes = {
        "embeddings.word_embeddings.weight": (30522, 128),
        "embeddings.position_embeddings.weight": (64, 128),
        "embeddings.token_type_embeddings.weight": (2, 128),
    }
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        for part in ("query", "key", "value"):
            shapes[f"{layer}.attention.self.{part}.weight"] = (128, 128)
        shapes[f"{layer}.attention.output.dense.weight"] = (128, 128)
        shapes[f"{layer}.intermediate.dense.weight"] = (192, 128)
        shapes[f"{layer}.output.dense.weight"] = (128, 192)
    tensors = {name: random.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    for name, shape in shapes.items():
        if "embeddings" not in name:
            tensors[name.replace("weight", "bias")] = random.normal(0, 0.1, shape[0]).astype(np.float32)
    for norm in (
        "embeddings",
        *(f"{n}.{o}output" for n in ("encoder.layer.0", "encoder.layer.1") for o in ("attention.", "")),
    ):
        tensors[f"{norm}.LayerNorm.weight"] = random.normal(1, 0.1, 128).astype(np.float32)
        tensors[f"{norm}.LayerNorm.bias"] = random.normal(0, 0.1, 128).astype(np.float32)
    return tensors


@pytest.fixture
def make_small(tmp_path, text_model):
    """Write an encoder of the user's own, after `change` to its tensors, and load it."""

    def make(change=None, config=SMALL, **options):
        tensors = {name: tensor.copy() for name, tensor in small_tensors().items()}
        if change:
            change(tensors)
        save_file(tensors, tmp_path / "model.safetensors")
        return NativeTextEmbedder(tmp_path / "model.safetensors", text_model.tokenizer_path, config, **options)

    return make


def test_every_kernel_computes_the_arithmetic_of_the_model_bit_for_bit(of_kernel, expected):
    assert {2, 3, 16, 17, 33, 48, 256} <= {len(states) for states in expected}
    found = of_kernel.embed_tokens(TEXTS)
    sentences = unit_rows(np.stack([states.mean(axis=0) for states in expected]))
    assert (of_kernel.embed(TEXTS).vectors * sentences).sum(axis=1).min() > 0.9999
    for text, of_text, states in zip(TEXTS, found, expected, strict=True):
        np.testing.assert_array_equal(of_text.tokens, unit_rows(states[1:-1]), err_msg=text)


def test_every_kernel_computes_encoders_of_other_sizes(kernel, make_small, ids_of):
    embedder = make_small(kernel=kernel)
    reference = Int8Bert(small_tensors(), SMALL)
    texts = [text for text in TEXTS if len(ids_of(text)) <= SMALL.window_tokens]
    states = [reference.token_states(ids_of(text)) for text in texts]
    assert embedder.dimension == 128
    vectors = unit_rows(np.stack([each[0] for each in states]).astype(np.float64))
    np.testing.assert_array_equal(embedder.embed(texts).vectors, vectors.astype(np.float32))
    for of_text, each in zip(embedder.embed_tokens(texts), states, strict=True):
        np.testing.assert_array_equal(of_text.tokens, unit_rows(each[1:-1]))


def test_a_vector_is_the_same_alone_and_in_any_company(of_kernel, sts_pairs):
    texts = [first for first, _, _ in sts_pairs[:60]] + TEXTS
    together = of_kernel.embed(texts).vectors
    order = np.random.default_rng(3).permutation(len(texts))
    np.testing.assert_array_equal(of_kernel.embed([texts[at] for at in order]).vectors, together[order])
    np.testing.assert_array_equal([of_kernel.embed([text]).vectors[0] for text in texts], together)


def test_the_sum_of_windows_does_not_depend_on_where_a_batch_ends(make_small, monkeypatch):
    """Large numbers that cancel each other out: a sum in another order is another one."""
    embedder = make_small()
    texts = ["word " * words for words in (1, 700, 3, 2000)]
    windows = list(embedder._windows.of(texts))
    number_of = {id(window): at for at, window in enumerate(windows)}
    assert len(number_of) > 40
    random = np.random.default_rng(7)
    vectors = random.normal(0, 1, (len(windows), 128)) + 1e15 * random.integers(-1, 2, (len(windows), 128))
    monkeypatch.setattr(embedder._windows, "of", lambda some: (w for w in windows if texts[w.text] in some))

    def of_windows(batch, tokens=None):
        if tokens is not None:
            tokens += [np.ones((len(window.tokens), 128), np.float32) for window in batch]
        return vectors[[number_of[id(window)] for window in batch]]

    monkeypatch.setattr(embedder, "_window_vectors", of_windows)
    found = embedder.embed(texts)
    for tokens in (1, 150, 777):
        monkeypatch.setattr(text_native, "_BATCH_TOKENS", tokens)
        again = embedder.embed(texts)
        np.testing.assert_array_equal(again.vectors, found.vectors)
        np.testing.assert_array_equal(again.window_counts, found.window_counts)
        np.testing.assert_array_equal([each.vector for each in embedder.embed_tokens(texts)], found.vectors)


def test_the_arithmetic_is_near_that_of_float32(reference, ids_of, embedder_fp32, sts_pairs):
    texts = [first for first, _, _ in sts_pairs[::60]]
    vectors = [reference.sentence_vector(ids_of(text)) for text in texts]
    cosines = (embedder_fp32.embed(texts).vectors * vectors).sum(axis=1)
    assert cosines.mean() > 0.996
    assert cosines.min() > 0.985


def test_sentence_pairs_rank_as_in_fp32(embedder, embedder_fp32, sts_pairs):
    first, second, scores = zip(*sts_pairs[::3], strict=True)

    def rank_correlation(of):
        return spearmanr((of.embed(first).vectors * of.embed(second).vectors).sum(axis=1), scores).statistic

    assert rank_correlation(embedder) == pytest.approx(rank_correlation(embedder_fp32), abs=0.002)


def test_a_kernel_that_the_processor_lacks_is_refused_before_anything_is_compiled(make_small, monkeypatch):
    monkeypatch.setattr("hartonomous_core.embedders.native.processor._features", set)
    assert supported_kernels() == ["plain"]
    with pytest.raises(ValueError, match="cannot run kernel 'avx2': it has plain"):
        make_small(kernel="avx2")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(make_small, value):
    def spoil(tensors):
        tensors["encoder.layer.1.output.dense.weight"][3, 4] = value

    with pytest.raises(UnsupportedEncoder, match=r"output\.dense\.weight .* not finite"):
        make_small(spoil)


@pytest.mark.parametrize("name", ["attention.self.query", "attention.self.value", "output.dense"])
def test_numbers_that_overflow_are_an_error(make_small, kernel, name):
    def spoil(tensors):
        tensors[f"encoder.layer.0.{name}.weight"] *= 1e38
        tensors["encoder.layer.0.attention.output.LayerNorm.weight"] *= 100

    with pytest.raises(EmbeddingError, match="not finite"):
        make_small(spoil, kernel=kernel).embed(["a text"])


@pytest.mark.parametrize("name", ["attention.self.key", "intermediate.dense"])
def test_an_infinite_number_is_an_error_where_the_result_does_not_show_it(make_small, kernel, name, ids_of):
    """A key of minus infinity has a weight of 0, and so has the GELU of it."""

    def spoil(tensors):
        tensors[f"encoder.layer.0.{name}.weight"][0] *= 1e38
        tensors[f"encoder.layer.0.{name}.bias"][0] = -3e38
        tensors["encoder.layer.0.attention.self.query.weight"][0] = 0
        tensors["encoder.layer.0.attention.self.query.bias"][0] = 1e-36

    tensors = {name: tensor.copy() for name, tensor in small_tensors().items()}
    spoil(tensors)
    with np.errstate(over="ignore"):
        assert np.isfinite(Int8Bert(tensors, SMALL).token_states(ids_of(TEXTS[1]))).all()
    with pytest.raises(EmbeddingError, match="not finite"):
        make_small(spoil, kernel=kernel).embed([TEXTS[1]])


def test_tensors_may_be_named_as_those_of_a_larger_model_and_be_float16(make_small):
    def rename(tensors):
        for name in list(tensors):
            tensors[f"bert.{name}"] = tensors.pop(name).astype(np.float16)

    def halve(tensors):
        for name in tensors:
            tensors[name] = tensors[name].astype(np.float16).astype(np.float32)

    renamed, plain = make_small(rename).embed(TEXTS), make_small(halve).embed(TEXTS)
    np.testing.assert_array_equal(renamed.vectors, plain.vectors)
    assert renamed.window_counts.tolist() == [1] * (len(TEXTS) - 1) + [5]  # 254 tokens, 62 in a window of 64


def test_a_vector_of_zeros_is_an_error(make_small):
    def spoil(tensors):
        tensors["encoder.layer.1.output.LayerNorm.weight"][:] = 0
        tensors["encoder.layer.1.output.LayerNorm.bias"][:] = 0

    with pytest.raises(EmbeddingError, match="vector of length 0"):
        make_small(spoil).embed(["a text"])


def test_a_tokenizer_of_another_model_is_refused_before_a_text_comes(make_small):
    def shrink(tensors):
        tensors["embeddings.word_embeddings.weight"] = tensors["embeddings.word_embeddings.weight"][:1000].copy()

    with pytest.raises(EmbeddingError, match="gives token 30521, and the model has 1000: they do not belong together"):
        make_small(shrink)


def test_a_special_token_that_no_vocabulary_has_reads_nothing_beyond_the_table(text_model, tmp_path):
    tokenizer = Tokenizer.from_file(str(text_model.tokenizer_path))
    tokenizer.post_processor = TemplateProcessing(single="[X] $A", special_tokens=[("[X]", 99_999)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    save_file(small_tensors(), tmp_path / "model.safetensors")
    embedder = NativeTextEmbedder(tmp_path / "model.safetensors", tmp_path / "tokenizer.json", SMALL)
    with pytest.raises(EmbeddingError, match="gives token 99999, and the model has 30522"):
        embedder.embed(["something"])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("encoder.layer.0.intermediate.dense.bias", None, "has no tensor"),
        ("encoder.layer.0.intermediate.dense.bias", np.zeros(7, np.float32), "has shape"),
        ("embeddings.position_embeddings.weight", np.zeros((8, 128), np.float32), "8 positions: too few"),
        ("embeddings.word_embeddings.weight", np.zeros((30522, 128), np.int32), "is of type I32"),
    ],
)
def test_weights_of_another_shape_are_named(make_small, name, value, message):
    def spoil(tensors):
        tensors.pop(name)
        if value is not None:
            tensors[name] = value

    with pytest.raises(UnsupportedEncoder, match=message):
        make_small(spoil)


def test_layers_that_the_configuration_leaves_out_are_not_left_out_silently(make_small):
    with pytest.raises(UnsupportedEncoder, match=r"has more layers than the 1 of its config\.json"):
        make_small(config=replace(SMALL, layers=1))


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


COMPILING = "compiling the text encoder for this processor, once: some seconds"


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
    return folder, [output_of(process) for process in [start(text_model, folder) for _ in range(2)]]


def test_processes_that_start_together_are_all_right(compiled):
    _, outputs = compiled
    assert outputs[0][-1] == outputs[1][-1]
    assert COMPILING in outputs[0] + outputs[1]


def test_a_process_that_finds_the_code_does_not_compile(text_model, compiled):
    folder, outputs = compiled
    assert output_of(start(text_model, folder)) == outputs[0][-1:]


def test_a_process_whose_sources_lie_elsewhere_says_that_it_compiles(text_model, compiled, tmp_path):
    """numba keeps code by where the sources lie, be they the same or not."""
    folder, outputs = compiled
    shutil.copytree(folder, tmp_path / "compiled")
    shutil.copytree(Path(hartonomous_core.__file__).parent, tmp_path / "hartonomous_core")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROGRAM}"
    assert output_of(start(text_model, tmp_path / "compiled", program=program)) == [COMPILING, outputs[0][-1]]


def test_damaged_code_is_compiled_again(text_model, tmp_path, compiled):
    shutil.copytree(compiled[0], tmp_path, dirs_exist_ok=True)
    for file in tmp_path.rglob("*.nbc"):
        file.write_bytes(file.read_bytes()[:1000])
    why, vector = output_of(start(text_model, tmp_path))
    assert why.startswith(f"compiling the text encoder anew: the code in {tmp_path}") and "does not load (" in why
    assert vector == compiled[1][0][-1]
    assert all(file.stat().st_size > 1000 for file in tmp_path.rglob("*.nbc"))


def test_a_folder_that_we_make_is_ours_whatever_the_umask(tmp_path):
    before = os.umask(0o002)
    try:
        assert compiled_folder([tmp_path / "compiled"]).parent == tmp_path / "compiled"
    finally:
        os.umask(before)


def test_a_folder_that_cannot_be_used_leaves_the_next_one(tmp_path):
    (tmp_path / "file").write_text("no folder")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)  # whoever writes there would have us run what they wrote
    own = tmp_path / "own"
    assert compiled_folder([tmp_path / "file" / "x", shared, own]).parent == own
    assert compiled_folder([shared]) is None
    assert list(shared.iterdir()) == []


def test_beside_a_model_that_is_only_read_nothing_is_written(tmp_path, compiled, monkeypatch):
    """Also where it holds code: numba reads none where it cannot write."""
    installed = tmp_path / "installed"
    shutil.copytree(compiled[0], installed)
    make_file = compiling.tempfile.TemporaryFile

    def read_only(dir):  # file modes do not stop root
        if dir == installed:
            raise OSError(30, "Read-only file system")
        return make_file(dir=dir)

    monkeypatch.setattr(compiling.tempfile, "TemporaryFile", read_only)
    assert compiled_folder([installed, tmp_path / "home"]).parent == tmp_path / "home"


def test_code_of_another_numba_or_of_other_sources_lies_elsewhere(tmp_path, monkeypatch):
    here = compiled_folder([tmp_path])
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "version", lambda name: "0.99.9" if name == "numba" else "0.50.0")
        assert compiled_folder([tmp_path]) != here
    shutil.copytree(Path(compiling.__file__).parent, tmp_path, dirs_exist_ok=True)
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "__file__", str(tmp_path / "compiling.py"))
        assert compiled_folder([tmp_path]) == here
        (tmp_path / "vectors.py").write_text("changed")
        assert compiled_folder([tmp_path]) != here


def test_code_for_another_processor_lies_elsewhere(tmp_path):
    here = compiled_folder([tmp_path])
    program = "import sys; from pathlib import Path; from hartonomous_core.embedders.native.compiling import compiled_folder; "
    environment = os.environ | {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma"}
    command = [sys.executable, "-c", program + "print(compiled_folder([Path(sys.argv[1])]))", str(tmp_path)]
    there = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(there).parent == here.parent and Path(there) != here


@pytest.mark.skipif(
    KERNELS[supported_kernels()[0]].machine != "x86", reason="NOT TESTED: an old x86, on this processor"
)
def test_an_old_processor_and_no_folder_for_code_give_almost_the_same(text_model, embedder):
    """It has no fused multiplication and addition: some roundings turn the other way. Where there is no folder, each process compiles."""
    program = PROGRAM.replace("vectors[0, :4]", "vectors[0]") + "print(embedder.kernel)"
    first, vector, kernel = output_of(
        start(text_model, program=program, NUMBA_CPU_NAME="x86-64-v2", NUMBA_CPU_FEATURES="+sse4.2,+popcnt")
    )
    assert "as will every process: there is no folder" in first
    assert kernel == "plain"
    assert embedder.embed(["a text"]).vectors[0] @ json.loads(vector) > 0.99


@pytest.mark.parametrize(
    ("kernel", "machine", "features", "instructions"),
    [
        ("vnni512", "x86_64", "+avx512f,+avx512vl,+avx512vnni", {"vpdpbusd", "vfmadd"}),
        ("vnni256", "x86_64", "+avx2,+fma,+avxvnni", {"vpdpbusd", "vfmadd"}),
        ("arm", "aarch64", "+dotprod", {"sdot", "fmla"}),
        ("avx2", "x86_64", "+avx2,+fma", {"vpmaddwd", "vfmadd"}),
        ("plain", "x86_64", "", {"pmaddwd"}),
        ("plain", "aarch64", "", {"smull", "fmla"}),
    ],
)
def test_products_become_the_instructions_that_the_kernel_is_named_for(kernel, machine, features, instructions):
    """Compiled for, not run: on any processor."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    signature, generate = product_tile(KERNELS[kernel].shape)._defn(None, *[None] * 10)
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * 10), "tile")
    builder = ir.IRBuilder(function.append_basic_block())
    generate(SimpleNamespace(get_dummy_value=lambda: None), builder, signature, function.args)
    builder.ret_void()
    target = llvm.Target.from_triple(machine).create_target_machine(features=features)
    assembly = target.emit_assembly(llvm.parse_assembly(str(module)))
    assert {instruction for instruction in instructions if instruction not in assembly} == set()
    assert "call" not in assembly and "\tbl\t" not in assembly
