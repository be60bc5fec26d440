"""What Python programs may give to the calls of the service: whatever is wrong is refused in one sentence that names it."""

import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, get_type_hints

import pytest

import hartonomous_service
from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.allowed_files import enqueue_uri
from hartonomous_service.arguments import MAX_ID, MAX_PAGE, MAX_SKIP, MAX_TENANT
from hartonomous_service.atom_records import show_atom
from hartonomous_service.background_jobs import create_job, get_job, list_jobs, page_jobs, retry_job, update_job_status
from hartonomous_service.completing import complete_sources, complete_work
from hartonomous_service.dead_letters import (
    discard_dead_letter,
    list_dead_letters,
    page_dead_letters,
    replay_dead_letter,
    show_dead_letter,
)
from hartonomous_service.dedup_ledger import dedup_ledger, dedup_of_source
from hartonomous_service.embedding_models import (
    activate_model,
    add_model,
    count_missing,
    drop_model,
    fill_models,
    list_models,
)
from hartonomous_service.errors import Invalid, NotFound
from hartonomous_service.figures import measure_home
from hartonomous_service.graph_repair import verify_graph
from hartonomous_service.health import check_health, require_readable
from hartonomous_service.inference_pages import page_inferences
from hartonomous_service.inferences import InferenceRecord, record_inference, record_json, record_lines
from hartonomous_service.ingest import ingest, submit
from hartonomous_service.keys import create_key, find_caller, list_keys, note_use, recall_caller, revoke_key, use_is_due
from hartonomous_service.lineage.formats import render
from hartonomous_service.lineage.queries import MAX_DEPTH, MAX_NODES, LineageQuery, find_impact, find_lineage, find_path
from hartonomous_service.model_estimate import estimate
from hartonomous_service.models_in_use import answering_by_settings, what_computes
from hartonomous_service.place_pages import page_places
from hartonomous_service.placed_atoms import placed_atoms
from hartonomous_service.progress import count_unfinished
from hartonomous_service.recorded_inferences import list_inferences, show_inference
from hartonomous_service.replays import claim_key
from hartonomous_service.schema import migrate_schema
from hartonomous_service.search import MAX_RESULTS, list_places, search, search_like
from hartonomous_service.search.look_alikes import MOST_BYTES
from hartonomous_service.search.neighbours import MAX_NEIGHBOURS
from hartonomous_service.search.questions import answering_space, embed_question, warm_answering_model
from hartonomous_service.source_pages import page_source_atoms, page_sources
from hartonomous_service.source_records import (
    list_sources,
    reconstruct,
    reconstruct_file,
    show_atomized,
    show_source,
    verify_sources,
)
from hartonomous_service.sql_console import run_sql
from hartonomous_service.sqlserver_console import run_sql_on_server
from hartonomous_service.statistics import collect_stats
from hartonomous_service.submitting import find_same
from hartonomous_service.thumbnails import thumbnail
from hartonomous_service.uploads import (
    check_upload,
    continue_upload,
    find_upload,
    land,
    submit_upload,
)
from hartonomous_service.viewed_sources import open_source
from hartonomous_service.weight_comparison import compare_weights
from hartonomous_service.withdrawals import withdraw_source
from hartonomous_service.wrong_bytes import find_wrong_bytes

HASH = "ab" * 32
JOB = "01234567-89ab-7000-8000-000000000000"

