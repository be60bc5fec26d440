"""Which hours hold work."""

from hartonomous_resources.clock import timestamp
from hartonomous_resources.database.protocol import Database


def hours_with_work(database: Database, now_hour: str) -> list[str]:
    """Hours that hold work, oldest first; queued messages are work of the running hour."""
    with database.read() as unit_of_work:
        hours = {row["hour"] for row in unit_of_work.query("pending_work", now=timestamp())}
        if unit_of_work.query("queue_depths"):
            hours.add(now_hour)
    return sorted(hours)
