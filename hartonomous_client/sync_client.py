"""The client that waits for each answer. `async_client.py` has the same calls."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, Self, cast

import httpx

from hartonomous_client import answers
from hartonomous_client import client_calls as calls
from hartonomous_client.client_calls import Call
from hartonomous_client.failures import ConnectionFailed, error_of, naming_the_server, wait_before_retry
from hartonomous_client.resumed_uploads import PIECE_BYTES, FileToUpload, Progress, untold, upload_steps


class Client:
    """Calls a server at `base_url`, with a key unless the server has none; to be closed, or used as a context.

    `timeout` are the seconds that connecting, or a pause of the server, may take. A call that may be repeated is, up to `retries` times,
    when the server does not answer, or says 429, 503 or, of a call that it still works on, 409 (after what Retry-After says, at most 60 s).
    Any other error is HartonomousError, of which ConnectionFailed says that no answer came.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8350",
        key: str | None = None,
        *,
        timeout: float = 60.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout, transport=transport)
        self._retries = retries

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- sources

    def create_source(
        self,
        content: bytes | Iterable[bytes],
        *,
        source_uri: str | None = None,
        source_id: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> answers.Source:
        """Make a source of bytes, or of blocks of them, such as an open binary file, which are sent as they come.

        With an `idempotency_key` the same call sent twice makes one source; bytes are then sent again after a failure.
        """
        call = calls.create_source(content, source_uri, source_id, content_type, metadata, idempotency_key)
        return cast(answers.Source, self._ask(call))

    def upload_file(
        self,
        path: str | PathLike[str],
        *,
        source_uri: str | None = None,
        source_id: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        piece_bytes: int = PIECE_BYTES,
        progress: Progress = untold,
    ) -> answers.Source:
        """Make a source of a file, sent in pieces: it goes on where a connection broke off, also when it is called again later.

        `progress` is told the bytes that the server has, and the file's size. Bytes that one of the tenant's sources has are not sent.
        """
        file = FileToUpload.read(Path(path))
        steps = upload_steps(file, piece_bytes, self._retries, progress)
        with suppress(StopIteration):
            wait, call = next(steps)
            while True:
                time.sleep(wait)
                wait, call = steps.send(self._answer(call))
        named = (file.path.name, source_uri, source_id, content_type, metadata)
        return cast(answers.Source, self._ask(calls.create_uploaded_source(file.sha256, *named)))

    def list_sources(
        self, *, status: answers.SourceStatus | None = None, page_size: int = 100
    ) -> Iterator[answers.Source]:
        """Yield the sources, the latest first."""
        return self._pages(calls.list_sources(status, page_size), "sources")

    def get_source(self, source_id: int) -> answers.Source:
        """Return one source with its counts."""
        return cast(answers.Source, self._ask(calls.get_source(source_id)))

    def withdraw_source(self, source_id: int) -> answers.Source:
        """Withdraw a source that is not atomized yet: it becomes a dead letter."""
        return cast(answers.Source, self._ask(calls.withdraw_source(source_id)))

    @contextmanager
    def stream_content(self, source_id: int, first: int = 0, stop: int | None = None) -> Iterator[Iterator[bytes]]:
        """Open the bytes of a source from an offset up to another, exclusive: `with client.stream_content(5) as blocks: …`.

        Raises ValueError for a range without a byte.
        """
        with self._send(calls.get_content(source_id, first, stop)) as response:
            yield response.iter_bytes()

    def get_thumbnail(self, source_id: int) -> bytes:
        """Return what is seen of a picture, small, as a JPEG."""
        with self._send(calls.get_thumbnail(source_id)) as response:
            return response.read()

    def list_source_atoms(self, source_id: int, *, page_size: int = 100) -> Iterator[answers.AtomOfSource]:
        """Yield the atoms of a source in order."""
        return self._pages(calls.list_source_atoms(source_id, page_size), "atoms")

    # ---- atoms and search

    def get_atom(self, atom_hash: str) -> answers.Atom:
        """Return one atom by its SHA-256 in hex."""
        return cast(answers.Atom, self._ask(calls.get_atom(atom_hash)))

    def list_places(self, atom_hash: str, *, page_size: int = 100) -> Iterator[answers.Place]:
        """Yield where an atom stands in current sources."""
        return self._pages(calls.list_places(atom_hash, page_size), "places")

    def search(
        self,
        question: str | None = None,
        *,
        k: int = 10,
        mode: answers.Mode = "hybrid",
        modality: answers.Modality | None = None,
        source_id: int | None = None,
        uri: str | None = None,
        content_type: str | None = None,
        since: str | None = None,
        until: str | None = None,
        metadata: Mapping[str, str] | None = None,
        at: Sequence[float] | None = None,
        box: Sequence[float] | None = None,
        radius: float | None = None,
        context: int = 0,
        group: str | None = None,
        highlight: bool = False,
    ) -> answers.Found:
        """Find atoms, and the sources and byte offsets where each occurs; `uri` is what the uris of sources begin with.

        In spatial mode, what is nearest in 3-D to the question, a point `at` or the middle of a `box`, in that box and within `radius`.
        """
        narrowed = (modality, source_id, uri, content_type, since, until, metadata, at, box, radius)
        return cast(answers.Found, self._ask(calls.search(question, k, mode, *narrowed, context, group, highlight)))

    def search_like(
        self,
        picture: bytes,
        *,
        k: int = 10,
        source_id: int | None = None,
        uri: str | None = None,
        content_type: str | None = None,
        since: str | None = None,
        until: str | None = None,
        metadata: Mapping[str, str] | None = None,
        group: str | None = None,
    ) -> answers.Found:
        """Find the pictures that look most like one, given by the bytes of its file."""
        call = calls.search_like(picture, k, source_id, uri, content_type, since, until, metadata, group)
        return cast(answers.Found, self._ask(call))

    # ---- lineage

    def get_lineage(
        self,
        name: str,
        *,
        direction: answers.Direction = "both",
        depth: int = 4,
        limit: int | None = None,
        as_of: str | None = None,
        after: str | None = None,
    ) -> answers.Lineage:
        """Return where a node came from and what was made from it, the nearest first; `after` is the `next` of the page before.

        `name` is the SHA-256 of an atom, a source id, or any node, as in Run:KEY.
        """
        call = calls.lineage(name, "json", direction, depth, limit, as_of, after)
        return cast(answers.Lineage, self._ask(call))

    def render_lineage(
        self,
        name: str,
        how: answers.DocumentFormat,
        *,
        direction: answers.Direction = "both",
        depth: int = 4,
        limit: int | None = None,
        as_of: str | None = None,
    ) -> str:
        """Return a lineage as Mermaid, DOT, PROV-JSON or SVG."""
        with self._send(calls.lineage(name, how, direction, depth, limit, as_of, None)) as response:
            return response.read().decode()

    def get_impact(self, name: str, *, limit: int = 1000) -> answers.Impact:
        """Return what depends on a node: all of it counted, the nearest nodes listed."""
        return cast(answers.Impact, self._ask(calls.impact(name, limit)))

    # ---- inferences

    def record_inference(self, record: Mapping[str, Any]) -> answers.Recorded:
        """Record what a model was given and answered: model, inputAtoms, outputTexts, …; one with an inferenceId may be repeated."""
        return cast(answers.Recorded, self._ask(calls.record_inference(record)))

    def record_inferences(self, records: Sequence[Mapping[str, Any]]) -> answers.RecordedList:
        """Record up to 1,000 in one transaction; one that is refused does not stop the others."""
        return cast(answers.RecordedList, self._ask(calls.record_inferences(records)))

    def list_inferences(self, *, model: str | None = None, page_size: int = 100) -> Iterator[answers.ListedInference]:
        """Yield the inferences, the latest first."""
        return self._pages(calls.list_inferences(model, page_size), "inferences")

    def get_inference(self, inference_id: str) -> answers.Inference:
        """Return one inference with its atoms."""
        return cast(answers.Inference, self._ask(calls.get_inference(inference_id)))

    # ---- jobs and dead letters

    def list_jobs(self, *, status: answers.JobStatus | None = None, page_size: int = 100) -> Iterator[answers.Job]:
        """Yield the jobs, the latest first."""
        return self._pages(calls.list_jobs(status, page_size), "jobs")

    def get_job(self, job_id: str) -> answers.Job:
        """Return one job."""
        return cast(answers.Job, self._ask(calls.get_job(job_id)))

    def create_job(self, job_type: str, parameters: Mapping[str, Any] | None = None) -> answers.JobState:
        """Create a job, which the next run executes."""
        return cast(answers.JobState, self._ask(calls.create_job(job_type, parameters)))

    def retry_job(self, job_id: str) -> answers.JobState:
        """Set a job that failed or was dead-lettered to Pending again."""
        return cast(answers.JobState, self._ask(calls.retry_job(job_id)))

    def list_dead_letters(self, *, page_size: int = 100) -> Iterator[answers.DeadLetter]:
        """Yield the dead letters, the latest first."""
        return self._pages(calls.list_dead_letters(page_size), "deadLetters")

    def get_dead_letter(self, dead_letter_id: int) -> answers.DeadLetter:
        """Return one dead letter."""
        return cast(answers.DeadLetter, self._ask(calls.get_dead_letter(dead_letter_id)))

    def replay_dead_letter(self, dead_letter_id: int) -> answers.Replayed:
        """Try a dead letter again."""
        return cast(answers.Replayed, self._ask(calls.replay_dead_letter(dead_letter_id)))

    def discard_dead_letter(self, dead_letter_id: int) -> answers.Discarded:
        """Delete a dead letter for good."""
        return cast(answers.Discarded, self._ask(calls.discard_dead_letter(dead_letter_id)))

    # ---- the server

    def get_stats(self, *, all_tenants: bool = False) -> answers.Stats:
        """Count what the tenant has, or with a key that has `admin` what all have."""
        return cast(answers.Stats, self._ask(calls.stats(all_tenants)))

    def list_models(self) -> answers.EmbeddingModels:
        """List the embedding models; what is counted of all tenants is None for a key without `admin`."""
        return cast(answers.EmbeddingModels, self._ask(calls.models()))

    def get_health(self) -> answers.Health:
        """Run every check of the server; one that is unhealthy is an answer, too."""
        return cast(answers.Health, self._ask(calls.health()))

    def _answer(self, call: Call) -> httpx.Response | ConnectionFailed:
        try:
            with self._send(call) as response:
                response.read()
                return response
        except ConnectionFailed as error:
            return error

    def _ask(self, call: Call) -> Any:
        with self._send(call) as response:
            response.read()
            return response.json()

    def _pages(self, call: Call, key: str) -> Iterator[Any]:
        cursor: str | None = ""
        while cursor is not None:
            page = self._ask(call.after(cursor) if cursor else call)
            yield from page[key]
            cursor = page["next"]

    @contextmanager
    def _send(self, call: Call) -> Iterator[httpx.Response]:
        with naming_the_server(self._http):
            response = self._try(call)
            try:
                if response.is_error and response.status_code not in call.accepted:
                    response.read()
                    raise error_of(response)
                yield response
            finally:
                response.close()

    def _try(self, call: Call) -> httpx.Response:
        for attempt in range(self._retries + 1):
            may_repeat = call.repeatable and attempt < self._retries
            try:
                response = self._http.send(call.build(self._http, call.content), stream=True)
            except httpx.TransportError as error:
                if not may_repeat or (wait := wait_before_retry(error, attempt)) is None:
                    raise
            else:
                wait = None if response.status_code in call.accepted else wait_before_retry(response, attempt)
                if not may_repeat or wait is None:
                    return response
                response.close()
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")
