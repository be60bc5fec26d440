"""A home has one daemon, and what that meets while it runs is not taken for another daemon."""

from pathlib import Path

import pytest
from filelock import Timeout

from hartonomous_resources.settings import Settings
from hartonomous_service.daemon import daemon_identity_file, daemon_lock, sole_daemon
from hartonomous_service.errors import Conflict


def test_a_second_daemon_is_refused(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with daemon_lock(settings), pytest.raises(Conflict, match="has a daemon already"), sole_daemon(settings):
        pass


def test_a_lock_that_a_running_daemon_waits_for_in_vain_is_no_other_daemon(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(Timeout), sole_daemon(settings) as tell:
        tell()
        raise Timeout("of something else")

    assert not daemon_identity_file(settings).exists()
    with sole_daemon(settings):  # it is free again
        pass
