"""kb.toml: what to read, where it goes, how it is searched, judged, handed off, and who is answered.

Strict: an unknown key is an error that names the nearest known one. Paths are relative to the file.
Secrets never stand in it; they come from the environment (`Secrets`).

strict.py    what all tables have in common
tables.py    the tables, and the whole file: Settings
bridge.py    [bridge] and its routing table
people.py    [kpi] and [improve]
hours.py     when somebody is there
keys.py      Dify's keys from the environment
loading.py   a file → Settings
"""

from __future__ import annotations

from kbtool.config.bridge import Bridge, BridgeRoute, RouteHandoff
from kbtool.config.hours import ALWAYS, Hours
from kbtool.config.keys import Secrets
from kbtool.config.loading import load
from kbtool.config.people import Improve, Kpi
from kbtool.config.tables import (
    EMBEDDED,
    FILE,
    Chunking,
    Corpus,
    Dify,
    Embedded,
    Evals,
    Llm,
    Mail,
    Notify,
    Reports,
    Retrieval,
    Settings,
)
from kbtool.handoff_table import Handoff

__all__ = [
    "ALWAYS",
    "EMBEDDED",
    "FILE",
    "Bridge",
    "BridgeRoute",
    "Chunking",
    "Corpus",
    "Dify",
    "Embedded",
    "Evals",
    "Handoff",
    "Hours",
    "Improve",
    "Kpi",
    "Llm",
    "Mail",
    "Notify",
    "Reports",
    "Retrieval",
    "RouteHandoff",
    "Secrets",
    "Settings",
    "load",
]
