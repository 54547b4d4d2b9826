"""Golden questions: read, held against the corpus, counted, mended, proposed.

reading    YAML with line numbers → `GoldenSet`
places     where an answer stands; what is stale
table      the same as a CSV, for people who live in spreadsheets
stats      what the set covers, and what it can notice
mend       follows renames
propose    questions that nobody has asked yet, for a person to review
"""

from kbtool.golden.places import SlugIndex, Stale, covers, find_stale, holds, resolve
from kbtool.golden.reading import GoldenSet, check, load

__all__ = ["GoldenSet", "SlugIndex", "Stale", "check", "covers", "find_stale", "holds", "load", "resolve"]
