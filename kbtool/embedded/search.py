"""Finding units by words: the built-in model.

A text becomes words, case-folded, and pairs of neighbouring characters where a script has no spaces between
words. FTS5 picks the candidates; their exact BM25 is then set against the BM25 that the query has against
itself:

    score = sqrt(BM25(query, unit) / BM25(query, query)), at most 1        k1 = 1.2, b = 0.75

It says how much of the question's information a unit covers. A text scores 1.0 against itself, whatever its
length; a word that no unit has counts with the highest idf, so it can only lower the score. There is no stop
list: idf does its work where there is enough text, and the gain measured beyond that was 0.003 of AUC.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

K1, B = 1.2, 0.75
_UNSPACED = (
    "\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"  # kana and Han
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"  # Hangul and more Han
)
_RUNS = re.compile(f"([{_UNSPACED}]+)|[^\\W{_UNSPACED}]+")
# Candidates are selected by the rarest terms, as many as give about this many places to look at; all terms
# count in the score. It bounds the time of a query: at 10,000 units a question takes 7 ms, a chunk's text 13.
MOST_PLACES = 2048
MOST_REMEMBERED = 20_000  # terms with their counts


def tokenize(text: str) -> list[str]:
    """The terms of `text`, in order: `Refund 退款政策` -> refund, 退款, 款政, 政策."""
    terms: list[str] = []
    for run in _RUNS.finditer(unicodedata.normalize("NFKC", text).casefold()):
        unspaced = run.group(1)
        if unspaced is None or len(unspaced) == 1:
            terms.append(run.group())
        else:
            terms += [unspaced[i : i + 2] for i in range(len(unspaced) - 1)]
    return terms


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one index: how many units, their mean length in terms, and in how many of them each term stands."""

    units: int
    mean_length: float
    holding: Mapping[str, int]

    def idf(self, term: str) -> float:
        held = self.holding.get(term, 0)
        return math.log(1 + (self.units - held + 0.5) / (held + 0.5))


def bm25(weights: Mapping[str, float], unit: Sequence[str], mean_length: float) -> float:
    """BM25 of a unit for terms with these idf; every term of the query counts once."""
    norm = K1 * (1 - B + B * len(unit) / max(mean_length, 1.0))
    counts = Counter(term for term in unit if term in weights)
    return sum(weights[term] * count * (K1 + 1) / (count + norm) for term, count in counts.items())


def scorer(query: Sequence[str], statistics: Statistics) -> Callable[[Sequence[str]], float]:
    """How much of `query` a unit covers, from 0 to 1, as a function of the unit's terms.

    A query without a term scores 0.
    """
    weights = {term: statistics.idf(term) for term in query}
    whole = bm25(weights, query, statistics.mean_length)

    def score(unit: Sequence[str]) -> float:
        share = bm25(weights, unit, statistics.mean_length) / whole if whole else 0.0
        return math.sqrt(min(1.0, share))

    return score


@dataclass(frozen=True, slots=True)
class Match:
    """A unit that was found. `child_id` is None for a segment of a flat document."""

    segment_id: str
    child_id: str | None
    score: float


@dataclass(frozen=True, slots=True)
class Unit:
    """A text to be found, and what it belongs to."""

    document_id: str
    segment_id: str
    child_id: str | None
    text: str


