"""Outgoing text is a template in Chatwoot: `{{contact.phone_number}}` is filled in [liquidable.rb].

Rendered with Jinja, whose variables, filters, `if` and `for` look the same. As in Chatwoot, what stands
between backticks is left alone, a name or filter that does not exist yields nothing, and a text whose syntax
is broken stays as it is. Liquid's `assign`, `case` and `unless` are not here: such a text stays as it is too.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jinja2
import regex
from jinja2.sandbox import SandboxedEnvironment

from bridge.sandbox.records import Bot, Contact, Sender, Thread, User

_CODE = regex.compile(r"(`.*?`)", regex.DOTALL)
_TAG = regex.compile(r"{{.*?}}|{%.*?%}", regex.DOTALL)
_FILTER_ARGUMENTS = regex.compile(r"\|\s*(\w+)\s*:\s*([^|{}%]+?)\s*(?=\||}}|%})")


class _Filters(dict[str, Callable[..., Any]]):
    """Liquid passes by a filter that it does not know. Jinja asks in both ways."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        return lambda value, *_: value

    def get(self, name: str, _: object = None) -> Callable[..., Any]:
        return self[name]


def _environment() -> SandboxedEnvironment:
    made = SandboxedEnvironment(undefined=jinja2.ChainableUndefined, keep_trailing_newline=True)
    made.globals.clear()
    known = {name: made.filters[name] for name in ("capitalize", "default", "first", "join", "last", "trim")}
    words: dict[str, Callable[..., Any]] = {
        "upcase": lambda value: str(value).upper(),
        "downcase": lambda value: str(value).lower(),
        "append": lambda value, more: f"{value}{more}",
        "size": len,
        "strip": lambda value: str(value).strip(),
    }
    made.filters = _Filters(known | words)
    return made


_ENVIRONMENT = _environment()


def render(text: str, thread: Thread, sender: Sender | None) -> str:
    """The text as the customer gets it, with what the drops know of them."""
    if "{{" not in text and "{%" not in text:
        return text
    pieces = _CODE.split(text)
    template = "".join(
        f"{{% raw %}}{piece}{{% endraw %}}" if place % 2 else _TAG.sub(_in_jinja, piece)
        for place, piece in enumerate(pieces)
    )
    try:
        return _ENVIRONMENT.from_string(template).render(_drops(thread, sender))
    except (jinja2.TemplateError, ArithmeticError, TypeError, ValueError, RecursionError):
        return text


def _in_jinja(tag: regex.Match[str]) -> str:
    """`| default: "x"` as Jinja writes it."""
    return _FILTER_ARGUMENTS.sub(r"| \1(\2)", tag[0])


def _drops(thread: Thread, sender: Sender | None) -> dict[str, Any]:
    own = thread.conversation
    return {
        "contact": _contact(own.contact),
        "agent": _agent(sender),
        "conversation": SimpleNamespace(
            display_id=own.id,
            contact_name=own.contact.name,
            custom_attribute=SimpleNamespace(**dict(own.custom_attributes)),
        ),
        "inbox": SimpleNamespace(name=own.inbox.name),
        "account": SimpleNamespace(name=thread.account.name),
    }


def _contact(own: Contact) -> SimpleNamespace:
    first, _, last = own.name.partition(" ")
    return SimpleNamespace(
        name=" ".join(word.capitalize() for word in own.name.split()),
        first_name=first.capitalize(),
        last_name=last.capitalize(),
        email=own.email or "",
        phone_number=own.phone_number or "",
        custom_attribute=SimpleNamespace(**dict(own.custom_attributes)),
    )


def _agent(sender: Sender | None) -> SimpleNamespace:
    if not isinstance(sender, User | Bot):
        return SimpleNamespace()
    first, _, last = sender.name.partition(" ")
    return SimpleNamespace(name=sender.name, available_name=sender.name, first_name=first, last_name=last)
