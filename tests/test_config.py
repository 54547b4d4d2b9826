"""kb.toml: strict, and every complaint names the line and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from kbtool.config import Secrets, Settings, load
from kbtool.dify.objects import Condition
from kbtool.errors import ConfigError
from kbtool.model import Kind

ROOT = Path(__file__).parent.parent


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "kb.toml"
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> tuple[str, str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.message, caught.value.hint


def test_the_template_and_the_demo_are_valid() -> None:
    assert load(ROOT / "kbtool" / "cli" / "kb.toml").handoff.threshold == 0.5
    assert load(ROOT / "kb.toml").dify.base_url == "embedded"


def test_the_template_shows_the_defaults() -> None:
    shown = load(ROOT / "kbtool" / "cli" / "kb.toml")
    expected = Settings(root=shown.root, corpus=shown.corpus)
    assert shown == expected


def test_an_unknown_key_names_its_line_and_the_nearest_key(tmp_path: Path) -> None:
    path = write(tmp_path, "[handoff]\n# a comment\ntreshold = 0.4\n")
    message, hint = complaint(path)
    assert message == f"{path}:3: [handoff] unknown key `treshold`"
    assert hint == "Did you mean `threshold`?"


def test_an_unknown_table_lists_what_is_known(tmp_path: Path) -> None:
    path = write(tmp_path, "[zzz]\na = 1\n")
    message, hint = complaint(path)
    assert message == f"{path}:1: unknown key `zzz`"
    assert "corpus" in hint
    assert "root" not in hint


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[handoff]\nthreshold = 1.5\n", ":2: [handoff] threshold"),
        ("[chunk]\nchild_max = 9000\n", ":2: [chunk] child_max"),
        ("[chunk]\nchild_max = 120\n", ":2: [chunk] child_max"),
        ("[chunk]\nparent_max = 600\n", "parent_max is smaller than child_max"),
        ('[retrieval]\ntop_k = "five"\n', ":2: [retrieval] top_k"),
        ("[handoff\n", "not valid TOML"),
        ("root = '/'\n", "unknown table [root]"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str, part: str) -> None:
    message, _ = complaint(write(tmp_path, text))
    assert part in message


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    _, hint = complaint(tmp_path / "kb.toml")
    assert "kbtool init" in hint


def test_a_key_is_asked_for_only_where_a_server_wants_it() -> None:
    none = Secrets.from_environment({})
    none.require(Settings())
    real = Settings(dify=Settings().dify.model_copy(update={"base_url": "https://dify.example/v1"}))
    with pytest.raises(ConfigError, match="DIFY_DATASET_KEY and DIFY_APP_KEY"):
        none.require(real)


def test_only_the_key_that_is_used_is_asked_for() -> None:
    real = Settings(dify=Settings().dify.model_copy(update={"base_url": "https://dify.example/v1"}))
    Secrets("dataset-1").require(real, needs_app=False)
    Secrets("", "app-1").require(real, needs_datasets=False)
    with pytest.raises(ConfigError, match=r"^DIFY_DATASET_KEY not set"):
        Secrets("", "app-1").require(real, needs_app=False)
    with pytest.raises(ConfigError, match=r"^DIFY_APP_KEY not set"):
        Secrets("dataset-1").require(real)


@pytest.mark.parametrize(
    "address",
    [
        "http://kb:sesame@dify.example/v1",
        "http://sesame@dify.example/v1",
        "http://kb:ses/same@dify.example/v1",
        "kb:sesame@dify.example/v1",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_repeated(tmp_path: Path, address: str) -> None:
    message, hint = complaint(write(tmp_path, f'[dify]\nbase_url = "{address}"\n'))
    assert ":2: [dify] base_url" in message
    assert "user name and password" in message
    assert "same" not in message + hint


@pytest.mark.parametrize("address", ["dify.example/v1", "ftp://dify.example/v1", "http:///v1", ""])
def test_an_address_that_is_none_is_named(tmp_path: Path, address: str) -> None:
    message, _ = complaint(write(tmp_path, f'[dify]\nbase_url = "{address}"\n'))
    assert "http:// or https://" in message


def test_another_dataset_is_held_to_the_same_rules() -> None:
    assert Settings().with_dataset("trial").dataset_profile.name == "trial"
    with pytest.raises(ConfigError, match=r"--dataset: .*40 characters .*41 characters"):
        Settings().with_dataset("x" * 41)


def test_secrets_hide_themselves() -> None:
    assert "dataset-1" not in repr(Secrets("dataset-1", "app-2"))


def test_kinds_and_age_of_pages_are_read(tmp_path: Path) -> None:
    table = load(
        write(tmp_path, '[corpus]\nmax_age_days = 365\nkinds = { "wiki/*" = "lark-markdown" }\n')
    ).corpus
    assert (table.max_age_days, table.kinds) == (365, {"wiki/*": Kind.LARK_MARKDOWN})


@pytest.mark.parametrize("wrong", ["max_age_days = -1", 'kinds = { "a" = "word" }'])
def test_a_wrong_kind_or_age_names_its_line(tmp_path: Path, wrong: str) -> None:
    path = write(tmp_path, f"[corpus]\n{wrong}\n")
    message, _ = complaint(path)
    assert message.startswith(f"{path}:2: [corpus")


def test_fields_filters_and_the_form_of_documents_are_read(tmp_path: Path) -> None:
    text = (
        '[dify]\nform = "segments"\n[metadata]\nproduct = "Product"\n'
        '[retrieval]\nfilter = { product = "Kettle", kbtool_language = ["zh", "ja"] }\n'
    )
    settings = load(write(tmp_path, text))
    assert settings.dataset_profile.doc_form == "hierarchical_model"
    assert settings.retrieval_profile.conditions == (
        Condition("product", "is", "Kettle"),
        Condition("kbtool_language", "in", ("zh", "ja")),
    )
    assert settings.dataset_profile.retrieval.conditions == (), "a filter belongs to a question"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('[metadata]\nsource = "Source"\n', "'source' is a field of Dify's own"),
        ('[metadata]\nkbtool_x = "X"\n', "what begins with 'kbtool_' is kbtool's own"),
        ('[metadata]\n"My field" = "X"\n', "a name in small letters"),
        ('[metadata]\nproduct = "P"\n[retrieval]\nfilter = { prodct = "a" }\n', "did you mean 'product'?"),
        ('[dify]\nform = "flatt"\n', ":2: [dify] form"),
    ],
)
def test_a_field_that_dify_would_refuse_is_named(tmp_path: Path, text: str, part: str) -> None:
    message, _ = complaint(write(tmp_path, text))
    assert part in message
