"""The page on which a person sends what the AI drafted: `/review`, a Dashboard App in Chatwoot or by itself.

words.py     its sentences, in two languages
sealing.py   what is kept of an agent, encrypted with what only the agent's browser has
doors.py     who is signed in, and what is refused; each refusal is a line in the log
sending.py   a draft on its way to the customer, once
page.py      the addresses

Chatwoot's `postMessage` is unsigned and tells everybody: all that the page takes from it is which
conversation to show. Who asks is proved by a session that began with the agent's own Chatwoot token, and what
they may see is asked of Chatwoot with it, each time (bridge rule 29, issue 9 item 1).
"""

from __future__ import annotations

from bridge.review.page import Review

__all__ = ["Review"]
