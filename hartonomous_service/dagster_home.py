"""Opens Dagster's own storage in the home, and runs the chain in this process through it."""

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote
from uuid import uuid4

from filelock import FileLock

from hartonomous_resources.processes import ProcessIdentity, this_process
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import PATHS, Settings, variable_of
from hartonomous_service.dagster_storage import POSTGRES_VARIABLE, place_dagster_yaml, require_postgres

if TYPE_CHECKING:
    import dagster as dg


def prepare_dagster_home(settings: Settings) -> Path:
    """Make $HARTONOMOUS_HOME/dagster the DAGSTER_HOME of this process, with the dagster.yaml of this installation.

    Raises Conflict when the settings contradict a dagster.yaml of the user's own.
    """
    folder = settings.dagster_home
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    place_dagster_yaml(settings)
    if settings.dagster_postgres_url is not None:
        # dagster.yaml names the variable; processes that we start read it there.
        os.environ[POSTGRES_VARIABLE] = settings.dagster_postgres_url.get_secret_value()
    os.environ["DAGSTER_HOME"] = str(folder)
    # Whatever this process starts runs in another folder: what was given by a relative path is the same there.
    paths = {"home": settings.home} | {name: getattr(settings, name) for name in PATHS & settings.model_fields_set}
    os.environ.update({variable_of(name): str(path) for name, path in paths.items()})
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    return folder


def get_instance(settings: Settings) -> "dg.DagsterInstance":
    """Return the Dagster instance of the home, and change no run in it.

    Raises Unavailable when its storage is on a PostgreSQL that cannot be used.
    """
    prepare_dagster_home(settings)
    if settings.dagster_postgres_url is not None:
        require_postgres(settings.dagster_postgres_url.get_secret_value())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own deprecations are not the user's business
        import dagster as dg
    with FileLock(settings.dagster_home / ".lock"):  # two first commands at once would both create Dagster's tables
        return dg.DagsterInstance.get()


def has_instance(settings: Settings) -> bool:
    """Tell whether Dagster has stored anything of this home, or stores it on a server; without importing Dagster."""
    return settings.dagster_postgres_url is not None or (settings.dagster_home / "dagster.yaml").exists()


def open_instance(settings: Settings) -> "dg.DagsterInstance":
    """Return the Dagster instance of the home, after marking runs whose process died as failed."""
    instance = get_instance(settings)
    from hartonomous_assets.dead_runs import fail_dead_runs

    for marker in _markers_of_killed_runs(settings):
        marker.unlink(missing_ok=True)
    for run_id in fail_dead_runs(instance):
        print(f"run {run_id} had lost its process and is now marked failed", file=sys.stderr)  # noqa: T201
    return instance


def run_chain(
    settings: Settings, instance: "dg.DagsterInstance", hour: str, resources: Resources | None = None
) -> "dg.ExecuteInProcessResult":
    """Run the chain of an hour once, in this process; Dagster's page shows the run like any other.

    It works with `resources`, where they are open already, else it opens its own.
    The result's `success` says how it ended; errors of a stage are not raised.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager

        from hartonomous_assets.definitions import defs
        from hartonomous_assets.our_runs import CHAIN_JOB_NAME, process_tags
        from hartonomous_resources.dagster_resources import resources_by_name
    marker = settings.dagster_home / "in-process" / quote(str(this_process()), safe="")
    marker.parent.mkdir(exist_ok=True)
    marker.touch()
    run_id = str(uuid4())
    # What a command prints is for its terminal. To show it on the page as well, Dagster starts four processes; Ctrl-C reaches them, too,
    # and they would answer with tracebacks.
    instance._compute_log_manager = NoOpComputeLogManager()
    result = defs.resolve_job_def(CHAIN_JOB_NAME).execute_in_process(
        instance=instance,
        partition_key=hour,
        run_id=run_id,
        tags=process_tags(run_id),
        run_config={
            # The events are in Dagster's storage and on its page; a command's stderr is for people, or for our JSON lines.
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
        raise_on_error=False,
        resources=resources_by_name(resources) if resources else None,
    )
    marker.unlink(missing_ok=True)
    return result


def has_killed_run(settings: Settings) -> bool:
    """Tell whether a run in the process of a command was killed: by the file that it left, without importing Dagster."""
    return bool(_markers_of_killed_runs(settings))


def _markers_of_killed_runs(settings: Settings) -> list[Path]:
    markers = (settings.dagster_home / "in-process").glob("*")
    return [m for m in markers if (identity := ProcessIdentity.parse(unquote(m.name))) is None or identity.is_gone()]
