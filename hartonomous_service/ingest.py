"""Puts files on the queue and waits until they are done (`ingest`), and takes in bytes that have no path (`submit`)."""

import io
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import PlainValidator, ValidationError

from hartonomous_assets.source_members import may_hold_more
from hartonomous_core.atomizers.content_type import scan
from hartonomous_core.clock import timestamp
from hartonomous_core.messages import INGESTION_QUEUE, IngestionRequest
from hartonomous_core.vocabulary import UNFINISHED_SOURCE_STATUSES
from hartonomous_resources.blobs import READ_BYTES
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.queue_rows import insert_path_grant
from hartonomous_resources.database.transactions import ask, query, transact
from hartonomous_resources.resources import Resources
from hartonomous_resources.source_files import open_source_file
from hartonomous_resources.source_uris import UnreadableSource, local_path
from hartonomous_service.arguments import Id, Name, PathArgument, Tenant, Text, checked
from hartonomous_service.completing import Report, complete_sources
from hartonomous_service.errors import Invalid
from hartonomous_service.files_to_ingest import FilesToIngest
from hartonomous_service.ingest_results import Ingestion, describe_unfinished, read_results
from hartonomous_service.model_check import find_other_model
from hartonomous_service.progress import Tell, WatchedFiles, telling_progress
from hartonomous_service.source_records import count_not_searchable
from hartonomous_service.submitting import Submission, build_request, is_by_todays_atomizer, says_the_same

_FILES_PER_BATCH = 500
_MOST_GONE_NAMED = 10


@checked
def ingest(
    resources: Resources,
    paths: Sequence[PathArgument],
    *,
    tenant: Tenant = 0,
    content_type: Text | None = None,
    wait: bool = True,
    report: Report = lambda message: None,
    progress: Tell | None = None,
) -> dict[str, Any]:
    """Enqueue every file (folders recursively) and, with `wait`, wait until all are done.

    A file whose bytes, and content type if one is given, are those of its current version is only marked as seen again: no message, no
    run, no model; unless it would have other atoms now, by another HARTONOMOUS_TEXT_UNIT or version of what finds them. A running
    daemon does the work; without one, the chain runs in this process, through Dagster. Work that an earlier,
    killed command left is finished, too. A path that cannot be ingested is reported; the others are ingested. `progress` is called
    every two seconds, from another thread.

    Raises Invalid for a text that is not a content type; a KeyboardInterrupt is raised again with how many files are done.

    Returns {"sources": […], "failed": [{"sourceUri", "error"}], "leftOut": [{"sourceUri", "reason"}], "stages": {stage: error},
    "notSearchable": {"sources", "contentTypes", "unread"}, "members": what `count_members` does, "gone": {"sources", "sourceUris"},
    "otherModel": sentence or None}.
    A source that is `unchanged` brought nothing new. `leftOut` are the program's own files and what is no file. `notSearchable` counts files
    of types that are kept as bytes and, as `unread`, those of other types of which nothing could be read; `members` what was found in
    archives, mails and documents, `gone` files that were taken in from these folders and are no longer there, the first ten named.
    `otherModel`: nothing was new, and the vectors here are of another text model than the settings name. With `wait`,
    what another process reads is waited for; files that are not
    done all the same are named in `stages`.
    """
    try:
        IngestionRequest(tenant_id=tenant, content_type=content_type, uri="/")
    except ValidationError as error:
        raise Invalid(
            f"{content_type!r} is not a content type; give one such as text/plain", argument="content_type"
        ) from error
    ingestion = Ingestion()
    watched = WatchedFiles(resources, tenant)
    given = FilesToIngest([Path(path) for path in paths], resources.settings)
    files = iter(given)
    try:
        with telling_progress(watched.look, progress):
            while batch := list(islice(files, _FILES_PER_BATCH)):
                _enqueue(resources, batch, tenant, content_type, ingestion, watched)
            report("ingesting")
            found = _complete(resources, ingestion, tenant, wait, report)
    except KeyboardInterrupt as interruption:
        reached = watched.look()
        raise KeyboardInterrupt(f"{reached.done:,} of {reached.files:,} files are done") from interruption
    unlisted = [{"sourceUri": path.absolute().as_uri(), "error": error} for path, error in given.failed.items()]
    left_out = [{"sourceUri": path.as_uri(), "reason": reason} for path, reason in given.left_out.items()]
    other_model = None if ingestion.messages else find_other_model(resources.database, resources.settings)
    return {
        **found,
        "failed": unlisted + found["failed"],
        "leftOut": left_out,
        "gone": _find_gone(resources, given.folders, ingestion, tenant),
        "otherModel": other_model,
    }


def _find_gone(resources: Resources, folders: Sequence[Path], ingestion: Ingestion, tenant: int) -> dict[str, Any]:
    """Count, and name ten of, the current sources below these folders that were not met and whose files are no longer there: they stay searchable."""
    met, gone = set(ingestion.uris), set()
    for folder in folders:
        uri = folder.as_uri().rstrip("/")
        below = query(
            resources.database,
            "current_uris_between",
            tenant_id=tenant,
            first_uri=f"{uri}/",
            last_uri=f"{uri}{chr(ord('/') + 1)}",
        )
        gone |= {row["sourceUri"] for row in below} - met
    lost = sorted(uri for uri in gone if not os.path.lexists(local_path(uri)))
    return {"sources": len(lost), "sourceUris": lost[:_MOST_GONE_NAMED]}


def _require_bytes_or_stream(value: object) -> object:
    if not isinstance(value, bytes) and not callable(getattr(value, "read", None)):
        raise ValueError("give bytes, or a stream of bytes")
    return value


