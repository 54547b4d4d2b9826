"""Each figure's name, how it is computed, where the definition is from, and which way is better.

The same sentences stand on the page, in the weekly report and at the command: a figure is never shown
without what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Unit(StrEnum):
    SECONDS = "seconds"
    SHARE = "share"
    MONEY = "money"


class Both(NamedTuple):
    """The same in the pages' two languages."""

    en: str
    zh: str

    def of(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Definition:
    """`is_floor`: a target is the least that it should be."""

    name: str
    unit: Unit
    is_floor: bool
    title: Both
    formula: Both
    source: str

    def is_met(self, value: float, target: float) -> bool:
        return value >= target if self.is_floor else value <= target


_AI = Both(
    "From a customer's first message to the AI's first answer in that matter. The sentence that hands over is"
    " no answer. Private drafts are none either.",
    "从客户的第一条消息到 AI 在该事项中的第一条回答。转人工的提示语和内部草稿都不算回答。",
)
_HUMAN = Both(
    "From the message that was handed off, or the matter's first where nothing was, to the first message of a"
    " person. Nights count. Nobody has answered yet: not in it.",
    "从转人工的那条消息（没有转人工时为该事项的第一条消息）到客服的第一条消息。夜间也计入；尚无人回复的不计。",
)
_CHATWOOT_FIRST = "Chatwoot first_response (reporting_event_helper.rb), from the customer's message on"
_RETURN = "Contract §4.4: by contact, since WhatsApp begins a new conversation and the widget does not"

DEFINITIONS: tuple[Definition, ...] = (
    Definition("first_response_ai_p50", Unit.SECONDS, is_floor=False,
        title=Both("First response by AI, median", "AI 首次响应，中位数"), formula=_AI,
        source="Chatwoot counts no bot as a first response, so the bridge does"),
    Definition("first_response_ai_p90", Unit.SECONDS, is_floor=False,
        title=Both("First response by AI, 90 % within", "AI 首次响应，90% 在此之内"), formula=_AI,
        source="Chatwoot counts no bot as a first response, so the bridge does"),
    Definition("first_response_human_p50", Unit.SECONDS, is_floor=False,
        title=Both("First response by people, median", "人工首次响应，中位数"), formula=_HUMAN,
        source=_CHATWOOT_FIRST),
    Definition("first_response_human_p90", Unit.SECONDS, is_floor=False,
        title=Both("First response by people, 90 % within", "人工首次响应，90% 在此之内"), formula=_HUMAN,
        source=_CHATWOOT_FIRST),
    Definition("deflection", Unit.SHARE, is_floor=True,
        title=Both("Deflection", "AI 独立解决率"),
        formula=Both(
            "Of the settled matters, those that the AI answered, that nothing was handed off of, that no"
            " person wrote in, and whose contact did not write again within 24 h. Settled: 24 h have passed"
            " since it was closed or last spoken in.",
            "在已了结的事项中：由 AI 回答、未转人工、没有客服发言，且联系人 24 小时内没有再次来信的比例。"
            "已了结：关闭或最后一条消息之后已过 24 小时。",
        ),
        source="Intercom, Zendesk: resolved without a person, and verified after a wait"),
    Definition("return_24h", Unit.SHARE, is_floor=False,
        title=Both("Came back within 24 h, after the AI alone", "24 小时内再次来信（仅 AI 处理）"),
        formula=Both(
            "Of the settled matters that the AI answered alone, those whose contact wrote again within 24 h"
            " of the end, in whatever conversation. Thanks alone do not count.",
            "在 AI 独立处理且已了结的事项中，联系人在结束后 24 小时内再次来信（任何会话）的比例。"
            "仅道谢不算。",
        ),
        source=_RETURN),
    Definition("return_24h_people", Unit.SHARE, is_floor=False,
        title=Both("Came back within 24 h, after people", "24 小时内再次来信（人工处理）"),
        formula=Both(
            "The same of the settled matters in which a person wrote.", "同上，针对有客服发言的事项。"
        ),
        source=_RETURN),
    Definition("handoff", Unit.SHARE, is_floor=False,
        title=Both("Handed off", "转人工率"),
        formula=Both(
            "Of the matters that the AI decided on, those of which a message was handed off; counted under"
            " the first reason. What a person had already is no handoff.",
            "在 AI 做过决定的事项中，有消息转人工的比例；按第一个原因计。已由人工接手的不算。",
        ),
        source="Chatwoot handoff_rate (bot_metrics_builder.rb), by matter instead of by conversation"),
    Definition("csat", Unit.SHARE, is_floor=True,
        title=Both("CSAT where the AI was alone", "满意度（仅 AI 处理）"),
        formula=Both(
            "Of the ratings for matters that the AI answered alone, those of 4 or 5 of 5.",
            "在 AI 独立处理的事项收到的评分中，4 分或 5 分所占比例。",
        ),
        source="Chatwoot satisfaction score (csat_survey_responses/metrics)"),
    Definition("cost", Unit.MONEY, is_floor=False,
        title=Both("Cost of a conversation", "每个会话的费用"),
        formula=Both(
            "What Dify says this month's answers cost, by the conversations in which it was asked. What Dify"
            " does not price is unknown, not free: then the figure is the least that it was.",
            "Dify 报告的本月回答费用，除以询问过它的会话数。Dify 没有报价的部分是未知而不是免费："
            "此时为最低值。",
        ),
        source="Dify message_end.metadata.usage (contract §6)"),
    Definition("draft_acceptance", Unit.SHARE, is_floor=True,
        title=Both("Drafts that were used", "草稿采用率"),
        formula=Both(
            "Of the drafts that a person has dealt with, those sent as they were or edited; the rest was"
            " discarded, or another answer written.",
            "在客服处理过的草稿中，原样发送或修改后发送的比例；其余被弃用或另写回复。",
        ),
        source="Bridge rule 29"),
)  # fmt: skip
BY_NAME: Mapping[str, Definition] = {one.name: one for one in DEFINITIONS}
