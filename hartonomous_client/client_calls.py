"""The calls, as data: what each sends, and whether it may be sent twice. Both clients send these."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from hartonomous_client.answers import Direction, DocumentFormat, JobStatus, Mode, SourceStatus

Content = bytes | Iterable[bytes] | AsyncIterable[bytes]
"""Bytes, or blocks of them as they come; an open binary file is such. AsyncClient takes asynchronous blocks, too."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request; `params` that are None are left out. `repeatable`: sent twice, it does what it does once."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: Content | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    accepted: tuple[int, ...] = ()
    """Statuses of errors whose answer is a result all the same."""

    def sent_params(self) -> dict[str, Any]:
        return {name: value for name, value in self.params.items() if value is not None}

    def build(
        self, http: httpx.Client | httpx.AsyncClient, content: bytes | Iterable[bytes] | AsyncIterable[bytes] | None
    ) -> httpx.Request:
        """Return the request that this client sends, with this content."""
        return http.build_request(
            self.method,
            self.path,
            params=self.sent_params(),
            json=self.json,
            content=content,
            headers=dict(self.headers),
        )

    def after(self, cursor: str) -> Call:
        """Return the call for the page after one whose `next` is this."""
        return Call(self.method, self.path, {**self.params, "cursor": cursor})


def create_source(
    content: Content,
    source_uri: str | None,
    source_id: str | None,
    content_type: str | None,
    metadata: Mapping[str, Any] | None,
    idempotency_key: str | None,
) -> Call:
    headers = {"Content-Type": content_type or "application/octet-stream"}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    named = {"sourceUri": source_uri, "sourceId": source_id, "metadata": metadata and json.dumps(metadata)}
    again = idempotency_key is not None and isinstance(content, bytes)  # blocks are gone once they are sent
    return Call("POST", "/sources", named, content=content, headers=headers, repeatable=again)


def find_upload(sha256: str) -> Call:
    return Call("HEAD", f"/uploads/{sha256}", accepted=(404,))


def continue_upload(sha256: str, first: int, stop: int, size: int, blocks: Iterable[bytes]) -> Call:
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(stop - first),
        "Upload-Offset": str(first),
        "Upload-Complete": f"?{int(stop == size)}",
    }
    return Call(
        "PATCH", f"/uploads/{sha256}", content=blocks, headers=headers, repeatable=False, accepted=(409, 429, 503)
    )


def create_uploaded_source(
    sha256: str,
    file_name: str,
    source_uri: str | None,
    source_id: str | None,
    content_type: str | None,
    metadata: Mapping[str, Any] | None,
) -> Call:
    source_uri = source_uri or (None if source_id else file_name)
    named = {"sourceUri": source_uri, "sourceId": source_id, "metadata": metadata and json.dumps(metadata)}
    headers = {} if content_type is None else {"Content-Type": content_type}
    return Call("POST", "/sources", {"contentHash": sha256, **named}, headers=headers)


def list_sources(status: SourceStatus | None, page_size: int) -> Call:
    return Call("GET", "/sources", {"status": status, "limit": page_size})


def get_source(source_id: int) -> Call:
    return Call("GET", f"/sources/{source_id}")


def withdraw_source(source_id: int) -> Call:
    return Call("POST", f"/sources/{source_id}/withdraw", repeatable=False)


def get_content(source_id: int, first: int, stop: int | None) -> Call:
    if first < 0 or (stop is not None and stop <= first):  # the server takes what is no range for a wish for all
        raise ValueError(f"from {first} to {stop} is no byte: give 0 or more, and a greater stop")
    wanted = f"bytes={first}-{'' if stop is None else stop - 1}"
    headers = {} if first == 0 and stop is None else {"Range": wanted}
    return Call("GET", f"/sources/{source_id}/content", headers=headers)


def get_thumbnail(source_id: int) -> Call:
    return Call("GET", f"/sources/{source_id}/thumbnail")


def list_source_atoms(source_id: int, page_size: int) -> Call:
    return Call("GET", f"/sources/{source_id}/atoms", {"limit": page_size})


def get_atom(atom_hash: str) -> Call:
    return Call("GET", f"/atoms/{_part(atom_hash)}")


def list_places(atom_hash: str, page_size: int) -> Call:
    return Call("GET", f"/atoms/{_part(atom_hash)}/places", {"limit": page_size})


