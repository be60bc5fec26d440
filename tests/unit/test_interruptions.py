"""Ctrl-C ends a command with one line, also where it arrives in a library that would print a traceback and go on."""

import subprocess
import sys
import textwrap

import pytest

BEGIN = """
import gc, os, signal, sys, time
from hartonomous_service.cli.interruptions import raise_interruptions
raise_interruptions()

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
"""
WAYS = {
    "anywhere": "interrupt()",
    "by SIGTERM": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)",
    "as an object is collected": """
        class Held:
            def __del__(self):
                interrupt()
        Held()
        time.sleep(5)
    """,
    "as SQLAlchemy's pool takes a connection back": """
        from sqlalchemy import create_engine, event
        engine = create_engine("sqlite://")
        event.listen(engine, "reset", lambda *_: interrupt())
        engine.connect().close()
    """,
    "as a connection of SQLAlchemy's is collected": """
        from sqlalchemy import create_engine, event
        from sqlalchemy.pool import QueuePool
        engine = create_engine("sqlite://", poolclass=QueuePool)
        event.listen(engine, "reset", lambda *_: interrupt())
        engine.raw_connection()
        gc.collect()
        time.sleep(5)
    """,
}


@pytest.mark.parametrize("way", WAYS)
def test_an_interruption_stops_the_command_and_nothing_else_is_said(way: str) -> None:
    act = textwrap.indent(textwrap.dedent(WAYS[way]), "    ")
    program = f"{BEGIN}\ntry:\n{act}\nexcept KeyboardInterrupt:\n    sys.exit(3)\n"

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", "")


def test_on_windows_an_interruption_is_no_end_at_once() -> None:
    program = (
        "import os, signal, sys, time\n"
        "from hartonomous_service.cli.interruptions import raise_interruptions\nraise_interruptions()\n"
        "sys.platform = 'win32'\nos.kill = lambda _, number: os._exit(number)  # as Windows has it\n"
        "class Held:\n    def __del__(self):\n        signal.raise_signal(signal.SIGINT)\n        time.sleep(0.01)\n"
        "try:\n    Held()\n    [time.sleep(0.01) for _ in range(1000)]\nexcept KeyboardInterrupt:\n    sys.exit(3)\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)

    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "", "")


def test_what_else_goes_wrong_there_is_still_said() -> None:
    program = (
        f"{BEGIN}\nimport logging\nclass Held:\n    def __del__(self):\n        raise ValueError('of the object')\nHeld()\n"
        "try:\n    raise ValueError('of a library')\nexcept ValueError:\n    logging.getLogger('sqlalchemy.pool').error('a', exc_info=True)"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "of the object" in ended.stderr and "of a library" in ended.stderr
