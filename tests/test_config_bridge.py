"""[bridge] in kb.toml: the routing table, strict as all of it, and the hours of people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kbtool.config import Hours, load
from kbtool.errors import ConfigError


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "kb.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_routes_keep_the_order_of_the_file_since_the_first_that_fits_is_taken(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[bridge.routes.zeta]\nlabels = ["vip"]\n[bridge.routes.alpha]\ninboxes = [1, 2]\napp = "main"\n',
    )
    routes = load(path).bridge.routes
    assert list(routes) == ["zeta", "alpha"]
    assert routes["alpha"].inboxes == (1, 2)
    assert routes["alpha"].mode == "draft"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[bridge]\nporrt = 1\n", ":2: [bridge] unknown key `porrt`", "`port`"),
        (
            "[bridge.routes.web]\n\ntreshold = 0.5\n",
            ":3: [bridge.routes.web] unknown key `treshold`",
            "`threshold`",
        ),
        (
            "[bridge.routes.web.handoff]\nteams = 1\n",
            ":2: [bridge.routes.web.handoff] unknown key `teams`",
            "`team`",
        ),
        ('[bridge.routes.web]\nmode = "shout"\n', ":2: [bridge.routes.web] mode: input should be", ""),
        ('[bridge.routes.web]\napp = "A b"\n', ":2: [bridge.routes.web] app: small letters", ""),
        ('[bridge.routes."A b"]\nmode = "off"\n', ":1: [bridge] routes: 'A b': small letters", ""),
        ('[bridge.routes.web]\nzone = "Mars/Base"\n', "zone: 'Mars/Base' is no time zone", ""),
        ('[bridge.routes.web]\nhours = ["mon-fri 9-17"]\n', "hours: 'mon-fri 9-17': should be like", ""),
        ('[bridge.routes.web]\nhours = ["fri 22:00-06:00"]\n', "ends before it begins", ""),
        (
            '[bridge.routes.web]\nwebhook = "desk"\nmode = "reply"\n',
            ":1: [bridge.routes] web: an account webhook is for drafts",
            "",
        ),
        ('[bridge]\nchatwoot_url = "chat.example"\n', ":2: [bridge] chatwoot_url: should be like", ""),
        ('[notify.email]\nhst = "x"\nsender = "a@b"\nto = ["c@d"]\n', "[notify.email]", ""),
    ],
)
def test_what_is_wrong_with_a_route_is_a_sentence_with_its_line(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_an_unknown_key_of_an_optional_table_names_the_keys_of_that_table(tmp_path: Path) -> None:
    text = '[notify.email]\nhost = "x"\nsender = "a@b"\nto = ["c@d"]\nprt = 1\n'
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text))
    assert caught.value.hint == "Did you mean `port`?"


BERLIN = Hours.parse(["mon-fri 09:00-17:30", "sat 10:00-14:00"], "Europe/Berlin")


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-26 09:00", None),
        ("2026-11-26 17:29", None),
        ("2026-11-26 17:30", "2026-11-27T09:00:00+01:00"),
        ("2026-11-26 03:00", "2026-11-26T09:00:00+01:00"),
        ("2026-11-28 14:00", "2026-11-30T09:00:00+01:00"),
        ("2026-03-28 15:00", "2026-03-30T09:00:00+02:00"),
    ],
)
def test_the_next_opening_is_in_the_time_of_the_place(now: str, opens: str | None) -> None:
    found = BERLIN.next_opening(at(now))
    assert (found.isoformat() if found else None) == opens


def test_an_opening_that_the_clock_leaps_over_is_an_hour_later() -> None:
    night = Hours.parse(["sun 02:30-04:00"], "Europe/Berlin")
    found = night.next_opening(at("2026-03-29 00:00"))
    assert found is not None
    assert found.isoformat() == "2026-03-29T03:30:00+02:00"


def test_a_day_may_end_at_midnight_and_a_week_may_turn() -> None:
    hours = Hours.parse(["sat-mon 20:00-24:00"], "UTC")
    assert hours.is_open(at("2026-11-29 23:59", "UTC"))
    assert not hours.is_open(at("2026-11-24 20:00", "UTC"))
    with pytest.raises(ValueError, match="two lines"):
        Hours.parse(["sat 20:00-02:00"], "UTC")


def test_without_hours_somebody_is_always_there() -> None:
    assert Hours().is_open(0.0)
    assert Hours().next_opening(0.0) is None


@given(
    st.integers(0, 4_000_000_000), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "US/Pacific"])
)
def test_the_next_opening_is_ahead_open_and_nothing_before_it_is(now: int, zone: str) -> None:
    hours = Hours.parse(["mon-fri 09:00-17:30", "sun 00:00-24:00"], zone)
    found = hours.next_opening(float(now))
    if found is None:
        assert hours.is_open(float(now))
        return
    opening = found.timestamp()
    assert opening > now
    assert hours.is_open(opening)
    for share in (0.1, 0.5, 0.999):
        assert not hours.is_open(now + (opening - now) * share)
    assert datetime.fromtimestamp(now, UTC) + timedelta(days=4) > found
