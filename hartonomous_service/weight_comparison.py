"""Says which tensors two models share, and how many bytes are stored once for both."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hartonomous_resources.database.protocol import Row, UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import Tenant, Text, checked
from hartonomous_service.errors import Conflict, Invalid, NotFound
from hartonomous_service.source_records import find_atomized

_ROWS_PER_READ = 10_000
_SHARD = re.compile(r"(.*-)([0-9]{5})[-]of[-]([0-9]{5})(\.[A-Za-z]+)", re.DOTALL)
"""How Hugging Face and llama.cpp name the files of one model."""
_MOST_SHARDS = 1000


@dataclass(slots=True)
class _Tensor:
    """A tensor as its source holds it: the hashes of its atoms, in order."""

    dtype: str
    shape: list[int]
    atoms: list[tuple[str, int]]

    @property
    def byte_length(self) -> int:
        return sum(length for _, length in self.atoms)


@checked
def compare_weights(resources: Resources, first: Text, second: Text, *, tenant: Tenant = 0) -> dict[str, Any]:
    """Compare the tensors of two models, each given by the id or the uri of a source; of a shard all shards are taken.

    Returns {"first", "second": {"sourceIds", "missingShards", "tensors", "bytes"}, "tensors": [{"tensor", "dtype", "shape", "bytes",
    "sharedBytes", "state"}], "savedBytes"}. `state` is same, renamed (then `firstName` is its name there), changed or added; removed are
    those of the first alone. `savedBytes` are those of atoms that both have: they are stored once.

    Raises NotFound for a source that is not there, Conflict for one that is not Atomized, Invalid for one without tensors.
    """

    def read(unit_of_work: UnitOfWork) -> list[tuple[dict[str, Any], dict[str, _Tensor]]]:
        return [_model(unit_of_work, each, name, tenant) for each, name in ((first, "first"), (second, "second"))]

    (about_first, of_first), (about_second, of_second) = ask(resources.database, read)
    atoms_of_first = {atom for tensor in of_first.values() for atom in tensor.atoms}
    names = {tuple(tensor.atoms): name for name, tensor in of_first.items()}
    tensors = [
        _described(name, tensor, sum(atom[1] for atom in tensor.atoms if atom in atoms_of_first))
        | _state(name, tensor, of_first, names)
        for name, tensor in of_second.items()
    ]
    gone = {name: tensor for name, tensor in of_first.items() if name not in of_second}
    tensors += [{**_described(name, tensor, 0), "state": "removed"} for name, tensor in gone.items()]
    both = atoms_of_first & {atom for tensor in of_second.values() for atom in tensor.atoms}
    return {
        "first": about_first,
        "second": about_second,
        "tensors": tensors,
        "savedBytes": sum(length for _, length in both),
    }


def _state(
    name: str, tensor: _Tensor, of_first: dict[str, _Tensor], names: dict[tuple[tuple[str, int], ...], str]
) -> dict[str, Any]:
    other = of_first.get(name)
    if other is not None and (other.atoms, other.dtype, other.shape) == (tensor.atoms, tensor.dtype, tensor.shape):
        return {"state": "same"}
    if (elsewhere := names.get(tuple(tensor.atoms))) not in (None, name):
        return {"state": "renamed", "firstName": elsewhere}
    return {"state": "added" if other is None else "changed"}


def _described(name: str, tensor: _Tensor, shared: int) -> dict[str, Any]:
    return {
        "tensor": name,
        "dtype": tensor.dtype,
        "shape": tensor.shape,
        "bytes": tensor.byte_length,
        "sharedBytes": shared,
    }


def _model(
    unit_of_work: UnitOfWork, said: str, argument: str, tenant: int
) -> tuple[dict[str, Any], dict[str, _Tensor]]:
    sources, missing = _sources(unit_of_work, said, argument, tenant)
    tensors: dict[str, _Tensor] = {}
    for source in sources:
        for row in _rows(unit_of_work, source["sourceId"]):
            place = json.loads(row["locator"])
            if "tensor" in place:
                tensor = tensors.setdefault(place["tensor"], _Tensor(place["dtype"], place["shape"], []))
                tensor.atoms.append((row["hash"], row["byteLength"]))
    if not tensors:
        raise Invalid(
            f"source {sources[0]['sourceId']} has no tensors: it is no file of weights that is read", argument=argument
        )
    about = {
        "sourceIds": [source["sourceId"] for source in sources],
        "missingShards": missing,
        "tensors": len(tensors),
        "bytes": sum(tensor.byte_length for tensor in tensors.values()),
    }
    return about, tensors


def _sources(unit_of_work: UnitOfWork, said: str, argument: str, tenant: int) -> tuple[list[Row], int]:
    """Return the current sources of a model, and how many of its shards are not among them."""
    if said.isascii() and said.isdigit() and len(said) < 19:
        source = find_atomized(unit_of_work, int(said), tenant)
    elif found := _atomized(unit_of_work, [said], tenant):
        source = found[0]
    else:
        raise NotFound(f"{said} is no source that is taken in", argument=argument, remedy="list_sources")
    shard = _SHARD.fullmatch(source["sourceUri"])
    if shard is None or not 0 < int(shard[3]) <= _MOST_SHARDS:
        return [source], 0
    uris = [f"{shard[1]}{number:05}-of-{shard[3]}{shard[4]}" for number in range(1, int(shard[3]) + 1)]
    found = sorted(_atomized(unit_of_work, uris, tenant), key=lambda each: str(each["sourceUri"]))
    if source["sourceId"] not in {each["sourceId"] for each in found}:
        raise Conflict(f"source {source['sourceId']} is an older version of its shard", argument=argument)
    return found, len(uris) - len(found)


def _atomized(unit_of_work: UnitOfWork, uris: list[str], tenant: int) -> list[Row]:
    rows = unit_of_work.query("sources_by_uri", tenant_id=tenant, source_uris=json.dumps(uris))
    return [row for row in rows if row["status"] == "Atomized"]


def _rows(unit_of_work: UnitOfWork, source_id: int) -> Iterator[Row]:
    """Yield the atoms of a source that have a locator, in order."""
    ordinal = 0
    while True:
        rows = unit_of_work.query("source_tensors", source_id=source_id, from_ordinal=ordinal, n=_ROWS_PER_READ)
        yield from rows
        if len(rows) < _ROWS_PER_READ:
            return
        ordinal = rows[-1]["ordinal"] + 1
