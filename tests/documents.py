"""The documents as the tests read them: their blocks, their links, and what a forge makes of a heading."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from kbtool.cli import app

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"(?:^<!-- (run|serve) -->\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEREDOC = re.compile(r"^[^\n]*<<'?(\w+)'?.*?^\1$", re.DOTALL | re.MULTILINE)


def documents() -> list[str]:
    """Every page of Markdown that people read, relative to the checkout."""
    top = [path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"]
    pages = [
        *top,
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
        ROOT / "benchmarks/README.md",
    ]
    return sorted(str(path.relative_to(ROOT)) for path in pages)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block. `mark` is "run" for one that is executed, "serve" for one that must be ended."""

    language: str
    text: str
    mark: str = ""


def blocks(text: str) -> list[Block]:
    return [Block(found[2], found[3], found[1] or "") for found in _BLOCK.finditer(text)]


def prose(text: str) -> str:
    """Without blocks and code."""
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)


def code(text: str) -> Iterator[str]:
    """What stands between single back-quotes outside blocks."""
    yield from re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))


def anchors(text: str) -> set[str]:
    """What a forge calls the headings: small letters, hyphens, no punctuation; the second of a name `-1`."""
    seen: Counter[str] = Counter()
    found = set()
    outside = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for heading in re.findall(r"^#+ (.*)$", outside, re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower())
        slug = words.strip().replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def command_lines(script: str) -> Iterator[list[str]]:
    """The words of each command of a shell block, without comments and the texts that it writes."""
    lines = _HEREDOC.sub("", script).replace("\\\n", " ").splitlines()
    for line in lines:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";&|<>()") and word:
                if words:
                    yield words
                words = []
            else:
                words.append(word)


def require_parses(words: list[str]) -> None:
    """The real command line takes these words, `kbtool` first. Raises click's UsageError."""
    command: Any = typer.main.get_command(app)
    context, rest, name = None, words[1:], "kbtool"
    while hasattr(command, "commands"):
        try:
            context = command.make_context(name, list(rest), parent=context)
        except typer.Exit:  # an option that answers by itself: --version
            return
        left = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, left)
    command.make_context(name, list(rest), parent=context)
