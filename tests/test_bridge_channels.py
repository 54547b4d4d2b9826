"""What a channel shows of a text, in pieces that it takes, and never as a template (rules 25 and 26)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.channels import channel_of, neutral, pieces, shape, split
from bridge.channels.split import size
from bridge.channels.table import Links

CASES = sorted((Path(__file__).parent / "cases" / "bridge" / "shape").glob("*.json"))
CHANNELS = (
    "Channel::WebWidget", "Channel::Api", "Channel::Email", "Channel::Telegram", "Channel::Whatsapp",
    "Channel::FacebookPage", "Channel::Line", "Channel::Instagram", "Channel::Tiktok",
    "Channel::TwilioSms/whatsapp", "Channel::TwilioSms", "Channel::Sms", "Channel::Carrier::Pigeon", "",
)  # fmt: skip
SIGNS = st.sampled_from(
    ["# ", "## x\n", "|", "|a|b|\n", "|-|-|\n", "---\n", "===\n", "<b>", "<", "</i>", ">", "<!--", "-->",
     "[a](b)", "![", "](", "[", "]", ")", "http://x.y", "**", "*", "_", "__", "~~", "`", "```\n", "\n",
     "\n\n",
     " ", "a", "b c", "{{", "{%", "{", "%}", "\\|", "é", "- ", "1. ", "    ", "$$\n", "<pre>", "😀", "\t"]
)  # fmt: skip
PROSE = st.lists(st.sampled_from(["a", " ", "\n", ". ", "。", "👩‍👩‍👧", "e\u0301", "\n\n", "word"])).map(
    "".join
)
MARKDOWN = st.lists(SIGNS, max_size=14).map("".join)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_text_is_shown_as_the_channel_can(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    for channel, expected in case["expected"].items():
        assert "\n---8<---\n".join(pieces(case["text"], channel)) == expected, channel


@settings(max_examples=300, deadline=None)
@given(MARKDOWN, st.sampled_from(CHANNELS))
def test_shaping_twice_changes_nothing_more(text: str, channel: str) -> None:
    shaped = shape(text, channel_of(channel))
    assert shape(shaped, channel_of(channel)) == shaped


@settings(max_examples=300, deadline=None)
@given(MARKDOWN | st.text(), st.sampled_from(CHANNELS))
def test_what_is_sent_is_never_a_template_nor_too_long_nor_empty(text: str, channel: str) -> None:
    sent = pieces(text, channel)
    assert all("{{" not in piece and "{%" not in piece for piece in sent)
    assert all(0 < size(piece) <= channel_of(channel).limit for piece in sent)
    assert bool(sent) == bool(text.strip())


@settings(deadline=None)
@given(st.text() | PROSE, st.integers(2, 60))
def test_splitting_loses_nothing_but_white_space_at_the_seams(text: str, limit: int) -> None:
    cut = split(text, limit)
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert all(piece == piece.strip() and 0 < size(piece) <= limit for piece in cut)


@given(st.text(min_size=1), st.integers(1, 10_000))
def test_a_text_that_fits_is_one_piece(text: str, room: int) -> None:
    assert split(text, size(text) + room) == ((text.strip(),) if text.strip() else ())


@pytest.mark.parametrize(
    ("text", "limit", "cut"),
    [
        ("One two.\n\nThree four.", 14, ("One two.", "Three four.")),
        ("First sentence. Second one.", 20, ("First sentence.", "Second one.")),
        ("退款需要三天。请稍等。", 8, ("退款需要三天。", "请稍等。")),
        ("alpha beta gamma", 11, ("alpha beta", "gamma")),
        ("abcdefgh", 3, ("abc", "def", "gh")),
        ("👩‍👩‍👧👩‍👩‍👧", 8, ("👩‍👩‍👧", "👩‍👩‍👧")),
        ("A.\n\nbbbbbbbbbbbbbbbb cc", 20, ("A.\n\nbbbbbbbbbbbbbbbb", "cc")),
    ],
)
def test_a_text_is_cut_where_a_reader_pauses(text: str, limit: int, cut: tuple[str, ...]) -> None:
    assert split(text, limit) == cut


@given(st.text(alphabet="{}% a\u2060"))
def test_neutral_text_breaks_every_opening_and_changes_nothing_else(text: str) -> None:
    plain = neutral(text)
    assert "{{" not in plain
    assert "{%" not in plain
    assert plain.replace("\u2060", "") == text.replace("\u2060", "")
    assert neutral(plain) == plain


@pytest.mark.parametrize(
    ("channel", "limit"),
    [
        ("Channel::Whatsapp", 4096), ("Channel::TwilioSms/whatsapp", 1600), ("Channel::Telegram", 4096),
        ("Channel::FacebookPage", 2000), ("Channel::Line", 2000), ("Channel::Instagram", 1000),
        ("Channel::Tiktok", 6000), ("Channel::TwilioSms", 320), ("Channel::Sms", 160),
        ("Channel::Email", 25_000), ("Channel::WebWidget", 10_000), ("Channel::Unheard::Of", 10_000),
    ],
)  # fmt: skip
def test_the_limits_are_those_of_the_contract(channel: str, limit: int) -> None:
    assert channel_of(channel).limit == limit


@pytest.mark.parametrize("channel", CHANNELS)
def test_an_address_is_never_lost(channel: str) -> None:
    (piece,) = pieces("See [our returns](https://shop.example/r).", channel)
    assert "https://shop.example/r" in piece
    assert "our returns" in piece
    assert ("](" in piece) == (channel_of(channel).links is Links.MARKDOWN)