# Each kind of argument, and what is none of it. The words say what is wrong, after the name of the argument.
BELOW, ABOVE, NO_INTEGER, NO_TEXT = "at least", "at most", "valid integer", "valid string"
INTEGERS: list[tuple[Any, str]] = [("1", NO_INTEGER), (1.5, NO_INTEGER), (math.nan, NO_INTEGER), (True, NO_INTEGER)]
TEXTS: list[tuple[Any, str]] = [(b"x", NO_TEXT), (5, NO_TEXT), (["x"], NO_TEXT), ("a\udcff", "not UTF-8")]
TENANT: list[tuple[Any, str]] = [*INTEGERS, (-1, BELOW), (MAX_TENANT + 1, ABOVE), (2**70, ABOVE)]
ID: list[tuple[Any, str]] = [*INTEGERS, (MAX_ID + 1, ABOVE), (-MAX_ID - 2, BELOW)]
LENGTH: list[tuple[Any, str]] = [*INTEGERS, (0, BELOW), (-1, BELOW), (MAX_PAGE + 1, ABOVE)]
SKIP: list[tuple[Any, str]] = [*INTEGERS, (-1, BELOW), (MAX_SKIP + 1, ABOVE)]
DEPTH: list[tuple[Any, str]] = [*INTEGERS, (0, BELOW), (MAX_DEPTH + 1, ABOVE)]
NODES: list[tuple[Any, str]] = [*INTEGERS, (0, BELOW), (MAX_NODES + 1, ABOVE)]
FLAG: list[tuple[Any, str]] = [("no", "valid boolean"), (1, "valid boolean")]
SECONDS: list[tuple[Any, str]] = [
    (math.nan, "finite"),
    (math.inf, "finite"),
    (0, "greater than"),
    ("1", "valid number"),
]
TOLD: list[tuple[Any, str]] = [("print", "callable")]


def choice(words: str) -> list[tuple[Any, str]]:
    """Of an argument that is one of a few words."""
    return [("fuzzy", words), ("", words), (5, words), (["hybrid"], words)]


def page(**others: list[tuple[Any, str]]) -> dict[str, list[tuple[Any, str]]]:
    """Of a list, a page at a time."""
    return {"tenant": TENANT, "limit": LENGTH, "skip": SKIP, **others}


HASHES = [*TEXTS, ("xyz", "64 hex digits"), (HASH[:7], "64 hex digits"), (HASH + "g", "64 hex digits"), ("", "64 hex")]
NODE = [*TEXTS, ("", "neither"), ("Person:1", "neither"), ("nonsense", "neither")]
TIME = [*TEXTS, ("yesterday", "no time"), ("2026-13-01", "no time"), ("0001-01-01T00:00:00+14:00", "no time")]
PLACE = [
    *TEXTS,
    *(
        (text, "no place")
        for text in ("", "1-Atom", "1-Person-1", "1-Atom-1-", "-1-Atom-1", "1-Atom-" + "9" * 19, "1-Atom-٣")
    ),
]
DATE = [
    ("a\udcff", "no date"),
    ("yesterday", "no date"),
    ("2026-13-01", "no date"),
    ("0001-01-01T00:00:00+14:00", "no date"),
    ("", "no date"),
]
PATHS: list[tuple[Any, str]] = [
    ("notes.txt", "give a list, not one text"),
    (b"notes.txt", "give a list, not one text"),
    (None, "Sequence"),
    (Path("notes.txt"), "Sequence"),
    ([""], "a path is empty"),
    ([5], "should be a path"),
    ([b"x"], "should be a path"),
]
JOB_ID = TEXTS
FROM: list[tuple[Any, str]] = [*INTEGERS, (-1, BELOW), (MAX_ID + 1, ABOVE)]
SHA256: list[tuple[Any, str]] = [
    (b"x" * 64, NO_TEXT),
    (5, NO_TEXT),
    *((text, "sha256") for text in ("", "xyz", HASH[:7], HASH + "g")),
]

SUBMITTED: dict[str, list[tuple[Any, str]]] = {
    "tenant": TENANT,
    "source_uri": [*TEXTS, ("", "empty")],
    "source_id": [*TEXTS, ("", "empty")],
    "content_type": TEXTS,
    "metadata": [("x", "dictionary"), (5, "dictionary")],
    "claim": [("x", "instance of Claim")],
}

