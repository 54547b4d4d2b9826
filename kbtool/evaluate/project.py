"""What is evaluated, and the description of a run before it is asked.

Two runs compare, resume or are pinned only where these descriptions agree.
"""

from __future__ import annotations

import difflib
import re
import secrets
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kbtool import golden as golden_files
from kbtool.config import Settings
from kbtool.corpus import Corpus
from kbtool.dify.client import DifyClient
from kbtool.dify.objects import Dataset
from kbtool.errors import ConfigError, RunInvalid
from kbtool.evaluate.baseline import Baseline
from kbtool.evaluate.history import SPEC, runs_folder
from kbtool.evaluate.record import Golden, RunSpec
from kbtool.golden import GoldenSet, Stale
from kbtool.sync.render import Rendered, corpus_hash, render_all

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d{6}-\d{3}")


@dataclass(frozen=True, slots=True)
class Project:
    """What is evaluated: the settings, the corpus as it is sent, and the questions about it."""

    settings: Settings
    corpus: Corpus
    rendered: tuple[Rendered, ...]
    questions: GoldenSet
    stale: tuple[Stale, ...]

    @classmethod
    def of(cls, settings: Settings, corpus: Corpus) -> Project:
        """Raises GoldenError, ConfigError. Shortened slugs in the questions are made full."""
        written = golden_files.load(settings.root, settings.evals.golden)
        questions = golden_files.resolve(written, corpus.documents)
        stale = golden_files.find_stale(questions, corpus.documents)
        return cls(settings, corpus, render_all(corpus.documents, settings), questions, stale)

    @property
    def baseline_path(self) -> Path:
        evals = self.settings.evals
        return self.settings.resolve(evals.baselines) / f"{evals.baseline}.json"

    @property
    def baseline(self) -> Baseline | None:
        """The pinned run of kb.toml, None where none is pinned."""
        path = self.baseline_path
        return Baseline.from_json(path.read_text(encoding="utf-8"), name=path.stem) if path.exists() else None


@dataclass(frozen=True, slots=True)
class Ask:
    """What shall be asked: `target` is retrieval, answers or both; `tags` narrow it; `resume` a run's id.

    `strict` turns a watch, or a missing baseline, into exit code 6.
    """

    target: str = "both"
    tags: tuple[str, ...] = ()
    resume: str = ""
    strict: bool = False


async def describe(project: Project, client: DifyClient, dataset: Dataset, ask: Ask) -> RunSpec:
    """Everything that a run of this moment depends on."""
    app_name = (await client.app_info())[0] if ask.target != "retrieval" else ""
    return replace(
        outline(project, ask),
        dataset=dataset.name,
        app=app_name,
        engine=client.engine,
        version=client.version,
        embedding_model=dataset.embedding_model,
    )


def outline(project: Project, ask: Ask) -> RunSpec:
    """As much of it as is known without a server. Raises ConfigError for an unknown tag."""
    settings = project.settings
    asked = asked_of(project, ask.tags)
    ids = {golden.id for golden in asked}
    stale = {one.golden.id: one.golden for one in project.stale if one.golden.id in ids}
    now = datetime.now(UTC)
    return RunSpec(
        run_id=_next_id(now, [path.parent.name for path in runs_folder(settings).glob(f"*/{SPEC}")]),
        started=now.isoformat(timespec="seconds"),
        target=ask.target,
        dataset=settings.dify.dataset,
        app="",
        engine="",
        version="",
        embedding_model="",
        retrieval=settings.retrieval_profile.as_json(),
        k=settings.retrieval.top_k,
        threshold=settings.handoff.threshold,
        policy=asdict(settings.policy),
        commit=_commit(settings.root),
        corpus_hash=corpus_hash(project.rendered),
        golden_hash=project.questions.hash,
        documents=len(project.corpus.documents),
        chunks=project.corpus.sections,
        questions=len(asked) - len(stale),
        stale=tuple(sorted(stale)),
        stale_critical=tuple(sorted(id_ for id_, golden in stale.items() if golden.critical)),
        tags=ask.tags,
    )


def _next_id(now: datetime, runs: Iterable[str]) -> str:
    """An id that sorts after those of all runs there are, also when the clock went backwards.

    "The latest run" and "the runs before this one" are told by it, and must not turn around with a clock.
    """
    newest = max((found[0] for name in runs if (found := _STAMP.match(name))), default="")
    stamp = _stamp(now)
    if newest >= stamp:
        day, _, milliseconds = newest.rpartition("-")
        last = datetime.strptime(f"{day}.{milliseconds}+0000", "%Y-%m-%dT%H%M%S.%f%z")
        stamp = _stamp(last + timedelta(milliseconds=1))
    return stamp + secrets.token_hex(1)


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H%M%S}-{at.microsecond // 1000:03d}"


def asked_of(project: Project, tags: Sequence[str]) -> list[Golden]:
    """The questions with one of these tags, all without any. Raises ConfigError for an unknown tag."""
    known = {tag for golden in project.questions.questions for tag in golden.tags}
    unknown = sorted(set(tags) - known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], sorted(known), n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        shown = ", ".join(sorted(known)[:20]) + (", …" if len(known) > 20 else "")
        raise ConfigError(
            f"No question has the tag {unknown[0]!r}", hint=f"{hint}There are: {shown or 'none'}."
        )
    return [g for g in project.questions.questions if not tags or set(tags) & set(g.tags)]


def require_same(earlier: RunSpec, today: RunSpec, *, hint: str) -> None:
    """Raise RunInvalid, naming what changed, unless both are of the same things."""
    pairs = {
        "dataset": (earlier.dataset, today.dataset),
        "app": (earlier.app, today.app),
        "retrieval settings": (earlier.fingerprint, today.fingerprint),
        "corpus": (earlier.corpus_hash, today.corpus_hash),
        "golden questions": (earlier.golden_hash, today.golden_hash),
    }
    changed = [what for what, (then, now) in pairs.items() if then != now]
    if changed:
        raise RunInvalid(f"Since the run {earlier.run_id} the {' and '.join(changed)} changed", hint=hint)


def part_of(spec: RunSpec) -> str:
    """Which questions a run asks, in words."""
    tags = f" tagged {', '.join(spec.tags)}" if spec.tags else ""
    return f"{'the questions' if spec.target == 'both' else spec.target}{tags}"


def fresh(project: Project, spec: RunSpec) -> list[Golden]:
    """The questions of the run that still fit the corpus."""
    return [
        golden
        for golden in project.questions.questions
        if golden.id not in spec.stale and (not spec.tags or set(spec.tags) & set(golden.tags))
    ]


def _commit(root: Path) -> str:
    """The commit of the knowledge base, "" outside a repository."""
    try:
        shown = subprocess.run(  # noqa: S603 fixed arguments, and the folder is the user's own
            ["git", "-C", str(root), "rev-parse", "--short", "HEAD"],  # noqa: S607 the user's git
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return shown.stdout.strip() if shown.returncode == 0 else ""
