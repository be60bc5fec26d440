"""What to do about a check of the doctor that is not healthy, by its name; the check's detail says what it found."""

from hartonomous_resources.settings import Settings

REMEDIES = {
    "python": "install a 64-bit Python of that range, make the virtual environment anew with it, and install hartonomous there",
    "packages": "in this environment: pip install --upgrade -c constraints.txt hartonomous; then `pip check`",
    "settings": "correct the variable or the file; `hartonomous config show` lists what can be set, docs/operations.md what it means",
    "drivers": "apt-get install libodbc2 (Debian, Ubuntu), and pip install 'hartonomous[sqlserver]' for Microsoft's driver",
    "device": "NVIDIA's driver, and pip install 'hartonomous[gpu]'; a unit needs the device (docs/deployment.md); or HARTONOMOUS_DEVICE=auto",
    "rights": "run it as the user of the services, and give that user the folders: chown -R hartonomous: FOLDER && chmod -R o= FOLDER",
    "database": "start the server and correct its settings; `hartonomous migrate` brings the schema up to date",
    "graph": "start Neo4j and correct HARTONOMOUS_NEO4J_…; `hartonomous verify --graph --repair --all-tenants` writes it",
    "text_model": "let this machine reach the hub once, or put the files into HARTONOMOUS_MODEL_DIR (docs/operations.md, Install)",
    "compute": "start `hartonomous gpu-worker` as the user of the services, or set HARTONOMOUS_COMPUTE=in_process",
    "queues": "mend what the detail names; a message that is received in vain five times becomes a dead letter",
    "oldest_work": "start `hartonomous daemon` (or `dev`), or give it more runs; its journal says what it is at",
    "dead_letters": "`hartonomous dead-letters list --all-tenants`, mend the cause, then `hartonomous dead-letters replay ID`",
    "jobs": "`hartonomous jobs list --status Failed --all-tenants`, mend the cause, then `hartonomous jobs retry ID`",
    "clock": "set the clock by NTP (timedatectl set-ntp true), or wait",
    "disk": "make room, or move the home to a larger disk",
    "daemon": "systemctl restart hartonomous-daemon, or start `hartonomous dev` again; the sensor is switched on on Dagster's page",
    "sensor": "start `hartonomous daemon` (or `dev`); its sensor is switched on, and its errors are shown, on Dagster's page",
    "dagster_storage": "start PostgreSQL and correct HARTONOMOUS_DAGSTER_POSTGRES_URL; a folder: give the user rights there",
    "code_server": "systemctl restart hartonomous-code; HARTONOMOUS_CODE_SERVER must be the same for code-server, webserver and daemon",
    "ports": "stop the other program, or choose another port: `hartonomous webserver --port`, HARTONOMOUS_HTTP_PORT",
    "units": "journalctl -u 'hartonomous-*' says why; then systemctl restart hartonomous.target",
    "positions": "`hartonomous ingest FILE`, or wait for the daemon, then look again; on SQL Server with a login that may read tables",
}

DATABASE_FILE = (
    "give the user rights to HARTONOMOUS_HOME, and room there. A hartonomous.db that is damaged: stop what uses it, keep a copy, and restore it "
    "from a backup; without one, sqlite3 hartonomous.db .recover | sqlite3 new.db saves what can be read (docs/operations.md, Backup)"
)
"""What to do about the database where no server has it."""


API = (
    "let this machine reach the server, and correct HARTONOMOUS_API_URL, HARTONOMOUS_API_MODEL and HARTONOMOUS_API_KEY, or raise "
    "HARTONOMOUS_API_BUDGET, as the detail says"
)
"""What to do about the model, and about what embeds, where that is an API."""


def remedy_of(check: str, settings: Settings) -> str:
    """Return what to do about a check that is not healthy."""
    if settings.compute == "api" and check in ("text_model", "compute"):
        return API
    return DATABASE_FILE if check == "database" and not settings.uses_sqlserver else REMEDIES[check]
