"""Measures `hartonomous migrate` on SQL Server where nothing is new, as on each start of a container.

The server is the tests' TDS server, whose journal holds everything; each of its answers takes as long as the network is slow.
"""

import sys
import time
from statistics import median

from common import REPOSITORY, Figure, arguments, finish

sys.path.insert(0, str(REPOSITORY))  # the TDS server belongs to the tests

from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase
from tests.sqlserver.conftest import journal, settings_for
from tests.sqlserver.test_wire import FACTS
from tests.tools.tds.protocol import Batch, Call, Event
from tests.tools.tds.responses import Rows
from tests.tools.tds.server import TdsServer
from tests.tools.tds.session import Reply

ROUNDS = 21


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--milliseconds", type=float, default=20.0, help="of each answer (20)")
    options = parser.parse_args()
    delay = options.milliseconds / 1000

    def batch(event: Event) -> Reply:
        assert isinstance(event, Batch)
        return Reply([FACTS if "AS edition" in event.text else journal()], delay=delay)

    def prepared(event: Event) -> Reply:
        assert isinstance(event, Call)
        name = "locked" if "locked" in str(event.values[2]) else "object_id"
        return Reply([Rows([(name, "int")], [[1]])], delay=delay)

    with TdsServer() as server:
        server.reply("batch", batch)
        server.reply("sp_prepexec", prepared)
        for name in ("commit", "rollback", "begin", "sp_unprepare", "login"):
            server.reply(name, lambda _event: Reply([], delay=delay))
        seconds = []
        for _ in range(ROUNDS):
            server.clear()
            started = time.perf_counter()
            assert SqlServerDatabase(settings_for(server)).migrate() == []
            seconds.append(time.perf_counter() - started)
        trips = server.round_trips
    return finish(
        [
            Figure(
                f"migrate, nothing new, {options.milliseconds:g} ms a round trip, median", median(seconds) * 1000, "ms"
            ),
            Figure("the slowest", max(seconds) * 1000, "ms", at_most=1000),
            Figure("round trips", trips),
        ],
        options.json,
    )


if __name__ == "__main__":
    sys.exit(main())
