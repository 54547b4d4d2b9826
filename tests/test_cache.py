"""A cache may be missing, damaged, locked or foreign: it is then empty, and nobody notices."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from kbtool.cache import Cache

KEY, OTHER = b"k" * 16 + b"s", b"o" * 16 + b"s"


def filled(path: Path) -> Path:
    with Cache(path, writes=True) as cache:
        cache.put([(KEY, b"value"), (OTHER, b"other")])
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return filled(tmp_path / "deep" / "cache.sqlite")


def test_what_was_put_is_found_by_the_next_run(path):
    with Cache(path, writes=False) as cache:
        assert (cache.get(KEY), cache.get(b"no")) == (b"value", None)


def test_entries_that_were_not_used_are_dropped(path):
    with Cache(path, writes=True) as cache:
        cache.keep_only({KEY[:16]}, 16)
        assert (cache.get(KEY), cache.get(OTHER)) == (b"value", None)


def test_a_damaged_entry_is_none(path):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE entries SET value = ? WHERE key = ?", (b"valuf", KEY))
        connection.execute("UPDATE entries SET value = 'text' WHERE key = ?", (OTHER,))
    connection.close()
    with Cache(path, writes=False) as cache:
        assert (cache.get(KEY), cache.get(OTHER)) == (None, None)


def test_a_file_that_is_no_database_is_replaced(path):
    path.write_bytes(b"not a database" * 100)
    with Cache(path, writes=True) as cache:
        cache.put([(KEY, b"lost")])
        assert cache.get(KEY) is None
    with Cache(filled(path), writes=False) as cache:
        assert cache.get(KEY) == b"value"


def test_damage_in_the_middle_never_raises(path):
    content = bytearray(path.read_bytes())
    for at in range(0, len(content), 397):
        damaged = content.copy()
        damaged[at : at + 8] = b"\xff" * 8
        path.write_bytes(bytes(damaged))
        with Cache(path, writes=True) as cache:
            assert cache.get(KEY) in {None, b"value"}
            cache.put([(KEY, b"value")])
            cache.keep_only({KEY[:16]}, 16)


def test_a_locked_file_is_left_alone(path, monkeypatch):
    monkeypatch.setattr("kbtool.cache._PATIENCE", 0.01)
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with Cache(path, writes=True) as cache:
        cache.put([(KEY, b"new")])
    other.rollback()
    other.close()
    with Cache(path, writes=False) as cache:
        assert cache.get(KEY) == b"value"


def test_a_folder_that_cannot_be_made_is_no_cache(tmp_path):
    (tmp_path / "file").write_text("")
    with Cache(tmp_path / "file" / "cache.sqlite", writes=True) as cache:
        cache.put([(KEY, b"value")])
        assert cache.get(KEY) is None


def test_no_path_is_an_empty_cache():
    with Cache(None, writes=True) as cache:
        cache.put([(KEY, b"value")])
        cache.keep_only(set(), 16)
        assert cache.get(KEY) is None


def test_two_at_once_find_what_either_put(path):
    with Cache(path, writes=True) as one, Cache(path, writes=True) as other:
        one.put([(b"1" * 17, b"one")])
        other.put([(b"2" * 17, b"two")])
        assert (one.get(b"2" * 17), other.get(b"1" * 17)) == (b"two", b"one")