def search(
    question: str | None,
    k: int,
    mode: Mode,
    modality: str | None,
    source_id: int | None,
    uri: str | None,
    content_type: str | None,
    since: str | None,
    until: str | None,
    metadata: Mapping[str, str] | None,
    at: Sequence[float] | None,
    box: Sequence[float] | None,
    radius: float | None,
    context: int,
    group: str | None,
    highlight: bool,
) -> Call:
    narrowed = {"modality": modality, **_of_sources(source_id, uri, content_type, since, until, metadata, group)}
    narrowed |= {"at": _numbers(at), "box": _numbers(box), "radius": radius}
    asked = {"q": question, "k": k, "mode": mode, "context": context, "highlight": highlight}
    return Call("GET", "/search", {**asked, **narrowed})


def search_like(
    picture: bytes,
    k: int,
    source_id: int | None,
    uri: str | None,
    content_type: str | None,
    since: str | None,
    until: str | None,
    metadata: Mapping[str, str] | None,
    group: str | None,
) -> Call:
    asked = {"k": k, **_of_sources(source_id, uri, content_type, since, until, metadata, group)}
    headers = {"Content-Type": "application/octet-stream"}
    return Call("POST", "/search/like", asked, content=picture, headers=headers)


def _of_sources(
    source_id: int | None,
    uri: str | None,
    content_type: str | None,
    since: str | None,
    until: str | None,
    metadata: Mapping[str, str] | None,
    group: str | None,
) -> dict[str, Any]:
    pairs = [f"{key}={value}" for key, value in (metadata or {}).items()] or None
    narrowed: dict[str, Any] = {"sourceId": source_id, "uri": uri, "contentType": content_type}
    return narrowed | {"since": since, "until": until, "metadata": pairs, "group": group}


def _numbers(values: Sequence[float] | None) -> str | None:
    return None if values is None else ",".join(map(repr, map(float, values)))


def lineage(
    name: str,
    how: DocumentFormat,
    direction: Direction,
    depth: int,
    limit: int | None,
    as_of: str | None,
    after: str | None,
) -> Call:
    asked = {"name": name, "format": how, "direction": direction, "depth": depth}
    return Call("GET", "/lineage", {**asked, "limit": limit, "asOf": as_of, "after": after})


def impact(name: str, limit: int) -> Call:
    return Call("GET", "/impact", {"name": name, "limit": limit})


def record_inference(record: Mapping[str, Any]) -> Call:
    return Call("POST", "/inferences", json=dict(record), repeatable="inferenceId" in record)


def record_inferences(records: Sequence[Mapping[str, Any]]) -> Call:
    again = all("inferenceId" in record for record in records)
    return Call("POST", "/inferences", json=[dict(record) for record in records], repeatable=again)


def list_inferences(model: str | None, page_size: int) -> Call:
    return Call("GET", "/inferences", {"model": model, "limit": page_size})


def get_inference(inference_id: str) -> Call:
    return Call("GET", f"/inferences/{_part(inference_id)}")


def list_jobs(status: JobStatus | None, page_size: int) -> Call:
    return Call("GET", "/jobs", {"status": status, "limit": page_size})


def get_job(job_id: str) -> Call:
    return Call("GET", f"/jobs/{_part(job_id)}")


def create_job(job_type: str, parameters: Mapping[str, Any] | None) -> Call:
    return Call("POST", "/jobs", json={"jobType": job_type, "parameters": dict(parameters or {})}, repeatable=False)


def retry_job(job_id: str) -> Call:
    return Call("POST", f"/jobs/{_part(job_id)}/retry", repeatable=False)


def list_dead_letters(page_size: int) -> Call:
    return Call("GET", "/dead-letters", {"limit": page_size})


def get_dead_letter(dead_letter_id: int) -> Call:
    return Call("GET", f"/dead-letters/{dead_letter_id}")


def replay_dead_letter(dead_letter_id: int) -> Call:
    return Call("POST", f"/dead-letters/{dead_letter_id}/replay", repeatable=False)


def discard_dead_letter(dead_letter_id: int) -> Call:
    return Call("DELETE", f"/dead-letters/{dead_letter_id}", repeatable=False)


def stats(all_tenants: bool) -> Call:
    return Call("GET", "/stats", {"allTenants": all_tenants or None})


def models() -> Call:
    return Call("GET", "/models")


def health() -> Call:
    return Call("GET", "/health", accepted=(503,))


def _part(text: str) -> str:
    return quote(text, safe="")
