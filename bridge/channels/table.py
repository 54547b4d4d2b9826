"""What each channel takes and shows (bridge rule 26).

Chatwoot renders Markdown for every channel in its own way, but its API checks no limit: the provider refuses
the message later, and the customer sees nothing. The limits are those of Chatwoot's own editor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Links(StrEnum):
    """`MARKDOWN`: shown as links. `SPELLED`: only the address of one is shown, so its words stand before."""

    MARKDOWN = "markdown"
    SPELLED = "spelled"


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of channel. `limit` counts UTF-16 units, as Chatwoot's editor does.

    `is_plain`: no emphasis is shown, its marks are. `options` is how many choices (`input_select`) it shows
    to be tapped, 0 for none; `option_length` the longest of them. `files` is what one message carries.
    """

    limit: int = 10_000
    links: Links = Links.SPELLED
    is_plain: bool = False
    options: int = 0
    option_length: int = 20
    files: int = 15


_CHANNELS: Mapping[str, Channel] = {
    "Channel::WebWidget": Channel(links=Links.MARKDOWN, options=10, option_length=80),
    "Channel::Api": Channel(links=Links.MARKDOWN),
    "Channel::Email": Channel(25_000, Links.MARKDOWN),
    "Channel::Telegram": Channel(4_096, Links.MARKDOWN, options=10, option_length=40),
    "Channel::Whatsapp": Channel(4_096, options=10, files=1),
    "Channel::FacebookPage": Channel(2_000, options=10),
    "Channel::Line": Channel(2_000, options=10),
    "Channel::Instagram": Channel(1_000),
    "Channel::Tiktok": Channel(6_000, is_plain=True),
    "Channel::TwilioSms/whatsapp": Channel(1_600),
    "Channel::TwilioSms": Channel(320, is_plain=True),
    "Channel::Sms": Channel(160, is_plain=True),
}
_UNKNOWN = Channel()


def channel_of(name: str) -> Channel:
    """What is known of the channel with Chatwoot's class name; of one never heard of, the general limit."""
    return _CHANNELS.get(name, _UNKNOWN)
