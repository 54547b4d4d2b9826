"""The beginning of a page that is missing: what was asked, and what a person answered. Never over another.

A stub is for a person to finish. It is written to a folder of its own, not into the corpus, and goes there
when it has become a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from kbtool.errors import ConfigError
from kbtool.script import slugify

_LONGEST_NAME = 60


def text_of(title: str, questions: Sequence[str], answer: str, day: str) -> str:
    """The stub as Markdown: the question as title, what people answered below, all wordings in a comment."""
    asked = "\n".join(f"- {_in_comment(' '.join(question.split()))}" for question in questions)
    note = f"<!-- A stub of {day}: finish it, then take this comment out. Customers asked:\n{asked}\n-->"
    body = answer.strip() or "What is the answer?"
    return f"# {' '.join(title.split())}\n\n{note}\n\n{body}\n"


def write(folder: Path, title: str, text: str) -> Path:
    """A new file of the title's name; the path. Raises ConfigError where the folder cannot be written."""
    name = slugify(title)[:_LONGEST_NAME].strip("-") or "page"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            path = folder / (f"{name}.md" if number == 1 else f"{name}-{number}.md")
            try:
                with path.open("x", encoding="utf-8", newline="\n") as file:
                    file.write(text)
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise ConfigError(
            f"{folder}: a page stub cannot be written ({error.strerror or error})",
            hint="Set [improve] pages in kb.toml to a folder that the bridge may write.",
        ) from error
    raise AssertionError  # there are numbers enough


def _in_comment(text: str) -> str:
    return text.replace("--", "‐‐")
