"""How source code is cut: at its symbols, exactly, and the same wherever a symbol stands."""

import io
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import (
    Atom,
    CodeAtomizer,
    Context,
    NotUtf8Error,
    Partial,
    atomizer_for,
    atomizer_version,
)
from hartonomous_core.atomizers import code_atomizer as module
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.document_atomizer import NOT_INSTALLED, Format, Item
from hartonomous_core.atomizers.languages import LANGUAGES, Language, language_named
from hartonomous_core.atomizers.members import NoMembers
from hartonomous_core.atomizers.sections import Section
from hartonomous_resources.parsing.parser_processes import ParserProcesses
from tests.unit.changed_bytes import cut, cuts_of, rebuilt
from tests.unit.code_samples import PYTHON, SAMPLES, Sample

REPOSITORY = Path(__file__).resolve().parents[2]
PY = "text/x-python"


def read(text: str | bytes, content_type: str = PY) -> tuple[list[Atom], str | None]:
    """The atoms, which are all of the bytes, and why not all was parsed."""
    data = text if isinstance(text, bytes) else text.encode()
    atoms = []
    reason = None
    try:
        for atom in atomizer_for(content_type).atomize(io.BytesIO(data), content_type):
            atoms.append(atom)
    except Partial as problem:
        reason = str(problem)
    assert b"".join(atom.content + atom.suffix for atom in atoms if atom.role == "content") == data
    return atoms, reason


def symbols(text: str | bytes, content_type: str = PY) -> list[tuple[str, str]]:
    """The subtype and the path of each atom."""
    atoms, reason = read(text, content_type)
    assert reason is None
    return [(atom.subtype, ".".join((atom.locator or {}).get("symbol", []))) for atom in atoms]  # type: ignore[arg-type]


OUTLINES = {
    "tides.py": "lines:, imports:, lines:, function:read_table, function:clearance_below_keel, class:Harbour",
    "route.js": "imports:, lines:, function:splitRoute, function:fetchWeather, class:Beacon, function:soundFoghorn",
    "fees.ts": "imports:, class:Berth, lines:, function:Fees.pilotage, class:Crane",
    "gauge.tsx": "imports:, class:Props, function:Gauge, function:Panel",
    "Roster.java": "imports:, class:Roster, class:Signal",
    "depth.c": "imports:, lines:, class:sounding, function:fathoms_to_metres, function:name_of_quay",
    "buoy.cpp": "imports:, lines:, class:harbour.Buoy, function:harbour.nearest, function:harbour.Buoy.flash_pattern, lines:harbour",
    "Lock.cs": "imports:, lines:, class:Harbour.LockKeeper, class:Harbour.Gate",
    "ferry.go": "imports:, class:Ferry, function:Ferry.NextDeparture, function:announce",
    "light.rs": "imports:, class:Lighthouse, class:Lighthouse, lines:, function:radio.mayday",
    "dues.sql": "class:ship, class:harbour_dues, class:unpaid_ships, lines:",
    "rotate.sh": "lines:, function:rotate_logbook, function:signal_fog, lines:",
}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_each_symbol_is_an_atom(sample: Sample) -> None:
    found = symbols(sample.text, sample.content_type)
    assert ", ".join(f"{kind}:{path}" for kind, path in found) == OUTLINES[sample.name]
    [answer] = [
        atom
        for atom in read(sample.text, sample.content_type)[0]
        if atom.locator == {"symbol": sample.symbol, "lines": sample.lines}
    ]
    assert (answer.modality, answer.content_type) == ("code", f"code/{sample.subtype}")
    assert answer.text == "\n".join(sample.text.split("\n")[sample.lines[0] - 1 : sample.lines[1]]).strip()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_files_are_known_by_their_names_and_grammars_say_which_they_are(sample: Sample) -> None:
    assert sniff(sample.text.encode(), sample.name) == sample.content_type
    atomizer = atomizer_for(sample.content_type, "sentence")
    assert isinstance(atomizer, CodeAtomizer)
    assert ("+tree-sitter-" in atomizer_version(atomizer)) == (
        sample.name != "dues.sql"
    )  # our own code tells those of SQL
    assert NOT_INSTALLED not in atomizer_version(atomizer)


