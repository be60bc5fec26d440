"""What DacFx is given: the objects of a file set, each as a unit, and shadows of bodies whose tables it would not look into.

DacFx resolves columns of permanent tables, not those of table variables, table-valued parameters and temporary tables. So each
body that uses some is given once more, with permanent tables in their places; `[dbo].[usp_x @rows]` in a message is such a table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.tools.tsql.checker import Script
from tests.tools.tsql.tree import Node, last_name

_BODIES = ("CreateProcedureStatement", "CreateTriggerStatement", "CreateFunctionStatement")
_IN_THE_MODEL = ("Create", "Grant", "Deny")


def units(scripts: list[Script]) -> list[tuple[str, str]]:
    """Names and texts of all that the model is built from; of the last shape, for DacFx has objects and no changes of them."""
    definitions = {
        last_name(node["Name"]).lower(): node["Definition"].text(script.text)
        for script in scripts
        for node in script.tree.walk("CreateTypeTableStatement")
    }
    found = []
    for script in scripts:
        loose = []
        for batch in script.tree.all("Batches"):
            for statement in batch.all("Statements"):
                if not statement.kind.startswith(_IN_THE_MODEL):
                    loose.append(statement.text(script.text).rstrip().rstrip(";"))
                    continue
                place = f"{script.place}:{statement.line}:{statement.column}"
                found.append((place, statement.text(script.text)))
                if statement.kind in _BODIES:
                    shadow = _Shadow(script.text, statement, definitions)
                    found += [(f"{place} {name}", text) for name, text in shadow.units()]
        if loose:
            body = ";\n".join(loose)
            found.append((f"{script.place} (statements)", f"CREATE PROCEDURE [dbo].[{script.place}] AS\n{body};"))
    return found


@dataclass
class _Shadow:
    """A body with permanent tables in place of those that live only while it runs."""

    script: str
    body: Node
    types: dict[str, str]
    edits: list[tuple[int, int, str]] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)

    def units(self) -> Iterator[tuple[str, str]]:
        """The tables and the changed body; nothing, if the body needs none."""
        name = self._name()
        label = last_name(name)
        self._declared_tables()
        if not self.tables:
            return
        self._use_tables(label)
        self._edit(name, f"[dbo].[{label} (tables)]")
        for table, definition in self.tables.items():
            yield table, f"CREATE TABLE [dbo].[{label} {table}] ({definition})"
        yield "(tables)", self._text()

    def _name(self) -> Node:
        reference = self.body.get("ProcedureReference")
        name: Node = reference["Name"] if reference else self.body["Name"]
        return name

    def _edit(self, node: Node, text: str) -> None:
        self.edits.append((node.offset, node.end, text))

    def _declared_tables(self) -> None:
        """Note each table, and let its declaration say something harmless: a table type becomes int, so that EXEC can pass it."""
        for parameter in self.body.all("Parameters"):
            self._declared_by_type(parameter)
        for statement in self.body.walk("DeclareTableVariableStatement"):
            declared = statement["Body"]
            self.tables[declared["VariableName"]["Value"].lower()] = declared["Definition"].text(self.script)
            self._edit(statement, f"DECLARE {declared['VariableName']['Value']} int")
        for element in self.body.walk("DeclareVariableElement"):
            self._declared_by_type(element)
        for statement in self.body.walk("CreateTableStatement"):
            if (name := last_name(statement["SchemaObjectName"])).startswith("#"):
                self.tables[name.lower()] = statement["Definition"].text(self.script)
                self._edit(statement, f"DECLARE @{statement.offset} int")

    def _declared_by_type(self, element: Node) -> None:
        type_ = element.get("DataType")
        if type_ and type_.kind == "UserDataTypeReference" and (name := last_name(type_["Name"]).lower()) in self.types:
            self.tables[element["VariableName"]["Value"].lower()] = self.types[name]
            self._edit(element, f"{element['VariableName']['Value']} int")

    def _use_tables(self, label: str) -> None:
        for statement in self.body.walk("WaitForStatement", "ReceiveStatement", "DropTableStatement"):
            if statement.kind == "ReceiveStatement" or any(statement.walk("ReceiveStatement")):
                self._edit(statement, f"DECLARE @{statement.offset} int")  # RECEIVE can go into a variable only
            elif any(last_name(name).startswith("#") for name in statement.all("Objects")):
                self._edit(statement, f"DECLARE @{statement.offset} int")
        for reference in self.body.walk("VariableTableReference"):
            if (name := reference["Variable"]["Name"].lower()) in self.tables:
                self._edit(reference["Variable"], f"[dbo].[{label} {name}]")
        for reference in self.body.walk("NamedTableReference"):
            if (name := last_name(reference["SchemaObject"]).lower()) in self.tables:
                self._edit(reference["SchemaObject"], f"[dbo].[{label} {name}]")

    def _text(self) -> str:
        """The body with all edits made; of edits within others, the outer one counts."""
        text, at = "", self.body.offset
        for start, end, replacement in sorted(self.edits, key=lambda edit: (edit[0], -edit[1])):
            if start >= at:
                text += self.script[at:start] + replacement
                at = end
        return text + self.script[at : self.body.end]
