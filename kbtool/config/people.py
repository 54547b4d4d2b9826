"""[kpi], [events] and [improve] in kb.toml: what support should be like, who else is told what happens in it,
and where its gaps are written down.

    [kpi]
    deflection = 0.4                  at least
    first_response_human_p90 = 3600   at most, in seconds

Without a target a figure is shown all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from kbtool.config.strict import Table
from kbtool.events import Kind


class Kpi(Table):
    """What key figures should be, by figure (docs/kpis.md); without a target a figure is shown all the same.

    Times are in seconds, shares from 0 to 1.
    """

    days: int = Field(default=28, ge=1, le=88)
    """Over how many days figures are."""
    rating_alert: bool = True
    """Whether an alert is raised when customers rate the AI's answers worse than before."""
    first_response_ai_p50: float | None = Field(default=None, gt=0)
    """The median wait for the AI's first answer is at most this."""
    first_response_ai_p90: float | None = Field(default=None, gt=0)
    """Nine in ten wait at most so long for the AI's first answer."""
    first_response_human_p50: float | None = Field(default=None, gt=0)
    """The median wait for a person's first answer is at most this."""
    first_response_human_p90: float | None = Field(default=None, gt=0)
    """Nine in ten wait at most so long for a person's first answer."""
    deflection: float | None = Field(default=None, ge=0, le=1)
    """At least this share is settled by the AI alone."""
    return_24h: float | None = Field(default=None, ge=0, le=1)
    """At most this share comes back within a day of the AI's answer."""
    return_24h_people: float | None = Field(default=None, ge=0, le=1)
    """At most this share comes back within a day of a person's answer."""
    handoff: float | None = Field(default=None, ge=0, le=1)
    """At most this share is handed off."""
    csat: float | None = Field(default=None, ge=0, le=1)
    """At least this share of ratings of the AI alone is 4 or 5."""
    cost: float | None = Field(default=None, ge=0)
    """A conversation costs at most this, in the currency that Dify reports."""
    draft_acceptance: float | None = Field(default=None, ge=0, le=1)
    """At least this share of drafts is sent, as it was or edited."""

    @property
    def targets(self) -> Mapping[str, float]:
        """Those that are set, by figure."""
        settings = {"days", "rating_alert"}
        said = self.model_dump(exclude=settings, exclude_none=True)
        return {name: float(value) for name, value in said.items()}


class Events(Table):
    """Events for another program, such as n8n: one receiver gets each as JSON (docs/events.md)."""

    url: str = ""
    """Where they are sent by POST, signed where `EVENTS_SECRET` is set; empty: nowhere."""
    kinds: tuple[Kind, ...] = tuple(Kind)
    """Those that are wanted: `handoff`, `answered`, `draft.sent`, `csat`, `sensitive`, `alert`,
    `regression`.
    """
    words: bool = False
    """Whether they have what customers wrote, without e-mail addresses, phone and order numbers."""

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s@/]+(/[^\s@]*)?", value):
            raise PydanticCustomError("address", "should begin with http:// or https://")
        return value


class Improve(Table):
    """Where the improvement queue writes: proposals of golden questions, and stubs of missing pages."""

    proposals: str = "evals/proposals/queue.yaml"
    """The file of proposed questions, which count once they are accepted."""
    pages: str = "page-stubs"
    """The folder of page stubs; customers get them once it is under [corpus] sources."""

    @field_validator("proposals")
    @classmethod
    def _is_a_golden_file(cls, value: str) -> str:
        if not value.endswith((".yaml", ".yml")):
            raise PydanticCustomError("file", "a file that ends in .yaml is wanted")
        return value
