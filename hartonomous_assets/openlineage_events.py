"""Reports a run of the chain to OpenLineage: what it read, what it wrote, with columns and counts. No content, no uri of a tenant."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import dagster as dg

from hartonomous_assets.partitions import GRID_START
from hartonomous_assets.stage import Stage
from hartonomous_core.clock import HOUR_FORMAT, timestamp
from hartonomous_core.credentials import without_credentials
from hartonomous_resources.openlineage import open_sender
from hartonomous_resources.resources import Resources

if TYPE_CHECKING:
    from openlineage.client.event_v2 import DatasetEvent, RunEvent

JOB = "chain"

_ROWS_WRITTEN = {
    "sources": ("received",),
    "atoms": ("new atoms",),
    "atom_embeddings": ("embedded",),
    "atom_projections": ("projected",),
    "provenance_graph": ("nodes", "edges", "rebuilt nodes", "rebuilt edges"),
}
"""Which of a stage's counts are rows of its dataset."""

_ROWS_READ = {"ingestion_queue": "sources", "provenance_queue": "provenance_graph"}
"""The stage that counts what it received from a queue."""

_GRAPH = "provenance_graph"


@dataclass
class OpenLineageRun:
    """Counts and errors of the stages in one run, for its last event."""

    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, stage: str, counts: Mapping[str, int], error: str | None) -> None:
        """Count what a stage did in an hour; `error` quotes no content."""
        own = self.counts.setdefault(stage, {})
        for name, count in counts.items():
            own[name] = own.get(name, 0) + count
        if error is not None:
            self.errors.append(f"{stage}: {error}")


@contextmanager
def report_run(
    resources: Resources, run_id: str, hours: Sequence[str], stages: Sequence[Stage]
) -> Iterator[OpenLineageRun]:
    """Report to OpenLineage, where the settings ask for it, that a run starts, and how it ends."""
    run = OpenLineageRun()
    sender = open_sender(resources.settings)
    if sender is None:
        yield run
        return
    events = _Events(resources, run_id, hours, stages)
    try:
        for dataset in events.datasets():
            sender.send(dataset)
        sender.send(events.run("START", run))
        try:
            yield run
        except BaseException as error:
            asked_to_stop = isinstance(error, KeyboardInterrupt | dg.DagsterExecutionInterruptedError)
            if not asked_to_stop:
                run.errors.append(type(error).__name__)  # its words may quote content
            sender.send(events.run("ABORT" if asked_to_stop else "FAIL", run), last=True)
            raise
        sender.send(events.run("FAIL" if run.errors else "COMPLETE", run), last=True)
    finally:
        sender.close()


class _Events:
    """Builds the events of one run with the classes of the official client."""

    def __init__(self, resources: Resources, run_id: str, hours: Sequence[str], stages: Sequence[Stage]) -> None:
        from openlineage.client import event_v2

        # Facets and events name it as their producer; the client's own default would say that the client made them.
        event_v2.set_producer(f"urn:hartonomous:{version('hartonomous')}")
        self._resources = resources
        self._namespace = resources.settings.openlineage_namespace
        self._run_id = run_id
        self._hours = [datetime.strptime(hour, HOUR_FORMAT).replace(tzinfo=UTC) for hour in sorted(hours)]
        self._outputs = {stage.name: stage for stage in stages}
        read = (dependency.asset_key.path[-1] for stage in stages for dependency in stage.spec.deps)
        self._inputs = [name for name in dict.fromkeys(read) if name not in self._outputs]

    def datasets(self) -> "Iterator[DatasetEvent]":
        """Describe each dataset, whatever the run does."""
        from openlineage.client.event_v2 import DatasetEvent, StaticDataset

        for name in (*self._inputs, *self._outputs):
            dataset = StaticDataset(self._namespace, name, facets=self._facets(name))
            yield DatasetEvent(eventTime=timestamp(), dataset=dataset)

    def run(self, state: str, run: OpenLineageRun) -> "RunEvent":
        """Build the event of the run in this state: START, COMPLETE, FAIL or ABORT."""
        from openlineage.client import event_v2
        from openlineage.client.facet_v2 import job_type_job

        job_type = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DAGSTER", jobType="JOB")
        return event_v2.RunEvent(
            eventTime=timestamp(),
            eventType=event_v2.RunState[state],
            run=event_v2.Run(self._run_id, self._run_facets(run)),
            job=event_v2.Job(self._namespace, JOB, {"jobType": job_type}),
            inputs=[self._input(name, run, ended=state != "START") for name in self._inputs],
            outputs=[self._output(name, run, ended=state != "START") for name in self._outputs],
        )

    def _run_facets(self, run: OpenLineageRun) -> dict[str, Any]:
        from openlineage.client.facet_v2 import error_message_run, nominal_time_run, processing_engine_run

        facets: dict[str, Any] = {
            "nominalTime": nominal_time_run.NominalTimeRunFacet(
                _iso(self._hours[0]),
                _iso(self._hours[-1] + timedelta(hours=24 if GRID_START.period == "day" else 1)),
            ),
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(
                version=version("dagster"), name="dagster", openlineageAdapterVersion=version("hartonomous")
            ),
        }
        if run.errors:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet("; ".join(run.errors), "PYTHON")
        return facets

    def _input(self, name: str, run: OpenLineageRun, *, ended: bool) -> Any:
        from openlineage.client.event_v2 import InputDataset
        from openlineage.client.facet_v2 import input_statistics_input_dataset

        statistics: dict[str, Any] = {}
        if ended and (stage := _ROWS_READ.get(name)) in self._outputs:
            received = run.counts.get(stage, {}).get("received", 0)
            statistics["inputStatistics"] = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(received)
        return InputDataset(self._namespace, name, facets=self._facets(name), inputFacets=statistics)

    def _output(self, name: str, run: OpenLineageRun, *, ended: bool) -> Any:
        from openlineage.client.event_v2 import OutputDataset
        from openlineage.client.facet_v2 import output_statistics_output_dataset

        statistics: dict[str, Any] = {}
        if ended:
            counts = run.counts.get(name, {})
            statistics["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=sum(counts.get(written, 0) for written in _ROWS_WRITTEN[name]), size=counts.get("new bytes")
            )
        return OutputDataset(self._namespace, name, facets=self._facets(name), outputFacets=statistics)

    def _facets(self, name: str) -> dict[str, Any]:
        """Describe where a dataset lies and, where a stage writes it, which columns it has."""
        from openlineage.client.facet_v2 import datasource_dataset, schema_dataset

        store = self._resources.graph if name == _GRAPH else self._resources.database
        facets: dict[str, Any] = {
            "dataSource": datasource_dataset.DatasourceDatasetFacet(store.name, self._uri_of_store(name))
        }
        if name in self._outputs:
            columns = self._outputs[name].spec.metadata["dagster/column_schema"].columns
            facets["schema"] = schema_dataset.SchemaDatasetFacet(
                [
                    schema_dataset.SchemaDatasetFacetFields(column.name, column.type, column.description)
                    for column in columns
                ]
            )
        return facets

    def _uri_of_store(self, name: str) -> str | None:
        """Return the store's uri; None for a server given by a whole connection string, which may hold a password."""
        settings = self._resources.settings
        if name == _GRAPH and settings.neo4j_uri is not None:
            return without_credentials(settings.neo4j_uri)
        if not settings.uses_sqlserver:
            return settings.database_path.as_uri()
        if settings.sqlserver_server is None:
            return None
        place = settings.sqlserver_server.removeprefix("tcp:").replace(",", ":").replace("\\", "/")
        return f"mssql://{quote(place, safe='/:')}"


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
