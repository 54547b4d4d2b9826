"""Everything that goes along with a question: the app's variables, and the customer's files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from bridge.asking.apps import Described, Profile, Profiles
from bridge.asking.fetch import Fetcher
from bridge.asking.files import KINDS, MEDIA, largest, name_of, passed_on
from bridge.asking.inputs import Situation, fill, lacking, wants_contact
from bridge.events import Attachment
from kbtool.dify.conversations import UploadedFile
from kbtool.errors import Rejected, ServiceError

LARGEST = 10 * 1024 * 1024
"""Bytes of a file that is passed on, whatever the app takes: it is held in memory."""


@runtime_checkable
class App(Described, Protocol):
    """A Dify app that takes files: a `DifyClient`."""

    async def upload_file(
        self, name: str, content: bytes, *, user: str, media_type: str = ...
    ) -> UploadedFile: ...


@dataclass(slots=True)
class Enclosing:
    """For one app. `allowed` are the contact's attributes that may be told to it; without a `fetcher` no file
    is passed on. `largest` is in bytes.
    """

    app: App
    fetcher: Fetcher | None = None
    allowed: frozenset[str] = frozenset()
    largest: int = LARGEST
    profiles: Profiles = field(init=False)

    def __post_init__(self) -> None:
        self.profiles = Profiles(self.app)

    async def takes(self, attachments: Sequence[Attachment]) -> bool:
        """Whether any of these goes along: a message without words is then still a question."""
        return bool(self.fetcher and passed_on(attachments, (await self.profiles.profile()).files))

    async def inputs(
        self, situation: Situation, look: Callable[[], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        """The app's variables, for the beginning of a Dify conversation: later ones are not read.

        `look` finds the contact's attributes, and is asked only where the app wants them. Raises Rejected for
        an app that cannot hold a conversation, or requires what nobody knows.
        """
        profile = await self.profiles.profile()
        if profile.problem:
            raise Rejected(profile.problem, hint="Build a chat app, an agent or a chatflow in Dify.")
        contact = await look() if wants_contact(profile.inputs, self.allowed) else {}
        inputs = fill(profile.inputs, replace(situation, contact=contact), self.allowed)
        if missing := lacking(profile.inputs, inputs):
            raise Rejected(
                f"the Dify app requires {', '.join(missing)}, which is not known here",
                hint="Make it optional in the app, or allow the contact's attribute in kb.toml.",
            )
        return inputs

    async def files(
        self, attachments: Sequence[Attachment], user: str
    ) -> tuple[tuple[UploadedFile, ...], tuple[str, ...]]:
        """The files that go along, uploaded, and sentences about those that do not."""
        if not attachments:
            return (), ()
        profile = await self.profiles.profile()
        wanted = passed_on(attachments, profile.files) if self.fetcher else ()
        unwanted = [
            f"{one.kind} is not passed on" for one in attachments if one not in wanted and not one.words
        ]
        results = await asyncio.gather(
            *(
                self._pass_on(self.fetcher, one, number, profile, user)
                for number, one in enumerate(wanted, start=1)
                if self.fetcher
            )
        )
        uploaded = tuple(one for one in results if isinstance(one, UploadedFile))
        return uploaded, (*unwanted, *(one for one in results if isinstance(one, str)))

    async def _pass_on(
        self, fetcher: Fetcher, one: Attachment, number: int, profile: Profile, user: str
    ) -> UploadedFile | str:
        """The file as Dify knows it, or why it stays here."""
        bound, media = largest(one, profile.files, self.largest), MEDIA[KINDS[one.kind]]
        try:
            fetched = await fetcher.fetch(one.url, bound, media)
            name = name_of(one, number, fetched.media_type)
            return await self.app.upload_file(name, fetched.content, user=user, media_type=fetched.media_type)
        except ServiceError as error:
            return error.message
