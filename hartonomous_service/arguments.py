"""Checks the arguments of the service's calls by the types in their signatures, whoever calls them.

Without them an id of more than 64 bits was an error of a database driver, a text that stood for a list was taken for its letters, and
an unknown way to search was the default one.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from functools import cache, wraps
from inspect import isclass, signature
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    InstanceOf,
    PlainValidator,
    TypeAdapter,
    ValidationError,
)

from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import Invalid
from hartonomous_service.printable import plain_words, printable

MAX_TENANT = 2**31 - 1
MAX_ID = 2**63 - 1
"""The largest number that a column of either store holds."""
MAX_PAGE = 1_000_000
MAX_SKIP = 10_000_000


def _require_utf8(value: object) -> object:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            # Half a surrogate pair: a byte of a command line or of a file name that is no text.
            raise ValueError(f"{printable(value)}: not UTF-8") from error
    return value


def _replace_surrogates(value: object) -> object:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _require_not_empty(value: str) -> str:
    if not value:
        raise ValueError("it is empty")
    return value


def _read_path(value: object) -> Path:
    if value == "":  # an unset variable of a script, perhaps; as a path it would be the current folder
        raise ValueError("a path is empty; give . for the current folder")
    if not isinstance(value, str | os.PathLike):
        raise ValueError("it should be a path")
    return Path(value)


Tenant = Annotated[int, Field(ge=0, le=MAX_TENANT)]
Id = Annotated[int, Field(ge=-MAX_ID - 1, le=MAX_ID)]
"""Id of a row, as the lists show it."""
Offset = Annotated[int, Field(ge=0, le=MAX_ID)]
"""Place of a byte or an atom in a source."""
PageLength = Annotated[int, Field(ge=1, le=MAX_PAGE)]
Skip = Annotated[int, Field(ge=0, le=MAX_SKIP)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
Text = Annotated[str, BeforeValidator(_require_utf8)]
TypedText = Annotated[str, BeforeValidator(_replace_surrogates)]
"""Words or statements as people type or paste them: what is not text in them becomes a question mark."""
Name = Annotated[Text, AfterValidator(_require_not_empty)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PathArgument = Annotated[str | os.PathLike[str], PlainValidator(_read_path)]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def checked(call: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a call check its arguments by the types in its signature before it does anything; a generator checks them when it is called.

    The call then raises Invalid, naming the first argument that is wrong. A text is not read as a number, nor a bool as one.
    """
    parameters = signature(call)

    @wraps(call)
    def check(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        given = parameters.bind(*args, **kwargs)
        given.arguments.update(validate(call, given.arguments))
        return call(*given.args, **given.kwargs)

    return check


def validate(of: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the arguments of a call, or the fields of a dataclass, by its types, and return what these make of them. Raises Invalid."""
    return {name: _read_argument(name, kind, given[name]) for name, kind in _type_adapters(of).items() if name in given}


@cache
def _type_adapters(of: Callable[..., Any]) -> dict[str, TypeAdapter[Any]]:
    """Return a type adapter for each argument, without resources and settings, which the program itself opens."""
    kinds = get_type_hints(of, include_extras=True)
    kinds.pop("return", None)
    return {
        name: TypeAdapter(_accept_only_instances(kind))
        for name, kind in kinds.items()
        if kind not in (Resources, Settings)
    }


def _accept_only_instances(kind: Any) -> Any:
    """For a class that checks its own fields, accept only its instances, as they are; other types stay."""
    is_checked = is_dataclass(kind) or (isclass(kind) and issubclass(kind, BaseModel))
    return InstanceOf[kind] if is_checked else kind  # type: ignore[misc]


def _read_argument(name: str, kind: TypeAdapter[Any], value: Any) -> Any:
    try:
        return kind.validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, (name, *(part for part in first["loc"] if isinstance(part, int)))))
        said = plain_words(first["msg"])
        problem = "give a list, not one text" if first["type"] == "sequence_str" else said
        raise Invalid(problem, argument=place) from error