def test_a_symbol_that_is_moved_is_the_same_atom_elsewhere() -> None:
    files = [path.read_bytes() for path in sorted((REPOSITORY / "hartonomous_core" / "atomizers").glob("*.py"))]
    one = b"".join(files)
    turned = b"".join(reversed(files))
    hashes = {atom.content for atom in read(one)[0]}
    size = same = 0
    for atom in read(turned)[0]:
        size += len(atom.content)
        same += len(atom.content) * (atom.content in hashes)
    assert same > 0.97 * size
    moved = {atom.content for data in files for atom in read(data)[0]}
    assert sum(len(each) for each in hashes & moved) > 0.97 * sum(map(len, hashes))


def test_a_long_class_is_cut_at_its_methods_and_a_long_function_between_lines() -> None:
    methods = [f'    def sail_{n}(self):\n        """Go."""\n' + f"        self.knots += {n}\n" * 20 for n in range(6)]
    body = "".join(f"    total_{n} = rest_{n} + {n}\n" + "\n" * (n % 7 == 0) for n in range(300))
    text = f"import os\n\nclass Ship:\n    '''A ship.'''\n\n    knots = 0\n\n{chr(10).join(methods)}\n    sold = True\n\ndef add():\n{body}"
    atoms, _ = read(text)
    paths = [(atom.subtype, (atom.locator or {}).get("symbol")) for atom in atoms]
    assert paths[:3] == [("imports", None), ("class", ["Ship"]), ("function", ["Ship", "sail_0"])]
    assert paths[3:8] == [("function", ["Ship", f"sail_{n}"]) for n in range(1, 6)]
    assert paths[8] == ("class", ["Ship"])
    assert len(paths) > 12
    assert set(map(str, paths[9:])) == {str(("function", ["add"]))}
    assert all(len(atom.content) <= 2000 for atom in atoms)
    assert [atom.content for atom in read("x = 1\n" + text)[0]][-len(paths[9:]) :] == [a.content for a in atoms[9:]]
    changed = text.replace("total_150 = ", "other_150 = ")
    new = {atom.content for atom in read(changed)[0]} - {atom.content for atom in atoms}
    assert len(new) <= 3


def test_what_closes_a_symbol_belongs_to_it_and_brackets_are_no_atoms() -> None:
    method = "  int depth() { // metres\n" + "    sound();\n" * 100 + "  }\n"
    text = f"class Lead {{\n{method}{method}}};\n\nint last() {{ return 1; }} // end\n"
    atoms, _ = read(text, "text/x-c++")
    texts = [atom.text or "" for atom in atoms]
    assert texts[0] == "class Lead {"
    assert (texts[2].endswith("}"), atoms[2].suffix) == (True, b"\n};\n\n")
    assert texts[3] == "int last() { return 1; } // end"


@pytest.mark.parametrize("content_type", ["text/x-c++", "text/x-csharp"])
@pytest.mark.parametrize("closing", [" }\n", "}\n", " } } ;\n", "\n}\n", "\n\n  }\n}\n"])
def test_what_closes_a_namespace_is_not_of_its_last_symbol(content_type: str, closing: str) -> None:
    outer = "namespace sea { " * (closing.count("}") - 1)
    atoms, _ = read(
        f"{outer}namespace port {{\nclass Buoy {{ int n; }}{';' * (content_type == 'text/x-c++')}{closing}",
        content_type,
    )
    assert (atoms[-1].text or "").rstrip(";") == "class Buoy { int n; }"
    assert atoms[-1].suffix.decode() == closing


@pytest.mark.parametrize(
    ("content_type", "text", "path"),
    [
        ("text/x-c++", "Buoy::~Buoy() { sink(); }", "Buoy.~Buoy"),
        ("text/x-c++", "T Buoy<T>::get() { return it; }", "Buoy<T>::get"),
        ("text/x-rust", "impl Sum<a::B> for Log<a::B> { fn f() {} }", "Log<a::B>"),
        ("text/x-go", "func (b *Buoy[T]) Get() T { return b.t }", "Buoy[T].Get"),
        ("text/x-sql", "CREATE TABLE port.ship (id INT);", "port.ship"),
        ("text/javascript", "ship.prototype.sail = function () {};", "sail"),
    ],
)
def test_the_name_of_a_symbol_may_be_a_path(content_type: str, text: str, path: str) -> None:
    assert symbols(text, content_type)[0][1] == path


def test_a_header_of_c_may_be_c_plus_plus() -> None:
    assert symbols("class Quay {\n public:\n  int n;\n};\n", "text/x-c") == [("class", "Quay")]


def test_what_is_mostly_no_code_is_cut_by_lines_and_says_so() -> None:
    _, reason = read("%%% $$ ??? \x01 }{ )( " * 300)
    assert reason is not None
    assert "most of it is not Python" in reason
    assert read(PYTHON + "\n\ndef broken(:\n    pass\n")[1] is None


