"""Errors are one line that names what was wrong, without a traceback unless one is asked for; wrong usage exits 2."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.cli import Home, Result
from tests.end_to_end.commands.folder import Ingested


def failing(result: Result, *words: str, code: int = 1) -> None:
    """The command failed with one line that holds these words."""
    assert result.code == code, result
    assert result.stdout == b""
    assert all(word in result.error for word in words), result.error


def test_an_error_is_one_line_that_names_the_input(ingested: Ingested) -> None:
    expected: dict[tuple[str, ...], list[str]] = {
        ("sources", "show", "999"): ["source 999", "sources list"],
        ("dead-letters", "replay", "999"): ["dead letter 999"],
        ("jobs", "retry", "nonsense"): ["job nonsense"],
        ("sql", "SELECT * FROM Nowhere"): ["Nowhere"],
    }

    for words, result in zip(expected.values(), ingested.home.run_all(*expected), strict=True):
        failing(result, *words)


def test_what_is_wrong_with_an_option_or_an_argument_is_one_line_and_exits_2(ingested: Ingested) -> None:
    expected: dict[tuple[str, ...], list[str]] = {
        ("lineage", "neither"): ["'neither'", "64 hex digits"],
        ("lineage", "1", "--as-of", "then"): ["--as-of: 'then' is no time"],
        ("search", "  "): ["give some words"],
        ("search", "--", "---"): ["give some words"],
        ("search", "--mode", "spatial", "--box", "1,2"): ["--box: a box has six coordinates", "not 2"],
        ("search", "--mode", "spatial", "--at", "7,7"): ["--at: a point has three coordinates x, y, z, not 2"],
        ("search", "--mode", "spatial", "--at", "7,7,7"): ["--at: ", "at most 1"],
        ("search", "fog", "--box", "0,0,0,1,1,1"): ["--box: it is for mode spatial alone"],
        ("search", "", "--mode", "spatial", "--at", "0,0,0"): ["the search text has no word"],
        ("search", "fog", "--since", "then"): ["--since: "],
        ("search", "--like", "nowhere.png"): ["--like: nowhere.png: No such file"],
        ("models", "add", "x", "--price", "1"): ["--price: only what an API embeds has a price"],
        ("places", "12"): ["64 hex digits"],
    }

    for words, result in zip(expected.values(), ingested.home.run_all(*expected), strict=True):
        failing(result, *words, code=2)


def test_what_a_comparison_would_not_heed_is_refused(ingested: Ingested) -> None:
    unheeded = [("--at", "0,0,0"), ("--box", "0,0,0,1,1,1"), ("--radius", "1"), ("--no-highlight",)]
    asked = [("search", "--like", "nowhere.png", *options) for options in unheeded]
    for (option, *_), result in zip(unheeded, ingested.home.run_all(*asked), strict=True):
        assert result.code == 2 and f"{option} cannot be given with it" in " ".join(result.stderr.split()), result
        assert "Traceback" not in result.stderr


def test_with_json_an_error_is_one_document_too(ingested: Ingested) -> None:
    """On stdout, where a program looks, beside the line on stderr, with the same exit code."""
    expected: dict[tuple[str, ...], tuple[int, str]] = {
        ("sources", "show", "999", "--json"): (1, "source 999"),
        ("search", "  ", "--json"): (2, "give some words"),
        ("reconstruct", "1", "-o", "-", "--json"): (2, "-o: - and --json both want stdout"),
        ("search", "x", "-k", "0", "--json"): (2, "it should be at least 1"),
        ("stats", "--nonsense", "--json"): (2, "--nonsense"),
        ("no-such-command", "--json"): (2, "no-such-command"),
        ("--nonsense", "stats", "--json"): (2, "--nonsense"),
        ("jobs", "list", "--status", "Done", "--json"): (2, "Done"),
        ("--debug", "sources", "show", "999", "--json"): (1, "source 999"),
    }

    for (code, words), result in zip(expected.values(), ingested.home.run_all(*expected), strict=True):
        assert result.code == code, result
        assert list(result.document) == ["error"]
        assert words in result.document["error"]
        assert result.stderr


def test_what_follows_two_dashes_asks_for_no_json(ingested: Ingested) -> None:
    failing(ingested.home.run("sources", "show", "--", "999"), "source 999")
    failing(ingested.home.run("lineage", "--", "--json"), "'--json'", code=2)


def test_an_argument_that_is_no_text_is_named(home: Home) -> None:
    assert home.run("migrate").code == 0
    no_text = os.fsdecode(b"a\xff")
    commands = [["jobs", "show", no_text], ["inferences", "list", "--model", no_text], ["inferences", "show", no_text]]

    for result in home.run_all(*commands, ["--config", no_text, "stats"]):
        failing(result, r"a\xff", "not UTF-8", code=2)
    failing(home.run("jobs", "create", no_text), "1 to 64 ASCII characters", code=2)


def test_debug_shows_the_traceback(ingested: Ingested) -> None:
    result = ingested.home.run("--debug", "sources", "show", "999")

    assert result.code == 1
    assert "Traceback" in result.stderr


def test_wrong_usage_exits_2(home: Home) -> None:
    assert home.run("migrate").code == 0
    wrong = [
        ["no-such-command"],
        ["search"],
        ["search", "x", "-k", "0"],
        ["search", "x", "--metadata", "from"],
        ["search", "x", "--group", "atom"],
        ["stats", "--nonsense"],
    ]
    wrong += [["sources", "list", "--status", "Done"], ["jobs", "list", "--status", "Done"]]
    for result in home.run_all(*wrong):
        assert (result.code, result.stdout) == (2, b"")
        assert "Traceback" not in result.stderr


def test_a_wrong_setting_is_one_line_that_names_it(home: Home) -> None:
    failing(home.with_settings(threads="-1").run("stats"), "HARTONOMOUS_THREADS")


def test_a_wrong_content_type_is_one_line_that_names_it(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("Words.")

    result = home.run("ingest", "--no-wait", "--content-type", "nonsense", tmp_path / "file.txt")

    assert result.code in (1, 2)
    assert "Traceback" not in result.stderr
    assert "content" in result.stderr and "nonsense" in result.stderr, result.stderr
    assert "setting HARTONOMOUS" not in result.stderr  # it is an option, and there is no such setting


def test_a_damaged_database_is_one_line_that_names_the_file(home: Home) -> None:
    home.path.mkdir()
    (home.path / "hartonomous.db").write_bytes(b"this is no database, it is a letter to the sea " * 100)

    for result in home.run_all(["stats"], ["ingest", "."]):
        failing(result, str(home.path / "hartonomous.db"))


def test_a_home_that_is_a_file_is_one_line_that_names_it(home: Home) -> None:
    home.path.write_text("not a folder")

    for result in home.run_all(["stats"], ["ingest", "."]):
        failing(result, f"HARTONOMOUS_HOME: {home.path} is a file, not a folder")


INTERRUPTED = """
import sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from hartonomous_service.cli import main
main()
"""


@pytest.mark.parametrize("module", ["pydantic", "hartonomous_service.ingest", "dagster"])
def test_interrupted_while_modules_are_read_a_command_says_so_in_one_line(
    home: Home, tmp_path: Path, module: str
) -> None:
    (tmp_path / "file.txt").write_text("It is interrupted.")
    program = (sys.executable, "-c", INTERRUPTED.format(module=module))

    result = home.run("ingest", tmp_path / "file.txt", program=program)

    assert result.code == 1
    assert re.fullmatch(r"error: interrupted.*\n", result.stderr), result.stderr
