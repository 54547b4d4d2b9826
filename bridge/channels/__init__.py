"""How a text gets to a customer through a channel: what the channel can show, and how much at once.

table.py    what is known of each channel, as data
shape.py    Markdown → what the channel shows of it
split.py    a text → pieces that the channel takes
liquid.py   a text → one that Chatwoot does not read as a template
"""

from __future__ import annotations

from bridge.channels.liquid import neutral
from bridge.channels.shape import shape
from bridge.channels.split import split
from bridge.channels.table import Channel, channel_of

__all__ = ["Channel", "channel_of", "neutral", "pieces", "shape", "split"]


def pieces(text: str, channel: str) -> tuple[str, ...]:
    """The messages that say `text` in `channel` (Chatwoot's class name), in order; none where it is empty."""
    own = channel_of(channel)
    # What is nothing but signs of a page is sent as it stands: silence would be worse.
    return split(neutral(shape(text, own) or text), own.limit)
