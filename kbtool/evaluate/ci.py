"""The verdict in the forms that continuous integration reads: JUnit, GitHub annotations, a step summary.

All three are made from the object that prints and sets the exit code, so that they cannot disagree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from kbtool.evaluate.gate import Status
from kbtool.evaluate.record import Golden, Outcome, Result
from kbtool.evaluate.view import View, shown_questions, tasks_of

MOST_ANNOTATIONS = 10
"""GitHub shows ten errors of a step and drops the rest without a word."""

_NOT_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")


def junit(view: View) -> str:
    """A test case for each question, and one for the verdict: JUnit's XML, as Jenkins and GitLab read it.

    A question that could not be asked is an `error`, one that fails a `failure`, but only where it fails
    the run: what failed at the pin already would make every run red. The others that fail are `skipped`
    with their reason, and so are stale questions.
    """
    spec, verdict = view.spec, view.verdict
    blamed = {id_ for reason in verdict.reasons for id_ in reason.ids}
    is_red = verdict.status in {Status.FAIL, Status.INVALID}
    suite = ET.Element("testsuite", name=f"kbtool {spec.dataset}", timestamp=spec.started)
    case = ET.SubElement(suite, "testcase", classname="kbtool.verdict", name=verdict.status.value)
    if is_red:
        kind = "failure" if verdict.status is Status.FAIL else "error"
        ET.SubElement(case, kind, message=_xml(verdict.sentence))
    for result in view.results:
        case = ET.SubElement(suite, "testcase", classname="kbtool.golden", name=_xml(result.golden.id))
        if result.golden.file:
            case.set("file", _xml(result.golden.file))
            case.set("line", str(result.golden.line))
        if result.reply.latency is not None:
            case.set("time", f"{result.reply.latency:.3f}")
        kind = _junit_kind(result, is_blamed=is_red and result.golden.id in blamed)
        if kind:
            why = result.why if result.outcome is not Outcome.PASS else f"the answer {result.says_forbidden}"
            found = ET.SubElement(case, kind, message=_xml(why))
            found.text = _xml(result.golden.question)
    for stale in view.stale:
        case = ET.SubElement(suite, "testcase", classname="kbtool.golden", name=_xml(stale.golden.id))
        ET.SubElement(case, "skipped", message=_xml(f"stale: {stale.reason}"))
    for kind in ("failure", "error", "skipped"):
        suite.set(
            {"failure": "failures", "error": "errors"}.get(kind, kind), str(len(suite.findall(f"*/{kind}")))
        )
    suite.set("tests", str(len(suite.findall("testcase"))))
    ET.indent(suite, " ")
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _junit_kind(result: Result, *, is_blamed: bool) -> str:
    if result.outcome is Outcome.ERROR:
        return "error"
    if result.outcome is Outcome.FAIL or result.breaks_critical:
        return "failure" if is_blamed else "skipped"
    return ""


def _xml(text: str) -> str:
    """Text that XML 1.0 allows: it has no form for most control characters, nor for half a pair."""
    return text.translate(_NOT_XML).encode("utf-16", "replace").decode("utf-16", "replace")


def github_commands(view: View) -> Iterator[str]:
    """GitHub's workflow commands: the verdict, then a line in the golden file for what to do first."""
    level = {Status.FAIL: "error", Status.INVALID: "error", Status.WATCH: "warning"}.get(view.verdict.status)
    if level is None:
        return
    yield f"::{level} title=kbtool::{_command(view.verdict.sentence)}"
    tasks = tasks_of(view, shown_questions(view))
    for task in tasks[: MOST_ANNOTATIONS - 1]:
        note = f" ({task.note})" if task.note else ""
        what = _command(f"{task.golden.id}: {task.what}{note}: {task.golden.question}")
        yield f"::warning {_place(task.golden)}title={_property(task.what)}::{what}"


def _place(golden: Golden) -> str:
    return f"file={_property(golden.file)},line={golden.line}," if golden.file else ""


def _command(text: str) -> str:
    """Escaped as GitHub's runner undoes it (actions/toolkit, `command.ts`)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _command(text).replace(":", "%3A").replace(",", "%2C")


def step_summary(view: View) -> str:
    """Markdown for a job's summary page: the verdict, the figures, what to do."""
    spec, metrics = view.spec, view.metrics
    rows = [
        ("found in the first " + str(spec.k), metrics.found),
        ("good answers", metrics.good_answers),
        ("rightly not answered", metrics.refusals),
    ]
    lines = [f"### {_sign(view.verdict.status)} {_markdown(view.verdict.sentence)}", ""]
    lines += ["| | | 95 % interval |", "|---|---|---|"]
    for name, rate in rows:
        if rate.value is not None and rate.interval is not None:
            low, high = rate.interval
            lines.append(f"| {name} | {rate.hits} of {rate.n} ({rate.value:.0%}) | {low:.0%}–{high:.0%} |")
    tasks = tasks_of(view, shown_questions(view))
    if tasks:
        lines += ["", "What to do:", ""]
        lines += [
            f"- **{task.what}** `{_markdown(task.golden.id)}`: {_markdown(task.golden.question)}"
            for task in tasks[:MOST_ANNOTATIONS]
        ]
        if len(tasks) > MOST_ANNOTATIONS:
            lines.append(f"- and {len(tasks) - MOST_ANNOTATIONS} more, in the report")
    lines += ["", _markdown(view.proposal.sentence), "", f"Run `{spec.run_id}`, {spec.engine} {spec.version}"]
    return "\n".join(lines) + "\n"


def _sign(status: Status) -> str:
    return {Status.OK: "✓", Status.WATCH: "≈", Status.NO_BASELINE: "·"}.get(status, "✗")


def _markdown(text: str) -> str:
    """One line in which nothing is a tag, a table's edge, a mention or emphasis."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    for sign in "\\`*_[]|@#":
        flat = flat.replace(sign, f"&#{ord(sign)};")
    return flat
