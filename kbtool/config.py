"""kb.toml: what to read, where it goes, how it is searched, judged and handed off.

Strict: an unknown key is an error that names the nearest known one. Paths are relative to the file.
Secrets never stand in it; they come from the environment (`Secrets`).
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from kbtool.chunk import SMALLEST_BOUND, Bounds
from kbtool.dify.objects import Condition, DatasetProfile, RetrievalProfile
from kbtool.errors import ConfigError
from kbtool.handoff import Policy
from kbtool.handoff_table import Handoff
from kbtool.model import Kind
from kbtool.sync.fields import BUILT_IN, FIELDS, PREFIX
from kbtool.sync.form import Form

FILE = "kb.toml"
EMBEDDED = "embedded"


def _require_address(value: str, wanted: str) -> str:
    if "@" in value:
        raise PydanticCustomError("address", "an address without user name and password is wanted")
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise PydanticCustomError("address", wanted)
    return value


def _address_or_nothing(value: str) -> str:
    return _require_address(value, "should begin with http:// or https://") if value else value


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Corpus(_Table):
    """`sources` are zips, folders and files; `exclude` are globs on paths inside the exports.

    `max_age_days` leaves out pages whose own date is older (0: none); `kinds` says by glob what files are
    that are not recognised right.
    """

    sources: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_age_days: int = Field(default=0, ge=0)
    kinds: dict[str, Kind] = Field(default_factory=dict)


class Chunking(_Table):
    """Longest chunks in characters (design decision 5). Dify's own bound is 4,000."""

    child_max: int = Field(default=800, ge=SMALLEST_BOUND, le=3800)
    child_max_cjk: int = Field(default=400, ge=SMALLEST_BOUND, le=3800)
    parent_max: int = Field(default=3800, ge=500, le=3900)

    @model_validator(mode="after")
    def _parents_hold_their_children(self) -> Self:
        if self.parent_max < max(self.child_max, self.child_max_cjk):
            raise ValueError("parent_max is smaller than child_max")
        return self


class Dify(_Table):
    """The server, or "embedded" for the engine that comes with kbtool; one dataset of it."""

    base_url: str = EMBEDDED
    dataset: str = Field(default="support-kb", min_length=1, max_length=40)
    embedding_model: str = "words-and-bigrams"
    embedding_provider: str = "kbtool/lexical/lexical"
    permission: Literal["only_me", "all_team_members"] = "all_team_members"
    form: Form = Form.PARENT_CHILD

    @field_validator("base_url")
    @classmethod
    def _is_an_address_without_secrets(cls, value: str) -> str:
        wanted = 'should be "embedded" or begin with http:// or https://'
        return value if value == EMBEDDED else _require_address(value, wanted)


class Retrieval(_Table):
    """How the dataset is searched; what the app itself uses, so that the measured score is the live one.

    `filter` bounds every search to documents whose metadata have these values, or one of several.
    """

    search_method: Literal["semantic_search", "full_text_search", "hybrid_search", "keyword_search"] = (
        "semantic_search"
    )
    top_k: int = Field(default=5, ge=1, le=50)
    reranking_provider: str = ""
    reranking_model: str = ""
    filter: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)


class Evals(_Table):
    """`golden` are globs; `baseline` names a file in `baselines`; `labels` is what people said of answers."""

    golden: tuple[str, ...] = ("evals/*.yaml",)
    baselines: str = "evals/baselines"
    baseline: str = "main"
    labels: str = "evals/labels.jsonl"
    concurrency: int = Field(default=4, ge=1, le=64)


class Reports(_Table):
    """Where runs are written, and how many weeks they stay; pinned ones stay for ever."""

    directory: str = "reports"
    keep_weeks: int = Field(default=26, ge=1)


class Mail(_Table):
    """A mail server and who is told; the password is SMTP_PASSWORD in the environment."""

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    user: str = ""
    sender: str = Field(min_length=3)
    to: tuple[str, ...] = Field(min_length=1)
    tls: bool = True


