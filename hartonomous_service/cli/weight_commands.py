"""The command `models compare`: which tensors two files of weights share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hartonomous_service.cli.output import JsonOption, TenantOption, open_home, out, print_result, printable

_MOST_SHOWN = 20
_ModelOfWeights = Annotated[
    str, typer.Argument(metavar="SOURCE", help="Id, uri or path of a file of weights; of a shard all shards are taken.")
]


def models_compare(
    first: _ModelOfWeights, second: _ModelOfWeights, tenant: TenantOption = 0, as_json: JsonOption = False
) -> None:
    """Say which tensors two models share that were ingested, and how many bytes are stored once for both."""
    from hartonomous_service.weight_comparison import compare_weights

    with open_home() as resources:
        result = compare_weights(resources, _uri_of(first), _uri_of(second), tenant=tenant)
    print_result(result, as_json, _show)


def _uri_of(said: str) -> str:
    """Return the uri of a path of this machine; ids and uris stay as they are."""
    return said if said.isdigit() or ":" in said or not Path(said).exists() else Path(said).resolve().as_uri()


def _show(result: Any) -> None:
    for name in ("first", "second"):
        model = result[name]
        ids = ", ".join(map(str, model["sourceIds"]))
        missing = f"; {model['missingShards']:,} shards are not here" if model["missingShards"] else ""
        out.print(
            f"{name}: {model['tensors']:,} tensors, {model['bytes']:,} bytes, source {ids}{missing}", soft_wrap=True
        )
    for state in ("same", "renamed", "changed", "added", "removed"):
        tensors = [each for each in result["tensors"] if each["state"] == state]
        if not tensors:
            continue
        out.print(f"{state}: {len(tensors):,} tensors, {sum(each['bytes'] for each in tensors):,} bytes")
        for each in tensors[:_MOST_SHOWN] if state != "same" else ():
            of = f" of {printable(each['firstName'])}" if state == "renamed" else ""
            shape = " x ".join(map(str, each["shape"]))
            part = (
                f", {each['sharedBytes']:,} of {each['bytes']:,} bytes shared" if each["sharedBytes"] and not of else ""
            )
            out.print(f"  {printable(each['tensor'])}{of}, {each['dtype']}, {shape}{part}", soft_wrap=True)
        if state != "same" and len(tensors) > _MOST_SHOWN:
            out.print(f"  and {len(tensors) - _MOST_SHOWN:,} more; --json has all")
    total = result["second"]["bytes"]
    percent = 100 * result["savedBytes"] / total if total else 0
    out.print(f"stored once for both: {result['savedBytes']:,} bytes, {percent:.1f}% of the second")
