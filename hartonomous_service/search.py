"""Searches atoms by meaning (exact), by words (full text) or by both."""

import json
import re
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from hartonomous_core.vocabulary import Modality
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import ATOM_BY_HASH
from hartonomous_resources.database.rows.search_rows import (
    ATOMS_BY_ID,
    LEXICAL_MATCHES,
    OCCURRENCE_COUNTS,
    OCCURRENCES,
    AtomToShow,
)
from hartonomous_resources.database.searchable_atoms import AtomFilter, best_searchable
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_service.arguments import Name, PageLength, Skip, Tenant, Text, TypedText, checked
from hartonomous_service.errors import Conflict, Invalid, NotFound, Unavailable
from hartonomous_service.inferences import InferenceRecord, record_inference

Mode = Literal["hybrid", "semantic", "lexical"]

RRF_K = 60
"""Constant of reciprocal rank fusion: Cormack, Clarke, Büttcher, SIGIR 2009."""

_PLACES_SHOWN = 20
MAX_RESULTS = 1000


@checked
def search(
    resources: Resources,
    text: TypedText,
    *,
    tenant: Tenant = 0,
    k: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 10,
    mode: Mode = "hybrid",
    modality: Modality | None = None,
    record_for: Name | None = None,
    task: Text | None = None,
) -> dict[str, Any]:
    """Find the k best atoms for a text, each with the places where it occurs: the first 20 are in `sources`.

    `placeCount` and `sourceCount` count them all; `list_places` pages through them.

    `score` is the cosine (semantic), the reciprocal rank by BM25 (lexical) or the fused reciprocal ranks (hybrid).

    With `record_for`, the name of a model, the search records an inference that was given these atoms; `record_inference` adds the answer
    under its `inferenceId`, which is returned.

    Raises Invalid for an empty text or a k out of range, Unavailable when the text model cannot be loaded, Conflict when the
    embeddings are by another model.
    """
    text = text.replace("\0", " ")
    if not text.strip():
        raise Invalid("the search text is empty; give some words")
    atom_filter = AtomFilter(modality=modality)
    question = None if mode == "lexical" else _embed_question(resources, text)

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        def by_words(limit: int, *, any_word: bool = False) -> Sequence[tuple[int, float]]:
            rank = partial(_rank_by_words, unit_of_work, text, tenant, any_word)
            return best_searchable(unit_of_work, rank, limit, tenant, atom_filter)

        def by_meaning(limit: int) -> Sequence[tuple[int, float]]:
            if question is None:
                return []
            return resources.vectors.nearest(unit_of_work, tenant, *question, limit, atom_filter=atom_filter)

        if mode == "semantic":
            hits = by_meaning(k)
        elif mode == "lexical":
            hits = by_words(k) or by_words(k, any_word=True)
        else:
            depth = max(4 * k, 50)
            # Only atoms with every word: a rank for sharing one word with the question would push better answers down.
            hits = _fuse(by_meaning(depth), by_words(depth))[:k]
        return {"results": _describe(unit_of_work, hits, tenant)}

    found = ask(resources.database, read)
    if record_for is None:
        return found
    given = [hit["atomHash"] for hit in found["results"]]
    record = InferenceRecord(model=record_for, task=task, input_atoms=given, tenant_id=tenant)
    recorded = record_inference(resources, record)
    return {**found, "inferenceId": recorded["inferenceId"]}


def _embed_question(resources: Resources, text: str) -> tuple[int, NDArray[np.float32]] | None:
    """Embed a text by the first text model that the settings name and that is active; returns its ModelId and the vector.

    None before anything was embedded. Loading a model takes seconds: no transaction is open meanwhile.
    """
    rows = ask(resources.database, active_embedding_models)
    active = {row["artifactHash"]: row for row in rows if row["modality"] == "text"}
    if not active:
        return None
    try:
        models = [each for each in resources.compute.models() if each.modality == "text"]
        loaded = next((each for each in models if each.artifact_hash in active), None)
        if loaded is None:
            other = next(iter(active.values()))
            raise Conflict(
                f"the settings name the text model {models[0].name} ({models[0].precision}), the embeddings here are by {other['name']} "
                f"({other['precision']}): set HARTONOMOUS_TEXT_MODEL and HARTONOMOUS_TEXT_PRECISION, or ingest a new file to embed all anew"
            )
        return active[loaded.artifact_hash]["modelId"], resources.compute.embed(loaded, [text]).vectors[0]
    except ComputeUnavailable as error:
        raise Unavailable(f"semantic search needs the text model: {error}", remedy="search_by_words") from error


