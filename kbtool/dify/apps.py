"""What the app key opens: questions and answers, conversations, messages, files, and the app itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx

from kbtool.dify.connection import Connection
from kbtool.dify.conversations import (
    AppInfo,
    AppParameters,
    Conversation,
    Feedback,
    Message,
    Rating,
    Site,
    UploadedFile,
)
from kbtool.dify.stream import Lines, Stream
from kbtool.dify.wire import apps as wire
from kbtool.errors import ContractBroken, Rejected
from kbtool.model import Answer, Question

GRACE = 2.0
"""Seconds that a stream may stay open after its answer was whole: for the citations that other versions of
Dify send behind `workflow_finished`, and so that the connection can be used again."""


class Apps(Connection):
    """The app API. All calls raise Unavailable, Rejected and ContractBroken."""

    async def chat(
        self,
        question: Question,
        *,
        user: str,
        conversation_id: str = "",
        inputs: Mapping[str, Any] | None = None,
        files: Sequence[UploadedFile] = (),
    ) -> Answer:
        """The app's answer, streamed. Asked again only if the app cannot have begun with the question: it
        costs money.

        The deadline is one for all: pings keep a dead chatflow's stream open for minutes and do not extend
        it. When it passes, or the caller is cancelled, the stream is closed and the app told to stop.
        """
        started = time.monotonic()
        request = wire.chat(
            question.text, user=user, conversation_id=conversation_id, inputs=inputs, files=files
        )
        stream = Stream(question)
        try:
            async with asyncio.timeout(self._deadline) as limit, self._answer(request) as response:
                await _read(response, stream, limit)
        except TimeoutError as error:
            if not stream.is_finished:
                self._stop(stream, user)
                raise self._too_late(request) from error
        except (asyncio.CancelledError, ContractBroken):
            self._stop(stream, user)
            raise
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        return stream.answer(time.monotonic() - started)

    async def chat_blocking(
        self,
        question: Question,
        *,
        user: str,
        conversation_id: str = "",
        inputs: Mapping[str, Any] | None = None,
        files: Sequence[UploadedFile] = (),
    ) -> Answer:
        """The app's answer in one piece, from a chat app: agents refuse it (285), and a chatflow of 1.13.0
        begins a stream in which nothing ever comes (900), which is Rejected here at once.
        """
        started = time.monotonic()
        request = wire.chat(
            question.text,
            user=user,
            conversation_id=conversation_id,
            inputs=inputs,
            files=files,
            mode="blocking",
        )
        body = await self._ask(request, refuses_streams=True)
        return wire.parse_answer(body, question, time.monotonic() - started)

    async def stop(self, task_id: str, user: str) -> None:
        """Stop an answer of this user. Dify says yes to everything here, also to unknown tasks (317)."""
        await self._ask(wire.stop(task_id, user))

    async def app_info(self) -> AppInfo:
        """What the app behind the app key is."""
        return wire.parse_info(await self._ask(wire.app_info()))

    async def app_parameters(self) -> AppParameters:
        return wire.parse_parameters(await self._ask(wire.app_parameters()))

    async def app_meta(self) -> Mapping[str, Any]:
        """The icons of the app's tools, by tool."""
        return wire.parse_meta(await self._ask(wire.app_meta()))

    async def app_site(self) -> Site:
        return wire.parse_site(await self._ask(wire.app_site()))

    async def messages(self, user: str, conversation_id: str) -> list[Message]:
        """All messages of a conversation, oldest first."""
        found: list[Message] = []
        has_more = True
        while has_more:
            before = found[0].id if found else ""
            page = await self._ask(wire.list_messages(user, conversation_id, before=before))
            earlier, has_more = wire.parse_messages(page)
            found = [*earlier, *found]
            has_more = has_more and bool(earlier)
        return found

    async def conversations(self, user: str) -> AsyncIterator[Conversation]:
        """The user's conversations, the latest first."""
        after, has_more = "", True
        while has_more:
            page, has_more = wire.parse_conversations(
                await self._ask(wire.list_conversations(user, after=after))
            )
            for conversation in page:
                yield conversation
                after = conversation.id
            has_more = has_more and bool(page)

    async def delete_conversation(self, conversation_id: str, user: str) -> None:
        await self._forget(wire.delete_conversation(conversation_id, user))

    async def rate(self, message_id: str, user: str, rating: Rating | None, text: str = "") -> None:
        """Say what the user thinks of an answer; None takes it back."""
        await self._ask(wire.rate(message_id, user, rating, text))

    async def feedbacks(self, page: int = 1) -> tuple[Feedback, ...]:
        """What users said about answers, a hundred on a page."""
        return wire.parse_feedbacks(await self._ask(wire.list_feedbacks(page)))

    async def suggested_questions(self, message_id: str, user: str) -> tuple[str, ...]:
        """What to ask next; none where the app does not suggest."""
        try:
            return wire.parse_suggested(await self._ask(wire.suggested_questions(message_id, user)))
        except Rejected as error:
            if error.status == httpx.codes.BAD_REQUEST and error.code == "bad_request":
                return ()  # "Suggested Questions Is Disabled." (299)
            raise

    async def upload_file(
        self, name: str, content: bytes, *, user: str, media_type: str = "application/octet-stream"
    ) -> UploadedFile:
        """A file that a question of the same user can carry."""
        return wire.parse_file(await self._ask(wire.upload_file(name, content, media_type, user)))

    def _stop(self, stream: Stream, user: str) -> None:
        if stream.task_id:
            self._send_in_passing(wire.stop(stream.task_id, user))


async def _read(response: httpx.Response, stream: Stream, limit: asyncio.Timeout) -> None:
    """Feed the stream until the server closes it, or `GRACE` has passed since the answer was whole."""
    lines = Lines()
    async for part in response.aiter_bytes():
        for line in lines.feed(part):
            stream.feed(line)
        if stream.is_finished:
            soon = asyncio.get_running_loop().time() + GRACE
            limit.reschedule(min(soon, limit.when() or soon))
