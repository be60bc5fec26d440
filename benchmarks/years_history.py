"""Makes years of Dagster's history in PostgreSQL: the rows of one real run of the chain, copied in SQL for every hour.

Each copy has its own run id, its hour and its time, in the columns and inside the documents, and goes into every table in which the real run
has rows. So what is asked of it later is asked of rows as Dagster wrote them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

_COPIES = """
CREATE TEMP TABLE copy AS
SELECT gen_random_uuid()::text AS run_id, to_char(date_trunc(%(period)s, begun), 'YYYY-MM-DD-HH24:00') AS hour, begun,
       extract(epoch FROM begun)::numeric(20, 3) AS epoch, trunc(extract(epoch FROM date_trunc(%(period)s, begun))) AS opens
FROM (SELECT %(first)s::timestamp + make_interval(secs => %(step)s) * (floor(n::float8 * %(hours)s / %(runs)s))
               + interval '7 seconds' * (n %% 400) AS begun
      FROM generate_series(0, %(runs)s - 1) AS n) AS times ORDER BY begun"""

_TEMPLATE = """
CREATE TEMP TABLE template AS
SELECT id, regexp_replace(event, '"timestamp": [0-9.]+', '"timestamp": @time@', 'g') AS event, dagster_event_type, step_key, asset_key, partition
FROM event_logs WHERE run_id = %(run)s"""

_RUNS = """
INSERT INTO runs (run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, partition_set, create_timestamp, update_timestamp,
                  start_time, end_time)
SELECT c.run_id, r.snapshot_id, r.pipeline_name, r.mode, r.status,
       replace(replace(replace(replace(r.run_body, r.run_id, c.run_id), %(hour)s, c.hour), %(opens)s, c.opens || '.0'),
               %(closes)s, c.opens + %(step)s || '.0'),
       CASE WHEN r.partition IS NULL THEN NULL ELSE c.hour END, r.partition_set, c.begun, c.begun + interval '4 seconds', c.epoch, c.epoch + 4
FROM copy AS c CROSS JOIN runs AS r WHERE r.run_id = %(run)s ORDER BY c.begun"""

_TAGS = """
INSERT INTO run_tags (run_id, key, value)
SELECT c.run_id, t.key, replace(replace(t.value, %(run)s, c.run_id), %(hour)s, c.hour)
FROM copy AS c CROSS JOIN run_tags AS t WHERE t.run_id = %(run)s"""

_EVENTS = """
INSERT INTO event_logs (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)
SELECT c.run_id, replace(replace(replace(e.event, '@time@', c.epoch::text), %(run)s, c.run_id), %(hour)s, c.hour),
       e.dagster_event_type, c.begun, e.step_key, e.asset_key, CASE WHEN e.partition IS NULL THEN NULL ELSE c.hour END
FROM copy AS c CROSS JOIN template AS e ORDER BY c.begun, e.id"""

_EVENT_TAGS = """
INSERT INTO asset_event_tags (event_id, asset_key, key, value, event_timestamp)
SELECT e.id, t.asset_key, t.key, t.value, e.timestamp
FROM asset_event_tags AS t JOIN event_logs AS e ON e.asset_key = t.asset_key AND e.dagster_event_type = 'ASSET_MATERIALIZATION'
WHERE e.run_id <> %(run)s"""

_CHECKS = """
WITH checked AS MATERIALIZED (
  SELECT asset_key, check_name, execution_status,
         regexp_replace(evaluation_event, '"timestamp": [0-9.]+', '"timestamp": @time@', 'g') AS evaluation_event
  FROM asset_check_executions WHERE run_id = %(run)s)
INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status, evaluation_event, evaluation_event_timestamp,
                                    evaluation_event_storage_id, materialization_event_storage_id, create_timestamp)
SELECT k.asset_key, k.check_name, c.hour, c.run_id, k.execution_status,
       replace(replace(replace(k.evaluation_event, '@time@', c.epoch::text), %(run)s, c.run_id), %(hour)s, c.hour),
       c.begun, m.id, m.id, c.begun
FROM checked AS k CROSS JOIN copy AS c
JOIN event_logs AS m ON m.run_id = c.run_id AND m.asset_key = k.asset_key AND m.dagster_event_type = 'ASSET_MATERIALIZATION'"""

STEPS = {"hour": 3600, "day": 86_400}
"""Seconds of a partition."""

TABLES = (
    "runs",
    "run_tags",
    "event_logs",
    "asset_event_tags",
    "asset_check_executions",
    "asset_keys",
    "job_ticks",
    "snapshots",
)


@contextmanager
def connected(url: str) -> Iterator[Any]:
    """Yield a cursor that commits each statement."""
    import psycopg2

    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        yield connection.cursor()
    finally:
        connection.close()


def copy_runs(url: str, run_id: str, hour: datetime, first: datetime, runs: int, hours: int, period: str) -> None:
    """Copy the run of `hour` so many times, evenly over so many hours, or days, from `first` on, the oldest first."""
    step = STEPS[period]
    opens = int(hour.timestamp())
    values = {
        "run": run_id,
        "hour": hour.strftime("%Y-%m-%d-%H:00"),
        "opens": f"{opens}.0",
        "closes": f"{opens + step}.0",
        "period": period,
        "step": step,
        "first": first.replace(tzinfo=None).isoformat(),
        "runs": runs,
        "hours": hours,
    }
    with connected(url) as cursor:
        cursor.execute("SET synchronous_commit = off")
        for statement in (
            _COPIES,
            "ANALYZE copy",
            _TEMPLATE,
            _RUNS,
            _TAGS,
            _EVENTS,
            "ANALYZE event_logs",
            _EVENT_TAGS,
            _CHECKS,
        ):
            cursor.execute(statement, values)
        cursor.execute("VACUUM ANALYZE")


def bytes_of(url: str, *, packed: bool) -> dict[str, int]:
    """Return the bytes of each table with its indexes; packed: without the room that deleted rows have left."""
    with connected(url) as cursor:
        if packed:
            cursor.execute("VACUUM FULL ANALYZE")
        sizes = {}
        for table in TABLES:
            cursor.execute(f"SELECT pg_total_relation_size('{table}')")
            sizes[table] = cursor.fetchone()[0]
    return sizes