def _rank_by_words(
    unit_of_work: UnitOfWork, text: str, tenant: int, any_word: bool, limit: int
) -> list[tuple[int, float]]:
    """Find the `limit` best atoms that hold every word, or any word; the backend ranks them (by BM25 where it has it)."""
    words = [word for word in text.split() if re.search(r"\w", word)]
    if not words:
        return []
    rows = unit_of_work.query(LEXICAL_MATCHES, words=json.dumps(words), any_word=any_word, tenant_id=tenant, n=limit)
    # Not BM25 itself: its word statistics are those of all tenants, and a score would tell of their texts.
    return [(row["atomId"], 1 / (RRF_K + rank)) for rank, row in enumerate(rows, start=1)]


def _fuse(*rankings: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    fused: dict[int, float] = {}
    for ranking in rankings:
        for rank, (atom_id, _) in enumerate(ranking, start=1):
            fused[atom_id] = fused.get(atom_id, 0.0) + 1 / (RRF_K + rank)
    return sorted(fused.items(), key=lambda item: (-item[1], item[0]))


def _describe(unit_of_work: UnitOfWork, hits: Sequence[tuple[int, float]], tenant: int) -> list[dict[str, Any]]:
    atom_ids = [atom_id for atom_id, _ in hits]
    atoms = {row["atomId"]: row for row in unit_of_work.query(ATOMS_BY_ID, atom_ids=json.dumps(atom_ids))}
    counts = _count_places(unit_of_work, atom_ids, tenant)
    shown = _read_places(unit_of_work, atom_ids, tenant, _PLACES_SHOWN, 0)
    return [
        {
            "rank": rank,
            "score": round(score, 6),
            **_show_atom(atoms[atom_id]),
            "sources": shown[atom_id],
            **counts[atom_id],
        }
        for rank, (atom_id, score) in enumerate(hits, start=1)
    ]


def _show_atom(atom: AtomToShow) -> dict[str, Any]:
    return {
        "atomHash": atom["atomHash"],
        "modality": atom["modality"],
        "subtype": atom["subtype"],
        "text": atom["text"],
    }


@checked
def list_places(
    resources: Resources, atom_hash: Text, *, tenant: Tenant = 0, limit: PageLength = 100, skip: Skip = 0
) -> dict[str, Any]:
    """Return a page of the places where an atom occurs in current sources, and how many there are.

    Raises Invalid for a hash that is not 64 hex digits, in either case, NotFound when the tenant has no such atom.
    """
    if not re.fullmatch("[0-9a-fA-F]{64}", atom_hash):
        raise Invalid(f"{atom_hash!r} is not a SHA-256 of 64 hex digits", argument="atom_hash", remedy="find_atoms")
    digest = bytes.fromhex(atom_hash)

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        atoms = unit_of_work.query(ATOM_BY_HASH, tenant_id=tenant, content_hash=digest)
        if not atoms:
            raise NotFound(f"atom {atom_hash} is not found", remedy="find_atoms")
        atom_id = atoms[0]["atomId"]
        counts = _count_places(unit_of_work, [atom_id], tenant)[atom_id]
        page = _read_places(unit_of_work, [atom_id], tenant, limit, skip)[atom_id]
        total = counts["placeCount"]
        return {
            "atomHash": digest.hex(),
            "places": page,
            "sourceCount": counts["sourceCount"],
            "total": total,
            "truncated": skip + len(page) < total,
        }

    return ask(resources.database, read)


def _count_places(unit_of_work: UnitOfWork, atom_ids: Sequence[int], tenant: int) -> dict[int, dict[str, int]]:
    # An atom inserted by hand occurs in no source.
    counts = {atom_id: {"placeCount": 0, "sourceCount": 0} for atom_id in atom_ids}
    for row in unit_of_work.query(OCCURRENCE_COUNTS, atom_ids=json.dumps(atom_ids), tenant_id=tenant):
        counts[row["atomId"]] = {"placeCount": row["placeCount"], "sourceCount": row["sourceCount"]}
    return counts


def _read_places(
    unit_of_work: UnitOfWork, atom_ids: Sequence[int], tenant: int, limit: int, skip: int
) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {atom_id: [] for atom_id in atom_ids}
    for row in unit_of_work.query(OCCURRENCES, atom_ids=json.dumps(atom_ids), tenant_id=tenant, skip=skip, n=limit):
        found[row["atomId"]].append(
            {
                "sourceId": row["sourceId"],
                "sourceUri": row["sourceUri"],
                "byteOffset": row["byteOffset"],
                "byteLength": row["byteLength"],
                "locator": json.loads(row["locator"]) if row["locator"] else None,
            }
        )
    return found
