"""The published JSON schemas of OpenLineage, and events held against the ones that they name.

The schemas (Apache-2.0) lie under `openlineage/` in the folder of HARTONOMOUS_TEST_DATA, by the path of their address; else they are
fetched from openlineage.io, once, into the user's cache.
"""

import json
import os
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

_BESIDE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


@cache
def _schema(address: str) -> Any:
    path = urlsplit(address).path.lstrip("/")
    given = Path(os.environ.get("HARTONOMOUS_TEST_DATA", _BESIDE_CHECKOUT)) / "openlineage" / path
    kept = platformdirs.user_cache_path("hartonomous") / "openlineage" / path
    for file in (given, kept):
        if file.is_file():
            return json.loads(file.read_bytes())
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - the address begins with https://openlineage.io
            content = answer.read()
    except (urllib.error.URLError, TimeoutError):
        pytest.skip("NOT TESTED: OpenLineage's schemas; put them into openlineage/ under HARTONOMOUS_TEST_DATA")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(content)
    return json.loads(content)


def _complaints(document: Any, address: str) -> list[str]:
    assert address.startswith("https://openlineage.io/spec/"), address
    registry: Registry[Any] = Registry(retrieve=lambda uri: Resource.from_contents(_schema(uri)))
    validator = Draft202012Validator({"$ref": address}, registry=registry, format_checker=FormatChecker())
    return [f"{address}: {error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def violations(event: dict[str, Any]) -> list[str]:
    """What is wrong with an event and its facets, each by the schema that it names."""
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
