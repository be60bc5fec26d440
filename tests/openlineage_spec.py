"""Checks events against the published JSON schemas of OpenLineage that they name, which are in `openlineage/` beside this file."""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

_SCHEMAS = Path(__file__).with_name("openlineage")


@cache
def _schema(address: str) -> Any:
    path = urlsplit(address).path.lstrip("/")
    if not (_SCHEMAS / path).is_file():
        pytest.fail(f"an event names {address}: add it as tests/openlineage/{path}, see README.md there", pytrace=False)
    return json.loads((_SCHEMAS / path).read_bytes())


def _complaints(document: Any, address: str) -> list[str]:
    assert address.startswith("https://openlineage.io/spec/"), address
    # Its formats compile forty grammars, which takes seconds: not where only the tests are collected.
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry, Resource

    registry: Registry[Any] = Registry(retrieve=lambda uri: Resource.from_contents(_schema(uri)))
    validator = Draft202012Validator({"$ref": address}, registry=registry, format_checker=FormatChecker())
    return [f"{address}: {error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def find_violations(event: dict[str, Any]) -> list[str]:
    """List what is wrong with an event and its facets, each by the schema that it names."""
    found = _complaints(event, event["schemaURL"])
    places = [event.get("run", {}), event.get("job", {}), event.get("dataset", {})]
    places += [*event.get("inputs", []), *event.get("outputs", [])]
    for place in places:
        for kind in ("facets", "inputFacets", "outputFacets"):
            for name, facet in place.get(kind, {}).items():
                # A facet's schema describes the object of facets that holds it under its name, and the facet itself under $defs.
                found += _complaints(facet, facet["_schemaURL"])
                found += _complaints({name: facet}, facet["_schemaURL"].partition("#")[0])
    return found
