"""Exports as nobody should make them, and the laws that hold when kbtool is given one."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
import zipfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kbtool.cli import main

GOOD = "# Good page\n\nIts text survives.\n"
JUNK = ("__MACOSX/", ".DS_Store")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command left: its exit code, what it printed, and the skips of its report."""

    code: int
    out: str
    err: str

    @property
    def skipped(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = json.loads(self.out)["skipped"]
        return told

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [skip for skip in self.skipped if skip["error"]]


def kbtool(*arguments: str | Path) -> Outcome:
    """The command in this process; an exception that it lets through is a failure of the test."""
    out, err, given = io.StringIO(), io.StringIO(), sys.argv
    code = 0
    try:
        sys.argv = ["kbtool", *map(str, arguments)]
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = given
    return Outcome(code, out.getvalue(), err.getvalue())


def zip_of(entries: Sequence[tuple[str | bytes | zipfile.ZipInfo, bytes]]) -> bytes:
    """A zip with these entries in order, whatever their names. Bytes are a name without the UTF-8 flag."""
    buffer = io.BytesIO()
    raw: dict[bytes, bytes] = {}
    with zipfile.ZipFile(buffer, "w") as made:
        for number, (name, content) in enumerate(entries):
            if isinstance(name, bytes):
                stand_in = f"{number:@>{len(name)}}"
                raw[stand_in.encode()] = name
                made.writestr(stand_in, content, compress_type=zipfile.ZIP_DEFLATED)
            else:
                made.writestr(name, content, compress_type=zipfile.ZIP_DEFLATED)
    packed = buffer.getvalue()
    for stand_in_bytes, name in raw.items():
        packed = packed.replace(stand_in_bytes, name)
    return packed


def link_to(target: str, name: str = "link.md") -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info, target.encode()


def snapshot(folder: Path, *, but: Path) -> dict[str, bytes | str]:
    """Every file outside `but` and kbtool's own cache, with its content."""
    return {
        str(path): (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        )
        for path in sorted(folder.rglob("*"))
        if but not in (path, *path.parents) and ".kbtool" not in path.parts
    }


def cleaned(folder: Path, *sources: Path) -> Outcome:
    """`kbtool clean` into a folder of its own, with the laws that hold for any input.

    No exception and no traceback, exit code 1 exactly when something could not be read, nothing written
    outside the output folder; then the same pages through `kbtool chunk`.
    """
    out = folder / "out"
    before = snapshot(folder, but=out)
    result = kbtool("clean", *sources, "-o", out, "--json")
    assert snapshot(folder, but=out) == before
    assert "Traceback" not in result.err
    if not result.out:  # nothing at all could be read: one sentence and a hint
        assert result.code == 1
        assert result.err.startswith("error: ")
        return result
    assert result.code == (1 if result.errors else 0), result.err
    assert all(skip["source"] and skip["reason"] for skip in result.skipped)
    told = "".join(f"{skip['source']}{skip['reason']}" for skip in result.skipped)
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in told), repr(told)
    chunked = kbtool("chunk", *sources, "--json")
    assert chunked.code == result.code
    assert all(json.loads(line)["text"] for line in chunked.out.split("\n") if line)
    return result


def titles(folder: Path) -> set[str]:
    """Titles of the pages that were written."""
    found: set[str] = set()
    for path in (folder / "out").rglob("*.md"):
        lines = path.read_text(encoding="utf-8").splitlines()
        found.update(line.removeprefix("# ") for line in lines if line.startswith("# "))
    return found