class Llm(_Table):
    """An OpenAI-compatible endpoint for what is optional (paraphrases); its key is LLM_KEY. Empty: none."""

    base_url: str = ""
    model: str = ""

    _is_an_address = field_validator("base_url")(_address_or_nothing)

    @model_validator(mode="after")
    def _is_whole_or_absent(self) -> Self:
        if bool(self.base_url) != bool(self.model):
            raise PydanticCustomError("endpoint", "`base_url` and `model` are wanted, both or neither")
        return self

    @property
    def is_set(self) -> bool:
        return bool(self.model)


class Judge(Llm):
    """The endpoint whose model judges answers, so many at once."""

    concurrency: int = Field(default=4, ge=1, le=32)


class Notify(_Table):
    """Who is told when a person has something to do, beside SLACK_WEBHOOK and LARK_WEBHOOK.

    `webhook` gets our JSON by POST, signed where ALERT_WEBHOOK_SECRET is set.
    """

    webhook: str = ""
    email: Mail | None = None

    _is_an_address = field_validator("webhook")(_address_or_nothing)


class Embedded(_Table):
    """The embedded engine's own file, relative to kb.toml."""

    path: str = ".kbtool/embedded.sqlite"


class Settings(_Table):
    """A whole kb.toml. `root` is its folder. `metadata` names the page property that a metadata field of the
    dataset is filled from.
    """

    root: Path = Path()
    corpus: Corpus = Corpus()
    chunk: Chunking = Chunking()
    dify: Dify = Dify()
    metadata: dict[str, str] = Field(default_factory=dict)
    retrieval: Retrieval = Retrieval()
    evals: Evals = Evals()
    handoff: Handoff = Handoff()
    reports: Reports = Reports()
    notify: Notify = Notify()
    llm: Llm = Llm()
    judge: Judge = Judge()
    embedded: Embedded = Embedded()

    @field_validator("metadata")
    @classmethod
    def _is_free_for_us(cls, mapped: dict[str, str]) -> dict[str, str]:
        for name in mapped:
            if name in BUILT_IN:
                raise PydanticCustomError("field", f"{name!r} is a field of Dify's own; choose another name")
            if name.startswith(PREFIX):
                raise PydanticCustomError("field", f"{name!r}: what begins with {PREFIX!r} is kbtool's own")
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
                wanted = "a name in small letters, digits and underscores is wanted"
                raise PydanticCustomError("field", f"{name!r}: {wanted}")
        return mapped

    @model_validator(mode="after")
    def _filters_by_known_fields(self) -> Self:
        known = (*self.metadata, *FIELDS)
        for name in self.retrieval.filter:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                said = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
                raise PydanticCustomError("filter", f"[retrieval] filter: no field {name!r} is written{said}")
        return self

    def resolve(self, path: str) -> Path:
        return self.root / Path(path).expanduser()

    def with_dataset(self, name: str) -> Settings:
        """These, for another dataset of the server. Raises ConfigError for a name that Dify refuses."""
        try:
            dify = Dify(**self.dify.model_dump() | {"dataset": name})
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(
                f"--dataset: {_lower(first['msg'])} (it is {_short(name)}, {len(name)} characters)"
            ) from error
        return self.model_copy(update={"dify": dify})

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.chunk.child_max, self.chunk.child_max_cjk, self.chunk.parent_max)

    @property
    def retrieval_profile(self) -> RetrievalProfile:
        model = self.retrieval.reranking_model
        return RetrievalProfile(
            search_method=self.retrieval.search_method,
            top_k=self.retrieval.top_k,
            reranking_enable=bool(model),
            reranking_mode="reranking_model" if model else None,
            reranking_model={
                "reranking_provider_name": self.retrieval.reranking_provider,
                "reranking_model_name": model,
            }
            if model
            else None,
            conditions=tuple(
                Condition(name, "is" if isinstance(value, str) else "in", value)
                for name, value in self.retrieval.filter.items()
            ),
        )

    @property
    def dataset_profile(self) -> DatasetProfile:
        return DatasetProfile(
            name=self.dify.dataset,
            embedding_model=self.dify.embedding_model,
            embedding_provider=self.dify.embedding_provider,
            permission=self.dify.permission,
            doc_form=self.dify.form.doc_form,
            retrieval=replace(self.retrieval_profile, conditions=()),
        )

    @property
    def policy(self) -> Policy:
        return self.handoff.policy