@pytest.mark.parametrize(
    "end", ["ships = [\n    1,\n    2", 'def log():\n    """It says that', "print(f(1,\n", "x = {'a': (1, 2"]
)
def test_a_program_that_is_cut_off_says_so(end: str) -> None:
    atoms, reason = read(f"{PYTHON}\n\n{end}")
    assert reason == "its end is missing: something in it is opened and never closed"
    assert any("read_table" in (atom.text or "") for atom in atoms)


@pytest.mark.parametrize("end", ["ships = [\n    1,\n    2]", "print 'of Python 2'\n", "x = (\n\ndef f():\n    pass\n"])
def test_a_program_of_which_that_is_not_sure_does_not(end: str) -> None:
    assert read(f"{PYTHON}\n\n{end}")[1] is None


def test_without_the_extra_code_is_cut_by_lines_and_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "installed_version", lambda library: NOT_INSTALLED)
    atomizer, atoms = CodeAtomizer(language_named("Go")), []
    with pytest.raises(Partial, match=r"pip install 'hartonomous\[code\]'"):
        for atom in atomizer.atomize(io.BytesIO(b"package fog\n"), "text/x-go"):
            atoms.append(atom)
    assert [(atom.content, atom.subtype, atom.suffix) for atom in atoms] == [(b"package fog", "lines", b"\n")]
    assert atomizer.version.startswith("2+tree-sitter-none+tree-sitter-go-none of chunks ")


def test_only_text_of_a_charset_that_is_read_is_code() -> None:
    assert isinstance(atomizer_for("text/x-go; charset=utf-8"), CodeAtomizer)
    assert not isinstance(atomizer_for("text/x-go; charset=unknown-8bit"), CodeAtomizer)
    with pytest.raises(NotUtf8Error) as problem:
        list(atomizer_for(PY).atomize(io.BytesIO(b"tide = 1\n# \xff"), PY))
    assert problem.value.offset == 11


@pytest.mark.parametrize("charset", ["utf-16-le", "windows-1252", "shift_jis", "gb18030"])
def test_in_another_encoding_the_symbols_are_derived_with_their_bytes(charset: str) -> None:
    data = PYTHON.encode(charset)
    atoms, reason = read(data, f"{PY}; charset={charset}")
    derived = [atom for atom in atoms if atom.role == "derived"]
    assert reason is None
    assert [atom.text for atom in derived] == [atom.text for atom in read(PYTHON)[0]]
    for atom, plain in zip(derived, read(PYTHON)[0], strict=True):
        place: dict[str, Any] = dict(atom.locator or {})
        at = place.pop("byteOffset")
        assert data[at : at + place.pop("byteLength")].decode(place.pop("charset")) == atom.text
        assert place == plain.locator


HOSTILE = {
    "nothing": "",
    "white space": " \n\t\r\n\f" * 5000,
    "a mark": "\ufeff",
    "a mark before code": "\ufeff" + PYTHON,
    "brackets that open": "(" * 10_000,
    "brackets of all kinds": "([{" * 5_000,
    "brackets that close": ")" * 10_000,
    "blocks": "".join(" " * n + "if x:\n" for n in range(1500)),
    "functions in functions": "".join(" " * n + f"def f{n}():\n" for n in range(1500)),
    "braces": "{" * 10_000,
    "functions in a line": "function a(){}" * 2_000,
    "functions in functions in a line": "function a(){" * 2_000,
    "classes in classes": "class A { " * 2_000,
    "generics": "a<" * 5_000,
    "templates": "template<" * 3_000,
    "pointers": "*" * 10_000,
    "minus signs": "x = " + "-" * 10_000 + "1",
    "comments": "// a\n# b\n/* c */\n-- d\n" * 5000,
    "an open comment": "/*" * 10_000,
    "an open string": '"' + "a" * 1_000_000,
    "quotes": "'\"`" * 5_000,
    "heredocs": "<<A" * 2_000,
    "NULs": "\0" * 10_000,
    "imports": "import a\n" * 2_000,
    "names": "a" * 1_000_000,
    "dots": "a." * 10_000,
    "a long line": "x = [" + "1, " * 30_000 + "]",
    "returns": "x = 1\r" * 5_000,
    "strange ends of lines": "def f():\u2028 pass\x85\x1c\n" * 5000,
    "emoji": "\U0001f6a2" * 5_000,
}


