"""Pictures through the stages: each is embedded by what is seen of it, found by what looks like it and by what is said of it, and rebuilt."""

import io
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hartonomous_assets import atoms, embeddings, projections
from hartonomous_assets import sources as landing
from hartonomous_core.embedders import LOOK_ALIKE_DIMENSION, LOOK_ALIKE_MODEL
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.own_models import LOOK_ALIKE
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.compute.routed import RoutedCompute
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import Conflict, Invalid, NotFound
from hartonomous_service.search import search, search_like
from hartonomous_service.source_records import list_sources, verify_sources
from hartonomous_service.thumbnails import thumbnail
from tests.backends import rows
from tests.builders import SmallCompute, broken_invariants, enqueue, request, small_model
from tests.stages import all_sources, content_of, run_stages_of
from tests.unit.drawn_scenes import cropped, packed, scene
from tests.unit.pdf_files import drawn

SCENES = [packed(scene(n, 320, 240), "PNG") for n in range(6)]


@pytest.fixture
def seen(home: Resources) -> Resources:
    """The home with a text model that takes no time."""
    return replace(home, compute=SmallCompute())


def take_in(home: Resources, *files: tuple[str, bytes], tenant: int = 0) -> None:
    bodies = [request(tenantId=tenant, rawData=data, sourceUri=uri) for uri, data in files]
    enqueue(home.database, INGESTION_QUEUE, bodies)
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE)


def uris(found: dict[str, Any]) -> list[str]:
    return [hit["sources"][0]["sourceUri"] for hit in found["results"]]


def models_here(client: Any) -> list[tuple[str, int, int]]:
    found = rows(
        client, "SELECT Name AS name, Dimension AS dimension, Active AS active FROM EmbeddingModel ORDER BY ModelId"
    )
    return [(row["name"], row["dimension"], int(row["active"])) for row in found]


def test_a_changed_picture_finds_the_one_that_it_was(seen: Resources, client: Any) -> None:
    take_in(seen, *((f"scene-{n}.png", data) for n, data in enumerate(SCENES)))
    for n in range(6):
        asked = packed(cropped(scene(n, 320, 240).resize((200, 150)), 0.1, n), quality=40)
        found = search_like(seen, asked, k=3)
        assert uris(found)[0] == f"scene-{n}.png" and len(found["results"]) == 3
        [hit, *_] = found["results"]
        assert (hit["modality"], hit["subtype"], hit["text"], hit["highlight"]) == ("image", "preview", None, None)
        assert hit["sources"][0]["locator"] == {"width": 320, "height": 240}
    found = search_like(seen, packed(scene(2, 320, 240), quality=60))
    assert found["answered"] and found["best"] >= found["floor"]
    assert not search_like(seen, packed(scene(77, 320, 240)))["answered"]
    assert (LOOK_ALIKE_MODEL, LOOK_ALIKE_DIMENSION, 1) in models_here(client)
    placed = rows(client, "SELECT COUNT(*) AS n FROM AtomEmbedding WHERE Dimension = 347 AND ProjectionModelId IS NULL")
    assert placed[0]["n"] == 0
    assert broken_invariants(seen.database, "unexplained_missing_embeddings") == {}
    assert not verify_sources(seen)["failed"]


def test_a_home_without_pictures_has_no_model_of_pictures(seen: Resources, client: Any) -> None:
    take_in(seen, ("a.txt", b"Fog lies low over the quay."))
    assert [name for name, _, _ in models_here(client)] == ["small"]
    found = search_like(seen, SCENES[0])
    assert found["results"] == [] and not found["answered"] and "no picture is embedded" in found["note"]
    assert len(found.to_frame()) == 0


def test_words_find_a_picture_by_its_name_and_by_what_is_said_of_it(seen: Resources) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Zeppelin above the harbour"
    take_in(
        seen,
        ("photos/zeppelin-landing.jpg", packed(scene(1), exif=exif)),
        ("zeppelin.txt", b"A zeppelin is an airship."),
    )
    everything = search(seen, "zeppelin", mode="lexical")
    assert {hit["modality"] for hit in everything["results"]} == {"text"} and len(everything["results"]) == 3
    pictures = search(seen, "zeppelin", mode="lexical", modality="image")
    assert {*uris(pictures)} == {"photos/zeppelin-landing.jpg"}
    parts = {hit["sources"][0]["locator"]["part"] for hit in pictures["results"]}
    assert parts == {"name", "description"}
    for of_type, found in (("image/jpeg", 2), ("image/*", 2), ("image/png", 0)):
        assert len(search(seen, "zeppelin", modality="image", content_type=of_type)["results"]) == found
    assert search(seen, "zeppelin", modality="image", content_type="text/plain")["results"] == []


