"""Reads the systemd units of deploy/systemd as systemd does, as far as they go, and runs them without it, as a user without rights."""

import os
import pwd
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = DEPLOY / "systemd"
COMMON = UNITS / "hartonomous-.service.d" / "common.conf"
SERVICES = sorted(file.name for file in UNITS.glob("*.service"))
WORKER = "hartonomous-worker.service"
"""Runs where it is enabled; the others wherever the target does."""
PROGRAM = "/opt/hartonomous/venv/bin/hartonomous"
_USER = "nobody"


def read_unit(*files: Path) -> dict[tuple[str, str], list[str]]:
    """The values of each key of each section; an empty value forgets those before it."""
    found: dict[tuple[str, str], list[str]] = {}
    for file in files:
        section = ""
        for line in file.read_text("utf-8").splitlines():
            if heading := re.fullmatch(r"\[(\w+)\]", line):
                section = heading[1]
            elif line and line[0] not in "#;":
                key, _, value = line.partition("=")
                values = found.setdefault((section, key), [])
                values.append(value) if value else values.clear()
    return found


def read_environment_file(file: Path) -> dict[str, str]:
    """What EnvironmentFile= takes from a file."""
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@dataclass(slots=True)
class Installation:
    """A home, a folder for sockets, credentials and settings, all in one folder that belongs to the user of the units."""

    folder: Path
    replaced: dict[str, str]
    """What stands for words of a unit here, such as its port."""

    @property
    def home(self) -> Path:
        return self.folder / "lib"

    @property
    def user(self) -> str | None:
        """Whom a unit runs as: one without rights; where the tests have none themselves, they cannot choose."""
        return _USER if os.geteuid() == 0 else None

    def make(self) -> None:
        """Make the folders that systemd makes: StateDirectory, RuntimeDirectory, and the credentials."""
        for name in ("lib", "run", "credentials"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "credentials" / "hartonomous_neo4j_password").write_text("only for tests\n")
        if self.user:
            user = pwd.getpwnam(self.user)
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, user.pw_uid, user.pw_gid)
                path.chmod(0o700)

    def _as_user(self) -> list[str]:
        """What makes a command one of the user. It may read everything, as the tests' Python may lie in a home of root; write it may not."""
        if self.user is None:
            return []
        group = str(pwd.getpwnam(self.user).pw_gid)
        rights = [
            "--inh-caps=-all,+dac_read_search",
            "--ambient-caps=-all,+dac_read_search",
            "--bounding-set=-all,+dac_read_search",
            "--securebits=+no_setuid_fixup",  # else access(2), by which Alembic looks for its scripts, heeds none of these
        ]
        return ["setpriv", f"--reuid={self.user}", f"--regid={group}", "--clear-groups", "--no-new-privs", *rights]

    def words(self, text: str) -> list[str]:
        """The words of a value, with the paths of this installation."""
        places = {
            "/var/lib/hartonomous": str(self.home),
            "/run/hartonomous": str(self.folder / "run"),
            "%d": str(self.folder / "credentials"),
            **self.replaced,
        }
        for word, place in places.items():
            text = text.replace(word, place)
        return shlex.split(text)

    def environment(self, name: str) -> dict[str, str]:
        """The environment of a unit; nothing of ours but what Python needs to find the code."""
        unit = read_unit(COMMON, UNITS / name)
        [settings] = unit["Service", "EnvironmentFile"]
        assert settings == "/etc/hartonomous/hartonomous.env"
        given = read_environment_file(UNITS / "hartonomous.env.example")
        words = [word for text in unit["Service", "Environment"] for word in self.words(text)]
        settings_of_unit = dict(word.split("=", 1) for word in words)
        listed = {
            key: " ".join(self.words(value)) for key, value in given.items()
        }  # which win, as systemd.exec(5) says
        return {**settings_of_unit, **listed, "PATH": os.environ["PATH"], "PYTHONPATH": str(DEPLOY.parent)}

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        """Run ExecStart= of a unit, its output in a file beside the home."""
        unit = read_unit(COMMON, UNITS / name)
        [command] = unit["Service", "ExecStart"]
        program, *arguments = self.words(command)
        assert program == PROGRAM
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [
                    *self._as_user(),
                    sys.executable,
                    "-c",
                    "from hartonomous_service.cli import main; main()",
                    *arguments,
                ],
                cwd=self.home,
                env=self.environment(name),
                umask=int(unit["Service", "UMask"][0], 8),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log(self, name: str) -> str:
        """What the unit said."""
        return (self.folder / f"{name}.log").read_text("utf-8")
