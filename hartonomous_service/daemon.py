"""Whether `hartonomous dev` runs on a home: it holds a lock, and its identity lies beside it for those who only ask."""

from pathlib import Path

from filelock import FileLock

from hartonomous_resources.processes import ProcessIdentity
from hartonomous_resources.settings import Settings


def daemon_lock(settings: Settings) -> FileLock:
    """The lock that a running daemon holds."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return FileLock(settings.home / "dev.lock")


def daemon_identity_file(settings: Settings) -> Path:
    """Where a daemon writes which process it is; asking by the lock itself would make two askers see each other."""
    return settings.home / "dev.process"


def daemon_is_running(settings: Settings) -> bool:
    """True while the process that a daemon named lives."""
    try:
        identity = ProcessIdentity.parse(daemon_identity_file(settings).read_text())
    except FileNotFoundError:
        return False
    return identity is not None and not identity.is_gone()