@dataclass(frozen=True, slots=True)
class Secrets:
    """Keys from the environment. Their text form hides them."""

    dataset_key: str = ""
    app_key: str = ""

    def __repr__(self) -> str:
        return "Secrets(…)"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Secrets:
        """Raises ConfigError for a key that no header can carry, without showing it."""
        names = ("DIFY_DATASET_KEY", "DIFY_APP_KEY")
        keys = [environment.get(name, "").strip() for name in names]
        for name, key in zip(names, keys, strict=True):
            if not (key.isascii() and (key.isprintable())):
                raise ConfigError(f"{name} holds characters that no key has", hint="Copy it from Dify again.")
        return cls(*keys)

    def require(self, settings: Settings, *, needs_datasets: bool = True, needs_app: bool = True) -> Secrets:
        """These, once it is sure that the server will not be asked without a key."""
        keys = (
            ("DIFY_DATASET_KEY", self.dataset_key, needs_datasets),
            ("DIFY_APP_KEY", self.app_key, needs_app),
        )
        missing = [name for name, value, is_needed in keys if is_needed and not value]
        if missing and settings.dify.base_url != EMBEDDED:
            raise ConfigError(
                f"{' and '.join(missing)} not set, needed for {settings.dify.base_url}",
                hint=f"export {missing[0]}=…   (in Dify: Knowledge › API access; app › API access)",
            )
        return self


def load(path: Path) -> Settings:
    """The settings in the file at `path`. Raises ConfigError with file and line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file", hint="Write one with `kbtool init`.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    if "root" in tables:
        raise ConfigError(f"{path}: unknown table [root]", hint=f"Known: {', '.join(_known(Settings))}.")
    try:
        return Settings(**tables, root=path.resolve().parent)
    except ValidationError as error:
        raise _explained(path, text, error) from error


def _known(table: type[BaseModel]) -> list[str]:
    return [name for name in table.model_fields if name != "root"]


def _explained(path: Path, text: str, error: ValidationError) -> ConfigError:
    """The first thing that is wrong, with its line and the nearest key that exists."""
    first = error.errors()[0]
    if not first["loc"]:  # a rule between tables
        return ConfigError(f"{path}: {first['msg']}")
    *tables, name = [str(part) for part in first["loc"] if not isinstance(part, int)]
    where = f"{path}:{_line_of(text, tables, name)}"
    place = f"[{'.'.join(tables)}] " if tables else ""
    if first["type"] != "extra_forbidden":
        return ConfigError(f"{where}: {place}{name}: {_lower(first['msg'])} (it is {_short(first['input'])})")
    known = _known(_table_type(tables))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
    return ConfigError(f"{where}: {place}unknown key `{name}`", hint=hint)


def _table_type(tables: list[str]) -> type[BaseModel]:
    table: Any = Settings
    for name in tables:
        table = table.model_fields[name].annotation
    return table if isinstance(table, type) and issubclass(table, BaseModel) else Settings


def _line_of(text: str, tables: list[str], name: str) -> int:
    inside = not tables
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([\w.\-]+)", line)
        if header:
            inside = header[1] == ".".join(tables)
            if header[1] == ".".join([*tables, name]):
                return number
        elif inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return number
    # An inline table stands on the line of its own name.
    return _line_of(text, tables[:-1], tables[-1]) if len(tables) > 1 else 1


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]


def _short(value: Any) -> str:
    """As a message shows it: without what stands before an `@`, which may be a password."""
    return re.sub(r"(?<=//).*@|[^\s'\"/]+@", "…@", repr(value))[:60]
