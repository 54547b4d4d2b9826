"""Golden files, read from YAML with line numbers. Strict: every complaint names file and line."""

from __future__ import annotations

import difflib
import glob
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

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
_HINT = "See README, “Golden questions”."
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
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
    questions, problems = check(root, patterns)
    if problems:
        raise problems[0]
    return questions


def check(root: Path, patterns: Sequence[str]) -> tuple[GoldenSet, tuple[GoldenError, ...]]:
    """The questions that can be read, and what is wrong with the others, in the order of the files.

    Raises ConfigError where no file matches.
    """
    paths = sorted({root / found for pattern in patterns for found in glob.glob(pattern, root_dir=root)})  # noqa: PTH207 patterns may be absolute
    if not paths:
        raise ConfigError(
            f"No golden file matches {', '.join(patterns)} in {root}",
            hint="Begin with proposals from your pages: kbtool golden suggest (or set [evals] golden).",
        )
    problems: list[GoldenError] = []
    first: dict[str, Golden] = {}
    for path in paths:
        for found in _read(path, _shown(path, root)):
            if isinstance(found, GoldenError):
                problems.append(found)
            elif found.id in first:
                problems.append(_twice(found, first[found.id]))
            else:
                first[found.id] = found
    return GoldenSet(tuple(first.values())), tuple(problems)


