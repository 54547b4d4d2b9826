"""From a file to settings. What is wrong with it is one sentence with the line, and the nearest key."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from kbtool.config.strict import lowered, shown
from kbtool.config.tables import Settings
from kbtool.errors import ConfigError


def load(path: Path) -> Settings:
    """The settings in the file at `path`. Raises ConfigError with file and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise missing(path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    if "root" in tables:
        raise ConfigError(f"{path}: unknown table [root]", hint=f"Known: {', '.join(_known(Settings))}.")
    try:
        return Settings(**tables, root=path.resolve().parent)
    except ValidationError as error:
        raise _explained(path, text, error) from error


def missing(path: Path) -> ConfigError:
    """Of a kb.toml that is not there: where one is, or how to get one."""
    near = [parent / path.name for parent in path.resolve().parents[1:] if (parent / path.name).is_file()]
    if near:
        hint = f"There is {near[0]}: go to its folder, or say --config {near[0]}."
    else:
        hint = "Go to your project's folder, begin one with `kbtool init`, or see it all work: `kbtool demo`."
    return ConfigError(f"{path}: there is no such file", hint=hint)


def _known(table: type[BaseModel]) -> list[str]:
    return [name for name in table.model_fields if name != "root"]


def _explained(path: Path, text: str, error: ValidationError) -> ConfigError:
    """The first thing that is wrong, with its line and the nearest key that exists."""
    first = error.errors()[0]
    if not first["loc"]:  # a rule between tables
        return ConfigError(f"{path}: {first['msg']}")
    *tables, name = [str(part) for part in first["loc"] if not isinstance(part, int)]
    where = f"{path}:{_line_of(text, tables, name)}"
    place = f"[{'.'.join(tables)}] " if tables else ""
    if first["type"] != "extra_forbidden":
        return ConfigError(f"{where}: {place}{name}: {lowered(first['msg'])} (it is {shown(first['input'])})")
    known = _known(_table_type(tables))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
    return ConfigError(f"{where}: {place}unknown key `{name}`", hint=hint)


def _table_type(names: Sequence[str]) -> type[BaseModel]:
    """The type of the table of this name, through optional ones and those that the user names."""
    found: Any = Settings
    for name in names:
        is_table = isinstance(found, type) and issubclass(found, BaseModel)
        found = found.model_fields[name].annotation if is_table else get_args(found)[1]
        if get_origin(found) is not dict:
            tables = [one for one in get_args(found) if isinstance(one, type) and issubclass(one, BaseModel)]
            found = tables[0] if tables else found
    return found if isinstance(found, type) and issubclass(found, BaseModel) else Settings


def _line_of(text: str, tables: list[str], name: str) -> int:
    inside = not tables
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([\w.\-]+)", line)
        if header:
            inside = header[1] == ".".join(tables)
            if header[1] == ".".join([*tables, name]):
                return number
        elif inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return number
    # An inline table stands on the line of its own name.
    return _line_of(text, tables[:-1], tables[-1]) if len(tables) > 1 else 1
