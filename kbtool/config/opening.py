"""Checks of the keys `hours` and `zone`, wherever they stand."""

from __future__ import annotations

from pydantic_core import PydanticCustomError

from kbtool.config.hours import Hours


def hours_or_why(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The lines as they are, or a pydantic error that says which is wrong."""
    try:
        Hours.parse(lines, "UTC")
    except ValueError as error:
        raise PydanticCustomError("hours", "{why}", {"why": str(error)}) from error
    return lines


def zone_or_why(zone: str) -> str:
    """The zone as it is, or a pydantic error where there is no such zone."""
    try:
        Hours.parse((), zone)
    except ValueError as error:
        raise PydanticCustomError("zone", "{why}", {"why": str(error)}) from error
    return zone
