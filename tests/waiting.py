"""Until something is so: looked at again and again, for as long as a machine under load may need."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from time import monotonic
from typing import Any, TypeVar, overload

Found = TypeVar("Found")

PATIENCE = float(os.environ.get("KBTOOL_TEST_PATIENCE", "60"))
"""Seconds. A test that passes never waits for them; where many are meant to fail, fewer will do."""


@overload
async def until(look: Callable[[], Awaitable[Found | None]], said: Callable[[], object] = ...) -> Found: ...
@overload
async def until(look: Callable[[], Found | None], said: Callable[[], object] = ...) -> Found: ...
async def until(look: Callable[[], Any], said: Callable[[], object] = lambda: "it never became so") -> Any:
    """What `look` gives once that is true; an AssertionError with what is `said` when patience has ended."""
    ends = monotonic() + PATIENCE
    while True:
        found = look()
        if isawaitable(found):
            found = await found
        if found:
            return found
        if monotonic() > ends:
            raise AssertionError(said())
        await asyncio.sleep(0.01)
