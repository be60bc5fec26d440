"""Runs in the toolchain's interpreter, not in ours: answers requests, one JSON document a line, with .NET loaded once.

    {"parse": TEXT}                 -> {"errors": [[line, column, message]], "tree": NODE}
    {"model": [[NAME, TEXT], ...]}  -> {"messages": [[NAME or "", message]]}

A node is {"kind": type of ScriptDom, "at": [line, column, offset, length], and its properties that are set}.
It knows nothing of what is right or wrong: rules live on our side, where they are typed and tested.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import dotnetcore2
from clr_loader import get_coreclr
from pythonnet import set_runtime


def _load_runtime() -> None:
    """Start .NET Core from the wheel; the configuration file is what names its version."""
    framework = {"name": "Microsoft.NETCore.App", "version": "3.1.0"}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"runtimeOptions": {"tfm": "netcoreapp3.1", "framework": framework}}, file)
        file.flush()
        root = Path(dotnetcore2.__file__).parent / "bin"
        set_runtime(get_coreclr(runtime_config=file.name, dotnet_root=str(root)))
        import clr  # noqa: F401 - loads the runtime, while the file is there


_load_runtime()
import clr  # noqa: E402

_ASSEMBLIES = Path(sys.argv[1])
sys.path.append(str(_ASSEMBLIES))
for _name in (
    "Microsoft.SqlServer.TransactSql.ScriptDom",
    "Microsoft.SqlServer.Dac",
    "Microsoft.SqlServer.Dac.Extensions",
):
    clr.AddReference(str(_ASSEMBLIES / f"{_name}.dll"))

from Microsoft.SqlServer.Dac.Model import SqlServerVersion, TSqlModel, TSqlModelOptions, TSqlObjectOptions  # noqa: E402
from Microsoft.SqlServer.TransactSql.ScriptDom import TSql150Parser  # noqa: E402
from System import Exception as DotnetException  # noqa: E402
from System.IO import StringReader  # noqa: E402

_PARSER = TSql150Parser(True)
_NODE, _NODES, _SCALAR = range(3)
_SKIPPED = {
    "ScriptTokenStream",
    "StartOffset",
    "FragmentLength",
    "StartLine",
    "StartColumn",
    "FirstTokenIndex",
    "LastTokenIndex",
}
_SKIPPED |= {
    "ServerIdentifier",
    "DatabaseIdentifier",
    "SchemaIdentifier",
    "BaseIdentifier",
}  # all of them stand in Identifiers
_properties: dict[str, tuple[str, list[tuple[Any, str, int]]]] = {}


def _raw(value: Any) -> Any:
    """The object itself where pythonnet shows it as one of its interfaces."""
    return getattr(value, "__raw_implementation__", value)


def _properties_of(node: Any) -> tuple[str, list[tuple[Any, str, int]]]:
    """The properties of a node's type that say something; looked up once per type."""
    type_ = node.GetType()
    if (known := _properties.get(type_.FullName)) is not None:
        return known
    found = []
    for one in type_.GetProperties():
        name = one.PropertyType.FullName or ""
        if one.Name in _SKIPPED or one.GetIndexParameters().Length:
            continue
        if name.startswith("System.Collections"):
            found.append((one, one.Name, _NODES))
        elif one.PropertyType.IsEnum or name in ("System.String", "System.Boolean", "System.Int32"):
            found.append((one, one.Name, _SCALAR))
        elif "ScriptDom" in name and not one.PropertyType.IsValueType:
            found.append((one, one.Name, _NODE))
    known = _properties[type_.FullName] = (type_.Name, found)
    return known


def _exported(node: Any) -> dict[str, Any]:
    """A node as plain data."""
    kind, properties = _properties_of(node)
    data: dict[str, Any] = {
        "kind": kind,
        "at": [node.StartLine, node.StartColumn, node.StartOffset, node.FragmentLength],
    }
    for property_, name, what in properties:
        value = property_.GetValue(node, None)
        if value is None:
            continue
        if what == _SCALAR:
            plain = value if isinstance(value, (str, bool, int)) else str(value.ToString())
            if plain is not False and plain != "None":
                data[name] = plain
        elif what == _NODE:
            if hasattr(value := _raw(value), "FragmentLength"):
                data[name] = _exported(value)
        elif parts := [_exported(_raw(part)) for part in value if hasattr(part, "FragmentLength")]:
            data[name] = parts
    return data


def _parse(text: str) -> dict[str, Any]:
    tree, errors = _PARSER.Parse(StringReader(text), None)
    found = [[error.Line, error.Column, error.Message] for error in errors]
    return {"errors": found, "tree": None if found else _exported(tree)}


def _model(units: list[tuple[str, str]]) -> dict[str, Any]:
    """Load every unit in one model and validate all references.

    A unit that cannot be loaded at all poisons the model: it is reported and left out, and the model is built again.
    """
    messages: list[list[str]] = []
    left_out: set[str] = set()
    while (model := _build(units, messages, left_out)) is None:
        pass
    messages += [["", f"{message.Prefix}{message.Number}: {message.Message}"] for message in model.Validate()]
    return {"messages": messages}


def _build(units: list[tuple[str, str]], messages: list[list[str]], left_out: set[str]) -> Any:
    model = TSqlModel(SqlServerVersion.Sql150, TSqlModelOptions())
    for name, text in units:
        if name in left_out:
            continue
        try:
            model.AddOrUpdateObjects(text, name, TSqlObjectOptions())
        except DotnetException as error:
            messages += [[name, line] for line in error.Message.splitlines()[1:] if line.strip()]
            left_out.add(name)
            return None
    return model


def main() -> None:
    """Answer until the requests end."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not stand between the answers
    for line in sys.stdin:
        request = json.loads(line)
        answer = _parse(request["parse"]) if "parse" in request else _model(request["model"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


main()
