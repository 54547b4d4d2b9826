"""The page on which a person labels answers: served to this machine only, one answer at a time.

    GET  /                the first answer without a label, or /done
    GET  /answers/{n}     answer n of the run (from 1): question, answer, what is expected, sources, the form
    POST /answers/{n}     the form: a label, appended to the file; then the next answer without one
    GET  /done            how many labels each criterion has

It works without scripts; the script adds keys. What the judge said is not shown: a label is worth something
only while it is given blind. Answers come in an order that has nothing to do with the questions', so that
whoever stops early has labelled a fair sample.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from kbtool import look
from kbtool.judge.agreement import FEWEST_LABELS
from kbtool.judge.criteria import Criterion, Material
from kbtool.judge.labels import Label, add_label, read_labels

FOLDER = Path(__file__).parent
LONGEST_FORM = 100_000
QUESTIONS = {
    Criterion.COMPLETE: "Does the answer state every expected fact?",
    Criterion.FAITHFUL: "Does everything it claims stand in the sources?",
    Criterion.REFUSES: "Does it leave the question unanswered, as it should?",
}
_CHOICES = (("yes", "Yes", "y"), ("no", "No", "n"), ("unsure", "Cannot say", "u"))
_HELD = {"yes": True, "no": False}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the run: the golden question's id, and what is judged."""

    id: str
    material: Material


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Labelling:
    """The answers of a run and the labels that they have."""

    def __init__(self, answers: Sequence[Answer], path: Path, run: str, now: Callable[[], str]) -> None:
        self._answers = sorted(answers, key=lambda answer: answer.material.key)
        self._path, self._run, self._now = path, run, now
        self._labels = read_labels(path)
        # Another site can send a form here, but cannot read this out of the page.
        self._token = secrets.token_urlsafe()
        self._templates = look.environment(FOLDER)

    def routes(self) -> list[Route]:
        return [
            Route("/", self._first),
            Route("/answers/{number:int}", self._show),
            Route("/answers/{number:int}", self._save, methods=["POST"]),
            Route("/done", self._done),
            Route("/label.css", _static(look.stylesheet(FOLDER / "label.css"), "text/css")),
            Route("/label.js", _static((FOLDER / "label.js").read_text(encoding="utf-8"), "text/javascript")),
        ]

    async def _first(self, _: Request) -> Response:
        return RedirectResponse(self._next(0), 303)

    async def _show(self, request: Request) -> Response:
        number = request.path_params["number"]
        if not 1 <= number <= len(self._answers):
            return PlainTextResponse("There is no such answer.", 404, headers=_HEADERS)
        return self._page(number)

    async def _save(self, request: Request) -> Response:
        number = request.path_params["number"]
        form = await _form(request)
        if not 1 <= number <= len(self._answers):
            return PlainTextResponse("There is no such answer.", 404, headers=_HEADERS)
        if form is None or not secrets.compare_digest(form.get("token", "").encode(), self._token.encode()):
            why = "This form is not of this page, or of an earlier start: load the page again."
            return PlainTextResponse(why, 403, headers=_HEADERS)
        answer = self._answers[number - 1]
        given = {criterion: form.get(criterion.value, "") for criterion in answer.material.criteria}
        if not all(value in {"yes", "no", "unsure"} for value in given.values()):
            return self._page(
                number, problem="Every question wants a yes, a no, or “cannot say”.", status=422
            )
        holds = {criterion: _HELD[value] for criterion, value in given.items() if value in _HELD}
        note = form.get("note", "").strip()
        label = Label(answer.id, self._run, self._now(), answer.material, holds, note)
        try:
            add_label(self._path, label)
        except OSError as error:
            problem = f"Not saved: {self._path}: {error.strerror or error}"
            return self._page(number, problem=problem, status=500)
        self._labels[answer.material.key] = label
        return RedirectResponse(self._next(number), 303)

    async def _done(self, _: Request) -> Response:
        return self._html("done.html.j2", path=self._path, missing=len(self._open()))

    def _page(self, number: int, *, problem: str = "", status: int = 200) -> Response:
        answer = self._answers[number - 1]
        label = self._labels.get(answer.material.key)
        chosen = {
            criterion: {True: "yes", False: "no", None: "unsure"}[label.holds.get(criterion)] if label else ""
            for criterion in answer.material.criteria
        }
        return self._html(
            "answer.html.j2",
            status=status,
            number=number,
            id=answer.id,
            material=answer.material,
            asked=[(criterion, QUESTIONS[criterion], chosen[criterion]) for criterion in chosen],
            choices=_CHOICES,
            note=label.note if label else "",
            is_labelled=label is not None,
            problem=problem,
            token=self._token,
        )

    def _html(self, template: str, *, status: int = 200, **values: Any) -> Response:
        counts = [
            (criterion, sum(criterion in label.holds for label in self._labels.values()))
            for criterion in Criterion
        ]
        shown = {"total": len(self._answers), "counts": counts, "needed": FEWEST_LABELS, "run": self._run}
        labelled = len(self._answers) - len(self._open())
        page = self._templates.get_template(template).render(**shown, labelled=labelled, **values)
        return HTMLResponse(page, status, headers=_HEADERS)

    def _open(self) -> list[int]:
        """The answers that have no label, by number."""
        return [n for n, one in enumerate(self._answers, 1) if one.material.key not in self._labels]

    def _next(self, number: int) -> str:
        """Where the next answer without a label stands: behind this one, else before it."""
        numbers = self._open()
        after = [one for one in numbers if one > number] or numbers
        return f"/answers/{after[0]}" if after else "/done"


def create_app(
    answers: Sequence[Answer], path: Path, *, run: str, now: Callable[[], str] = _now
) -> Starlette:
    """The page for these answers; labels are appended to the file at `path`. Raises ExportError."""
    # A site that has its name point to this machine must not be served.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=Labelling(answers, path, run, now).routes(), middleware=[hosts])


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, None for anything else. Read here: Starlette's own wants another package."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return None
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True)
    except ValueError:
        return None
    return {name: values[-1] for name, values in fields.items()}


def _static(text: str, media_type: str) -> Callable[[Request], Response]:
    def send(_: Request) -> Response:
        return Response(text, media_type=media_type, headers=_HEADERS)

    return send
