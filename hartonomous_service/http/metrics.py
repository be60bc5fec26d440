"""What Prometheus scrapes: this server's requests and searches as they happen, the home's figures as they are at the scrape."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from hartonomous_core.embedders.cores import usable_cores
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import OUTAGES
from hartonomous_service.figures import Figures, measure_home
from hartonomous_service.http.answered_requests import route_of
from hartonomous_service.models_in_use import what_computes

_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_NO_ROUTE = "(none)"
"""Stands for whatever path no route has: a scrape must not grow with what clients make up."""


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of_route = ("method", "route")
        self.requests = Counter(
            "hartonomous_http_requests", "Requests answered.", (*of_route, "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "hartonomous_http_request_seconds",
            "From the head of a request to the end of its answer.",
            of_route,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.searches = Histogram(
            "hartonomous_search_seconds",
            "What a search took, its wait for a process included.",
            ("mode",),
            buckets=_SECONDS,
            registry=self.registry,
        )

    def count_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Count and time a request by the template of its route."""
        route = route_of(scope)
        of_route = (_NO_ROUTE, _NO_ROUTE) if route is None else (scope["method"], route)
        self.requests.labels(*of_route, str(status)).inc()
        self.seconds.labels(*of_route).observe(seconds)

    def watch(self, resources: Resources) -> None:
        """Show the figures of the home with each scrape from now on."""
        self.registry.register(_HomeCollector(resources))


class _HomeCollector(Collector):
    """Reads the home at each scrape; a home that cannot be read is shown as `hartonomous_up 0`, and its figures are left out."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def describe(self) -> Iterable[Metric]:
        return []  # else the home would be read to register this

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("hartonomous_up", "Whether the home can be read.")
        try:
            figures = measure_home(self._resources)
        except OUTAGES:
            figures = None
        up.add_metric([], 0 if figures is None else 1)
        yield up
        if figures is not None:
            device = InfoMetricFamily("hartonomous_device", "What computes the embeddings of questions.")
            device.add_metric([], {**what_computes(self._resources), "cores": str(usable_cores())})
            yield device
            yield from _families(figures)


def _families(figures: Figures) -> Iterable[Metric]:
    atoms = figures.stages.get("atoms")
    ingested = CounterMetricFamily("hartonomous_atoms_ingested", "Atoms that sources were broken into.")
    ingested.add_metric([], 0 if atoms is None else atoms.done)
    seconds = CounterMetricFamily("hartonomous_stage_seconds", "Seconds that a stage has worked.", labels=["stage"])
    done = CounterMetricFamily("hartonomous_stage_done", "What a stage has done.", labels=["stage"])
    runs = CounterMetricFamily("hartonomous_stage_runs", "Runs in which a stage had work.", labels=["stage"])
    for name, stage in figures.stages.items():
        seconds.add_metric([name], stage.seconds)
        done.add_metric([name], stage.done)
        runs.add_metric([name], stage.runs)
    depth = GaugeMetricFamily("hartonomous_queue_depth", "What waits or is at work.", labels=["queue"])
    age = GaugeMetricFamily("hartonomous_queue_age_seconds", "For how long the oldest of it has.", labels=["queue"])
    for kind, waiting in figures.waiting.items():
        depth.add_metric([kind], waiting.count)
        age.add_metric([kind], waiting.seconds)
    jobs = GaugeMetricFamily("hartonomous_jobs", "Jobs.", labels=["status"])
    for status, count in figures.jobs.items():
        jobs.add_metric([status], count)
    dead = GaugeMetricFamily("hartonomous_dead_letters", "Dead letters.", value=figures.dead_letters)
    return ingested, seconds, done, runs, depth, age, jobs, dead
