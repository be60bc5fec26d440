"""Files within a source become sources of their own, on every backend."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import atoms, embeddings, provenance, source_members
from hartonomous_assets import sources as landing
from hartonomous_core.atomizers import members
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.blobs import LocalBlobs
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.resources import Resources
from hartonomous_service.dead_letters import replay_dead_letter
from hartonomous_service.ingest import submit
from hartonomous_service.lineage.queries import LineageQuery, find_lineage
from hartonomous_service.search import search
from hartonomous_service.source_records import list_sources, reconstruct, show_source, verify_sources
from tests.backends import rows
from tests.builders import dead_letters, enqueue, request
from tests.stages import all_sources, run_stages_of

FOG, TIDES, BEES = "Fog lies low over the harbour.", "The sea rises twice a day.", "Bees dance to show the way."


@pytest.fixture
def home(make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles) -> Resources:
    return make_home(model_dir=model_dir)


def zipped(files: dict[str, bytes], level: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", level) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def run(home: Resources, data: bytes, uri: str = "a.zip", **fields: Any) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri=uri, **fields)])
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, provenance.STAGE)


def current(home: Resources) -> dict[str, Row]:
    return {row["sourceUri"]: row for row in all_sources(home) if row["supersededBy"] is None}


def parents(client: Any) -> dict[str, str | None]:
    """The uri of each current source and of its parent."""
    sql = """SELECT s.SourceUri AS Uri, p.SourceUri AS Parent, p.SupersededBy AS Old
             FROM Source AS s LEFT JOIN Source AS p ON p.SourceId = s.ParentSourceId WHERE s.SupersededBy IS NULL"""
    found = rows(client, sql)
    assert not [row for row in found if row["Old"] is not None]
    return {row["Uri"]: row["Parent"] for row in found}


def assert_whole(home: Resources, files: dict[str, bytes]) -> None:
    """These are the current sources, and each is rebuilt."""
    found = current(home)
    assert set(found) == set(files)
    for uri, data in files.items():
        assert b"".join(reconstruct(home, found[uri]["sourceId"])) == data
    assert not verify_sources(home)["failed"]
    assert isinstance(home.blobs, LocalBlobs)
    assert [path.name for path in home.blobs.root.glob("*/incoming/.*")] == []


def test_files_in_an_archive_are_found_and_rebuilt_and_so_are_those_in_an_archive_within(
    home: Resources, client: Any
) -> None:
    inner = zipped({"way/bees.txt": BEES.encode()})
    outer = zipped({"notes/fog.txt": FOG.encode(), "in ner!.zip": inner, "../../up.txt": TIDES.encode(), "empty": b""})

    run(home, outer, metadata={"project": "sea"})

    bees = "member:a.zip!/in%20ner%21.zip!/way/bees.txt"
    assert_whole(
        home,
        {
            "a.zip": outer,
            "member:a.zip!/notes/fog.txt": FOG.encode(),
            "member:a.zip!/in%20ner%21.zip": inner,
            "member:a.zip!/../../up.txt": TIDES.encode(),
            "member:a.zip!/empty": b"",
            bees: BEES.encode(),
        },
    )
    assert parents(client)[bees] == "member:a.zip!/in%20ner%21.zip"
    assert parents(client)["member:a.zip!/empty"] == "a.zip"
    best = search(home, "how do insects tell where food is", mode="semantic")["results"][0]
    assert [place["sourceUri"] for place in best["sources"]] == [bees]
    [listed] = search(home, "notes/fog.txt", mode="lexical")["results"]
    assert listed["sources"][0]["locator"] == {"part": "files"}
    assert show_source(home, current(home)[bees]["sourceId"])["metadata"] == {"project": "sea"}
    may_hold_more = current(home)["member:a.zip!/in%20ner%21.zip"]
    assert "share" in may_hold_more["metadata"]
    assert show_source(home, may_hold_more["sourceId"])["metadata"] == {"project": "sea"}


def test_what_is_in_an_archive_is_listed_with_it(home: Resources) -> None:
    run(home, zipped({"in.zip": zipped({"bees": BEES.encode()}), "fog": b"\xff\xfe\0"}))
    run(home, zipped({"fog": FOG.encode()}), uri="b.zip")

    def listed(**options: Any) -> list[str]:
        return [row["sourceUri"] for row in list_sources(home, **options)["sources"]]

    bees = "member:a.zip!/in.zip!/bees"
    inside = {"member:a.zip!/in.zip", "member:a.zip!/fog", bees}
    assert set(listed(uri_prefix="a.zip")) == {"a.zip", *inside}
    assert set(listed(uri_prefix="a.zip!/")) == inside
    assert listed(uri_prefix="a.zip!/in.zip!") == [bees]
    assert listed(uri_prefix="a.zip", limit=1) == [bees]
    page = list_sources(home, uri_prefix="a.zip", limit=2, skip=1, tenant=None, count=True)
    assert (len(page["sources"]), page["total"], page["truncated"]) == (2, 4, True)
    assert "total" not in page["sources"][0]
    for nothing in ({"status": "Landed"}, {"tenant": 7}, {"uri_prefix": "A.zip"}, {"uri_prefix": "a.zip "}):
        found = list_sources(home, **{"uri_prefix": "a.zip", "count": True, **nothing})
        assert found == {"sources": [], "total": 0, "truncated": False}
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=TIDES.encode(), sourceUri="waits")])
    run_stages_of(home, landing.STAGE)
    assert list_sources(home, uri_prefix="waits") == list_sources(home, status="Landed")


def test_a_new_version_has_its_own_members_and_what_is_gone_is_not_found_any_more(home: Resources, client: Any) -> None:
    run(home, zipped({"fog": FOG.encode(), "tides": TIDES.encode(), "deep.zip": zipped({"bees": BEES.encode()})}))
    kept = current(home)["member:a.zip!/fog"]["sourceId"]

    changed = zipped({"fog": FOG.encode(), "tides": b"The sea falls twice a day."})
    run(home, changed)

    assert_whole(
        home,
        {"a.zip": changed, "member:a.zip!/fog": FOG.encode(), "member:a.zip!/tides": b"The sea falls twice a day."},
    )
    assert parents(client) == {"a.zip": None, "member:a.zip!/fog": "a.zip", "member:a.zip!/tides": "a.zip"}
    assert current(home)["member:a.zip!/fog"]["sourceId"] == kept
    assert search(home, "dance", mode="lexical")["results"] == []
    assert search(home, "rises", mode="lexical")["results"] == []


def test_the_same_archive_again_changes_nothing(home: Resources) -> None:
    data = zipped({"fog": FOG.encode()})
    run(home, data)
    before = len(all_sources(home))
    run(home, data)
    assert len(all_sources(home)) == before


def test_two_files_of_one_name_are_two_sources(home: Resources) -> None:
    target = io.BytesIO()
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(target, "w") as archive:
        archive.writestr("fog", FOG)
        archive.writestr("fog", TIDES)
    run(home, target.getvalue())
    assert_whole(
        home,
        {"a.zip": target.getvalue(), "member:a.zip!/fog": FOG.encode(), "member:a.zip!/fog;2": TIDES.encode()},
    )


def test_nobody_gives_bytes_the_name_of_a_member(home: Resources) -> None:
    run(home, zipped({"fog": FOG.encode()}))
    run(home, TIDES.encode(), uri="member:a.zip!/fog", contentType="text/plain")
    assert set(current(home)) == {"a.zip", "member:a.zip!/fog", "claimed:member:a.zip!/fog"}


@pytest.mark.parametrize(
    ("damage", "note", "members"),
    [
        ("crc", "partial: 1 file in it was left out: tides: Bad CRC-32 for file 'tides'", {"fog", "bees"}),
        ("encrypted", "partial: 1 file in it was left out: tides: it is encrypted", {"fog", "bees"}),
        ("cut off", "not searchable: it is a damaged archive: File is not a zip file", set()),
    ],
)
def test_what_cannot_be_read_is_left_out_and_said(damage: str, note: str, members: set[str], home: Resources) -> None:
    data = bytearray(zipped({"fog": FOG.encode(), "tides": TIDES.encode(), "bees": BEES.encode()}, zipfile.ZIP_STORED))
    if damage == "crc":
        data[data.index(b"sea rises")] ^= 1
    elif damage == "encrypted":
        entry = data.index(b"PK\1\2", data.index(b"PK\1\2") + 4)
        data[entry + 8] |= 1
    else:
        del data[-30:]
    run(home, bytes(data))

    assert {uri.rpartition("!/")[2] for uri in current(home)} - {"a.zip"} == members
    assert show_source(home, current(home)["a.zip"]["sourceId"])["errorMessage"] == note
    assert b"".join(reconstruct(home, current(home)["a.zip"]["sourceId"])) == bytes(data)
    assert not verify_sources(home)["failed"]


def test_an_archive_that_grows_beyond_measure_is_stopped(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "BYTES_OF_ANY", 100_000)
    bomb = zipped({"fog": FOG.encode(), "zeros": b"\0" * 50_000_000, "after": b"x"})
    run(home, bomb)
    assert set(current(home)) == {"a.zip", "member:a.zip!/fog"}
    note = show_source(home, current(home)["a.zip"]["sourceId"])["errorMessage"]
    assert note == "partial: the files in it hold more bytes than they may: zeros and what follows was left out"
    assert_whole(home, {"a.zip": bomb, "member:a.zip!/fog": FOG.encode()})


def test_only_so_many_files_are_taken_in_over_all_levels(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_members, "MOST_MEMBERS", 12)
    inner = zipped({f"file {n}": f"Number {n}.".encode() for n in range(20)})
    run(home, zipped({"one.zip": inner, "two.zip": zipped({"x": b"y", **{f"f{n}": b"z" for n in range(9)}})}))
    assert len(current(home)) == 1 + 12
    notes = {uri: row["errorMessage"] for uri, row in current(home).items() if row["errorMessage"]}
    assert set(notes.values()) == {f"partial: only the first {n} files in it were taken in" for n in (6, 4)}


def test_archives_within_archives_end_at_a_depth(home: Resources) -> None:
    data = FOG.encode()
    for _ in range(7):
        data = zipped({"in.zip": data})
    run(home, data)
    found = current(home)
    assert max(uri.count("!/") for uri in found) == source_members.MOST_DEPTH
    [deepest] = [row for uri, row in found.items() if uri.count("!/") == source_members.MOST_DEPTH]
    assert deepest["errorMessage"] == "partial: files more than 4 archives deep are not taken in"


def test_what_a_sender_says_of_its_share_is_not_believed(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_members, "MOST_MEMBERS", 1)
    share = {"depth": 9, "members": 10**6, "bytes": 10**12}
    run(home, zipped({"fog": FOG.encode(), "tides": TIDES.encode()}), metadata={"share": share})
    assert set(current(home)) == {"a.zip", "member:a.zip!/fog"}


def test_a_failed_attempt_leaves_no_member(home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(unit_of_work: object, work: object, source: object) -> list[int]:
        raise ValueError("it fails")

    data = zipped({"fog": FOG.encode()})
    with monkeypatch.context() as broken:
        broken.setattr("hartonomous_assets.source_writing.supersede_older_versions", fail)
        enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri="a.zip")])
        run_stages_of(home, landing.STAGE, atoms.STAGE)
    assert [row["Status"] for row in rows(client, "SELECT Status FROM Source")] == ["DeadLettered"]
    assert isinstance(home.blobs, LocalBlobs)
    assert [path.name for path in home.blobs.root.glob("*/incoming/.*")] == []
    assert json.loads(rows(client, "SELECT Body FROM DeadLetter")[0]["Body"])["sourceUri"] == "a.zip"


def test_a_member_that_was_given_up_is_replayed_as_one(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("hartonomous_core.atomizers.text.pieces", lambda text, unit: 1 / 0)
        run(home, zipped({"fog.txt": FOG.encode()}))
    [letter] = [row["DeadLetterId"] for row in rows(client, "SELECT DeadLetterId FROM DeadLetter")]

    replay_dead_letter(home, letter)
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, provenance.STAGE)

    assert parents(client) == {"a.zip": None, "member:a.zip!/fog.txt": "a.zip"}
    assert [hit["text"] for hit in search(home, "harbour", mode="lexical")["results"]] == [FOG]


def test_of_two_versions_that_come_at_once_only_the_members_of_the_later_are_found(
    home: Resources, client: Any
) -> None:
    """The members of the first are not atomized yet when the second supersedes it."""
    first = zipped({"fog": FOG.encode(), "bees": BEES.encode(), "in.zip": zipped({"x": b"Deep inside."})})
    second = zipped({"fog": FOG.encode(), "tides": TIDES.encode()})
    bodies = [request(rawData=data, sourceUri="a.zip") for data in (first, second)]
    enqueue(home.database, INGESTION_QUEUE, bodies)
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, provenance.STAGE)

    assert dead_letters(home.database) == []
    assert_whole(home, {"a.zip": second, "member:a.zip!/fog": FOG.encode(), "member:a.zip!/tides": TIDES.encode()})
    assert parents(client) == {"a.zip": None, "member:a.zip!/fog": "a.zip", "member:a.zip!/tides": "a.zip"}
    assert search(home, "dance", mode="lexical")["results"] == []
    assert search(home, "inside", mode="lexical")["results"] == []


def test_lineage_leads_from_a_file_to_the_archives_that_it_lay_in(home: Resources) -> None:
    run(home, zipped({"in.zip": zipped({"bees": BEES.encode()})}))
    [hit] = search(home, "dance", mode="lexical")["results"]

    found = find_lineage(home, LineageQuery(hit["atomHash"], direction="upstream"))

    ids = {row["sourceUri"]: f"Source:{row['sourceId']}" for row in all_sources(home)}
    derived = [(edge["from"], edge["to"]) for edge in found["edges"] if edge["type"] == "DERIVED_FROM"]
    inner = "member:a.zip!/in.zip"
    assert sorted(derived) == sorted([(ids[f"{inner}!/bees"], ids[inner]), (ids[inner], ids["a.zip"])])


def test_an_ingest_counts_what_cannot_be_searched_in_an_archive_with_the_reasons(home: Resources) -> None:
    inner = zipped({"cut.pdf": b"%PDF-1.7\nno more", "fog.txt": FOG.encode()})
    data = zipped(
        {
            "in.zip": inner,
            "also cut.pdf": b"%PDF-1.7\nno more",
            "a.png": b"\x89PNG\r\n\x1a\n" + bytes(9),
            "bees.txt": BEES.encode(),
        }
    )
    waiting = submit(home, data, source_uri="a.zip")["members"]
    run_stages_of(home, atoms.STAGE)

    found = submit(home, data, source_uri="a.zip")

    assert waiting == {"sources": 0, "notSearchable": 0, "partial": 0, "failed": 0, "unfinished": 0, "reasons": []}
    reasons = found["members"].pop("reasons")
    assert found["members"] == {"sources": 6, "notSearchable": 3, "partial": 0, "failed": 0, "unfinished": 0}
    assert [(each["kind"], each["sources"]) for each in reasons] == [("notSearchable", 2), ("notSearchable", 1)]
    assert reasons[0]["reason"] and reasons[0]["sourceUri"].endswith("cut.pdf")
    assert reasons[1] == {
        "kind": "notSearchable",
        "reason": "no picture can be read in it: it is none of PNG, JPEG, GIF, WebP, TIFF and BMP, or its header is damaged",
        "sources": 1,
        "sourceId": current(home)["member:a.zip!/a.png"]["sourceId"],
        "sourceUri": "member:a.zip!/a.png",
    }


def test_an_ingest_counts_what_is_not_done_yet_in_an_archive(home: Resources, client: Any) -> None:
    data = zipped({"fog.txt": FOG.encode()})  # once: the time is in it
    submit(home, data, source_uri="a.zip")
    run_stages_of(home, atoms.STAGE)
    client.cursor().execute("UPDATE Source SET Status = 'Landed' WHERE SourceUri LIKE 'member:%'")
    client.commit()

    assert submit(home, data, source_uri="a.zip")["members"]["unfinished"] == 1
