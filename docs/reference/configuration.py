"""The page of kb.toml and of the environment, from the tables that read them.

Types, bounds and defaults are pydantic's; a key's meaning is what stands in quotes below it in the code.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from docs.reference.tables import WRITTEN, table
from kbtool.config import Settings
from kbtool.config.environment import VARIABLES

HEAD = """\
# Configuration

{written}

Every key of `kb.toml`. Paths are relative to the file. An unknown key is an error that names the nearest
known one. Secrets stand in the [environment](#environment), never in the file. `kbtool init` writes a kb.toml
with comments, and the [quickstart](../quickstart.md) says which keys come first.
"""
FREE = """
## Tables whose keys are yours
"""
ENVIRONMENT = """
## Environment

A name in `<…>` is that of kb.toml in capitals, its hyphens as underscores: the app `tier-one` is asked with
`DIFY_APP_KEY_TIER_ONE`. A bot's own variable stands before the common one; an app's key is never replaced by
the common one.
"""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a table, as the page tells it."""

    name: str
    kind: str
    default: str
    meaning: str


def page() -> str:
    """Every key, then every environment variable."""
    lines = HEAD.format(written=WRITTEN).splitlines()
    for name, of in tables(Settings):
        lines += ["", f"## {name}", "", *inspect.cleandoc(of.__doc__ or "").splitlines(), ""]
        rows = [(f"`{key.name}`", key.kind, key.default, key.meaning) for key in keys(of)]
        lines += [*table(("key", "type", "default", "meaning"), rows)]
    free = [(f"`[{key.name}]`", key.kind, key.meaning) for key in keys(Settings) if key.kind != "table"]
    lines += [*FREE.splitlines(), "", *table(("table", "type", "meaning"), free)]
    lines += [*ENVIRONMENT.splitlines(), ""]
    variables = [
        (", ".join(f"`{name}`" for name in one.names), one.reader, one.meaning + " A secret." * one.is_secret)
        for one in VARIABLES
    ]
    lines += [*table(("variable", "read by", "meaning"), variables)]
    return "\n".join(lines) + "\n"


def tables(of: type[BaseModel], name: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """The tables inside this one, at any depth, each by its header in kb.toml."""
    for key, field in of.model_fields.items():
        inner = _inner(field.annotation)
        if inner is not None:
            kind = get_origin(field.annotation)
            whole = f"{name}.{key}".lstrip(".") + (".<name>" if kind is dict else "")
            yield f"[[{whole}]]" if kind is tuple else f"[{whole}]", inner
            yield from tables(inner, whole)


def keys(of: type[BaseModel]) -> Iterator[Key]:
    """Its keys, but for `root`, which stands in no file."""
    schema = of.model_json_schema()
    meanings = dict(_meanings(of))
    for name, part in schema["properties"].items():
        if name != "root":
            default = "required" if name in schema.get("required", ()) else _value(part.get("default"))
            yield Key(name, _kind(part, schema.get("$defs", {})), default, meanings.get(name, ""))


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The table that a key holds: it, or one of it, or several."""
    candidates = (annotation, *get_args(annotation))
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _meanings(of: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """What stands in quotes below each key, also of what the table inherits."""
    for one in reversed(of.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(one))).body
            assert isinstance(definition, ast.ClassDef)
            for line, below in zip(definition.body, definition.body[1:], strict=False):
                match line, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                        value=ast.Constant(value=str(said))
                    ):
                        yield name, " ".join(said.split())


def _kind(part: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    """A part of a JSON schema in a few words."""
    match part:
        case {"$ref": reference}:
            said = _kind(known[str(reference).rpartition("/")[2]], known)
        case {"anyOf": kinds}:
            said = " or ".join(_kind(one, known) for one in kinds if one.get("type") != "null")
        case {"enum": values}:
            said = ", ".join(f"`{value}`" if value else "empty" for value in values)
        case {"type": "array", "items": items}:
            said = f"list of {_kind(items, known)}"
        case {"type": "object", "additionalProperties": dict(inner)}:
            said = f"table of {_kind(inner, known)}"
        case {"type": kind}:
            words = {
                "boolean": "true or false",
                "string": "text",
                "integer": "whole number",
                "object": "table",
            }
            said = words.get(str(kind), str(kind)) + _bounds(part)
        case _:
            said = "anything"
    return said


def _bounds(part: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return ",".join(f" {sign} {part[name]:,}" for name, sign in signs.items() if name in part)


def _value(value: Any) -> str:
    """A default as kb.toml would have it."""
    match value:
        case None | [] | {}:
            said = "none"
        case "":
            said = "empty"
        case float():
            said = f"`{value:g}`"
        case dict():
            said = "below"
        case str():
            said = f"`{value}`"
        case _:
            said = f"`{json.dumps(value)}`"
    return said
