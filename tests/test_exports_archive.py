"""Zips that nobody has vetted: what is read, what is refused, and that one bad source stops no other."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kbtool.errors import ExportError
from kbtool.exports import archive, read

ID = "4f1c0a9e5b7d4c2e8a6f3b1d9c0e7a52"
ID2 = "9b2e7d1c4a6f48e0b3c5d8a1f0e2b476"


def zip_of(entries: dict[str, bytes | str], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, content in entries.items():
            made.writestr(name, content)
    return buffer.getvalue()


def saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def reasons(export) -> dict[str, str]:
    return {skipped.source: skipped.reason for skipped in export.skipped}


def test_parts_are_one_export_and_links_cross_them(tmp_path):
    one = zip_of({f"Home {ID}.md": f"# Home\n\n[Fees](Home%20{ID}/Fees%20{ID2}.md) and text"})
    two = zip_of({f"Home {ID}/Fees {ID2}.md": "# Fees\n\nNone."})
    outer = zip_of(
        {"Export-ab-Part-1.zip": one, "Export-ab-Part-2.zip": two, "__MACOSX/._x.md": b"\0", ".DS_Store": b""}
    )

    export = read([saved(tmp_path / "export.zip", outer)])

    assert [page.slug for page in export.pages] == ["home", "home/fees"]
    assert dict(export.pages[0].links) == {f"Home%20{ID}/Fees%20{ID2}.md": "Fees"}
    assert export.skipped == ()


def test_loose_parts_in_one_folder_are_one_export_too(tmp_path):
    saved(
        tmp_path / "Export-ab-Part-1.zip", zip_of({f"Home {ID}.md": f"# Home\n\n[Fees](Fees%20{ID2}.md) and"})
    )
    saved(tmp_path / "Export-ab-Part-2.zip", zip_of({f"Fees {ID2}.md": "# Fees\n\nNone."}))
    home = read([tmp_path]).pages[1]
    assert home.title == "Home"
    assert set(home.links.values()) == {"Fees"}


def test_a_customers_zip_stays_an_attachment(tmp_path):
    inner = zip_of({f"Secret {ID}.md": "# Secret\n\nText"})
    export = read([saved(tmp_path / "e.zip", zip_of({f"Home {ID}/logs.zip": inner}))])
    assert export.pages == ()
    assert "attachment" in reasons(export)[f"e.zip:Home {ID}/logs.zip"]


def test_parts_inside_parts_are_not_opened(tmp_path):
    deep = zip_of({"a.md": "# A\n\nText"})
    for number in (3, 2, 1):
        deep = zip_of({f"X-Part-{number}.zip": deep})
    export = read([saved(tmp_path / "e.zip", deep)])
    assert export.pages == ()
    assert list(reasons(export)) == ["e.zip:X-Part-2.zip"]


@pytest.mark.parametrize(
    ("flagged", "raw"),
    [(True, "退款.md".encode()), (False, "退款.md".encode()), (False, "退款.md".encode("gb18030"))],
    ids=["utf-8 with flag", "utf-8 without", "gbk of a Chinese Windows"],
)
def test_entry_names_are_decoded(flagged, raw):
    name = raw.decode("utf-8" if flagged else "cp437")
    info = zipfile.ZipInfo(name)
    info.flag_bits = 0x800 if flagged else 0
    assert archive.entry_name(info) == "退款.md"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../outside.md", "path that leads outside the export"),
        ("a/../../b.md", "path that leads outside the export"),
        ("..\\outside.md", "path that leads outside the export"),
        ("/etc/passwd.md", "absolute path"),
        ("C:\\Windows\\a.md", "path with a drive letter"),
    ],
)
def test_paths_that_lead_out_are_refused(tmp_path, name, reason):
    export = read([saved(tmp_path / "e.zip", zip_of({name: "# A\n\nText", "good.md": "# Good\n\nText"}))])
    assert [page.title for page in export.pages] == ["Good"]
    assert [(skipped.reason, skipped.is_error) for skipped in export.skipped] == [(reason, True)]


def test_symbolic_links_are_not_followed(tmp_path):
    info = zipfile.ZipInfo("link.md")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        made.writestr(info, "/etc/passwd")
    folder = tmp_path / "folder"
    folder.mkdir()
    saved(folder / "e.zip", buffer.getvalue())
    (folder / "other.md").symlink_to(tmp_path / "nowhere.md")
    assert set(reasons(read([folder])).values()) == {"symbolic link"}


def test_a_bomb_is_refused_by_what_it_unpacks_to(tmp_path):
    bomb = zip_of({"zeros.md": b"0" * (3 * 2**20), "good.md": "# Good\n\nText"})
    export = read([saved(tmp_path / "e.zip", bomb)])
    assert [page.title for page in export.pages] == ["Good"]
    assert reasons(export) == {"e.zip:zeros.md": "unpacks to more than 200 times its size"}


def test_entries_and_totals_have_bounds(tmp_path, monkeypatch):
    path = saved(tmp_path / "e.zip", zip_of({f"{n}.md": f"# T{n}\n\n{'text ' * 50}" for n in range(5)}))
    monkeypatch.setattr(archive, "ENTRY_BYTES", 100)
    assert set(reasons(read([path])).values()) == {"larger than 0 MB"}
    monkeypatch.undo()
    monkeypatch.setattr(archive, "ENTRIES", 3)
    export = read([path])
    assert len(export.pages) == 3
    assert "more than 3 entries" in reasons(export)["e.zip"]
    monkeypatch.undo()
    monkeypatch.setattr(archive, "TOTAL_BYTES", 600)
    assert "the rest of it was not read" in reasons(read([path]))["e.zip"]


def test_a_truncated_zip_is_named_and_the_others_are_read(tmp_path):
    whole = zip_of({"a.md": "# A\n\nText"})
    broken = saved(tmp_path / "broken.zip", whole[: len(whole) // 2])
    export = read([broken, saved(tmp_path / "good.zip", whole)])
    assert [page.title for page in export.pages] == ["A"]
    (skipped,) = export.skipped
    assert skipped.source == "broken.zip"
    assert skipped.is_error
    assert "download the export again" in skipped.reason


def test_a_damaged_entry_is_named(tmp_path):
    whole = bytearray(zip_of({"a.md": "# A\n\n" + "Text " * 40}, method=zipfile.ZIP_STORED))
    whole[60] ^= 0xFF
    export = read([saved(tmp_path / "e.zip", bytes(whole))])
    (skipped,) = export.skipped
    assert (skipped.source, skipped.is_error) == ("e.zip:a.md", True)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_no_damage_stops_the_others(tmp_path, method):
    """Every byte of the zip is damaged once; what is not read is said to be unreadable."""
    whole = zip_of({"a.md": "# A\n\n" + "".join(f"Text {n} of it. " for n in range(9))}, method=method)
    good = saved(tmp_path / "good.zip", zip_of({"b.md": "# B\n\nText"}))
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        export = read([saved(tmp_path / "damaged.zip", bytes(damaged)), good])
        assert "B" in [page.title for page in export.pages]


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damaged_content_is_said_to_be_unreadable(tmp_path, method):
    text = "".join(f"Text {n} of it. " for n in range(9))
    whole = bytearray(zip_of({"a.md": f"# A\n\n{text}"}, method=method))
    whole[45:50] = b"\xff" * 5
    export = read([saved(tmp_path / "e.zip", bytes(whole))])
    (skipped,) = export.skipped
    assert (skipped.source, skipped.is_error) == ("e.zip:a.md", True)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_that_is_there_twice_is_reported(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for text in ("# A\n\nfirst", "# A\n\nsecond", "# A\n\nfirst"):
            made.writestr("a.md", text)
    export = read([saved(tmp_path / "e.zip", buffer.getvalue())])
    assert [page.markdown for page in export.pages] == ["first"]
    assert [skipped.is_error for skipped in export.skipped] == [True, False]


def test_a_missing_source_is_an_error_with_its_path(tmp_path):
    with pytest.raises(ExportError, match=r"nowhere\.zip: no such file") as caught:
        read([tmp_path / "nowhere.zip"])
    assert caught.value.hint


def test_no_source_is_an_error():
    with pytest.raises(ExportError, match="no export to read"):
        read([])


def declared(path: Path, content: bytes, size: int) -> Path:
    """A zip of one page whose directory says that it unpacks to `size` bytes."""
    whole = bytearray(zip_of({"a.md": content, "b.md": "# B\n\nText"}))
    at = whole.index(b"PK\x01\x02")
    whole[at + 24 : at + 28] = size.to_bytes(4, "little")
    return saved(path, bytes(whole))


@pytest.mark.parametrize("size", [10, 5000])
def test_a_size_that_a_zip_lies_about_is_found_out(tmp_path, size):
    """So the limits on what zips declare are limits on what is unpacked."""
    export = read([declared(tmp_path / "e.zip", b"# A\n\n" + b"words " * 200, size)])
    assert [page.title for page in export.pages] == ["B"]
    assert "not of the size that the zip declares" in reasons(export)["e.zip:a.md"]


def test_an_entry_with_a_password_is_named(tmp_path):
    whole = bytearray(zip_of({"a.md": "# A\n\nText", "b.md": "# B\n\nText"}))
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    export = read([saved(tmp_path / "e.zip", bytes(whole))])
    assert [page.title for page in export.pages] == ["B"]
    assert reasons(export)["e.zip:a.md"] == "cannot be unpacked (it has a password)"


@pytest.mark.parametrize("part", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_bomb_in_a_part_counts_like_one_outside(tmp_path, part):
    inner = zip_of({"zeros.md": b"0" * (3 * 2**20), "good.md": "# Good\n\nText"}, method=zipfile.ZIP_STORED)
    outer = zip_of({"X-Part-1.zip": inner, "other.md": "# Other\n\nText"}, method=part)
    export = read([saved(tmp_path / "e.zip", outer)])
    taken = {page.title for page in export.pages}
    if part == zipfile.ZIP_STORED:
        assert taken == {"Other", "zeros", "Good"}
    else:
        assert taken == {"Other"}
        assert reasons(export) == {"e.zip:X-Part-1.zip": "unpacks to more than 200 times its size"}


def test_long_deep_and_odd_names_are_read_or_named(tmp_path):
    long, deep = "n" * 300 + ".md", "d/" * 200 + "a.md"
    odd = b"caf\xe9 100%zz.md".decode("cp437")
    text = "# T\n\n[a](b%zz.md) [c](%ff%fe.md) text"
    export = read([saved(tmp_path / "e.zip", zip_of({long: text, deep: text, odd: text}))])
    assert len(export.pages) == 2
    assert reasons(export) == {f"e.zip:{deep}": "more than 100 folders deep"}
    assert list(export.pages[0].links.values()) == ["", ""]


@pytest.mark.parametrize("raw", ["退款.md".encode("gb18030"), b"\xff\xfe\xff.md"])
def test_names_of_a_folder_that_are_no_utf_8_are_shown(tmp_path, raw):
    (tmp_path / "e").mkdir()
    try:
        (tmp_path / "e" / os.fsdecode(raw)).write_text("Text.", encoding="utf-8")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (page,) = read([tmp_path / "e"]).pages
    assert page.source.encode().startswith(b"e/")
    assert page.title in {"退款", "\\xff\\xfe\\xff"}


def test_a_linked_folder_is_named_and_not_followed(tmp_path):
    (tmp_path / "outside").mkdir()
    saved(tmp_path / "outside" / "secret.md", b"# Secret\n\nText")
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "link").symlink_to(tmp_path / "outside")
    export = read([tmp_path / "e"])
    assert export.pages == ()
    assert reasons(export) == {"e/link": "symbolic link"}


@pytest.mark.parametrize("binary", [bytes(range(256)) * 40, b"\x00\x01\x02 PNG" * 40, b"\x00" * 5000])
def test_a_binary_file_named_md_is_named(tmp_path, binary):
    export = read([saved(tmp_path / "e.zip", zip_of({"photo.md": binary, "good.md": "# Good\n\nText"}))])
    assert [page.title for page in export.pages] == ["Good"]
    assert "not text" in reasons(export)["e.zip:photo.md"]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=20).filter(bool), st.binary(max_size=60), max_size=5))
def test_any_names_and_bytes_are_read_or_named(tmp_path_factory, entries):
    named = {
        f"{name}{suffix}": data
        for name, data in entries.items()
        for suffix in (".md", ".json", ".csv", ".html")
        if "\x00" not in name and name.encode("utf-8", "ignore").decode() == name
    }
    path = saved(tmp_path_factory.mktemp("fuzz") / "e.zip", zip_of(named))
    export = read([path])
    assert len(export.pages) + len(export.skipped) <= len(named)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_zip_or_named(tmp_path_factory, data):
    (skipped,) = read([saved(tmp_path_factory.mktemp("fuzz") / "e.zip", data)]).skipped
    assert skipped.is_error