def _twice(golden: Golden, first: Golden) -> GoldenError:
    return GoldenError(
        f"{golden.file}:{golden.line}: the id {golden.id} is used twice",
        hint=f"It stands first in {first.file}:{first.line}.",
    )


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _read(path: Path, shown: str) -> Iterator[Golden | GoldenError]:
    try:
        root = YAML().compose(path.read_text(encoding="utf-8-sig"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = " ".join(str(error.problem).split())
        hint = "Tabs cannot indent YAML." if "\\t" in problem else ""
        yield GoldenError(f"{shown}:{line}: not valid YAML: {problem}", hint=hint)
        return
    except (OSError, ValueError, YAMLError, RecursionError) as error:
        why = " ".join(str(error).split())[:160] or type(error).__name__
        yield GoldenError(f"{shown}:1: cannot be read: {why}")
        return
    if root is None:
        return
    if not isinstance(root, SequenceNode):
        yield GoldenError(f"{shown}:1: a list of questions was expected", hint=_HINT)
        return
    for node in root.value:
        try:
            yield Entry(shown, node.start_mark.line + 1, _value(node, shown)).golden()
        except GoldenError as error:
            yield error


class _Table(dict[str, Any]):
    """A table of the file; `lines` says where each key stands."""

    lines: dict[str, int]


def _value(node: Node, shown: str, depth: int = 0) -> Any:
    """The node as text, list or table. Text stays as it is written: `1.10` is not 1.1, and `0800` not 800."""
    line = node.start_mark.line + 1
    if depth > DEEPEST:  # also an alias that stands inside its own anchor
        raise GoldenError(f"{shown}:{line}: nested deeper than a question", hint=_HINT)
    if isinstance(node, SequenceNode):
        return [_value(item, shown, depth + 1) for item in node.value]
    if isinstance(node, MappingNode):
        table = _Table()
        table.lines = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in table:
                raise GoldenError(f"{shown}:{line}: the key `{key.value}` stands twice", hint="Keep one.")
            table[str(key.value)] = _value(value, shown, depth + 1)
            table.lines[str(key.value)] = line
        return table
    text = str(node.value)
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise GoldenError(
            f"{shown}:{line}: half a character (a lone surrogate)", hint="Write it out in UTF-8."
        )
    return None if str(node.tag).endswith(":null") else text


class Entry:
    """One entry of a golden file; every complaint names its line, and where that is known that of its key."""

    def __init__(self, file: str, line: int, entry: Any) -> None:
        self.file, self.line, self.entry = file, line, entry

    def golden(self) -> Golden:
        if not isinstance(self.entry, dict):
            self.complain("a question with `id` and `question` was expected")
        self.only(self.entry, KEYS)
        answerable = self.flag("answerable", default=True)
        kind = self.kind()
        relevant = tuple(self.relevant(item) for item in self.sequence(self.entry, "relevant"))
        history = self.texts(self.entry, "history")
        if kind is QuestionKind.SMALLTALK:
            answerable = False
        elif answerable and not relevant:
            self.complain("an answerable question needs `relevant` (or `answerable: false`)")
        elif not answerable and relevant:
            self.complain("`answerable: false` and `relevant` contradict each other", self.entry, "relevant")
        if kind is QuestionKind.FOLLOWUP and not history:
            self.complain("`kind: followup` needs `history`: what was said before", self.entry, "kind")
        return Golden(
            id=self.text(self.entry, "id", required=True),
            question=self.question(),
            lang=self.language(),
            tags=self.texts(self.entry, "tags"),
            critical=self.flag("critical", default=False),
            answerable=answerable,
            kind=kind,
            history=history,
            relevant=relevant,
            expected=self.expected(),
            inbox=self.text(self.entry, "inbox"),
            file=self.file,
            line=self.line,
        )

    def kind(self) -> QuestionKind:
        kinds = {kind.value: kind for kind in QuestionKind}
        kind = kinds.get(self.text(self.entry, "kind") or "question")
        if kind is None:
            self.complain(f"`kind` is one of {', '.join(kinds)}", self.entry, "kind")
        return kind

    def question(self) -> str:
        question = self.text(self.entry, "question", required=True)
        if len(question) > LONGEST_QUERY:
            long = f"the question has {len(question)} characters; Dify takes {LONGEST_QUERY}"
            self.complain(long, self.entry, "question")
        return question

    def language(self) -> str:
        lang = self.text(self.entry, "lang")
        if lang and not _LANGUAGE.fullmatch(lang):
            self.complain(f"`lang` is a code as `en` or `zh`, not {lang!r}", self.entry, "lang")
        return lang

    def relevant(self, item: Any) -> Relevant:
        if not isinstance(item, dict):
            self.complain("`relevant` is a list of `doc`, `section`, `evidence`", self.entry, "relevant")
        self.only(item, _RELEVANT_KEYS)
        doc = self.text(item, "doc", required=True)
        return Relevant(doc, self.texts(item, "section"), self.text(item, "evidence"))

    def expected(self) -> Expected:
        answer = self.entry.get("answer") or {}
        if not isinstance(answer, dict):
            self.complain("`answer` holds `must_contain`, `must_not_contain`, `cite`", self.entry, "answer")
        self.only(answer, _ANSWER_KEYS)
        groups = tuple(
            tuple(self.plain(one, answer, "must_contain") for one in group)
            if isinstance(group, list)
            else (self.plain(group, answer, "must_contain"),)
            for group in self.sequence(answer, "must_contain")
        )
        if not all(groups):
            self.complain(
                "an empty list in `must_contain`, which no answer could meet", answer, "must_contain"
            )
        forbidden = self.texts(answer, "must_not_contain")
        for key, texts in (
            ("must_contain", [text for group in groups for text in group]),
            ("must_not_contain", forbidden),
        ):
            for text in texts:
                try:
                    as_pattern(text)
                except ValueError as error:
                    self.complain(str(error), answer, key)
        both = {text for group in groups if len(group) == 1 for text in group} & set(forbidden)
        if both:
            self.complain(f"the answer must and must not contain {min(both)!r}", answer, "must_not_contain")
        return Expected(groups, forbidden, self.texts(answer, "cite"))

    def only(self, table: dict[str, Any], known: set[str]) -> None:
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(str(key), sorted(known), n=1, cutoff=0.5)
                hint = f"; did you mean `{near[0]}`?" if near else ""
                self.complain(f"unknown key `{key}`{hint}", table, key)

    def text(self, table: dict[str, Any], key: str, *, required: bool = False) -> str:
        value = table.get(key)
        if isinstance(value, (list, dict)) or (required and (value is None or not str(value).strip())):
            self.complain(f"`{key}` must be a text", table, key)
        return "" if value is None else str(value)

    def texts(self, table: dict[str, Any], key: str) -> tuple[str, ...]:
        return tuple(self.plain(value, table, key) for value in self.sequence(table, key))

    def plain(self, value: Any, table: dict[str, Any], key: str) -> str:
        """An item of a list of texts: a list or a table in its place is a slip of indentation."""
        if isinstance(value, (list, dict)) or value is None or not str(value).strip():
            self.complain(f"`{key}` is a list of texts, none of them empty", table, key)
        return str(value)

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
            self.complain(f"`{key}` must be true or false", self.entry, key)
        return bool(value == "true")

    def complain(self, what: str, table: Any = None, key: str = "") -> NoReturn:
        name = self.entry.get("id") if isinstance(self.entry, dict) else None
        line = getattr(table, "lines", {}).get(key, self.line)
        raise GoldenError(f"{self.file}:{line}: {f'{name}: ' if name else ''}{what}", hint=_HINT)
