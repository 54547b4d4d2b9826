"""[handoff] of kb.toml: the policy as it is written down, and what a threshold is chosen by."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from kbtool.canary import Canary
from kbtool.handoff import Policy
from kbtool.intents import NAMES, Intents

Share = Annotated[float, Field(ge=0, le=1)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prices(_Table):
    """What a wrong answer and a handoff cost, for the report's what-if only; nothing is chosen by it."""

    wrong: float = Field(gt=0)
    """What a wrong answer costs."""
    handoff: float = Field(gt=0)
    """What a handoff costs."""
    currency: str = ""
    """Shown behind the prices."""


class KnownScore(_Table):
    """A canary question, the score it had when the threshold was measured, and the mark of its best chunk."""

    question: str = Field(min_length=1)
    """What is asked."""
    score: float
    """The score it had when the threshold was measured."""
    chunk: str = ""
    """The mark of the chunk that came first."""


class Handoff(_Table):
    """The policy that evals measure and the bridge runs. What stands behind `fingerprint` is written by
    `kbtool tune --write`.
    """

    threshold: Share = 0.5
    """Below this score of the best citation a person takes over. 0.5 is only the value to start from."""
    languages: dict[str, Share] = Field(default_factory=dict)
    """Thresholds of languages, such as `{ de = 0.62 }`."""
    inboxes: dict[str, Share] = Field(default_factory=dict)
    """Thresholds of inboxes, by Chatwoot's number: `{ 12 = 0.7 }`."""
    budget: float = Field(default=0.05, gt=0, lt=1)
    """At most this share of conversations may get a wrong automatic answer …"""
    confidence: float = Field(default=0.90, gt=0, lt=1)
    """… with this confidence."""
    floor: float = Field(default=0.15, gt=0, lt=1)
    """Of the answers given, at most this share may turn out wrong."""
    unanswerable_share: float | None = Field(default=None, ge=0, lt=1)
    """How many live conversations no page answers, where that is not as in the golden questions."""
    critical_share: float | None = Field(default=None, ge=0, lt=1)
    """How many are as critical questions are, likewise."""
    clarify: bool = True
    """Ask back, once, where a question below the threshold is too short or leans on what was said before."""
    refusals: tuple[str, ...] = ()
    """Sentences by which the app says that it does not know, beside those that are known."""
    intents: dict[str, bool | tuple[str, ...]] = Field(default_factory=dict)
    """What goes to a person before any score: `false` switches an intent off, phrases add to one or make
    a new one.
    """
    prices: Prices | None = None
    """For the report's what-if only; nothing is chosen by it."""
    fingerprint: str = ""
    """The settings that the threshold was measured under; written by `kbtool tune --write`."""
    run: str = ""
    """The run that it comes from; written likewise."""
    tuned: str = ""
    """The day on which it was chosen; written likewise."""
    estimated: str = ""
    """That day, where it is an estimate without a promise; written by `--accept-estimate`."""
    raised: str = ""
    """The day on which it was lifted by hand; written by `--raise`."""
    canaries: tuple[KnownScore, ...] = ()
    """Questions whose scores tell that somebody changed the app; written by `kbtool tune --write`."""

    @field_validator("languages")
    @classmethod
    def _are_codes(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            if not re.fullmatch(r"[a-z]{2,3}", name):
                raise PydanticCustomError("language", f'{name!r} is no code of a language, such as "de"')
        return value

    @field_validator("intents", mode="before")
    @classmethod
    def _can_be_found(cls, value: Any) -> Any:
        table = value if isinstance(value, dict) else {"": value}
        for name, phrases in table.items():
            if not isinstance(phrases, bool) and not (
                isinstance(phrases, (list, tuple)) and all(isinstance(one, str) for one in phrases)
            ):
                raise PydanticCustomError(
                    "intent", f"{name or 'it'}: true, false or a list of phrases is wanted"
                )
            if isinstance(phrases, bool) and name not in NAMES:
                near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
                said = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(NAMES)}"
                raise PydanticCustomError("intent", f"no intent is called {name!r}{said}")
        try:
            Intents.of(table)
        except ValueError as error:
            raise PydanticCustomError("intent", str(error).replace("{", "{{").replace("}", "}}")) from error
        return value

    @model_validator(mode="after")
    def _are_shares_of_one(self) -> Self:
        if (self.unanswerable_share or 0) + (self.critical_share or 0) > 1:
            raise PydanticCustomError(
                "shares", "unanswerable_share and critical_share are more than everything"
            )
        return self

    @property
    def policy(self) -> Policy:
        return Policy(
            threshold=self.threshold,
            languages=self.languages,
            inboxes=self.inboxes,
            clarify=self.clarify,
            refusals=self.refusals,
            intents=Intents.of(self.intents),
            fingerprint=self.fingerprint,
            canaries=tuple(Canary(one.question, one.score, one.chunk) for one in self.canaries),
        )
