"""`kbtool golden`: look after the golden questions."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kbtool.cli import accepting, show
from kbtool.cli.bridge.options import store_of
from kbtool.cli.options import DEFAULT_CONFIG, Config, Json
from kbtool.errors import ConfigError, Exit, GoldenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kbtool.config import Settings
    from kbtool.evaluate.project import Project
    from kbtool.evaluate.record import Golden
    from kbtool.golden import Stale
    from kbtool.golden.mend import Mend
    from kbtool.golden.stats import Stats

app = typer.Typer(help="Look after the golden questions.", no_args_is_help=True)
SHOWN = 10
TYPICAL_FLIP_RATE = 0.01
"""Share of answers that differ between two askings, where no pin has measured it."""


app.command("accept")(accepting.accept)


@app.callback()
def golden() -> None:
    """Look after the golden questions."""


@app.command()
def lint(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """Check the golden files: form, duplicates, and whether documents, headings and evidence still stand.

    Exits 1 for what is wrong in the files, 4 for questions that only no longer fit the pages.
    """
    from kbtool.config import load
    from kbtool.golden import check

    settings = load(config)
    read, problems = check(settings.root, settings.evals.golden)
    questions, stale = (read.questions, ()) if problems else _against_corpus(settings)
    doubles = _doubles(questions)
    if as_json:
        report = {
            "questions": len(questions),
            "problems": [problem.message for problem in problems],
            "stale": [
                {"id": one.golden.id, "file": one.golden.file, "line": one.golden.line, "reason": one.reason}
                for one in stale
            ],
            "doubles": [[one.id for one in group] for group in doubles],
        }
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        _show_lint(questions, problems, stale, doubles)
    if problems or doubles:
        raise typer.Exit(Exit.ERROR)
    if stale:
        raise typer.Exit(Exit.INVALID)


def _against_corpus(settings: Settings) -> tuple[tuple[Golden, ...], tuple[Stale, ...]]:
    from kbtool import corpus
    from kbtool.evaluate.project import Project

    project = Project.of(settings, corpus.load(settings))
    return project.questions.questions, project.stale


def _show_lint(
    questions: Sequence[Golden],
    problems: Sequence[GoldenError],
    stale: Sequence[Stale],
    doubles: Sequence[Sequence[Golden]],
) -> None:
    for problem in problems:
        typer.echo(problem.message + (f"  ({problem.hint})" if problem.hint else ""))
    for one in stale:
        typer.echo(str(one))
    for first, *others in doubles:
        for other in others:
            typer.echo(f"{other.file}:{other.line}: {other.id}: asks the same as {first.id}")
    if problems:
        typer.echo(
            f"{show.number(len(problems), 'mistake')}; whether the questions fit the pages was not checked."
        )
        typer.echo("Next: mend them, then kbtool golden lint")
        return
    kinds = Counter(
        "smalltalk" if g.kind.value == "smalltalk" else "answerable" if g.answerable else "unanswerable"
        for g in questions
    )
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    typer.echo(f"{len(questions)} questions{f' ({told})' if told else ''}; {len(stale)} stale.")
    if doubles:
        typer.echo("Next: drop the questions that ask the same, which would count twice")
    elif not questions:
        typer.echo("Next: kbtool golden suggest")
    else:
        typer.echo("Next: " + ("kbtool golden fix" if stale else "kbtool eval weekly"))


@app.command()
def stats(config: Config = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """What the questions cover, by document, tag and language, and what so many of them can notice."""
    from kbtool.evaluate.power import detectable_drop
    from kbtool.golden.stats import stats as count
    from kbtool.tune import Promise

    project = _project(config)
    found = count(project.questions.questions, project.corpus.documents)
    baseline = project.baseline
    is_measured = baseline is not None and baseline.reasks > 0
    rate = baseline.cautious_flip_rate if baseline and is_measured else TYPICAL_FLIP_RATE
    drop = detectable_drop(found.questions, rate) if found.questions else None
    handoff = project.settings.handoff
    needed = Promise(handoff.budget, handoff.confidence).needed
    if as_json:
        report = asdict(found) | {"flip_rate": rate, "detectable_drop": drop, "threshold_needs": needed}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
        return
    _show_stats(found)
    noticed = (
        "no drop by counting" if drop is None else f"a drop of about {math.ceil(round(100 * drop, 6))} points"
    )
    typer.echo(f"\nOne run notices {noticed} (flip rate {rate:.1%}{'' if is_measured else ', assumed'}).")
    have = found.answerable + found.unanswerable
    typer.echo(
        f"A threshold for a budget of {handoff.budget:.0%} needs {needed} questions; there are {have}."
        + (f" {needed - have} are missing." if have < needed else "")
    )


@app.command()
def fix(
    config: Config = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write them without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Follow renamed pages and headings: show where each answer stands now, and write it on a yes."""
    from kbtool.golden.mend import apply, mends

    project = _project(config)
    found = mends(project.stale, project.corpus.documents)
    if as_json:
        typer.echo(json.dumps([_mend(one) for one in found], ensure_ascii=False, indent=1))
    else:
        for one in found:
            typer.echo(f"{one.golden.file}:{one.golden.line}: {one.golden.id}: {one.why}")
            typer.echo(f"  - {' › '.join((one.before.doc, *one.before.section))}")
            typer.echo(f"  + {' › '.join((one.after.doc, *one.after.section))}")
    left = len({one.golden.id for one in project.stale} - {one.golden.id for one in found})
    if not as_json:
        typer.echo(f"{len(found)} can be followed; {left} stale questions are for a person.")
    if found and (yes or (not as_json and _is_confirmed("Write them?"))):
        apply(found, project.settings.root)
        if not as_json:
            typer.echo("Written. Next: kbtool golden lint")
    elif found:
        raise typer.Exit(Exit.PENDING)


