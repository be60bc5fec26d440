"""Has Ctrl-C and SIGTERM end a command in one way, wherever in Python or a library they arrive."""

import logging
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

_SOON_SECONDS = 0.05


def raise_interruptions() -> None:
    """Raise KeyboardInterrupt for both signals from now on, also where one arrives in what Python calls and whose errors it only prints."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)  # a shell's background job starts with it ignored, and its children would too
    sys.unraisablehook = _interrupt_again
    if logging.lastResort is not None:  # which writes what libraries log
        logging.lastResort.addFilter(_is_no_interruption)


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt  # SIGTERM ends a command as Ctrl-C does: claims are released, nothing is half done


def _interrupt_again(met: "sys.UnraisableHookArgs") -> None:
    """Send the signal once more where it arrived as an object was collected, such as a connection of SQLAlchemy's: there it stops nothing."""
    if isinstance(met.exc_value, KeyboardInterrupt):
        threading.Timer(_SOON_SECONDS, _send_interruption).start()
    else:
        sys.__unraisablehook__(met)


def _send_interruption() -> None:
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)  # os.kill would end the process at once
    else:
        os.kill(os.getpid(), signal.SIGINT)  # raised here, in this thread, it would not wake the main one


def _is_no_interruption(record: logging.LogRecord) -> bool:
    """Tell whether a library has more to say than that it was interrupted, with a traceback, as SQLAlchemy's pool of connections does."""
    return not (record.exc_info and isinstance(record.exc_info[1], KeyboardInterrupt))
