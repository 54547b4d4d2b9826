"""One turn: what a customer has written, from its claim to the last post.

    taken → asked → quiet → status → decision kept → post by post, each marked before and after it is sent

Every step can be repeated by another bridge, since each is written down before the next (`turns.py`,
`outbox.py`). Until the decision is kept, whatever changes in the conversation changes the turn: the customer
goes on writing, and all of it is asked again as one; a person takes over, and nothing is said.
"""

from __future__ import annotations

from bridge.turn.desk import Desk
from bridge.turn.news import News
from bridge.turn.turn import Turn

__all__ = ["Desk", "News", "Turn"]
