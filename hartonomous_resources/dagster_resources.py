"""The outside as Dagster resources, injected into each asset under the names of `all_resources`."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

from hartonomous_resources.blobs import Blobs
from hartonomous_resources.compute.protocol import ModelCompute
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.logs import configure_logging
from hartonomous_resources.resources import (
    Resources,
    database_of,
    open_blobs,
    open_compute,
    open_database,
    open_graph,
)
from hartonomous_resources.settings import Settings


class SettingsResource(dg.ConfigurableResource[Settings]):
    """Settings from HARTONOMOUS_* variables; `overrides` replaces some of them for one run, from the launchpad."""

    overrides: dict[str, Any] = Field(
        default={}, description="Settings to replace, by field name, such as {'linger_seconds': 0}."
    )

    def create_resource(self, context: dg.InitResourceContext) -> Settings:
        settings = Settings(**self.overrides)
        configure_logging(settings)
        return settings


class DatabaseResource(dg.ConfigurableResource[Database]):
    """Tables and queues in one transaction."""

    settings: dg.ResourceDependency[Settings]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Database]:
        with closing(open_database(self.settings)) as opened:
            yield opened


class GraphResource(dg.ConfigurableResource[Graph]):
    """The provenance graph."""

    settings: dg.ResourceDependency[Settings]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Graph]:
        # Of this database nothing is opened before the graph is asked. Dagster would open one that is depended on once more.
        with closing(database_of(self.settings)) as database, closing(open_graph(self.settings, database)) as opened:
            yield opened


class GpuResource(dg.ConfigurableResource[ModelCompute]):
    """Embedding and projection."""

    settings: dg.ResourceDependency[Settings]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[ModelCompute]:
        with closing(open_compute(self.settings)) as opened:
            yield opened


class BlobsResource(dg.ConfigurableResource[Blobs]):
    """Bytes too large for a table row."""

    settings: dg.ResourceDependency[Settings]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Blobs]:
        with closing(open_blobs(self.settings)) as opened:
            yield opened


def resources_by_name(opened: Resources) -> dict[str, object]:
    """Return resources that are open already by the names of `all_resources`; whoever opened them closes them."""
    return {
        "settings": opened.settings,
        "database": opened.database,
        "graph": opened.graph,
        "gpu": opened.compute,
        "blobs": opened.blobs,
    }


def all_resources() -> dict[str, object]:
    """Return the resources by the names under which assets ask for them."""
    settings = SettingsResource()
    return {
        "settings": settings,
        "database": DatabaseResource(settings=settings),
        "graph": GraphResource(settings=settings),
        "gpu": GpuResource(settings=settings),
        "blobs": BlobsResource(settings=settings),
    }