Hostile = dict[str, list[tuple[Any, str]]]
OF_SOURCES: Hostile = {
    "source_id": ID,
    "uri_prefix": [*TEXTS, ("", "empty")],
    "content_type": [
        *TEXTS,
        ("nonsense", "no media type"),
        ("text/", "no media type"),
        ("*/*", "no media type"),
    ],
    "received_since": [*TEXTS[:3], *DATE],
    "received_until": [*TEXTS[:3], *DATE],
    "metadata": [
        ("a=b", "dictionary"),
        ([("a", "b")], "dictionary"),
        ({"a": 1}, NO_TEXT),
        ({"": "b"}, "empty"),
    ],
    "group": choice("'source'"),
}
CALLS: dict[Callable[..., Any], tuple[tuple[Any, ...], Hostile]] = {
    search: (
        ("words",),
        {
            "text": [*TEXTS[:3], ("", "no word"), (" \0", "no word"), ("---", "no word")],
            "tenant": TENANT,
            "k": [*INTEGERS, (0, BELOW), (-1, BELOW), (MAX_RESULTS + 1, ABOVE)],
            "mode": choice("'hybrid', 'semantic', 'lexical' or 'spatial'"),
            "modality": choice("'text'"),
            **OF_SOURCES,
            "at": [
                ([0, 0], "three coordinates"),
                ("0,0,0", "not one text"),
                ([0, 0, 2], ABOVE),
                ([0, 0, "0"], "valid number"),
            ],
            "box": [([0] * 5, "six coordinates"), ([1, 0, 0, 0, 0, 0], "lowest corner"), ([math.nan] * 6, "finite")],
            "radius": [(-1, BELOW), (math.inf, "finite"), ("1", "valid number")],
            "context": [*INTEGERS, (-1, BELOW), (MAX_NEIGHBOURS + 1, ABOVE)],
            "highlight": FLAG,
            "record_for": [*TEXTS, ("", "empty")],
            "task": TEXTS,
        },
    ),
    search_like: (
        (b"no picture",),
        {
            "picture": [
                ("text", "bytes"),
                (None, "bytes"),
                (bytearray(b"x"), "bytes"),
                (bytes(MOST_BYTES + 1), "at most"),
            ],
            "tenant": TENANT,
            "k": [*INTEGERS, (0, BELOW), (-1, BELOW), (MAX_RESULTS + 1, ABOVE)],
            **OF_SOURCES,
        },
    ),
    thumbnail: ((1,), {"source_id": ID, "tenant": TENANT}),
    list_places: ((HASH,), page(atom_hash=HASHES)),
    placed_atoms: ((), {"tenant": TENANT, "texts": FLAG}),
    show_atom: ((HASH,), {"atom_hash": HASHES, "tenant": TENANT}),
    page_jobs: (
        (),
        {"tenant": TENANT, "status": choice("'Pending'"), "limit": LENGTH, "after": [*TEXTS, ("x", "no place")]},
    ),
    page_dead_letters: ((), {"tenant": TENANT, "limit": LENGTH, "after": ID}),
    page_places: (
        (HASH,),
        {"atom_hash": HASHES, "tenant": TENANT, "limit": LENGTH, "after": [*TEXTS, ("x", "no place")]},
    ),
    page_inferences: ((), {"tenant": TENANT, "model": TEXTS, "limit": LENGTH, "after": [*TEXTS, ("x", "no place")]}),
    record_json: ((b'{"model": "m"}',), {"text": [("x", "valid bytes"), (5, "valid bytes")], "tenant": TENANT}),
    ingest: (
        ([],),
        {
            "paths": PATHS,
            "tenant": TENANT,
            "content_type": [*TEXTS, ("nonsense", "not a content type"), ("", "not a content type")],
            "wait": FLAG,
            "report": TOLD,
            "progress": TOLD,
        },
    ),
    submit: (
        (b"x",),
        {
            "content": [("x", "give bytes, or a stream"), (None, "give bytes, or a stream")],
            "tenant": TENANT,
            "source_uri": [*TEXTS, ("", "empty")],
            "source_id": [
                (1.5, NO_INTEGER),
                (MAX_ID + 1, ABOVE),
            ],
            "content_type": TEXTS,
            "metadata": [("x", "dictionary"), (5, "dictionary")],
            "wait": FLAG,
            "report": TOLD,
        },
    ),
    list_sources: ((), page(status=choice("'Landed'"), count=FLAG, uri_prefix=[*TEXTS, ("", "empty")])),
    show_source: ((1,), {"source_id": ID, "tenant": TENANT}),
    withdraw_source: ((1,), {"source_id": ID, "tenant": TENANT}),
    reconstruct: ((1,), {"source_id": ID, "first": FROM, "stop": FROM, "tenant": TENANT, "progress": TOLD}),
    open_source: (
        (1,),
        {"source_id": ID, "page": [*INTEGERS, (0, BELOW), (MAX_ID + 1, ABOVE)], "atom": TEXTS, "tenant": TENANT},
    ),
    reconstruct_file: (
        (1, "file"),
        {
            "source_id": ID,
            "output": [("", "empty"), (b"x", "path"), (None, "path"), ("/nowhere/file", "not a place")],
            "tenant": TENANT,
            "progress": TOLD,
        },
    ),
    verify_sources: ((), {"source_id": ID, "tenant": TENANT, "progress": TOLD}),
    verify_graph: ((), {"tenant": TENANT, "repair": FLAG, "everything": FLAG, "progress": TOLD}),
    collect_stats: ((), {"tenant": TENANT}),
    dedup_ledger: ((), page()),
    dedup_of_source: ((1,), {"source_id": ID, "tenant": TENANT, "limit": LENGTH}),
    create_job: (
        ("GenerateEmbedding", "{}", 0),
        {
            "job_type": [*TEXTS[:3], ("", "1 to 64 ASCII"), ("é", "1 to 64 ASCII"), ("a\udcff", "1 to 64 ASCII")],
            "parameters": [
                (b"{}", "not a JSON object"),
                ("[]", "not a JSON object"),
                ('{"a": NaN}', "not a JSON object"),
            ],
            "tenant_id": [*TENANT, (None, NO_INTEGER)],
        },
    ),
    get_job: ((JOB,), {"job_id": JOB_ID, "tenant": TENANT}),
    update_job_status: (
        (JOB, "Failed"),
        {"job_id": JOB_ID, "status": choice("'Pending'"), "result": TEXTS, "tenant": TENANT},
    ),
    list_jobs: ((), page(status=choice("'Pending'"), count=FLAG)),
    retry_job: ((JOB,), {"job_id": JOB_ID, "tenant": TENANT}),
    list_dead_letters: ((), page()),
    show_dead_letter: ((1,), {"dead_letter_id": ID, "tenant": TENANT}),
    replay_dead_letter: ((1,), {"dead_letter_id": ID, "tenant": TENANT}),
    discard_dead_letter: ((1,), {"dead_letter_id": ID, "tenant": TENANT}),
    record_inference: (
        (InferenceRecord(model="m"),),
        {"record": [({"model": "m"}, "instance of InferenceRecord"), (None, "instance of InferenceRecord")]},
    ),
    record_lines: (('{"model": "m"}',), {"text": TEXTS, "tenant": TENANT}),
    list_inferences: ((), page(model=TEXTS, count=FLAG)),
    show_inference: (("it",), {"inference_id": TEXTS, "tenant": TENANT}),
    create_key: (
        (),
        {
            "tenant": TENANT,
            "scopes": [
                ("read", "give a list, not one text"),
                (["fly"], "'read', 'write' or 'admin'"),
                ([], "at least 1 item"),
            ],
            "expires": [*TEXTS[:3], *DATE, ("2026-01-01", "is over"), ("0d", "is over"), ("-1d", "no date")],
            "name": [*TEXTS, ("x" * 101, "at most 100")],
        },
    ),
    list_keys: ((), page()),
    revoke_key: (("00",), {"key_id": TEXTS}),
    find_caller: (("hk_",), {"presented": TEXTS}),
    note_use: (("00",), {"key_id": TEXTS}),
    find_lineage: (
        (LineageQuery("1"),),
        {"query": [("1", "instance of LineageQuery"), (None, "instance of LineageQuery")]},
    ),
    find_path: (("1", "2"), {"start": NODE, "end": NODE, "tenant": TENANT, "depth": DEPTH, "as_of": TIME}),
    find_impact: (("1",), {"name": NODE, "tenant": TENANT, "limit": NODES}),
    run_sql: (
        ("SELECT 1",),
        {"text": [*TEXTS[:3], ("", "no statement")], "write": FLAG, "limit": LENGTH, "seconds": SECONDS},
    ),
    run_sql_on_server: (("SELECT 1",), {"text": TEXTS[:3], "write": FLAG, "limit": LENGTH, "seconds": SECONDS}),
    migrate_schema: (
        (),
        {
            "status": FLAG,
            "dry_run": FLAG,
            "to": [*INTEGERS, (0, BELOW), (2**70, ABOVE)],
            "adopt": [*FLAG, (True, "SQL Server")],
        },
    ),
    list_models: ((), {"counted": FLAG}),
    add_model: (
        ("all-MiniLM-L6-v2",),
        {
            "model": [*TEXTS, ("", "empty")],
            "precision": choice("'int8', 'fp16' or 'fp32'"),
            "engine": choice("'native' or 'onnxruntime'"),
            "api_url": [
                *TEXTS[:3],
                ("http://elsewhere.example", "https"),
                ("ftp://localhost", "https"),
                ("https://me:word@elsewhere.example", "without a user"),
                ("", "https"),
            ],
            "api_price": [(-1, BELOW), (math.nan, "finite"), (math.inf, "finite"), ("1", "valid number")],
            "dry_run": FLAG,
            "report": TOLD,
        },
    ),
    activate_model: (("1",), {"model": [*TEXTS, ("", "empty")], "partial_vectors": FLAG}),
    drop_model: (("1",), {"model": [*TEXTS, ("", "empty")], "report": TOLD}),
    fill_models: ((), {"report": TOLD}),
    compare_weights: (("1", "2"), {"first": TEXTS, "second": TEXTS, "tenant": TENANT}),
    page_sources: ((), {"tenant": TENANT, "status": choice("'Landed'"), "limit": LENGTH, "below": ID}),
    page_source_atoms: (
        (1,),
        {"source_id": ID, "tenant": TENANT, "limit": LENGTH, "from_ordinal": FROM},
    ),
    show_atomized: ((1,), {"source_id": ID, "tenant": TENANT}),
    find_upload: ((HASH,), {"sha256": SHA256, "tenant": TENANT}),
    check_upload: ((HASH,), {"sha256": SHA256, "tenant": TENANT}),
    continue_upload: ((HASH, 0), {"sha256": SHA256, "offset": FROM, "tenant": TENANT}),
    submit_upload: ((HASH,), {"sha256": SHA256, **SUBMITTED}),
    enqueue_uri: (("file:///a",), {"uri": [*TEXTS, ("", "empty")], **SUBMITTED}),
    render: (
        ({"tenant": 0, "nodes": [], "edges": []}, "json"),
        {"document": [("x", "dictionary"), (None, "dictionary")], "how": choice("'json', 'mermaid'")},
    ),
}
"""Every call with arguments that are right, and for each argument what is not."""

