"""Golden files, read from YAML with line numbers. Strict: every complaint names file and line."""

from __future__ import annotations

import difflib
import glob
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from kbtool.dify.objects import LONGEST_QUERY
from kbtool.errors import ConfigError, GoldenError
from kbtool.evaluate.record import Expected, Golden, QuestionKind, Relevant
from kbtool.script import as_pattern

KEYS = {
    "id", "question", "lang", "tags", "critical", "answerable", "kind", "history", "relevant", "answer",
    "inbox",
}  # fmt: skip
DEEPEST = 8
_RELEVANT_KEYS = {"doc", "section", "evidence"}
_ANSWER_KEYS = {"must_contain", "must_not_contain", "cite"}


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """All questions of a project, in the order of their files."""

    questions: tuple[Golden, ...]

    @property
    def hash(self) -> str:
        lines = sorted(f"{golden.id} {golden.content_hash}" for golden in self.questions)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def load(root: Path, patterns: Sequence[str]) -> GoldenSet:
    """The questions in all files that match. Raises GoldenError with file and line, ConfigError."""
    paths = sorted({root / found for pattern in patterns for found in glob.glob(pattern, root_dir=root)})  # noqa: PTH207 patterns may be absolute
    if not paths:
        raise ConfigError(
            f"No golden file matches {', '.join(patterns)} in {root}",
            hint="Write one (README, “Golden questions”) or set [evals] golden in kb.toml.",
        )
    questions = [golden for path in paths for golden in _read(path, _shown(path, root))]
    first: dict[str, Golden] = {}
    for golden in questions:
        other = first.setdefault(golden.id, golden)
        if other is not golden:
            raise GoldenError(
                f"{golden.file}:{golden.line}: the id {golden.id} is used twice",
                hint=f"It stands first in {other.file}:{other.line}.",
            )
    return GoldenSet(tuple(questions))


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _read(path: Path, shown: str) -> Iterator[Golden]:
    try:
        root = YAML().compose(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = " ".join(str(error.problem).split())
        hint = "Tabs cannot indent YAML." if "\\t" in problem else ""
        raise GoldenError(f"{shown}:{line}: not valid YAML: {problem}", hint=hint) from error
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        raise GoldenError(f"{shown}:1: cannot be read: {why}") from error
    if root is None:
        return
    if not isinstance(root, SequenceNode):
        raise GoldenError(
            f"{shown}:1: a list of questions was expected", hint="See README, “Golden questions”."
        )
    for node in root.value:
        yield Entry(shown, node.start_mark.line + 1, _value(node, shown)).golden()


def _value(node: Node, shown: str, depth: int = 0) -> Any:
    """The node as text, list or table. Text stays as it is written: `1.10` is not 1.1, and `0800` not 800."""
    if depth > DEEPEST:  # also an alias that stands inside its own anchor
        line = node.start_mark.line + 1
        raise GoldenError(
            f"{shown}:{line}: nested deeper than a question", hint="See README, “Golden questions”."
        )
    if isinstance(node, SequenceNode):
        return [_value(item, shown, depth + 1) for item in node.value]
    if isinstance(node, MappingNode):
        table: dict[str, Any] = {}
        for key, value in node.value:
            if key.value in table:
                line = key.start_mark.line + 1
                raise GoldenError(f"{shown}:{line}: the key `{key.value}` stands twice", hint="Keep one.")
            table[str(key.value)] = _value(value, shown, depth + 1)
        return table
    text = str(node.value)
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        line = node.start_mark.line + 1
        raise GoldenError(
            f"{shown}:{line}: half a character (a lone surrogate)", hint="Write it out in UTF-8."
        )
    return None if str(node.tag).endswith(":null") else text


class Entry:
    """One entry of a golden file; every complaint names its line."""

    def __init__(self, file: str, line: int, entry: Any) -> None:
        self.file, self.line, self.entry = file, line, entry

    def golden(self) -> Golden:
        if not isinstance(self.entry, dict):
            self.complain("a question with `id` and `question` was expected")
        self.only(self.entry, KEYS)
        answerable = self.flag("answerable", default=True)
        try:
            kind = QuestionKind(self.entry.get("kind", "question"))
        except ValueError:
            self.complain("`kind` is one of question, followup, smalltalk")
        relevant = tuple(self.relevant(item) for item in self.sequence(self.entry, "relevant"))
        if kind is QuestionKind.SMALLTALK:
            answerable = False
        elif answerable and not relevant:
            self.complain("an answerable question needs `relevant` (or `answerable: false`)")
        elif not answerable and relevant:
            self.complain("`answerable: false` and `relevant` contradict each other")
        return Golden(
            id=self.text(self.entry, "id", required=True),
            question=self.question(),
            lang=self.text(self.entry, "lang"),
            tags=self.texts(self.entry, "tags"),
            critical=self.flag("critical", default=False),
            answerable=answerable,
            kind=kind,
            history=self.texts(self.entry, "history"),
            relevant=relevant,
            expected=self.expected(),
            inbox=self.text(self.entry, "inbox"),
            file=self.file,
            line=self.line,
        )

    def question(self) -> str:
        question = self.text(self.entry, "question", required=True)
        if len(question) > LONGEST_QUERY:
            self.complain(f"the question has {len(question)} characters; Dify takes {LONGEST_QUERY}")
        return question

    def relevant(self, item: Any) -> Relevant:
        if not isinstance(item, dict):
            self.complain("`relevant` is a list of `doc`, `section`, `evidence`")
        self.only(item, _RELEVANT_KEYS)
        doc = self.text(item, "doc", required=True)
        return Relevant(doc, self.texts(item, "section"), self.text(item, "evidence"))

    def expected(self) -> Expected:
        answer = self.entry.get("answer") or {}
        if not isinstance(answer, dict):
            self.complain("`answer` holds `must_contain`, `must_not_contain`, `cite`")
        self.only(answer, _ANSWER_KEYS)
        groups = tuple(
            tuple(str(one) for one in group) if isinstance(group, list) else (str(group),)
            for group in self.sequence(answer, "must_contain")
        )
        forbidden = self.texts(answer, "must_not_contain")
        for text in (*forbidden, *(text for group in groups for text in group)):
            try:
                as_pattern(text)
            except ValueError as error:
                self.complain(str(error))
        return Expected(groups, forbidden, self.texts(answer, "cite"))

    def only(self, table: dict[str, Any], known: set[str]) -> None:
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(str(key), sorted(known), n=1, cutoff=0.5)
                self.complain(f"unknown key `{key}`" + (f"; did you mean `{near[0]}`?" if near else ""))

    def text(self, table: dict[str, Any], key: str, *, required: bool = False) -> str:
        value = table.get(key)
        if isinstance(value, (list, dict)) or (required and (value is None or not str(value).strip())):
            self.complain(f"`{key}` must be a text")
        return "" if value is None else str(value)

    def texts(self, table: dict[str, Any], key: str) -> tuple[str, ...]:
        return tuple(str(value) for value in self.sequence(table, key))

    def sequence(self, table: dict[str, Any], key: str) -> list[Any]:
        value = table.get(key)
        if value is None:
            return []
        return list(value) if isinstance(value, list) else [value]

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.entry.get(key)
        if value is None:
            return default
        if value not in {"true", "false"}:
            self.complain(f"`{key}` must be true or false")
        return bool(value == "true")

    def complain(self, what: str) -> None:
        name = self.entry.get("id") if isinstance(self.entry, dict) else None
        raise GoldenError(
            f"{self.file}:{self.line}: {f'{name}: ' if name else ''}{what}",
            hint="See README, “Golden questions”.",
        )
