"""Whether `hartonomous dev` runs on a home: it holds a lock for as long as it lives, however it ends."""

from filelock import FileLock, Timeout

from hartonomous_resources.settings import Settings


def daemon_lock(settings: Settings) -> FileLock:
    """The lock that a running daemon holds."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return FileLock(settings.home / "dev.lock")


def daemon_is_running(settings: Settings) -> bool:
    """True while another process holds the lock."""
    try:
        with daemon_lock(settings).acquire(timeout=0):
            return False
    except Timeout:
        return True
