"""Which atomizer takes which content type, with packages of others installed."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from hartonomous_core.atomizers import (
    ChunkAtomizer,
    Context,
    Custom,
    DocumentAtomizer,
    EncodedTextAtomizer,
    Format,
    Member,
    Partial,
    Section,
    TextAtomizer,
    atomizer_for,
    atomizer_version,
)
from hartonomous_core.atomizers.languages import LANGUAGES
from hartonomous_core.atomizers.members import MemberItem, NoMembers
from hartonomous_core.atomizers.registry import OUR_ENTRIES, atomizers
from tests.other_packages import installed

DOCS = Path(__file__).parents[2] / "docs" / "atomizers.md"


def extract_upper(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    yield Section(stream.read().decode().upper(), {"of": content_type})


UPPER = Format("upper", "1", ("text/html", "text/x-upper"), "tests.unit.test_registry:extract_upper", priority=5)
EVERY_TEXT = Custom(-50, lambda unit: TextAtomizer(unit))
FIRST = Custom(0, lambda unit: ChunkAtomizer())
NO_ENTRY = None


@pytest.mark.parametrize(
    ("content_type", "atomizer"),
    [
        ("text/html", DocumentAtomizer),
        ("Text/HTML; charset=windows-1252", DocumentAtomizer),
        ("application/xhtml+xml", DocumentAtomizer),
        ("image/svg+xml; charset=utf-16le", DocumentAtomizer),
        ("application/vnd.example+xml", DocumentAtomizer),
        ("application/vnd.example+json", TextAtomizer),
        ("text/html; charset=unknown-8bit", ChunkAtomizer),
        ("text/plain", TextAtomizer),
        ("text/plain; charset=utf-16le", EncodedTextAtomizer),
        ("application/zip", DocumentAtomizer),
        ("application/x-7z-compressed", DocumentAtomizer),
        ("application/x-sqlite3", ChunkAtomizer),
    ],
)
def test_our_own(content_type: str, atomizer: type) -> None:
    assert type(atomizer_for(content_type)) is atomizer


def test_a_package_brings_a_format_of_a_greater_priority(tmp_path: Path) -> None:
    with installed(tmp_path, "upper", "tests.unit.test_registry:UPPER"):
        for content_type in ("text/html", "text/x-upper"):
            found = atomizer_for(content_type)
            assert found.name == "upper"
            derived = [atom for atom in found.atomize(io.BytesIO(b"fog"), content_type) if atom.role == "derived"]
            assert [(atom.text, atom.locator) for atom in derived] == [("FOG", {"of": content_type})]
        assert atomizer_for("text/plain").name == "text"
    assert atomizer_for("text/html").name == "html"


def test_of_equals_that_of_another_package_is_asked_before_ours_and_what_has_less_after(tmp_path: Path) -> None:
    with installed(tmp_path, "two", "tests.unit.test_registry:EVERY_TEXT", "tests.unit.test_registry:FIRST"):
        formats = [entry.name for entry in OUR_ENTRIES if isinstance(entry, Format)]
        languages = [f"code-{language.query.lower()}" for language in LANGUAGES]
        weights = ["safetensors", "gguf", "onnx", "pytorch"]
        expected = [
            "chunks",
            *formats,
            "csv",
            "json",
            "json-lines",
            *weights,
            "markdown",
            "rest",
            *languages,
            "text",
        ]
        assert [atomizer.name for atomizer in atomizers("passage")][: len(expected)] == expected
        assert len(atomizers("passage")) == len(OUR_ENTRIES) + 2


def test_an_entry_point_that_does_not_load_is_not_passed_over(tmp_path: Path) -> None:
    with (
        installed(tmp_path, "broken", "tests.unit.test_registry:MISSING"),
        pytest.raises(AttributeError, match="MISSING"),
    ):
        atomizer_for("text/plain")


def test_no_format_is_imported_before_it_is_used() -> None:
    code = (
        "import io, sys; from hartonomous_core.atomizers import atomizer_for; "
        "list(atomizer_for('text/plain').atomize(io.BytesIO(b'x'), 'text/plain')); "
        "print([name for name in sys.modules if 'selectolax' in name or 'extractors' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_worked_example_of_the_docs_is_a_package_that_works(tmp_path: Path) -> None:
    files = dict(re.findall(r"`([\w/.]+)`:\n\n```\w+\n(.*?)```", DOCS.read_text(), re.DOTALL))
    assert sum(len(text.splitlines()) for text in files.values()) <= 45
    package, site = tmp_path / "package", tmp_path / "site"
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    build = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*build, "--target", str(site), str(package)], check=True)
    code = (
        "import io; from hartonomous_core.atomizers import atomizer_for, atomizer_version, Partial\n"
        "found = atomizer_for('application/x-score')\n"
        "print(atomizer_version(found))\n"
        "try:\n"
        "    for atom in found.atomize(io.BytesIO(b'SCORE\\n1\\tFog\\n2\\tTides\\nrest'), 'application/x-score'):\n"
        "        print(atom.role, atom.text, atom.locator)\n"
        "except Partial as problem:\n"
        "    print(problem)\n"
    )
    environment = {"PYTHONPATH": f"{site}:{Path(__file__).parents[2]}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    version, *lines = done.stdout.splitlines()
    assert version.startswith("score 1 of chunks")
    assert lines == [
        "content None None",
        "derived Fog {'bar': 1}",
        "derived Tides {'bar': 2}",
        "line 4 has no number",
    ]


def test_the_atomizer_of_the_docs_works_as_it_stands() -> None:
    [code] = re.findall(r"```python\n([^`]*?^class BarsAtomizer:.*?)```", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - ours

    class Taken(NoMembers):
        def take(self, item: MemberItem) -> None:
            taken.append(item)

    def extract(format_: Format, stream: BinaryIO, content_type: str) -> Iterator[Section | MemberItem]:
        assert (format_.extractor, format_.in_child) == ("hartonomous_score:extract", True)
        yield from (Section("Fog", {"bar": 1}), Member("a"), b"x")

    taken: list[MemberItem] = []
    atomizer = names["ENTRY"].atomizer("passage")
    atoms = list(atomizer.atomize(io.BytesIO(b"bytes"), "application/x-bars", Context(extract, Taken())))
    assert [(atom.role, atom.content) for atom in atoms] == [("content", b"bytes"), ("derived", b"Fog")]
    assert taken == [Member("a"), b"x"]


def test_versions_name_what_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    html = atomizer_version(atomizer_for("text/html"))
    assert re.fullmatch(r"html \d\+selectolax-\S+ of chunks \S+ and text \S+", html)
    assert atomizer_version(atomizer_for("text/html", "sentence")) != html


def test_a_long_version_is_told_by_its_hash() -> None:
    libraries = ("pyfastcdc", "nupunkt", "selectolax", "numpy")
    said = {atomizer_version(Format(each, "1", (), "", libraries).atomizer("passage")) for each in ("a", "b")}
    said.add(atomizer_version(Format("a", "1", (), "", libraries).atomizer("sentence")))
    assert [len(each) for each in said] == [100] * 3
    assert all(each.startswith(("a 1+pyfastcdc-", "b 1+pyfastcdc-")) for each in said)


def test_what_an_extractor_raises_makes_its_source_partial_and_what_the_stream_raises_does_not() -> None:
    broken = DocumentAtomizer(Format("broken", "1", (), "tests.unit.test_registry:extract_broken"), "passage")
    atoms = broken.atomize(io.BytesIO(b"bytes"), "x/y")
    assert [next(atoms).role, next(atoms).text] == ["content", "before"]
    with pytest.raises(Partial, match=r"^it is damaged, or of a kind that is not read: KeyError: 'catalog'$"):
        next(atoms)

    class Unreadable(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() == 0 and atoms_began:
                raise TimeoutError("the drive does not answer")
            return super().read(size)

    atoms_began: list[bool] = []
    atoms = broken.atomize(Unreadable(b"bytes"), "x/y")
    next(atoms)
    atoms_began.append(True)
    with pytest.raises(TimeoutError):
        next(atoms)


def extract_broken(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    try:
        stream.read()
    except OSError as problem:
        raise KeyError("catalog") from problem
    yield Section("before")
    raise KeyError("catalog")
