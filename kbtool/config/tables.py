"""The tables of kb.toml, but for the bridge's, and the whole file."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from kbtool.chunk import SMALLEST_BOUND, Bounds
from kbtool.config.bridge import Bridge
from kbtool.config.hours import Hours
from kbtool.config.opening import hours_or_why, zone_or_why
from kbtool.config.people import Events, Improve, Kpi
from kbtool.config.strict import Table, lowered, shown
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


class Corpus(Table):
    """What is read, and what of it is left out."""

    sources: tuple[str, ...] = ()
    """Zips as Notion or Lark exports them, folders, single files; any mix."""
    exclude: tuple[str, ...] = ()
    """Globs on paths inside the exports: pages that must not be answered from."""
    max_age_days: int = Field(default=0, ge=0)
    """Pages whose own date is older are left out; 0: none is."""
    kinds: dict[str, Kind] = Field(default_factory=dict)
    """What files are, by glob, where that is not recognised right."""


class Chunking(Table):
    """Longest chunks in characters (design decision 5). Dify's own bound is 4,000."""

    child_max: int = Field(default=800, ge=SMALLEST_BOUND, le=3800)
    """The longest subsection, in characters, breadcrumb included."""
    child_max_cjk: int = Field(default=400, ge=SMALLEST_BOUND, le=3800)
    """The same where the text is mostly Chinese, Japanese or Korean."""
    parent_max: int = Field(default=3800, ge=500, le=3900)
    """The longest section. Dify's own bound is 4,000."""

    @model_validator(mode="after")
    def _parents_hold_their_children(self) -> Self:
        if self.parent_max < max(self.child_max, self.child_max_cjk):
            raise ValueError("parent_max is smaller than child_max")
        return self


class Dify(Table):
    """The server, or "embedded" for the engine that comes with kbtool; one dataset of it."""

    base_url: str = EMBEDDED
    """The server's API, such as `https://dify.example.com/v1`, or `embedded`: the engine that comes with
    kbtool.
    """
    dataset: str = Field(default="support-kb", min_length=1, max_length=40)
    """The name of the dataset (Dify: Knowledge)."""
    embedding_model: str = "words-and-bigrams"
    """A model that the Dify workspace has."""
    embedding_provider: str = "kbtool/lexical/lexical"
    """Its provider, as Dify writes it: `langgenius/siliconflow/siliconflow`."""
    permission: Literal["only_me", "all_team_members"] = "all_team_members"
    """Who sees the dataset in Dify, when it is made."""
    form: Form = Form.PARENT_CHILD
    """`parent-child`, `flat` or `segments` ([ingest](../ingest.md#into-dify-exactly)); another form needs
    another dataset.
    """

    @field_validator("base_url")
    @classmethod
    def _is_an_address_without_secrets(cls, value: str) -> str:
        wanted = 'should be "embedded" or begin with http:// or https://'
        return value if value == EMBEDDED else _require_address(value, wanted)


class Retrieval(Table):
    """How the dataset is searched; what the app itself uses, so that the measured score is the live one."""

    search_method: Literal["semantic_search", "full_text_search", "hybrid_search", "keyword_search"] = (
        "semantic_search"
    )
    """How is searched; as in the app, or what is measured is not what customers get."""
    top_k: int = Field(default=5, ge=1, le=50)
    """How many chunks come back; as in the app."""
    reranking_provider: str = ""
    """The provider of the reranking model."""
    reranking_model: str = ""
    """The reranking model; empty: none."""
    filter: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    """Only documents whose metadata have this value, or one of several."""


class Evals(Table):
    """Which questions are asked, and what the answers are held to."""

    golden: tuple[str, ...] = ("evals/*.yaml",)
    """Globs of the files with golden questions."""
    baselines: str = "evals/baselines"
    """The folder of pinned runs; commit it."""
    baseline: str = "main"
    """The name of the pin that runs answer to."""
    labels: str = "evals/labels.jsonl"
    """What people said of answers (`kbtool eval label`); commit it."""
    concurrency: int = Field(default=4, ge=1, le=64)
    """How many questions are asked at once."""


class Reports(Table):
    """Where runs are written, and how many weeks they stay; pinned ones stay for ever."""

    directory: str = "reports"
    """Where runs and reports are written."""
    keep_weeks: int = Field(default=26, ge=1)
    """After so many weeks a run is removed; pinned ones never are."""


class Mail(Table):
    """A mail server and who is told; the password is SMTP_PASSWORD in the environment."""

    host: str = Field(min_length=1)
    """The mail server."""
    port: int = Field(default=587, ge=1, le=65535)
    """Its port."""
    user: str = ""
    """Who signs in, with `SMTP_PASSWORD`; empty: nobody."""
    sender: str = Field(min_length=3)
    """Whom the mail is from."""
    to: tuple[str, ...] = Field(min_length=1)
    """Whom it goes to."""
    tls: bool = True
    """Encrypt by STARTTLS."""


class Llm(Table):
    """An OpenAI-compatible endpoint for what is optional (paraphrases); its key is LLM_KEY. Empty: none."""

    base_url: str = ""
    """An endpoint that speaks OpenAI's protocol; its key is `LLM_KEY`. Empty: none."""
    model: str = ""
    """The model's name there."""

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
    """How many answers are judged at once."""


class Notify(Table):
    """Who is told when a person has something to do, beside SLACK_WEBHOOK and LARK_WEBHOOK."""

    webhook: str = ""
    """An address that gets our JSON by POST, signed where `ALERT_WEBHOOK_SECRET` is set."""
    email: Mail | None = None
    """A mail server, and who is told."""
    hours: tuple[str, ...] = ()
    """When the bridge tells what is not critical, lines such as `mon-fri 08:00-20:00`; the rest waits for
    then. Always, without any.
    """
    zone: str = "UTC"
    """The time zone of `hours`, such as `Europe/Berlin`."""

    _is_an_address = field_validator("webhook")(_address_or_nothing)
    _are_hours = field_validator("hours")(hours_or_why)
    _is_a_zone = field_validator("zone")(zone_or_why)

    @property
    def awake(self) -> Hours:
        return Hours.parse(self.hours, self.zone)


class Embedded(Table):
    """The embedded engine."""

    path: str = ".kbtool/embedded.sqlite"
    """The embedded engine's own file."""


class Settings(Table):
    """A whole kb.toml. `root` is its folder."""

    root: Path = Path()
    corpus: Corpus = Corpus()
    chunk: Chunking = Chunking()
    dify: Dify = Dify()
    metadata: dict[str, str] = Field(default_factory=dict)
    """Fields of the dataset's documents, each filled from a property of their page; usable in
    `[retrieval] filter`.
    """
    retrieval: Retrieval = Retrieval()
    evals: Evals = Evals()
    handoff: Handoff = Handoff()
    reports: Reports = Reports()
    notify: Notify = Notify()
    events: Events = Events()
    llm: Llm = Llm()
    judge: Judge = Judge()
    bridge: Bridge = Bridge()
    kpi: Kpi = Kpi()
    improve: Improve = Improve()
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
                f"--dataset: {lowered(first['msg'])} (it is {shown(name)}, {len(name)} characters)"
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
