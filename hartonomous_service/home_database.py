"""Whether the home that the settings name has a database: what only reads makes none."""

from hartonomous_resources.settings import Settings
from hartonomous_service.errors import NotFound


def require_database(settings: Settings) -> None:
    """Raise NotFound where the embedded database is not there yet. Whether that of a server is, the server says when it is asked."""
    if not settings.uses_sqlserver and not settings.database_path.exists():
        raise NotFound(f"there is no database at {settings.database_path} yet", remedy="migrate")
