"""From kb.toml and the environment to routes: the first that fits, with secrets of its own, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.routes.routing import app_key, settings_of
from bridge.settings import BridgeSettings, Mode, Review, Route
from kbtool.config import load
from kbtool.errors import ConfigError
from kbtool.handoff import Policy

SECRETS = {"CHATWOOT_BOT_TOKEN": "token", "CHATWOOT_WEBHOOK_SECRET": "secret", "CHATWOOT_USER_TOKEN": "user"}
TUNED = '[handoff]\nthreshold = 0.6\ntuned = "2026-11-20"\n'


def made(tmp_path: Path, text: str, **environment: str) -> BridgeSettings:
    path = tmp_path / "kb.toml"
    path.write_text(text, encoding="utf-8")
    return settings_of(load(path), SECRETS | environment)


def complaint(tmp_path: Path, text: str, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, text, **environment)
    return f"{caught.value.message}\n{caught.value.hint}"


def test_without_a_table_there_is_one_route_that_drafts(tmp_path: Path) -> None:
    (route,) = made(tmp_path, "").routes
    assert (route.name, route.address, route.mode) == ("kbtool", "kbtool", Mode.DRAFT)


def test_a_row_has_all_that_its_conversations_need(tmp_path: Path) -> None:
    text = (
        TUNED + '[bridge.routes.web]\ninboxes = [3]\napp = "shop"\nmode = "reply"\nthreshold = 0.7\n'
        'hours = ["mon-fri 09:00-17:00"]\nzone = "Europe/Berlin"\nlanguage = "de"\nbudget = 40\n'
        "merge_window = 0.5\npost_limit = 30\npatience = 20\n"
        '[bridge.routes.web.handoff]\nteam = 2\nlabels = ["ai"]\npriority = "high"\n'
        '[bridge.routes.desk]\nwebhook = "desk"\n'
    )
    made_of = made(tmp_path, text, CHATWOOT_WEBHOOK_SECRET_DESK="other")
    web, desk = made_of.routes
    assert (web.app, web.mode, web.policy and web.policy.threshold) == ("shop", Mode.REPLY, 0.7)
    assert (web.forwarding.team, web.forwarding.labels, web.forwarding.priority) == (2, ("ai",), "high")
    assert web.patience is not None
    assert (web.patience.answer, web.patience.post_limit, web.patience.quiet) == (20, 30, 0.5)
    assert (desk.address, desk.secret, web.secret) == ("account/desk", "other", "secret")
    assert made_of.policy_of(desk).threshold == 0.6


@pytest.mark.parametrize(
    ("text", "environment", "words"),
    [
        ("", {"CHATWOOT_BOT_TOKEN": ""}, "CHATWOOT_BOT_TOKEN (or CHATWOOT_BOT_TOKEN_KBTOOL) not set"),
        ("", {"CHATWOOT_WEBHOOK_SECRET": ""}, "needed to tell Chatwoot's deliveries from others"),
        ("", {"CHATWOOT_BOT_TOKEN": "a\nb"}, "holds characters that no key has"),
        ('[bridge.routes.web]\nmode = "reply"\n', {}, "needs a tuned threshold, and 0.5 is the one to start"),
        (
            TUNED + '[bridge.routes.web]\nmode = "reply"\nthreshold = 0.3\n',
            {},
            "its threshold 0.3 is below the tuned 0.6",
        ),
        (
            TUNED + '[bridge.routes.web]\nmode = "reply"\n',
            {"CHATWOOT_USER_TOKEN": ""},
            "CHATWOOT_USER_TOKEN (or CHATWOOT_USER_TOKEN_KBTOOL) not set, needed by reply mode",
        ),
    ],
)
def test_what_is_missing_is_a_sentence_with_the_variable(
    tmp_path: Path, text: str, environment: dict[str, str], words: str
) -> None:
    assert words in complaint(tmp_path, text, **environment)


def test_replies_by_a_threshold_that_nobody_measured_must_be_asked_for(tmp_path: Path) -> None:
    (route,) = made(tmp_path, '[bridge.routes.web]\nmode = "reply"\nuntuned = true\n').routes
    assert route.mode is Mode.REPLY


def test_an_app_is_never_asked_with_the_key_of_another() -> None:
    keys = {"DIFY_APP_KEY": "app-1", "DIFY_APP_KEY_SHOP_DE": "app-2"}
    assert app_key("", keys) == "app-1"
    assert app_key("shop-de", keys) == "app-2"
    with pytest.raises(ConfigError, match="DIFY_APP_KEY_BILLING not set"):
        app_key("billing", keys)
    with pytest.raises(ConfigError, match="no key has"):
        app_key("", {"DIFY_APP_KEY": "app-\u200b1"})


def test_secrets_are_in_no_text_of_the_settings(tmp_path: Path) -> None:
    made_of = made(tmp_path, "", CHATWOOT_BOT_TOKEN="t0ken", CHATWOOT_WEBHOOK_SECRET="s3cret")
    assert not {"t0ken", "s3cret", "user"} & set(repr(made_of).replace("'", " ").split())


def route(name: str, **fields: object) -> Route:
    return Route(name, "secret", "token", **fields)  # type: ignore[arg-type]


def test_the_first_route_that_fits_is_taken_and_none_where_none_does() -> None:
    vip = route("vip", bot="bot", labels=frozenset({"vip"}))
    web = route("web", bot="bot", inboxes=frozenset({1}))
    other = route("other", bot="second")
    settings = BridgeSettings(Path("x"), (vip, web, other), Policy())
    assert settings.choose("bot", 1, ["vip", "x"]) is vip
    assert settings.choose("bot", 2, ["vip"]) is vip
    assert settings.choose("bot", 1, []) is web
    assert settings.choose("bot", 2, []) is None
    assert settings.choose("second", 2, []) is other
    assert settings.addresses == ("bot", "second")


routes = st.builds(
    route,
    st.sampled_from("abc"),
    bot=st.sampled_from(["one", "two"]),
    inboxes=st.frozensets(st.integers(1, 3)),
    labels=st.frozensets(st.sampled_from("xy")),
)


@given(
    st.lists(routes), st.sampled_from(["one", "two"]), st.integers(0, 3), st.frozensets(st.sampled_from("xy"))
)
def test_a_route_behind_the_chosen_one_changes_nothing(
    rows: list[Route], bot: str, inbox: int, labels: frozenset[str]
) -> None:
    settings = BridgeSettings(Path("x"), tuple(rows), Policy())
    chosen = settings.choose(bot, inbox, labels)
    more = BridgeSettings(Path("x"), (*rows, route("z", bot=bot)), Policy())
    after = more.choose(bot, inbox, labels)
    assert after is chosen or (chosen is None and after is more.routes[-1])


def test_what_a_reload_changes_is_told_with_both_values(tmp_path: Path) -> None:
    before = made(tmp_path, TUNED + '[bridge.routes.web]\nlanguage = "de"\n[bridge.routes.old]\n')
    after = made(
        tmp_path,
        TUNED.replace("0.6", "0.63") + '[bridge.routes.new]\n[bridge.routes.web]\nmode = "reply"\n',
    )
    assert list(before.changes(after)) == [
        "route old is gone",
        "route new is new",
        "route web: threshold 0.60 -> 0.63",
        "route web: mode draft to reply",
        "route web: other settings",
    ]
    assert list(after.changes(after)) == []


def test_the_review_page_is_there_and_its_secret_comes_from_the_environment(tmp_path: Path) -> None:
    text = '[bridge.review]\nchatwoot_origin = "https://chat.example.com"\nsession_hours = 2\n'
    secret = "k" * 32
    assert made(tmp_path, "").review == Review()
    review = made(tmp_path, text, KBTOOL_SECRET_KEY=secret).review
    assert review == Review(desk="https://chat.example.com", session=7200.0, secret=secret)
    assert secret not in repr(review)
    assert "at least 32 characters" in complaint(tmp_path, "", KBTOOL_SECRET_KEY="short")
    assert "without a path" in complaint(tmp_path, text.replace(".com", ".com/app"))
