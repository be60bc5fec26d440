"""What people see of an ingest: a summary first, then what needs attention, then a line for each file."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from hartonomous_service.cli.ingested import show_ingested

FOLDER = Path("/somewhere/far away/given")


def source(name: str, **fields: Any) -> dict[str, Any]:
    given = {"sourceId": 1, "sourceUri": (FOLDER / name).as_uri(), "contentType": "text/plain", "byteLength": 10}
    counts = {
        "contentHash": "ab",
        "status": "Atomized",
        "searchable": True,
        "atomCount": 2,
        "newAtomCount": 1,
        "newBytes": 5,
        "note": None,
        "unchanged": False,
    }
    return {**given, **counts, **fields}


def document(*sources: dict[str, Any], **fields: Any) -> dict[str, Any]:
    kept = {"sources": 0, "contentTypes": {}, "unread": 0}
    found = {"sources": list(sources), "members": members(), "failed": [], "leftOut": [], "stages": {}}
    return {**found, "notSearchable": kept, **fields}


def members(**counts: Any) -> dict[str, Any]:
    return {"sources": 0, "notSearchable": 0, "partial": 0, "failed": 0, "unfinished": 0, "reasons": [], **counts}


PDF = source("sub/a.pdf", sourceId=1234, contentType="application/pdf", searchable=False, atomCount=1)
QUEUED = source(
    "later.txt", sourceId=None, contentType=None, byteLength=None, status="Queued", searchable=False, atomCount=0
)
FAILED = {"sourceUri": (FOLDER / "bad").as_uri(), "error": f"{FOLDER}/bad: cannot be listed: Permission denied"}


def test_a_summary_by_status_and_kind_comes_first_then_what_needs_attention(capsys: pytest.CaptureFixture[str]) -> None:
    kept = {"sources": 1, "contentTypes": {"application/pdf": 1}, "unread": 0}

    left_out = [{"sourceUri": (FOLDER / "pipe").as_uri(), "reason": "is not a regular file"}]
    given = document(
        source("a.txt"), source("b.txt"), PDF, QUEUED, failed=[FAILED], leftOut=left_out, notSearchable=kept
    )

    show_ingested(given, FOLDER)

    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "status\ttype\tsearchable\tfiles\tbytes\tatoms\tnew",
        "failed\t-\t-\t1\t-\t-\t-",
        "left out\t-\t-\t1\t-\t-\t-",
        "Queued\t-\tno\t1\t0\t0\t1",
        "Atomized\tapplication/pdf\tno\t1\t10\t1\t1",
        "Atomized\ttext/plain\tyes\t2\t20\t4\t2",
        "not searchable: 1 file of 1 type, kept as bytes",
        f"left out: {(FOLDER / 'pipe').as_uri()}: is not a regular file",
        "",
        "source\tstatus\ttype\tsearchable\tbytes\tatoms\tnew\tpath",
        "-\tQueued\t-\tno\t-\t0\t1\tlater.txt",
        "1234\tAtomized\tapplication/pdf\tno\t10\t1\t1\tsub/a.pdf",
        "1\tAtomized\ttext/plain\tyes\t10\t2\t1\ta.txt",
        "1\tAtomized\ttext/plain\tyes\t10\t2\t1\tb.txt",
    ]
    assert shown.err.splitlines() == [f"failed: {FAILED['error']}"]


def test_what_cannot_be_read_is_named_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    partly = source("a.html", note="partial: page 3 is damaged")
    show_ingested(document(partly, source("b.pdf", searchable=False, note="not searchable: it is encrypted")), FOLDER)

    assert capsys.readouterr().err.splitlines() == [
        "not searchable: b.pdf: it is encrypted",
        "partial: a.html: page 3 is damaged",
    ]


def test_files_that_are_kept_as_bytes_and_those_that_could_not_be_read_are_counted_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept = {"sources": 7, "contentTypes": {f"image/{n}": 1 for n in range(7)}, "unread": 2}

    show_ingested(document(notSearchable=kept), FOLDER)

    said = "not searchable: 7 files of 7 types, kept as bytes; 2 files of which nothing could be read"
    assert capsys.readouterr().out.splitlines()[1] == said


def test_what_cannot_be_searched_within_an_archive_is_counted_with_the_reasons(
    capsys: pytest.CaptureFixture[str],
) -> None:
    reasons = [
        {
            "kind": kind,
            "reason": f"reason {n}",
            "sources": n,
            "sourceId": n,
            "sourceUri": f"member:{FOLDER.as_uri()}/pack.zip!/a%20{n}.pdf",
        }
        for n, kind in zip(range(12, 0, -1), ["notSearchable", "partial", "failed"] * 4, strict=True)
    ]
    found = members(sources=100, notSearchable=30, partial=26, failed=22, unfinished=1, reasons=reasons)

    show_ingested(document(members=found), FOLDER)

    shown = capsys.readouterr()
    said = "in archives, mails and documents: 100 files, 30 not searchable, 26 partial, 22 failed, 1 not done yet"
    assert shown.out.splitlines()[1] == said
    lines = shown.err.splitlines()
    assert lines[0] == "not searchable: pack.zip!/a 12.pdf (source 12) and 11 more: reason 12"
    assert lines[2] == "failed: pack.zip!/a 10.pdf (source 10) and 9 more: reason 10"
    assert lines[10:] == ["… and 3 more; `hartonomous sources list --uri` of an archive lists what is in it"]


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([source("a.txt", unchanged=True, newAtomCount=0)], "1 file: 1 unchanged"),
        ([source("a.txt", unchanged=True, newAtomCount=0), source("b.txt")], "2 files: 1 unchanged, 1 new or changed"),
    ],
)
def test_unchanged_files_are_counted_below_the_summary(
    sources: list[dict[str, Any]], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show_ingested(document(*sources), FOLDER)

    _, summary, line, *_ = capsys.readouterr().out.splitlines()
    assert line == said
    assert summary.endswith(f"\t{len(sources) - 1}"), "those that are unchanged bring nothing new"


def test_every_file_has_its_line_where_the_output_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    show_ingested(document(*(source(f"{i}.txt") for i in range(300))), FOLDER)

    assert sum(line.endswith(".txt") for line in capsys.readouterr().out.splitlines()) == 300


def test_a_terminal_gets_all_that_needs_attention_and_at_most_50_lines_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    waiting = [source(f"{i}.md", status="Queued", searchable=False) for i in range(70)]

    show_ingested(document(*(source(f"{i}.txt") for i in range(300)), *waiting), FOLDER)

    lines = terminal.getvalue().splitlines()
    assert sum(line.endswith(".md") for line in lines) == 70
    assert sum(line.endswith(".txt") for line in lines) == 50
    assert lines[-1] == "… and 250 more as they should be; `hartonomous sources list` shows them"


def test_why_a_text_is_not_searchable_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    show_ingested(document(source("sub/latin.txt", searchable=False, note="not UTF-8 at byte 7: …")), FOLDER)

    assert capsys.readouterr().err == "not searchable: sub/latin.txt: not UTF-8 at byte 7: …\n"


def test_a_path_outside_of_what_was_given_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_ingested(
        document(source("a\n\x1b.txt"), source("../b%.txt"), source("x", sourceUri="file:///elsewhere/c.txt")), FOLDER
    )

    assert [line.split("\t")[-1] for line in capsys.readouterr().out.splitlines()[-3:]] == [
        "a �.txt",
        "/somewhere/far away/given/../b%.txt",
        "/elsewhere/c.txt",
    ]


@pytest.mark.parametrize(
    "error", ["{uri}: is not a regular file", "{path}: is not a regular file", "is not a regular file"]
)
def test_a_file_that_failed_is_named_once_by_its_path(error: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = FOLDER / "bad one"
    failed = {"sourceUri": path.as_uri(), "error": error.format(uri=path.as_uri(), path=path)}

    show_ingested(document(failed=[failed]), FOLDER)

    assert capsys.readouterr().err == f"failed: {path}: is not a regular file\n"


def test_nothing_given_is_nothing_ingested(capsys: pytest.CaptureFixture[str]) -> None:
    show_ingested(document(), FOLDER)

    assert capsys.readouterr().out == "ingested: none\n"
