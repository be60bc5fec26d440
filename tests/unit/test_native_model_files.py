"""Which folders our own kernels take, and what is said of the others."""

import hashlib
import json
import shutil

import onnx
import pytest

from hartonomous_core.embedders.native.bert_files import MINILM, UnsupportedEncoder, read_config
from hartonomous_resources.compute import text_model_download
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.compute.spaces import spaces_of
from hartonomous_resources.compute.text_model import TextModelError, ensure_text_model, text_model_is_ready
from hartonomous_resources.settings import Settings
from tests.unit.test_text_model import length_encoder

CONFIG = {
    "model_type": "bert",
    "num_hidden_layers": 12,
    "hidden_size": 384,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
}


@pytest.fixture
def folder(tmp_path):
    """An encoder's folder; only its weights are never read here."""
    own = tmp_path / "my-bert"
    own.mkdir()
    (own / "model.safetensors").write_bytes(b"weights")
    (own / "tokenizer.json").write_text("{}")
    (own / "config.json").write_text(json.dumps(CONFIG))
    return own


def settings_for(folder):
    return Settings(home=folder.parent / "home", model_dir=folder.parent / "models", text_model=str(folder))


def change(folder, **values):
    (folder / "config.json").write_text(json.dumps(CONFIG | values))


def test_a_folder_without_a_tokenizer_says_so(folder, tmp_path):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(TextModelError, match=r"has no tokenizer\.json: put that of the model there"):
        ensure_text_model(tmp_path / "models", model=str(folder))


@pytest.mark.parametrize("damaged", ["tokenizer.json", "model.safetensors"])
def test_work_waits_for_a_model_that_does_not_load_whatever_the_libraries_raise(folder, model_dir, damaged):
    """tokenizers raises bare Exception, safetensors an error of its own."""
    published = model_dir / "all-MiniLM-L6-v2"
    change(folder, num_hidden_layers=6)
    if damaged != "tokenizer.json":
        shutil.copy(published / "tokenizer.json", folder)
    (space,) = spaces_of(settings_for(folder)).values()
    with pytest.raises(ComputeUnavailable, match="my-bert does not load: "):
        space.load()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", CONFIG | {"num_hidden_layers": 6}),
        ("config.json", CONFIG | {"num_attention_heads": 6}),
        ("config.json", CONFIG | {"layer_norm_eps": 1e-5}),
        ("sentence_bert_config.json", {"max_seq_length": 64}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
        ("tokenizer.json", {"model": None}),
    ],
)
def test_whatever_changes_vectors_makes_another_model(folder, file, content):
    (before,) = spaces_of(settings_for(folder))
    (folder / "1_Pooling").mkdir()
    (folder / file).write_text(json.dumps(content))
    (after,) = spaces_of(settings_for(folder))
    assert after.artifact_hash == before.artifact_hash and after.settings != before.settings
    for settings in (before.settings, after.settings):
        assert json.dumps(json.loads(settings), sort_keys=True) == settings and len(settings) < 400


def test_the_published_model_is_taken_as_it_is(model_dir, text_model):
    weights = model_dir / "all-MiniLM-L6-v2" / "model.safetensors"
    assert (text_model.name, text_model.precision, text_model.bert) == ("all-MiniLM-L6-v2", "int8", MINILM)
    assert (text_model.dimension, text_model.window_tokens, text_model.model_path) == (384, 256, weights)
    assert text_model.artifact_hash == text_model_download.PINNED["model.safetensors"].sha256
    assert text_model_is_ready(model_dir) == (True, f"all-MiniLM-L6-v2: {weights}")


