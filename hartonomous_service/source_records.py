"""Lists, shows, verifies and rebuilds sources."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hartonomous_core.atomizers import atomizer_for
from hartonomous_core.vocabulary import NOT_SEARCHABLE, SourceStatus
from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.rows.provenance_rows import SOURCE_RUNS
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.resources import Resources
from hartonomous_resources.source_uris import SHARE, is_member_uri
from hartonomous_resources.work.agreement import REPAIR, disagreements, hours_of, tenants_of
from hartonomous_resources.work.contents import ordinal_at, source_contents
from hartonomous_resources.work.invariants import INVARIANTS, MOST_ROWS
from hartonomous_service.arguments import Id, Name, Offset, PageLength, PathArgument, Skip, Tenant, checked
from hartonomous_service.errors import Conflict, Invalid, NotFound, Unavailable
from hartonomous_service.output_files import resolve_output_file
from hartonomous_service.wrong_bytes import find_wrong_bytes

_BLOCK_BYTES = 64 * 1024
_ROWS_PER_READ = 128
"""Atoms that are read at once while somebody waits for bytes: some may have 64 KiB each."""


@checked
def list_sources(
    resources: Resources,
    *,
    tenant: Tenant | None = 0,
    status: SourceStatus | None = None,
    uri_prefix: Name | None = None,
    limit: PageLength = 100,
    skip: Skip = 0,
    count: bool = False,
) -> dict[str, Any]:
    """Return a page of the sources, the latest first; `tenant=None` lists those of all tenants. `total` is None unless they are to be counted.

    With `uri_prefix` only those whose uri begins so, and what was found in them, such as the files of an archive.
    """

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        chosen = {"tenant_id": tenant, "status": status}
        up_to = skip + limit + 1
        if uri_prefix is None:
            rows = unit_of_work.query("sources", **chosen, source_id=None, source_uri=None, n=up_to)
            total = unit_of_work.query("source_count", **chosen)[0]["n"] if count else None
        else:
            rows = unit_of_work.query("sources_of_uri", **chosen, uri_prefix=uri_prefix, n=up_to)
            total = (
                unit_of_work.query("source_count_of_uri", **chosen, uri_prefix=uri_prefix)[0]["n"] if count else None
            )
        described = [describe_source(unit_of_work, row) for row in rows[skip : skip + limit]]
        return {"sources": described, "total": total, "truncated": len(rows) > skip + limit}

    return ask(resources.database, read)


@checked
def show_source(resources: Resources, source_id: Id, *, tenant: Tenant | None = 0) -> dict[str, Any]:
    """Return one source with its counts. Raises NotFound when the tenant has none of that id."""

    def read(unit_of_work: UnitOfWork) -> dict[str, Any]:
        return describe_source(unit_of_work, find_source(unit_of_work, source_id, tenant))

    return ask(resources.database, read)


def find_source(unit_of_work: UnitOfWork, source_id: int, tenant: int | None) -> Row:
    """Return the row of a source. Raises NotFound when the tenant has none of that id."""
    rows = unit_of_work.query("sources", tenant_id=tenant, source_id=source_id, source_uri=None, status=None, n=1)
    if not rows:
        raise NotFound(f"source {source_id} is not found", remedy="list_sources")
    return rows[0]


def describe_source(unit_of_work: UnitOfWork, row: Row) -> dict[str, Any]:
    """Return a source as `show_source` does, given its row."""
    metadata = json.loads(row["metadata"])
    if is_member_uri(row["sourceUri"]):
        metadata.pop(SHARE, None)
    return {
        **row,
        "metadata": metadata,
        "searchable": is_searchable(row["status"], row["contentType"], row["errorMessage"])
        and row["byteLength"] != 0
        and row["supersededBy"] is None,
        "runIds": [each["runId"] for each in unit_of_work.query(SOURCE_RUNS, source_ids=json.dumps([row["sourceId"]]))],
        **count_atoms(unit_of_work, [row["sourceId"]])[row["sourceId"]],
    }


def is_searchable(status: str, content_type: str | None, note: str | None = None) -> bool:
    """Tell whether a search can find the text of a source; sources without text are kept as bytes, and so is what could not be read."""
    if status != "Atomized" or content_type is None or (note or "").startswith(NOT_SEARCHABLE):
        return False
    return atomizer_for(content_type).gives_text


def count_not_searchable(content_types: Mapping[str, int]) -> dict[str, Any]:
    """Count the sources that are kept as bytes, given the number of sources by content type: {"sources": n, "contentTypes": {type: n}}."""
    kept = {name: n for name, n in sorted(content_types.items()) if not is_searchable("Atomized", name)}
    return {"sources": sum(kept.values()), "contentTypes": kept}


def count_atoms(unit_of_work: UnitOfWork, source_ids: list[int]) -> dict[int, dict[str, int]]:
    """Return atomCount, newAtomCount and newBytes of each source; new are atoms that no earlier source holds."""
    ids = json.dumps(source_ids)
    counts = {source_id: {"atomCount": 0, "newAtomCount": 0, "newBytes": 0} for source_id in source_ids}
    for row in unit_of_work.query("source_atom_totals", source_ids=ids):
        counts[row["sourceId"]]["atomCount"] = row["atomCount"]
    for row in unit_of_work.query("source_new_atoms", source_ids=ids):
        counts[row["sourceId"]].update(newAtomCount=row["newAtomCount"], newBytes=row["newBytes"])
    return counts


def find_atomized(unit_of_work: UnitOfWork, source_id: int, tenant: int | None) -> Row:
    """Return the row of a source that is Atomized. Raises NotFound when the tenant has none of that id, Conflict for another status."""
    source = find_source(unit_of_work, source_id, tenant)
    if source["status"] != "Atomized":
        reason = f": {source['errorMessage']}" if source["errorMessage"] else ""
        raise Conflict(f"source {source_id} is {source['status']}{reason}; only an Atomized one can be rebuilt")
    return source


@checked
def show_atomized(resources: Resources, source_id: Id, *, tenant: Tenant | None = 0) -> Row:
    """Return the row of a source whose bytes can be rebuilt. Raises NotFound or Conflict."""
    return ask(resources.database, lambda unit_of_work: find_atomized(unit_of_work, source_id, tenant))


@checked
def reconstruct(
    resources: Resources,
    source_id: Id,
    first: Offset = 0,
    stop: Offset | None = None,
    *,
    tenant: Tenant | None = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[bytes]:
    """Yield the bytes of a source from offset `first` up to `stop`, exclusive, in blocks of some 64 KiB.

    Every atom is checked by its hash before its bytes are given, and the whole, where all is asked for, before its last block is: who has
    all bytes has the right ones. `progress` is called after each block with the bytes so far and all that are asked for.

    Raises NotFound, Conflict, Invalid for a range that the source does not have, and Unavailable for bytes that are not those that came in.
    """
    source = ask(resources.database, lambda unit_of_work: find_atomized(unit_of_work, source_id, tenant))
    length = source["byteLength"]
    stop = length if stop is None else stop
    if not first <= stop <= length:
        raise Invalid(f"it has {length:,} bytes", argument="stop")
    digest, position, block = hashlib.sha256(), first, bytearray()
    for piece in _verified_pieces(resources, source_id, first) if stop > first else ():
        piece = piece[: stop - position]
        digest.update(piece)
        position += len(piece)
        block += piece
        if position == stop:
            break
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
            progress(position - first, stop - first)
    is_whole = first == 0 and stop == length
    if position != stop or (is_whole and digest.hexdigest() != source["contentHash"]):
        raise Unavailable(f"source {source_id}: its atoms do not give the bytes that came in", remedy="verify")
    yield bytes(block)
    progress(stop - first, stop - first)


def _verified_pieces(resources: Resources, source_id: int, first: int) -> Iterator[bytes]:
    """Yield the bytes of a source from an offset on, atom by atom, each checked by its hash and its place."""
    at = ordinal_at(resources.database, source_id, first)
    contents = source_contents(
        resources.database, resources.blobs, source_id, from_ordinal=at, rows_per_read=_ROWS_PER_READ
    )
    expected = None
    try:
        for row, content in contents:
            offset, piece = row["byteOffset"] or 0, content + (row["suffix"] or b"")
            if hashlib.sha256(content).digest() != row["contentHash"] or expected not in (None, offset):
                raise Unavailable(f"source {source_id}: the atom at byte {offset} is damaged", remedy="verify")
            expected = offset + len(piece)
            if expected <= first:
                raise Unavailable(f"source {source_id}: byte {first} is in no atom", remedy="verify")
            yield piece[max(0, first - offset) :]
    except FileNotFoundError as error:
        raise Unavailable(f"source {source_id}: a blob is missing", remedy="verify") from error


@checked
def reconstruct_file(
    resources: Resources,
    source_id: Id,
    output: PathArgument,
    *,
    tenant: Tenant | None = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Write the bytes of a source to a file, which gets its name only once their hash is right; `progress` is as in `reconstruct`.

    Returns {"sourceId", "file", "byteLength"}. Raises what `reconstruct` does, and Invalid for a path where no file can be written.
    """
    target = resolve_output_file(output)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.writelines(reconstruct(resources, source_id, tenant=tenant, progress=progress))
            size = file.tell()
        partial.replace(target)
    except OSError as error:
        raise Invalid(f"{output}: {error.strerror}", argument="output") from error
    finally:
        partial.unlink(missing_ok=True)
    return {"sourceId": source_id, "file": str(target), "byteLength": size}


