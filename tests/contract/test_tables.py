"""Tables through the whole chain, on every backend: a question that one row answers finds it, and the bytes come back."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow
from pyarrow import parquet

from hartonomous_assets import atoms, embeddings, projections
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of

NAMES = ["customer", "item", "city", "amount_eur", "due date"]
FISH = [
    "herring",
    "cod",
    "mackerel",
    "haddock",
    "sole",
    "plaice",
    "turbot",
    "pollock",
    "sprat",
    "eel",
    "salmon",
    "trout",
    "pike",
    "perch",
    "carp",
]
CITIES = ["Berlin", "Hamburg", "Lyon", "Porto", "Oslo", "Turin", "Graz", "Leeds", "Bristol", "Cork"]


def rows(kind: str) -> list[list[str]]:
    """Orders, of which one is of a pipe organ."""
    draw = random.Random(kind)
    found = [
        [
            f"{kind} customer {n}",
            f"{draw.choice(FISH)} in boxes",
            draw.choice(CITIES),
            str(n * 3),
            f"2026-0{n % 9 + 1}-11",
        ]
        for n in range(60)
    ]
    found[40] = [f"{kind} Abbey", "a pipe organ", "Whitby", "81000", "2026-12-24"]
    return found


def delimited(kind: str, delimiter: str, line_end: str) -> str:
    return "".join(delimiter.join(row) + line_end for row in [NAMES, *rows(kind)])


def objects(kind: str) -> list[dict[str, str]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows(kind)]


def of_parquet(kind: str) -> bytes:
    target = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(objects(kind)), target, row_group_size=25)
    return target.getvalue()


FILES: dict[str, tuple[bytes, str, int]] = {
    "orders.csv": (delimited("csv", ",", "\r\n").encode(), "text/csv", 42),
    "orders.tsv": (delimited("tsv", "\t", "\n").encode(), "text/tab-separated-values", 42),
    "orders.txt": (delimited("txt", ";", "\r\n").encode("utf-16-le"), "text/csv; charset=utf-16le", 42),
    "orders.json": (json.dumps(objects("json"), indent=2).encode(), "application/json", 41),
    "orders.jsonl": ("".join(json.dumps(row) + "\n" for row in objects("jsonl")).encode(), "application/x-ndjson", 41),
    "orders.parquet": (of_parquet("parquet"), "application/vnd.apache.parquet", 41),
}


def test_the_row_that_answers_is_found_and_marked(
    make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles
) -> None:
    home = make_home(model_dir=model_dir)
    enqueue(
        home.database,
        INGESTION_QUEUE,
        [request(rawData=data, sourceUri=name, contentType=kind) for name, (data, kind, _) in FILES.items()],
    )
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE)

    for source in all_sources(home):
        data, content_type, row = FILES[source["sourceUri"]]
        assert b"".join(reconstruct(home, source["sourceId"])) == data
        shown = show_source(home, source["sourceId"])
        assert (shown["searchable"], shown["errorMessage"]) == (True, None)
        asked = search(home, "who ordered a musical instrument for a church", source_id=source["sourceId"])
        hit = asked["results"][0]
        [place] = hit["sources"]
        assert "item: a pipe organ; city: Whitby" in hit["text"]
        assert place["locator"]["row"] == row
        with_types = [f"{name} string" for name in NAMES]
        assert place["locator"]["columns"] == (with_types if "parquet" in content_type else NAMES)
        if place["byteOffset"] is None:
            assert "parquet" in content_type or "utf-16" in content_type
        else:
            of_row = data[place["byteOffset"] :][: place["byteLength"]].decode()
            assert "a pipe organ" in of_row and "boxes" not in of_row
            assert (of_row[0], of_row[-1]) in {("{", "}"), (hit["text"][10], "4")}
    assert not verify_sources(home)["failed"]


def test_of_short_rows_that_were_told_together_the_one_that_answers_is_marked(
    make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles
) -> None:
    home = make_home(model_dir=model_dir, text_unit="sentence")
    lines = ["id,who", *(f"{n},{fish}" for n, fish in enumerate(FISH))]
    data = "\n".join(lines).encode()
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri="fish", contentType="text/csv")])
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE)

    marked = []
    for fish in FISH:
        [hit] = search(home, fish, mode="lexical")["results"]
        [place] = hit["sources"]
        marked.append(place["locator"]["row"])
        assert (
            hit["text"].count("who")
            == place["locator"].get("rows", [1, 1])[1] - place["locator"].get("rows", [1, 1])[0] + 1
        )
        assert (place["highlightOffset"], hit["highlight"]["text"].count("who")) == (None, 1)
    assert marked == list(range(2, len(FISH) + 2))
