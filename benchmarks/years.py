"""Measures Dagster on PostgreSQL after three years of hours: the sensor's tick, the page's partitions, the housekeeping, and bytes.

The history is one real run of the chain, copied in SQL by years_history.py, and then the real housekeeping. With fewer runs than hours
the hours that are done lie apart (`--runs 3000`): each range of them costs Dagster's page time of its own. `--partition day` makes days of
them (`--hours 1095`: three years). A tick is asked in this
process, with work waiting, as the daemon asks it; from a file to the run it is the real `hartonomous dev`. The page is asked over HTTP
with the query that it makes itself for the partitions of an asset. A server of its own is started: Debian's package postgresql must be
installed. 100,000 runs take 12 GB of disk.
"""

import json
import os
import sqlite3
import statistics
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from common import REPOSITORY, Figure, arguments, finish, note, temporary_home
from years_history import STEPS, bytes_of, copy_runs

PARTITIONS = """query PartitionHealthQuery($assetKey: AssetKeyInput!) { assetNodeOrError(assetKey: $assetKey) { ... on AssetNode { id
  partitionKeysByDimension { name type partitionKeys }
  assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startTime endTime startKey endKey } } } } } }"""
"""Dagster's own, of usePartitionHealthData.tsx, without the kinds of partitions that we have not."""

KNOWN = (
    """query Known($assetKey: AssetKeyInput!) { assetNodeOrError(assetKey: $assetKey) { ... on AssetNode { id } } }"""
)
ASSETS = ("sources", "atoms", "atom_embeddings", "atom_projections", "provenance_graph")
MIB = 2**20


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--runs", type=int, default=100_000, help="runs of the history")
    parser.add_argument("--hours", type=int, default=26_000, help="hours over which they are spread")
    parser.add_argument("--partition", choices=sorted(STEPS), default="hour", help="with day, --hours counts days")
    parser.add_argument("--rounds", type=int, default=10, help="ticks that are timed")
    options = parser.parse_args()
    sys.path.insert(0, str(REPOSITORY))
    from tests.tools.postgres import running_postgres

    with (
        running_postgres() as server,
        temporary_home(
            dagster_postgres_url=server.url(), embedding_enabled="false", linger_seconds=0, partition=options.partition
        ) as folder,
    ):
        make_history(folder, server.url(), options)
        figures = bytes_figures(server.url(), "before", options)
        figures += ticks(folder, options, "before")
        figures += page(folder, "before")
        figures += housekeep()
        figures += bytes_figures(server.url(), "after", options)
        figures += ticks(folder, options, "after")
        figures += page(folder, "after")
        return finish(figures, options.json)


def make_history(folder: Path, url: str, options: Any) -> None:
    """Make a home as old as the history, take in one file, and copy the run that did it."""
    from hartonomous_core.clock import time_text
    from hartonomous_resources.resources import open_resources
    from hartonomous_service.ingest import ingest

    note(f"{options.runs:,} runs over {options.hours:,} {options.partition}s")
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hour = hour.replace(hour=0) if options.partition == "day" else hour
    first = hour - timedelta(seconds=options.hours * STEPS[options.partition])
    resources = open_resources()
    with sqlite3.connect(resources.settings.database_path) as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = ?", (time_text(first),))
    connection.close()
    file = folder / "first.txt"
    file.write_text("A sentence for the run that is copied.")
    assert not ingest(resources, [file], wait=True)["failed"]
    [run] = instance_of().get_runs()
    started = time.monotonic()
    copy_runs(url, run.run_id, hour, first, options.runs, options.hours, options.partition)
    note(f"copied in {time.monotonic() - started:.0f} s")


def instance_of() -> Any:
    """Open the home's instance."""
    from hartonomous_resources.settings import Settings
    from hartonomous_service.dagster_home import open_instance

    return open_instance(Settings())


def ticks(folder: Path, options: Any, when: str) -> list[Figure]:
    """Time ticks of the sensor with work waiting in this hour, and in each hour of a day, of a store of their own; no run is started."""
    import dagster as dg

    from hartonomous_assets.dead_runs import fail_dead_runs
    from hartonomous_assets.definitions import defs
    from hartonomous_assets.sensors import service_broker_sensor
    from hartonomous_core.clock import hour_of, timestamp
    from hartonomous_resources.resources import open_database
    from hartonomous_resources.settings import Settings
    from tests.builders import write

    settings = Settings(home=folder / f"ticks {when}", embedding_enabled=True)  # what is written below waits for it
    database = open_database(settings)
    with sqlite3.connect(settings.database_path) as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = '2020-01-01T00:00:00.000Z'")
    connection.close()
    instance = instance_of()
    figures = []
    for asked in (1, 24):
        period = options.partition
        hours = {hour_of(timestamp(-STEPS[period] * n), period) for n in range(asked)}
        for hour in hours:
            write(database, f"A sentence of {hour}.", uri=f"file:///{when}/{asked}/{hour}", hour=hour)
        seconds = []
        for _ in range(options.rounds):
            context = dg.build_sensor_context(
                instance=instance, resources={"database": database, "settings": settings}, definitions=defs
            )
            started = time.perf_counter()
            tick = service_broker_sensor.evaluate_tick(context)
            seconds.append(time.perf_counter() - started)
            assert len(tick.run_requests or []) == asked, tick
        name = f"tick that asks for {asked} run{'s' * (asked > 1)}, {when}"
        figures.append(Figure(f"{name}: median", statistics.median(seconds), "s"))
        figures.append(Figure(f"{name}: slowest", max(seconds), "s", at_most=1.0))
    started = time.perf_counter()
    assert fail_dead_runs(instance) == []
    figures.append(Figure(f"looking for dead runs, {when}", time.perf_counter() - started, "s", at_most=1.0))
    return figures