def test_pictures_of_other_tenants_and_other_sources_are_not_found(seen: Resources) -> None:
    take_in(seen, ("a.png", SCENES[0]), ("b.png", SCENES[1]))
    take_in(seen, ("theirs.png", SCENES[2]), tenant=7)
    assert uris(search_like(seen, SCENES[2])) and "theirs.png" not in uris(search_like(seen, SCENES[2]))
    assert uris(search_like(seen, SCENES[2], tenant=7)) == ["theirs.png"]
    assert uris(search_like(seen, SCENES[0], uri_prefix="b")) == ["b.png"]
    assert search_like(seen, SCENES[0], content_type="image/jpeg")["results"] == []
    assert uris(search_like(seen, SCENES[0], k=2, group="source")) == ["a.png", "b.png"]


def test_one_picture_in_two_files_is_one_hit_with_two_places(seen: Resources) -> None:
    take_in(seen, ("a.png", packed(scene(1), "PNG")), ("a.bmp", packed(scene(1), "BMP")))
    [hit] = search_like(seen, SCENES[1], k=5)["results"]
    assert {place["sourceUri"] for place in hit["sources"]} == {"a.png", "a.bmp"}


def test_a_picture_in_a_document_is_found_too(seen: Resources) -> None:
    from reportlab.lib.utils import ImageReader

    def draw(canvas: Any) -> None:
        canvas.drawImage(ImageReader(io.BytesIO(packed(scene(5)))), 50, 50, 320, 240)
        canvas.showPage()

    take_in(seen, ("report.pdf", drawn(draw)), ("a.png", SCENES[0]))
    assert uris(search_like(seen, packed(scene(5, 320, 240)), k=1)) == ["member:report.pdf!/page-1-picture-1.jpg"]


def test_a_thumbnail_is_what_is_seen(seen: Resources) -> None:
    take_in(seen, ("a.png", packed(scene(1), "PNG")), ("a.txt", b"Fog."))
    by_uri = {row["sourceUri"]: row["sourceId"] for row in list_sources(seen)["sources"]}
    shown = Image.open(io.BytesIO(thumbnail(seen, by_uri["a.png"])))
    assert shown.format == "JPEG" and shown.size == (256, 192)
    for source_id, tenant in ((by_uri["a.txt"], 0), (by_uri["a.png"], 7), (999, 0)):
        with pytest.raises(NotFound):
            thumbnail(seen, source_id, tenant=tenant)


def test_a_source_that_is_not_read_yet_has_no_thumbnail(seen: Resources) -> None:
    enqueue(seen.database, INGESTION_QUEUE, [request(rawData=SCENES[0], sourceUri="a.png")])
    run_stages_of(seen, landing.STAGE)
    with pytest.raises(Conflict):
        thumbnail(seen, all_sources(seen)[0]["sourceId"])


@pytest.mark.parametrize("data", [b"", b"plain text", SCENES[0][:500]], ids=["nothing", "text", "cut off"])
def test_what_is_no_picture_cannot_be_compared(seen: Resources, data: bytes) -> None:
    with pytest.raises(Invalid, match="cannot be compared"):
        search_like(seen, data)


