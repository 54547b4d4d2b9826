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
    handoff: float = Field(gt=0)
    currency: str = ""


class KnownScore(_Table):
    """A canary question, the score it had when the threshold was measured, and the mark of its best chunk."""

    question: str = Field(min_length=1)
    score: float
    chunk: str = ""


class Handoff(_Table):
    """The policy that evals measure and the bridge runs. 0.5 is only the value to start from.

    `languages` and `inboxes` have thresholds of their own. `unanswerable_share` and `critical_share` say how
    many live conversations are of these kinds, where the golden set has more or fewer of them. `intents`
    switches one off (`complaint = false`), adds phrases to one, or makes a new one. What stands behind
    `fingerprint` is written by `kbtool tune --write`.
    """

    threshold: Share = 0.5
    languages: dict[str, Share] = Field(default_factory=dict)
    inboxes: dict[str, Share] = Field(default_factory=dict)
    budget: float = Field(default=0.05, gt=0, lt=1)
    confidence: float = Field(default=0.90, gt=0, lt=1)
    floor: float = Field(default=0.15, gt=0, lt=1)
    unanswerable_share: float | None = Field(default=None, ge=0, lt=1)
    critical_share: float | None = Field(default=None, ge=0, lt=1)
    clarify: bool = True
    refusals: tuple[str, ...] = ()
    intents: dict[str, bool | tuple[str, ...]] = Field(default_factory=dict)
    prices: Prices | None = None
    fingerprint: str = ""
    run: str = ""
    tuned: str = ""
    estimated: str = ""
    raised: str = ""
    canaries: tuple[KnownScore, ...] = ()

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
