"""The same questions in other words, by a language model: proposals, for people to review."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx

from kbtool.errors import ServiceError
from kbtool.evaluate.record import Golden
from kbtool.llm import Model, complete

_AT_ONCE = 4
_TASK = (
    "You get one question that a customer asked a support team. Write it again as two other customers would "
    "type it into a chat window: one in a hurry, one who does not know the product's own words. Keep the "
    "language, the meaning and every name and number. Answer with the two questions, one on each line, "
    "nothing else."
)


async def paraphrases(questions: Sequence[Golden], model: Model) -> dict[str, list[str]]:
    """Other wordings by question id. Raises ServiceError where the model cannot be asked at all."""
    gate = asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(timeout=model.patience) as http:

        async def one(golden: Golden) -> tuple[str, list[str]]:
            async with gate:
                text = await complete(model, [("system", _TASK), ("user", golden.question)], http)
            return golden.id, [line.strip(' -•\t"“”') for line in text.splitlines() if line.strip()][:2]

        found = await asyncio.gather(*(one(golden) for golden in questions), return_exceptions=True)
    failures = [one for one in found if isinstance(one, BaseException)]
    for failure in failures:
        if not isinstance(failure, ServiceError) or len(failures) == len(found):
            raise failure
    return dict(one for one in found if not isinstance(one, BaseException))
