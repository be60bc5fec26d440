"""The one daemon of a home, `hartonomous dev` or `hartonomous daemon`: how to be it, whether there is one, and whether that works.

A running daemon holds a lock; which process it is stands in a file, which others read without touching the lock.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from hartonomous_resources.processes import ProcessIdentity, this_process
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import get_instance
from hartonomous_service.errors import Conflict

if TYPE_CHECKING:
    import dagster as dg

SILENT_SECONDS = 90.0
"""A tick of the sensor takes 20 s when there is nothing to do; a sensor without a tick for this long is taken for dead."""

NO_DAEMON = "no daemon runs on this home: what is sent in waits until `hartonomous daemon` or `hartonomous dev` does"


def daemon_lock(settings: Settings) -> FileLock:
    """Return the lock that a running daemon holds."""
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FileLock(settings.home / "dev.lock")


@contextmanager
def sole_daemon(settings: Settings) -> Iterator[Callable[[], object]]:
    """Be the one daemon of a home; yields what tells others so, to be called once it works. Raises Conflict where the home has one."""
    identity = daemon_identity_file(settings)
    try:
        held = daemon_lock(settings).acquire(timeout=0)
    except Timeout as error:
        raise Conflict(
            f"{settings.home} has a daemon already, `hartonomous dev` or `hartonomous daemon`: stop it, or set HARTONOMOUS_HOME"
        ) from error
    with held:
        try:
            yield lambda: identity.write_text(str(this_process()))
        finally:
            identity.unlink(missing_ok=True)


def daemon_identity_file(settings: Settings) -> Path:
    """Return the file where a daemon writes which process it is: two programs that tried its lock would take each other for the daemon."""
    return settings.home / "dev.process"


def daemon_is_running(settings: Settings) -> bool:
    """Tell whether the process that the daemon wrote down is alive."""
    try:
        identity = ProcessIdentity.parse(daemon_identity_file(settings).read_text())
    except FileNotFoundError:
        return False
    return identity is not None and not identity.is_gone()


@dataclass(frozen=True, slots=True)
class Sensor:
    """What Dagster has stored of our sensor: `looked_at` is when it last looked for work, in seconds since 1970, None before it ever did."""

    is_off: bool
    looked_at: float | None
    has_failed: bool
    """Whether it has failed since."""

    @property
    def looked_lately(self) -> bool:
        """Whether somebody's daemon looks for work now."""
        return self.looked_at is not None and time.time() - self.looked_at <= SILENT_SECONDS


def read_sensor(instance: "dg.DagsterInstance") -> Sensor:
    """Read what has become of our sensor, wherever its daemon runs."""
    from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus

    from hartonomous_assets.code_location import LOCATION_NAME
    from hartonomous_assets.our_runs import SENSOR_NAME

    is_off, looked_at, has_failed = False, None, False
    for state in instance.all_instigator_state():
        origin = state.origin.repository_origin.code_location_origin
        if state.name != SENSOR_NAME or origin.location_name != LOCATION_NAME:
            continue
        is_off = is_off or state.status is InstigatorStatus.STOPPED
        looked = [TickStatus.SUCCESS, TickStatus.SKIPPED]
        ended = [*looked, TickStatus.FAILURE]
        place = state.instigator_origin_id, state.selector_id
        for tick in instance.get_ticks(*place, limit=1, statuses=ended):
            has_failed = tick.status is TickStatus.FAILURE
        for tick in instance.get_ticks(*place, limit=1, statuses=looked):
            looked_at = max(looked_at or 0.0, tick.end_timestamp or tick.timestamp)
    return Sensor(is_off, looked_at, has_failed)


def read_stored_sensor(settings: Settings) -> Sensor:
    """Read our sensor in the Dagster storage of a home."""
    with get_instance(settings) as instance:
        return read_sensor(instance)


def find_daemon_fault(settings: Settings, sensor: Sensor) -> str | None:
    """Say why a running daemon starts no runs: its sensor is switched off, or has not looked for work lately. None if all is well."""
    from hartonomous_assets.our_runs import SENSOR_NAME

    try:
        since = daemon_identity_file(settings).stat().st_mtime
    except FileNotFoundError:
        return None  # it ended meanwhile
    if sensor.is_off:
        return f"{SENSOR_NAME} is switched off; switch it on on Dagster's page"
    silence = time.time() - max(since, sensor.looked_at or 0.0)
    if silence <= SILENT_SECONDS:
        return None
    return (
        f"{SENSOR_NAME} has not looked for work for {silence:.0f} s; see what `hartonomous dev` says, or start it again"
    )
