"""The runs on this machine: a folder each, found by id, and what later runs must know of earlier ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kbtool.config import Settings
from kbtool.errors import ExportError, RunInvalid
from kbtool.evaluate.baseline import Baseline
from kbtool.evaluate.gate import Verdict
from kbtool.evaluate.metrics import Rate
from kbtool.evaluate.plots import Past
from kbtool.evaluate.record import RunSpec
from kbtool.evaluate.retention import Kept, expired
from kbtool.evaluate.run import read_spec

SPEC, REPLIES, CONFIRMED, PINNED = "run.json", "replies.jsonl", "confirmed.jsonl", "pinned.jsonl"
OUTCOME, REPORT = "outcome.json", "report.html"
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Remembered:
    """An earlier run: its point in the trend, and what it asked to be seen a second time."""

    started: str
    past: Past | None
    baseline: str
    fingerprint: str
    watches_drop: bool
    wants_threshold: bool


def runs_folder(settings: Settings) -> Path:
    return settings.resolve(settings.reports.directory) / "runs"


def find_run(settings: Settings, run_id: str) -> tuple[Path, RunSpec]:
    """Folder and description of a run: by its id, the beginning of it, or `latest`, the last finished one.

    Raises ExportError where there is none, or more than one.
    """
    runs = [(path.parent, read_spec(path)) for path in sorted(runs_folder(settings).glob(f"*/{SPEC}"))]
    if run_id == LATEST:
        found = [(folder, spec) for folder, spec in runs if spec.is_finished][-1:]
    else:
        found = [(folder, spec) for folder, spec in runs if folder.name.startswith(run_id)]
    if len(found) != 1:
        what = "more than one run" if found else "no finished run" if run_id == LATEST else "no run"
        hint = "`kbtool eval list` shows the runs; `kbtool eval weekly` makes one."
        raise ExportError(f"There is {what}" + ("" if run_id == LATEST else f" {run_id!r}"), hint=hint)
    return found[0]


def find_interrupted(settings: Settings) -> tuple[Path, RunSpec]:
    """Folder and description of the last run, if it was interrupted. Raises ExportError if it was not."""
    runs = [(path.parent, read_spec(path)) for path in sorted(runs_folder(settings).glob(f"*/{SPEC}"))]
    if not runs or runs[-1][1].is_finished:
        raise ExportError("There is no interrupted run to go on with", hint="Start one: kbtool eval run")
    return runs[-1]


def remove_expired(settings: Settings, *, now: datetime | None = None) -> tuple[str, ...]:
    """Remove the runs that kb.toml keeps no longer; their ids. What cannot be read is left alone."""
    kept: list[Kept] = []
    for path in runs_folder(settings).glob(f"*/{SPEC}"):
        try:
            spec = read_spec(path)
            kept.append(Kept(path.parent.name, datetime.fromisoformat(spec.started)))
        except (ExportError, ValueError):
            continue
    gone = expired(
        kept, now=now or datetime.now(UTC), weeks=settings.reports.keep_weeks, pinned=_pinned(settings)
    )
    for run_id in gone:
        shutil.rmtree(runs_folder(settings) / run_id)
    return gone


def _pinned(settings: Settings) -> set[str]:
    """The runs that any committed baseline was made from."""
    folder = settings.resolve(settings.evals.baselines)
    return {
        Baseline.from_json(path.read_text(encoding="utf-8"), name=path.stem).run_id
        for path in folder.glob("*.json")
    }


def require_finished(spec: RunSpec) -> None:
    """Raise RunInvalid for a run that was interrupted: part of the questions prove nothing."""
    if not spec.is_finished:
        raise RunInvalid(
            f"The run {spec.run_id} was interrupted before all {spec.questions} questions were asked",
            hint=f"Go on with it: kbtool eval run --resume {spec.run_id}",
        )


def remember(
    folder: Path, spec: RunSpec, *, found: Rate, verdict: Verdict, baseline: str, wants_threshold: bool
) -> None:
    """Write what later runs must know of this one."""
    content = {
        "started": spec.started,
        "status": verdict.status.value,
        "sentence": verdict.sentence,
        "found": found.hits,
        "of": found.n,
        "corpus_hash": spec.corpus_hash,
        "fingerprint": spec.fingerprint,
        "baseline": baseline,
        "watches_drop": verdict.watches_drop,
        "wants_threshold": wants_threshold,
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    half = folder / f"{OUTCOME}.part"
    half.write_text(text + "\n", encoding="utf-8")
    half.replace(folder / OUTCOME)


def before(folder: Path) -> tuple[Remembered, ...]:
    """Runs earlier than that in `folder`, oldest first: their names begin with their time."""
    outcomes = sorted(path for path in folder.parent.glob(f"*/{OUTCOME}") if path.parent.name < folder.name)
    return tuple(_read(path) for path in outcomes)


def last_week(runs: Sequence[Remembered], started: str) -> Remembered | None:
    """The latest run of an earlier week: two runs on one morning are not two weeks running."""
    week = _week(started)
    return next((run for run in reversed(runs) if _week(run.started) < week), None)


def _week(started: str) -> tuple[int, int]:
    year, week, _ = datetime.fromisoformat(started).isocalendar()
    return year, week


def _read(path: Path) -> Remembered:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = Rate(int(content["found"]), int(content["of"]))
        past = None
        if found.value is not None and found.interval is not None:
            day, corpus, settings = content["started"][:10], content["corpus_hash"], content["fingerprint"]
            past = Past(day, found.value, found.interval, corpus, settings)
        return Remembered(
            started=content["started"],
            past=past,
            baseline=content["baseline"],
            fingerprint=content["fingerprint"],
            watches_drop=content["watches_drop"],
            wants_threshold=content["wants_threshold"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path}: not the outcome of a run ({error})", hint="Remove that file.") from error
