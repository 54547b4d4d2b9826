"""The page of the command line, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import typer

from docs.reference.tables import WRITTEN, table
from kbtool.cli import app

HEAD = """\
# Commands

{written}

Exit codes of all: 0 fine, 1 error, 2 usage, 3 regression, 4 the run proves nothing, 5 plan refused, 6
something is pending. An error is a sentence and the next command, on standard error.
`kbtool --version` says the version, and that of the bridge's store.
"""


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its whole name, in the order of `--help`."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        if hasattr(command, "commands"):
            for child, inner in command.commands.items():
                yield from walk(f"{name} {child}", inner)
        elif not command.hidden:
            yield name, command

    yield from walk("kbtool", typer.main.get_command(app))


def page() -> str:
    """Every command with its arguments and options."""
    lines = HEAD.format(written=WRITTEN).splitlines()
    lines += ["", *table(("command", "what it does"), [_summary(*one) for one in commands()])]
    for name, command in commands():
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
        usage = " ".join([name, *(["[options]"] if options else []), *map(_argument, arguments)])
        lines += ["", f"## {name}", "", f"`{usage}`", "", *inspect.cleandoc(command.help or "").splitlines()]
        rows = [(_named(one), _told(one), _default(one)) for one in (*arguments, *options)]
        if rows:
            lines += ["", *table(("", "", "default"), rows)]
    return "\n".join(lines) + "\n"


def _summary(name: str, command: Any) -> tuple[str, str]:
    first, _, _ = inspect.cleandoc(command.help or "").partition("\n\n")
    return f"[`{name}`](#{name.replace(' ', '-')})", first


def _argument(one: Any) -> str:
    name = (one.metavar or one.name).upper() + ("…" if one.nargs != 1 else "")
    return name if one.required else f"[{name}]"


def _named(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{_argument(one)}`"
    names = sorted((*one.opts, *one.secondary_opts), key=lambda name: not name.startswith("--"))
    value = "" if one.is_flag else f" {one.metavar or _word(one)}"
    return f"`{', '.join(names)}{value}`"


def _told(one: Any) -> str:
    values = ", ".join(f"`{value}`" for value in _values(one))
    return f"{one.help or ''} {f'One of {values}.' if values else ''}".strip()


def _word(one: Any) -> str:
    """What stands behind an option's name."""
    if _values(one):
        return "value"
    return {"Path": "path", "str": "text"}.get(_type(one).__name__, "number")


def _values(one: Any) -> list[str]:
    """Those that it takes, where they are a closed list."""
    type_ = _type(one)
    return [str(member.value) for member in type_] if issubclass(type_, Enum) else []


def _type(one: Any) -> type:
    """Of one value: `list[int]` → int."""
    annotation = one.type_descriptor.annotation
    inner = next(iter(get_args(annotation)), annotation)
    return inner if isinstance(inner, type) else str


def _default(one: Any) -> str:
    value = getattr(one.default, "value", one.default)
    told = one.show_default if isinstance(one.show_default, str) else ""
    if one.required:
        told = "required"
    elif not told and value not in (None, False, "", (), []):
        told = "on" if value is True else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
    return "; else ".join(part for part in (f"`{one.envvar}`" if one.envvar else "", told) if part)