def test_a_folder_as_sentence_transformers_writes_it_is_computed(folder, tmp_path):
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 128}))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    )
    (folder / "modules.json").write_text(
        json.dumps(
            [{"type": f"sentence_transformers.models.{name}"} for name in ("Transformer", "Pooling", "Normalize")]
        )
    )
    files = ensure_text_model(tmp_path / "models", model=str(folder))
    assert (files.name, files.precision, files.dimension, files.window_tokens) == ("my-bert", "int8", 384, 128)
    assert files.artifact_hash == hashlib.sha256(b"weights").hexdigest()
    assert files.bert is not None and (files.bert.layers, files.bert.pooling) == (12, "cls")
    assert text_model_is_ready(tmp_path / "models", model=str(folder))[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model_type", "roberta"),
        ("hidden_act", "relu"),
        ("position_embedding_type", "relative_key"),
        ("num_hidden_layers", 0),
        ("num_hidden_layers", 10**9),
        ("num_hidden_layers", True),
        ("layer_norm_eps", "1e-12"),
        ("layer_norm_eps", float("nan")),
        ("layer_norm_eps", -1),
        ("max_position_embeddings", None),
        ("hidden_size", "384"),
        ("hidden_size", 312),
        ("num_attention_heads", 24),
        ("intermediate_size", None),
    ],
)
def test_an_encoder_of_another_kind_is_refused_and_what_to_do_is_said(folder, tmp_path, name, value):
    change(folder, **{name: value})
    with pytest.raises(TextModelError, match=r"cannot be computed: its .*; name an \.onnx file of it instead"):
        ensure_text_model(tmp_path / "models", model=str(folder))


@pytest.mark.parametrize("config", ['{"model_type": "mpnet"}', "{"])
def test_an_encoder_of_another_kind_is_computed_from_its_model_onnx(folder, tmp_path, model_dir, config):
    shutil.copy(model_dir / "all-MiniLM-L6-v2" / "tokenizer.json", folder)
    (folder / "config.json").write_text(config)
    onnx.save(length_encoder(), folder / "model.onnx")
    files = ensure_text_model(tmp_path / "models", model=str(folder))
    assert (files.precision, files.dimension, files.model_path, files.bert) == ("own", 2, folder / "model.onnx", None)
    assert text_model_is_ready(tmp_path / "models", model=str(folder)) == (True, f"{folder}: {folder / 'model.onnx'}")


def test_the_name_of_the_published_model_means_its_files_whatever_else_lies_there(tmp_path):
    """Ready means that nothing is fetched or built: a model.onnx beside them is none of them."""
    own = tmp_path / "all-MiniLM-L6-v2"
    own.mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (own / name).write_bytes(b"")
    assert not text_model_is_ready(tmp_path, engine="onnxruntime")[0]


def test_what_cannot_be_computed_is_not_ready(folder, tmp_path):
    change(folder, model_type="mpnet")
    ready, detail = text_model_is_ready(tmp_path / "models", model=str(folder))
    assert not ready and "cannot be computed: its model_type is 'mpnet'" in detail


def test_a_layer_behind_the_pooling_is_not_left_out_silently(folder):
    (folder / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
    with pytest.raises(UnsupportedEncoder, match="module Dense"):
        read_config(folder)


def test_another_pooling_is_refused(folder):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(UnsupportedEncoder, match="pooling_mode_max_tokens"):
        read_config(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "{"),
        ("config.json", "[]"),
        ("config.json", "[" * 100_000),
        ("modules.json", "3"),
        ("modules.json", "[3]"),
        ("modules.json", "[{}]"),
        ("sentence_bert_config.json", '{"max_seq_length": [1]}'),
        ("sentence_bert_config.json", '{"max_seq_length": 1e999}'),
        ("sentence_bert_config.json", '{"max_seq_length": -1}'),
    ],
)
def test_a_configuration_that_says_nothing_of_use_is_refused(folder, tmp_path, name, content):
    (folder / name).write_text(content)
    with pytest.raises(TextModelError, match="cannot be computed"):
        ensure_text_model(tmp_path / "models", model=str(folder))


@pytest.mark.parametrize("options", [{"engine": "onnxruntime"}, {"precision": "fp32"}])
def test_what_the_kernels_do_not_compute_needs_an_onnx_file(folder, tmp_path, options):
    with pytest.raises(TextModelError, match=r"has no model\.onnx: put one there"):
        ensure_text_model(tmp_path / "models", model=str(folder), **options)
