"""One event, one `key=value` line. Never a message's text, a name, a token or a body.

Whoever counts events (`metrics.py`) listens to the same ones, so that a line and a count never differ.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Listener = Callable[[str, Mapping[str, object]], None]

_LOGGER = logging.getLogger("bridge")
_LISTENERS: list[Listener] = []


def event(name: str, **facts: object) -> None:
    """Something that happened as it should."""
    _LOGGER.info(_line(name, facts))
    _tell(name, facts)


def problem(name: str, error: BaseException | None = None, /, **facts: object) -> None:
    """Something that an operator should know of. `error` is printed with its traceback."""
    _LOGGER.warning(_line(name, facts), exc_info=error)
    _tell(name, facts)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Have `listener` called with the name and the facts of each event of the block's time."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)


def _tell(name: str, facts: dict[str, object]) -> None:
    for listener in _LISTENERS:
        listener(name, facts)


def to_stderr() -> None:
    """Print the lines, with the time before them. Called once, by the command."""
    printer = logging.StreamHandler(sys.stderr)
    printer.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z"))
    _LOGGER.addHandler(printer)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def _line(name: str, facts: dict[str, object]) -> str:
    return " ".join((f"event={name}", *(f"{key}={_value(value)}" for key, value in facts.items())))


def _value(value: object) -> str:
    """Quoted where a reader of the line would be misled, with no line break ever."""
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    plain = text.isprintable() and text and not any(sign in text for sign in ' "=')
    return text if plain else '"' + text.encode("unicode_escape").decode().replace('"', "'") + '"'
