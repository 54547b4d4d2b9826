"""That a conversation has changed since its turn last looked: said by the worker, heard by the turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

Value = TypeVar("Value")


class News:
    """One for each turn under way."""

    def __init__(self) -> None:
        self._come = asyncio.Event()
        self.has_come = False
        """Ever, whether it has been looked at or not."""

    def tell(self) -> None:
        """Something has changed; what it is, the store knows."""
        self.has_come = True
        self._come.set()

    async def hold_or_change(
        self,
        coroutine: Coroutine[Any, Any, Value],
        has_changed: Callable[[], Awaitable[bool]],
        quiet: Callable[[], float],
    ) -> Value | None:
        """What `coroutine` comes to, once `quiet()` seconds are 0 or less; None where the conversation has
        changed before, and then the coroutine is cancelled.
        """
        asking = asyncio.create_task(coroutine)
        told = asyncio.create_task(self._come.wait())
        try:
            while True:
                rest = None
                if asking.done():
                    rest = quiet()
                    if rest <= 0 or asking.exception() is not None:
                        return asking.result()
                await asyncio.wait(
                    {told} if asking.done() else {asking, told},
                    timeout=rest,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if told.done():
                    self._come.clear()
                    told = asyncio.create_task(self._come.wait())
                    if await has_changed():
                        return None
        finally:
            told.cancel()
            if not asking.done():
                asking.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await asking