@pytest.fixture(scope="module")
def parsers() -> Iterator[ParserProcesses]:
    processes = ParserProcesses(5, 1024**3)
    yield processes
    processes.close()


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_what_means_harm_is_rebuilt_and_harms_nobody(
    parsers: ParserProcesses, tmp_path: Path, language: Language
) -> None:
    atomizer, content_type, reasons = CodeAtomizer(language), language.content_types[0], {}
    for name, text in HOSTILE.items():
        (tmp_path / "code").write_text(text, "utf-8", newline="")
        found = []
        started = time.monotonic()
        with (tmp_path / "code").open("rb") as stream:
            try:
                for atom in atomizer.atomize(stream, content_type, Context(parsers, NoMembers())):
                    found.append(atom)
            except Partial as problem:
                reasons[name] = str(problem)
        assert b"".join(atom.content + atom.suffix for atom in found) == text.encode()
        assert all(len(atom.suffix) <= 64 for atom in found)
        assert time.monotonic() - started < 60
    assert set(reasons) < set(HOSTILE)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["Python", "C++", "JavaScript"])
def test_brackets_in_brackets_are_no_harm_however_deep(language: str, tmp_path: Path, parsers: ParserProcesses) -> None:
    (tmp_path / "code").write_bytes(b"tide = 1\n" + b"(" * 100_000)
    with (tmp_path / "code").open("rb") as stream:
        atoms = []
        with pytest.raises(Partial, match=r"most of it is not|more than 5 seconds"):
            for atom in CodeAtomizer(language_named(language)).atomize(
                stream, "text/x-python", Context(parsers, NoMembers())
            ):
                atoms.append(atom)
    assert b"".join(atom.content + atom.suffix for atom in atoms) == b"tide = 1\n" + b"(" * 100_000


def test_a_parser_that_dies_or_says_nonsense_costs_no_byte() -> None:
    def dies(format_: Format, stream: BinaryIO, content_type: str) -> Iterator[Item]:
        for offset in (3, 2, 70, 70, 10**9, 5):
            yield Section("", {"symbol": ["a"]}, "function", "code", offset)
        raise Partial("its parser was ended by SIGSEGV")

    atoms: list[Atom] = []
    data = ("äö" * 30 + " word\n").encode()
    with pytest.raises(Partial, match="SIGSEGV"):
        for atom in CodeAtomizer(language_named("Go")).atomize(
            io.BytesIO(data), "text/x-go", Context(dies, NoMembers())
        ):
            atoms.append(atom)
    assert b"".join(atom.content + atom.suffix for atom in atoms) == data


def test_more_symbols_than_are_told_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SYMBOLS", 10)
    atoms, reason = read("".join(f"def f{n}():\n    return {n}\n\n\n" for n in range(50)))
    assert reason == "only its first 10 symbols are told"
    assert len(atoms) < 20


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAMPLES).flatmap(lambda sample: st.tuples(st.just(sample), cuts_of(sample.text.encode()))))
def test_whatever_happens_to_its_bytes_they_come_back(drawn: tuple[Sample, list[tuple[int, int, bytes]]]) -> None:
    sample, cuts = drawn
    data = cut(sample.text.encode(), cuts)
    try:
        data.decode()
        content_type = sample.content_type
    except UnicodeDecodeError:
        content_type = f"{sample.content_type}; charset=iso-8859-1"
    assert rebuilt(data, content_type) == data


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400), st.sampled_from(LANGUAGES), st.booleans())
def test_any_text_comes_back(text: str, language: Language, is_large: bool) -> None:
    data = text.encode(errors="replace")
    content_type = language.content_types[0]
    before, module.MOST_BYTES = module.MOST_BYTES, 0 if is_large else module.MOST_BYTES
    try:
        assert rebuilt(data, content_type) == data
    finally:
        module.MOST_BYTES = before


@pytest.mark.slow
def test_every_file_of_this_repository_and_of_the_standard_library_comes_back() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    paths = [*REPOSITORY.rglob("*.py"), *REPOSITORY.rglob("*.sql"), *REPOSITORY.rglob("*.sh")]
    paths += [path for path in sorted(library.rglob("*.py"))[::15] if "site-packages" not in path.parts]
    parsed = 0
    for path in paths:
        data = path.read_bytes()
        content_type = sniff(data, path.name)
        if isinstance(atomizer_for(content_type), CodeAtomizer):
            read(data, content_type)
            parsed += 1
    assert parsed > 300
