"""The runs on this machine: a folder each, found by id, and what later runs must know of earlier ones."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kbtool.config import Settings
from kbtool.errors import ExportError, RunInvalid
from kbtool.evaluate.baseline import Baseline
from kbtool.evaluate.compare import known_flaky
from kbtool.evaluate.gate import Status, Verdict
from kbtool.evaluate.metrics import Metrics, Rate
from kbtool.evaluate.past import Before, Past
from kbtool.evaluate.record import Result, RunSpec
from kbtool.evaluate.retention import Kept, expired
from kbtool.evaluate.run import read_spec

SPEC, REPLIES, CONFIRMED, PINNED = "run.json", "replies.jsonl", "confirmed.jsonl", "pinned.jsonl"
OUTCOME, REPORT, LOCK = "outcome.json", "report.html", "asking.lock"
LATEST = "latest"
_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Remembered:
    """An earlier run: its point in the trend, and what it asked to be seen a second time.

    `flipped_back` are the questions that flipped against the pin `baseline` and back on asking again.
    """

    started: str
    status: Status
    past: Past | None
    baseline: str
    fingerprint: str
    watches_drop: bool
    wants_threshold: bool
    flipped_back: tuple[str, ...] = ()
    questions: Mapping[str, Before] = field(default_factory=dict)


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
            hint=resume_hint(spec),
        )


def resume_hint(spec: RunSpec) -> str:
    how = f" --target {spec.target}" if spec.target != "both" else ""
    how += "".join(f" --tag {shlex.quote(tag)}" for tag in spec.tags)
    return f"When the server is there, go on with it: kbtool eval run --resume {spec.run_id}{how}"


def remember(
    folder: Path,
    spec: RunSpec,
    *,
    results: Sequence[Result],
    metrics: Metrics,
    verdict: Verdict,
    baseline: str,
    flipped_back: Sequence[str],
    wants_threshold: bool,
) -> None:
    """Write what later runs must know of this one. `baseline` is the id of the run that it answered to."""
    past = Past.of(spec, metrics) if verdict.is_measured else None
    content = {
        "format": _FORMAT,
        "started": spec.started,
        "status": verdict.status.value,
        "sentence": verdict.sentence,
        "past": asdict(past) if past else None,
        "fingerprint": spec.fingerprint,
        "baseline": baseline,
        "watches_drop": verdict.watches_drop,
        "wants_threshold": wants_threshold,
        "flipped_back": list(flipped_back),
        "questions": {r.golden.id: astuple(Before.of(r)) for r in results},
    }
    # One line: 500 questions of 52 runs are read by each report.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    half = folder / f"{OUTCOME}.part"
    half.write_text(text + "\n", encoding="utf-8")
    half.replace(folder / OUTCOME)


def before(folder: Path) -> tuple[Remembered, ...]:
    """Runs earlier than that in `folder`, oldest first: their names begin with their time.

    Raises ExportError for an outcome that is damaged.
    """
    outcomes = sorted(path for path in folder.parent.glob(f"*/{OUTCOME}") if path.parent.name < folder.name)
    return tuple(run for path in outcomes if (run := _read(path)))


def last_week(runs: Sequence[Remembered], started: str) -> Remembered | None:
    """The latest run of an earlier week: two runs on one morning are not two weeks running.

    One that proved nothing is passed over: what a dead server hid has not gone away.
    """
    week = _week(started)
    proving = (run for run in reversed(runs) if run.status is not Status.INVALID)
    return next((run for run in proving if _week(run.started) < week), None)


def quarantined(runs: Sequence[Remembered], baseline: str) -> frozenset[str]:
    """The questions that earlier runs against the same pin showed to flip by themselves."""
    return known_flaky(run.flipped_back for run in runs if run.baseline == baseline)


def _week(started: str) -> tuple[int, int]:
    year, week, _ = datetime.fromisoformat(started).isocalendar()
    return year, week


def _read(path: Path) -> Remembered | None:
    """None for one that another version of kbtool wrote."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format") != _FORMAT:
            return None
        return Remembered(
            started=content["started"],
            status=Status(content["status"]),
            past=_past(content["past"]) if content["past"] else None,
            baseline=content["baseline"],
            fingerprint=content["fingerprint"],
            watches_drop=content["watches_drop"],
            wants_threshold=content["wants_threshold"],
            flipped_back=tuple(content["flipped_back"]),
            questions={id_: Before(*fields) for id_, fields in content["questions"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ExportError(f"{path}: not the outcome of a run ({error})", hint="Remove that file.") from error


def _past(content: Mapping[str, Any]) -> Past:
    rates = ("found", "first_hit", "good_answers", "refusals")
    return Past(**{**content, **{name: Rate(**content[name]) for name in rates}})