@checked
def verify_sources(
    resources: Resources,
    source_id: Id | None = None,
    *,
    tenant: Tenant | None = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Check the bytes and atoms of every source by hash and, without `source_id`, all invariants.

    `progress` is called with the bytes that were read and those of all sources.

    Returns {"checked": sources checked, "failed": [{…, "error"}], "truncated"}: the first 100 rows that break each invariant.
    """
    failed: list[dict[str, Any]] = []

    def choose(unit_of_work: UnitOfWork) -> list[Row]:
        if source_id is not None:
            return [find_source(unit_of_work, source_id, tenant)]
        return unit_of_work.query("sources", tenant_id=tenant, source_id=None, source_uri=None, status="Atomized", n=-1)

    sources = ask(resources.database, choose)
    for source, error in find_wrong_bytes(resources, sources, progress):
        if error:
            failed.append({"sourceId": source["sourceId"], "error": error})
    if source_id is None:
        failed += _find_broken_invariants(resources, tenant)
    broken = Counter(item["invariant"] for item in failed if "invariant" in item)
    return {"checked": len(sources), "failed": failed, "truncated": MOST_ROWS in broken.values()}


def _find_broken_invariants(resources: Resources, tenant: int | None) -> list[dict[str, Any]]:

    def broken(unit_of_work: UnitOfWork) -> list[dict[str, Any]]:
        return [
            {"invariant": invariant.name, "error": invariant.rule, **row}
            for invariant in INVARIANTS
            for row in unit_of_work.query(invariant.statement, hour=None, tenant_id=tenant)
        ]

    failed, graph = ask(resources.database, broken), resources.graph_copy
    if graph is None:
        return failed
    try:
        for each in tenants_of(resources.database) if tenant is None else [tenant]:
            hours = [None, *hours_of(resources.database, each)]
            for difference in disagreements(resources.database, graph, each, hours) or []:
                failed.append({"invariant": "graph_agrees", "error": difference, "remedy": REPAIR})
    except GraphUnavailable as error:
        failed.append({"invariant": "graph_agrees", "error": str(error)})
    return failed