def test_of_a_damaged_picture_what_is_there_is_found(seen: Resources) -> None:
    data = packed(scene(3))
    take_in(seen, ("a.jpg", data[: len(data) * 9 // 10]), ("b.png", SCENES[0]))
    [source] = [each for each in all_sources(seen) if each["sourceUri"] == "a.jpg"]
    assert source["errorMessage"].startswith("partial: it is damaged or cut off")
    assert content_of(seen, source) == data[: len(data) * 9 // 10]
    assert uris(search_like(seen, data, k=1)) == ["a.jpg"]


def insert_by_hand(client: Any, content: bytes, text: str | None = None) -> None:
    """Insert an atom as any client may: small bytes beside it, others in a row of their own."""
    client.cursor().execute(
        "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText, AtomicValue) VALUES (0, 'image', ?, ?, ?)",
        (sha256(content).digest(), text, content if len(content) <= 64 else None),
    )
    client.commit()
    if len(content) > 64:
        [atom] = rows(client, "SELECT MAX(AtomId) AS id FROM Atom")
        client.cursor().execute(
            "INSERT INTO AtomContent (AtomId, ByteLength, Content) VALUES (?, ?, ?)",
            (atom["id"], len(content), content),
        )
    client.commit()


def jobs(client: Any) -> list[tuple[str, str | None]]:
    found = rows(client, "SELECT Status AS status, Result AS result FROM BackgroundJob ORDER BY JobId")
    return [(row["status"], row["result"]) for row in found]


TINY = packed(Image.new("RGB", (1, 1), "red"), "GIF")


def test_pictures_inserted_by_hand_are_embedded_whatever_their_caption_says(seen: Resources, client: Any) -> None:
    assert len(TINY) <= 64
    insert_by_hand(client, TINY)
    insert_by_hand(client, SCENES[1], "A caption.")
    run_stages_of(seen, embeddings.STAGE)
    assert {status for status, _ in jobs(client)} == {"Completed"}
    [hit, _] = search_like(seen, packed(scene(1, 320, 240)))["results"]
    assert hit["atomHash"] == sha256(SCENES[1]).hexdigest() and hit["text"] == "A caption."


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"no picture", "no picture can be read in it"), (SCENES[0][:900], "damaged or cut off"), (SCENES[0][:64], "")],
    ids=["text", "cut off", "the first bytes"],
)
def test_a_job_of_what_is_no_picture_says_why(seen: Resources, client: Any, content: bytes, why: str) -> None:
    insert_by_hand(client, content)
    insert_by_hand(client, SCENES[2])
    run_stages_of(seen, embeddings.STAGE)
    found = jobs(client)
    assert {status for status, _ in found} == {"Completed", "Failed"}
    for reason in (str(result) for status, result in found if status == "Failed"):
        assert "is no picture that can be embedded" in reason and why in reason
    assert len(search_like(seen, SCENES[2])["results"]) == 1
    assert broken_invariants(seen.database, "unexplained_missing_embeddings") == {}


def test_a_model_of_pictures_that_the_settings_name_takes_the_place_of_ours(home: Resources, client: Any) -> None:
    other = replace(small_model("other", "image"), takes="pixels")
    named = replace(home, compute=SmallCompute(small_model("small"), other))
    take_in(named, ("a.png", SCENES[0]))
    assert {name for name, _, active in models_here(client) if active} == {"small", "other"}


def test_what_was_embedded_by_an_older_one_is_embedded_anew(
    seen: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(seen, ("a.png", SCENES[0]))
    newer = replace(LOOK_ALIKE, name="look-alike-2", artifact_hash="2" * 64)
    from hartonomous_resources.compute import own_models

    models = {newer: own_models.OWN_MODELS[LOOK_ALIKE]}
    for module in ("hartonomous_resources.compute.own_models", "tests.builders"):
        monkeypatch.setattr(f"{module}.OWN_MODELS", models)
    take_in(seen, ("a.txt", b"Fog."))
    assert [(name, active) for name, _, active in models_here(client) if name.startswith("look")] == [
        ("look-alike-1", 0),
        ("look-alike-2", 1),
    ]
    vectors = rows(client, "SELECT COUNT(*) AS n FROM AtomEmbedding WHERE Dimension = 347")
    assert vectors[0]["n"] == 2


@pytest.mark.parametrize("open_local", [None, "in_process", "worker"])
def test_whatever_computes_texts_pictures_are_computed_here(
    make_home: Callable[..., Resources], open_local: str | None, tmp_path: Path
) -> None:
    from hartonomous_resources.compute.in_process import InProcessCompute
    from hartonomous_resources.compute.worker.worker_compute import WorkerCompute

    settings = make_home().settings
    if open_local is None:
        settings = settings.model_copy(update={"compute": "api", "api_url": "http://127.0.0.1:1/v1", "api_model": "m"})
    elif open_local == "worker":
        settings = settings.model_copy(update={"compute": "worker"})
    backends: dict[str | None, Any] = {None: None, "in_process": InProcessCompute, "worker": WorkerCompute}
    compute = RoutedCompute(settings, backends[open_local])
    pixels = np.asarray(scene(1, 40, 30))
    [vector] = compute.embed(LOOK_ALIKE, [pixels]).vectors
    assert vector.shape == (LOOK_ALIKE_DIMENSION,)
    with pytest.raises(ValueError, match="takes pixels"):
        compute.embed(LOOK_ALIKE, ["text"])
    unknown: ModelIdentity = replace(LOOK_ALIKE, name="unknown", artifact_hash="0" * 64)
    assert unknown != LOOK_ALIKE
    compute.close()