OPENED = (Resources, Settings)


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """A home for all of these tests: what they ask changes nothing."""
    with closing(open_resources(Settings(home=tmp_path_factory.mktemp("home")))) as opened:
        yield opened


INTERNAL = {
    *(
        complete_sources,
        complete_work,
        count_missing,
        estimate,
        warm_answering_model,
        check_health,
        count_unfinished,
        embed_question,
        find_wrong_bytes,
        measure_home,
        require_readable,
        answering_space,
        answering_by_settings,
        what_computes,
    ),
    *(claim_key, find_same, land),
    *(recall_caller, use_is_due),
}
"""What no program calls, and what takes no argument but the settings."""


def parameters(call: Callable[..., Any]) -> list[str]:
    """The arguments of a call, but what is opened by the program itself."""
    hints = get_type_hints(call)
    return [name for name in inspect.signature(call).parameters if hints[name] not in OPENED]


def public_calls() -> set[Callable[..., Any]]:
    """The functions of the service that take resources; the command line and what is private are none."""
    found: set[Callable[..., Any]] = set()
    for info in pkgutil.walk_packages(hartonomous_service.__path__, "hartonomous_service."):
        if ".cli" in info.name or ".demo_corpus" in info.name:
            continue
        for name, member in vars(importlib.import_module(info.name)).items():
            of_module = inspect.isfunction(member) and member.__module__ == info.name and not name.startswith("_")
            if of_module and any(p.annotation is Resources for p in inspect.signature(member).parameters.values()):
                found.add(member)
    return found


