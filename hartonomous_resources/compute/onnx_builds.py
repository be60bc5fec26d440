"""Builds all-MiniLM-L6-v2 as an ONNX file from its weights, once per model folder.

The file lies beside a small JSON file with its own digest, so that a damaged file is found when it is loaded, not in the vectors.
"""

from __future__ import annotations

import json
from pathlib import Path

from hartonomous_core.embedders import Precision
from hartonomous_resources.compute.text_model_download import (
    PINNED,
    WEIGHTS,
    Progress,
    TextModelError,
    sha256,
    verify_pinned,
    workspace,
)


def build(weights_path: Path, onnx_path: Path, precision: Precision, progress: Progress) -> str:
    """Write the file and its record; returns its SHA-256. For the holder of the folder's lock. Raises TextModelError for other weights."""
    from hartonomous_core.embedders.minilm_graph import build_fp16, build_fp32, build_int8

    verify_pinned(weights_path)
    label, total = f"build {onnx_path.name}", PINNED[WEIGHTS].byte_length
    progress(label, 0, total)
    record_path = record_path_of(onnx_path)
    record_path.unlink(missing_ok=True)  # so that nobody holds the new file against the old record
    with workspace(onnx_path.parent) as work:
        built = work / "built.onnx"
        (build_fp16 if precision == "fp16" else build_fp32)(weights_path, built)
        if precision == "int8":
            build_int8(built, work / "int8.onnx")
            built = work / "int8.onnx"
        digest = sha256(built)
        record = {"sha256": digest, "byteLength": built.stat().st_size}
        (work / "record.json").write_text(json.dumps(record) + "\n", "utf-8")
        built.replace(onnx_path)
        (work / "record.json").replace(record_path)
    progress(label, total, total)
    return digest


def built_hash(onnx_path: Path) -> str | None:
    """Return the digest of a built file that is intact; None where it is still to be built. Raises TextModelError for a damaged one."""
    record_path = record_path_of(onnx_path)
    if not onnx_path.is_file():
        return None
    try:
        record = json.loads(record_path.read_text("utf-8"))
        length, expected = record["byteLength"], record["sha256"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise TextModelError(f"{record_path} is damaged ({error!r}); delete it, it is built anew") from error
    if (size := onnx_path.stat().st_size) != length:
        raise TextModelError(f"{onnx_path} is damaged: {size} bytes instead of {length}; delete it, it is built anew")
    if (found := sha256(onnx_path)) != expected:
        raise TextModelError(
            f"{onnx_path} is damaged: SHA-256 {found} instead of {expected}; delete it, it is built anew"
        )
    return found


def built_path(folder: Path, precision: Precision) -> Path:
    """The version is part of the name: releases that share a folder do not undo each other's builds."""
    from hartonomous_core.embedders.minilm_graph import GRAPH_VERSION

    return folder / f"{precision}-v{GRAPH_VERSION}.onnx"


def record_path_of(onnx_path: Path) -> Path:
    """Where the digest of a built file lies."""
    return onnx_path.with_name(onnx_path.name + ".json")
