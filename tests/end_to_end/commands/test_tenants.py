"""No command tells a tenant of another one's."""

import hashlib
from pathlib import Path

from tests.end_to_end.commands.folder import Ingested


def test_what_belongs_to_another_tenant_reads_as_what_does_not_exist(ingested: Ingested, tmp_path: Path) -> None:
    mine = {
        "source": str(ingested.source_id("bread.md")),
        "atom": hashlib.sha256(b"Knead the dough for ten minutes.").hexdigest(),
        "job": ingested.home.value("SELECT MIN(JobId) FROM BackgroundJob WHERE TenantId = 0"),
    }
    nobodys = {"source": "999999", "atom": "0" * 64, "job": "00000000-0000-7000-8000-000000000000"}
    out = tmp_path / "out"
    commands = {
        "source": [["sources", "show"], ["sources", "withdraw"], ["lineage"], ["reconstruct", "-o", out]],
        "atom": [["lineage"]],
        "job": [["jobs", "show"]],
    }
    asked = [(kind, command) for kind, of_kind in commands.items() for command in of_kind]

    results = ingested.home.run_all(
        *([*command, names[kind], "--tenant", "7"] for kind, command in asked for names in (mine, nobodys))
    )

    for (kind, command), of_other, of_nobody in zip(asked, results[::2], results[1::2], strict=True):
        assert of_other.code == of_nobody.code == 1, command
        assert of_other.error.replace(mine[kind], "…") == of_nobody.error.replace(nobodys[kind], "…")
    assert not out.exists()


def test_search_and_lists_and_counts_hold_only_the_tenants_own(ingested: Ingested) -> None:
    own = {"The harbour lay quiet under the fog.", "A lantern swung above the customs house."}

    found = ingested.home.json("search", "dough lantern harbour", "--tenant", "7", "-k", "100")["results"]
    listed = ingested.home.json("sources", "list", "--tenant", "7")["sources"]
    stats = ingested.home.json("stats", "--tenant", "7")

    assert {hit["text"] for hit in found} == own
    assert {place["sourceId"] for hit in found for place in hit["sources"]} == {source["sourceId"] for source in listed}
    assert (stats["sources"], stats["embeddings"]) == (1, len(own))


def test_a_tenant_cannot_tell_that_another_has_the_same_bytes(ingested: Ingested) -> None:
    [source] = ingested.home.json("sources", "list", "--tenant", "7")["sources"]

    assert source["newAtomCount"] == source["atomCount"] > 0


def test_all_tenants_shows_everything(ingested: Ingested) -> None:
    listed = ingested.home.json("sources", "list", "--all-tenants")["sources"]

    assert {source["tenantId"] for source in listed} == {0, 7}
