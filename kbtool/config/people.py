"""[kpi] and [improve] in kb.toml: what support should be like, and where its gaps are written down.

    [kpi]
    deflection = 0.4                  at least
    first_response_human_p90 = 3600   at most, in seconds

Without a target a figure is shown all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from kbtool.config.strict import Table


class Kpi(Table):
    """Targets by figure (docs/kpis.md), and over how many `days` figures are. Times are in seconds, shares
    from 0 to 1, `cost` in the currency that Dify reports. `rating_alert` tells of a drop of ratings.
    """

    days: int = Field(default=28, ge=1, le=88)
    rating_alert: bool = True
    first_response_ai_p50: float | None = Field(default=None, gt=0)
    first_response_ai_p90: float | None = Field(default=None, gt=0)
    first_response_human_p50: float | None = Field(default=None, gt=0)
    first_response_human_p90: float | None = Field(default=None, gt=0)
    deflection: float | None = Field(default=None, ge=0, le=1)
    return_24h: float | None = Field(default=None, ge=0, le=1)
    return_24h_people: float | None = Field(default=None, ge=0, le=1)
    handoff: float | None = Field(default=None, ge=0, le=1)
    csat: float | None = Field(default=None, ge=0, le=1)
    cost: float | None = Field(default=None, ge=0)
    draft_acceptance: float | None = Field(default=None, ge=0, le=1)

    @property
    def targets(self) -> Mapping[str, float]:
        """Those that are set, by figure."""
        settings = {"days", "rating_alert"}
        said = self.model_dump(exclude=settings, exclude_none=True)
        return {name: float(value) for name, value in said.items()}


class Improve(Table):
    """Where the improvement queue writes: proposals of golden questions, and stubs of pages that are missing.

    `pages` is a folder of stubs, which are drafts: put it under [corpus] sources once they are pages.
    """

    proposals: str = "evals/proposals/queue.yaml"
    pages: str = "page-stubs"

    @field_validator("proposals")
    @classmethod
    def _is_a_golden_file(cls, value: str) -> str:
        if not value.endswith((".yaml", ".yml")):
            raise PydanticCustomError("file", "a file that ends in .yaml is wanted")
        return value
