"""What a customer gave in Chatwoot's survey: it comes as a change of the survey's message, each time anew.

An answer may be changed for 14 days (contract §4.4), so the last one counts.
"""

from __future__ import annotations

from typing import Any

from bridge.events.fields import dict_of, int_of, text_of
from bridge.events.values import Rating

_MOST = 5


def rating_of(content: dict[str, Any]) -> Rating | None:
    """The rating in a message's body; None where it is no survey, or not answered."""
    if content.get("event") != "message_updated" or content.get("content_type") != "input_csat":
        return None
    attributes = dict_of(content.get("content_attributes"))
    answer = dict_of(dict_of(attributes.get("submitted_values")).get("csat_survey_response"))
    stars = int_of(answer.get("rating"))
    return Rating(stars, text_of(answer.get("feedback_message"))) if 1 <= stars <= _MOST else None
