"""How each rule is taken out: a text that stands in its file exactly once, and what is written for it."""
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """`rule` is broken by writing `new` for `old` in `file`; `what` says how."""

    rule: int
    what: str
    file: str
    old: str
    new: str


MUTATIONS = (
    Mutation(1, "takes any signature", "bridge/signature.py",
             "return hmac.compare_digest(sign(body, timestamp, secret).encode(), given)", "return True"),
    Mutation(1, "takes a signature of any age", "bridge/signature.py",
             "if abs(now - int(timestamp)) > TOLERANCE:", "if False:"),
    Mutation(1, "signs without the timestamp", "bridge/signature.py",
             'timestamp.encode("latin-1", "replace") + b"." + body', "body"),
    Mutation(2, "answers first, acknowledges then", "bridge/app.py",
             "            worker.wake()\n        return Response()",
             "            worker.wake()\n        await asyncio.sleep(0.1)\n"
             "        while worker._running:\n            await asyncio.sleep(0.01)\n"
             "        return Response()"),
    Mutation(3, "refuses what it does not know", "bridge/app.py",
             "        if not store.is_shared:\n",
             "        from bridge.events import parse\n        if parse(body) is None:\n"
             '            return Response("what?", 422)\n'
             "        if not store.is_shared:\n"),
    Mutation(4, "answers 503 when it cannot store", "bridge/app.py",
             'return Response("not stored\\n", 500)', 'return Response("not stored\\n", 503)'),
    Mutation(4, "acknowledges what it could not store", "bridge/app.py",
             'return Response("not stored\\n", 500)', "return Response()"),
    Mutation(5, "takes a message once per delivery", "bridge/intake.py",
             '"id": message.id,', '"id": message.id * 10_000 + delivery.number,'),
    Mutation(6, "takes the latest message first", "bridge/tables/turns.py",
             "where(_OF_CONVERSATION, IS_WAITING).order_by(messages.c.id)",
             "where(_OF_CONVERSATION, IS_WAITING).order_by(messages.c.id.desc())"),
    Mutation(7, "knows a conversation by its number alone", "bridge/events/reading.py",
             "account_id=account,", "account_id=1,"),
    Mutation(8, "answers every message", "bridge/events/verdicts.py",
             "return next((word for is_so, word in checks if is_so), Verdict.ASKS)", "return Verdict.ASKS"),
    Mutation(8, "answers private notes that come in", "bridge/events/reading.py",
             'if content.get("private") is True:', "if False:"),
    Mutation(9, "does not hear what was chosen", "bridge/events/choices.py",
             'frozenset({"input_select", "form"})', "frozenset()"),
    Mutation(10, "takes a bot for a customer", "bridge/events/reading.py",
             'if sender and kind in {"", "contact"} else Role.SYSTEM', "if sender else Role.SYSTEM"),
    Mutation(11, "speaks in any status", "bridge/conversation.py",
             '    if facts.status != "pending":\n        return Step.NOT_PENDING\n', ""),
    Mutation(11, "does not look before it posts", "bridge/turn/turn.py",
             "step = next_step(_seen_as(facts, shown, has_rival=has_rival), work.at, mode)",
             "step = next_step(facts, work.at, mode)"),
    Mutation(12, "talks over people", "bridge/conversation.py",
             "is_taken = facts.has_person or facts.person_at > episode_of(facts, at, mode)", "is_taken = False"),
    Mutation(12, "takes a phone app's echo for nobody's", "bridge/events/reading.py",
             'attributes.get("external_echo") is True', "False"),
    Mutation(13, "takes a rule's message for a person's", "bridge/events/reading.py",
             'if is_spoken and not is_automation and (kind == "user" '
             'or attributes.get("external_echo") is True):', 'if content.get("message_type") == "outgoing":'),
    Mutation(14, "goes on after a handoff", "bridge/conversation.py",
             '    if facts.status != "pending":', '    if facts.status not in {"pending", "open"}:'),
    Mutation(15, "goes on with the old Dify conversation", "bridge/conversation.py",
             "if episode <= facts.episode_at:", "if facts:"),
    Mutation(16, "speaks beside another brain", "bridge/conversation.py",
             'if facts.status == "pending" and is_rivals(facts, at, mode):', "if False:"),
    Mutation(16, "does not see Captain", "bridge/conversation.py",
             "return facts.has_rival or facts.captain_at > episode_of(facts, at, mode)", "return facts.has_rival"),
    Mutation(16, "does not look whose it is before it posts", "bridge/rivals.py",
             "    if shown.owner is None:\n", "    if shown is not None:\n"),
    Mutation(16, "tells nobody of another brain", "bridge/rivals.py",
             "    if alerts.keep(connection, message, now):\n", "    if False:\n"),
    Mutation(17, "reads the quoted history too", "bridge/events/mail.py",
             "return plain.strip() or html.strip() or processed.strip() or ", "return "),
    Mutation(17, "answers machines", "bridge/events/verdicts.py", "(message.is_automatic, Verdict.AUTO_REPLY),", ""),
    Mutation(18, "answers each message of a burst", "bridge/turn/turn.py",
             "return self._patience.quiet > 0 and monotonic() < self._burst.ends_at", "return False"),
    Mutation(19, "is silent about a file", "bridge/events/verdicts.py",
             "(message.is_automatic, Verdict.AUTO_REPLY),", "(not message.text, Verdict.CONTENT_TYPE),"),
    Mutation(20, "forgets the Dify conversation", "bridge/answering.py",
             "attempt, conversation = 1, case.facts.dify_conversation", 'attempt, conversation = 1, ""'),
    Mutation(21, "answers private notes", "bridge/events/verdicts.py",
             "return next((word for is_so, word in checks if is_so), Verdict.ASKS)",
             "checks = () if message.role is Role.NOTE else checks\n"
             "    return next((word for is_so, word in checks if is_so), Verdict.ASKS)"),
    Mutation(22, "logs the bodies", "bridge/intake.py",
             "    events = sorted(\n", '    log.event("sorting", bodies=[one.body for one in new])\n    events = sorted(\n'),
    Mutation(22, "keeps the bodies", "bridge/tables/inbox.py", 'state="sorted", body=None', 'state="sorted"'),
    Mutation(23, "writes with the user's token", "bridge/chatwoot/client.py",
             "{False: bot_token, True: user_token}", "{True: bot_token, False: user_token}"),
    Mutation(24, "posts again without looking", "bridge/turn/posting.py",
             "        if await self._is_there(post):\n            return True\n        mark = post.mark(self._subject)\n",
             "        return False\n        mark = post.mark(self._subject)\n"),
    Mutation(25, "posts Liquid as it is", "bridge/channels/liquid.py",
             'return _OPENING.sub("{" + _WORD_JOINER, text)', "return text"),
    Mutation(26, "posts any length", "bridge/channels/__init__.py",
             "return split(neutral(shape(text, own) or text), own.limit)", "return (neutral(shape(text, own) or text),)"),
    Mutation(26, "posts the model's Markdown", "bridge/channels/__init__.py",
             "return split(neutral(shape(text, own) or text), own.limit)", "return split(neutral(text), own.limit)"),
    Mutation(27, "takes 200 for delivered", "bridge/intake.py",
             "elif message is not None and message.error and message.mark and message.role is Role.BOT:", "elif False:"),
    Mutation(27, "posts behind a closed window", "bridge/turn/turn.py",
             "            if not shown.can_reply:\n                final = ", "            if False:\n                final = "),
    Mutation(28, "opens first", "bridge/speech/sequence.py",
             "return (*said, Post(Kind.NOTE, note), *_over(because, manner))",
             "return (*_over(because, manner), *said, Post(Kind.NOTE, note))"),
    Mutation(29, "sends drafts to the customer", "bridge/speech/sequence.py",
             "return (Post(Kind.NOTE, draft_note(", "return (Post(Kind.REPLY, draft_note("),
    Mutation(30, "waits for somebody to wake it", "bridge/guards/watchdog.py",
             "        await self._hand_off_overdue()\n        client = self._reader()", "        return\n        client = self._reader()"),
)  # fmt: skip
