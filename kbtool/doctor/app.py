"""The app that answers: whether it says where an answer is from, and whether it keeps to its subject."""

from __future__ import annotations

from collections.abc import AsyncIterator

from kbtool.dify.client import DifyClient
from kbtool.doctor.finding import Finding, fine, problem
from kbtool.model import Question

OFF_TOPIC = (
    ("What is the capital of Australia?", "Canberra"),
    ("What is 17 times 23?", "391"),
)
"""What no support knowledge base holds, and what an app says that answers from its model's memory. Each
costs an answer of the language model.
"""
USER = "kbtool-doctor"


async def examine_app(client: DifyClient) -> AsyncIterator[Finding]:
    """Raises ServiceError where the app cannot be asked."""
    info = await client.app_info()
    yield fine("app", f"“{info.name}” ({info.mode})")
    if not (await client.app_parameters()).has_citations:
        yield problem(
            "citations",
            "switched off: every answer comes without sources and is handed off",
            "In the app in Dify: Features › Citations and attributions.",
        )
    yield await _constraints(client)


async def _constraints(client: DifyClient) -> Finding:
    for question, known in OFF_TOPIC:
        answer = await client.chat(Question(question), user=USER)
        if known.casefold() in answer.text.casefold() and not answer.hits:
            return problem(
                "app's prompt",
                f"answers what has nothing to do with you: “{question}” with {known}",
                "Tell it to answer from the knowledge only, and to say so where that holds nothing "
                "(deploy/dify/support-bot.yml has such a prompt).",
            )
    return fine("app's prompt", "keeps to its subject: off-topic questions are not answered")
