"""Bad input: a clear line with path and reason, the other pages still done, and never a traceback."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kbtool.exports import archive, read
from tests.hostile import GOOD, cleaned, kbtool, link_to, titles, zip_of

Entry = tuple[str | bytes | zipfile.ZipInfo, bytes]
ID = "4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52"
ROOT = Path(__file__).parent.parent
GOOD_ENTRY: Entry = ("good.md", GOOD.encode())
NOTION_HTML = b'<article class="page sans"><h1 class="page-title">T</h1><div class="page-body">'
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 4


def blocks(*children: tuple[str, int, list[str]]) -> bytes:
    """A Lark document whose blocks are (id, type, ids of children)."""
    text = {"elements": [{"text_run": {"content": "Words"}}]}
    listed = [
        {
            "block_id": name,
            "block_type": kind,
            "children": below,
            "text": text,
            "page": text,
            "heading1": text,
        }
        for name, kind, below in children
    ]
    return json.dumps({"document": {"document_id": "d", "title": "Cyclic"}, "blocks": listed}).encode()


@dataclass(frozen=True, slots=True)
class Case:
    """Entries of a zip that also holds a good page; `errors` are parts of the reasons that must be told."""

    entries: list[Entry]
    errors: list[str] = field(default_factory=list)
    limits: dict[str, int] = field(default_factory=dict)


BIG = b"# Big\n\n" + b"word " * 4000
CASES = {
    "a bomb by its ratio": Case(
        [("zeros.md", b"0" * 300_000)], ["unpacks to more than"], {"RATIO_FROM": 1000}
    ),
    "a bomb inside a part": Case(
        [("Export-Part-1.zip", zip_of([("zeros.md", b"0" * 300_000)]))],
        ["unpacks to more than"],
        {"RATIO_FROM": 1000},
    ),
    "a page over the bound": Case([("big.md", BIG)], ["larger than"], {"ENTRY_BYTES": 5000}),
    "more bytes than the bound": Case(
        [GOOD_ENTRY, ("big.md", BIG)], ["rest of it was not read"], {"TOTAL_BYTES": 5000}
    ),
    "more entries than the bound": Case(
        [GOOD_ENTRY, *((f"{n}.md", b"# T\n\ntext") for n in range(9))],
        ["more than"],
        {"ENTRIES": 5},
    ),
    "names that lead out": Case(
        [(name, b"# Out\n\ntext") for name in ("../a.md", "a/../../b.md", "..\\c.md", "x\\..\\..\\d.md")],
        ["leads outside"] * 4,
    ),
    "absolute names": Case(
        [(name, b"# Out\n\ntext") for name in ("/out/a.md", "\\\\host\\share\\b.md", "C:\\c.md", "c:d.md")],
        ["absolute", "absolute", "drive", "drive"],
    ),
    "symbolic links": Case([link_to("/etc/passwd"), link_to("../../x", "y.html")]),
    "one name twice": Case([("a.md", b"# A\n\nfirst"), ("a.md", b"# A\n\nsecond")], ["twice in the zip"]),
    "names of 300 characters": Case(
        [("n" * 300 + ".md", b"# Long\n\ntext"), ("名" * 300 + ".md", b"# L2\n\ntext")]
    ),
    "names in no known encoding": Case([(b"\xff\xfe\x80.md", b"# Odd\n\ntext")]),
    "names in GB18030": Case([("退款.md".encode("gb18030"), b"# Refund\n\ntext")]),
    "invalid percent sequences": Case(
        [
            (
                f"P {ID}.md",
                b"# P\n\n[a](%ZZ%E4%.md) [b](%00) ![c](%) [d](%FF%FE.png) [e](%2e%2e/%2e%2e/x.md) text",
            )
        ]
    ),
    "cyclic block trees": Case(
        [
            ("self.json", blocks(("d", 1, ["d"]))),
            ("pair.json", blocks(("d", 1, ["a"]), ("a", 2, ["b"]), ("b", 2, ["a"]))),
            ("lost.json", blocks(("d", 1, ["nowhere"]))),
        ],
    ),
    "a block tree as deep as a well": Case(
        [("deep.json", blocks(("d", 1, ["n0"]), *((f"n{n}", 3, [f"n{n + 1}"]) for n in range(3000))))]
    ),
    "binary files named .md": Case(
        [
            ("a.md", PNG),
            ("b.md", b"\x00" * 500),
            ("c.md", bytes(range(128, 256)) * 9),
            ("d.md", b"\xff\xfe\x00"),
        ]
    ),
    "binary files with other names": Case(
        [("a.html", PNG), ("b.json", PNG), (f"c {ID}.csv", PNG), ("d.htm", b"\x00" * 500)],
        ["not text"] * 3,
    ),
    "files without content": Case(
        [(f"e{suffix}", b"") for suffix in (".md", ".html", ".json", ".csv", ".zip")]
    ),
    "JSON that nests deeper than a stack": Case([("a.json", b"[" * 100_000)], ["nested deeper"]),
    "JSON with a number of 5000 digits": Case([("a.json", b"1" * 5000)], ["not JSON"]),
    "half a character": Case(
        [("a.json", blocks(("d", 1, ["a"]), ("a", 2, [])).replace(b"Words", b"W\\ud800s"))]
    ),
    "HTML that nests deeper than a stack": Case(
        [("a.html", NOTION_HTML + b"<div>" * 5000 + b"deep" + b"</div>" * 5000)]
    ),
    "HTML that never ends": Case(
        [("a.html", NOTION_HTML + b"<p>text<table><tr><td><details><ul><li>x" * 300)]
    ),
    "a CSV with a field of a megabyte": Case([(f"T {ID}_all.csv", b"A,B\r\nx," + b"y" * 1_000_000)]),
    "a CSV with open quotes and NUL": Case([(f"T {ID}_all.csv", b'A,B\r\n"x,y\x00\r\nz,"')]),
    "front matter that is a bomb": Case(
        [("a.md", b"---\na: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n---\n\n# A\n\ntext")]
    ),
    "front matter that calls code": Case(
        [("a.md", b"---\ntitle: !!python/object/apply:os.system ['true']\n---\n\n# A\n\ntext")]
    ),
    "titles that are paths": Case(
        [
            ("a.md", b"# ../../../evil\n\ntext"),
            ("b.md", b"# /etc/evil\n\ntext"),
            ("c.md", b"---\ntitle: '../..'\n---\ntext"),
            ("d.md", b"# ..\n\ntext"),
            ("CON.md", b"# NUL\n\ntext"),
        ]
    ),
    "one line of 100,000 characters": Case([("long.md", b"# Long\n\n" + b"x" * 100_000)]),
    "an unknown kind of file": Case([("a.exe", b"MZ"), ("b", b"?")]),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", CASES)
def test_what_is_bad_is_named_and_the_rest_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = CASES[name]
    entries = case.entries if GOOD_ENTRY in case.entries else [*case.entries, GOOD_ENTRY]
    source = tmp_path / "export.zip"
    source.write_bytes(zip_of(entries))
    for limit, value in case.limits.items():
        monkeypatch.setattr(archive, limit, value)
    result = cleaned(tmp_path, source)
    export = read([source])
    assert "Good page" in titles(tmp_path)
    reasons = [skip["reason"] for skip in result.errors]
    for part in case.errors:
        found = next((reason for reason in reasons if part in reason), None)
        assert found, f"{part!r} is not in {reasons}"
        reasons.remove(found)
    told = len(export.pages) + len(export.skipped)
    assert case.limits or told >= len(entries), "a file is neither page nor skipped"


@pytest.mark.parametrize("keep", [0, 1, 4, 30, 200, 0.5, 0.9, 0.99])
def test_a_truncated_zip_is_named_and_the_other_source_is_done(tmp_path: Path, keep: float) -> None:
    whole = zip_of([(f"{n}.md", b"# Page\n\n" + os.urandom(200).hex().encode()) for n in range(9)])
    broken, good = tmp_path / "broken.zip", tmp_path / "good.md"
    broken.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    good.write_text(GOOD, encoding="utf-8")
    result = cleaned(tmp_path, broken, good)
    assert [skip["source"] for skip in result.errors] == ["broken.zip"]
    assert titles(tmp_path) == {"Good page"}


def test_a_zip_with_a_password_or_an_unknown_method_is_named(tmp_path: Path) -> None:
    whole = bytearray(zip_of([("secret.md", b"# Secret\n\ntext")]))
    for offset, at in ((whole.find(b"PK\x03\x04"), 6), (whole.find(b"PK\x01\x02"), 8)):
        whole[offset + at] |= 1
    method = bytearray(zip_of([("odd.md", b"# Odd\n\ntext")]))
    for offset, at in ((method.find(b"PK\x03\x04"), 8), (method.find(b"PK\x01\x02"), 10)):
        method[offset + at : offset + at + 2] = struct.pack("<H", 77)
    (tmp_path / "locked.zip").write_bytes(whole)
    (tmp_path / "method.zip").write_bytes(method)
    (tmp_path / "good.md").write_text(GOOD, encoding="utf-8")
    result = cleaned(tmp_path, *(tmp_path / name for name in ("locked.zip", "method.zip", "good.md")))
    assert [skip["source"] for skip in result.errors] == ["locked.zip:secret.md", "method.zip:odd.md"]


def test_odd_things_in_a_folder_stop_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    (folder / "folder.md").mkdir(parents=True)
    (folder / "good.md").write_text(GOOD, encoding="utf-8")
    (folder / "dead.md").symlink_to(tmp_path / "nowhere.md")
    (folder / "loop").symlink_to(folder)
    (tmp_path / "private.md").write_text("# Private\n\nNot part of the export.", encoding="utf-8")
    (folder / "out.md").symlink_to(tmp_path / "private.md")
    os.mkfifo(folder / "pipe.md")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.md")).write_text(
        "# Odd name\n\ntext", encoding="utf-8"
    )
    (folder / ("n" * 250 + ".md")).write_text("# Long\n\ntext", encoding="utf-8")
    (folder / "text.zip").write_text("no zip", encoding="utf-8")
    result = kbtool("clean", folder, "-o", tmp_path / "out", "--json")
    assert result.code == 1, "text.zip is no zip"
    assert {"Good page", "Long"} <= titles(tmp_path)
    assert "Private" not in titles(tmp_path)
    links = {skip["source"] for skip in result.skipped if skip["reason"] == "symbolic link"}
    assert {"export/dead.md", "export/out.md"} <= links


def test_a_link_inside_the_output_folder_leads_nothing_outside(tmp_path: Path) -> None:
    source, out, outside = tmp_path / "export", tmp_path / "out", tmp_path / "outside"
    (source / "guides").mkdir(parents=True)
    (source / "guides" / "a.md").write_text("# A\n\ntext", encoding="utf-8")
    (source / "b.md").write_text("# B\n\ntext", encoding="utf-8")
    out.mkdir()
    outside.mkdir()
    (outside / "b.md").write_text("mine", encoding="utf-8")
    (out / "guides").symlink_to(outside)
    (out / "b.md").symlink_to(outside / "b.md")
    result = kbtool("clean", source, "-o", out)
    assert "Traceback" not in result.err
    assert [(path.name, path.read_text(encoding="utf-8")) for path in outside.iterdir()] == [("b.md", "mine")]


def test_as_a_process_it_says_one_line_each_and_leaves_with_1(tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "good.md").write_text(GOOD, encoding="utf-8")
    (tmp_path / "export" / "bad.json").write_text("{", encoding="utf-8")
    (tmp_path / "export" / "bad.zip").write_bytes(b"PK\x03\x04")
    done = subprocess.run(
        [sys.executable, "-m", "kbtool", "chunk", "export", "--json"],
        capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert {json.loads(line)["title"] for line in done.stdout.splitlines()} == {"Good page"}


def test_a_reader_that_stops_reading_is_no_error_to_tell_about(tmp_path: Path) -> None:
    rng = random.Random(1)
    (tmp_path / "export").mkdir()
    for number in range(200):
        text = " ".join(str(rng.random()) for _ in range(200))
        (tmp_path / "export" / f"{number}.md").write_text(f"# Page {number}\n\n{text}\n", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "kbtool", "chunk", "export", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        said = running.stderr.read()
        assert running.wait(timeout=60) in {0, 1}
    assert b"Traceback" not in said
