"""Shows files and pages in the programs of this desktop."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_BROWSERS = (
    *("firefox", "firefox-esr", "google-chrome", "google-chrome-stable", "chromium", "chromium-browser"),
    *("microsoft-edge", "brave-browser"),
)
"""Those that go to a page of a PDF: https://www.rfc-editor.org/rfc/rfc8118#section-3."""
_FAILS_WITHIN_SECONDS = 3


class NoViewer(Exception):
    """Nothing here shows the file; the message says why."""


def show_file(path: Path) -> str:
    """Show a file in the program that the desktop has for it; returns the name of the program that was asked. Raises NoViewer."""
    _require_display()
    if sys.platform == "win32":
        os.startfile(path)  # noqa: S606 - what Windows has for its type
        return "Windows"
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    _start([opener, os.fspath(path)])
    return opener


def show_page(path: Path, page: int) -> str:
    """Show a page of a PDF, from 1, in a browser: that of BROWSER, else one that is found; returns its name. Raises NoViewer."""
    _require_display()
    try:
        given = [split_command(each) for each in os.environ.get("BROWSER", "").split(os.pathsep)]
    except ValueError as problem:
        raise NoViewer(f"BROWSER: {problem}") from problem
    choices = [*filter(None, given), *([name] for name in _BROWSERS)]
    browser = next((words for words in choices if shutil.which(words[0])), None)
    if browser is None:
        raise NoViewer("no browser is found")
    uri = f"{path.as_uri()}#page={page}"
    takes_it_within = any("%s" in word for word in browser)
    _start([word.replace("%s", uri) for word in browser] if takes_it_within else [*browser, uri])
    return browser[0]


def split_command(command: str, platform: str = sys.platform) -> list[str]:
    """Return the words of a command, as a shell would; on Windows a backslash is one of a path. Raises ValueError for a quote that does not end."""
    words = shlex.shlex(command, posix=True)
    words.whitespace_split = True
    words.commenters = ""
    if platform == "win32":
        words.escape = ""
    return list(words)


def _require_display() -> None:
    has_one = sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if not has_one:
        raise NoViewer("there is no display")


def _start(command: Sequence[str]) -> None:
    """Start a program that stays when this one ends; wait a moment to see whether it fails."""
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell, and what it is given begins with / or file:
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        code = process.wait(_FAILS_WITHIN_SECONDS)
    except OSError as problem:
        raise NoViewer(f"{command[0]}: {problem.strerror}") from problem
    except subprocess.TimeoutExpired:
        return
    if code:
        raise NoViewer(f"{command[0]} failed with status {code}")