def test_every_call_and_every_argument_of_it_is_tested_here() -> None:
    assert public_calls() - INTERNAL - set(CALLS) == set()
    assert {call.__name__: parameters(call) for call in CALLS} == {
        call.__name__: [name for name in parameters(call) if name in hostile] for call, (_, hostile) in CALLS.items()
    }


@pytest.mark.parametrize(
    ("call", "name", "value", "words"),
    [
        pytest.param(call, name, value, words, id=f"{call.__name__}-{name}-{number}")
        for call, (_, hostile) in CALLS.items()
        for name, values in hostile.items()
        for number, (value, words) in enumerate(values)
    ],
)
def test_what_is_wrong_is_refused_in_one_sentence_that_names_it(
    call: Callable[..., Any], name: str, value: Any, words: str, resources: Resources
) -> None:
    right, _ = CALLS[call]
    opened = [
        resources if kind is Resources else resources.settings
        for kind in get_type_hints(call).values()
        if kind in OPENED
    ]
    given = inspect.signature(call).bind_partial(*opened, *right)
    if "tenant" in parameters(call):
        given.arguments.setdefault("tenant", 0)  # some calls have no default for it
    given.arguments[name] = value

    with pytest.raises(Invalid, match=words) as caught:
        call(*given.args, **given.kwargs)

    assert "\n" not in str(caught.value)
    assert name in str(caught.value) or repr(value) in str(caught.value) or "empty" in words, str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        (field, value, words)
        for field, values in {
            "name": NODE, "tenant": TENANT, "depth": DEPTH, "limit": NODES, "direction": choice("'upstream'"), "as_of": TIME, "after": PLACE,
        }.items()
        for value, words in values
    ],
)  # fmt: skip
def test_a_question_of_lineage_is_refused_when_it_is_made(field: str, value: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        LineageQuery(**{"name": "1", field: value})


@pytest.mark.parametrize(
    "call", [show_source, show_dead_letter, replay_dead_letter, discard_dead_letter, verify_sources]
)
@pytest.mark.parametrize("row", [MAX_ID, -MAX_ID - 1, 0])
def test_an_id_that_a_column_can_hold_is_looked_for(call: Callable[..., Any], row: int, resources: Resources) -> None:
    with pytest.raises(NotFound, match=f"{row} is not found"):
        call(resources, row)


def test_a_source_that_is_not_there_is_not_found_before_its_bytes(resources: Resources) -> None:
    with pytest.raises(NotFound, match="source 7 is not found"):
        next(reconstruct(resources, 7))


@pytest.mark.parametrize("give", [str, Path])
def test_paths_may_be_texts(give: Callable[[str], str | Path], resources: Resources, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("The tide rises.")

    [source] = ingest(resources, [give(str(file))], wait=False)["sources"]

    assert source["sourceUri"] == file.as_uri()