@checked
def submit(
    resources: Resources,
    content: Annotated[bytes | BinaryIO, PlainValidator(_require_bytes_or_stream)],
    *,
    tenant: Tenant = 0,
    source_uri: Name | None = None,
    source_id: Id | Name | None = None,
    content_type: Text | None = None,
    metadata: Mapping[str, object] | None = None,
    wait: bool = False,
    report: Report = lambda message: None,
) -> dict[str, Any]:
    """Take in bytes that have no path, such as an upload, and return what `ingest` returns, for this one source.

    A blocking stream is read to its end, in bounded memory. When this returns, the bytes are on the disk and the source is Landed, for a
    daemon or the next run to finish; with `wait`, it is finished. The name is `source_uri`, else `source:` and `source_id`, else `sha256:`
    and the hash; the same name again makes a version, unless it brings the same bytes: that source is `unchanged`. An error of the
    stream is raised, and nothing is stored.

    Raises Invalid for an argument that a message may not hold, and for more than HARTONOMOUS_MAX_SOURCE_BYTES.
    """
    request = build_request(tenant, source_uri, source_id, content_type, metadata)
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    with Submission(resources, tenant) as submission:
        while (block := stream.read(READ_BYTES)) != b"":  # None, of one that does not block, is no end
            submission.write(block)
        found = submission.land(request)
    uri = found.source_uri
    ingestion = Ingestion([uri])
    if found.message_id:
        ingestion.messages[uri] = found.message_id
    else:
        ingestion.unchanged.add(uri)
        _current_versions(resources, tenant, [uri], ingestion)
    return _complete(resources, ingestion, tenant, wait, report)


def _complete(resources: Resources, ingestion: Ingestion, tenant: int, wait: bool, report: Report) -> dict[str, Any]:
    stages = complete_sources(resources, ingestion.awaited, report) if wait else {}
    sources, failed, members = ask(resources.database, partial(read_results, ingestion=ingestion, tenant=tenant))
    if wait and not stages and (unfinished := describe_unfinished(sources)):
        stages = {"atoms": unfinished}
    return {
        "sources": sources,
        "failed": failed,
        "members": members,
        "notSearchable": _count_not_searchable(sources),
        "leftOut": [],
        "stages": stages,
    }


def _count_not_searchable(sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    atomized = [row for row in sources if row["status"] == "Atomized" and row["byteLength"] != 0]
    kept = count_not_searchable(Counter(row["contentType"] for row in atomized))
    return {**kept, "unread": sum(not row["searchable"] for row in atomized) - kept["sources"]}


def _enqueue(
    resources: Resources,
    files: Sequence[Path],
    tenant: int,
    content_type: str | None,
    ingestion: Ingestion,
    watched: WatchedFiles,
) -> None:
    known = _current_versions(resources, tenant, [path.as_uri() for path in files], ingestion)
    unchanged: dict[str, int] = {}
    new: list[str] = []
    sizes: dict[str, int] = {}
    for path in files:
        uri = path.as_uri()
        version = known.get(uri)
        if version and _is_unchanged(resources, path, uri, version, content_type):
            unchanged[uri] = version["sourceId"]
            if may_hold_more(version["contentType"]):
                ingestion.earlier.add(version["messageId"])
        else:
            new.append(uri)
            sizes[uri] = _size_of(path)
    requests = [IngestionRequest(tenant_id=tenant, content_type=content_type, uri=uri).to_body() for uri in new]

    def enqueue(unit_of_work: UnitOfWork) -> list[str]:
        unit_of_work.execute("touch_sources", source_ids=json.dumps(list(unchanged.values())), now=timestamp())
        ids = unit_of_work.enqueue(INGESTION_QUEUE, zip(new, requests, strict=True))
        unit_of_work.execute_many(
            insert_path_grant,
            (insert_path_grant(message_id=message_id, uri=uri) for message_id, uri in zip(ids, new, strict=True)),
        )
        return ids

    ids = transact(resources.database, enqueue)
    messages = dict(zip(new, ids, strict=True))
    ingestion.messages.update(messages)
    ingestion.unchanged.update(unchanged)
    uris = [path.as_uri() for path in files]
    ingestion.uris.extend(uris)
    watched.add(len(uris), messages, sizes)


def _size_of(path: Path) -> int:
    """Return the bytes of a file, 0 where it is gone: the chain says so."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _current_versions(resources: Resources, tenant: int, uris: list[str], ingestion: Ingestion) -> dict[str, Any]:
    """Return the current version by uri; none where a newer one is not finished, for it may have other bytes, and is waited for."""
    rows = query(resources.database, "sources_by_uri", tenant_id=tenant, source_uris=json.dumps(uris))
    unfinished = {row["sourceUri"]: row["messageId"] for row in rows if row["status"] in UNFINISHED_SOURCE_STATUSES}
    ingestion.earlier.update(unfinished.values())
    return {row["sourceUri"]: row for row in rows if row["status"] == "Atomized" and row["sourceUri"] not in unfinished}


def _is_unchanged(
    resources: Resources, path: Path, uri: str, version: dict[str, Any], content_type: str | None
) -> bool:
    if not says_the_same(content_type, version["contentType"]) or not is_by_todays_atomizer(
        version, resources.settings
    ):
        return False  # of another charset, the chain says whether it makes other text of the same bytes
    try:
        if path.stat().st_size != version["byteLength"]:
            return False
        with open_source_file(uri, resources.settings, granted=uri) as stream:
            return scan(stream).sha256.hex() == str(version["contentHash"])
    except (OSError, UnreadableSource):
        return False  # enqueued as any other: the chain says what is wrong with it
