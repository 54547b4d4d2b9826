"""Proposals on their way to golden questions: added to a file, and moved out of it when accepted.

A proposal counts for nothing until a person has accepted it. Accepting writes the golden file first and then
takes the question out of the proposals, so that whatever moment it dies at, none is lost; done again, it goes
on where it was.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import SequenceNode

from kbtool.errors import GoldenError
from kbtool.evaluate.record import Golden
from kbtool.golden.propose import PROPOSED
from kbtool.golden.reading import check
from kbtool.golden.writing import to_yaml

HEAD = (
    "# Proposals, not golden questions: nothing here is asked. Look at each, word it as customers do,\n"
    "# say where its answer stands (or `answerable: false`), and accept it: kbtool golden accept ID.\n"
    "# What came from customers is without addresses and numbers.\n\n"
)


def read(path: Path, root: Path) -> tuple[Golden, ...]:
    """The proposals of a file, none where there is no file. Raises GoldenError with the line."""
    if not path.exists():
        return ()
    found, problems = check(root, [str(path)])
    if problems:
        raise problems[0]
    return found.questions


def add(path: Path, golden: Golden, root: Path) -> bool:
    """One proposal more, behind the others; False where its id is there already. Raises GoldenError."""
    if any(one.id == golden.id for one in read(path, root)):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text(encoding="utf-8-sig") if path.exists() else HEAD
    _write(path, _joined(before, to_yaml([golden])))
    return True


def accept(
    proposals: Sequence[Path], into: Path, ids: Collection[str], golden: Sequence[Golden], root: Path
) -> tuple[Golden, ...]:
    """Move the proposals of these ids, or all without any, to the golden file `into`; those that were moved.

    `golden` are the questions that count already. Raises GoldenError for an id that nobody proposed, or that
    another question has; nothing is changed then.
    """
    found = {path: [one for one in read(path, root) if not ids or one.id in ids] for path in proposals}
    chosen = [one for of_file in found.values() for one in of_file]
    missing = sorted(set(ids) - {one.id for one in chosen})
    if missing:
        raise GoldenError(f"No proposal has the id {missing[0]}", hint="See them: kbtool golden accept")
    accepted = [replace(one, tags=tuple(tag for tag in one.tags if tag != PROPOSED)) for one in chosen]
    standing = {one.id: one for one in golden}
    new = []
    for one in accepted:
        first = standing.get(one.id)
        if first is None:
            new.append(one)
        elif first.content_hash != one.content_hash:
            raise GoldenError(
                f"{one.file}:{one.line}: the id {one.id} stands already in {first.file}:{first.line}",
                hint="Give the proposal another id, or take it out.",
            )
    if new:
        into.parent.mkdir(parents=True, exist_ok=True)
        before = into.read_text(encoding="utf-8-sig") if into.exists() else ""
        _write(into, _joined(before, to_yaml(new)))
    for path, of_file in found.items():
        if of_file:
            _write(path, _without(path.read_text(encoding="utf-8-sig"), {one.line for one in of_file}))
    return tuple(accepted)


def _without(text: str, lines: Collection[int]) -> str:
    """The file without the entries that begin on these lines (1 is the first); comments stay."""
    root = YAML().compose(text)
    assert isinstance(root, SequenceNode)  # it was read as one
    kept = text.splitlines(keepends=True)
    for node in reversed(root.value):
        first, last = node.start_mark.line, node.end_mark.line
        if first + 1 in lines:
            while last > first and last <= len(kept) and _is_between(kept[last - 1]):
                last -= 1
            del kept[first : max(last, first + 1)]
    return "".join(kept)


def _is_between(line: str) -> bool:
    """A comment or an empty line behind an entry is the next one's."""
    return not line.strip() or line.lstrip().startswith("#")


def _joined(before: str, entries: str) -> str:
    """With an empty line between entries."""
    if not before.strip():
        return entries
    return before.rstrip("\n") + "\n\n" + entries


def _write(path: Path, text: str) -> None:
    half = path.with_name(path.name + ".part")
    half.write_text(text, encoding="utf-8", newline="")
    half.replace(path)