def create_index(db: sqlite3.Connection, dataset: int) -> None:
    db.execute(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS words_{dataset} USING fts5("
        "terms, tokenize=\"unicode61 remove_diacritics 0 tokenchars '_'\")"
    )
    db.execute(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary_{dataset} USING fts5vocab(words_{dataset}, row)"
    )


def version(db: sqlite3.Connection, dataset: int) -> int:
    """Grows with every change of the index, whichever process makes it."""
    row = db.execute("SELECT version FROM index_versions WHERE dataset = ?", (dataset,)).fetchone()
    return int(row[0]) if row else 0


def _is_changed(db: sqlite3.Connection, dataset: int) -> None:
    db.execute(
        "INSERT INTO index_versions VALUES (?, 1) ON CONFLICT (dataset) DO UPDATE SET version = version + 1",
        (dataset,),
    )


def drop_index(db: sqlite3.Connection, dataset: int) -> None:
    _is_changed(db, dataset)
    db.execute(f"DROP TABLE IF EXISTS vocabulary_{dataset}")
    db.execute(f"DROP TABLE IF EXISTS words_{dataset}")
    db.execute("DELETE FROM units WHERE dataset = ?", (dataset,))


def add(db: sqlite3.Connection, dataset: int, units: Sequence[Unit], vectors: Sequence[bytes | None]) -> None:
    """Make `units` findable. `vectors` has one entry each, None for the lexical model."""
    _is_changed(db, dataset)
    for unit, vector in zip(units, vectors, strict=True):
        terms = tokenize(unit.text)
        row = (dataset, unit.document_id, unit.segment_id, unit.child_id, len(terms), vector)
        cursor = db.execute(
            "INSERT INTO units (dataset, document_id, segment_id, child_id, length, vector)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            row,
        )
        db.execute(
            f"INSERT INTO words_{dataset} (rowid, terms) VALUES (?, ?)",  # noqa: S608
            (cursor.lastrowid, " ".join(terms)),
        )


def remove(db: sqlite3.Connection, dataset: int, *, of: str, is_id: str) -> None:
    """Forget the units whose column `of` (document_id, segment_id or child_id) is `is_id`."""
    chosen = f"SELECT id FROM units WHERE dataset = ? AND {of} = ?"  # noqa: S608
    if db.execute(f"{chosen} LIMIT 1", (dataset, is_id)).fetchone():
        _is_changed(db, dataset)
        db.execute(f"DELETE FROM words_{dataset} WHERE rowid IN ({chosen})", (dataset, is_id))  # noqa: S608
        db.execute(f"DELETE FROM units WHERE dataset = ? AND {of} = ?", (dataset, is_id))  # noqa: S608


def find(
    db: sqlite3.Connection,
    dataset: int,
    query: str,
    limit: int,
    documents: Sequence[str] | None = None,
    *,
    vocabulary: Vocabulary,
) -> list[Match]:
    """The best `limit` units, best first, only of `documents` if given.

    Units that share no term with the query fill up what is left, with score 0: so does a vector search, and
    so did Dify [151, 279].
    """
    terms = tokenize(query)
    statistics = vocabulary.statistics(db, dataset, set(terms))
    score = scorer(terms, statistics)
    candidates = _candidates(db, dataset, terms, statistics, max(64, 8 * limit), documents)
    scored = [(score(row["terms"].split()), row) for row in candidates]
    ranked = sorted(scored, key=lambda pair: (-pair[0], pair[1]["id"]))[:limit]
    matches = [Match(row["segment_id"], row["child_id"], value) for value, row in ranked]
    return matches + others(db, dataset, [row["id"] for _, row in ranked], limit - len(matches), documents)


class Vocabulary:
    """In how many units each term stands. To count a frequent term takes longer than to find with it, so
    counts are remembered until the index changes.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, Statistics]] = {}

    def statistics(self, db: sqlite3.Connection, dataset: int, terms: set[str]) -> Statistics:
        """Of the index of `dataset`, with at least these terms."""
        now = version(db, dataset)
        then, statistics = self._known.get(dataset, (-1, None))
        if statistics is None or then != now or len(statistics.holding) > MOST_REMEMBERED:
            statistics = Statistics(*_size(db, dataset), {})
        missing = terms - statistics.holding.keys()
        if missing:
            counts = dict.fromkeys(missing, 0) | _holding(db, dataset, missing)
            holding = {**statistics.holding, **counts}
            statistics = Statistics(statistics.units, statistics.mean_length, holding)
        self._known[dataset] = (now, statistics)
        return statistics


def _size(db: sqlite3.Connection, dataset: int) -> tuple[int, float]:
    """How many units, and their mean length."""
    units, length = db.execute(
        "SELECT count(*), sum(length) FROM units WHERE dataset = ?", (dataset,)
    ).fetchone()
    return units, (length or 0) / max(units, 1)


def _holding(db: sqlite3.Connection, dataset: int, terms: set[str]) -> dict[str, int]:
    found = db.execute(
        f"SELECT term, doc FROM vocabulary_{dataset} WHERE term IN (SELECT value FROM json_each(?))",  # noqa: S608
        (json.dumps(sorted(terms)),),
    )
    return dict(found.fetchall())


def _candidates(
    db: sqlite3.Connection,
    dataset: int,
    terms: Iterable[str],
    statistics: Statistics,
    limit: int,
    documents: Sequence[str] | None,
) -> list[sqlite3.Row]:
    """Units by FTS5's own BM25, among those that hold one of the query's rarest terms."""
    held = {term: statistics.holding[term] for term in terms if statistics.holding.get(term)}
    known = sorted(held, key=lambda term: (held[term], term))
    chosen: list[str] = []
    places = 0
    for term in known:
        places += statistics.holding[term]
        if chosen and places > MOST_PLACES:
            break
        chosen.append(term)
    if not chosen:
        return []
    of_documents, values = among(documents)
    chosen_ids = f"SELECT id FROM units u WHERE dataset = {dataset} {of_documents}"  # noqa: S608
    only = f"AND rowid IN ({chosen_ids})" if values else ""
    return db.execute(
        "SELECT u.id, u.segment_id, u.child_id, w.terms FROM"  # noqa: S608
        f" (SELECT rowid, terms FROM words_{dataset} WHERE words_{dataset} MATCH ? {only}"
        " ORDER BY rank LIMIT ?) w"
        " JOIN units u ON u.id = w.rowid",
        (" OR ".join(f'"{term}"' for term in chosen), *values, limit),
    ).fetchall()


def others(
    db: sqlite3.Connection, dataset: int, taken: Sequence[int], limit: int, documents: Sequence[str] | None
) -> list[Match]:
    """Units that are not `taken`, oldest first, with score 0."""
    chosen_documents, values = among(documents)
    rows = db.execute(
        "SELECT segment_id, child_id FROM units u WHERE dataset = ?"  # noqa: S608
        f" AND id NOT IN (SELECT value FROM json_each(?)) {chosen_documents} ORDER BY id LIMIT ?",
        (dataset, json.dumps(taken), *values, max(limit, 0)),
    )
    return [Match(row["segment_id"], row["child_id"], 0.0) for row in rows]


def among(documents: Sequence[str] | None) -> tuple[str, tuple[str, ...]]:
    """A condition on `u.document_id` and its values; none where all documents are meant."""
    if documents is None:
        return "", ()
    return "AND u.document_id IN (SELECT value FROM json_each(?))", (json.dumps(documents),)
