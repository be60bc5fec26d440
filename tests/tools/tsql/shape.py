"""The shape that migrations leave behind: every object in its last definition, as if it had been created so.

Migrations change what earlier ones made: CREATE OR ALTER, ALTER TABLE, DROP. Whoever asks what the schema is reads the scripts of
`last_shape`, which hold plain CREATEs only; each stands on the line where its last definition stands.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.tools.tsql.checker import Finding, Script, checker
from tests.tools.tsql.tables import Table
from tests.tools.tsql.tree import Node, last_name, object_name

_KIND = re.compile(r"Create(?:OrAlter)?(Procedure|Function|Trigger|View|Table|TypeTable|Index|SpatialIndex)Statement")
_OR_ALTER = re.compile(r"CREATE(\s+OR\s+ALTER)\b", re.IGNORECASE)
_BODIES = ("Procedure", "Function", "Trigger")


@dataclass(frozen=True, slots=True)
class Definition:
    """A statement that creates or alters an object."""

    kind: str
    name: str
    script: Script
    node: Node

    @property
    def key(self) -> tuple[str, str]:
        """What names the object: two kinds of index share one name space."""
        return self.kind.removeprefix("Spatial"), self.name.lower()

    @property
    def folder(self) -> str:
        return self.script.place.rpartition("/")[0]

    @property
    def text(self) -> str:
        """The definition as a plain CREATE."""
        return _OR_ALTER.sub("CREATE", self.node.text(self.script.text), count=1)


def definition(script: Script, statement: Node) -> Definition | None:
    """What a statement defines; None where it defines no object that a later migration may change."""
    if not (found := _KIND.fullmatch(statement.kind)):
        return None
    if found[1].endswith("Index"):
        table = object_name(statement.get("OnName") or statement["Object"])
        return Definition(found[1], f"{table}.{statement['Name']['Value']}", script, statement)
    reference = statement.get("ProcedureReference") or statement
    name = reference.get("Name") or reference["SchemaObjectName"]
    return Definition(found[1], object_name(name), script, statement)


@dataclass
class Shape:
    """What stands after scripts have run in their order, and what a server would have had against that."""

    scripts: Sequence[Script]
    standing: dict[tuple[str, str], Definition] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    _folders: dict[tuple[str, str], str] = field(default_factory=dict)
    _edits: dict[str, list[tuple[int, int, str]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for script in self.scripts:
            for batch in script.tree.all("Batches"):
                for statement in batch.all("Statements"):
                    self._run(script, statement)
        for name, table in self.tables.items():
            if table.is_altered:
                made = self.standing["Table", name]
                node = made.node["Definition"]
                lines = node.text(made.script.text).count("\n")
                self._edits[made.script.place].append((node.offset, node.end, table.text() + "\n" * lines))

    def texts(self) -> dict[tuple[str, str], str]:
        """Each object's definition; that of a table without the order of its columns, which depends on what was there before."""
        return {
            key: "\n".join(sorted(self.tables[key[1]].definitions())) if key[0] == "Table" else made.text
            for key, made in self.standing.items()
        }

    def last_scripts(self) -> list[Script]:
        """The scripts with every object in its last definition, and without what changes or drops one."""
        return [self._edited(script) if script.place in self._edits else script for script in self.scripts]

    def _edited(self, script: Script) -> Script:
        text, at = "", 0
        for start, end, replacement in sorted(self._edits[script.place]):
            text += script.text[at:start] + replacement
            at = end
        result = checker().parse(text + script.text[at:], script.place)
        assert isinstance(result, Script), result
        return result

    def _run(self, script: Script, statement: Node) -> None:
        if made := definition(script, statement):
            self._define(made)
        elif statement.kind.startswith("AlterTable"):
            self._alter(script, statement)
        elif statement.kind.startswith("Drop"):
            self._drop(script, statement)

    def _define(self, made: Definition) -> None:
        before, changes = self.standing.pop(made.key, None), made.node.kind.startswith("CreateOrAlter")
        if before:
            self._remove(before.script, before.node)
        if before and not changes:
            self._find(made, f"{made.name} is there already: CREATE OR ALTER changes it")
        if changes and self._folders.get(made.key, made.folder) != made.folder:
            self._find(made, f"{made.name} is made in {self._folders[made.key]}: change it there")
        elif changes and made.key not in self._folders:
            self._find(made, f"CREATE OR ALTER of {made.name}, which no earlier migration makes: plain CREATE")
        self._folders.setdefault(made.key, made.folder)
        self.standing[made.key] = made
        if made.kind == "Table":
            self.tables[made.key[1]] = Table.of(made.script, made.node["Definition"])
        if changes:
            found = _OR_ALTER.match(made.node.text(made.script.text))
            assert found
            start, end = (made.node.offset + place for place in found.span(1))
            self._edits[made.script.place].append((start, end, _blank(found[1])))

    def _alter(self, script: Script, statement: Node) -> None:
        name = object_name(statement["SchemaObjectName"])
        self._remove(script, statement)
        if not (table := self.tables.get(name.lower())):
            self.findings.append(script.finding(statement, f"ALTER TABLE {name}: no earlier migration makes it"))
            return
        self.findings += [
            script.finding(statement, f"ALTER TABLE {name}: {why}") for why in table.alter(script, statement)
        ]

    def _drop(self, script: Script, statement: Node) -> None:
        self._remove(script, statement)
        for kind, name in _dropped(statement):
            dropped = self.standing.pop((kind, name.lower()), None)
            if dropped:
                self._remove(dropped.script, dropped.node)
            elif not statement.get("IsIfExists"):
                self.findings.append(script.finding(statement, f"DROP of {name}, which is not there"))
            if kind == "TypeTable":
                users = [made.name for made in self.standing.values() if name.lower() in _types_used(made)]
                self.findings += [script.finding(statement, f"{user} uses {name}: drop it first") for user in users]

    def _find(self, made: Definition, message: str) -> None:
        self.findings.append(made.script.finding(made.node, message))

    def _remove(self, script: Script, node: Node) -> None:
        """Leave out a statement, and the edits within it."""
        edits = self._edits[script.place]
        edits[:] = [edit for edit in edits if not node.offset <= edit[0] < node.end]
        edits.append((node.offset, node.end, _blank(node.text(script.text))))


def last_shape(scripts: Sequence[Script]) -> list[Script]:
    """The scripts as if each object had been created in its last shape."""
    return Shape(scripts).last_scripts()


def _dropped(statement: Node) -> Iterator[tuple[str, str]]:
    kind = statement.kind.removeprefix("Drop").removesuffix("Statement")
    if kind == "Type":
        yield "TypeTable", object_name(statement["Name"])
    elif kind == "Index":
        for clause in statement.all("DropIndexClauses"):
            yield kind, f"{object_name(clause['Object'])}.{clause['Index']['Value']}"
    else:
        for name in statement.all("Objects"):
            yield kind, object_name(name)


def _types_used(made: Definition) -> set[str]:
    """The types of ours that a body names, in lower case: the server refuses to drop such a type."""
    if made.kind not in _BODIES:
        return set()
    return {f"dbo.{last_name(type_['Name']).lower()}" for type_ in made.node.walk("UserDataTypeReference")}


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
