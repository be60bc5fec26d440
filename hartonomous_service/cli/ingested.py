"""Prints the result of an ingest: a summary first, then what needs attention, then a line for each file."""

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hartonomous_core.vocabulary import NOT_SEARCHABLE, PARTIAL
from hartonomous_resources.source_uris import MEMBER, local_path
from hartonomous_service.cli.output import cell_text, describe_kept_as_bytes, err, out, print_table, printable

_LINES = 50
"""Searchable files listed on a terminal; files that need attention are all listed."""

_REASONS = 10
"""Why files within others cannot be searched: so many reasons are listed."""
_EXPLAINED = ("notSearchable", "partial", "failed")
_MEMBERS = {"notSearchable": "not searchable", "partial": "partial", "failed": "failed", "unfinished": "not done yet"}

_SUMMARY = {
    "status": "status",
    "contentType": "type",
    "searchable": "searchable",
    "files": "files",
    "byteLength": "bytes",
    "atomCount": "atoms",
    "newAtomCount": "new",
}
_WITHOUT_SOURCE = {"failed": "failed", "leftOut": "left out"}
_FILE = {
    "sourceId": "source",
    **{key: heading for key, heading in _SUMMARY.items() if key != "files"},
    "path": "path",
}


def common_folder(paths: Iterable[str]) -> Path:
    """Return the deepest folder that holds all paths given to an ingest; the output shows paths relative to it."""
    whole = [os.path.realpath(path) for path in paths]
    folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in whole]  # noqa: PTH112, PTH120 - no OSError
    return Path(os.path.commonpath(folders or ["/"]))


def show_ingested(result: Mapping[str, Any], base: Path) -> None:
    """Print the result of an ingest, with paths relative to `base`."""
    rows = [_row(source, base) for source in result["sources"]]
    odd = [row for row in rows if row["searchable"] == "no"]
    fine = [row for row in rows if row["searchable"] == "yes"]
    odd.sort(key=lambda row: row["status"] == "Atomized")
    print_table("ingested", _summary(result, [*odd, *fine]), _SUMMARY)
    if unchanged := sum(row["unchanged"] for row in rows):
        other = f", {len(rows) - unchanged:,} new or changed" if unchanged < len(rows) else ""
        out.print(f"{len(rows):,} file{'s' * (len(rows) != 1)}: {unchanged:,} unchanged{other}")
    if said := _describe_not_searchable(result["notSearchable"]):
        out.print(f"not searchable: {said}")
    _show_members(result["members"], base)
    if "gone" in result and (gone := result["gone"]["sources"]):
        were, they = ("file that was", "it stays") if gone == 1 else ("files that were", "they stay")
        out.print(f"{gone:,} {were} here {'is' if gone == 1 else 'are'} no longer there: {they} searchable")
        for uri in result["gone"]["sourceUris"]:
            out.print(f"  {printable(str(_shown_path(uri, base)))}", soft_wrap=True)
        if more := gone - len(result["gone"]["sourceUris"]):
            out.print(f"  … and {more:,} more")
    for item in result["leftOut"]:
        out.print(f"left out: {printable(item['sourceUri'])}: {item['reason']}")
    for item in result["failed"]:
        err.print(f"failed: {printable(_failure(item))}", soft_wrap=True)
    if result.get("otherModel"):
        err.print(f"not searchable by meaning: {printable(result['otherModel'])}", soft_wrap=True)
    for row in [*odd, *fine]:
        if row["note"]:
            err.print(_note(row), soft_wrap=True)
    shown = fine[:_LINES] if sys.stdout.isatty() else fine
    if rows:
        out.print()
        print_table("files", [*odd, *shown], _FILE)
    if len(shown) < len(fine):
        out.print(f"… and {len(fine) - len(shown):,} more as they should be; `hartonomous sources list` shows them")


def _describe_not_searchable(counts: Mapping[str, Any]) -> str:
    """Say how many of the files that were given cannot be searched: all that the table has as such and are Atomized."""
    said = [f"{describe_kept_as_bytes(counts)}, kept as bytes"] if counts["sources"] else []
    if unread := counts["unread"]:
        said.append(f"{unread:,} file{'s' * (unread != 1)} of which nothing could be read")
    return "; ".join(said)


def _show_members(counts: Mapping[str, Any], base: Path) -> None:
    """Say how many files within the given ones cannot be searched, and why: the most frequent reasons, each with one of the files."""
    odd = {_MEMBERS[key]: counts[key] for key in _MEMBERS if counts[key]}
    if not odd:
        return
    said = ", ".join(f"{n:,} {what}" for what, n in odd.items())
    out.print(f"in archives, mails and documents: {counts['sources']:,} file{'s' * (counts['sources'] != 1)}, {said}")
    shown = counts["reasons"][:_REASONS]
    for item in shown:
        name = unquote(item["sourceUri"].removeprefix(MEMBER).removeprefix(f"{base.as_uri()}/"))
        more = f" and {item['sources'] - 1:,} more" if item["sources"] > 1 else ""
        words = f"{name} (source {item['sourceId']}){more}: {item['reason']}"
        err.print(f"{_MEMBERS[item['kind']]}: {printable(words)}", soft_wrap=True)
    if rest := sum(counts[key] for key in _EXPLAINED) - sum(item["sources"] for item in shown):
        err.print(f"… and {rest:,} more; `hartonomous sources list --uri` of an archive lists what is in it")


def _failure(item: Mapping[str, Any]) -> str:
    """Return the path of a file that failed, and why."""
    path, error = local_path(item["sourceUri"]), str(item["error"]).removeprefix(f"{item['sourceUri']}: ")
    named = error.startswith((f"{path}: ", f"{os.path.relpath(path)}: "))
    return error if named else f"{path}: {error}"


def _note(row: Mapping[str, Any]) -> str:
    """Return the path of a file, and why not all of it can be searched."""
    kind = PARTIAL if row["searchable"] == "yes" else NOT_SEARCHABLE
    return f"{kind}{cell_text(row['path'])}: {row['note'].removeprefix(kind)}"


def _row(source: Mapping[str, Any], base: Path) -> dict[str, Any]:
    searchable = "yes" if source["searchable"] else "no"
    return {**source, "searchable": searchable, "path": _shown_path(source["sourceUri"], base)}


def _shown_path(uri: str, base: Path) -> Path:
    path = local_path(uri)
    return path.relative_to(base) if path.is_relative_to(base) and ".." not in path.parts else path


def _summary(result: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["status"], row["contentType"], row["searchable"]].append(row)
    return [
        *({"status": said, "files": len(result[key])} for key, said in _WITHOUT_SOURCE.items() if result[key]),
        *(
            {
                **{key: alike[0][key] for key in ("status", "contentType", "searchable")},
                "files": len(alike),
                **{key: sum(row[key] or 0 for row in alike) for key in ("byteLength", "atomCount", "newAtomCount")},
            }
            for alike in groups.values()
        ),
    ]
