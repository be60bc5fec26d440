"""Entry point: builds the app from its commands, and turns errors into one line and an exit code."""

import errno
import io
import logging
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from hartonomous_core.credentials import without_credentials
from hartonomous_resources.disk_space import disk_is_full, is_full
from hartonomous_resources.logs import LOGGER, configure_logging
from hartonomous_resources.settings import Settings, variable_of
from hartonomous_resources.settings_problems import problems_of, remarks_on_settings, usable_settings
from hartonomous_service.cli import ask, operate, parts, run, sql
from hartonomous_service.cli import inference_commands as inferences
from hartonomous_service.cli import job_commands as jobs
from hartonomous_service.cli import key_commands as keys
from hartonomous_service.cli import model_commands as models
from hartonomous_service.cli import source_commands as sources
from hartonomous_service.cli.interruptions import raise_interruptions
from hartonomous_service.cli.output import err, out, print_error_document, printable
from hartonomous_service.cli.remedies import describe_error
from hartonomous_service.errors import OUTAGES, Invalid, ServiceError, to_service_error
from hartonomous_service.printable import plain_words

if TYPE_CHECKING:
    from sqlalchemy.exc import SQLAlchemyError


_UsageError: type[Any] = typer.BadParameter.__mro__[1]
"""Of the click that typer has inside, which has no public name."""


class _Commands(TyperGroup):
    """Says in plain words what is wrong with an option, where typer says it in pydantic's, and that a command was interrupted."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        with _documented_usage():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _documented_usage():
                return super().invoke(ctx)
        except KeyboardInterrupt as interruption:  # click would say nothing
            raise ServiceError("interrupted") from interruption


@contextmanager
def _documented_usage() -> Iterator[None]:
    """Put wrong usage, which click prints on stderr, on stdout as well where JSON is asked for."""
    try:
        yield
    except _UsageError as error:
        if isinstance(error, typer.BadParameter):
            error.message = plain_words(error.message)
        print_error_document(error.format_message(), sys.argv[1:])
        raise


app = typer.Typer(
    cls=_Commands,
    help="Say where every fragment that your AI used came from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (run, parts, ask, sources, inferences, jobs, operate, models, keys, sql):
    module.add_commands(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"hartonomous {version('hartonomous')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Read settings from this appsettings.json of the .NET workers."),
    ] = None,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    if debug:
        os.environ["HARTONOMOUS_DEBUG"] = "1"
    if config is not None:
        os.environ[variable_of("config")] = str(config.absolute())  # for the processes that we start, too
    settings, problems = usable_settings()
    configure_logging(settings)
    if not problems:  # else the command says them, and `config show` all of them
        for remark in remarks_on_settings(settings):
            LOGGER.warning("%s", remark)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 usage, also where only a call found out that an argument is wrong."""
    raise_interruptions()
    logging.captureWarnings(True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file name need not be text
    try:
        app()
    except (ServiceError, *OUTAGES) as error:
        said = to_service_error(error)
        is_usage = isinstance(said, Invalid) and said.argument is not None
        _fail(describe_error(said), error, code=2 if is_usage else 1)
    except ValidationError as error:
        if error.title != "Settings":
            raise
        field, problem = next(iter(problems_of(error).items()))
        _fail(f"setting {variable_of(field)}: {problem}; `hartonomous config show` lists what can be set", error)
    except UnicodeEncodeError as error:  # bytes of the command line that are no text reach us as half surrogate pairs
        _fail(f"{error.object}: not UTF-8", error, code=2)
    except KeyboardInterrupt as interruption:
        _fail("interrupted", interruption)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader went away: nothing more to say
        sys.exit(1)
    except OSError as error:
        if error.errno == errno.ENOSPC and is_full(home := Settings().home):  # else it is the disk of an output
            _fail(disk_is_full(home), error)
        _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", error)
    except Exception as error:
        of_dagster = _dagster_storage_error(error)
        if of_dagster is None:
            print_error_document(f"{type(error).__name__}: {without_credentials(str(error))}", sys.argv[1:])
            raise
        _fail(describe_dagster_storage_error(of_dagster, Settings().dagster_home), error)


def _dagster_storage_error(error: Exception) -> "SQLAlchemyError | None":
    """Return what Dagster's storage raised, at once or, after it had tried several times, as the cause of another error."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy.exc import SQLAlchemyError

    return next((each for each in (error, error.__cause__) if isinstance(each, SQLAlchemyError)), None)


def describe_dagster_storage_error(error: "SQLAlchemyError", place: Path) -> str:
    """Say what failed in Dagster's own storage, which is at `place`, and what to do about it."""
    from sqlalchemy.exc import DBAPIError  # not above: a sixth of the time that a search takes from its start

    cause = getattr(error, "orig", None) or error
    if isinstance(error, DBAPIError) and not isinstance(cause, sqlite3.Error):
        said = str(cause).strip().partition("\n")[0]
        return f"Dagster's storage on PostgreSQL: {said}; start the server, or mend HARTONOMOUS_DAGSTER_POSTGRES_URL or the rights there"
    if isinstance(cause, sqlite3.Error) and is_full(place):
        return disk_is_full(place)
    remedy = "grant rights there, or move the folder away: it holds only history"
    if {"?", "%"} & set(str(place)):
        remedy = "choose a HARTONOMOUS_HOME without ? and %"
    return f"Dagster's storage in {place} cannot be used: {cause}; {remedy}"


def _fail(message: str, error: BaseException, *, code: int = 1) -> NoReturn:
    said = without_credentials(message)
    print_error_document(said, sys.argv[1:])
    if os.environ.get("HARTONOMOUS_DEBUG"):
        raise error
    err.print(f"error: {printable(said)}", soft_wrap=True)
    sys.exit(code)
