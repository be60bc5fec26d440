"""Checks the clock against the times in the database: a clock that was set back keeps work from being done, without an error."""

from hartonomous_assets.source_claims import SLOWEST_BYTES_PER_SECOND
from hartonomous_core.clock import timestamp
from hartonomous_resources.database.period import running_hour
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.pending import first_hour, hours_to_come_with_work


def find_clock_before_database(database: Database) -> str | None:
    """Say what is wrong where the database was created after the current hour: until then no work in it is done. None where all is well."""
    first, now = first_hour(database), ask(database, running_hour)
    if first <= now:
        return None
    return f"{database.name} was made in the hour {first} (UTC), and this machine's clock says {now}: set the clock right, or wait"


def find_work_after_now(database: Database, settings: Settings) -> str | None:
    """Say which work waits for a later time: pending in an hour that has not begun, or claimed for longer than any claim lasts. None if none does."""
    now_hour = ask(database, running_hour)
    # A claim of a large source is renewed for as long as reading it may take.
    longest = settings.lease_seconds + settings.max_source_bytes / SLOWEST_BYTES_PER_SECOND
    if later := hours_to_come_with_work(database, settings, now_hour):
        return f"work waits in the hour {later[0]} (UTC), and this machine's clock says {now_hour}: set the clock right, or wait"
    lease = query(database, "latest_lease")[0]["leaseUntil"]
    if lease is not None and lease > timestamp(longest):  # as text, as claims are compared: one that was ended says ""
        return f"a claim holds until {lease}, longer than any made now: the clock was set back since; the work is free then"
    return None