def page(folder: Path, when: str) -> list[Figure]:
    """Ask the page of a real `hartonomous dev` for the partitions of each asset, and see how soon a file has its run."""
    from hartonomous_resources.resources import open_resources
    from hartonomous_service.ingest import ingest
    from tests.cli import Home, wait_until
    from tests.dev import make_sure_it_ended, start_dev

    resources, instance = open_resources(), instance_of()
    ours = {name for name in os.environ if name.startswith("HARTONOMOUS_")}
    chosen = {name.removeprefix("HARTONOMOUS_").lower(): os.environ[name] for name in ours}
    home = Home(resources.settings.home, resources.settings.model_dir, chosen)

    def at_rest() -> bool:
        return all(run.is_finished for run in instance.get_runs(limit=20))

    dev = start_dev(home)
    try:
        figures = []
        # The page answers before the code location has loaded.
        wait_until("the page knows the assets", lambda: _ask(dev.address, KNOWN, ASSETS[0]), 120)
        for load in ("first", "again"):
            seconds = [_partitions(dev.address, asset) for asset in ASSETS]
            # What nobody has ever asked for takes longer, once: housekeeping asks for it every day.
            at_most = None if (load, when) == ("first", "before") else 3.0
            figures.append(
                Figure(
                    f"partitions of {len(ASSETS)} assets, {load}, slowest, {when}", max(seconds), "s", at_most=at_most
                )
            )
        latencies = []
        for number in range(3):
            wait_until("rest", at_rest, 120)
            time.sleep(2.0)
            file = folder / f"{when} {number}.txt"
            file.write_text(f"A sentence {when}, {number}.")
            known = {run.run_id for run in instance.get_runs(limit=20)}
            started = time.time()
            ingest(resources, [file], wait=False)
            [new, *_] = wait_until("a run", partial(new_runs, instance, known), 60)
            latencies.append(new.create_timestamp.timestamp() - started)
        figures.append(Figure(f"from a file to its run, slowest of 3, {when}", max(latencies), "s"))
        wait_until("rest", at_rest, 120)
        return figures
    finally:
        make_sure_it_ended(dev)


def new_runs(instance: Any, known: set[str]) -> list[Any]:
    """Return the records of the latest runs that are not known yet, the newest first."""
    return [record for record in instance.get_run_records(limit=5) if record.dagster_run.run_id not in known]


def _ask(address: str, query: str, asset: str) -> Any:
    asked = urllib.request.Request(  # noqa: S310 - our own page
        f"{address}/graphql",
        json.dumps({"query": query, "variables": {"assetKey": {"path": [asset]}}}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=600) as answer:  # noqa: S310
        return json.load(answer)["data"]["assetNodeOrError"]


def _partitions(address: str, asset: str) -> float:
    started = time.perf_counter()
    found = _ask(address, PARTITIONS, asset)
    seconds = time.perf_counter() - started
    note(
        f"{asset}: {len(found['partitionKeysByDimension'][0]['partitionKeys']):,} partitions, "
        f"{len(found['assetPartitionStatuses']['ranges'])} ranges, {seconds:.2f} s"
    )
    assert found["assetPartitionStatuses"]["ranges"]
    return seconds


def housekeep() -> list[Figure]:
    """Run the real housekeeping."""
    from hartonomous_assets.definitions import defs

    figures = []
    for which in ("first", "a day later"):
        instance = instance_of()
        started = time.perf_counter()
        assert defs.resolve_job_def("housekeeping").execute_in_process(instance=instance).success
        figures.append(Figure(f"housekeeping, {which}", time.perf_counter() - started, "s"))
        note(f"housekeeping, {which}: {figures[-1].value:.0f} s")
    return figures


def bytes_figures(url: str, when: str, options: Any) -> list[Figure]:
    """Sizes of the tables that matter, and what an hour and a run take."""
    sizes = bytes_of(url, packed=when == "after")  # what was copied has no gaps
    total = sum(sizes.values())
    note(f"{when}: " + ", ".join(f"{table} {size / MIB:,.1f} MiB" for table, size in sizes.items()))
    return [
        Figure(f"tables {when}", total / MIB, "MiB"),
        Figure(f"of it, for each {options.partition}, {when}", total / options.hours / 1024, "KiB"),
    ]


if __name__ == "__main__":
    sys.exit(main())
