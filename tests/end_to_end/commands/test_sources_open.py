"""`sources open`: a source in its viewer, from its own file or a copy that is proven, and nothing that a desktop would run."""

import hashlib
import os
import stat
import zipfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home
from tests.unit.pdf_files import paged

PAGES = ("The harbour is calm at night.", "Barnacles shut their plates at low water.", "Bees dance to show the way.")
SCRIPT = b"#!/bin/sh\necho fog\n"


def program(path: Path, code: int = 0) -> Path:
    """A viewer that writes down what it is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "{path.name}" "$@" > "$SEEN"\nexit {code}\n')
    path.chmod(0o755)
    return path


class Desktop:
    """A home, a folder of files that it took in, and a desktop whose viewers write down what they are given."""

    def __init__(self, tmp_path: Path, model_dir: Path) -> None:
        self.seen = tmp_path / "seen"
        self.temporary = tmp_path / "temporary"
        self.temporary.mkdir()
        self.opener = program(tmp_path / "bin" / "xdg-open")
        self.browser = program(tmp_path / "browsers" / "lynx")
        self.variables = {
            "PATH": str(tmp_path / "bin"),
            "SEEN": str(self.seen),
            "TMPDIR": str(self.temporary),
            "DISPLAY": ":7",
            "WAYLAND_DISPLAY": "",
            "BROWSER": "",
        }
        self.files = tmp_path / "files"
        self.files.mkdir()
        self.home = Home(tmp_path / "home", model_dir)
        (self.files / "tides of the year.pdf").write_bytes(paged(*PAGES))
        (self.files / f"{'潮' * 80}.txt").write_text("The tide, in a name of 244 bytes.")
        (self.files / "notes.md").write_text("# Fog\n\nFog lies low over the harbour.\n")
        (self.files / "run.sh").write_bytes(SCRIPT)
        (self.files / "run.sh").chmod(0o755)
        (self.files / "marked.txt").write_text("Lighthouses burn oil.")
        (self.files / "marked.txt").chmod(0o755)
        (self.files / "program").write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 50)
        (self.files / "start.desktop").write_text("[Desktop Entry]\nExec=sh -c 'touch /tmp/x'\n")
        with zipfile.ZipFile(self.files / "all.zip", "w") as archive:
            archive.writestr("in/../../-rf *\u202e.pdf", paged(*PAGES[::-1]))
        mail = EmailMessage()
        mail["Subject"], mail["Message-ID"] = "Fog", "<1@example.org>"
        mail.set_content("It lies low.")
        (self.files / "fog.eml").write_bytes(mail.as_bytes())
        sources = self.home.json("ingest", self.files)["sources"]
        listed = self.home.json("sources", "list")["sources"]
        self.ids = {source["sourceUri"].rpartition("/")[2]: source["sourceId"] for source in [*sources, *listed]}

    def open(self, name: str, *options: str, code: int = 0, **variables: str) -> Any:
        """What `sources open` says of a file."""
        self.seen.unlink(missing_ok=True)
        home = Home(self.home.path, self.home.model_dir, variables=self.variables | variables)
        result = home.run("sources", "open", str(self.ids[name]), *options, "--json")
        assert result.code == code, result
        return result.document if code == 0 else result.error

    def shown(self) -> list[str]:
        """The viewer that was started, and what it was given."""
        return self.seen.read_text().splitlines() if self.seen.exists() else []


@pytest.fixture(scope="module")
def desktop(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Desktop:
    return Desktop(tmp_path_factory.mktemp("desktop").resolve(), model_dir)


def test_the_file_itself_is_opened_where_it_has_not_changed(desktop: Desktop) -> None:
    path = desktop.files / "notes.md"
    assert desktop.open("notes.md") == {
        "sourceId": desktop.ids["notes.md"],
        "file": str(path),
        "isCopy": False,
        "page": None,
        "locator": None,
        "openedWith": "xdg-open",
        "note": None,
    }
    assert desktop.shown() == ["xdg-open", str(path)]


def test_a_copy_is_opened_where_it_has_and_only_this_user_reads_it(desktop: Desktop) -> None:
    path = desktop.files / "notes.md"
    was = path.read_bytes()
    for change in (lambda: path.write_text("changed"), path.unlink):
        change()
        opened = desktop.open("notes.md")
        copy = Path(opened["file"])
        assert opened["isCopy"] and copy.name == f"{desktop.ids['notes.md']} notes.md"
        assert copy.read_bytes() == was
        assert copy.parent.parent == desktop.temporary
        assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(copy.stat().st_mode) == 0o400
        assert desktop.shown() == ["xdg-open", str(copy)]
    path.write_bytes(was)


def test_a_pdf_is_opened_at_a_page_in_a_browser(desktop: Desktop) -> None:
    name = "tides%20of%20the%20year.pdf"
    path = desktop.files / "tides of the year.pdf"
    opened = desktop.open(name, "--page", "2", BROWSER=f"{desktop.files}/none:{desktop.browser}")
    assert (opened["page"], opened["openedWith"], opened["note"]) == (2, str(desktop.browser), None)
    assert desktop.shown() == ["lynx", f"{path.as_uri()}#page=2"]
    desktop.open(name, "--page", "3", BROWSER=f"{desktop.browser} --new 'a %s'")
    assert desktop.shown() == ["lynx", "--new", f"a {path.as_uri()}#page=3"]
    assert desktop.open(name)["openedWith"] == "xdg-open"
    assert desktop.shown() == ["xdg-open", str(path)]


def test_a_page_that_is_not_there_is_said_to_be_none(desktop: Desktop) -> None:
    was = set(desktop.temporary.iterdir())
    for name in ("tides%20of%20the%20year.pdf", *(name for name in desktop.ids if name.startswith("-rf"))):
        error = desktop.open(name, "--page", "4", code=2, BROWSER=str(desktop.browser))
        assert f"source {desktop.ids[name]} has 3 pages" in error
        assert desktop.shown() == []
    assert set(desktop.temporary.iterdir()) == was


def test_without_a_browser_the_page_is_said(desktop: Desktop) -> None:
    opened = desktop.open("tides%20of%20the%20year.pdf", "--page", "2")
    assert (opened["openedWith"], opened["note"]) == ("xdg-open", "not at the page: no browser is found")
    home = Home(desktop.home.path, desktop.home.model_dir, variables=desktop.variables)
    said = home.run("sources", "open", str(opened["sourceId"]), "--page", "2").stdout.decode()
    assert "go to page 2" in said


def test_the_page_is_that_of_the_atom(desktop: Desktop) -> None:
    name = "tides%20of%20the%20year.pdf"
    atom = hashlib.sha256(PAGES[1].encode()).hexdigest()
    opened = desktop.open(name, "--atom", atom[:12], BROWSER=str(desktop.browser))
    assert opened["page"] == opened["locator"]["page"] == 2
    assert desktop.shown()[1].endswith(".pdf#page=2")
    [hit] = desktop.home.json(
        "search", "lies low", "--mode", "lexical", "--uri", (desktop.files / "notes.md").as_uri()
    )["results"]
    opened = desktop.open("notes.md", "--atom", hit["atomHash"])
    assert (opened["page"], opened["locator"]) == (None, {"heading": ["Fog"]})
    assert "does not stand in source" in desktop.open("notes.md", "--atom", atom, code=1)
    assert desktop.shown() == []


def test_a_file_of_an_archive_is_opened_under_a_name_that_means_nothing_else(desktop: Desktop) -> None:
    [name] = [name for name in desktop.ids if name.startswith("-rf")]
    atom = hashlib.sha256(PAGES[0].encode()).hexdigest()
    opened = desktop.open(name, "--atom", atom, BROWSER=str(desktop.browser))
    copy = Path(opened["file"])
    assert opened["isCopy"] and opened["page"] == 3
    assert copy.name == f"{desktop.ids[name]} -rf .pdf"
    assert copy.read_bytes() == paged(*PAGES[::-1])


@pytest.mark.parametrize(
    ("name", "ends"), [("run.sh", "run.sh.txt"), ("marked.txt", "marked.txt"), ("start.desktop", "start.desktop.txt")]
)
def test_what_a_desktop_might_run_is_shown_as_text(desktop: Desktop, name: str, ends: str) -> None:
    opened = desktop.open(name)
    copy = Path(opened["file"])
    assert opened["isCopy"] and copy.name == f"{desktop.ids[name]} {ends}"
    assert copy.read_bytes() == (desktop.files / name).read_bytes()
    assert not os.access(copy, os.X_OK) or os.geteuid() == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o400
    assert desktop.shown() == ["xdg-open", str(copy)]


@pytest.mark.parametrize("name", ["program", "all.zip"])
def test_what_is_no_document_is_not_opened(desktop: Desktop, name: str) -> None:
    error = desktop.open(name, code=1)
    assert "only documents, pictures and text are opened" in error and "hartonomous reconstruct ID -o FILE" in error
    assert desktop.shown() == []


def test_a_mail_is_opened(desktop: Desktop) -> None:
    assert desktop.open("fog.eml")["file"] == str(desktop.files / "fog.eml")


def test_without_a_display_it_says_where_the_file_lies(desktop: Desktop) -> None:
    opened = desktop.open("notes.md", DISPLAY="")
    assert (opened["openedWith"], opened["note"]) == (None, "there is no display")
    assert opened["file"] == str(desktop.files / "notes.md")
    assert desktop.shown() == []
    home = Home(desktop.home.path, desktop.home.model_dir, variables=desktop.variables | {"DISPLAY": ""})
    said = home.run("sources", "open", str(desktop.ids["tides%20of%20the%20year.pdf"]), "--page", "2").stdout.decode()
    assert "tides of the year.pdf" in said and "not opened (there is no display)" in said and "go to page 2" in said


def test_a_copy_that_nothing_opens_does_not_stay(desktop: Desktop) -> None:
    was = set(desktop.temporary.iterdir())
    opened = desktop.open("marked.txt", DISPLAY="")
    assert (opened["file"], opened["isCopy"], opened["openedWith"]) == (None, True, None)
    home = Home(desktop.home.path, desktop.home.model_dir, variables=desktop.variables | {"DISPLAY": ""})
    said = home.run("sources", "open", str(desktop.ids["marked.txt"])).stdout.decode()
    assert "not opened (there is no display)" in said and "hartonomous reconstruct" in said
    assert set(desktop.temporary.iterdir()) == was


def test_a_long_name_is_cut_to_what_a_file_system_takes(desktop: Desktop) -> None:
    path = desktop.files / f"{'潮' * 80}.txt"
    path.chmod(0o755)
    copy = Path(desktop.open(path.as_uri().rpartition("/")[2])["file"])
    assert copy.read_bytes() == path.read_bytes()
    assert copy.stem.endswith("潮" * 33) and len(copy.name.encode()) < 130


def test_a_viewer_that_fails_or_is_not_there_is_said(desktop: Desktop) -> None:
    program(desktop.opener, 4)
    assert desktop.open("notes.md")["note"] == "xdg-open failed with status 4"
    desktop.opener.unlink()
    assert desktop.open("notes.md")["note"] == "xdg-open: No such file or directory"
    assert desktop.open("notes.md")["openedWith"] is None
    program(desktop.opener)


def test_wrong_pages_and_sources_are_refused(desktop: Desktop) -> None:
    assert "--page: only a PDF is opened at a page" in desktop.open("notes.md", "--page", "2", code=2)
    home = desktop.home
    assert home.run("sources", "open", "4711").code == 1
    assert home.run("sources", "open", "1", "--page", "0").code == 2
    assert home.run("sources", "open", "1", "--page", "1", "--atom", "0" * 64).code == 2
    assert "not found" in home.run("sources", "open", "1", "--tenant", "7").error
