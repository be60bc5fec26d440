"""The checklist of a deployment, step by step as it is run, in a file system of its own; only pip is left out."""

import os
import pwd
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.install.needed import needed
from tests.install.units import DEPLOY, SERVICES, WORKER

USER = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def root(tmp_path: Path, model_dir: Path) -> Path:
    """A root in which the step `install` has been, with the program of these tests as the release."""
    (tmp_path / "etc/hartonomous/secrets").mkdir(parents=True)
    (tmp_path / "var/lib/hartonomous").mkdir(parents=True, mode=0o700)
    settings = [
        f"HARTONOMOUS_MODEL_DIR={model_dir}",
        'HARTONOMOUS_ALLOWED_ROOTS=["/srv/inbox"]',
        "# a comment",
        "OTHER=1",
    ]
    (tmp_path / "etc/hartonomous/hartonomous.env").write_text("\n".join(settings) + "\n")
    release(tmp_path, "first")
    return tmp_path


def release(root: Path, name: str) -> None:
    """Make a release, the next to be activated, which writes down its settings."""
    program = root / "opt/hartonomous/releases" / name / "bin" / "hartonomous"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!/bin/sh\nenv >{shlex.quote(str(root))}/environment\necho {name} runs >&2\n"
        f"PYTHONPATH={shlex.quote(str(DEPLOY.parent))} exec {sys.executable} -c "
        "'from hartonomous_service.cli import main; main()' \"$@\"\n"
    )
    program.chmod(0o755)
    following = root / "opt/hartonomous/next"
    following.unlink(missing_ok=True)
    following.symlink_to(program.parent.parent)


def deploy(root: Path, *words: str, answer: str = "") -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "ROOT": str(root), "SERVICE_USER": USER}
    return subprocess.run(
        ["bash", str(DEPLOY / "deploy.sh"), *words],
        env=environment,
        input=answer,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_release_is_migrated_activated_verified_and_taken_back(root: Path) -> None:
    asked = deploy(root, "migrate", answer="n\n")
    assert (
        asked.returncode == 1
        and "a new database would be made" in asked.stdout
        and "nothing was changed" in asked.stderr
    )
    assert not (root / "var/lib/hartonomous/hartonomous.db").exists()

    done = deploy(root, "--yes", "migrate", "activate", "verify")

    assert done.returncode == 0, done.stdout + done.stderr
    assert (root / "opt/hartonomous/venv").resolve().name == "first"
    assert "TotalEmbeddings" in done.stdout and "nothing was started" in done.stdout
    environment = (root / "environment").read_text().splitlines()
    assert f"HARTONOMOUS_CODE_SERVER=unix:{root}/run/hartonomous/code.sock" in environment
    assert not (root / "opt/hartonomous/previous").exists()
    assert 'HARTONOMOUS_ALLOWED_ROOTS=["/srv/inbox"]' in environment and not any(
        line.startswith("OTHER=") for line in environment
    )
    installed = {file.name for file in (root / "etc/systemd/system").iterdir()}
    assert installed == {*SERVICES, "hartonomous.target", "hartonomous-.service.d"}

    release(root, "second")
    again = deploy(root, "--yes", "migrate", "activate")
    assert again.returncode == 0 and "0 migrations would run" in again.stdout
    assert (root / "opt/hartonomous/venv").resolve().name == "second"

    back = deploy(root, "rollback", "verify")
    assert back.returncode == 0, back.stdout + back.stderr
    assert (root / "opt/hartonomous/venv").resolve().name == "first"


def test_what_fails_stops_before_the_release_is_changed(root: Path) -> None:
    with (root / "etc/hartonomous/hartonomous.env").open("a") as settings:
        settings.write("HARTONOMOUS_THREADS=-1\n")

    done = deploy(root, "--yes", "migrate", "activate")

    assert done.returncode != 0 and "HARTONOMOUS_THREADS" in done.stderr
    assert not (root / "opt/hartonomous/venv").exists()


def test_a_migration_has_a_login_of_its_own(root: Path) -> None:
    server = "HARTONOMOUS_SQLSERVER_SERVER=127.0.0.1,1\nHARTONOMOUS_SQLSERVER_LOGIN_SECONDS=1\n"
    (root / "etc/hartonomous/migrate.env").write_text(f"{server}HARTONOMOUS_SQLSERVER_USER=owner\n")

    done = deploy(root, "--yes", "migrate")

    assert done.returncode != 0 and "127.0.0.1,1" in done.stderr  # a dry run of what nobody answers for
    assert "HARTONOMOUS_SQLSERVER_USER=owner" in (root / "environment").read_text().splitlines()


def test_the_worker_is_enabled_when_asked_for_and_stays_so(root: Path) -> None:
    needed("systemctl", "systemd")
    enabled = root / "etc/systemd/system/hartonomous.target.wants" / WORKER
    for words, is_enabled in (((), False), (("--worker",), True), ((), True)):
        done = deploy(root, *words, "activate")

        assert (done.returncode, done.stderr, enabled.is_symlink()) == (0, "", is_enabled)


def test_a_step_that_is_none_is_refused(tmp_path: Path) -> None:
    done = deploy(tmp_path, "build", "bild")
    assert done.returncode == 2 and "bild is no step" in done.stderr
