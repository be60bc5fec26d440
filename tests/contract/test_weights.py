"""Model weights through the stages, on every backend: found by the names of tensors, shared by models, rebuilt byte for byte."""

from collections.abc import Callable
from typing import Any

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import Invalid, NotFound
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from hartonomous_service.weight_comparison import compare_weights
from tests.backends import rows
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of
from tests.unit.gguf_files import a_gguf
from tests.unit.weight_files import BROKEN_SAFETENSORS, a_safetensors, drawn, layers


def take_in(home: Resources, files: dict[str, bytes]) -> None:
    """Take files in, and see that they are rebuilt."""
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri=name) for name, data in files.items()])
    run_stages_of(home, landing.STAGE, atoms.STAGE)
    for source in all_sources(home):
        assert b"".join(reconstruct(home, source["sourceId"])) == files[source["sourceUri"]]
    assert not verify_sources(home)["failed"]


def test_models_share_their_tensors_and_are_found_by_name(make_home: Callable[..., Resources], client: Any) -> None:
    home = make_home()
    base = layers(3)
    tuned = {**base, "model.layers.1.attn.q_proj.weight": drawn(77, 64, 64, dtype="BF16")}
    take_in(home, {"base.safetensors": a_safetensors(base), "tuned.safetensors": a_safetensors(tuned)})

    counted = "SELECT COUNT(*) AS n FROM Atom WHERE Modality = 'tensor' AND Subtype = 'weights'"
    assert rows(client, counted)[0]["n"] == len(base) + 1
    [hit, *_] = search(home, "model.layers.1.attn.q_proj.weight", mode="lexical")["results"]
    assert hit["text"].splitlines()[1] == "tensor model.layers.1.attn.q_proj.weight, bf16, 64 x 64"
    assert {place["sourceUri"] for place in hit["sources"]} == {"base.safetensors", "tuned.safetensors"}
    assert rows(client, "SELECT COUNT(*) AS n FROM BackgroundJob j JOIN Atom a ON a.AtomId = j.AtomId"
                        " WHERE a.Modality = 'tensor'")[0]["n"] == 0  # fmt: skip
    for source in all_sources(home):
        shown = show_source(home, source["sourceId"])
        assert (shown["searchable"], shown["errorMessage"]) == (True, None)


def test_a_file_that_breaks_a_rule_is_kept_and_says_which(make_home: Callable[..., Resources]) -> None:
    home = make_home()
    data, expected = BROKEN_SAFETENSORS["overlap"]
    take_in(home, {"broken.safetensors": data})
    [source] = all_sources(home)
    note = show_source(home, source["sourceId"])["errorMessage"]
    assert note is not None and expected in note


def test_weights_are_stored_packed_and_what_is_damaged_is_told(make_home: Callable[..., Resources]) -> None:
    home = make_home()
    large = {"wide": drawn(3, 450, 450, dtype="BF16"), "plain": drawn(4, 300, 300)}
    take_in(home, {"large.safetensors": a_safetensors(large)})

    [source] = all_sources(home)
    stored, came = home.blobs.stored_bytes(), source["byteLength"]
    assert stored < 0.8 * came
    [key, _] = home.blobs.list_keys()
    [packed] = home.settings.blob_dir.glob(f"*/*/{key.partition('/')[2]}.planes")
    packed.write_bytes(packed.read_bytes()[:-9])
    [failed] = verify_sources(home)["failed"]
    assert "does not have the hash that names it" in failed["error"]


def states(result: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in result["tensors"]:
        found.setdefault(each["state"], []).append(each["tensor"])
    return found


def test_two_models_say_what_they_share_and_what_that_saves(make_home: Callable[..., Resources]) -> None:
    home = make_home()
    base = layers(2)
    tuned = {
        **base,
        "model.layers.0.attn.q_proj.weight": drawn(77, 64, 64, dtype="BF16"),
        "other.name": base["embed.weight"],
        "new": drawn(78, 8, 8),
    }
    del tuned["embed.weight"], tuned["model.layers.1.mlp.up_proj.weight"]
    take_in(home, {"base.safetensors": a_safetensors(base), "tuned.gguf": a_gguf(tuned), "notes.txt": b"Fog."})

    result = compare_weights(home, "base.safetensors", "tuned.gguf")
    found = states(result)
    assert found["changed"] == ["model.layers.0.attn.q_proj.weight"]
    assert (found["renamed"], found["added"]) == (["other.name"], ["new"])
    assert sorted(found["removed"]) == ["embed.weight", "model.layers.1.mlp.up_proj.weight"]
    assert len(found["same"]) == len(base) - 3
    shared = set(base) - {"model.layers.0.attn.q_proj.weight", "model.layers.1.mlp.up_proj.weight"}
    assert result["savedBytes"] == sum(len(base[name].data) for name in shared)
    by_id = {source["sourceUri"]: str(source["sourceId"]) for source in all_sources(home)}
    assert compare_weights(home, by_id["base.safetensors"], by_id["tuned.gguf"]) == result
    for wrong, kind in (("nothing.gguf", NotFound), ("99", NotFound), ("notes.txt", Invalid)):
        with pytest.raises(kind):
            compare_weights(home, "base.safetensors", wrong)
    with pytest.raises(NotFound):
        compare_weights(home, "base.safetensors", "tuned.gguf", tenant=1)


def test_shards_of_a_model_are_one(make_home: Callable[..., Resources]) -> None:
    home = make_home()
    whole = layers(2)
    names = list(whole)
    shards = {
        f"m-{number:05}-of-00003.safetensors": a_safetensors({name: whole[name] for name in part})
        for number, part in ((1, names[:3]), (2, names[3:]))
    }
    take_in(home, {"m.safetensors": a_safetensors(whole), **shards})

    result = compare_weights(home, "m.safetensors", "m-00002-of-00003.safetensors")
    assert set(states(result)) == {"same"} and len(result["tensors"]) == len(whole)
    assert (len(result["second"]["sourceIds"]), result["second"]["missingShards"]) == (2, 1)
    assert result["savedBytes"] == result["first"]["bytes"] == result["second"]["bytes"]
