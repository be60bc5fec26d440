"""Entry point: the app with its commands, and how errors leave it."""

import io
import logging
import os
import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import SQLAlchemyError

from hartonomous_resources.database.errors import DatabaseError
from hartonomous_resources.gpu.protocol import ComputeUnavailable
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.logs import configure_logging
from hartonomous_resources.settings import Settings
from hartonomous_service.cli import ask, infer, operate, run
from hartonomous_service.cli.output import err, printable
from hartonomous_service.errors import CommandError

app = typer.Typer(
    help="Say where every fragment that your AI used came from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (run, ask, infer, operate):
    module.add_commands(app)


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    if debug:
        os.environ["HARTONOMOUS_DEBUG"] = "1"
    configure_logging(Settings())


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 usage."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)  # a shell's background job starts with it ignored, and its children would too
    logging.captureWarnings(True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name need not be text
    try:
        app()
    except (CommandError, DatabaseError, GraphUnavailable, ComputeUnavailable) as error:
        _fail(str(error), error)
    except ValidationError as error:
        if error.title != "Settings":
            raise
        first = error.errors(include_url=False)[0]
        name = "HARTONOMOUS_" + "_".join(str(part) for part in first["loc"]).upper()
        _fail(f"setting {name}: {first['msg']}; `hartonomous config show` lists what can be set", error)
    except SettingsError as error:
        _fail(f"{error}: lists are given as JSON; `hartonomous config show` names every setting", error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away: nothing more to say
        sys.exit(1)
    except SQLAlchemyError as error:
        place = Settings().dagster_home
        _fail(
            f"Dagster's storage in {place} cannot be used: {getattr(error, 'orig', None) or error}; make room or grant rights there, or "
            "delete the folder: it holds only history, and choose a HARTONOMOUS_HOME without ? and %",
            error,
        )
    except OSError as error:
        _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", error)


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt  # SIGTERM ends a command as Ctrl-C does: claims are released, nothing is half done


def _fail(message: str, error: Exception) -> NoReturn:
    if os.environ.get("HARTONOMOUS_DEBUG"):
        raise error
    err.print(f"error: {printable(message)}", soft_wrap=True)
    sys.exit(1)