@app.command("export")
def export_csv(
    file: Annotated[Path, typer.Argument(help="The CSV to write.")], config: Config = DEFAULT_CONFIG
) -> None:
    """Write all questions as a CSV, for a spreadsheet."""
    from kbtool.config import load
    from kbtool.golden import load as load_questions
    from kbtool.golden.table import to_csv

    settings = load(config)
    questions = load_questions(settings.root, settings.evals.golden).questions
    _write(file, to_csv(questions))
    typer.echo(f"{len(questions)} questions written to {file}")


@app.command("import")
def import_csv(
    file: Annotated[Path, typer.Argument(help="The CSV to read.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The golden file to write.")],
    config: Config = DEFAULT_CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Make a golden file of a CSV, as `golden export` writes it."""
    from kbtool.config import load
    from kbtool.golden.table import from_csv
    from kbtool.golden.writing import to_yaml

    settings = load(config)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoldenError(f"{file}:1: not UTF-8", hint="Save it as “CSV UTF-8”.") from error
    questions = from_csv(text, file=str(file))
    if out.exists() and not force:
        raise ConfigError(f"{out} exists", hint="Take another name, or replace it with --force.")
    others = {g.id: g for g in _questions(settings) if (settings.root / g.file).resolve() != out.resolve()}
    for one in questions:
        if one.id in others:
            first = others[one.id]
            raise GoldenError(
                f"{file}:{one.line}: the id {one.id} stands already in {first.file}:{first.line}",
                hint="Leave those questions out of the CSV, or import over that file.",
            )
    _write(out, to_yaml(questions))
    typer.echo(f"{len(questions)} questions written to {out}. Next: kbtool golden lint")


@app.command()
def suggest(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write the proposals.")] = Path(
        "evals/proposals/proposed.yaml"
    ),
    config: Config = DEFAULT_CONFIG,
    most: Annotated[int, typer.Option(help="At most so many of each kind.", min=1)] = 20,
    store: Annotated[
        str | None,
        typer.Option(metavar="FILE|URL", help="The bridge's store: propose what it could not answer."),
    ] = None,
    paraphrase: Annotated[
        bool, typer.Option("--paraphrase", help="Also other wordings, by the model of [llm].")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Propose questions, in a file for a person to review: they count only once moved to a golden file."""
    from kbtool import corpus
    from kbtool.config import load
    from kbtool.golden import GoldenSet, propose, resolve
    from kbtool.golden.accepting import HEAD
    from kbtool.golden.writing import to_yaml

    settings = load(config)
    target = out if out.is_absolute() else settings.root / out
    if target.exists() and not force:
        raise ConfigError(f"{out} exists", hint="Review it first, take another name, or use --force.")
    written = GoldenSet(_questions(settings))
    documents = corpus.load(settings).documents
    questions = resolve(written, documents).questions
    found = list(propose.from_headings(questions, documents, most=most))
    if store is not None:
        from bridge.operating.history import unanswered

        counted = unanswered(*store_of(settings, store))
        asked = [propose.Unanswered(text, times) for text, times in counted.items()]
        found += propose.from_customers(questions, asked, most=most)
    if paraphrase:
        found += propose.from_paraphrases(questions, _paraphrases(settings, questions, most))
    if not found:
        none_open = "every section has a question, or is too short for one"
        why = none_open if documents else "the corpus has no page"
        typer.echo(f"Nothing to propose: {why}.")
        return
    _write(target, HEAD + to_yaml(found))
    typer.echo(f"{len(found)} proposals written to {out}.")
    typer.echo("Next: look at each, then kbtool golden accept ID…")


def _show_stats(found: Stats) -> None:
    typer.echo(
        f"{found.questions} questions: {found.answerable} answerable, {found.unanswerable} not, "
        f"{found.smalltalk} small talk; {found.followups} follow-ups, {found.critical} critical."
    )
    for name, counts in (("Languages", found.languages), ("Tags", found.tags)):
        shown = ", ".join(f"{what} {count}" for what, count in counts[: 2 * SHOWN])
        typer.echo(f"{name}: {shown}{', …' if len(counts) > 2 * SHOWN else ''}")
    typer.echo(f"{found.covered} of {len(found.documents)} documents have a question.")
    bare = [document for document in found.documents if not document.questions]
    if bare:
        typer.echo("Without one, the largest first:")
        for document in bare[:SHOWN]:
            typer.echo(f"  {document.slug}  ({document.sections} sections, {document.size:,} characters)")
        if len(bare) > SHOWN:
            typer.echo(f"  … and {len(bare) - SHOWN} more (--json shows all)")


def _doubles(questions: Sequence[Golden]) -> list[list[Golden]]:
    """Questions that ask the same in the same place, by more than their ids."""
    from kbtool.script import fold

    groups: dict[tuple[object, ...], list[Golden]] = {}
    for one in questions:
        history = tuple(fold(line) for line in one.history)
        groups.setdefault((fold(one.question), history, one.inbox), []).append(one)
    return [group for group in groups.values() if len(group) > 1]


def _mend(mend: Mend) -> dict[str, object]:
    return {
        "id": mend.golden.id,
        "file": mend.golden.file,
        "line": mend.golden.line,
        "why": mend.why,
        "before": {"doc": mend.before.doc, "section": list(mend.before.section)},
        "after": {"doc": mend.after.doc, "section": list(mend.after.section)},
    }


def _is_confirmed(question: str) -> bool:
    import sys

    return sys.stdin.isatty() and typer.confirm(question)


def _paraphrases(settings: Settings, questions: tuple[Golden, ...], most: int) -> dict[str, list[str]]:
    import asyncio
    import os

    from kbtool.golden.paraphrase import paraphrases
    from kbtool.golden.propose import without_paraphrase
    from kbtool.llm import Model

    model = Model(settings.llm.base_url, settings.llm.model, os.environ.get("LLM_KEY", "").strip())
    return asyncio.run(paraphrases(without_paraphrase(questions)[:most], model))


def _questions(settings: Settings) -> tuple[Golden, ...]:
    """Those of the project, none where it has no golden file yet."""
    from kbtool.golden import load as load_questions

    try:
        return load_questions(settings.root, settings.evals.golden).questions
    except ConfigError:
        return ()


def _project(config: Path) -> Project:
    from kbtool import corpus
    from kbtool.config import load
    from kbtool.evaluate.project import Project

    settings = load(config)
    return Project.of(settings, corpus.load(settings))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    half.write_text(text, encoding="utf-8", newline="")
    half.replace(path)
