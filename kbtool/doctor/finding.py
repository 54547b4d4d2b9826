"""One thing that was looked at: what, the evidence, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    FINE = "fine"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """`said` is the evidence; `remedy` says what to do, "" where nothing is."""

    level: Level
    about: str
    said: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        return {"level": self.level.value, "about": self.about, "said": self.said, "remedy": self.remedy}


def fine(about: str, said: str) -> Finding:
    return Finding(Level.FINE, about, said)


def note(about: str, said: str, remedy: str) -> Finding:
    return Finding(Level.NOTE, about, said, remedy)


def problem(about: str, said: str, remedy: str) -> Finding:
    return Finding(Level.PROBLEM, about, said, remedy)
